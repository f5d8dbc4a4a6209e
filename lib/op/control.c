/* control.c: If-16, Loop-16 and Scan-16 (and Scan-8, whose tensors have a batch dim in front: import
 * notes that as the attribute `batched`).
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/op.h"

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
    if (!call_has_data(c, 0))
        return c->infer ? if_infer(c, yes->graph, no->graph) : call_fail(c, "no condition");
    if (shape_count(&c->in[0]->shape) != 1)
        return call_fail(c, "the condition has not one element");
    taken = tensor_get(c->in[0], 0) != 0;
    return c->ops->subgraph(c, taken ? yes->graph : no->graph, NULL, 0, c->out, c->nout);
}

enum { TRIPS_MAX = 1000000 };

/* Collects one scan output: rows of equal shape, one an iteration. */
struct scan {
    struct tensor row; /* shape and type of a row; DT_NONE before the first */
    int64_t rows;
    struct buf bytes;
};

static int scan_add(struct call *c, struct scan *s, const struct tensor *t, int i)
{
    size_t size = tensor_size(t);

    if (s->rows++ > 0 && !shape_equal(&s->row.shape, &t->shape))
        return call_fail(c, "scan output %d changes its shape", i);
    s->row = *t;
    s->row.data = NULL;
    if (t->cl && size > 0) {
        void *plain = mem_alloc(size);

        layout_from_cl(plain, t->data, &t->shape, dtype_size(t->dtype));
        buf_put(&s->bytes, plain, size);
        free(plain);
    } else if (size > 0) {
        buf_put(&s->bytes, t->data, size);
    }
    return 0;
}

struct loop {
    const struct graph *body;
    int nstate, nscan;
    struct tensor *state;  /* [2 + nstate]: trip, condition, carried values: the body's inputs */
    struct tensor *result; /* [1 + nstate + nscan]: the body's outputs */
    struct scan *scans;
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
        }
        for (int i = 0; i < l->nscan; i++) {
            if (scan_add(c, &l->scans[i], &l->result[1 + l->nstate + i], i) < 0)
                return -1;
            c->ops->drop(c, &l->result[1 + l->nstate + i]);
        }
    }
    return 0;
}

static int state_output(struct call *c, int i, const struct tensor *s)
{
    void *y;

    if (i >= c->nout || c->out[i] == NULL)
        return 0;
    y = call_out(c, i, s->dtype, &s->shape, s->cl);
    if (y != NULL && tensor_size(s) > 0)
        memcpy(y, s->data, tensor_size(s));
    return call_end(c);
}

/* Output i: the rows that were collected, along a new dim `axis`, last first where reversed. Without
 * rows the body's declaration tells the rest of the shape. */
static int scan_output(struct call *c, int i, const struct scan *s, const struct value *declared,
                       int64_t axis, bool reversed)
{
    size_t each = tensor_size(&s->row), inner;
    bool any = s->row.dtype != DT_NONE;
    struct shape row = any ? s->row.shape : declared->shape, y = { .rank = row.rank + 1 };
    int64_t outer;
    char *p;

    if (i >= c->nout || c->out[i] == NULL)
        return 0;
    if (y.rank < 1 || y.rank > RANK_MAX || (!any && declared->dtype == DT_NONE))
        return call_unsupported(c, "a scan output of rank %d or of no iterations", y.rank);
    axis = call_axis(c, axis, y.rank);
    if (axis < 0)
        return -1;
    for (int d = 0, from = 0; d < y.rank; d++)
        y.dim[d] = d == axis ? s->rows : row.dim[from] < 0 ? (from++, 0) : row.dim[from++];
    p = call_out(c, i, any ? s->row.dtype : declared->dtype, &y, false);
    if (p == NULL || shape_count(&y) == 0)
        return call_end(c);
    outer = 1;
    for (int d = 0; d < axis; d++)
        outer *= y.dim[d];
    inner = outer > 0 ? each / (size_t)outer : 0;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t r = 0; r < s->rows; r++) {
            int64_t from = reversed ? s->rows - 1 - r : r;

            memcpy(p + (size_t)(o * s->rows + r) * inner,
                   s->bytes.data + (size_t)from * each + (size_t)o * inner, inner);
        }
    return 0;
}

static int loop_outputs(struct call *c, struct loop *l)
{
    for (int i = 0; i < l->nstate; i++)
        if (state_output(c, i, &l->state[2 + i]) < 0)
            return -1;
    for (int i = 0; i < l->nscan; i++)
        if (scan_output(c, l->nstate + i, &l->scans[i], l->body->out[1 + l->nstate + i], 0, false) <
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

    if (body == NULL || body->type != ATTR_GRAPH || body->graph->nin != c->nin || l.nstate > 60)
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
    l.scans = NEW_ARRAY(struct scan, (size_t)l.nscan);
    for (int i = 0; i < l.nstate; i++) {
        l.state[2 + i] = *c->in[2 + i];
        c->ops->hold(c, &l.state[2 + i]);
    }
    if (loop_trips(c, &l, most, !call_has(c, 1) || tensor_get(c->in[1], 0) != 0) == 0)
        rc = loop_outputs(c, &l);
    for (int i = 0; i < l.nstate; i++)
        c->ops->drop(c, &l.state[2 + i]);
    for (int i = 0; i < l.nscan; i++)
        buf_release(&l.scans[i].bytes);
    free(l.state);
    free(l.result);
    free(l.scans);
    return rc;
}

/* One Scan: body (states, slices) -> (states, rows). */
struct sweep {
    const struct graph *body;
    int nstate, nslice, nrow;
    bool batched;
    int64_t batch, steps;
    int64_t axis[64];    /* of each scan input; then of each scan output */
    bool back[64];       /* its direction */
    struct tensor *in;   /* the body's inputs: states and slices */
    struct tensor *out;  /* and what it gives */
    struct scan *states; /* final states, one row a batch entry */
    struct scan *rows;
    struct tensor *whole; /* the scan inputs, their axis first */
};

static void read_list(const struct node *n, const char *axes, const char *directions, int count,
                      int64_t *axis, bool *back)
{
    int64_t list[64] = { 0 };

    attr_ints(n, axes, axis, count);
    attr_ints(n, directions, list, count);
    for (int i = 0; i < count; i++)
        back[i] = list[i] != 0;
}

static int sweep_init(struct call *c, struct sweep *s)
{
    const struct attr *body = attr_find(c->node, "body");

    *s = (struct sweep){ .batched = attr_int(c->node, "batched", 0) != 0, .batch = 1, .steps = -1 };
    s->nslice = (int)attr_int(c->node, "num_scan_inputs", 0);
    s->nstate = c->nin - s->nslice;
    if (body == NULL || body->type != ATTR_GRAPH || s->nslice < 1 || s->nstate < 0 ||
        body->graph->nin != c->nin || body->graph->nout < s->nstate || c->nin > 32 ||
        body->graph->nout > 32)
        return call_fail(c, "the body does not fit the inputs");
    s->body = body->graph;
    s->nrow = s->body->nout - s->nstate;
    read_list(c->node, "scan_input_axes", s->batched ? "directions" : "scan_input_directions",
              s->nslice, s->axis, s->back);
    read_list(c->node, "scan_output_axes", "scan_output_directions", s->nrow, s->axis + 32,
              s->back + 32);
    for (int i = 0; i < c->nin; i++) {
        const struct shape *x = &c->in[i]->shape;
        int k = i - s->nstate;

        if (x->rank < s->batched + (k >= 0))
            return call_fail(c, "input %d of rank %d", i, x->rank);
        if (s->batched)
            s->batch = x->dim[0];
        if (k < 0)
            continue;
        s->axis[k] = s->batched ? 1 : call_axis(c, s->axis[k], x->rank);
        if (s->axis[k] < 0)
            return -1;
        if (s->steps >= 0 && s->steps != x->dim[s->axis[k]])
            return call_fail(c, "scan inputs of %lld and %lld steps", (long long)s->steps,
                             (long long)x->dim[s->axis[k]]);
        s->steps = x->dim[s->axis[k]];
    }
    return 0;
}

/* The shape of one slice, or of one batch entry's state. */
static struct shape inner_shape(const struct sweep *s, const struct tensor *x, int i)
{
    struct shape r = { 0 };

    for (int d = 0; d < x->shape.rank; d++)
        if (!(s->batched && d == 0) && !(i >= s->nstate && d == s->axis[i - s->nstate]))
            r.dim[r.rank++] = x->shape.dim[d];
    return r;
}

/* The body is inferred once: states keep their shapes. */
static int sweep_infer(struct call *c, struct sweep *s)
{
    const struct tensor *in[32];
    struct tensor *out[32];

    for (int i = 0; i < c->nin; i++) {
        s->in[i] =
            (struct tensor){ .dtype = c->in[i]->dtype, .shape = inner_shape(s, c->in[i], i) };
        in[i] = &s->in[i];
    }
    for (int i = 0; i < s->body->nout; i++) {
        s->out[i].shape = shape_unknown();
        out[i] = &s->out[i];
    }
    if (c->ops->subgraph == NULL ||
        c->ops->subgraph(c, s->body, in, c->nin, out, s->body->nout) < 0)
        return c->ops->subgraph == NULL ? 0 : -1;
    for (int i = 0; i < s->body->nout && i < c->nout; i++) {
        struct shape y = i < s->nstate ? c->in[i]->shape : s->out[i].shape;
        int64_t axis = i < s->nstate ? 0 : s->axis[32 + i - s->nstate];

        if (c->out[i] == NULL)
            continue;
        if (i >= s->nstate && (y.rank < 0 || y.rank + 1 + s->batched > RANK_MAX)) {
            call_unknown(c, i, s->out[i].dtype);
            continue;
        }
        if (i >= s->nstate) {
            axis = s->batched ? 1 : axis < 0 ? axis + y.rank + 1 : axis;
            if (axis < 0 || axis > y.rank + s->batched)
                return call_fail(c, "scan_output_axes");
            if (s->batched) {
                memmove(y.dim + 1, y.dim, (size_t)y.rank++ * sizeof *y.dim);
                y.dim[0] = s->batch;
            }
            memmove(y.dim + axis + 1, y.dim + axis, (size_t)(y.rank - axis) * sizeof *y.dim);
            y.dim[axis] = s->steps;
            y.rank++;
        }
        c->out[i]->dtype = s->out[i].dtype;
        c->out[i]->shape = y;
    }
    return call_end(c);
}

/* A scan input with its axis in front, so that its slices are neighbours; (batch, axis, …) stays. */
static struct tensor axis_first(const struct tensor *x, int64_t axis, bool batched)
{
    struct tensor t = *x;
    size_t inner = dtype_size(x->dtype);
    int64_t outer = 1, n = x->shape.dim[axis];
    char *to;

    t.block = NULL;
    if (batched || axis == 0 || tensor_size(x) == 0)
        return t;
    for (int64_t d = 0; d < axis; d++)
        outer *= x->shape.dim[d];
    for (int d = (int)axis + 1; d < x->shape.rank; d++)
        inner *= (size_t)x->shape.dim[d];
    t.data = to = mem_alloc(tensor_size(x));
    for (int64_t k = 0; k < n; k++)
        for (int64_t o = 0; o < outer; o++, to += inner)
            memcpy(to, (const char *)x->data + (size_t)(o * n + k) * inner, inner);
    return t;
}

static int sweep_step(struct call *c, struct sweep *s, int64_t b, int64_t t)
{
    const struct tensor *in[32];
    struct tensor *out[32];

    for (int i = 0; i < c->nin; i++) {
        int k = i - s->nstate;

        if (k >= 0) {
            const struct tensor *x = &s->whole[k];
            struct shape each = inner_shape(s, c->in[i], i);
            int64_t at = b * s->steps + (s->back[k] ? s->steps - 1 - t : t);

            s->in[i] = (struct tensor){ .dtype = x->dtype, .shape = each };
            s->in[i].data = (char *)x->data + (size_t)at * tensor_size(&s->in[i]);
        }
        in[i] = &s->in[i];
    }
    for (int i = 0; i < s->body->nout; i++) {
        s->out[i] = (struct tensor){ 0 };
        out[i] = &s->out[i];
    }
    if (c->ops->subgraph(c, s->body, in, c->nin, out, s->body->nout) < 0)
        return -1;
    for (int i = 0; i < s->nstate; i++) {
        c->ops->drop(c, &s->in[i]);
        s->in[i] = s->out[i];
    }
    for (int i = 0; i < s->nrow; i++) {
        if (scan_add(c, &s->rows[i], &s->out[s->nstate + i], i) < 0)
            return -1;
        c->ops->drop(c, &s->out[s->nstate + i]);
    }
    return 0;
}

static int sweep_run(struct call *c, struct sweep *s)
{
    for (int64_t b = 0; b < s->batch; b++) {
        int rc = 0;

        for (int i = 0; i < s->nstate; i++) {
            s->in[i] = *c->in[i];
            s->in[i].shape = inner_shape(s, c->in[i], i);
            s->in[i].data = (char *)c->in[i]->data + (size_t)b * tensor_size(&s->in[i]);
            c->ops->hold(c, &s->in[i]);
        }
        for (int64_t t = 0; t < s->steps && rc == 0; t++)
            rc = sweep_step(c, s, b, t);
        for (int i = 0; i < s->nstate; i++) {
            if (rc == 0)
                rc = scan_add(c, &s->states[i], &s->in[i], i);
            c->ops->drop(c, &s->in[i]);
        }
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* With a batch the rows lie batch by batch: (batch * steps, …) is seen as (batch, steps, …). */
static int sweep_outputs(struct call *c, struct sweep *s)
{
    for (int i = 0; i < s->body->nout; i++) {
        bool state = i < s->nstate;
        struct scan *from = state ? &s->states[i] : &s->rows[i - s->nstate];
        int k = 32 + i - s->nstate;

        if (state && !s->batched) {
            struct tensor t = from->row;

            t.cl = false;
            t.data = from->bytes.data;
            if (state_output(c, i, &t) < 0)
                return -1;
            continue;
        }
        if (scan_output(c, i, from, s->body->out[i], state || s->batched ? 0 : s->axis[k],
                        !state && !s->batched && s->back[k]) < 0)
            return -1;
        if (!state && s->batched && i < c->nout && c->out[i] != NULL) {
            struct shape *y = &c->out[i]->shape;

            memmove(y->dim + 1, y->dim, (size_t)y->rank++ * sizeof *y->dim);
            y->dim[0] = s->batch;
            y->dim[1] = s->steps;
        }
    }
    return call_end(c);
}

int op_scan(struct call *c)
{
    struct sweep s;
    int rc = -1;

    if (sweep_init(c, &s) < 0)
        return -1;
    s.in = NEW_ARRAY(struct tensor, (size_t)c->nin);
    s.out = NEW_ARRAY(struct tensor, (size_t)s.body->nout);
    s.states = NEW_ARRAY(struct scan, (size_t)s.nstate);
    s.rows = NEW_ARRAY(struct scan, (size_t)s.nrow);
    s.whole = NEW_ARRAY(struct tensor, (size_t)s.nslice);
    if (c->infer) {
        rc = sweep_infer(c, &s);
    } else {
        for (int i = 0; i < s.nslice; i++)
            s.whole[i] = axis_first(c->in[s.nstate + i], s.axis[i], s.batched);
        if (sweep_run(c, &s) == 0)
            rc = sweep_outputs(c, &s);
        for (int i = 0; i < s.nslice; i++)
            if (s.whole[i].data != c->in[s.nstate + i]->data)
                free(s.whole[i].data);
    }
    for (int i = 0; i < s.nstate; i++)
        buf_release(&s.states[i].bytes);
    for (int i = 0; i < s.nrow; i++)
        buf_release(&s.rows[i].bytes);
    free(s.in);
    free(s.out);
    free(s.states);
    free(s.rows);
    free(s.whole);
    return rc;
}
