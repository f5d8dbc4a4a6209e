/* binary.c: operators of two and more operands with numpy broadcasting, in any memory order.
 * ONNX operators of the same names; integer Div truncates, Mod follows the divisor's sign
 * (fmod = 1: the dividend's).
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/clones.h"
#include "op/strides.h"

/* y[i] = f(a[i * sa], b[i * sb]); sa and sb are 0 or 1 wherever that matters for speed. */
typedef void kernel(void *y, const void *a, const void *b, int64_t n, int64_t sa, int64_t sb);

#define KERNEL(name, in, out, expr)                                                                \
    CLONES static void name(void *py, const void *pa, const void *pb, int64_t n, int64_t sa,       \
                            int64_t sb)                                                            \
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

/* The same for types that no network spends time in. */
#define KERNEL_PLAIN(name, in, out, expr)                                                          \
    static void name(void *py, const void *pa, const void *pb, int64_t n, int64_t sa, int64_t sb)  \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            in a = ((const in *)pa)[i * sa], b = ((const in *)pb)[i * sb];                         \
            ((out *)py)[i] = (out)(expr);                                                          \
        }                                                                                          \
    }

static int64_t quotient(int64_t a, int64_t b)
{
    return b == 0 ? 0 : b == -1 ? (int64_t) - (uint64_t)a : a / b;
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

static double floor_f64(double a, double b)
{
    double r = fmod(a, b);

    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static uint64_t power(uint64_t a, int64_t b)
{
    uint64_t y = 1;

    if (b < 0)
        return a == 1 ? 1 : a == UINT64_MAX ? (b % 2 ? a : 1) : 0;
    for (; b > 0; b >>= 1, a *= a)
        y = b & 1 ? y * a : y;
    return y;
}

#define ARITHMETIC(K, suffix, type, divide, modulo, truncated, pow_of)                             \
    K(add_##suffix, type, type, a + b)                                                             \
    K(sub_##suffix, type, type, a - b)                                                             \
    K(mul_##suffix, type, type, a *b)                                                              \
    K(div_##suffix, type, type, divide)                                                            \
    KERNEL_PLAIN(mod_##suffix, type, type, modulo)                                                 \
    KERNEL_PLAIN(rem_##suffix, type, type, truncated)                                              \
    K(pow_##suffix, type, type, pow_of)                                                            \
    K(min_##suffix, type, type, (a < b || a != a) ? a : b)                                         \
    K(max_##suffix, type, type, (a > b || a != a) ? a : b)                                         \
    KERNEL_PLAIN(first_##suffix, type, type, ((void)b, a))                                         \
    K(equal_##suffix, type, uint8_t, a == b)                                                       \
    K(less_##suffix, type, uint8_t, a < b)                                                         \
    K(lessequal_##suffix, type, uint8_t, a <= b)                                                   \
    K(greater_##suffix, type, uint8_t, a > b)                                                      \
    K(greaterequal_##suffix, type, uint8_t, a >= b)

#define SIGNED(K, suffix, type)                                                                    \
    ARITHMETIC(K, suffix, type, quotient(a, b), floor_i64(a, b), trunc_i64(a, b),                  \
               power((uint64_t)a, b))                                                              \
    BITS(suffix, type)
#define UNSIGNED(K, suffix, type)                                                                  \
    ARITHMETIC(K, suffix, type, b == 0 ? 0 : a / b, b == 0 ? 0 : a % b, b == 0 ? 0 : a % b,        \
               power(a, (int64_t)(b & INT64_MAX)))                                                 \
    BITS(suffix, type)
#define BITS(suffix, type)                                                                         \
    KERNEL_PLAIN(bitand_##suffix, type, type, a &b)                                                \
    KERNEL_PLAIN(bitor_##suffix, type, type, a | b)                                                \
    KERNEL_PLAIN(bitxor_##suffix, type, type, a ^ b)                                               \
    KERNEL_PLAIN(left_##suffix, type, type, (uint64_t)b < 8 * sizeof(type) ? (uint64_t)a << b : 0) \
    KERNEL_PLAIN(right_##suffix, type, type, (uint64_t)b < 8 * sizeof(type) ? a >> b : 0)

ARITHMETIC(KERNEL, f32, float, a / b, floor_f32(a, b), fmodf(a, b),
           b == 2      ? a * a
           : b == 0.5f ? sqrtf(a)
           : b == 1    ? a
                       : powf(a, b))
ARITHMETIC(KERNEL, f64, double, a / b, floor_f64(a, b), fmod(a, b), pow(a, b))
SIGNED(KERNEL, i64, int64_t)
SIGNED(KERNEL, i32, int32_t)
SIGNED(KERNEL_PLAIN, i16, int16_t)
SIGNED(KERNEL_PLAIN, i8, int8_t)
UNSIGNED(KERNEL_PLAIN, u64, uint64_t)
UNSIGNED(KERNEL_PLAIN, u32, uint32_t)
UNSIGNED(KERNEL_PLAIN, u16, uint16_t)
UNSIGNED(KERNEL_PLAIN, u8, uint8_t)
KERNEL(prelu_f32, float, float, a < 0 ? a * b : a)
KERNEL_PLAIN(prelu_f64, double, double, a < 0 ? a * b : a)
KERNEL_PLAIN(prelu_i64, int64_t, int64_t, a < 0 ? a * b : a)
KERNEL_PLAIN(prelu_i32, int32_t, int32_t, a < 0 ? a * b : a)
KERNEL(and_u8, uint8_t, uint8_t, a &&b)
KERNEL(or_u8, uint8_t, uint8_t, a || b)
KERNEL(xor_u8, uint8_t, uint8_t, !a != !b)

#define COMMON(suffix)                                                                             \
    [OP_ADD] = add_##suffix, [OP_SUB] = sub_##suffix, [OP_MUL] = mul_##suffix,                     \
    [OP_DIV] = div_##suffix, [OP_MOD] = mod_##suffix, [OP_POW] = pow_##suffix,                     \
    [OP_MIN] = min_##suffix, [OP_MAX] = max_##suffix, [OP_SUM] = add_##suffix,                     \
    [OP_MEAN] = add_##suffix, [OP_EQUAL] = equal_##suffix, [OP_LESS] = less_##suffix,              \
    [OP_LESSOREQUAL] = lessequal_##suffix, [OP_GREATER] = greater_##suffix,                        \
    [OP_GREATEROREQUAL] = greaterequal_##suffix, [OP_IDENTITY] = first_##suffix,                   \
    [TRUNCATED] = rem_##suffix
#define INTEGER(suffix)                                                                            \
    COMMON(suffix), [OP_BITWISEAND] = bitand_##suffix, [OP_BITWISEOR] = bitor_##suffix,            \
                    [OP_BITWISEXOR] = bitxor_##suffix, [OP_BITSHIFT] = left_##suffix,              \
                    [RIGHT] = right_##suffix

/* Beside the operators: what an attribute of Mod and of BitShift asks for. */
enum { TRUNCATED = OP_COUNT, RIGHT, NKERNELS };

static kernel *const kernels[][NKERNELS] = {
    [DT_F32] = { COMMON(f32), [OP_PRELU] = prelu_f32 },
    [DT_F64] = { COMMON(f64), [OP_PRELU] = prelu_f64 },
    [DT_I64] = { INTEGER(i64), [OP_PRELU] = prelu_i64 },
    [DT_I32] = { INTEGER(i32), [OP_PRELU] = prelu_i32 },
    [DT_I16] = { INTEGER(i16) },
    [DT_I8] = { INTEGER(i8) },
    [DT_U64] = { INTEGER(u64), [OP_PRELU] = first_u64 },
    [DT_U32] = { INTEGER(u32), [OP_PRELU] = first_u32 },
    [DT_U16] = { INTEGER(u16) },
    [DT_U8] = { INTEGER(u8) },
    [DT_BOOL] = { [OP_AND] = and_u8,
                  [OP_OR] = or_u8,
                  [OP_XOR] = xor_u8,
                  [OP_EQUAL] = equal_u8,
                  [OP_IDENTITY] = first_u8 },
};

static kernel *find(const struct node *n, enum op_id id, enum dtype t)
{
    int k = (int)id;

    if (id == OP_MOD && attr_int(n, "fmod", 0) != 0)
        k = TRUNCATED;
    if (id == OP_BITSHIFT && strcmp(attr_string(n, "direction", "LEFT"), "RIGHT") == 0)
        k = RIGHT;
    return (size_t)t < sizeof kernels / sizeof *kernels ? kernels[t][k] : NULL;
}

struct rows {
    kernel *f;
    char *y;
    const char *a, *b;
    size_t ysize, insize;
    const struct call *c; /* whose activations follow, or NULL */
};

enum { BLOCK = 4096 }; /* elements between which activations run: they are still in the cache */

static void row(void *ctx, const int64_t *at, int64_t out, int64_t n, const int64_t *step)
{
    struct rows *r = ctx;

    for (int64_t i = 0, some; i < n; i += some) {
        char *y = r->y + (size_t)(out + i) * r->ysize;

        some = r->c == NULL || n - i < BLOCK ? n - i : BLOCK;
        r->f(y, r->a + (at[0] + i * step[0]) * (int64_t)r->insize,
             r->b + (at[1] + i * step[1]) * (int64_t)r->insize, some, step[0], step[1]);
        if (r->c != NULL)
            call_post(r->c, (float *)(void *)y, (size_t)some);
    }
}

static void apply(const struct call *c, kernel *f, struct tensor *y, const struct tensor *a,
                  const struct tensor *b)
{
    struct rows r = { f,
                      y->data,
                      a->data,
                      b->data,
                      dtype_size(y->dtype),
                      dtype_size(a->dtype),
                      c != NULL && c->npost > 0 ? c : NULL };
    struct walk w;

    walk_init(&w, &y->shape, y->cl, (const struct tensor *[]){ a, b }, 2);
    walk_rows(&w, row, &r);
}

static bool compares(enum op_id id)
{
    return id == OP_EQUAL || (id >= OP_LESS && id <= OP_GREATEROREQUAL);
}

/* Pow with an exponent of another type: through double, or for two integer types in the base's. */
static void mixed_power(struct call *c, const struct tensor *a, const struct tensor *b)
{
    struct tensor wide[3] = { *a, *b, *c->out[0] };
    size_t n[3], all = 0;
    double *p;

    for (int k = 0; k < 3; k++)
        all += n[k] = (size_t)shape_count(&wide[k].shape);
    p = c->ops->scratch(c, all * sizeof *p + 1);
    for (int k = 0; k < 3; p += n[k++]) {
        wide[k].dtype = dtype_is_float(a->dtype) || dtype_is_float(b->dtype) ? DT_F64 : DT_I64;
        wide[k].data = p;
        for (size_t i = 0; k < 2 && i < n[k]; i++)
            if (wide[k].dtype == DT_F64)
                tensor_put(&wide[k], i, tensor_get(k ? b : a, i));
            else
                tensor_put_int(&wide[k], i, tensor_get_int(k ? b : a, i));
    }
    apply(NULL, wide[0].dtype == DT_F64 ? pow_f64 : pow_i64, &wide[2], &wide[0], &wide[1]);
    for (size_t i = 0; i < n[2]; i++)
        if (wide[2].dtype == DT_F64)
            tensor_put(c->out[0], i, tensor_get(&wide[2], i));
        else
            tensor_put_int(c->out[0], i, tensor_get_int(&wide[2], i));
    if (c->out[0]->dtype == DT_F32)
        call_post(c, c->out[0]->data, n[2]);
}

/* Until opset 6 the dims of b could lie anywhere in a's, from `axis` on: ones follow them. Import
 * spells that out (onnx/upgrade.c) as soon as it knows the ranks. */
static struct tensor placed(const struct call *c, const struct tensor *b)
{
    int64_t axis = attr_int(c->node, "broadcast_axis", 0);
    struct tensor t = *b;

    if (attr_find(c->node, "broadcast_axis") == NULL)
        return t;
    axis += axis < 0 ? c->in[0]->shape.rank : 0;
    while (axis >= 0 && t.shape.rank < RANK_MAX && axis + b->shape.rank < c->in[0]->shape.rank &&
           t.shape.rank < c->in[0]->shape.rank - axis)
        t.shape.dim[t.shape.rank++] = 1;
    return t;
}

int op_binary(struct call *c)
{
    enum op_id id = c->node->op->id;
    struct tensor place = placed(c, c->in[1]);
    const struct tensor *a = c->in[0], *b = &place;
    char ta[200], tb[200];
    struct shape y;
    kernel *f = find(c->node, id, a->dtype);
    bool cl, mixed = a->dtype != b->dtype;
    int over;

    if (!shape_broadcast(&y, &a->shape, &b->shape))
        return call_fail(c, "shapes %s and %s do not broadcast", shape_text(&a->shape, ta),
                         shape_text(&b->shape, tb));
    if (f == NULL || (mixed && id != OP_POW))
        return call_unsupported(c, "%s and %s", dtype_name(a->dtype), dtype_name(b->dtype));
    cl = walk_order(c, y.rank);
    over = compares(id)                                          ? -1
           : shape_equal(&a->shape, &y) && a->cl == cl && !mixed ? 0
           : shape_equal(&b->shape, &y) && b->cl == cl && !mixed ? 1
                                                                 : -1;
    if (call_out_over(c, 0, compares(id) ? DT_BOOL : a->dtype, &y, cl, over) == NULL)
        return call_end(c);
    if (mixed)
        mixed_power(c, a, b);
    else
        apply(c, f, c->out[0], a, b);
    return 0;
}

int op_minmax(struct call *c)
{
    enum op_id id = c->node->op->id;
    enum dtype t = c->in[0]->dtype;
    kernel *f = find(c->node, id, t);
    struct shape y = c->in[0]->shape;
    struct tensor *out;
    size_t n;

    for (int i = 1; i < c->nin; i++) {
        if (c->in[i]->dtype != t || !shape_broadcast(&y, &y, &c->in[i]->shape))
            return call_fail(c, "input %d does not fit the ones before", i);
    }
    if (f == NULL || (id == OP_MEAN && !dtype_is_float(t)))
        return call_unsupported(c, "%s", dtype_name(t));
    if (call_out(c, 0, t, &y, walk_order(c, y.rank)) == NULL)
        return call_end(c);
    out = c->out[0];
    apply(c, find(c->node, OP_IDENTITY, t), out, c->in[0], c->in[0]);
    for (int i = 1; i < c->nin; i++)
        apply(c, f, out, out, c->in[i]);
    n = (size_t)shape_count(&y);
    for (size_t i = 0; id == OP_MEAN && i < n; i++)
        if (t == DT_F32)
            ((float *)out->data)[i] /= (float)c->nin;
        else
            ((double *)out->data)[i] /= c->nin;
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
