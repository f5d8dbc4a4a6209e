/* shuffle.c: channel shuffle, (N, g c, H, W) seen as (N, g, c, H, W), groups and channels swapped, and
 * back: channels-last it only permutes each cell's channels (Zhang et al., "ShuffleNet", 2017, 3.1).
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/clones.h"
#include "op/fusion.h"

/* y (cells, c, g) from x (cells, g, c) */
CLONES static void interleave(float *restrict y, const float *restrict x, int64_t cells, int64_t g,
                              int64_t c)
{
    for (int64_t i = 0; i < cells; i++, x += g * c, y += g * c)
        if (g == 2)
            for (int64_t k = 0; k < c; k++) {
                y[2 * k] = x[k];
                y[2 * k + 1] = x[c + k];
            }
        else
            for (int64_t k = 0; k < c; k++)
                for (int64_t j = 0; j < g; j++)
                    y[k * g + j] = x[j * c + k];
}

/* Called for the first Reshape, whose own output tells g and c. */
static int run_shuffle(struct call *c)
{
    const struct tensor *x = c->in[0];
    const struct shape *split = &c->node->out[0]->shape;
    float *y = call_out(c, 0, DT_F32, &x->shape, true);
    int64_t channels = split->dim[1] * split->dim[2];

    if (y == NULL)
        return call_end(c);
    if (x->dtype != DT_F32 || x->shape.rank != 4 || x->shape.dim[1] != channels)
        return call_fail(c, "another shape than when it was imported");
    interleave(y, x->data, shape_count(&x->shape) / channels, split->dim[1], split->dim[2]);
    return 0;
}

bool shuffle_find(struct fusion *f, const struct readers *r, int at)
{
    const struct node *split = r->g->nodes[at], *swap, *join;
    const struct shape *x, *s;
    int64_t perm[RANK_MAX];

    if (!node_is(split, OP_RESHAPE) || split->in[0]->dtype != DT_F32)
        return false;
    x = &split->in[0]->shape;
    s = &split->out[0]->shape;
    if (x->rank != 4 || s->rank != 5 || !shape_known(x) || !shape_known(s) ||
        s->dim[0] != x->dim[0] || s->dim[3] != x->dim[2] || s->dim[4] != x->dim[3] ||
        shape_count(x) == 0)
        return false;
    swap = readers_only(r, at, split->out[0]);
    if (swap == NULL || !node_is(swap, OP_TRANSPOSE) || attr_ints(swap, "perm", perm, 5) != 5 ||
        perm[0] != 0 || perm[1] != 2 || perm[2] != 1 || perm[3] != 3 || perm[4] != 4)
        return false;
    join = readers_only(r, at, swap->out[0]);
    if (join == NULL || !node_is(join, OP_RESHAPE) || join->in[0] != swap->out[0] ||
        !shape_equal(&join->out[0]->shape, x))
        return false;
    *f = (struct fusion){
        .n = 3, .nodes = { split, swap, join }, .run = run_shuffle, .layout = LAYOUT_CL
    };
    return true;
}
