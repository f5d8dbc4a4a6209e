/* quantized.c: Conv, ConvTranspose, Gemm and MatMul in integers, as a plan has them (quant/fake.h).
 *
 * Input 0, floats on the grid of inputs 4 and 5 (scale; zero point, uint8 or int8), becomes 8-bit integers
 * again; their products with the int8 weight, input 1, are summed in int32, where nothing is lost; the
 * int32 bias, input 2, is added and the sum multiplied by the scale of its channel, input 3. Through oneDNN
 * where its sums are exact, else in plain loops.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/clones.h"
#include "op/act.h"
#include "op/conv.h"
#include "op/pack.h"
#include "op/snap.h"

enum { X, WEIGHT, BIAS, SCALES, SCALE, ZERO };

/* A convolution with up to three spatial dims, leading ones; a matrix product is one over single cells. */
struct geometry {
    bool transposed;
    int64_t n, groups, c, m; /* batches; channels of a group */
    int64_t in[3], out[3], kernel[3], stride[3], dilation[3], begin[3];
    int64_t group_step, c_step, m_step; /* elements of the weight; its taps are neighbours */
};

struct quantized {
    struct shape x;
    struct geometry g;
    dnnl_memory_desc_t user;
    const void *weights;
    uint8_t *levels; /* x as integers */
    int32_t *sums;
    struct prim prim; /* p NULL: plain loops */
};

static void quantized_free(void *p)
{
    struct quantized *s = p;

    prim_release(&s->prim);
    free(s->levels);
    free(s->sums);
    free(s);
}

static int64_t taps(const struct geometry *g)
{
    return g->kernel[0] * g->kernel[1] * g->kernel[2];
}

/* ---- plain loops ---- */

struct plain {
    const struct call *c;
    const struct geometry *g;
};

/* The weight as (group, tap, c, m), so that the innermost loop runs over neighbours. */
static void *plain_weights(void *ctx, size_t *size)
{
    const struct plain *p = ctx;
    const struct geometry *g = p->g;
    const int8_t *w = constant_view(p->c->model, p->c->node->in[WEIGHT]).data;
    int8_t *out, *to;

    *size = (size_t)(g->groups * taps(g) * g->c * g->m) + 1;
    out = to = mem_aligned(64, *size);
    for (int64_t i = 0; i < g->groups; i++)
        for (int64_t t = 0; t < taps(g); t++)
            for (int64_t k = 0; k < g->c; k++)
                for (int64_t m = 0; m < g->m; m++)
                    *to++ = w[i * g->group_step + k * g->c_step + m * g->m_step + t];
    return out;
}

/* The input cell that tap t of an output cell reads, or -1: padding. */
static int64_t source(const struct geometry *g, const int64_t at[3], int64_t t)
{
    int64_t tap[3] = { t / (g->kernel[1] * g->kernel[2]), t / g->kernel[2] % g->kernel[1],
                       t % g->kernel[2] };
    int64_t cell = 0;

    for (int d = 0; d < 3; d++) {
        int64_t i = g->transposed ? at[d] + g->begin[d] - tap[d] * g->dilation[d]
                                  : at[d] * g->stride[d] - g->begin[d] + tap[d] * g->dilation[d];

        if (g->transposed && i % g->stride[d] != 0)
            return -1;
        i = g->transposed ? i / g->stride[d] : i;
        if (i < 0 || i >= g->in[d])
            return -1;
        cell = cell * g->in[d] + i;
    }
    return cell;
}

/* sums[m] += sum over c of (x[c] - zero) * w[c][m] */
CLONES static void add_cell(int32_t *sums, const uint8_t *x, const int8_t *w, int64_t channels,
                            int64_t m, int zero, bool is_signed)
{
    for (int64_t c = 0; c < channels; c++, w += m) {
        int32_t v = (is_signed ? (int)(int8_t)x[c] : (int)x[c]) - zero;

        for (int64_t i = 0; i < m; i++)
            sums[i] += v * w[i];
    }
}

/* x (N, cells, C) channels-last, sums (N, cells, M). */
static void sum_plainly(const struct geometry *g, int32_t *sums, const uint8_t *x, const int8_t *w,
                        int zero, bool is_signed)
{
    int64_t cells = g->in[0] * g->in[1] * g->in[2];

    for (int64_t n = 0; n < g->n; n++, x += cells * g->groups * g->c)
        for (int64_t i = 0; i < g->out[0] * g->out[1] * g->out[2]; i++) {
            int64_t at[3] = { i / (g->out[1] * g->out[2]), i / g->out[2] % g->out[1],
                              i % g->out[2] };

            memset(sums, 0, (size_t)(g->groups * g->m) * sizeof *sums);
            for (int64_t k = 0; k < g->groups; k++, sums += g->m)
                for (int64_t t = 0; t < taps(g); t++) {
                    int64_t cell = source(g, at, t);

                    if (cell >= 0)
                        add_cell(sums, x + (cell * g->groups + k) * g->c,
                                 w + (k * taps(g) + t) * g->c * g->m, g->c, g->m, zero, is_signed);
                }
        }
}

/* ---- oneDNN ---- */

struct reorder {
    const struct call *c;
    const dnnl_memory_desc_t *from, *to;
};

static void *packed_weights(void *ctx, size_t *size)
{
    const struct reorder *r = ctx;
    void *packed;

    *size = dnnl_memory_desc_get_size(r->to);
    packed = mem_aligned(64, *size);
    prim_reorder(r->from, constant_view(r->c->model, r->c->node->in[WEIGHT]).data, r->to, packed);
    return packed;
}

static int product_desc(dnnl_matmul_desc_t *desc, dnnl_memory_desc_t *user,
                        const struct geometry *g, dnnl_data_type_t x)
{
    dnnl_memory_desc_t a, b, y;

    prim_md_init_as(&a, x, 2, (int64_t[]){ g->n, g->c }, dnnl_ab);
    dnnl_memory_desc_init_by_strides(user, 2, (dnnl_dims_t){ g->c, g->m }, dnnl_s8,
                                     (dnnl_dims_t){ g->c_step, g->m_step });
    prim_md_init_as(&b, dnnl_s8, 2, (int64_t[]){ g->c, g->m }, dnnl_format_tag_any);
    prim_md_init_as(&y, dnnl_s32, 2, (int64_t[]){ g->n, g->m }, dnnl_ab);
    return dnnl_matmul_desc_init(desc, &a, &b, NULL, &y) == dnnl_success ? 0 : -1;
}

/* oneDNN 2.6 forgets what zero points that are not 0 make of the padding of volumes (AMX). */
static bool exact(const struct window *w, const struct snap *grid)
{
    bool padded = false;

    for (int i = 0; w != NULL && i < w->n; i++)
        padded |= w->begin[i] != 0 || w->end[i] != 0;
    return prim_exact_int8() && !(padded && w->n == 3 && grid->zero_point != 0);
}

/* The primitive where oneDNN has an exact one, else the weight for the plain loops. */
static void make(struct quantized *s, struct call *c, const struct window *w, const struct shape *y,
                 const struct snap *grid)
{
    dnnl_data_type_t x = grid->qmin < 0 ? dnnl_s8 : dnnl_u8;
    struct conv_types types = { x, dnnl_s8, dnnl_data_type_undef, dnnl_s32 };
    struct plain plain = { c, &s->g };
    union {
        dnnl_convolution_desc_t conv;
        dnnl_matmul_desc_t product;
    } desc;
    dnnl_primitive_attr_t attr;
    int rc = -1;

    prim_release(&s->prim);
    if (exact(w, grid)) {
        rc = w == NULL ? product_desc(&desc.product, &s->user, &s->g, x)
                       : conv_desc(&desc.conv, &s->user, c, w, y, s->g.transposed, &types);
        dnnl_primitive_attr_create(&attr);
        dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
        if (grid->zero_point != 0)
            dnnl_primitive_attr_set_zero_points(attr, DNNL_ARG_SRC, 1, 0, &grid->zero_point);
        rc = rc < 0 ? rc : prim_init(&s->prim, c, &desc, attr);
        dnnl_primitive_attr_destroy(attr);
        c->failed = false; /* the plain loops can */
    }
    if (rc < 0) {
        s->weights = packs_get(c->packs, c->node, WEIGHT, "plain", 5, plain_weights, &plain);
    } else {
        const dnnl_memory_desc_t *want = prim_md(&s->prim, dnnl_query_weights_md);
        struct reorder r = { c, &s->user, want };

        s->weights = packs_get(c->packs, c->node, WEIGHT, want, sizeof *want, packed_weights, &r);
    }
}

/* ---- from sums to floats ---- */

/* y (rows, m) = (sums + bias) * scale, and what is fused behind; a residual is in y. */
static void finish(struct call *c, float *y, const int32_t *sums, int64_t rows, int64_t m)
{
    const int32_t *bias = call_has(c, BIAS) ? c->in[BIAS]->data : NULL;
    const float *scale = c->in[SCALES]->data;
    bool one = shape_count(&c->in[SCALES]->shape) == 1;
    float *row = c->ops->scratch(c, (size_t)m * sizeof *row);

    for (int64_t r = 0; r < rows; r++, y += m, sums += m) {
        for (int64_t i = 0; i < m; i++)
            row[i] = (float)(sums[i] + (bias == NULL ? 0 : bias[i])) * scale[one ? 0 : i];
        for (int k = 0; k < c->npost; k++)
            if (c->post[k].kind == ACT_RESIDUAL)
                for (int64_t i = 0; i < m; i++)
                    row[i] += y[i];
            else
                act_apply(&c->post[k], row, (size_t)m);
        memcpy(y, row, (size_t)m * sizeof *row);
    }
}

static int run(struct call *c, const struct geometry *g, const struct window *w,
               const struct shape *y, float *out)
{
    const struct tensor *x = c->in[X];
    bool is_signed = c->in[ZERO]->dtype == DT_I8;
    struct snap grid = { .scale = *(const float *)c->in[SCALE]->data,
                         .zero_point = (int)tensor_get_int(c->in[ZERO], 0),
                         .qmin = is_signed ? -128 : 0,
                         .qmax = is_signed ? 127 : 255 };
    size_t nx = (size_t)shape_count(&x->shape), ny = (size_t)shape_count(y);
    struct quantized *s = *c->state;

    if (s == NULL) {
        s = *c->state = NEW(struct quantized);
        *c->state_free = quantized_free;
    }
    if (s->weights == NULL || !shape_equal(&s->x, &x->shape)) {
        s->x = x->shape;
        s->g = *g;
        s->levels = mem_resize(s->levels, nx, sizeof *s->levels);
        s->sums = mem_resize(s->sums, ny, sizeof *s->sums);
        make(s, c, w, y, &grid);
    }
    snap_levels(s->levels, x->data, nx, &grid);
    if (s->prim.p == NULL)
        sum_plainly(g, s->sums, s->levels, s->weights, grid.zero_point, is_signed);
    else if (prim_run(&s->prim, c, s->levels, s->weights, NULL, s->sums) < 0)
        return -1;
    if (call_residual(c, out, y) < 0)
        return -1;
    finish(c, out, s->sums, (int64_t)ny / (g->groups * g->m), g->groups * g->m);
    return 0;
}

static bool has(const struct call *c, int i, enum dtype t, int64_t count, int64_t or_count)
{
    return call_has(c, i) && c->in[i]->dtype == t &&
           (shape_count(&c->in[i]->shape) == count || shape_count(&c->in[i]->shape) == or_count);
}

static int check(struct call *c, int64_t channels)
{
    if (c->in[X]->dtype != DT_F32 || c->in[WEIGHT]->dtype != DT_I8 ||
        c->node->in[WEIGHT]->constant == NULL ||
        (call_has(c, BIAS) && !has(c, BIAS, DT_I32, channels, channels)) ||
        !has(c, SCALES, DT_F32, channels, 1) || !has(c, SCALE, DT_F32, 1, 1) ||
        !(has(c, ZERO, DT_U8, 1, 1) || has(c, ZERO, DT_I8, 1, 1)))
        return call_fail(c, "weight, bias, scales and zero point do not fit");
    return 0;
}

/* Spatial dim i of n as the last ones of three. */
static void set_window(struct geometry *g, const struct window *w, const struct shape *x)
{
    for (int i = 0; i < 3; i++) {
        int from = i - (3 - w->n);

        g->in[i] = from < 0 ? 1 : x->dim[2 + from];
        g->out[i] = from < 0 ? 1 : w->out[from];
        g->kernel[i] = from < 0 ? 1 : w->kernel[from];
        g->stride[i] = from < 0 ? 1 : w->stride[from];
        g->dilation[i] = from < 0 ? 1 : w->dilation[from];
        g->begin[i] = from < 0 ? 0 : w->begin[from];
    }
}

static int convolve(struct call *c, bool transposed)
{
    const struct shape *x = &c->in[X]->shape, *w = &c->in[WEIGHT]->shape;
    struct geometry g = { .transposed = transposed, .groups = attr_int(c->node, "group", 1) };
    struct shape y = { .rank = x->rank };
    struct window win;
    int64_t m;
    float *out;

    if (x->rank < 3 || x->rank > 5 || w->rank != x->rank || g.groups < 1 ||
        w->dim[0] % g.groups != 0 || x->dim[1] != (transposed ? w->dim[0] : w->dim[1] * g.groups))
        return call_fail(c, "input, weight and group do not fit");
    m = transposed ? w->dim[1] * g.groups : w->dim[0];
    if (check(c, m) < 0 || (transposed ? window_transposed : window_of)(&win, c, w->dim + 2) < 0)
        return -1;
    y.dim[0] = g.n = x->dim[0];
    y.dim[1] = m;
    memcpy(y.dim + 2, win.out, (size_t)win.n * sizeof *win.out);
    out = call_out_over(c, 0, DT_F32, &y, true, c->residual != NULL ? c->nin : -1);
    if (out == NULL || shape_count(&y) == 0)
        return call_end(c);
    set_window(&g, &win, x);
    g.c = x->dim[1] / g.groups;
    g.m = m / g.groups;
    g.c_step = taps(&g) * (transposed ? g.m : 1);
    g.m_step = taps(&g) * (transposed ? 1 : g.c);
    g.group_step = taps(&g) * g.c * g.m;
    return run(c, &g, &win, &y, out);
}

int op_qconv(struct call *c)
{
    return convolve(c, false);
}

int op_qconvtranspose(struct call *c)
{
    return convolve(c, true);
}

/* x (…, K), weight (K, N), or (N, K) with transB. */
int op_qproduct(struct call *c)
{
    const struct shape *x = &c->in[X]->shape, *w = &c->in[WEIGHT]->shape;
    bool tb = attr_int(c->node, "transB", 0) != 0;
    struct geometry g = { .groups = 1,
                          .in = { 1, 1, 1 },
                          .out = { 1, 1, 1 },
                          .kernel = { 1, 1, 1 },
                          .stride = { 1, 1, 1 },
                          .dilation = { 1, 1, 1 } };
    struct shape y = *x;
    float *out;

    if (x->rank < 1 || w->rank != 2 || w->dim[tb ? 1 : 0] != x->dim[x->rank - 1])
        return call_fail(c, "input and weight do not fit");
    g.c = w->dim[tb ? 1 : 0];
    g.m = w->dim[tb ? 0 : 1];
    g.c_step = tb ? 1 : g.m;
    g.m_step = tb ? g.c : 1;
    if (check(c, g.m) < 0)
        return -1;
    y.dim[y.rank - 1] = g.m;
    out = call_out_over(c, 0, DT_F32, &y, false, c->residual != NULL ? c->nin : -1);
    if (out == NULL || shape_count(&y) == 0)
        return call_end(c);
    g.n = shape_count(&y) / g.m;
    return run(c, &g, NULL, &y, out);
}
