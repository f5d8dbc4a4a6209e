/* source.c: see source.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "torch/source.h"

static int damaged(struct err *e, const char *what, size_t at)
{
    return err_set(e, "the trace is damaged: %s %zu", what, at);
}

static bool type_fits(uint32_t t)
{
    return t == DT_BOOL || t == DT_BF16 || dtype_is_float((enum dtype)t) ||
           (t >= DT_U8 && t <= DT_I64);
}

struct shape source_shape(const TraceValue *v)
{
    return shape_of((int)v->n_dims, v->dims);
}

enum dtype source_stored(const TraceValue *v)
{
    return v->dtype == DT_F32 && (v->stored == DT_F16 || v->stored == DT_BF16)
               ? (enum dtype)v->stored
               : (enum dtype)v->dtype;
}

static bool value_fits(const TraceValue *v, uint32_t ntensors)
{
    struct shape s;
    int64_t n;

    if (v->kind > VALUE_LITERAL || v->n_dims > RANK_MAX || !type_fits(v->dtype))
        return false;
    s = source_shape(v);
    n = shape_count(&s);
    for (size_t i = 0; i < v->n_dims; i++)
        if (v->dims[i] < 0)
            return false;
    if (n < 0 || (v->kind == VALUE_STATE && v->tensor >= ntensors))
        return false;
    return v->kind != VALUE_LITERAL ||
           v->data.len == (uint64_t)n * dtype_size((enum dtype)v->dtype) ||
           v->data.len == dtype_size((enum dtype)v->dtype);
}

static bool arg_fits(const Trace *t, const Arg *a)
{
    if (a->kind > ARG_LIST || (a->kind == ARG_VALUE && a->value >= t->n_values))
        return false;
    for (size_t i = 0; i < a->n_list; i++)
        if (!arg_fits(t, a->list[i]))
            return false;
    return true;
}

static int check_calls(const Trace *t, bool *written, struct err *e)
{
    for (size_t i = 0; i < t->n_calls; i++) {
        const Call *p = t->calls[i];

        for (size_t k = 0; k < p->n_args; k++)
            if (!arg_fits(t, p->args[k]))
                return damaged(e, "argument of call", i);
        for (size_t k = 0; k < p->n_results; k++) {
            if (p->results[k] >= t->n_values || t->values[p->results[k]]->kind != VALUE_RESULT ||
                written[p->results[k]])
                return damaged(e, "result of call", i);
            written[p->results[k]] = true;
        }
        if (p->n_results == 0)
            return damaged(e, "call", i);
    }
    return 0;
}

int source_check(const Trace *t, uint32_t ntensors, struct err *e)
{
    bool *written;
    int rc;

    for (size_t i = 0; i < t->n_values; i++)
        if (!value_fits(t->values[i], ntensors))
            return damaged(e, "value", i);
    for (size_t i = 0; i < t->n_outputs; i++)
        if (t->outputs[i]->value >= t->n_values)
            return damaged(e, "output", i);
    if (t->n_outputs == 0)
        return damaged(e, "outputs:", 0);
    written = NEW_ARRAY(bool, t->n_values + 1);
    rc = check_calls(t, written, e);
    free(written);
    return rc;
}

static int by_tensor(const void *a, const void *b)
{
    const TraceValue *x = *(const TraceValue *const *)a, *y = *(const TraceValue *const *)b;

    return x->tensor < y->tensor ? -1 : x->tensor > y->tensor;
}

int *source_data(const Trace *t, struct arena *a, int *n)
{
    int *data = arena_alloc(a, (t->n_values + 1) * sizeof *data);
    const TraceValue **sorted = NEW_ARRAY(const TraceValue *, t->n_values + 1);
    int *first;
    size_t count = 0;

    *n = 0;
    for (size_t i = 0; i < t->n_values; i++)
        if (t->values[i]->kind == VALUE_STATE)
            sorted[count++] = t->values[i];
    qsort(sorted, count, sizeof *sorted, by_tensor);
    first = NEW_ARRAY(int, count + 1); /* by place in sorted: the datum, plus one */
    for (size_t i = 0; i < t->n_values; i++) {
        const TraceValue *v = t->values[i], **at;

        data[i] = -1;
        if (v->kind != VALUE_STATE)
            continue;
        at = bsearch(&v, sorted, count, sizeof *sorted, by_tensor);
        while (at > sorted && by_tensor(at - 1, at) == 0)
            at--;
        if (first[at - sorted] == 0)
            first[at - sorted] = ++*n;
        data[i] = first[at - sorted] - 1;
    }
    free(first);
    free(sorted);
    return data;
}
