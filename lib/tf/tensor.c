/* tensor.c: TensorProto to constants. tensor_content holds the elements' bytes; else the list of the
 * type holds them, and the last one stands for all that are missing (none: zero).
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tf/context.h"

/* DataType's numbers (types.proto). */
static const struct {
    const char *name, *text; /* DT_… in text form */
    enum dtype stored, dtype;
} types[] = {
    [1] = { "float32", "FLOAT", DT_F32, DT_F32 },
    [2] = { "float64", "DOUBLE", DT_F64, DT_F64 },
    [3] = { "int32", "INT32", DT_I32, DT_I32 },
    [4] = { "uint8", "UINT8", DT_U8, DT_U8 },
    [5] = { "int16", "INT16", DT_I16, DT_I16 },
    [6] = { "int8", "INT8", DT_I8, DT_I8 },
    [7] = { "string", "STRING", DT_NONE, DT_NONE },
    [8] = { "complex64", "COMPLEX64", DT_NONE, DT_NONE },
    [9] = { "int64", "INT64", DT_I64, DT_I64 },
    [10] = { "bool", "BOOL", DT_BOOL, DT_BOOL },
    [11] = { "qint8", "QINT8", DT_I8, DT_I8 },
    [12] = { "quint8", "QUINT8", DT_U8, DT_U8 },
    [13] = { "qint32", "QINT32", DT_I32, DT_I32 },
    [14] = { "bfloat16", "BFLOAT16", DT_BF16, DT_F32 },
    [15] = { "qint16", "QINT16", DT_I16, DT_I16 },
    [16] = { "quint16", "QUINT16", DT_U16, DT_U16 },
    [17] = { "uint16", "UINT16", DT_U16, DT_U16 },
    [18] = { "complex128", "COMPLEX128", DT_NONE, DT_NONE },
    [19] = { "float16", "HALF", DT_F16, DT_F32 },
    [20] = { "resource", "RESOURCE", DT_NONE, DT_NONE },
    [21] = { "variant", "VARIANT", DT_NONE, DT_NONE },
    [22] = { "uint32", "UINT32", DT_U32, DT_U32 },
    [23] = { "uint64", "UINT64", DT_U64, DT_U64 },
};
enum { NTYPES = sizeof types / sizeof *types };

static int row(int type)
{
    if (type >= 100) /* a reference to a variable of that type */
        type -= 100;
    return type > 0 && type < NTYPES ? type : 0;
}

enum dtype tf_dtype(int type)
{
    return types[row(type)].dtype;
}

const char *tf_type_name(int type)
{
    return row(type) == 0 ? "?" : types[row(type)].name;
}

int tf_type_named(const char *name, size_t size)
{
    static const char prefix[] = "DT_", suffix[] = "_REF";
    size_t n = strlen(prefix), m = strlen(suffix);
    bool ref = size > m && memcmp(name + size - m, suffix, m) == 0;

    if (size <= n || memcmp(name, prefix, n) != 0)
        return 0;
    size -= ref ? n + m : n;
    for (int i = 1; i < NTYPES; i++)
        if (strlen(types[i].text) == size && memcmp(types[i].text, name + n, size) == 0)
            return ref ? 100 + i : i;
    return 0;
}

struct shape tf_shape(const Tensorflow__TensorShapeProto *s)
{
    struct shape shape = shape_unknown();

    if (s == NULL || s->unknown_rank || s->n_dim > RANK_MAX)
        return shape;
    shape.rank = (int)s->n_dim;
    for (int i = 0; i < shape.rank; i++) /* an empty Dim is 0 */
        shape.dim[i] = s->dim[i]->size < 0 ? -1 : s->dim[i]->size;
    return shape;
}

/* Which list holds the elements: its length, and element i as the bits of type t. */
static size_t list_length(const Tensorflow__TensorProto *t, enum dtype stored)
{
    switch (stored) {
    case DT_F32:
        return t->n_float_val;
    case DT_F64:
        return t->n_double_val;
    case DT_I64:
        return t->n_int64_val;
    case DT_BOOL:
        return t->n_bool_val;
    case DT_F16:
    case DT_BF16:
        return t->n_half_val;
    case DT_U32:
        return t->n_uint32_val;
    case DT_U64:
        return t->n_uint64_val;
    default:
        return t->n_int_val;
    }
}

static void list_element(const Tensorflow__TensorProto *t, enum dtype stored, size_t i, void *out)
{
    uint64_t v;

    switch (stored) {
    case DT_F32:
        memcpy(out, &t->float_val[i], 4);
        return;
    case DT_F64:
        memcpy(out, &t->double_val[i], 8);
        return;
    case DT_I64:
        v = (uint64_t)t->int64_val[i];
        break;
    case DT_BOOL:
        v = t->bool_val[i] != 0;
        break;
    case DT_F16:
    case DT_BF16:
        v = (uint64_t)t->half_val[i];
        break;
    case DT_U32:
        v = t->uint32_val[i];
        break;
    case DT_U64:
        v = t->uint64_val[i];
        break;
    default:
        v = (uint64_t)t->int_val[i];
    }
    memcpy(out, &v, dtype_size(stored)); /* little-endian, as dopt requires of the machine */
}

static struct value *constant_of(struct import *c, const char *name, enum dtype dtype,
                                 enum dtype stored, struct shape shape, int datum)
{
    struct value *v = value_new(c->m, names_unique(&c->used, &c->m->arena, name), dtype, shape);

    v->narrow = dtype == stored ? DT_NONE : stored;
    v->constant = arena_alloc(&c->m->arena, sizeof *v->constant);
    v->constant->datum = datum;
    v->constant->stored = stored;
    v->constant->name = arena_strdup(&c->m->arena, name);
    return v;
}

static struct value *inline_tensor(struct import *c, const Tensorflow__TensorProto *t,
                                   const char *name, enum dtype stored, struct shape shape,
                                   size_t n)
{
    size_t elem = dtype_size(stored), have = list_length(t, stored), at = 0;
    uint8_t *bytes;

    if (t->has_tensor_content && t->tensor_content.len > 0) {
        if (t->tensor_content.len != n * elem) {
            tf_fail(c, "tensor %s: %zu bytes do not hold %zu elements of %s", name,
                    t->tensor_content.len, n, dtype_name(stored));
            return NULL;
        }
        bytes = arena_copy(&c->m->arena, t->tensor_content.data, n * elem);
    } else {
        if (have > n) {
            tf_fail(c, "tensor %s: a list of %zu elements for %zu", name, have, n);
            return NULL;
        }
        bytes = arena_alloc(&c->m->arena, n * elem);
        for (; at < have; at++)
            list_element(t, stored, at, bytes + at * elem);
        for (; have > 0 && at < n; at++)
            memcpy(bytes + at * elem, bytes + (have - 1) * elem, elem);
    }
    if (stored == DT_F16 || stored == DT_BF16) { /* small ones are widened at once */
        float *wide = arena_alloc(&c->m->arena, n * sizeof *wide);

        dtype_to_f32(wide, bytes, stored, n);
        return constant_of(c, name, DT_F32, DT_F32, shape, datum_add(c->m, wide, n * sizeof *wide));
    }
    return constant_of(c, name, stored, stored, shape, datum_add(c->m, bytes, n * elem));
}

struct value *tf_tensor(struct import *c, const Tensorflow__TensorProto *t, const char *name)
{
    enum dtype stored = types[row(t->dtype)].stored;
    struct shape shape = tf_shape(t->tensor_shape);
    int64_t n;

    if (stored == DT_NONE) {
        tf_issue(c, "a constant of type %s", tf_type_name(t->dtype));
        return NULL;
    }
    if (t->tensor_shape == NULL)
        shape = shape_of(0, NULL);
    if (t->tensor_shape != NULL && t->tensor_shape->n_dim > RANK_MAX) {
        tf_issue(c, "a constant of rank %zu, at most %d", t->tensor_shape->n_dim, RANK_MAX);
        return NULL;
    }
    n = shape_count(&shape);
    if (!t->has_datum && n >= 0 && n <= 1 << 26)
        return inline_tensor(c, t, name, stored, shape, (size_t)n);
    if (n < 0 || !t->has_datum || t->datum >= (uint64_t)c->m->ndata ||
        c->m->data[t->datum].size != (uint64_t)n * dtype_size(stored)) {
        char text[200];

        tf_fail(c, "tensor %s: its contents do not hold %s of %s", name, shape_text(&shape, text),
                dtype_name(stored));
        return NULL;
    }
    return constant_of(c, name, types[row(t->dtype)].dtype, stored, shape, (int)t->datum);
}
