/* call.c: what kernels use to read their inputs and declare their outputs; see op.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "op/op.h"

static char empty_output[64]; /* the address of an output without elements */

static void *declare(struct call *c, int i, enum dtype dtype, const struct shape *shape, bool cl,
                     int over)
{
    struct tensor *t;
    int64_t count = shape_count(shape);

    if (i >= c->nout || c->out[i] == NULL || c->failed)
        return NULL;
    t = c->out[i];
    t->dtype = dtype;
    t->shape = *shape;
    t->cl = cl && shape->rank >= 3;
    if (count < 0 || dtype_size(dtype) == 0) {
        char text[200];

        call_fail(c, "output %d would have shape %s of %s", i, shape_text(shape, text),
                  dtype_name(dtype));
        return NULL;
    }
    if (c->infer)
        return NULL;
    if (count == 0) {
        t->data = empty_output;
        return empty_output;
    }
    if (!c->ops->alloc(c, t, over)) {
        c->failed = true;
        return NULL;
    }
    return t->data;
}

void *call_out(struct call *c, int i, enum dtype dtype, const struct shape *shape, bool cl)
{
    return declare(c, i, dtype, shape, cl, -1);
}

void *call_out_over(struct call *c, int i, enum dtype dtype, const struct shape *shape, bool cl,
                    int over)
{
    return declare(c, i, dtype, shape, cl, over);
}

int call_view(struct call *c, int i, int k, enum dtype dtype, const struct shape *shape, bool cl)
{
    struct tensor *t = c->out[i];

    if (t == NULL)
        return 0;
    t->dtype = dtype;
    t->shape = *shape;
    t->cl = cl && shape->rank >= 3;
    if (!c->infer)
        c->ops->view(c, t, c->in[k]);
    else
        t->data = c->in[k]->data; /* known contents stay known */
    return 0;
}

int call_unknown(struct call *c, int i, enum dtype dtype)
{
    if (i < c->nout && c->out[i] != NULL) {
        c->out[i]->dtype = dtype;
        c->out[i]->shape = shape_unknown();
    }
    return call_end(c);
}

bool call_arena_alloc(struct call *c, struct tensor *out, int over)
{
    (void)over;
    out->data = arena_alloc(c->arena, tensor_size(out));
    return true;
}

void call_arena_view(struct call *c, struct tensor *out, const struct tensor *in)
{
    (void)c;
    out->data = in->data;
}

void *call_arena_scratch(struct call *c, size_t size)
{
    return arena_alloc(c->arena, size);
}

int call_end(const struct call *c)
{
    return c->failed ? -1 : 0;
}

int call_fail(struct call *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    err_vset(c->err, ERR_INPUT, fmt, ap);
    va_end(ap);
    c->failed = true;
    return -1;
}

int call_unsupported(struct call *c, const char *fmt, ...)
{
    char msg[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    c->failed = true;
    return err_unsupported(c->err, "%s: unsupported", msg);
}

bool call_has(const struct call *c, int i)
{
    return i < c->nin && c->in[i] != NULL;
}

bool call_has_data(const struct call *c, int i)
{
    return call_has(c, i) && (c->in[i]->data != NULL || shape_count(&c->in[i]->shape) == 0);
}

bool call_ints(struct call *c, int i, int64_t *out, int max, int *n)
{
    int64_t count;

    *n = -1;
    if (!call_has(c, i))
        return false;
    count = shape_count(&c->in[i]->shape);
    if (count < 0 || !call_has_data(c, i))
        return false;
    if (count > max) {
        call_fail(c, "input %d has %lld elements, at most %d make sense", i, (long long)count, max);
        return false;
    }
    *n = (int)count;
    for (int k = 0; k < *n; k++)
        out[k] = tensor_get_int(c->in[i], (size_t)k);
    return true;
}

int call_residual(struct call *c, void *out, const struct shape *shape)
{
    if (c->residual == NULL)
        return 0;
    if (!shape_equal(&c->residual->shape, shape))
        return call_fail(c, "the tensor added to the result has another shape");
    if (c->residual->data != out)
        memcpy(out, c->residual->data, tensor_size(c->residual));
    return 0;
}

int call_axis(struct call *c, int64_t axis, int rank)
{
    if (axis < -rank || axis >= rank)
        return call_fail(c, "axis %lld is outside a tensor of rank %d", (long long)axis, rank);
    return (int)(axis < 0 ? axis + rank : axis);
}

int call_word(struct call *c, const char *name, const char *const *list, int n, int absent)
{
    const char *s = attr_string(c->node, name, list[absent]);

    for (int i = 0; i < n; i++)
        if (strcmp(s, list[i]) == 0)
            return i;
    return call_unsupported(c, "%s %s", name, s);
}
