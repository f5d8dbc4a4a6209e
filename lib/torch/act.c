/* act.c: activations that are more than one operator of opset 17, or have numbers.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "torch/ops.h"

static struct value *number(struct import *c, double v)
{
    return torch_const(c, torch_type(c, 0), v);
}

static struct value *times(struct import *c, struct value *x, double v)
{
    return torch_two(c, OP_MUL, x, number(c, v));
}

int torch_hardsigmoid(struct import *c, int op)
{
    struct value *x = torch_in(c, 0);
    struct node *n = torch_node(c, (enum op_id)op, 1, &x, 1);

    if (n == NULL)
        return -1;
    attr_set_float(c->m, n, "alpha", 1.0f / 6);
    attr_set_float(c->m, n, "beta", 0.5f);
    return torch_result(c, 0, torch_put(c, n));
}

int torch_relu6(struct import *c, int op)
{
    return torch_becomes(c, (enum op_id)op, 3,
                         (struct value *[]){ torch_in(c, 0), number(c, 0), number(c, 6) });
}

int torch_silu(struct import *c, int op)
{
    struct value *x = torch_in(c, 0);

    (void)op;
    return torch_result(c, 0, torch_two(c, OP_MUL, x, torch_step(c, OP_SIGMOID, 1, &x)));
}

int torch_mish(struct import *c, int op)
{
    struct value *x = torch_in(c, 0), *y = torch_step(c, OP_SOFTPLUS, 1, &x);

    (void)op;
    return torch_result(c, 0, torch_two(c, OP_MUL, x, torch_step(c, OP_TANH, 1, &y)));
}

/* x (1 + erf(x / sqrt 2)) / 2, or with tanh(sqrt(2 / pi) (x + 0.044715 x^3)). */
int torch_gelu(struct import *c, int op)
{
    struct value *x = torch_in(c, 0), *y;

    (void)op;
    if (strcmp(torch_string(c, 1), "tanh") == 0) {
        y = torch_two(c, OP_MUL, torch_two(c, OP_MUL, x, x), x);
        y = torch_two(c, OP_ADD, x, times(c, y, 0.044715));
        y = times(c, y, sqrt(2 / M_PI));
        y = torch_step(c, OP_TANH, 1, &y);
    } else {
        y = torch_two(c, OP_DIV, x, number(c, sqrt(2)));
        y = torch_step(c, OP_ERF, 1, &y);
    }
    y = torch_two(c, OP_MUL, x, torch_two(c, OP_ADD, y, number(c, 1)));
    return torch_result(c, 0, times(c, y, 0.5));
}

int torch_sloped(struct import *c, int op)
{
    struct value *x = torch_in(c, 0);
    struct node *n = torch_node(c, (enum op_id)op, 1, &x, 1);

    if (n == NULL)
        return -1;
    attr_set_float(c->m, n, "alpha", (float)torch_number(c, 1));
    return torch_result(c, 0, torch_put(c, n));
}

/* log(1 + e^(beta x)) / beta; beyond the threshold of 20 that is x in float32 anyway. */
int torch_softplus(struct import *c, int op)
{
    double beta = torch_number(c, 1);
    struct value *x = torch_in(c, 0);

    if (beta == 1)
        return torch_becomes(c, (enum op_id)op, 1, &x);
    x = times(c, x, beta);
    return torch_result(c, 0, times(c, torch_step(c, (enum op_id)op, 1, &x), 1 / beta));
}

int torch_shrink(struct import *c, int op)
{
    bool soft = strcmp(c->p->op, "softshrink") == 0;
    struct value *x = torch_in(c, 0);
    struct node *n = torch_node(c, (enum op_id)op, 1, &x, 1);

    if (n == NULL)
        return -1;
    attr_set_float(c->m, n, "lambd", (float)torch_number(c, 1));
    attr_set_float(c->m, n, "bias", soft ? (float)torch_number(c, 1) : 0);
    return torch_result(c, 0, torch_put(c, n));
}

int torch_prelu(struct import *c, int op)
{
    struct shape x = torch_dims(c, 0), w = torch_dims(c, 1);
    int64_t dims[RANK_MAX] = { -1, 1, 1, 1, 1, 1, 1, 1 };
    struct value *slope = torch_in(c, 1);

    if (slope != NULL && shape_count(&w) > 1 && x.rank > 2)
        slope = torch_reshaped(c, slope, x.rank - 1, dims);
    return torch_result(c, 0, torch_two(c, (enum op_id)op, torch_in(c, 0), slope));
}
