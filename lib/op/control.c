/* control.c: If-16 and Loop-16.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/rows.h"

/* Types that are not known yet may still agree. */
static bool same_type(struct call *c, int i, enum dtype a, enum dtype b)
{
    if (a == DT_NONE || b == DT_NONE || a == b)
        return true;
    call_fail(c, "output %d is %s in one branch and %s in the other", i, dtype_name(a),
              dtype_name(b));
    return false;
}

/* While inferring with an unknown condition both branches are looked at: where they agree, so does
 * the output; else its shape is unknown. */
static int if_infer(struct call *c, const struct graph *yes, const struct graph *no)
{
    struct tensor *other = NEW_ARRAY(struct tensor, (size_t)c->nout);
    struct tensor **pother = NEW_ARRAY(struct tensor *, (size_t)c->nout);
    int rc;

    for (int i = 0; i < c->nout; i++)
        pother[i] = &other[i];
    rc = c->ops->subgraph(c, yes, NULL, 0, c->out, c->nout);
    if (rc == 0)
        rc = c->ops->subgraph(c, no, NULL, 0, pother, c->nout);
    for (int i = 0; i < c->nout && rc == 0; i++) {
        if (c->out[i] == NULL)
            continue;
        if (!same_type(c, i, c->out[i]->dtype, other[i].dtype))
            rc = -1;
        c->out[i]->data = NULL;
        if (!shape_equal(&c->out[i]->shape, &other[i].shape))
            c->out[i]->shape = shape_unknown();
    }
    free(other);
    free(pother);
    return rc;
}

int op_if(struct call *c)
{
    const struct attr *yes = attr_find(c->node, "then_branch"),
                      *no = attr_find(c->node, "else_branch");
    bool taken;

    if (yes == NULL || no == NULL || yes->type != ATTR_GRAPH || no->type != ATTR_GRAPH)
        return call_fail(c, "a branch is missing");
    if (yes->graph->nout != c->nout || no->graph->nout != c->nout)
        return call_fail(c, "a branch has not %d outputs", c->nout);
    for (int i = 0; i < c->nout; i++)
        if (!same_type(c, i, yes->graph->out[i]->dtype, no->graph->out[i]->dtype))
            return -1;
    if (!call_has_data(c, 0))
        return c->infer ? if_infer(c, yes->graph, no->graph) : call_fail(c, "no condition");
    if (shape_count(&c->in[0]->shape) != 1)
        return call_fail(c, "the condition has not one element");
    taken = tensor_get(c->in[0], 0) != 0;
    return c->ops->subgraph(c, taken ? yes->graph : no->graph, NULL, 0, c->out, c->nout);
}

enum { TRIPS_MAX = 1000000 };

struct loop {
    const struct graph *body;
    int nstate, nscan;
    struct tensor *state;  /* [2 + nstate]: trip, condition, carried values: the body's inputs */
    struct tensor *result; /* [1 + nstate + nscan]: the body's outputs */
    struct rows *scans;
};

/* A body may pass an input through: what lies in memory of ours that changes with the next iteration
 * becomes a tensor of its own. */
static int own(struct call *c, struct tensor *t, const void *ours)
{
    struct tensor copy = *t;

    if (t->data != ours)
        return 0;
    if (!c->ops->alloc(c, &copy, -1))
        return -1;
    memcpy(copy.data, t->data, tensor_size(t));
    *t = copy;
    return 0;
}

static int loop_trips(struct call *c, struct loop *l, int64_t most, bool go)
{
    const struct tensor *in[2 + 64];
    struct tensor *out[1 + 64];

    for (int64_t trip = 0; trip < most && go; trip++) {
        uint8_t cond = go;

        l->state[0] = (struct tensor){ .dtype = DT_I64, .data = &trip };
        l->state[1] = (struct tensor){ .dtype = DT_BOOL, .data = &cond };
        for (int i = 0; i < 2 + l->nstate; i++)
            in[i] = &l->state[i];
        for (int i = 0; i < 1 + l->nstate + l->nscan; i++) {
            l->result[i] = (struct tensor){ 0 };
            out[i] = &l->result[i];
        }
        if (trip == TRIPS_MAX)
            return call_fail(c, "more than %d iterations", TRIPS_MAX);
        if (c->ops->subgraph(c, l->body, in, 2 + l->nstate, out, 1 + l->nstate + l->nscan) < 0)
            return -1;
        for (int i = 0; i < l->nstate; i++)
            if (own(c, &l->result[1 + i], &trip) < 0 || own(c, &l->result[1 + i], &cond) < 0)
                return -1;
        if (shape_count(&l->result[0].shape) != 1)
            return call_fail(c, "the body's condition has not one element");
        go = tensor_get(&l->result[0], 0) != 0;
        c->ops->drop(c, &l->result[0]);
        for (int i = 0; i < l->nstate; i++) {
            c->ops->drop(c, &l->state[2 + i]);
            l->state[2 + i] = l->result[1 + i];
            l->result[1 + i] = (struct tensor){ 0 };
        }
        for (int i = 0; i < l->nscan; i++) {
            if (rows_add(c, &l->scans[i], &l->result[1 + l->nstate + i], i) < 0)
                return -1;
            c->ops->drop(c, &l->result[1 + l->nstate + i]);
        }
    }
    return 0;
}

static int loop_outputs(struct call *c, struct loop *l)
{
    for (int i = 0; i < l->nstate; i++)
        if (rows_state(c, i, &l->state[2 + i]) < 0)
            return -1;
    for (int i = 0; i < l->nscan; i++)
        if (rows_output(c, l->nstate + i, &l->scans[i], l->body->out[1 + l->nstate + i], 0, false) <
            0)
            return -1;
    return call_end(c);
}

int op_loop(struct call *c)
{
    const struct attr *body = attr_find(c->node, "body");
    struct loop l = { .nstate = c->nin - 2 };
    int64_t most = TRIPS_MAX + 1;
    int rc = -1;

    if (body == NULL || body->type != ATTR_GRAPH || body->graph->nin != c->nin || l.nstate < 0 ||
        l.nstate > 60)
        return call_fail(c, "the body does not fit the inputs");
    l.body = body->graph;
    l.nscan = l.body->nout - 1 - l.nstate;
    if (l.nscan < 0 || l.nstate + l.nscan > 60)
        return call_fail(c, "the body has %d outputs", l.body->nout);
    if (c->infer) {
        for (int i = 0; i < c->nout; i++)
            if (c->out[i] != NULL)
                call_unknown(c, i, i < l.nstate ? c->in[2 + i]->dtype : DT_NONE);
        return 0;
    }
    for (int i = 0; i < 2; i++)
        if (call_has(c, i) && shape_count(&c->in[i]->shape) != 1)
            return call_fail(c, "input %d has not one element", i);
    if (call_has(c, 0))
        most = tensor_get_int(c->in[0], 0);
    l.state = NEW_ARRAY(struct tensor, (size_t)(2 + l.nstate));
    l.result = NEW_ARRAY(struct tensor, (size_t)(1 + l.nstate + l.nscan));
    l.scans = NEW_ARRAY(struct rows, (size_t)l.nscan);
    for (int i = 0; i < l.nstate; i++) {
        l.state[2 + i] = *c->in[2 + i];
        c->ops->hold(c, &l.state[2 + i]);
    }
    if (loop_trips(c, &l, most, !call_has(c, 1) || tensor_get(c->in[1], 0) != 0) == 0)
        rc = loop_outputs(c, &l);
    for (int i = 0; i < l.nstate; i++)
        c->ops->drop(c, &l.state[2 + i]);
    for (int i = 0; i < 1 + l.nstate + l.nscan; i++) /* what an error left */
        c->ops->drop(c, &l.result[i]);
    for (int i = 0; i < l.nscan; i++)
        buf_release(&l.scans[i].bytes);
    free(l.state);
    free(l.result);
    free(l.scans);
    return rc;
}
