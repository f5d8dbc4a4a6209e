/* gemm.c: MatMul and the constant row added to its result become one Gemm, which integer kernels run
 * with an int32 bias. Only for matrices: y (M, N) = a (M, K) b (K, N) + c (N). Needs inferred shapes.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/op.h"

struct fuse {
    struct model *m;
    int *uses;
};

static bool is_matrix_product(const struct node *n)
{
    return node_is(n, OP_MATMUL) && node_weight(n) == 1 && n->in[1]->shape.rank == 2 &&
           n->in[0]->shape.rank == 2;
}

/* The constant row (N) or (1, N) that u adds to v, or NULL. */
static struct value *added_row(const struct node *u, const struct value *v, int64_t columns)
{
    struct value *c;

    if (!node_is(u, OP_ADD) || (u->in[0] != v && u->in[1] != v))
        return NULL;
    c = u->in[u->in[0] == v ? 1 : 0];
    if (c->constant == NULL || c->dtype != DT_F32 || c->shape.rank < 1 || c->shape.rank > 2 ||
        shape_count(&c->shape) != columns || c->shape.dim[c->shape.rank - 1] != columns)
        return NULL;
    return c;
}

static void absorb(struct fuse *f, struct node *n, const struct node *u, struct value *row)
{
    float *bias = mem_alloc((size_t)shape_count(&row->shape) * sizeof *bias);
    int64_t columns = shape_count(&row->shape);
    struct value *flat;

    constant_f32(f->m, row, bias);
    flat = constant_new(f->m, arena_printf(&f->m->arena, "%s.row", row->name), DT_F32,
                        shape_of(1, &columns), bias);
    flat->constant->name = row->constant->name;
    free(bias);
    n->op = &ops[OP_GEMM];
    node_set_in(f->m, n, 2, flat);
    n->out[0] = u->out[0];
    n->absorbed = arena_copy(&f->m->arena, &u->source, sizeof u->source);
    n->nabsorbed = 1;
}

static void fuse_graph(struct graph *g, void *ctx)
{
    struct fuse *f = ctx;
    int kept = 0;

    for (int i = 0; i < g->nnodes; i++) {
        struct node *n = g->nodes[i];
        const struct value *v = n->nout > 0 ? n->out[0] : NULL;
        struct value *row;

        if (v != NULL && is_matrix_product(n) && f->uses[v->id] == 1)
            for (int k = i + 1; k < g->nnodes; k++)
                if ((row = added_row(g->nodes[k], v, n->in[1]->shape.dim[1])) != NULL) {
                    absorb(f, n, g->nodes[k], row);
                    g->nodes[k]->nout = 0; /* goes below */
                    break;
                }
    }
    for (int i = 0; i < g->nnodes; i++)
        if (g->nodes[i]->nout > 0)
            g->nodes[kept++] = g->nodes[i];
    g->nnodes = kept;
}

void fuse_gemm(struct model *m)
{
    struct fuse f = { m, model_uses(m) };

    graph_each(m->graph, fuse_graph, &f);
    free(f.uses);
    model_index(m);
}
