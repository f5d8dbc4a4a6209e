/* random.c: ONNX RandomUniform-1, RandomNormal-1, their -Like forms, Bernoulli-15, Multinomial-7, and
 * Dropout-13 in training mode. The numbers are those of a counter-based generator (SplitMix64) keyed by the `seed` attribute, or without
 * one by the node: the same at every run, whatever the threads. Other frameworks draw others.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "op/op.h"

static uint64_t mixed(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Number i of the node's stream, in (0, 1). */
static double uniform(const struct node *n, uint64_t i)
{
    const struct attr *seed = attr_find(n, "seed"); /* a float, Dropout's an integer */
    uint64_t key = (uint32_t)n->id + 1;

    if (seed != NULL && seed->type == ATTR_INT) {
        key = (uint64_t)seed->i;
    } else if (seed != NULL) {
        uint32_t bits;

        memcpy(&bits, &seed->f, sizeof bits);
        key = bits;
    }
    return ((double)(mixed(mixed(key) + i) >> 11) + 0.5) * 0x1p-53;
}

static enum dtype wanted(const struct call *c, enum dtype absent)
{
    enum dtype t = (enum dtype)attr_int(c->node, "dtype", absent);

    return t == DT_F16 || t == DT_BF16 ? DT_F32 : t; /* float32 in the IR */
}

/* RandomUniform(Like), RandomNormal(Like) */
int op_random(struct call *c)
{
    const struct node *n = c->node;
    bool like = call_has(c, 0),
         normal = node_is(n, OP_RANDOMNORMAL) || node_is(n, OP_RANDOMNORMALLIKE);
    enum dtype t = wanted(c, like && dtype_is_float(c->in[0]->dtype) ? c->in[0]->dtype : DT_F32);
    double low = attr_float(n, "low", 0), high = attr_float(n, "high", 1),
           mean = attr_float(n, "mean", 0), scale = attr_float(n, "scale", 1);
    struct shape s = { 0 };
    int64_t count;

    if (like)
        s = c->in[0]->shape;
    else
        s.rank = attr_ints(n, "shape", s.dim, RANK_MAX);
    if (call_out(c, 0, t, &s, false) == NULL)
        return call_end(c);
    count = shape_count(&s);
    for (int64_t i = 0; i < count; i++) {
        double u = uniform(n, 2 * (uint64_t)i), v = uniform(n, 2 * (uint64_t)i + 1);

        tensor_put(c->out[0], (size_t)i,
                   normal ? mean + scale * sqrt(-2 * log(u)) * cos(2 * M_PI * v)
                          : low + (high - low) * u);
    }
    return 0;
}

int op_bernoulli(struct call *c)
{
    const struct tensor *x = c->in[0];
    int64_t n = shape_count(&x->shape);

    if (call_out(c, 0, wanted(c, x->dtype), &x->shape, false) == NULL)
        return call_end(c);
    for (int64_t i = 0; i < n; i++)
        tensor_put_int(c->out[0], (size_t)i,
                       uniform(c->node, (uint64_t)i) < tensor_get(x, (size_t)i));
    return 0;
}

/* Draws from unnormalized log-probabilities (rows, classes). */
int op_multinomial(struct call *c)
{
    const struct tensor *x = c->in[0];
    int64_t draws = attr_int(c->node, "sample_size", 1), classes;
    struct shape s = x->shape;

    if (s.rank != 2 || draws < 0 || s.dim[1] < 1)
        return call_fail(c, "input of rank %d, not 2", s.rank);
    classes = s.dim[1];
    s.dim[1] = draws;
    if (call_out(c, 0, wanted(c, DT_I32), &s, false) == NULL)
        return call_end(c);
    for (int64_t r = 0; r < s.dim[0]; r++) {
        double top = -INFINITY, total = 0;

        for (int64_t k = 0; k < classes; k++)
            top = fmax(top, tensor_get(x, (size_t)(r * classes + k)));
        for (int64_t k = 0; k < classes; k++)
            total += exp(tensor_get(x, (size_t)(r * classes + k)) - top);
        for (int64_t d = 0; d < draws; d++) {
            double left = uniform(c->node, (uint64_t)(r * draws + d)) * total;
            int64_t k = 0;

            for (; k < classes - 1; k++)
                if ((left -= exp(tensor_get(x, (size_t)(r * classes + k)) - top)) < 0)
                    break;
            tensor_put_int(c->out[0], (size_t)(r * draws + d), k);
        }
    }
    return 0;
}

static bool one_number(const struct call *c, int i)
{
    return call_has_data(c, i) && shape_count(&c->in[i]->shape) == 1;
}

/* y = x and a mask of ones, unless training_mode (input 2) and ratio (input 1) say at run time that some
 * are dropped and the others scaled up. */
int op_dropout(struct call *c)
{
    const struct tensor *x = c->in[0];
    int64_t n = shape_count(&x->shape);
    double ratio = one_number(c, 1) ? tensor_get(c->in[1], 0) : 0.5;
    bool training = one_number(c, 2) && tensor_get(c->in[2], 0) != 0 && ratio > 0;
    void *y = call_out(c, 0, x->dtype, &x->shape, false);
    uint8_t *mask = c->nout > 1 ? call_out(c, 1, DT_BOOL, &x->shape, false) : NULL;

    if (c->infer || c->failed)
        return call_end(c);
    for (int64_t i = 0; i < n; i++) {
        bool keep = !training || uniform(c->node, (uint64_t)i) >= ratio;

        if (mask != NULL)
            mask[i] = keep;
        if (y != NULL)
            tensor_put(c->out[0], (size_t)i,
                       !keep      ? 0
                       : training ? tensor_get(x, (size_t)i) / (1 - ratio)
                                  : tensor_get(x, (size_t)i));
    }
    return 0;
}
