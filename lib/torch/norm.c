/* norm.c: normalizations and softmax.
 * SPDX-License-Identifier: Apache-2.0 */
#include "torch/ops.h"

/* The weight that is argument i, or n times `absent`. */
static struct value *or_filled(struct import *c, int i, int64_t n, float absent)
{
    return torch_none(c, i) ? torch_filled(c, n, absent) : torch_in(c, i);
}

static int with_epsilon(struct import *c, enum op_id op, int nin, struct value *const *in, int eps)
{
    struct node *n;

    for (int i = 0; i < nin; i++)
        if (in[i] == NULL)
            return -1;
    n = torch_node(c, op, nin, in, 1);
    attr_set_float(c->m, n, "epsilon", (float)torch_number(c, eps));
    return torch_result(c, 0, torch_put(c, n));
}

int torch_batch_norm(struct import *c, int op)
{
    struct shape x = torch_dims(c, 0);
    int64_t n = x.rank > 1 ? x.dim[1] : 1;

    return with_epsilon(c, (enum op_id)op, 5,
                        (struct value *[]){ torch_in(c, 0), or_filled(c, 1, n, 1),
                                            or_filled(c, 2, n, 0), torch_in(c, 3), torch_in(c, 4) },
                        5);
}

int torch_instance_norm(struct import *c, int op)
{
    struct shape x = torch_dims(c, 0);
    int64_t n = x.rank > 1 ? x.dim[1] : 1;

    return with_epsilon(
        c, (enum op_id)op, 3,
        (struct value *[]){ torch_in(c, 0), or_filled(c, 1, n, 1), or_filled(c, 2, n, 0) }, 3);
}

int torch_layer_norm(struct import *c, int op)
{
    int64_t dims[RANK_MAX], count = 1;
    int n = torch_ints(c, 1, dims, RANK_MAX);
    struct value *in[3] = { torch_in(c, 0), NULL, torch_optional(c, 3) };
    struct node *node;

    for (int i = 0; i < n; i++)
        if (dims[i] < 0 || __builtin_mul_overflow(count, dims[i], &count))
            return torch_fail(c, "an impossible shape");
    in[1] = or_filled(c, 2, count, 1);
    if (in[1] != NULL && torch_none(c, 2) && n > 1)
        in[1] = torch_reshaped(c, in[1], n, dims);
    if (in[0] == NULL || in[1] == NULL)
        return -1;
    node = torch_node(c, (enum op_id)op, in[2] == NULL ? 2 : 3, in, 1);
    attr_set_int(c->m, node, "axis", -n);
    attr_set_float(c->m, node, "epsilon", (float)torch_number(c, 4));
    return torch_result(c, 0, torch_put(c, node));
}

/* Per channel (C, 1, …), multiplied or added; NULL where there is none. */
static struct value *per_channel(struct import *c, enum op_id op, struct value *x, int i, int rank)
{
    int64_t dims[RANK_MAX] = { -1, 1, 1, 1, 1, 1, 1, 1 };

    if (x == NULL || torch_none(c, i))
        return x;
    return torch_two(c, op, x, torch_reshaped(c, torch_in(c, i), rank - 1, dims));
}

/* The groups become the channels of an InstanceNormalization, as opset 17 can say it. */
int torch_group_norm(struct import *c, int op)
{
    struct shape s = torch_dims(c, 0);
    int64_t g = torch_int(c, 1);
    struct value *x = torch_in(c, 0), *in[3];
    struct node *n;

    (void)op;
    if (x == NULL)
        return -1;
    if (s.rank < 2 || g <= 0 || s.dim[1] % g != 0)
        return torch_fail(c, "%lld groups of another number of channels", (long long)g);
    x = torch_reshaped(c, x, 3, (int64_t[]){ s.dim[0], g, -1 });
    in[0] = x;
    in[1] = torch_filled(c, g, 1);
    in[2] = torch_filled(c, g, 0);
    if (in[1] == NULL || in[2] == NULL)
        return -1;
    n = torch_node(c, OP_INSTANCENORMALIZATION, 3, in, 1);
    if (n == NULL)
        return -1;
    attr_set_float(c->m, n, "epsilon", (float)torch_number(c, 4));
    x = torch_reshaped(c, torch_put(c, n), s.rank, s.dim);
    x = per_channel(c, OP_MUL, x, 2, s.rank);
    return torch_result(c, 0, per_channel(c, OP_ADD, x, 3, s.rank));
}

int torch_lrn(struct import *c, int op)
{
    struct value *x = torch_in(c, 0);
    struct node *n = torch_node(c, (enum op_id)op, 1, &x, 1);

    if (n == NULL)
        return -1;
    if (torch_int(c, 1) % 2 == 0)
        return torch_issue(c, "an even size");
    attr_set_int(c->m, n, "size", torch_int(c, 1));
    attr_set_float(c->m, n, "alpha", (float)torch_number(c, 2));
    attr_set_float(c->m, n, "beta", (float)torch_number(c, 3));
    attr_set_float(c->m, n, "bias", (float)torch_number(c, 4));
    return torch_result(c, 0, torch_put(c, n));
}

int torch_softmax(struct import *c, int op)
{
    struct value *x = torch_in(c, 0);
    struct node *n = torch_node(c, (enum op_id)op, 1, &x, 1);

    if (n == NULL)
        return -1;
    attr_set_int(c->m, n, "axis", torch_int(c, 1));
    return torch_result(c, 0, torch_put(c, n));
}
