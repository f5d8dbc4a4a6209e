/* binary.c: operators of two and more operands with numpy broadcasting, in any memory order.
 * ONNX operators of the same names; integer Div truncates, Mod follows the divisor's sign
 * (fmod = 1: the dividend's).
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "op/strides.h"

/* y[i] = f(a[i * sa], b[i * sb]); sa and sb are 0 or 1 wherever that matters for speed. */
typedef void kernel(void *y, const void *a, const void *b, int64_t n, int64_t sa, int64_t sb);

#define KERNEL(name, in, out, expr)                                                                \
    static void name(void *py, const void *pa, const void *pb, int64_t n, int64_t sa, int64_t sb)  \
    {                                                                                              \
        out *y = py;                                                                               \
        const in *ap = pa, *bp = pb;                                                               \
        if (sa == 1 && sb == 1)                                                                    \
            for (int64_t i = 0; i < n; i++) {                                                      \
                in a = ap[i], b = bp[i];                                                           \
                y[i] = (out)(expr);                                                                \
            }                                                                                      \
        else if (sa == 1 && sb == 0)                                                               \
            for (int64_t i = 0; i < n; i++) {                                                      \
                in a = ap[i], b = *bp;                                                             \
                y[i] = (out)(expr);                                                                \
            }                                                                                      \
        else                                                                                       \
            for (int64_t i = 0; i < n; i++) {                                                      \
                in a = ap[i * sa], b = bp[i * sb];                                                 \
                y[i] = (out)(expr);                                                                \
            }                                                                                      \
    }

static int64_t quotient(int64_t a, int64_t b)
{
    return b == 0 ? 0 : b == -1 ? -a : a / b;
}

static int64_t floor_i64(int64_t a, int64_t b)
{
    int64_t r = b == 0 || b == -1 ? 0 : a % b;

    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static int64_t trunc_i64(int64_t a, int64_t b)
{
    return b == 0 || b == -1 ? 0 : a % b;
}

static float floor_f32(float a, float b)
{
    float r = fmodf(a, b);

    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

#define ARITHMETIC(suffix, type, divide, modulo, power)                                            \
    KERNEL(add_##suffix, type, type, a + b)                                                        \
    KERNEL(sub_##suffix, type, type, a - b)                                                        \
    KERNEL(mul_##suffix, type, type, a *b)                                                         \
    KERNEL(div_##suffix, type, type, divide)                                                       \
    KERNEL(mod_##suffix, type, type, modulo)                                                       \
    KERNEL(pow_##suffix, type, type, power)                                                        \
    KERNEL(min_##suffix, type, type, (a < b || a != a) ? a : b)                                    \
    KERNEL(max_##suffix, type, type, (a > b || a != a) ? a : b)                                    \
    KERNEL(first_##suffix, type, type, ((void)b, a))                                               \
    KERNEL(equal_##suffix, type, uint8_t, a == b)                                                  \
    KERNEL(less_##suffix, type, uint8_t, a < b)                                                    \
    KERNEL(lessequal_##suffix, type, uint8_t, a <= b)                                              \
    KERNEL(greater_##suffix, type, uint8_t, a > b)                                                 \
    KERNEL(greaterequal_##suffix, type, uint8_t, a >= b)

ARITHMETIC(f32, float, a / b, floor_f32(a, b),
           b == 2      ? a * a
           : b == 0.5f ? sqrtf(a)
           : b == 1    ? a
                       : powf(a, b))
ARITHMETIC(f64, double, a / b, a - b * floor(a / b), pow(a, b))
ARITHMETIC(i64, int64_t, quotient(a, b), floor_i64(a, b), pow((double)a, (double)b))
ARITHMETIC(i32, int32_t, quotient(a, b), floor_i64(a, b), pow(a, b))
ARITHMETIC(u8, uint8_t, quotient(a, b), floor_i64(a, b), pow(a, b))
KERNEL(rem_f32, float, float, fmodf(a, b))
KERNEL(rem_i64, int64_t, int64_t, trunc_i64(a, b))
KERNEL(rem_i32, int32_t, int32_t, trunc_i64(a, b))
KERNEL(prelu_f32, float, float, a < 0 ? a * b : a)
KERNEL(and_u8, uint8_t, uint8_t, a &&b)
KERNEL(or_u8, uint8_t, uint8_t, a || b)
KERNEL(xor_u8, uint8_t, uint8_t, !a != !b)

#define ROW(suffix)                                                                                \
    {                                                                                              \
        [OP_ADD] = add_##suffix, [OP_SUB] = sub_##suffix, [OP_MUL] = mul_##suffix,                 \
        [OP_DIV] = div_##suffix, [OP_MOD] = mod_##suffix, [OP_POW] = pow_##suffix,                 \
        [OP_MIN] = min_##suffix, [OP_MAX] = max_##suffix, [OP_SUM] = add_##suffix,                 \
        [OP_MEAN] = add_##suffix, [OP_EQUAL] = equal_##suffix, [OP_LESS] = less_##suffix,          \
        [OP_LESSOREQUAL] = lessequal_##suffix, [OP_GREATER] = greater_##suffix,                    \
        [OP_GREATEROREQUAL] = greaterequal_##suffix, [OP_IDENTITY] = first_##suffix                \
    }

static kernel *const f32[OP_COUNT] = ROW(f32), *const f64[OP_COUNT] = ROW(f64),
                     *const i64[OP_COUNT] = ROW(i64), *const i32[OP_COUNT] = ROW(i32),
                     *const u8[OP_COUNT] = ROW(u8);

static kernel *find(enum op_id id, enum dtype t, bool truncated)
{
    if (id == OP_MOD && truncated)
        return t == DT_F32 ? rem_f32 : t == DT_I64 ? rem_i64 : t == DT_I32 ? rem_i32 : NULL;
    switch (t) {
    case DT_F32:
        return id == OP_PRELU ? prelu_f32 : f32[id];
    case DT_F64:
        return f64[id];
    case DT_I64:
        return i64[id];
    case DT_I32:
        return i32[id];
    case DT_BOOL:
        if (id == OP_AND || id == OP_OR || id == OP_XOR)
            return id == OP_AND ? and_u8 : id == OP_OR ? or_u8 : xor_u8;
        return id == OP_EQUAL ? equal_u8 : NULL;
    case DT_U8:
        return u8[id];
    default:
        return NULL;
    }
}

struct rows {
    kernel *f;
    char *y;
    const char *a, *b;
    size_t ysize, insize;
};

static void row(void *ctx, const int64_t *at, int64_t out, int64_t n, const int64_t *step)
{
    struct rows *r = ctx;

    r->f(r->y + (size_t)out * r->ysize, r->a + at[0] * (int64_t)r->insize,
         r->b + at[1] * (int64_t)r->insize, n, step[0], step[1]);
}

static void apply(kernel *f, struct tensor *y, const struct tensor *a, const struct tensor *b)
{
    struct rows r = { f, y->data, a->data, b->data, dtype_size(y->dtype), dtype_size(a->dtype) };
    struct walk w;

    walk_init(&w, &y->shape, y->cl, (const struct tensor *[]){ a, b }, 2);
    walk_rows(&w, row, &r);
}

static bool compares(enum op_id id)
{
    return id == OP_EQUAL || (id >= OP_LESS && id <= OP_GREATEROREQUAL);
}

int op_binary(struct call *c)
{
    enum op_id id = c->node->op->id;
    const struct tensor *a = c->in[0], *b = c->in[1];
    struct tensor exponent = *b;
    char ta[200], tb[200];
    struct shape y;
    kernel *f = find(id, a->dtype, attr_int(c->node, "fmod", 0) != 0);
    bool cl;
    int over;

    if (!shape_broadcast(&y, &a->shape, &b->shape))
        return call_fail(c, "shapes %s and %s do not broadcast", shape_text(&a->shape, ta),
                         shape_text(&b->shape, tb));
    if (f == NULL || (a->dtype != b->dtype && id != OP_POW))
        return call_unsupported(c, "%s and %s", dtype_name(a->dtype), dtype_name(b->dtype));
    cl = walk_order(c, y.rank);
    over = compares(id)                                                        ? -1
           : shape_equal(&a->shape, &y) && a->cl == cl                         ? 0
           : shape_equal(&b->shape, &y) && b->cl == cl && b->dtype == a->dtype ? 1
                                                                               : -1;
    if (call_out_over(c, 0, compares(id) ? DT_BOOL : a->dtype, &y, cl, over) == NULL)
        return call_end(c);
    if (a->dtype != b->dtype) { /* Pow with an exponent of another type */
        size_t n = (size_t)shape_count(&b->shape);
        float *wide;

        if (a->dtype != DT_F32)
            return call_unsupported(c, "%s to the power of %s", dtype_name(a->dtype),
                                    dtype_name(b->dtype));
        wide = c->ops->scratch(c, n * sizeof *wide);
        dtype_to_f32(wide, b->data, b->dtype, n);
        exponent.dtype = DT_F32;
        exponent.data = wide;
    }
    apply(f, c->out[0], a, &exponent);
    return 0;
}

int op_minmax(struct call *c)
{
    enum op_id id = c->node->op->id;
    enum dtype t = c->in[0]->dtype;
    kernel *f = find(id, t, false);
    struct shape y = c->in[0]->shape;
    struct tensor *out;
    size_t n;

    for (int i = 1; i < c->nin; i++) {
        if (c->in[i]->dtype != t || !shape_broadcast(&y, &y, &c->in[i]->shape))
            return call_fail(c, "input %d does not fit the ones before", i);
    }
    if (f == NULL || (id == OP_MEAN && t != DT_F32))
        return call_unsupported(c, "%s", dtype_name(t));
    if (call_out(c, 0, t, &y, walk_order(c, y.rank)) == NULL)
        return call_end(c);
    out = c->out[0];
    apply(find(OP_IDENTITY, t, false), out, c->in[0], c->in[0]);
    for (int i = 1; i < c->nin; i++)
        apply(f, out, out, c->in[i]);
    n = (size_t)shape_count(&y);
    for (size_t i = 0; id == OP_MEAN && i < n; i++)
        ((float *)out->data)[i] /= (float)c->nin;
    return 0;
}

struct choice {
    char *y;
    const uint8_t *cond;
    const char *a, *b;
    size_t size;
};

static void where_row(void *ctx, const int64_t *at, int64_t out, int64_t n, const int64_t *step)
{
    struct choice *w = ctx;

    for (int64_t i = 0; i < n; i++) {
        const char *from = w->cond[at[0] + i * step[0]]
                               ? w->a + (size_t)(at[1] + i * step[1]) * w->size
                               : w->b + (size_t)(at[2] + i * step[2]) * w->size;

        memcpy(w->y + (size_t)(out + i) * w->size, from, w->size);
    }
}

int op_where(struct call *c)
{
    const struct tensor *a = c->in[1];
    struct choice w = {
        .cond = c->in[0]->data, .a = a->data, .b = c->in[2]->data, .size = dtype_size(a->dtype)
    };
    struct walk walk;
    struct shape y;

    if (!shape_broadcast(&y, &c->in[0]->shape, &a->shape) ||
        !shape_broadcast(&y, &y, &c->in[2]->shape))
        return call_fail(c, "the inputs do not broadcast");
    if (c->in[0]->dtype != DT_BOOL || a->dtype != c->in[2]->dtype)
        return call_fail(c, "condition of %s, choices of %s and %s", dtype_name(c->in[0]->dtype),
                         dtype_name(a->dtype), dtype_name(c->in[2]->dtype));
    w.y = call_out(c, 0, a->dtype, &y, walk_order(c, y.rank));
    if (w.y == NULL)
        return call_end(c);
    walk_init(&walk, &y, c->out[0]->cl, c->in, 3);
    walk_rows(&walk, where_row, &w);
    return 0;
}
