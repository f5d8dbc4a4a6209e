/* array.c: shapes, slices, joins, indices.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "torch/ops.h"

/* Reshape, Expand, Tile: the list is the second input. */
int torch_listed(struct import *c, int op)
{
    int64_t v[RANK_MAX];
    int n = torch_ints(c, 1, v, RANK_MAX);

    return torch_result(c, 0,
                        torch_two(c, (enum op_id)op, torch_in(c, 0), torch_const_ints(c, v, n)));
}

int torch_permute(struct import *c, int op)
{
    int64_t v[RANK_MAX];
    int n = torch_ints(c, 1, v, RANK_MAX);

    (void)op;
    return torch_result(c, 0, torch_transposed(c, torch_in(c, 0), n, v));
}

int torch_slice(struct import *c, int op)
{
    (void)op;
    return torch_result(c, 0,
                        torch_sliced(c, torch_in(c, 0), torch_int(c, 1), torch_int(c, 2),
                                     torch_int(c, 3), torch_int(c, 4)));
}

int torch_flip(struct import *c, int op)
{
    struct value *x = torch_in(c, 0);
    int64_t axes[RANK_MAX];
    int n = torch_ints(c, 1, axes, RANK_MAX);

    (void)op;
    for (int i = 0; i < n; i++)
        x = torch_sliced(c, x, axes[i], -1, INT64_MIN, -1);
    return torch_result(c, 0, n == 0 ? torch_step(c, OP_IDENTITY, 1, &x) : x);
}

int torch_cat(struct import *c, int op)
{
    const Arg *list = torch_arg(c, 0);
    size_t n = list == NULL ? 0 : list->n_list;
    struct value **in = arena_alloc(&c->m->arena, (n + 1) * sizeof(struct value *));

    (void)op;
    for (size_t i = 0; i < n; i++)
        if ((in[i] = torch_value(c, list->list[i])) == NULL)
            return -1;
    return n == 0 ? torch_fail(c, "of nothing")
                  : torch_result(c, 0, torch_joined(c, (int)n, in, torch_int(c, 1)));
}

/* x with elements start, start + step, … of one dim replaced. */
int torch_slice_scatter(struct import *c, int op)
{
    struct shape s = torch_dims(c, 0), part = torch_dims(c, 1);
    struct value *x = torch_in(c, 0), *src = torch_in(c, 1), *in[3];
    int64_t axis = torch_int(c, 2), start = torch_int(c, 3), step = torch_int(c, 5), end;
    int64_t perm[RANK_MAX], *rows;
    int n = 0;

    (void)op;
    if (x == NULL || src == NULL)
        return -1;
    if (axis < 0 || axis >= s.rank || part.rank != s.rank || step < 1 || start < 0 ||
        part.dim[axis] > s.dim[axis] || part.dim[axis] > TORCH_LIST_MAX)
        return torch_fail(c, "an impossible slice");
    if (step == 1) { /* what is before, what is new, what is behind */
        end = start + part.dim[axis];
        if (start > 0)
            in[n++] = torch_sliced(c, x, axis, 0, start, 1);
        in[n++] = src;
        if (end < s.dim[axis])
            in[n++] = torch_sliced(c, x, axis, end, s.dim[axis], 1);
        for (int i = 0; i < n; i++)
            if (in[i] == NULL)
                return -1;
        return torch_result(c, 0, torch_joined(c, n, in, axis));
    }
    for (int i = 0; i < s.rank; i++) /* that dim in front: whole rows */
        perm[i] = i == 0 ? axis : i == axis ? 0 : i;
    rows = arena_alloc(&c->m->arena, (size_t)part.dim[axis] * sizeof *rows);
    for (int64_t i = 0; i < part.dim[axis]; i++)
        rows[i] = start + i * step;
    in[0] = torch_transposed(c, x, s.rank, perm);
    in[1] = constant_new(c->m, names_unique(&c->used, &c->m->arena, "rows"), DT_I64,
                         shape_of(2, (int64_t[]){ part.dim[axis], 1 }), rows);
    in[2] = torch_transposed(c, src, s.rank, perm);
    if (in[2] == NULL)
        return -1;
    return torch_result(c, 0,
                        torch_transposed(c, torch_step(c, OP_SCATTERND, 3, in), s.rank, perm));
}

int torch_triangle(struct import *c, int op)
{
    struct value *in[2] = { torch_in(c, 0), torch_const(c, DT_I64, (double)torch_int(c, 1)) };
    struct node *n = torch_node(c, (enum op_id)op, 2, in, 1);

    if (n == NULL)
        return -1;
    attr_set_int(c->m, n, "upper", strcmp(c->p->op, "triu") == 0);
    return torch_result(c, 0, torch_put(c, n));
}

static int by_axis(struct import *c, enum op_id op, int nin, struct value *const *in, int64_t axis)
{
    struct node *n;

    for (int i = 0; i < nin; i++)
        if (in[i] == NULL)
            return -1;
    n = torch_node(c, op, nin, in, 1);
    attr_set_int(c->m, n, "axis", axis);
    return torch_result(c, 0, torch_put(c, n));
}

int torch_index_select(struct import *c, int op)
{
    return by_axis(c, (enum op_id)op, 2, (struct value *[]){ torch_in(c, 0), torch_in(c, 2) },
                   torch_int(c, 1));
}

int torch_embedding(struct import *c, int op)
{
    return by_axis(c, (enum op_id)op, 2, (struct value *[]){ torch_in(c, 0), torch_in(c, 1) }, 0);
}

int torch_gather(struct import *c, int op)
{
    struct shape x = torch_dims(c, 0), i = torch_dims(c, 2);
    struct value *v = torch_in(c, 0);

    for (int d = 0; d < x.rank && d < i.rank; d++) /* torch lets the index be smaller */
        if (d != torch_int(c, 1) && i.dim[d] < x.dim[d])
            v = torch_sliced(c, v, d, 0, i.dim[d], 1);
    return by_axis(c, (enum op_id)op, 2, (struct value *[]){ v, torch_in(c, 2) }, torch_int(c, 1));
}

int torch_scatter(struct import *c, int op)
{
    struct value *in[3] = { torch_in(c, 0), torch_in(c, 2), torch_in(c, 3) };
    struct node *n;

    if (in[0] == NULL || in[1] == NULL || in[2] == NULL)
        return -1;
    n = torch_node(c, (enum op_id)op, 3, in, 1);
    attr_set_int(c->m, n, "axis", torch_int(c, 1));
    if (strcmp(c->p->op, "scatter_add") == 0)
        attr_set_string(c->m, n, "reduction", "add");
    return torch_result(c, 0, torch_put(c, n));
}
