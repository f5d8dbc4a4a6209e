/* integer.c: matrix products and convolutions of integers and doubles, in plain loops: the sums of
 * integers are exact. ONNX MatMul-13 and Gemm-13 for other types than float32, MatMulInteger-10,
 * ConvInteger-10.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clones.h"
#include "op/integer.h"
#include "op/strides.h"
#include "op/window.h"

/* y (m, n) += a (m, k) b (k, n); strides in elements, those of b's and y's rows 1 within a row. */
#define PRODUCT(name, type)                                                                        \
    CLONES static void name(type *y, const type *a, const type *b, int64_t m, int64_t n,           \
                            int64_t k, const int64_t *as, const int64_t *bs)                       \
    {                                                                                              \
        memset(y, 0, (size_t)(m * n) * sizeof *y);                                                 \
        for (int64_t i = 0; i < m; i++, y += n)                                                    \
            for (int64_t p = 0; p < k; p++) {                                                      \
                type f = a[i * as[0] + p * as[1]];                                                 \
                const type *row = b + p * bs[0];                                                   \
                if (bs[1] == 1)                                                                    \
                    for (int64_t j = 0; j < n; j++)                                                \
                        y[j] += f * row[j];                                                        \
                else                                                                               \
                    for (int64_t j = 0; j < n; j++)                                                \
                        y[j] += f * row[j * bs[1]];                                                \
            }                                                                                      \
    }
PRODUCT(product_u32, uint32_t)
PRODUCT(product_u64, uint64_t)
PRODUCT(product_f64, double)

bool product_has(enum dtype t)
{
    return t == DT_F64 || t == DT_I32 || t == DT_U32 || t == DT_I64 || t == DT_U64;
}

static void product(enum dtype t, void *y, const void *a, const void *b, int64_t m, int64_t n,
                    int64_t k, const int64_t *as, const int64_t *bs)
{
    if (t == DT_F64)
        product_f64(y, a, b, m, n, k, as, bs);
    else if (dtype_size(t) == 8)
        product_u64(y, a, b, m, n, k, as, bs);
    else
        product_u32(y, a, b, m, n, k, as, bs);
}

void product_batches(enum dtype t, void *out, const void *a, const void *b, const struct shape *as,
                     const struct shape *bs, const struct shape *ys)
{
    int rank = ys->rank;
    int64_t m = ys->dim[rank - 2], n = ys->dim[rank - 1], k = as->dim[rank - 1];
    size_t size = dtype_size(t);
    int64_t batches = shape_count(ys) / (m * n);

    for (int64_t i = 0; i < batches; i++) {
        int64_t rest = i, at = 0, bt = 0, astep = 1, bstep = 1;

        for (int d = rank - 3; d >= 0; d--) {
            int64_t index = rest % ys->dim[d];

            rest /= ys->dim[d];
            at += as->dim[d] == 1 ? 0 : index * astep;
            bt += bs->dim[d] == 1 ? 0 : index * bstep;
            astep *= as->dim[d];
            bstep *= bs->dim[d];
        }
        product(t, (char *)out + (size_t)(i * m * n) * size,
                (const char *)a + (size_t)(at * m * k) * size,
                (const char *)b + (size_t)(bt * k * n) * size, m, n, k, (int64_t[]){ k, 1 },
                (int64_t[]){ n, 1 });
    }
}

void product_gemm(struct call *c, const struct shape *y, int64_t k, bool ta, bool tb, double alpha,
                  double beta)
{
    struct tensor *out = c->out[0];
    const struct tensor *add = call_has(c, 2) && beta != 0 ? c->in[2] : NULL;
    int64_t m = y->dim[0], n = y->dim[1];

    product(out->dtype, out->data, c->in[0]->data, c->in[1]->data, m, n, k,
            (int64_t[]){ ta ? 1 : k, ta ? m : 1 }, (int64_t[]){ tb ? 1 : n, tb ? k : 1 });
    if (alpha == 1 && add == NULL)
        return;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            int rank = add == NULL ? 0 : add->shape.rank;
            int64_t cols = rank > 0 ? add->shape.dim[rank - 1] : 1,
                    rows = rank > 1 ? add->shape.dim[rank - 2] : 1;
            size_t at = (size_t)(i * n + j),
                   from = (size_t)((rows > 1 ? i * cols : 0) + (cols > 1 ? j : 0));

            if (out->dtype == DT_F64 || alpha != 1 || beta != 1)
                tensor_put(out, at,
                           alpha * tensor_get(out, at) +
                               (add != NULL ? beta * tensor_get(add, from) : 0));
            else
                tensor_put_int(out, at, tensor_get_int(out, at) + tensor_get_int(add, from));
        }
}

/* Input i minus its zero point as int32. The zero point of input z is one number, or one for each
 * index along `axis`. */
static int32_t *shifted(struct call *c, int i, int z, int axis, int32_t *out)
{
    const struct tensor *x = c->in[i], *zero = call_has(c, z) ? c->in[z] : NULL;
    int64_t n = shape_count(&x->shape), many = zero == NULL ? 1 : shape_count(&zero->shape),
            inner = shape_inner(&x->shape, axis);

    if (many != 1 && many != x->shape.dim[axis]) {
        call_unsupported(c, "zero points of input %d that are neither one nor one a channel", i);
        return NULL;
    }
    for (int64_t k = 0; k < n; k++) {
        size_t at = many == 1 ? 0 : (size_t)(k / inner % many);

        out[k] = (int32_t)tensor_get_int(x, (size_t)k) -
                 (zero == NULL ? 0 : (int32_t)tensor_get_int(zero, at));
    }
    return out;
}

int op_matmulinteger(struct call *c)
{
    struct shape a = c->in[0]->shape, b = c->in[1]->shape, y = { 0 }, batch;
    int32_t *x, *w, *out;

    if (a.rank < 2 || b.rank < 2 || a.dim[a.rank - 1] != b.dim[b.rank - 2])
        return call_fail(c, "operands of rank %d and %d do not fit", a.rank, b.rank);
    y.rank = a.rank > b.rank ? a.rank : b.rank;
    for (struct shape *s = &a; s != NULL; s = s == &a ? &b : NULL) { /* leading ones */
        int by = y.rank - s->rank;

        memmove(s->dim + by, s->dim, (size_t)s->rank * sizeof *s->dim);
        for (int d = 0; d < by; d++)
            s->dim[d] = 1;
        s->rank = y.rank;
    }
    batch = a;
    batch.dim[y.rank - 2] = batch.dim[y.rank - 1] = 1;
    y = b;
    y.dim[y.rank - 2] = y.dim[y.rank - 1] = 1;
    if (!shape_broadcast(&y, &batch, &y))
        return call_fail(c, "batch dims do not broadcast");
    y.dim[y.rank - 2] = a.dim[y.rank - 2];
    y.dim[y.rank - 1] = b.dim[y.rank - 1];
    out = call_out(c, 0, DT_I32, &y, false);
    if (out == NULL || shape_count(&y) == 0)
        return call_end(c);
    x = c->ops->scratch(c, (size_t)(shape_count(&a) + shape_count(&b)) * sizeof *x + 1);
    w = x + shape_count(&a);
    if (shifted(c, 0, 2, c->in[0]->shape.rank - 2, x) == NULL ||
        shifted(c, 1, 3, c->in[1]->shape.rank - 1, w) == NULL)
        return -1;
    product_batches(DT_I32, out, x, w, &a, &b, &y);
    return 0;
}

/* One output plane; x (C/g, spatial…), w (C/g, k…) with up to three spatial dims, leading ones. */
static void convolve_plane(int32_t *y, const int32_t *x, const int32_t *w, int64_t channels,
                           const int64_t in[3], const int64_t k[3], const struct window *p)
{
    int64_t cells = in[0] * in[1] * in[2];

    for (int64_t i = 0; i < p->out[0]; i++)
        for (int64_t j = 0; j < p->out[1]; j++)
            for (int64_t l = 0; l < p->out[2]; l++) {
                uint32_t sum = 0;

                for (int64_t c = 0; c < channels; c++)
                    for (int64_t t = 0; t < k[0] * k[1] * k[2]; t++) {
                        int64_t at[3] = {
                            i * p->stride[0] - p->begin[0] + t / (k[1] * k[2]) * p->dilation[0],
                            j * p->stride[1] - p->begin[1] + t / k[2] % k[1] * p->dilation[1],
                            l * p->stride[2] - p->begin[2] + t % k[2] * p->dilation[2]
                        };

                        if (at[0] >= 0 && at[0] < in[0] && at[1] >= 0 && at[1] < in[1] &&
                            at[2] >= 0 && at[2] < in[2])
                            sum +=
                                (uint32_t)x[c * cells + (at[0] * in[1] + at[1]) * in[2] + at[2]] *
                                (uint32_t)w[c * k[0] * k[1] * k[2] + t];
                    }
                *y++ = (int32_t)sum;
            }
}

int op_convinteger(struct call *c)
{
    const struct shape *xs = &c->in[0]->shape, *ws = &c->in[1]->shape;
    int64_t groups = attr_int(c->node, "group", 1), in[3] = { 1, 1, 1 }, k[3] = { 1, 1, 1 }, cells,
            taps, planes;
    struct window w, p = { .n = 3 };
    struct shape y = { 0 };
    int32_t *x, *weight, *out;

    if (xs->rank < 3 || xs->rank > 5 || ws->rank != xs->rank || groups < 1 ||
        ws->dim[0] % groups != 0 || ws->dim[1] * groups != xs->dim[1])
        return call_fail(c, "input, weight and group do not fit");
    if (window_of(&w, c, ws->dim + 2) < 0)
        return -1;
    y = *xs;
    y.dim[1] = ws->dim[0];
    memcpy(y.dim + 2, w.out, (size_t)w.n * sizeof *w.out);
    out = call_out(c, 0, DT_I32, &y, false);
    if (out == NULL || shape_count(&y) == 0)
        return call_end(c);
    for (int i = 0; i < 3; i++) {
        int from = i - (3 - w.n);

        p.out[i] = from < 0 ? 1 : w.out[from];
        p.stride[i] = from < 0 ? 1 : w.stride[from];
        p.dilation[i] = from < 0 ? 1 : w.dilation[from];
        p.begin[i] = from < 0 ? 0 : w.begin[from];
        in[i] = from < 0 ? 1 : xs->dim[2 + from];
        k[i] = from < 0 ? 1 : ws->dim[2 + from];
    }
    x = c->ops->scratch(c, (size_t)(shape_count(xs) + shape_count(ws)) * sizeof *x + 1);
    weight = x + shape_count(xs);
    if (shifted(c, 0, 2, 1, x) == NULL || shifted(c, 1, 3, 0, weight) == NULL)
        return -1;
    cells = in[0] * in[1] * in[2];
    taps = k[0] * k[1] * k[2] * ws->dim[1];
    planes = p.out[0] * p.out[1] * p.out[2];
    for (int64_t n = 0; n < xs->dim[0]; n++)
        for (int64_t m = 0; m < ws->dim[0]; m++, out += planes)
            convolve_plane(out,
                           x + (n * xs->dim[1] + m / (ws->dim[0] / groups) * ws->dim[1]) * cells,
                           weight + m * taps, ws->dim[1], in, k, &p);
    return 0;
}
