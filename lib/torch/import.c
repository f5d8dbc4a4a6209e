/* import.c: see import.h. The trace is kept as the model's SOURCE; a node's ordinal is its call's.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "torch/context.h"
#include "torch/import.h"
#include "torch/trace.h"

static int damaged(struct import *c, const char *what, size_t at)
{
    return err_set(c->err, "the trace is damaged: %s %zu", what, at);
}

static int check(struct import *c, const struct weights *w)
{
    if (c->trace->state >= (uint32_t)w->n)
        return damaged(c, "state", c->trace->state);
    c->state = &w->states[c->trace->state];
    return source_check(c->trace, (uint32_t)c->state->n, c->err);
}

/* Element by element where the file has another type than the definition. */
static const void *converted(struct import *c, const struct torch_tensor *t, enum dtype to)
{
    struct tensor in = { .dtype = t->dtype, .shape = t->shape, .data = (void *)t->data };
    size_t n = (size_t)shape_count(&t->shape);
    struct tensor out = { .dtype = to, .shape = t->shape };

    out.data = arena_alloc(&c->m->arena, n * dtype_size(to));
    for (size_t i = 0; i < n; i++)
        if (dtype_is_float(to) || dtype_is_float(t->dtype))
            tensor_put(&out, i, tensor_get(&in, i));
        else
            tensor_put_int(&out, i, tensor_get_int(&in, i));
    return out.data;
}

/* All weights, read or not, in front of all other data: they are part of SOURCE. */
static int add_weights(struct import *c)
{
    c->data = source_data(c->trace, &c->m->arena, &c->ndata);
    for (size_t i = 0; i < c->trace->n_values; i++) {
        const TraceValue *v = c->trace->values[i];
        struct shape s = source_shape(v);
        const struct torch_tensor *t;
        enum dtype stored = source_stored(v);

        if (v->kind != VALUE_STATE)
            continue;
        t = &c->state->tensors[v->tensor];
        if (shape_count(&t->shape) != shape_count(&s) || v->stored != t->dtype)
            return damaged(c, "weight", i);
        if (c->data[i] == c->m->ndata)
            datum_add(c->m, t->dtype == stored ? t->data : converted(c, t, stored),
                      (uint64_t)shape_count(&s) * dtype_size(stored));
        else if (c->m->data[c->data[i]].size != (uint64_t)shape_count(&s) * dtype_size(stored))
            return damaged(c, "weight", i);
    }
    return 0;
}

/* ---- the graph ---- */

static void add_inputs(struct import *c)
{
    struct graph *g = c->m->graph;

    g->in = arena_alloc(&c->m->arena, c->trace->n_values * sizeof(struct value *));
    for (size_t i = 0; i < c->trace->n_values; i++) {
        const TraceValue *v = c->trace->values[i];

        if (v->kind != VALUE_INPUT)
            continue;
        c->values[i] = value_new(c->m, names_unique(&c->used, &c->m->arena, v->name),
                                 (enum dtype)v->dtype, shape_of((int)v->n_dims, v->dims));
        g->in[g->nin++] = c->values[i];
    }
}

static int import_call(struct import *c, size_t i)
{
    const struct torch_op *row;

    c->p = c->trace->calls[i];
    c->ordinal = (int)i;
    row = torch_op_find(c->p->op);
    if (row == NULL)
        return torch_issue(c, "no such operator");
    c->op = (enum op_id)row->op;
    if (c->p->n_args < (size_t)row->args)
        return damaged(c, "call", i);
    if (row->import(c, row->op) < 0)
        return err_at(c->err, "%s", c->p->name);
    for (size_t k = 0; k < c->p->n_results && c->issues.n == 0; k++)
        if (c->values[c->p->results[k]] == NULL)
            return damaged(c, "result of call", i);
    return 0;
}

/* Under the names that forward() gives them; one that is an input or a weight gets an Identity. */
static int add_outputs(struct import *c)
{
    static const Call last = { .op = (char *)"return", .name = (char *)"output" };
    struct graph *g = c->m->graph;

    c->p = &last;
    c->ordinal = -1;
    c->op = OP_IDENTITY;
    g->out = arena_alloc(&c->m->arena, c->trace->n_outputs * sizeof(struct value *));
    for (size_t i = 0; i < c->trace->n_outputs; i++) {
        const Arg a = { .kind = 1, .value = c->trace->outputs[i]->value };
        struct value *v = torch_value(c, &a);
        bool taken = v != NULL && (v->producer == NULL || v->constant != NULL);

        for (int k = 0; k < g->nout; k++)
            taken |= g->out[k] == v;
        if (taken)
            v = torch_step(c, OP_IDENTITY, 1, &v);
        if (v == NULL)
            return -1;
        v->name = names_unique(&c->used, &c->m->arena, c->trace->outputs[i]->name);
        g->out[g->nout++] = v;
    }
    return 0;
}

static int optimize(struct import *c)
{
    struct model *m = c->m;

    model_index(m);
    if (fold_constants(m, c->err) < 0)
        return -1;
    fold_affine(m);
    remove_identities(m);
    model_prune(m, c->ndata);
    return infer_model(m, &c->issues, c->err);
}

static int build(struct import *c, const struct weights *w)
{
    if (check(c, w) < 0 || add_weights(c) < 0)
        return -1;
    c->values = arena_alloc(&c->m->arena, (c->trace->n_values + 1) * sizeof(struct value *));
    add_inputs(c);
    for (size_t i = 0; i < c->trace->n_calls; i++) {
        if (import_call(c, i) < 0)
            return -1;
        if (c->issues.n > 0 && torch_op_find(c->p->op) != NULL)
            break; /* what follows would read what is not there */
    }
    if (c->issues.n > 0) {
        for (size_t i = (size_t)c->ordinal + 1; i < c->trace->n_calls; i++)
            if (torch_op_find((c->p = c->trace->calls[i])->op) == NULL)
                torch_issue(c, "no such operator");
        return issues_report(&c->issues, c->err);
    }
    if (add_outputs(c) < 0 || optimize(c) < 0)
        return -1;
    return issues_report(&c->issues, c->err);
}

int torch_build(struct model *m, const void *trace, size_t size, const struct weights *w,
                struct err *e)
{
    struct import c = { .m = m, .err = e };
    int rc = -1;

    m->framework = FRAMEWORK_PYTORCH;
    m->source = trace;
    m->sourcesize = size;
    c.trace = wire_unpack(&dopt__trace__trace__descriptor, trace, size, e);
    if (c.trace == NULL)
        return err_at(e, "the trace is damaged");
    c.infer = infer_new(m, &c.issues, 1);
    if (c.trace->error[0] != '\0')
        (c.trace->status == ERR_UNSUPPORTED ? err_unsupported : err_set)(e, "%s", c.trace->error);
    else
        rc = build(&c, w);
    for (size_t i = 0; rc == 0 && i < c.trace->n_warnings; i++)
        warn("%s", c.trace->warnings[i]);
    dopt__trace__trace__free_unpacked(c.trace, NULL);
    infer_free(c.infer);
    names_release(&c.used);
    names_release(&c.named);
    buf_release(&c.issues.text);
    return rc;
}

int torch_import(struct model *m, const char *path, const struct torch_options *o, struct err *e)
{
    struct buf answer = { 0 };
    struct weights w = { 0 };
    int rc = -1;

    if (weights_read(&w, &m->arena, o->weights, e) < 0) {
        err_at(e, "%s", o->weights_path);
        goto out;
    }
    link_add(m, o->weights_path, o->weights, false);
    if (trace_run(&answer, path, o, &w, e) == 0)
        rc = torch_build(m, arena_copy(&m->arena, answer.data, answer.size), answer.size, &w, e);
    if (rc < 0)
        err_at(e, "%s", path);
out:
    buf_release(&answer);
    weights_release(&w);
    return rc;
}
