/* tile.c: a ConvTranspose whose kernel is as large as its stride: every input cell writes an output
 * tile of its own, so it is a matrix product, (cells, C) by (C, kh * kw * M), whose rows are laid out
 * as tiles. oneDNN's deconvolution takes ten times as long. Some input rows at a time, so that the
 * product stays in the cache.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/pack.h"
#include "op/tile.h"

enum { TILE_CACHE = 1 << 16 }; /* floats of a product: a quarter of the second-level cache */

struct tile {
    int64_t cells; /* that prim was made for */
    const float *weights;
    float *bias;    /* spread over the tile, or NULL */
    float *product; /* (cells, n) */
    struct prim prim;
};

static void tile_free(void *p)
{
    struct tile *t = p;

    prim_release(&t->prim);
    free(t->bias);
    free(t->product);
    free(t);
}

bool tile_fits(const struct call *c, const struct window *w, int64_t groups)
{
    const struct node *n = c->node;
    const struct value *bias = node_bias_value(n);
    bool fits = w->n == 2 && groups == 1 && c->residual == NULL && n->in[1]->constant != NULL &&
                (bias == NULL || bias->constant != NULL) && attr_find(n, "output_shape") == NULL &&
                attr_find(n, "auto_pad") == NULL;

    for (int i = 0; i < 2 && fits; i++)
        fits = w->kernel[i] == w->stride[i] && w->dilation[i] == 1 && w->begin[i] == 0 &&
               w->end[i] == 0;
    return fits;
}

/* The weight (C, M, kh, kw) as (C, kh, kw, M). */
static void *permute(void *ctx, size_t *size)
{
    const struct call *c = ctx;
    const struct shape *s = &c->in[1]->shape;
    int64_t area = s->dim[2] * s->dim[3], m = s->dim[1];
    float *plain, *out;

    *size = (size_t)shape_count(s) * sizeof *out;
    plain = mem_alloc(*size);
    out = mem_aligned(64, *size);
    constant_f32(c->model, c->node->in[1], plain);
    for (int64_t k = 0; k < s->dim[0]; k++)
        for (int64_t a = 0; a < area; a++)
            for (int64_t i = 0; i < m; i++)
                out[(k * area + a) * m + i] = plain[(k * m + i) * area + a];
    free(plain);
    return out;
}

static int tile_make(struct tile *t, struct call *c, int64_t cells, int64_t area)
{
    const struct shape *s = &c->in[1]->shape;
    const float *bias = prim_f32(c, 2);
    int64_t n = area * s->dim[1];
    dnnl_memory_desc_t a, b, y, row;
    dnnl_primitive_attr_t attr = prim_attr(c);
    dnnl_matmul_desc_t desc;
    int rc;

    prim_md_init(&a, 2, (int64_t[]){ cells, s->dim[0] }, dnnl_ab);
    prim_md_init(&b, 2, (int64_t[]){ s->dim[0], n }, dnnl_ab);
    prim_md_init(&y, 2, (int64_t[]){ cells, n }, dnnl_ab);
    prim_md_init(&row, 2, (int64_t[]){ 1, n }, dnnl_ab);
    rc = dnnl_matmul_desc_init(&desc, &a, &b, bias != NULL ? &row : NULL, &y) == dnnl_success
             ? prim_init(&t->prim, c, &desc, attr)
             : call_fail(c, "oneDNN refuses this shape");
    dnnl_primitive_attr_destroy(attr);
    if (rc < 0)
        return -1;
    t->cells = cells;
    free(t->product);
    t->product = mem_aligned(64, (size_t)(cells * n) * sizeof *t->product);
    t->weights = packs_get(c->packs, c->node, 1, "tile", 4, permute, c);
    if (bias != NULL && t->bias == NULL)
        t->bias = mem_aligned(64, (size_t)n * sizeof *t->bias);
    for (int64_t i = 0; bias != NULL && i < n; i++)
        t->bias[i] = bias[i % s->dim[1]];
    return 0;
}

/* rows of width cells, each (kh, kw * M), to rows * kh output rows of (width, kw * M) */
static void lay_out(float *y, const float *product, int64_t rows, int64_t width, int64_t kh,
                    int64_t run)
{
    for (int64_t i = 0; i < rows; i++, product += width * kh * run)
        for (int64_t h = 0; h < kh; h++)
            for (int64_t j = 0; j < width; j++, y += run)
                memcpy(y, product + (j * kh + h) * run, (size_t)run * sizeof *y);
}

int tile_run(struct call *c, const struct window *w, float *y)
{
    const struct shape *x = &c->in[0]->shape;
    int64_t height = x->dim[0] * x->dim[2], width = x->dim[3];
    int64_t n = w->kernel[0] * w->kernel[1] * c->in[1]->shape.dim[1];
    int64_t rows = TILE_CACHE / (width * n) < 1 ? 1 : TILE_CACHE / (width * n);
    const float *from = c->in[0]->data;
    struct tile *t = *c->state;

    if (t == NULL) {
        t = *c->state = NEW(struct tile);
        *c->state_free = tile_free;
    }
    while (height % rows != 0)
        rows--;
    if ((t->prim.p == NULL || t->cells != rows * width) &&
        tile_make(t, c, rows * width, w->kernel[0] * w->kernel[1]) < 0)
        return -1;
    for (int64_t i = 0; i < height; i += rows) {
        if (prim_run(&t->prim, c, from, t->weights, t->bias, t->product) < 0)
            return -1;
        lay_out(y, t->product, rows, width, w->kernel[0], n / w->kernel[0]);
        from += rows * width * x->dim[1];
        y += rows * width * n;
    }
    return 0;
}
