/* scan.c: Scan-16, and Scan-8, whose tensors have a batch dim in front: import notes that as the attribute
 * `batched`.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "op/rows.h"

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
    struct rows *states; /* final states, one row a batch entry */
    struct rows *rows;
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
        /* (while inferring, a free batch counts as 1) */
        if (s->batched && i > 0 && !c->infer && s->batch != x->dim[0])
            return call_fail(c, "batches of %lld and %lld", (long long)s->batch,
                             (long long)x->dim[0]);
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
        if (i >= s->nstate && y.rank + 1 + s->batched > RANK_MAX)
            return call_unsupported(c, "a scan output of rank %d", y.rank + 1 + s->batched);
        if (i >= s->nstate && y.rank < 0) {
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
        s->out[i] = (struct tensor){ 0 };
    }
    for (int i = 0; i < s->nrow; i++) {
        if (rows_add(c, &s->rows[i], &s->out[s->nstate + i], i) < 0)
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
                rc = rows_add(c, &s->states[i], &s->in[i], i);
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
        struct rows *from = state ? &s->states[i] : &s->rows[i - s->nstate];
        int k = 32 + i - s->nstate;

        if (state && !s->batched) {
            struct tensor t = from->row;

            t.cl = false;
            t.data = from->bytes.data;
            if (rows_state(c, i, &t) < 0)
                return -1;
            continue;
        }
        if (rows_output(c, i, from, s->body->out[i], state || s->batched ? 0 : s->axis[k],
                        !state && !s->batched && s->back[k]) < 0)
            return -1;
        if (!state && s->batched && i < c->nout && c->out[i] != NULL) {
            struct shape *y = &c->out[i]->shape;

            if (y->rank == RANK_MAX)
                return call_unsupported(c, "a scan output of rank %d", y->rank + 1);
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
    s.states = NEW_ARRAY(struct rows, (size_t)s.nstate);
    s.rows = NEW_ARRAY(struct rows, (size_t)s.nrow);
    s.whole = NEW_ARRAY(struct tensor, (size_t)s.nslice);
    if (c->infer) {
        rc = sweep_infer(c, &s);
    } else {
        for (int i = 0; i < s.nslice; i++)
            s.whole[i] = axis_first(c->in[s.nstate + i], s.axis[i], s.batched);
        if (sweep_run(c, &s) == 0)
            rc = sweep_outputs(c, &s);
        for (int i = 0; i < s.body->nout; i++) /* what an error left */
            c->ops->drop(c, &s.out[i]);
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
