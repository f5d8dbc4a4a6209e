/* matmul.c: MatMul and Gemm through oneDNN's matmul, row-major, with fused activations.
 * ONNX MatMul-13 (numpy broadcasting over the leading dims), Gemm-13.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/integer.h"
#include "op/act.h"
#include "op/prim.h"
#include "op/strides.h"

struct matmul {
    struct shape a, b; /* what prim was made for */
    dnnl_memory_desc_t user;
    const void *weights; /* the constant B, packed; NULL if B is computed */
    float *bias;         /* Gemm: beta * C spread over N, where C is constant */
    struct prim prim;
};

static void matmul_free(void *p)
{
    struct matmul *s = p;

    prim_release(&s->prim);
    free(s->bias);
    free(s);
}

static struct matmul *state(struct call *c)
{
    if (*c->state == NULL) {
        *c->state = NEW(struct matmul);
        *c->state_free = matmul_free;
    }
    return *c->state;
}

/* Three dims (batch…, rows, cols) with strides; `transposed` swaps how memory is read. */
static void md_matrix(dnnl_memory_desc_t *md, const struct shape *s, bool transposed)
{
    dnnl_dims_t dims, strides;
    int64_t stride = 1;
    int n = s->rank;

    for (int i = n - 1; i >= 0; i--) {
        dims[i] = s->dim[i];
        strides[i] = stride;
        stride *= s->dim[i];
    }
    if (transposed) {
        int64_t t = dims[n - 1];

        dims[n - 1] = dims[n - 2];
        dims[n - 2] = t;
        t = strides[n - 1];
        strides[n - 1] = strides[n - 2];
        strides[n - 2] = t;
    }
    dnnl_memory_desc_init_by_strides(md, n, dims, dnnl_f32, strides);
}

/* y = a b (+ bias of (…1, N)); shapes are of one rank, b constant or not. */
static int product(struct call *c, const struct shape *a, bool ta, const struct shape *b, bool tb,
                   const struct shape *y, const float *bias, float *out)
{
    struct matmul *s = state(c);
    bool constant = c->node->in[1]->constant != NULL;

    if (s->prim.p == NULL || !shape_equal(&s->a, a) || !shape_equal(&s->b, b)) {
        dnnl_memory_desc_t md_a, md_b, md_y, md_bias;
        dnnl_matmul_desc_t desc;
        dnnl_primitive_attr_t attr = prim_attr(c);
        struct shape row = { .rank = y->rank };
        int rc;

        for (int i = 0; i < row.rank; i++)
            row.dim[i] = i == row.rank - 1 ? y->dim[i] : 1;
        md_matrix(&md_a, a, ta);
        md_matrix(&s->user, b, tb);
        md_b = s->user;
        if (constant)
            dnnl_memory_desc_init_by_tag(&md_b, s->user.ndims, s->user.dims, dnnl_f32,
                                         dnnl_format_tag_any);
        md_matrix(&md_y, y, false);
        md_matrix(&md_bias, &row, false);
        rc = dnnl_matmul_desc_init(&desc, &md_a, &md_b, bias ? &md_bias : NULL, &md_y) ==
                     dnnl_success
                 ? prim_init(&s->prim, c, &desc, attr)
                 : call_fail(c, "oneDNN refuses this shape");
        dnnl_primitive_attr_destroy(attr);
        if (rc < 0)
            return -1;
        s->a = *a;
        s->b = *b;
        s->weights = constant ? prim_weights(&s->prim, c, 1, &s->user) : NULL;
        if (constant && s->weights == NULL)
            return -1;
    }
    return prim_run(&s->prim, c, c->in[0]->data, constant ? s->weights : c->in[1]->data, bias, out);
}

/* Leading ones until the rank is `rank`. */
static struct shape widen(const struct shape *s, int rank)
{
    struct shape w = { .rank = rank };

    for (int i = 0; i < rank; i++)
        w.dim[i] = i < rank - s->rank ? 1 : s->dim[i - (rank - s->rank)];
    return w;
}

/* The inner dim is 0: every sum is, and goes through what is fused; a residual is in `out` already. */
static int product_of_nothing(struct call *c, float *out, size_t n)
{
    float sum = 0;
    bool added = false;

    for (int i = 0; i < c->npost; i++) {
        if (c->post[i].kind == ACT_RESIDUAL)
            for (size_t k = 0; k < n; k++)
                out[k] += sum;
        added |= c->post[i].kind == ACT_RESIDUAL;
        if (c->post[i].kind != ACT_RESIDUAL)
            act_apply(&c->post[i], added ? out : &sum, added ? n : 1);
    }
    for (size_t k = 0; k < n && !added; k++)
        out[k] = sum;
    return 0;
}

int op_matmul(struct call *c)
{
    struct shape a = c->in[0]->shape, b = c->in[1]->shape, y, out_shape;
    enum dtype t = c->in[0]->dtype;
    bool row = a.rank == 1, col = b.rank == 1;
    int rank, n;
    float *out;

    if (a.rank < 1 || b.rank < 1)
        return call_fail(c, "a scalar operand");
    if (c->in[1]->dtype != t || (t != DT_F32 && !product_has(t)))
        return call_unsupported(c, "operands of %s and %s", dtype_name(t),
                                dtype_name(c->in[1]->dtype));
    if (row)
        a = widen(&a, 2);
    if (col)
        b = shape_of(2, (int64_t[]){ b.dim[0], 1 });
    if (a.dim[a.rank - 1] != b.dim[b.rank - 2])
        return call_fail(c, "inner dims %lld and %lld differ", (long long)a.dim[a.rank - 1],
                         (long long)b.dim[b.rank - 2]);
    /* One big matrix where B has no batch: every leading dim of A is a row. */
    rank = a.rank > b.rank ? a.rank : b.rank;
    a = widen(&a, rank);
    b = widen(&b, rank);
    y.rank = rank;
    for (int i = 0; i < rank - 2; i++) {
        if (a.dim[i] != b.dim[i] && a.dim[i] != 1 && b.dim[i] != 1)
            return call_fail(c, "batch dims %lld and %lld do not broadcast", (long long)a.dim[i],
                             (long long)b.dim[i]);
        y.dim[i] = a.dim[i] == 1 ? b.dim[i] : a.dim[i];
    }
    y.dim[rank - 2] = a.dim[rank - 2];
    y.dim[rank - 1] = b.dim[rank - 1];
    out_shape = y;
    n = rank;
    if (col)
        out_shape.rank = --n;
    if (row) {
        out_shape.dim[n - (col ? 1 : 2)] = out_shape.dim[n - 1];
        out_shape.rank = --n;
    }
    out = call_out_over(c, 0, t, &out_shape, false, c->residual != NULL ? c->nin : -1);
    if (out == NULL || shape_count(&y) == 0)
        return call_end(c);
    if (t != DT_F32) {
        product_batches(t, out, c->in[0]->data, c->in[1]->data, &a, &b, &y);
        return 0;
    }
    if (call_residual(c, out, &out_shape) < 0)
        return -1;
    if (a.dim[rank - 1] == 0)
        return product_of_nothing(c, out, (size_t)shape_count(&y));
    if (shape_count(&b) == b.dim[rank - 2] * b.dim[rank - 1]) {
        int64_t k = a.dim[rank - 1], rows = shape_count(&a) / k, cols = b.dim[rank - 1];

        a = shape_of(2, (int64_t[]){ rows, k });
        b = shape_of(2, (int64_t[]){ k, cols });
        y = shape_of(2, (int64_t[]){ rows, cols });
    }
    return product(c, &a, false, &b, false, &y, NULL, out);
}

/* beta * C over N, where C is one row or one number and known; NULL if C has to be added by itself. */
static const float *gemm_bias(struct call *c, int64_t cols, float beta)
{
    struct matmul *s = state(c);
    const float *from = prim_f32(c, 2);
    int64_t n = shape_count(&c->in[2]->shape);

    if (beta == 1 && n == cols)
        return from;
    if (s->bias == NULL)
        s->bias = mem_aligned(64, (size_t)cols * sizeof *s->bias);
    for (int64_t i = 0; i < cols; i++)
        s->bias[i] = beta * from[n == 1 ? 0 : i];
    return s->bias;
}

/* y = alpha y + beta C for what the primitive does not do: alpha, and a C of several rows. */
static int gemm_rest(struct call *c, float *y, int64_t rows, int64_t cols, float alpha, float beta,
                     bool add)
{
    const float *add_from = add ? prim_f32(c, 2) : NULL;
    const struct shape *s = add ? &c->in[2]->shape : NULL;
    bool per_col = add && s->rank > 0 && s->dim[s->rank - 1] != 1;
    bool per_row = add && s->rank > 1 && s->dim[s->rank - 2] != 1;

    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            int64_t at = (per_row ? i * (per_col ? cols : 1) : 0) + (per_col ? j : 0);

            y[i * cols + j] = alpha * y[i * cols + j] + (add ? beta * add_from[at] : 0);
        }
    return 0;
}

int op_gemm(struct call *c)
{
    bool ta = attr_int(c->node, "transA", 0) != 0, tb = attr_int(c->node, "transB", 0) != 0;
    float alpha = attr_float(c->node, "alpha", 1), beta = attr_float(c->node, "beta", 1);
    const struct shape *a = &c->in[0]->shape, *b = &c->in[1]->shape;
    enum dtype t = c->in[0]->dtype;
    bool row_bias, has_c = call_has(c, 2) && beta != 0;
    const float *bias = NULL;
    struct shape y, both;
    int64_t k;
    float *out;

    if (c->in[1]->dtype != t || (call_has(c, 2) && c->in[2]->dtype != t) ||
        (t != DT_F32 && !product_has(t)))
        return call_unsupported(c, "operands of %s and %s", dtype_name(t),
                                dtype_name(c->in[1]->dtype));
    if (a->rank != 2 || b->rank != 2)
        return call_fail(c, "operands of rank %d and %d, both must be matrices", a->rank, b->rank);
    k = a->dim[ta ? 0 : 1];
    y = shape_of(2, (int64_t[]){ a->dim[ta ? 1 : 0], b->dim[tb ? 0 : 1] });
    if (k != b->dim[tb ? 1 : 0])
        return call_fail(c, "inner dims %lld and %lld differ", (long long)k,
                         (long long)b->dim[tb ? 1 : 0]);
    if (has_c && !(shape_broadcast(&both, &c->in[2]->shape, &y) && shape_equal(&both, &y)))
        return call_fail(c, "C does not broadcast to the result");
    out = call_out_over(c, 0, t, &y, false, c->residual != NULL ? c->nin : -1);
    if (out == NULL || shape_count(&y) == 0)
        return call_end(c);
    if (t != DT_F32) {
        product_gemm(c, &y, k, ta, tb, alpha, beta);
        return 0;
    }
    row_bias = has_c && alpha == 1 &&
               (shape_count(&c->in[2]->shape) == 1 ||
                (shape_count(&c->in[2]->shape) == y.dim[1] &&
                 c->in[2]->shape.dim[c->in[2]->shape.rank - 1] == y.dim[1]));
    if (c->npost > 0 && (alpha != 1 || (has_c && !row_bias)))
        return call_fail(
            c, "fused activation behind a general Gemm"); /* the engine does not fuse these */
    if (row_bias)
        bias = gemm_bias(c, y.dim[1], beta);
    if (call_residual(c, out, &y) < 0 || product(c, a, ta, b, tb, &y, bias, out) < 0)
        return -1;
    if (alpha != 1 || (has_c && !row_bias))
        return gemm_rest(c, out, y.dim[0], y.dim[1], alpha, beta, has_c && !row_bias);
    return 0;
}
