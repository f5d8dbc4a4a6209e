/* math.c: elementwise operators, reductions, products.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "torch/ops.h"

int torch_unary(struct import *c, int op)
{
    return torch_becomes(c, (enum op_id)op, 1, (struct value *[]){ torch_in(c, 0) });
}

/* The type that both operands have: the tracer casts tensors, numbers follow. */
static enum dtype common_type(const struct import *c)
{
    return torch_type(c, 0) != DT_NONE ? torch_type(c, 0) : torch_type(c, 1);
}

static struct value *both(struct import *c, int op)
{
    enum dtype t = common_type(c);

    return torch_two(c, (enum op_id)op, torch_operand(c, 0, t), torch_operand(c, 1, t));
}

int torch_binary(struct import *c, int op)
{
    return torch_result(c, 0, both(c, op));
}

int torch_not_equal(struct import *c, int op)
{
    return torch_becomes(c, OP_NOT, 1, (struct value *[]){ both(c, op) });
}

/* With the divisor's sign, as Python's %; Mod of floats has the dividend's. */
int torch_remainder(struct import *c, int op)
{
    enum dtype t = common_type(c);
    struct value *a = torch_operand(c, 0, t), *b = torch_operand(c, 1, t), *q;

    if (!dtype_is_float(t))
        return torch_result(c, 0, torch_two(c, (enum op_id)op, a, b));
    q = torch_two(c, OP_DIV, a, b);
    q = torch_step(c, OP_FLOOR, 1, &q);
    return torch_result(c, 0, torch_two(c, OP_SUB, a, torch_two(c, OP_MUL, q, b)));
}

/* Div of integers truncates: what remains is taken off first. */
int torch_floor_divide(struct import *c, int op)
{
    enum dtype t = common_type(c);
    struct value *a = torch_operand(c, 0, t), *b = torch_operand(c, 1, t), *q;

    (void)op;
    if (!dtype_is_float(t)) {
        a = torch_two(c, OP_SUB, a, torch_two(c, OP_MOD, a, b));
        return torch_result(c, 0, torch_two(c, OP_DIV, a, b));
    }
    q = torch_two(c, OP_DIV, a, b);
    return torch_becomes(c, OP_FLOOR, 1, &q);
}

int torch_cast(struct import *c, int op)
{
    struct value *x = torch_in(c, 0);
    struct node *n = torch_node(c, (enum op_id)op, 1, &x, 1);

    if (n == NULL)
        return -1;
    attr_set_int(c->m, n, "to", torch_int(c, 1));
    return torch_result(c, 0, torch_put(c, n));
}

int torch_where(struct import *c, int op)
{
    enum dtype t = torch_result_type(c, 0);
    struct value *in[3] = { torch_in(c, 0), torch_operand(c, 1, t), torch_operand(c, 2, t) };

    return in[1] == NULL || in[2] == NULL ? -1 : torch_becomes(c, (enum op_id)op, 3, in);
}

int torch_clamp(struct import *c, int op)
{
    enum dtype t = torch_type(c, 0);
    struct value *in[3] = { torch_in(c, 0), torch_none(c, 1) ? NULL : torch_operand(c, 1, t),
                            torch_none(c, 2) ? NULL : torch_operand(c, 2, t) };

    return torch_becomes(c, (enum op_id)op, in[2] != NULL ? 3 : in[1] != NULL ? 2 : 1, in);
}

/* ---- reductions ---- */

/* The mean over all spatial dims of an image is a pool, which has integer kernels. */
static bool is_global(const struct import *c, int op, const int64_t *axes, int n)
{
    int rank = torch_dims(c, 0).rank;

    if (op != OP_REDUCEMEAN || rank < 4 || n != rank - 2)
        return false;
    for (int i = 0; i < n; i++)
        if (axes[i] != i + 2)
            return false;
    return true;
}

int torch_reduce(struct import *c, int op)
{
    struct value *x = torch_in(c, 0), *in[2] = { x, NULL };
    struct shape s = torch_result_dims(c, 0);
    bool keep = torch_int(c, 2) != 0;
    int64_t axes[RANK_MAX];
    int count = torch_ints(c, 1, axes, RANK_MAX), nin = 1;
    struct node *n;

    if (is_global(c, op, axes, count)) {
        x = torch_step(c, OP_GLOBALAVERAGEPOOL, 1, &x);
        return torch_result(c, 0, keep ? x : torch_reshaped(c, x, s.rank, s.dim));
    }
    if (op == OP_REDUCESUM) /* whose axes are an input at opset 17 */
        in[nin++] = torch_const_ints(c, axes, count);
    n = torch_node(c, (enum op_id)op, nin, in, 1);
    if (n == NULL)
        return -1;
    if (nin == 1)
        attr_set_ints(c->m, n, "axes", axes, count);
    attr_set_int(c->m, n, "keepdims", keep);
    return torch_result(c, 0, torch_put(c, n));
}

int torch_arg_extreme(struct import *c, int op)
{
    struct value *x = torch_in(c, 0);
    struct node *n = torch_node(c, (enum op_id)op, 1, &x, 1);

    if (n == NULL)
        return -1;
    attr_set_int(c->m, n, "axis", torch_int(c, 1));
    attr_set_int(c->m, n, "keepdims", torch_int(c, 2));
    return torch_result(c, 0, torch_put(c, n));
}

int torch_cumsum(struct import *c, int op)
{
    return torch_result(c, 0,
                        torch_two(c, (enum op_id)op, torch_in(c, 0),
                                  torch_const(c, DT_I64, (double)torch_int(c, 1))));
}

int torch_topk(struct import *c, int op)
{
    struct value *in[2] = { torch_in(c, 0),
                            torch_const_ints(c, (int64_t[]){ torch_int(c, 1) }, 1) };
    struct node *n = torch_node(c, (enum op_id)op, 2, in, 2);

    if (n == NULL)
        return -1;
    if (c->p->n_results != 2)
        return torch_fail(c, "%zu results", c->p->n_results);
    attr_set_int(c->m, n, "axis", torch_int(c, 2));
    attr_set_int(c->m, n, "largest", torch_int(c, 3));
    if (torch_put(c, n) == NULL || torch_result(c, 0, n->out[0]) < 0)
        return -1;
    return torch_result(c, 1, n->out[1]);
}

/* ---- products ---- */

int torch_matmul(struct import *c, int op)
{
    return torch_result(c, 0, torch_two(c, (enum op_id)op, torch_in(c, 0), torch_in(c, 1)));
}

/* x (…, K) by a weight (N, K): a Gemm over rows, so that the weight stays as it is and has a bias. */
int torch_linear(struct import *c, int op)
{
    struct shape x = torch_dims(c, 0), w = torch_dims(c, 1), y = torch_result_dims(c, 0);
    struct value *in[3] = { torch_in(c, 0), torch_in(c, 1), torch_optional(c, 2) };
    struct node *n;

    if (in[0] == NULL || in[1] == NULL)
        return -1;
    if (w.rank != 2)
        return torch_issue(c, "a weight of rank %d", w.rank);
    if (x.rank != 2)
        in[0] = torch_reshaped(c, in[0], 2, (int64_t[]){ -1, w.dim[1] });
    n = torch_node(c, (enum op_id)op, in[2] == NULL ? 2 : 3, in, 1);
    if (n == NULL)
        return -1;
    attr_set_int(c->m, n, "transB", 1);
    in[0] = torch_put(c, n);
    return torch_result(c, 0, x.rank == 2 ? in[0] : torch_reshaped(c, in[0], y.rank, y.dim));
}

int torch_einsum(struct import *c, int op)
{
    const Arg *list = torch_arg(c, 1);
    struct value *in[16];
    struct node *n;
    int nin = 0;

    for (; list != NULL && (size_t)nin < list->n_list && nin < 16; nin++)
        if ((in[nin] = torch_value(c, list->list[nin])) == NULL)
            return -1;
    if (nin == 0)
        return torch_fail(c, "of nothing");
    n = torch_node(c, (enum op_id)op, nin, in, 1);
    attr_set_string(c->m, n, "equation", torch_string(c, 0));
    return torch_result(c, 0, torch_put(c, n));
}
