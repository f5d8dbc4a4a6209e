/* strides.c: see strides.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "op/strides.h"

/* Logical dims in the order memory has them, outermost first. */
static void memory_order(int rank, bool cl, int order[RANK_MAX])
{
    for (int i = 0; i < rank; i++)
        order[i] = i;
    if (cl && rank >= 3) {
        for (int i = 1; i < rank - 1; i++)
            order[i] = i + 1;
        order[rank - 1] = 1;
    }
}

void strides_of(const struct tensor *t, int64_t out[RANK_MAX])
{
    int order[RANK_MAX] = { 0 };
    int64_t stride = 1;

    memory_order(t->shape.rank, t->cl, order);
    for (int i = t->shape.rank - 1; i >= 0; i--) {
        out[order[i]] = stride;
        stride *= t->shape.dim[order[i]];
    }
}

int64_t shape_outer(const struct shape *s, int axis)
{
    int64_t n = 1;

    for (int i = 0; i < axis; i++)
        n *= s->dim[i];
    return n;
}

int64_t shape_inner(const struct shape *s, int axis)
{
    int64_t n = 1;

    for (int i = axis + 1; i < s->rank; i++)
        n *= s->dim[i];
    return n;
}

bool shape_broadcast(struct shape *out, const struct shape *a, const struct shape *b)
{
    int rank = a->rank > b->rank ? a->rank : b->rank;
    struct shape r = { .rank = rank };

    for (int i = 0; i < rank; i++) {
        int64_t da = i < rank - a->rank ? 1 : a->dim[i - (rank - a->rank)];
        int64_t db = i < rank - b->rank ? 1 : b->dim[i - (rank - b->rank)];

        if (da != db && da != 1 && db != 1)
            return false;
        r.dim[i] = da == 1 ? db : da;
    }
    *out = r;
    return true;
}

/* Merges dims d and d + 1 wherever every operand steps through them evenly. */
static void merge(struct walk *w)
{
    int kept = 0;

    for (int d = 0; d < w->n; d++) {
        bool even = kept > 0;

        if (w->dim[d] == 1 && w->n > 1 && (kept > 0 || d < w->n - 1))
            continue;
        for (int k = 0; k < w->noperands && even; k++)
            even = w->step[k][kept - 1] == w->step[k][d] * w->dim[d];
        if (even) {
            w->dim[kept - 1] *= w->dim[d];
            for (int k = 0; k < w->noperands; k++)
                w->step[k][kept - 1] = w->step[k][d];
        } else {
            w->dim[kept] = w->dim[d];
            for (int k = 0; k < w->noperands; k++)
                w->step[k][kept] = w->step[k][d];
            kept++;
        }
    }
    w->n = kept;
}

void walk_dims(struct walk *w, int n, const int64_t *dim, int noperands, const int64_t *const *step)
{
    *w = (struct walk){ .n = n, .noperands = noperands };
    for (int d = 0; d < n; d++) {
        w->dim[d] = dim[d];
        for (int k = 0; k < noperands; k++)
            w->step[k][d] = step[k][d];
    }
    if (n == 0) {
        w->n = 1;
        w->dim[0] = 1;
    }
    merge(w);
}

void walk_init(struct walk *w, const struct shape *out, bool cl, const struct tensor *const *in,
               int nin)
{
    int64_t dim[RANK_MAX], step[WALK_MAX][RANK_MAX] = { { 0 } };
    const int64_t *pstep[WALK_MAX];
    int order[RANK_MAX];

    memory_order(out->rank, cl, order);
    for (int d = 0; d < out->rank; d++)
        dim[d] = out->dim[order[d]];
    for (int k = 0; k < nin; k++) {
        int64_t own[RANK_MAX];
        int skip = out->rank - in[k]->shape.rank;

        strides_of(in[k], own);
        for (int d = 0; d < out->rank; d++) {
            int at = order[d] - skip;

            step[k][d] = at < 0 || in[k]->shape.dim[at] == 1 ? 0 : own[at];
        }
        pstep[k] = step[k];
    }
    walk_dims(w, out->rank, dim, nin, pstep);
}

void walk_rows(const struct walk *w,
               void (*row)(void *ctx, const int64_t *at, int64_t out, int64_t n,
                           const int64_t *step),
               void *ctx)
{
    int64_t index[RANK_MAX] = { 0 }, at[WALK_MAX] = { 0 }, step[WALK_MAX], out = 0;
    int last = w->n - 1;

    for (int d = 0; d < w->n; d++)
        if (w->dim[d] == 0)
            return;
    for (int k = 0; k < w->noperands; k++)
        step[k] = w->step[k][last];
    for (;;) {
        int d = last - 1;

        row(ctx, at, out, w->dim[last], step);
        out += w->dim[last];
        for (; d >= 0; d--) {
            for (int k = 0; k < w->noperands; k++)
                at[k] += w->step[k][d];
            if (++index[d] < w->dim[d])
                break;
            for (int k = 0; k < w->noperands; k++)
                at[k] -= w->step[k][d] * w->dim[d];
            index[d] = 0;
        }
        if (d < 0)
            return;
    }
}

bool walk_order(const struct call *c, int rank)
{
    int64_t most = -1;
    bool cl = false;

    for (int i = 0; i < c->nin; i++) {
        int64_t n = c->in[i] == NULL ? -1 : shape_count(&c->in[i]->shape);

        if (n > most && c->in[i]->shape.rank == rank) {
            most = n;
            cl = c->in[i]->cl;
        }
    }
    return cl && rank >= 3;
}
