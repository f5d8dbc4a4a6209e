/* narrow.c: a kernel that computes in float32 serves double operands too: they are rounded to float32
 * before it and its results widened behind it. For operators whose double form nobody has met; the
 * elementwise ones, reductions and matrix products have double kernels of their own.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/op.h"

static bool alloc(struct call *c, struct tensor *out, int over)
{
    (void)c;
    (void)over;
    out->data = mem_aligned(64, tensor_size(out));
    out->block = NULL;
    return true;
}

static void view(struct call *c, struct tensor *out, const struct tensor *in)
{
    alloc(c, out, -1);
    memcpy(out->data, in->data, tensor_size(in));
}

/* What the float32 kernel left becomes output i, its floats double. */
static void give(struct call *c, int i, struct tensor *t)
{
    enum dtype to = t->dtype == DT_F32 ? DT_F64 : t->dtype;
    int64_t n = shape_count(&t->shape);
    void *y;

    if (n < 0) {
        call_unknown(c, i, to);
        return;
    }
    y = call_out(c, i, to, &t->shape, t->cl);
    if (y != NULL && to == t->dtype && n > 0)
        memcpy(y, t->data, tensor_size(t));
    for (int64_t k = 0; y != NULL && to != t->dtype && k < n; k++)
        ((double *)y)[k] = ((const float *)t->data)[k];
    if (y != NULL && n > 0)
        free(t->data);
}

int call_as_f32(struct call *c, int (*run)(struct call *c))
{
    struct tensor *in = NEW_ARRAY(struct tensor, (size_t)c->nin + 1),
                  *out = NEW_ARRAY(struct tensor, (size_t)c->nout);
    const struct tensor **pin = NEW_ARRAY(const struct tensor *, (size_t)c->nin + 1);
    struct tensor **pout = NEW_ARRAY(struct tensor *, (size_t)c->nout);
    struct call_ops narrow = { alloc, view, c->ops->scratch, NULL, NULL, NULL };
    struct call inner = *c;
    int rc;

    for (int i = 0; i <= c->nin; i++) {
        const struct tensor *t = i < c->nin ? c->in[i] : c->residual;
        size_t n;

        if (t == NULL)
            continue;
        in[i] = *t;
        pin[i] = &in[i];
        if (t->dtype != DT_F64)
            continue;
        in[i].dtype = DT_F32;
        in[i].data = NULL;
        n = tensor_size(&in[i]) / sizeof(float);
        if (t->data != NULL)
            dtype_to_f32(in[i].data = mem_aligned(64, n * sizeof(float) + 1), t->data, DT_F64, n);
    }
    for (int i = 0; i < c->nout; i++)
        pout[i] = c->out[i] == NULL ? NULL : &out[i];
    inner.in = pin;
    inner.out = pout;
    inner.ops = &narrow;
    inner.last = NULL;
    inner.residual = pin[c->nin];
    rc = run(&inner);
    c->failed = inner.failed;
    for (int i = 0; i < c->nout && rc == 0; i++)
        if (c->out[i] != NULL)
            give(c, i, &out[i]);
    for (int i = 0; i <= c->nin; i++) {
        const struct tensor *t = i < c->nin ? c->in[i] : c->residual;

        if (t != NULL && t->dtype == DT_F64)
            free(in[i].data);
    }
    free(in);
    free(out);
    free(pin);
    free(pout);
    return rc < 0 ? -1 : call_end(c);
}
