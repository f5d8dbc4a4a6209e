/* graph.c: the nodes that a call becomes. See context.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "torch/context.h"

struct node *torch_node(struct import *c, enum op_id op, int nin, struct value *const *in, int nout)
{
    bool main_one = c->op == op; /* the row's own operator has the call's name */
    const char *name = names_unique(
        &c->named, &c->m->arena,
        main_one ? c->p->name : arena_printf(&c->m->arena, "%s/%s", c->p->name, ops[op].name));
    struct node *n;

    for (int i = 0; i < nin; i++)
        if (in[i] == NULL && i == 0)
            return NULL;
    n = node_new(c->m, &ops[op], name, nin, nout);
    if (nin > 0)
        memcpy(n->in, in, (size_t)nin * sizeof(struct value *));
    n->source = c->ordinal;
    for (int i = 0; i < nout; i++)
        n->out[i] =
            value_new(c->m,
                      names_unique(&c->used, &c->m->arena,
                                   i == 0 ? name : arena_printf(&c->m->arena, "%s:%d", name, i)),
                      DT_NONE, shape_unknown());
    return n;
}

struct value *torch_put(struct import *c, struct node *n)
{
    if (n == NULL)
        return NULL;
    graph_add(c->m, c->m->graph, n);
    for (int i = 0; i < n->nout; i++)
        n->out[i]->producer = n;
    if (infer_node(c->infer, n, c->err) < 0)
        return NULL;
    for (int i = 0; i < n->nout; i++)
        n->out[i]->dtype = infer_known(c->infer, n->out[i])->dtype;
    return n->out[0];
}

struct value *torch_step(struct import *c, enum op_id op, int nin, struct value *const *in)
{
    return torch_put(c, torch_node(c, op, nin, in, 1));
}

struct value *torch_two(struct import *c, enum op_id op, struct value *a, struct value *b)
{
    return a == NULL || b == NULL ? NULL : torch_step(c, op, 2, (struct value *[]){ a, b });
}

int torch_result(struct import *c, int i, struct value *v)
{
    struct shape want = torch_result_dims(c, i);
    const struct tensor *t;
    char a[200], b[200];

    if (v == NULL)
        return -1;
    t = infer_known(c->infer, v);
    if (c->issues.n == 0 && shape_known(&t->shape) &&
        (!shape_equal(&t->shape, &want) || t->dtype != torch_result_type(c, i)))
        return torch_fail(c, "gives %s %s where the definition has %s %s", dtype_name(t->dtype),
                          shape_text(&t->shape, a), dtype_name(torch_result_type(c, i)),
                          shape_text(&want, b));
    c->values[c->p->results[i]] = v;
    return 0;
}

int torch_becomes(struct import *c, enum op_id op, int nin, struct value *const *in)
{
    return torch_result(c, 0, torch_step(c, op, nin, in));
}

/* ---- constants ---- */

static const char *constant_name(struct import *c)
{
    return names_unique(&c->used, &c->m->arena, arena_printf(&c->m->arena, "%s/const", c->p->name));
}

struct value *torch_const_ints(struct import *c, const int64_t *v, int n)
{
    return constant_new(c->m, constant_name(c), DT_I64, shape_of(1, (int64_t[]){ n }), v);
}

struct value *torch_const(struct import *c, enum dtype t, double v)
{
    int64_t room[2] = { 0 };
    struct tensor x = { .dtype = t, .shape = shape_of(0, NULL), .data = room };

    if (t == DT_NONE) { /* of an operand that should be a tensor */
        torch_fail(c, "a tensor is missing");
        return NULL;
    }
    if (dtype_is_float(t))
        tensor_put(&x, 0, v);
    else
        tensor_put_int(&x, 0, (int64_t)v);
    return constant_new(c->m, constant_name(c), t, x.shape, room);
}

struct value *torch_filled(struct import *c, int64_t n, float v)
{
    float *f;

    if (n < 0 || n > TORCH_LIST_MAX) {
        torch_fail(c, "%lld channels", (long long)n);
        return NULL;
    }
    f = arena_alloc(&c->m->arena, (size_t)n * sizeof *f);
    for (int64_t i = 0; i < n; i++)
        f[i] = v;
    return constant_new(c->m, constant_name(c), DT_F32, shape_of(1, &n), f);
}

/* ---- common nodes ---- */

struct value *torch_reshaped(struct import *c, struct value *v, int rank, const int64_t *dims)
{
    return torch_two(c, OP_RESHAPE, v, torch_const_ints(c, dims, rank));
}

struct value *torch_transposed(struct import *c, struct value *v, int rank, const int64_t *perm)
{
    struct node *n = torch_node(c, OP_TRANSPOSE, 1, &v, 1);

    if (n != NULL)
        attr_set_ints(c->m, n, "perm", perm, rank);
    return torch_put(c, n);
}

struct value *torch_sliced(struct import *c, struct value *v, int64_t axis, int64_t start,
                           int64_t end, int64_t step)
{
    return v == NULL
               ? NULL
               : torch_step(c, OP_SLICE, 5,
                            (struct value *[]){
                                v, torch_const_ints(c, &start, 1), torch_const_ints(c, &end, 1),
                                torch_const_ints(c, &axis, 1), torch_const_ints(c, &step, 1) });
}

struct value *torch_joined(struct import *c, int n, struct value *const *v, int64_t axis)
{
    struct node *node = torch_node(c, OP_CONCAT, n, v, 1);

    if (node != NULL)
        attr_set_int(c->m, node, "axis", axis);
    return torch_put(c, node);
}
