/* import.c: see import.h. The trace is kept as the model's SOURCE; a node's ordinal is its call's.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "torch/context.h"
#include "torch/import.h"
#include "torch/trace.h"

enum { RESULT, INPUT, STATE, LITERAL };

/* ---- is the trace what it should be? ---- */

static int damaged(struct import *c, const char *what, size_t at)
{
    return err_set(c->err, "the trace is damaged: %s %zu", what, at);
}

static bool type_fits(uint32_t t)
{
    return t == DT_BOOL || t == DT_BF16 || dtype_is_float((enum dtype)t) ||
           (t >= DT_U8 && t <= DT_I64);
}

static bool value_fits(const struct import *c, const TraceValue *v)
{
    struct shape s;
    int64_t n;

    if (v->kind > LITERAL || v->n_dims > RANK_MAX || !type_fits(v->dtype))
        return false;
    s = shape_of((int)v->n_dims, v->dims);
    n = shape_count(&s);
    for (size_t i = 0; i < v->n_dims; i++)
        if (v->dims[i] < 0)
            return false;
    if (n < 0 || (v->kind == STATE && v->tensor >= (uint32_t)c->state->n))
        return false;
    return v->kind != LITERAL || v->data.len == (uint64_t)n * dtype_size((enum dtype)v->dtype) ||
           v->data.len == dtype_size((enum dtype)v->dtype);
}

static bool arg_fits(const struct import *c, const Arg *a)
{
    if (a->kind > 6 || (a->kind == 1 && a->value >= c->trace->n_values))
        return false;
    for (size_t i = 0; i < a->n_list; i++)
        if (!arg_fits(c, a->list[i]))
            return false;
    return true;
}

static int check(struct import *c, const struct weights *w)
{
    const Dopt__Trace__Trace *t = c->trace;
    bool *written = arena_alloc(&c->m->arena, t->n_values + 1);

    if (t->state >= (uint32_t)w->n)
        return damaged(c, "state", t->state);
    c->state = &w->states[t->state];
    for (size_t i = 0; i < t->n_values; i++)
        if (!value_fits(c, t->values[i]))
            return damaged(c, "value", i);
    for (size_t i = 0; i < t->n_calls; i++) {
        const Call *p = t->calls[i];

        for (size_t k = 0; k < p->n_args; k++)
            if (!arg_fits(c, p->args[k]))
                return damaged(c, "argument of call", i);
        for (size_t k = 0; k < p->n_results; k++) {
            if (p->results[k] >= t->n_values || t->values[p->results[k]]->kind != RESULT ||
                written[p->results[k]])
                return damaged(c, "result of call", i);
            written[p->results[k]] = true;
        }
        if (p->n_results == 0)
            return damaged(c, "call", i);
    }
    for (size_t i = 0; i < t->n_outputs; i++)
        if (t->outputs[i]->value >= t->n_values)
            return damaged(c, "output", i);
    return t->n_outputs == 0 ? damaged(c, "outputs:", 0) : 0;
}

/* ---- the graph ---- */

static void add_inputs(struct import *c)
{
    struct graph *g = c->m->graph;

    g->in = arena_alloc(&c->m->arena, c->trace->n_values * sizeof(struct value *));
    for (size_t i = 0; i < c->trace->n_values; i++) {
        const TraceValue *v = c->trace->values[i];

        if (v->kind != INPUT)
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
    model_prune(m, 0);
    return infer_model(m, &c->issues, c->err);
}

static int build(struct import *c, const struct weights *w)
{
    if (check(c, w) < 0)
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
