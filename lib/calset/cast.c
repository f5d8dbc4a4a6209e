/* cast.c: see cast.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "calset/cast.h"

static bool is_float(enum dtype t)
{
    return t == DT_F32 || t == DT_F64 || t == DT_F16 || t == DT_BF16;
}

static bool is_numeric(enum dtype t)
{
    return is_float(t) || t == DT_BOOL || (t >= DT_U8 && t <= DT_I64) || t == DT_U32 || t == DT_U64;
}

/* The integer types' limits as doubles: `above` is the first value too large. */
static void limits(enum dtype t, double *least, double *above)
{
    static const struct {
        double least, above;
    } table[] = {
        [DT_U8] = { 0, 256 },           [DT_I8] = { -128, 128 },
        [DT_U16] = { 0, 65536 },        [DT_I16] = { -32768, 32768 },
        [DT_I32] = { -0x1p31, 0x1p31 }, [DT_I64] = { -0x1p63, 0x1p63 },
        [DT_BOOL] = { 0, 2 },           [DT_U32] = { 0, 0x1p32 },
        [DT_U64] = { 0, 0x1p64 },
    };

    *least = table[t].least;
    *above = table[t].above;
}

/* The low bytes of a two's complement number are the number in any narrower type (little-endian).
 */
static void integer_put(void *out, enum dtype to, size_t i, uint64_t v)
{
    size_t size = dtype_size(to);

    memcpy((uint8_t *)out + i * size, &v, size);
}

static bool from_float(void *out, enum dtype to, size_t i, double v)
{
    double least, above, back;
    struct tensor t = { .dtype = to, .data = out };
    float f = (float)v;

    if (!is_float(to)) {
        limits(to, &least, &above);
        if (!(v >= least && v < above && v == rint(v)))
            return false;
        integer_put(out, to, i, v >= 0x1p63 ? (uint64_t)v : (uint64_t)(int64_t)v);
        return true;
    }
    if (to == DT_F64) {
        ((double *)out)[i] = v;
        return true;
    }
    dtype_from_f32((uint8_t *)out + i * dtype_size(to), to, &f, 1);
    back = tensor_get(&t, i);
    return !isinf(back) || isinf(v);
}

/* v as stored in a 64-bit integer, signed unless `wide` (a uint64 of 2^63 or more). */
static bool from_integer(void *out, enum dtype to, size_t i, uint64_t v, bool wide)
{
    double d = wide ? (double)v : (double)(int64_t)v, least, above, back;
    struct tensor t = { .dtype = to, .data = out };

    if (is_float(to)) {
        bool exact = wide ? d < 0x1p64 && (uint64_t)d == v : d < 0x1p63 && (int64_t)d == (int64_t)v;

        if (!exact || !from_float(out, to, i, d))
            return false;
        back = tensor_get(&t, i);
        return back == d;
    }
    limits(to, &least, &above);
    if (to == DT_I64 ? wide : to == DT_U64 ? !wide && (int64_t)v < 0 : !(d >= least && d < above))
        return false;
    integer_put(out, to, i, v);
    return true;
}

int cast_exact(void *out, enum dtype to, const void *in, enum dtype from, size_t n, size_t *bad,
               struct err *e)
{
    struct tensor t = { .dtype = from, .data = (void *)in };

    *bad = 0;
    if (to == from && is_numeric(to)) {
        memcpy(out, in, n * dtype_size(to));
        return 0;
    }
    if (!is_numeric(to) || !is_numeric(from))
        return err_set(e, "%s values cannot be given to %s", dtype_name(from), dtype_name(to));
    if (to == DT_F32 && (from == DT_U8 || from == DT_I8 || from == DT_F16)) {
        dtype_to_f32(out, in, from, n);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        bool ok;

        if (is_float(from)) {
            ok = from_float(out, to, i, tensor_get(&t, i));
        } else {
            uint64_t v = (uint64_t)tensor_get_int(&t, i);

            ok = from_integer(out, to, i, v, from == DT_U64 && v >> 63 != 0);
        }
        if (!ok) {
            *bad = i;
            return err_set(e, "the %s value %.17g cannot be represented in %s", dtype_name(from),
                           tensor_get(&t, i), dtype_name(to));
        }
    }
    return 0;
}
