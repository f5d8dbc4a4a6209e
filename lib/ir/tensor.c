/* tensor.c: see tensor.h. float16: IEEE 754 binary16; bfloat16: the upper half of a float.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ir/tensor.h"

static const struct {
    uint8_t size;
    const char *name;
} dtypes[] = {
    [DT_NONE] = { 0, "undefined" },   [DT_F32] = { 4, "float32" },   [DT_U8] = { 1, "uint8" },
    [DT_I8] = { 1, "int8" },          [DT_U16] = { 2, "uint16" },    [DT_I16] = { 2, "int16" },
    [DT_I32] = { 4, "int32" },        [DT_I64] = { 8, "int64" },     [DT_STRING] = { 0, "string" },
    [DT_BOOL] = { 1, "bool" },        [DT_F16] = { 2, "float16" },   [DT_F64] = { 8, "float64" },
    [DT_U32] = { 4, "uint32" },       [DT_U64] = { 8, "uint64" },    [DT_C64] = { 8, "complex64" },
    [DT_C128] = { 16, "complex128" }, [DT_BF16] = { 2, "bfloat16" },
};

size_t dtype_size(enum dtype t)
{
    return (unsigned)t < sizeof dtypes / sizeof *dtypes ? dtypes[t].size : 0;
}

int64_t dtype_least(enum dtype t)
{
    bool is_signed = t == DT_I8 || t == DT_I16 || t == DT_I32 || t == DT_I64;

    return is_signed ? INT64_MIN >> (64 - 8 * dtype_size(t)) : 0;
}

const char *dtype_name(enum dtype t)
{
    return (unsigned)t < sizeof dtypes / sizeof *dtypes ? dtypes[t].name : "unknown type";
}

struct shape shape_unknown(void)
{
    return (struct shape){ .rank = -1 };
}

struct shape shape_of(int rank, const int64_t *dim)
{
    struct shape s = { .rank = rank };

    if (rank > 0)
        memcpy(s.dim, dim, (size_t)rank * sizeof *dim);
    return s;
}

bool shape_known(const struct shape *s)
{
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] < 0)
            return false;
    return s->rank >= 0;
}

bool shape_equal(const struct shape *a, const struct shape *b)
{
    return a->rank == b->rank &&
           (a->rank <= 0 || memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim) == 0);
}

int64_t shape_count(const struct shape *s)
{
    int64_t n = 1;

    if (!shape_known(s))
        return -1;
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] == 0)
            return 0;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] > ((int64_t)1 << 48) / n)
            return -1;
        n *= s->dim[i];
    }
    return n;
}

const char *shape_text(const struct shape *s, char buf[static 200])
{
    size_t n = 0;

    if (s->rank < 0)
        return strcpy(buf, "?");
    if (s->rank == 0)
        return strcpy(buf, "scalar");
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] < 0)
            n += (size_t)snprintf(buf + n, 200 - n, "%s?", i ? "x" : "");
        else
            n += (size_t)snprintf(buf + n, 200 - n, "%s%lld", i ? "x" : "", (long long)s->dim[i]);
    return buf;
}

size_t tensor_size(const struct tensor *t)
{
    int64_t n = shape_count(&t->shape);

    return n < 0 ? 0 : (size_t)n * dtype_size(t->dtype);
}

static float half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exp = (h >> 10) & 31, man = h & 0x3ff, bits;
    float f;

    if (exp == 0) {
        f = ldexpf((float)man, -24);
        return sign ? -f : f;
    }
    bits = exp == 31 ? sign | 0x7f800000 | man << 13 : sign | (exp + 112) << 23 | man << 13;
    memcpy(&f, &bits, 4);
    return f;
}

static uint16_t float_to_half(float f)
{
    uint32_t bits, man;
    uint16_t sign;
    int exp;

    memcpy(&bits, &f, 4);
    sign = (uint16_t)(bits >> 16 & 0x8000);
    exp = (int)(bits >> 23 & 255) - 112;
    man = bits & 0x7fffff;
    if (exp >= 31) {
        if (exp == 143 && man != 0)
            return sign | 0x7e00;
        return sign | 0x7c00;
    }
    if (exp <= 0) { /* subnormal: fabsf(f) in units of 2^-24, rounded half to even */
        return sign | (uint16_t)rintf(ldexpf(fabsf(f), 24));
    }
    man += 0xfff + (man >> 13 & 1); /* may carry into the exponent, which is right */
    return sign | (uint16_t)(((uint32_t)exp << 10) + (man >> 13));
}

static float bf16_to_float(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float f;

    memcpy(&f, &bits, 4);
    return f;
}

static uint16_t float_to_bf16(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, 4);
    if (isnan(f))
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

double tensor_get(const struct tensor *t, size_t i)
{
    const void *p = t->data;

    switch (t->dtype) {
    case DT_F32:
        return ((const float *)p)[i];
    case DT_F64:
        return ((const double *)p)[i];
    case DT_F16:
        return half_to_float(((const uint16_t *)p)[i]);
    case DT_BF16:
        return bf16_to_float(((const uint16_t *)p)[i]);
    case DT_U64:
        return (double)((const uint64_t *)p)[i];
    default:
        return (double)tensor_get_int(t, i);
    }
}

int64_t tensor_get_int(const struct tensor *t, size_t i)
{
    const void *p = t->data;

    switch (t->dtype) {
    case DT_U8:
    case DT_BOOL:
        return ((const uint8_t *)p)[i];
    case DT_I8:
        return ((const int8_t *)p)[i];
    case DT_U16:
        return ((const uint16_t *)p)[i];
    case DT_I16:
        return ((const int16_t *)p)[i];
    case DT_I32:
        return ((const int32_t *)p)[i];
    case DT_U32:
        return ((const uint32_t *)p)[i];
    case DT_I64:
        return ((const int64_t *)p)[i];
    case DT_U64:
        return (int64_t)((const uint64_t *)p)[i];
    case DT_F32:
    case DT_F64:
    case DT_F16:
    case DT_BF16: {
        double v = tensor_get(t, i);

        if (!(v > -9.2e18 && v < 9.2e18))
            return v > 0 ? INT64_MAX : INT64_MIN;
        return (int64_t)v;
    }
    default:
        return 0;
    }
}

void tensor_put_int(struct tensor *t, size_t i, int64_t v)
{
    void *p = t->data;

    switch (t->dtype) {
    case DT_BOOL:
        ((uint8_t *)p)[i] = v != 0;
        break;
    case DT_U8:
    case DT_I8:
        ((uint8_t *)p)[i] = (uint8_t)v;
        break;
    case DT_U16:
    case DT_I16:
        ((uint16_t *)p)[i] = (uint16_t)v;
        break;
    case DT_U32:
    case DT_I32:
        ((uint32_t *)p)[i] = (uint32_t)v;
        break;
    case DT_U64:
    case DT_I64:
        ((uint64_t *)p)[i] = (uint64_t)v;
        break;
    default:
        tensor_put(t, i, (double)v);
    }
}

void tensor_put(struct tensor *t, size_t i, double v)
{
    void *p = t->data;

    switch (t->dtype) {
    case DT_F32:
        ((float *)p)[i] = (float)v;
        break;
    case DT_F64:
        ((double *)p)[i] = v;
        break;
    case DT_F16:
        ((uint16_t *)p)[i] = float_to_half((float)v);
        break;
    case DT_BF16:
        ((uint16_t *)p)[i] = float_to_bf16((float)v);
        break;
    case DT_BOOL:
        ((uint8_t *)p)[i] = v != 0;
        break;
    case DT_U64:
        if (v >= 9.2e18) {
            ((uint64_t *)p)[i] = v < 18446744073709549568.0 ? (uint64_t)v : UINT64_MAX;
            break;
        }
        __attribute__((fallthrough));
    default:
        tensor_put_int(t, i,
                       v != v         ? 0
                       : v <= -9.2e18 ? INT64_MIN
                       : v >= 9.2e18  ? INT64_MAX
                                      : (int64_t)v);
    }
}

void dtype_to_f32(float *out, const void *in, enum dtype t, size_t n)
{
    struct tensor view = { .dtype = t, .data = (void *)in };

    if (t == DT_F32)
        memcpy(out, in, n * sizeof *out);
    else
        for (size_t i = 0; i < n; i++)
            out[i] = (float)tensor_get(&view, i);
}

static double saturate(double v, double lo, double hi)
{
    if (!(v > lo)) /* also NaN */
        return lo;
    return v < hi ? v : hi;
}

void dtype_from_f32(void *out, enum dtype t, const float *in, size_t n)
{
    if (t == DT_F32) {
        memmove(out, in, n * sizeof *in);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        double r = rint(in[i]);

        switch (t) {
        case DT_F64:
            ((double *)out)[i] = in[i];
            break;
        case DT_F16:
            ((uint16_t *)out)[i] = float_to_half(in[i]);
            break;
        case DT_BF16:
            ((uint16_t *)out)[i] = float_to_bf16(in[i]);
            break;
        case DT_BOOL:
            ((uint8_t *)out)[i] = in[i] != 0;
            break;
        case DT_U8:
            ((uint8_t *)out)[i] = (uint8_t)saturate(r, 0, UINT8_MAX);
            break;
        case DT_I8:
            ((int8_t *)out)[i] = (int8_t)saturate(r, INT8_MIN, INT8_MAX);
            break;
        case DT_U16:
            ((uint16_t *)out)[i] = (uint16_t)saturate(r, 0, UINT16_MAX);
            break;
        case DT_I16:
            ((int16_t *)out)[i] = (int16_t)saturate(r, INT16_MIN, INT16_MAX);
            break;
        case DT_I32:
            ((int32_t *)out)[i] = (int32_t)saturate(r, INT32_MIN, INT32_MAX);
            break;
        case DT_U32:
            ((uint32_t *)out)[i] = (uint32_t)saturate(r, 0, UINT32_MAX);
            break;
        case DT_I64:
            ((int64_t *)out)[i] =
                (int64_t)saturate(r, -9223372036854774784.0, 9223372036854774784.0);
            break;
        case DT_U64:
            ((uint64_t *)out)[i] = (uint64_t)saturate(r, 0, 18446744073709549568.0);
            break;
        default:
            break;
        }
    }
}

/* (outer, rows, cols) -> (outer, cols, rows), in blocks that stay in the cache. */
#define TRANSPOSE(name, type)                                                                      \
    static void name(type *out, const type *in, size_t outer, size_t rows, size_t cols)            \
    {                                                                                              \
        for (size_t o = 0; o < outer; o++, in += rows * cols, out += rows * cols)                  \
            for (size_t c0 = 0; c0 < cols; c0 += 16)                                               \
                for (size_t r0 = 0; r0 < rows; r0 += 16) {                                         \
                    size_t c1 = c0 + 16 < cols ? c0 + 16 : cols;                                   \
                    size_t r1 = r0 + 16 < rows ? r0 + 16 : rows;                                   \
                    for (size_t c = c0; c < c1; c++)                                               \
                        for (size_t r = r0; r < r1; r++)                                           \
                            out[c * rows + r] = in[r * cols + c];                                  \
                }                                                                                  \
    }
TRANSPOSE(transpose1, uint8_t)
TRANSPOSE(transpose2, uint16_t)
TRANSPOSE(transpose4, uint32_t)
TRANSPOSE(transpose8, uint64_t)

static void transpose(void *out, const void *in, size_t outer, size_t rows, size_t cols,
                      size_t size)
{
    if (rows == 1 || cols == 1)
        memcpy(out, in, outer * rows * cols * size);
    else if (size == 1)
        transpose1(out, in, outer, rows, cols);
    else if (size == 2)
        transpose2(out, in, outer, rows, cols);
    else if (size == 4)
        transpose4(out, in, outer, rows, cols);
    else
        transpose8(out, in, outer, rows, cols);
}

void layout_to_cl(void *out, const void *in, const struct shape *s, size_t elemsize)
{
    size_t inner = 1;

    for (int i = 2; i < s->rank; i++)
        inner *= (size_t)s->dim[i];
    transpose(out, in, (size_t)s->dim[0], (size_t)s->dim[1], inner, elemsize);
}

void layout_from_cl(void *out, const void *in, const struct shape *s, size_t elemsize)
{
    size_t inner = 1;

    for (int i = 2; i < s->rank; i++)
        inner *= (size_t)s->dim[i];
    transpose(out, in, (size_t)s->dim[0], inner, (size_t)s->dim[1], elemsize);
}
