/* tensor.c: TensorProto and TypeProto: contents, types and dims. ONNX IR specification.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "onnx/context.h"
#include "onnx/strip.h"

enum dtype import_dtype(int32_t type)
{
    switch (type) {
    case DT_F16:
    case DT_BF16:
        return DT_F32;
    case DT_F32:
    case DT_U8:
    case DT_I8:
    case DT_U16:
    case DT_I16:
    case DT_I32:
    case DT_I64:
    case DT_BOOL:
    case DT_F64:
    case DT_U32:
    case DT_U64:
        return (enum dtype)type;
    default:
        return DT_NONE;
    }
}

const char *import_type_name(int32_t type)
{
    static const char *const later[] = {
        [17] = "float8e4m3fn",   [18] = "float8e4m3fnuz", [19] = "float8e5m2",
        [20] = "float8e5m2fnuz", [21] = "uint4",          [22] = "int4",
        [23] = "float4e2m1"
    };

    if (type >= 17 && type <= 23)
        return later[type];
    return dtype_name((enum dtype)type);
}

enum dtype import_narrow(const Onnx__TypeProto *t)
{
    int32_t type = t == NULL || t->tensor_type == NULL ? 0 : t->tensor_type->elem_type;

    return type == DT_F16 || type == DT_BF16 ? (enum dtype)type : DT_NONE;
}

bool import_type(const Onnx__TypeProto *t, enum dtype *dtype, struct shape *shape)
{
    const Onnx__TensorShapeProto *s;

    *dtype = DT_NONE;
    *shape = shape_unknown();
    if (t == NULL)
        return true;
    if (t->tensor_type == NULL)
        return false;
    *dtype = import_dtype(t->tensor_type->elem_type);
    s = t->tensor_type->shape;
    if (s != NULL && s->n_dim > RANK_MAX)
        return false;
    if (s != NULL) {
        shape->rank = (int)s->n_dim;
        for (int i = 0; i < shape->rank; i++)
            shape->dim[i] =
                s->dim[i]->has_dim_value && s->dim[i]->dim_value >= 0 ? s->dim[i]->dim_value : -1;
    }
    return *dtype != DT_NONE;
}

/* The typed lists: int32_data holds every type of up to 32 bits but float and uint32. */
static size_t list_length(const Onnx__TensorProto *t)
{
    switch (t->data_type) {
    case DT_F32:
        return t->n_float_data;
    case DT_F64:
        return t->n_double_data;
    case DT_I64:
        return t->n_int64_data;
    case DT_U32:
    case DT_U64:
        return t->n_uint64_data;
    default:
        return t->n_int32_data;
    }
}

static void decode_list(uint8_t *out, const Onnx__TensorProto *t, size_t n)
{
    size_t size = dtype_size((enum dtype)t->data_type);

    for (size_t i = 0; i < n; i++) {
        uint64_t v;

        switch (t->data_type) {
        case DT_F32:
            memcpy(out + i * size, &t->float_data[i], size);
            continue;
        case DT_F64:
            memcpy(out + i * size, &t->double_data[i], size);
            continue;
        case DT_I64:
            v = (uint64_t)t->int64_data[i];
            break;
        case DT_U32:
        case DT_U64:
            v = t->uint64_data[i];
            break;
        default:
            v = (uint64_t)t->int32_data[i];
        }
        if (t->data_type == DT_BOOL)
            v = v != 0;
        memcpy(out + i * size, &v, size); /* little-endian, as dopt requires of the machine */
    }
}

static struct value *refer(struct import *c, const char *name, const Onnx__TensorProto *t,
                           struct shape shape, int datum)
{
    struct value *v = import_value(c, name, import_dtype(t->data_type), shape);

    v->narrow = v->dtype == (enum dtype)t->data_type ? DT_NONE : (enum dtype)t->data_type;
    v->constant = arena_alloc(&c->m->arena, sizeof *v->constant);
    v->constant->datum = datum;
    v->constant->stored = (enum dtype)t->data_type;
    v->constant->name = arena_strdup(&c->m->arena, name);
    return v;
}

/* Small tensors are copied; half floats among them are widened at once. */
static struct value *inline_tensor(struct import *c, const char *name, const Onnx__TensorProto *t,
                                   struct shape shape, size_t n)
{
    enum dtype dtype = import_dtype(t->data_type), stored = (enum dtype)t->data_type;
    size_t size = n * dtype_size(stored);
    struct value *v;
    uint8_t *bytes;

    if (t->has_raw_data ? t->raw_data.len != size : list_length(t) != n) {
        import_fail(c, "tensor %s: %zu elements of %s, but contents for another number", name, n,
                    dtype_name(stored));
        return NULL;
    }
    bytes = arena_alloc(&c->m->arena, size);
    if (!t->has_raw_data)
        decode_list(bytes, t, n);
    else if (size > 0)
        memcpy(bytes, t->raw_data.data, size);
    if (stored != dtype) {
        float *wide = arena_alloc(&c->m->arena, n * sizeof *wide);

        dtype_to_f32(wide, bytes, stored, n);
        bytes = (uint8_t *)wide;
        size = n * sizeof *wide;
    }
    v = refer(c, name, t, shape, datum_add(c->m, bytes, size));
    v->constant->stored = dtype;
    return v;
}

struct value *import_tensor(struct import *c, const Onnx__TensorProto *t, const char *name)
{
    int64_t datum = onnx_datum(t), n;
    struct shape shape = { .rank = (int)t->n_dims };

    if (import_dtype(t->data_type) == DT_NONE) {
        issues_add(&c->issues, "tensor %s: type %s", name, import_type_name(t->data_type));
        return NULL;
    }
    if (t->n_dims > RANK_MAX) {
        issues_add(&c->issues, "tensor %s: %zu dims, at most %d", name, t->n_dims, RANK_MAX);
        return NULL;
    }
    for (size_t i = 0; i < t->n_dims; i++)
        if ((shape.dim[i] = t->dims[i]) < 0) {
            import_fail(c, "tensor %s: dim %zu is negative", name, i);
            return NULL;
        }
    n = shape_count(&shape);
    if (datum < 0 && n >= 0 && n <= 1 << 28)
        return inline_tensor(c, name, t, shape, (size_t)n);
    if (datum < 0 || datum >= c->m->ndata || n < 0 ||
        c->m->data[datum].size != (uint64_t)n * dtype_size((enum dtype)t->data_type)) {
        char text[200];

        import_fail(c, "tensor %s: %llu bytes do not hold %s of %s", name,
                    datum < 0 || datum >= c->m->ndata ? 0
                                                      : (unsigned long long)c->m->data[datum].size,
                    shape_text(&shape, text), dtype_name((enum dtype)t->data_type));
        return NULL;
    }
    return refer(c, name, t, shape, (int)datum);
}
