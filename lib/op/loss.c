/* loss.c: ONNX NegativeLogLikelihoodLoss-13 and SoftmaxCrossEntropyLoss-13: scores (N, C, d…), labels
 * (N, d…), weights (C); reductions none, sum, mean (by the weights). Labels that are ignore_index count
 * nothing.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "op/strides.h"

/* log p of (n, c, inner) rows in place. */
static void log_softmax(float *y, const float *x, int64_t n, int64_t c, int64_t inner)
{
    for (int64_t b = 0; b < n; b++)
        for (int64_t i = 0; i < inner; i++) {
            const float *a = x + b * c * inner + i;
            float *o = y + b * c * inner + i;
            double top = -INFINITY, sum = 0;

            for (int64_t k = 0; k < c; k++)
                top = fmax(top, a[k * inner]);
            for (int64_t k = 0; k < c; k++)
                sum += exp(a[k * inner] - top);
            for (int64_t k = 0; k < c; k++)
                o[k * inner] = (float)(a[k * inner] - top - log(sum));
        }
}

enum reduction { NONE, SUM, MEAN };

/* The loss of log-probabilities `p`; one number, or one a label. */
static int reduce_loss(struct call *c, const float *p, float *y, int64_t n, int64_t classes,
                       int64_t inner, enum reduction reduction)
{
    const float *weight = call_has(c, 2) ? c->in[2]->data : NULL;
    bool each = reduction == NONE, any = attr_find(c->node, "ignore_index") != NULL;
    int64_t ignored = attr_int(c->node, "ignore_index", 0);
    double sum = 0, total = 0;

    for (int64_t b = 0; b < n; b++)
        for (int64_t i = 0; i < inner; i++) {
            int64_t label = tensor_get_int(c->in[1], (size_t)(b * inner + i));
            double w = 0, loss = 0;

            if (!any || label != ignored) {
                if (label < 0 || label >= classes)
                    return call_fail(c, "label %lld of %lld classes", (long long)label,
                                     (long long)classes);
                w = weight != NULL ? weight[label] : 1;
                loss = -w * p[(b * classes + label) * inner + i];
            }
            if (each)
                y[b * inner + i] = (float)loss;
            sum += loss;
            total += w;
        }
    if (!each)
        *y = (float)(reduction == MEAN ? sum / total : sum);
    return 0;
}

static int loss(struct call *c, bool softmax)
{
    static const char *const reductions[] = { "none", "sum", "mean" };
    const struct tensor *x = c->in[0], *label = c->in[1];
    int reduction = call_word(c, "reduction", reductions, 3, MEAN);
    struct shape s = { .rank = 0 };
    int64_t n, classes, inner;
    const float *p = x->data;
    float *y, *logs = NULL;

    if (x->shape.rank < 2 || label->shape.rank != x->shape.rank - 1 || x->dtype != DT_F32)
        return call_fail(c, "scores and labels do not fit");
    for (int i = 0; i < x->shape.rank; i++)
        if (i != 1 && label->shape.dim[i > 1 ? i - 1 : 0] != x->shape.dim[i])
            return call_fail(c, "scores and labels do not fit");
    n = x->shape.dim[0];
    classes = x->shape.dim[1];
    inner = shape_inner(&x->shape, 1);
    if (call_has(c, 2) && (shape_count(&c->in[2]->shape) != classes || c->in[2]->dtype != DT_F32))
        return call_fail(c, "the weights do not fit the classes");
    if (reduction < 0)
        return -1;
    if (reduction == NONE)
        s = label->shape;
    y = call_out(c, 0, DT_F32, &s, false);
    if (softmax) {
        logs = call_out(c, 1, DT_F32, &x->shape, false);
        if (c->infer || c->failed)
            return call_end(c);
        if (logs == NULL)
            logs = c->ops->scratch(c, tensor_size(x) + 1);
        log_softmax(logs, x->data, n, classes, inner);
        p = logs;
    }
    return y == NULL ? call_end(c)
                     : reduce_loss(c, p, y, n, classes, inner, (enum reduction)reduction);
}

int op_nllloss(struct call *c)
{
    return c->in[0]->dtype == DT_F64 ? call_as_f32(c, op_nllloss) : loss(c, false);
}

int op_crossentropy(struct call *c)
{
    return c->in[0]->dtype == DT_F64 ? call_as_f32(c, op_crossentropy) : loss(c, true);
}
