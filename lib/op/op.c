/* op.c: the operator table, and what is asked of a row together with its node.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/names.h"
#include "op/act.h"
#include "op/op.h"

const struct op ops[OP_COUNT] = {
#define OP(id, name, run, min, max, layout, weight, point, act)                                    \
    [OP_##id] = {                                                                                  \
        OP_##id, name, run, min, max, LAYOUT_##layout, WEIGHT_##weight, POINT_##point, act         \
    },
#include "op/op.def"
};

const struct op *op_find(const char *name)
{
    for (int i = 0; i < OP_COUNT; i++)
        if (strcmp(ops[i].name, name) == 0)
            return &ops[i];
    return NULL;
}

bool node_arity(const struct node *n, char why[static 200])
{
    int most = n->op->maxin < 0 ? n->nin : n->op->maxin;
    int need =
        node_is(n, OP_LOOP) ? 0 : n->op->minin; /* trip count and condition may both be left out */

    why[0] = '\0';
    if (n->nin > most)
        snprintf(why, 200, "%d inputs, at most %d", n->nin, most);
    for (int i = node_is(n, OP_LOOP) ? 2 : need; n->op->maxin < 0 && i < n->nin && !why[0]; i++)
        if (n->in[i] == NULL)
            snprintf(why, 200, "input %d is missing", i);
    for (int i = 0; i < need && why[0] == '\0'; i++)
        if (i >= n->nin || n->in[i] == NULL)
            snprintf(why, 200, "input %d is missing", i);
    if (n->nout < 1 && why[0] == '\0')
        snprintf(why, 200, "no output");
    return why[0] == '\0';
}

int node_weight(const struct node *n)
{
    const struct value *w = n->nin > 1 ? n->in[1] : NULL;

    if (n->op->weight == WEIGHT_NONE || w == NULL || w->constant == NULL || w->dtype != DT_F32)
        return -1;
    return w->shape.rank >= 2 && shape_count(&w->shape) > 0 ? 1 : -1;
}

int node_bias(const struct node *n)
{
    return n->op->weight == WEIGHT_NONE || n->op->weight == WEIGHT_MATMUL ? -1 : 2;
}

const struct value *node_bias_value(const struct node *n)
{
    int i = node_bias(n);

    return i >= 0 && i < n->nin ? n->in[i] : NULL;
}

int node_channel_axis(const struct node *n)
{
    switch (n->op->weight) {
    case WEIGHT_GEMM:
        return attr_int(n, "transA", 0) ? 0 : 1;
    case WEIGHT_MATMUL:
        return -1;
    default:
        return 1;
    }
}

struct weight_view node_weight_view(const struct node *n)
{
    const struct shape *s = &n->in[1]->shape;
    struct weight_view v = { .outer = 1, .inner = 1, .groups = 1 };

    switch (n->op->weight) {
    case WEIGHT_CONVT:
        v.axis = 1;
        v.groups = attr_int(n, "group", 1);
        break;
    case WEIGHT_GEMM:
        v.axis = attr_int(n, "transB", 0) ? 0 : 1;
        break;
    case WEIGHT_MATMUL:
        v.axis = s->rank - 1;
        break;
    default:
        v.axis = 0;
    }
    for (int i = 0; i < v.axis; i++)
        v.outer *= s->dim[i];
    for (int i = v.axis + 1; i < s->rank; i++)
        v.inner *= s->dim[i];
    v.channels = s->dim[v.axis] * v.groups;
    return v;
}

int64_t weight_runs(const struct weight_view *w)
{
    return w->outer * (w->channels / w->groups);
}

int64_t weight_channel(const struct weight_view *w, int64_t r)
{
    int64_t width = w->channels / w->groups, c = r % width;

    return w->groups == 1 ? c : r / width / (w->outer / w->groups) * width + c;
}

bool node_takes_post(const struct node *n)
{
    if (n->op->weight != WEIGHT_NONE && n->in[1]->dtype != DT_F32)
        return false;
    if (n->op->weight == WEIGHT_GEMM)
        return attr_float(n, "alpha", 1) == 1 && attr_float(n, "beta", 1) == 1 &&
               (n->nin < 3 || n->in[2] == NULL ||
                (n->in[2]->shape.rank <= 1 && shape_known(&n->in[2]->shape)));
    if (n->op->run == op_binary || n->op->run == op_batchnorm) /* they call call_post */
        return n->out[0]->dtype == DT_F32;
    return n->op->weight != WEIGHT_NONE;
}

const struct value *node_residual(const struct node *n, const struct node *u, const struct value *v)
{
    const struct value *other;

    if (n->op->weight == WEIGHT_NONE || !node_is(u, OP_ADD) || u->in[0] == u->in[1])
        return NULL;
    other = u->in[0] == v ? u->in[1] : u->in[0];
    if (other->constant != NULL || !shape_known(&v->shape) ||
        !shape_equal(&v->shape, &other->shape))
        return NULL;
    return other;
}
