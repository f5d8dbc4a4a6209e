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

enum { NONE, VALUE, INTEGER, NUMBER, BOOL, STRING, LIST };

const Arg *torch_arg(const struct import *c, int i)
{
    const Arg *a = i >= 0 && (size_t)i < c->p->n_args ? c->p->args[i] : NULL;

    return a == NULL || a->kind == NONE ? NULL : a;
}

bool torch_none(const struct import *c, int i)
{
    return torch_arg(c, i) == NULL;
}

static double number_of(const Arg *a)
{
    return a == NULL ? 0 : a->kind == NUMBER ? a->f : (double)a->i;
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

static struct shape shape_in(const TraceValue *v)
{
    return shape_of((int)v->n_dims, v->dims);
}

static const TraceValue *described(const struct import *c, int i)
{
    const Arg *a = torch_arg(c, i);

    return a == NULL || a->kind != VALUE ? NULL : c->trace->values[a->value];
}

struct shape torch_dims(const struct import *c, int i)
{
    const TraceValue *v = described(c, i);

    return v == NULL ? shape_unknown() : shape_in(v);
}

enum dtype torch_type(const struct import *c, int i)
{
    const TraceValue *v = described(c, i);

    return v == NULL ? DT_NONE : (enum dtype)v->dtype;
}

struct shape torch_result_dims(const struct import *c, int i)
{
    return shape_in(c->trace->values[c->p->results[i]]);
}

enum dtype torch_result_type(const struct import *c, int i)
{
    return (enum dtype)c->trace->values[c->p->results[i]]->dtype;
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

static struct value *weight(struct import *c, const TraceValue *v)
{
    struct shape s = shape_in(v);
    const struct torch_tensor *t;
    enum dtype dtype = (enum dtype)v->dtype;
    struct value *out;
    struct constant *k;

    if (v->tensor >= (uint32_t)c->state->n ||
        shape_count(&c->state->tensors[v->tensor].shape) != shape_count(&s)) {
        err_set(c->err, "the trace is damaged: weight %.200s", v->name);
        return NULL;
    }
    t = &c->state->tensors[v->tensor];
    out = value_new(c->m, names_unique(&c->used, &c->m->arena, v->name), dtype, s);
    k = arena_alloc(&c->m->arena, sizeof *k);
    *k = (struct constant){ .stored = dtype, .name = out->name };
    if (t->dtype == dtype || (dtype == DT_F32 && (t->dtype == DT_F16 || t->dtype == DT_BF16))) {
        k->stored = t->dtype;
        k->datum = datum_add(c->m, t->data, t->size);
    } else {
        k->datum =
            datum_add(c->m, converted(c, t, dtype), (uint64_t)shape_count(&s) * dtype_size(dtype));
    }
    out->constant = k;
    return out;
}

static struct value *literal(struct import *c, const TraceValue *v)
{
    struct shape s = shape_in(v);
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
    enum { INPUT = 1, STATE, LITERAL };
    const TraceValue *v;
    struct value **p;

    if (a == NULL || a->kind != VALUE) {
        torch_fail(c, "a tensor is missing");
        return NULL;
    }
    v = c->trace->values[a->value];
    p = &c->values[a->value];
    if (*p == NULL && v->kind == STATE)
        *p = weight(c, v);
    else if (*p == NULL && v->kind == LITERAL)
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

    return a == NULL || a->kind == VALUE ? torch_in(c, i) : torch_const(c, t, number_of(a));
}

bool torch_is_filled(const struct import *c, const Arg *a, double with)
{
    const TraceValue *v = a == NULL || a->kind != VALUE ? NULL : c->trace->values[a->value];
    struct tensor t;

    if (v == NULL || v->kind != 3 || v->data.len != dtype_size((enum dtype)v->dtype))
        return false;
    t = (struct tensor){ .dtype = (enum dtype)v->dtype, .shape = shape_of(0, NULL) };
    t.data = arena_copy(&c->m->arena, v->data.data, v->data.len);
    return tensor_get(&t, 0) == with;
}
