/* conv.c: Conv and ConvTranspose through oneDNN, channels-last, with fused activations.
 * ONNX Conv-11, ConvTranspose-11. Input (N, C, spatial…), weight (M, C/g, k…) or (C, M/g, k…).
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/conv.h"
#include "op/tile.h"

struct conv {
    struct shape x, w; /* the shapes that prim was made for */
    struct shape y;
    dnnl_memory_desc_t user; /* the weight as the model has it */
    const void *weights;
    struct prim prim;
};

static void conv_free(void *p)
{
    struct conv *s = p;

    prim_release(&s->prim);
    free(s);
}

/* Channels-last, rank 3 to 5. */
static void md_cl(dnnl_memory_desc_t *md, const struct shape *s, dnnl_data_type_t type)
{
    static const dnnl_format_tag_t tag[] = { [3] = dnnl_acb, [4] = dnnl_acdb, [5] = dnnl_acdeb };

    prim_md_init_as(md, type, s->rank, s->dim, tag[s->rank]);
}

/* The weight in memory, with the group as first dim where there are groups. For ConvTranspose
 * (C, M/g, k…) is seen as (g, M/g, C/g, k…), the order oneDNN names dims in. */
static void md_weights(dnnl_memory_desc_t *user, dnnl_memory_desc_t *any, const struct shape *w,
                       int64_t groups, bool transposed, dnnl_data_type_t type)
{
    dnnl_dims_t dims, strides;
    int64_t stride = 1, inner[RANK_MAX] = { 0 };
    int n = 0;

    for (int i = w->rank - 1; i >= 0; i--) {
        inner[i] = stride;
        stride *= w->dim[i];
    }
    if (groups > 1) {
        dims[n] = groups;
        strides[n++] = inner[0] * (w->dim[0] / groups);
    }
    dims[n] = transposed ? w->dim[1] : w->dim[0] / groups;
    strides[n++] = inner[transposed ? 1 : 0];
    dims[n] = transposed ? w->dim[0] / groups : w->dim[1];
    strides[n++] = inner[transposed ? 0 : 1];
    for (int i = 2; i < w->rank; i++) {
        dims[n] = w->dim[i];
        strides[n++] = inner[i];
    }
    dnnl_memory_desc_init_by_strides(user, n, dims, type, strides);
    dnnl_memory_desc_init_by_tag(any, n, dims, type, dnnl_format_tag_any);
}

int conv_desc(dnnl_convolution_desc_t *desc, dnnl_memory_desc_t *user, struct call *c,
              const struct window *w, const struct shape *y, bool transposed,
              const struct conv_types *t)
{
    dnnl_memory_desc_t x, out, weights, bias;
    dnnl_dims_t stride, dilation, begin, end;
    int64_t groups = attr_int(c->node, "group", 1);
    bool has_bias = t->bias != dnnl_data_type_undef;
    dnnl_status_t status;

    md_cl(&x, &c->in[0]->shape, t->x);
    md_cl(&out, y, t->y);
    md_weights(user, &weights, &c->in[1]->shape, groups, transposed, t->weights);
    if (has_bias)
        prim_md_init_as(&bias, t->bias, 1, &y->dim[1], dnnl_a);
    for (int i = 0; i < w->n; i++) {
        stride[i] = w->stride[i];
        dilation[i] = w->dilation[i] - 1;
        begin[i] = w->begin[i];
        end[i] = w->end[i];
    }
    status = transposed ? dnnl_dilated_deconvolution_forward_desc_init(
                              desc, dnnl_forward_inference, dnnl_deconvolution_direct, &x, &weights,
                              has_bias ? &bias : NULL, &out, stride, dilation, begin, end)
                        : dnnl_dilated_convolution_forward_desc_init(
                              desc, dnnl_forward_inference, dnnl_convolution_direct, &x, &weights,
                              has_bias ? &bias : NULL, &out, stride, dilation, begin, end);
    return status == dnnl_success ? 0 : call_fail(c, "oneDNN refuses this shape");
}

static int conv_make(struct conv *s, struct call *c, const struct window *w, bool transposed)
{
    struct conv_types types = { dnnl_f32, dnnl_f32,
                                call_has(c, 2) ? dnnl_f32 : dnnl_data_type_undef, dnnl_f32 };
    dnnl_convolution_desc_t desc;
    dnnl_primitive_attr_t attr;
    int rc;

    if (conv_desc(&desc, &s->user, c, w, &s->y, transposed, &types) < 0)
        return -1;
    attr = prim_attr(c);
    rc = prim_init(&s->prim, c, &desc, attr);
    dnnl_primitive_attr_destroy(attr);
    if (rc < 0)
        return -1;
    s->x = c->in[0]->shape;
    s->w = c->in[1]->shape;
    s->weights = prim_weights(&s->prim, c, 1, &s->user);
    return 0;
}

static int check(struct call *c, int64_t groups, bool transposed, int64_t *channels)
{
    const struct shape *x = &c->in[0]->shape, *w = &c->in[1]->shape;
    int64_t need;

    if (c->in[0]->dtype != DT_F32)
        return call_unsupported(c, "%s input", dtype_name(c->in[0]->dtype));
    if (x->rank < 3 || x->rank > 5 || w->rank != x->rank)
        return call_fail(c, "input of rank %d and weight of rank %d", x->rank, w->rank);
    if (groups < 1 || w->dim[0] < 1 || w->dim[1] < 1 || w->dim[0] % groups != 0)
        return call_fail(c, "weight and group %lld do not fit", (long long)groups);
    need = transposed ? w->dim[0] : w->dim[1] * groups;
    if (x->dim[1] != need)
        return call_fail(c, "input has %lld channels, the weight needs %lld", (long long)x->dim[1],
                         (long long)need);
    *channels = transposed ? w->dim[1] * groups : w->dim[0];
    if (call_has(c, 2) && shape_count(&c->in[2]->shape) != *channels)
        return call_fail(c, "bias has not %lld elements", (long long)*channels);
    return 0;
}

static int convolve(struct call *c, bool transposed)
{
    const struct tensor *x = c->in[0];
    int64_t groups = attr_int(c->node, "group", 1), channels = 0;
    struct conv *s = *c->state;
    struct window w;
    struct shape y = { .rank = x->shape.rank };
    const float *bias;
    float *out;

    if (check(c, groups, transposed, &channels) < 0 ||
        (transposed ? window_transposed : window_of)(&w, c, c->in[1]->shape.dim + 2) < 0)
        return -1;
    y.dim[0] = x->shape.dim[0];
    y.dim[1] = channels;
    memcpy(y.dim + 2, w.out, sizeof *w.out * (size_t)w.n);
    out = call_out_over(c, 0, DT_F32, &y, true, c->residual != NULL ? c->nin : -1);
    if (out == NULL || shape_count(&y) == 0)
        return call_end(c);
    if (transposed && tile_fits(c, &w, groups))
        return tile_run(c, &w, out);
    if (s == NULL) {
        s = *c->state = NEW(struct conv);
        *c->state_free = conv_free;
    }
    if (s->prim.p == NULL || !shape_equal(&s->x, &x->shape) ||
        !shape_equal(&s->w, &c->in[1]->shape)) {
        s->y = y;
        if (conv_make(s, c, &w, transposed) < 0)
            return -1;
    } else if (c->node->in[1]->constant == NULL) {
        s->weights = prim_weights(&s->prim, c, 1, &s->user);
    }
    bias = prim_f32(c, 2);
    if (call_residual(c, out, &y) < 0)
        return -1;
    return prim_run(&s->prim, c, x->data, s->weights, bias, out);
}

int op_conv(struct call *c)
{
    return c->in[0]->dtype == DT_F64 ? call_as_f32(c, op_conv) : convolve(c, false);
}

int op_convtranspose(struct call *c)
{
    return c->in[0]->dtype == DT_F64 ? call_as_f32(c, op_convtranspose) : convolve(c, true);
}
