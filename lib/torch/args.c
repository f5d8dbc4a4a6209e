/* args.c: see context.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "torch/context.h"

int torch_fail(struct import *c, const char *fmt, ...)
{
    char text[1000];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return err_set(c->err, "line %u: %.100s: %s", c->p->line, c->p->op, text);
}

int torch_issue(struct import *c, const char *fmt, ...)
{
    char text[1000];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    issues_add(&c->issues, "line %u: %.100s: %s", c->p->line, c->p->op, text);
    return 0;
}

/* ---- Python's values ---- */

const Arg *torch_arg(const struct import *c, int i)
{
    const Arg *a = i >= 0 && (size_t)i < c->p->n_args ? c->p->args[i] : NULL;

    return a == NULL || a->kind == ARG_NONE ? NULL : a;
}

bool torch_none(const struct import *c, int i)
{
    return torch_arg(c, i) == NULL;
}

static double number_of(const Arg *a)
{
    return a == NULL ? 0 : a->kind == ARG_NUMBER ? a->f : (double)a->i;
}

int64_t torch_int(const struct import *c, int i)
{
    const Arg *a = torch_arg(c, i);

    return a == NULL ? 0 : a->i;
}

double torch_number(const struct import *c, int i)
{
    return number_of(torch_arg(c, i));
}

const char *torch_string(const struct import *c, int i)
{
    const Arg *a = torch_arg(c, i);

    return a == NULL ? "" : a->s;
}

int torch_ints(const struct import *c, int i, int64_t *out, int max)
{
    const Arg *a = torch_arg(c, i);
    int n = 0;

    for (; a != NULL && (size_t)n < a->n_list && n < max; n++)
        out[n] = a->list[n]->i;
    return n;
}

/* ---- tensors ---- */

static const TraceValue *described(const struct import *c, int i)
{
    const Arg *a = torch_arg(c, i);

    return a == NULL || a->kind != ARG_VALUE ? NULL : c->trace->values[a->value];
}

struct shape torch_dims(const struct import *c, int i)
{
    const TraceValue *v = described(c, i);

    return v == NULL ? shape_unknown() : source_shape(v);
}

enum dtype torch_type(const struct import *c, int i)
{
    const TraceValue *v = described(c, i);

    return v == NULL ? DT_NONE : (enum dtype)v->dtype;
}

struct shape torch_result_dims(const struct import *c, int i)
{
    return source_shape(c->trace->values[c->p->results[i]]);
}

enum dtype torch_result_type(const struct import *c, int i)
{
    return (enum dtype)c->trace->values[c->p->results[i]]->dtype;
}

static struct value *weight(struct import *c, uint32_t i)
{
    const TraceValue *v = c->trace->values[i];
    const char *name = names_unique(&c->used, &c->m->arena, v->name);
    struct value *out = value_new(c->m, name, (enum dtype)v->dtype, source_shape(v));

    out->constant = arena_alloc(&c->m->arena, sizeof *out->constant);
    *out->constant =
        (struct constant){ .datum = c->data[i], .stored = source_stored(v), .name = name };
    return out;
}

static struct value *literal(struct import *c, const TraceValue *v)
{
    struct shape s = source_shape(v);
    const char *name = names_unique(&c->used, &c->m->arena, "literal");
    bool whole = v->data.len == (size_t)shape_count(&s) * dtype_size((enum dtype)v->dtype);
    struct value *k;

    if (whole)
        return constant_new(c->m, name, (enum dtype)v->dtype, s, v->data.data);
    k = constant_new(c->m, name, (enum dtype)v->dtype, shape_of(0, NULL), v->data.data);
    return torch_step(c, OP_EXPAND, 2, (struct value *[]){ k, torch_const_ints(c, s.dim, s.rank) });
}

struct value *torch_value(struct import *c, const Arg *a)
{
    const TraceValue *v;
    struct value **p;

    if (a == NULL || a->kind != ARG_VALUE) {
        torch_fail(c, "a tensor is missing");
        return NULL;
    }
    v = c->trace->values[a->value];
    p = &c->values[a->value];
    if (*p == NULL && v->kind == VALUE_STATE)
        *p = weight(c, a->value);
    else if (*p == NULL && v->kind == VALUE_LITERAL)
        *p = literal(c, v);
    else if (*p == NULL)
        err_set(c->err, "the trace is damaged: value %u is read before it is written", a->value);
    return *p;
}

struct value *torch_in(struct import *c, int i)
{
    return torch_value(c, torch_arg(c, i));
}

struct value *torch_optional(struct import *c, int i)
{
    return torch_none(c, i) ? NULL : torch_in(c, i);
}

struct value *torch_operand(struct import *c, int i, enum dtype t)
{
    const Arg *a = torch_arg(c, i);

    return a == NULL || a->kind == ARG_VALUE ? torch_in(c, i) : torch_const(c, t, number_of(a));
}

bool torch_is_filled(const struct import *c, const Arg *a, double with)
{
    const TraceValue *v = a == NULL || a->kind != ARG_VALUE ? NULL : c->trace->values[a->value];
    struct tensor t;

    if (v == NULL || v->kind != VALUE_LITERAL || v->data.len != dtype_size((enum dtype)v->dtype))
        return false;
    t = (struct tensor){ .dtype = (enum dtype)v->dtype, .shape = shape_of(0, NULL) };
    t.data = arena_copy(&c->m->arena, v->data.data, v->data.len);
    return tensor_get(&t, 0) == with;
}
