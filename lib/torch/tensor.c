/* tensor.c: the object of a pickle that stands for a tensor: its storage, offset, sizes and strides.
 * See weights.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "torch/storage.h"

enum { WRAPPED_MAX = 8, COPIED_MAX = 1 << 30 }; /* bytes of a tensor that strides spread out */

/* What torch._utils._rebuild_tensor_v2 and its kind were called with. */
struct view {
    const struct obj *storage, *sizes, *strides, *quantizer;
    enum dtype dtype; /* DT_NONE: the storage's */
    int64_t offset;
};

enum dtype torch_dtype(const char *name)
{
    static const struct {
        const char *name;
        enum dtype dtype;
    } types[] = {
        { "Float", DT_F32 },  { "Double", DT_F64 },  { "Half", DT_F16 },  { "BFloat16", DT_BF16 },
        { "Long", DT_I64 },   { "Int", DT_I32 },     { "Short", DT_I16 }, { "Char", DT_I8 },
        { "Byte", DT_U8 },    { "Bool", DT_BOOL },   { "QInt8", DT_I8 },  { "QUInt8", DT_U8 },
        { "QInt32", DT_I32 }, { "float32", DT_F32 }, { "float", DT_F32 }, { "float64", DT_F64 },
        { "double", DT_F64 }, { "float16", DT_F16 }, { "half", DT_F16 },  { "bfloat16", DT_BF16 },
        { "int64", DT_I64 },  { "long", DT_I64 },    { "int32", DT_I32 }, { "int", DT_I32 },
        { "int16", DT_I16 },  { "short", DT_I16 },   { "int8", DT_I8 },   { "uint8", DT_U8 },
        { "bool", DT_BOOL },  { "qint8", DT_I8 },    { "quint8", DT_U8 }, { "qint32", DT_I32 },
    };
    size_t n;

    if (strncmp(name, "torch.cuda.", 11) == 0)
        name += 11;
    else if (strncmp(name, "torch.", 6) == 0)
        name += 6;
    n = strlen(name);
    if (n > 7 && strcmp(name + n - 7, "Storage") == 0)
        n -= 7;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strlen(types[i].name) == n && memcmp(types[i].name, name, n) == 0)
            return types[i].dtype;
    return DT_NONE;
}

/* ---- storages ---- */

/* ('storage', class, key, location, count[, view]) */
static int storage_class(const struct obj *id, enum dtype *dtype, const char **key, uint64_t *count,
                         struct err *e)
{
    const struct obj *class = obj_item(id, 1), *k = obj_item(id, 2);
    int64_t n;

    if (!obj_is_string(obj_item(id, 0), "storage") || class == NULL || class->kind != OBJ_GLOBAL ||
        k == NULL || !obj_int(obj_item(id, 4), &n) || n < 0)
        return err_set(e, "its storage is no storage");
    *dtype = torch_dtype(class->s);
    if (strcmp(class->s, "torch.storage.UntypedStorage") == 0 ||
        strcmp(class->s, "torch.UntypedStorage") == 0)
        *dtype = DT_U8;
    if (*dtype == DT_NONE)
        return err_unsupported(e, "a storage of class %.100s", class->s);
    *count = (uint64_t)n;
    *key = k->kind == OBJ_STRING ? k->s : NULL;
    return *key == NULL ? err_set(e, "its storage has no key") : 0;
}

/* Of a tensor of before 0.4 whose storage is a part of another one. */
static int storage_part(const struct obj *view, size_t each, struct storage *s, struct err *e)
{
    int64_t offset, size;
    uint64_t all = s->size / each;

    if (view == NULL || view->kind == OBJ_NONE)
        return 0;
    if (!obj_int(obj_item(view, 1), &offset) || !obj_int(obj_item(view, 2), &size) || offset < 0 ||
        size < 0 || (uint64_t)offset > all || (uint64_t)size > all - (uint64_t)offset)
        return err_set(e, "a part beyond its storage");
    s->data += (uint64_t)offset * each;
    s->size = (uint64_t)size * each;
    return 0;
}

int storage_find(struct storage *s, const struct storages *from, const struct obj *o, struct err *e)
{
    const struct obj *id = o != NULL && o->kind == OBJ_PERSISTENT ? o->args : NULL;
    const struct storage *loaded;
    uint64_t count = 0;
    const char *key = NULL;

    if (o != NULL && o->kind == OBJ_CALL && obj_item(o->args, 0) != NULL &&
        obj_item(o->args, 0)->kind == OBJ_PERSISTENT) /* TypedStorage(wrap_storage=…) */
        id = obj_item(o->args, 0)->args;
    if (storage_class(id, &s->dtype, &key, &count, e) < 0)
        return -1;
    if (from->zip != NULL) {
        char name[300];
        const struct zip_member *m;

        snprintf(name, sizeof name, "%s/%.200s", from->folder, key);
        m = zip_find(from->zip, name);
        if (m == NULL)
            return err_set(e, "its storage %s is not in the file", name);
        s->data = m->data;
        s->size = m->size;
    } else {
        loaded = names_get(from->loaded, key);
        if (loaded == NULL)
            return err_set(e, "its storage %.100s is not in the file", key);
        s->data = loaded->data;
        s->size = loaded->size;
    }
    if (count > s->size / dtype_size(s->dtype))
        return err_set(e, "its storage holds %llu bytes, %llu elements need more",
                       (unsigned long long)s->size, (unsigned long long)count);
    return from->zip != NULL ? 0 : storage_part(obj_item(id, 5), dtype_size(s->dtype), s, e);
}

/* ---- tensors ---- */

/* The call of a _rebuild function inside Parameters and subclasses; NULL if it is none. */
static const struct obj *unwrap(const struct obj *o, const struct obj **args, const char **f)
{
    static const char *const parameters[] = { "torch._utils._rebuild_parameter",
                                              "torch._utils._rebuild_parameter_with_state",
                                              "torch.nn.parameter.Parameter", "torch.nn.Parameter",
                                              "torch.nn.parameter.Buffer" };

    for (int depth = 0; o != NULL && o->kind == OBJ_CALL && depth < WRAPPED_MAX; depth++) {
        const struct obj *inner = NULL;

        if (o->callee->kind != OBJ_GLOBAL)
            return NULL;
        for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
            if (obj_is(o, parameters[i]))
                inner = obj_item(o->args, 0);
        *args = o->args;
        *f = o->callee->s;
        if (inner == NULL && obj_is(o, "torch._tensor._rebuild_from_type_v2")) {
            const struct obj *g = obj_item(o->args, 0);

            *args = obj_item(o->args, 2);
            *f = g == NULL || g->kind != OBJ_GLOBAL ? "" : g->s;
        }
        if (inner == NULL)
            return strncmp(*f, "torch._utils._rebuild_", 22) == 0 ? o : NULL;
        o = inner;
    }
    return NULL;
}

bool tensor_is(const struct obj *o)
{
    const struct obj *args;
    const char *f;

    return unwrap(o, &args, &f) != NULL;
}

static int view_read(struct view *v, const struct obj *o, struct err *e)
{
    const struct obj *args, *type;
    const char *f;

    if (unwrap(o, &args, &f) == NULL)
        return err_set(e, "not a tensor");
    *v = (struct view){ obj_item(args, 0), obj_item(args, 2), obj_item(args, 3), NULL, DT_NONE, 0 };
    f += strlen("torch._utils.");
    if (strcmp(f, "_rebuild_qtensor") == 0) {
        v->quantizer = obj_item(args, 4);
    } else if (strcmp(f, "_rebuild_tensor_v3") == 0) {
        type = obj_item(args, 6);
        v->dtype = type == NULL || type->kind != OBJ_GLOBAL ? DT_NONE : torch_dtype(type->s);
        if (v->dtype == DT_NONE)
            return err_set(e, "a tensor of no known type");
    } else if (strcmp(f, "_rebuild_tensor_v2") != 0 && strcmp(f, "_rebuild_tensor") != 0) {
        return err_unsupported(e, "a tensor of another kind (%.100s)", f);
    }
    return obj_int(obj_item(args, 1), &v->offset) && v->offset >= 0
               ? 0
               : err_set(e, "its offset is no number");
}

/* Sizes and strides; *last is the largest index into the storage, -1 for an empty tensor. */
static int shape_read(const struct view *v, struct shape *s, int64_t *strides, int64_t *last,
                      struct err *e)
{
    const struct obj *sizes = v->sizes, *steps = v->strides;
    uint64_t end = (uint64_t)v->offset, count = 1;

    if (sizes != NULL && obj_is(sizes, "torch.Size"))
        sizes = obj_item(sizes->args, 0);
    if (sizes == NULL || sizes->kind != OBJ_TUPLE || steps == NULL || steps->kind != OBJ_TUPLE ||
        sizes->nitems != steps->nitems)
        return err_set(e, "sizes and strides do not match");
    if (sizes->nitems > RANK_MAX)
        return err_unsupported(e, "%zu dims, more than %d", sizes->nitems, RANK_MAX);
    s->rank = (int)sizes->nitems;
    for (int i = 0; i < s->rank; i++) {
        if (!obj_int(sizes->items[i], &s->dim[i]) || !obj_int(steps->items[i], &strides[i]) ||
            s->dim[i] < 0 || strides[i] < 0 || s->dim[i] >= INT64_C(1) << 40 ||
            strides[i] >= INT64_C(1) << 40)
            return err_set(e, "an impossible size or stride");
        if (s->dim[i] > 0 && __builtin_mul_overflow(count, (uint64_t)s->dim[i], &count))
            return err_set(e, "an impossible size");
        if (s->dim[i] > 1) {
            uint64_t far;

            if (__builtin_mul_overflow((uint64_t)s->dim[i] - 1, (uint64_t)strides[i], &far) ||
                __builtin_add_overflow(end, far, &end) || end > INT64_MAX)
                return err_set(e, "an impossible stride");
        }
    }
    *last = (int64_t)end;
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] == 0)
            *last = -1;
    return 0;
}

static bool is_contiguous(const struct shape *s, const int64_t *strides)
{
    int64_t want = 1;

    for (int i = s->rank - 1; i >= 0; i--) {
        if (s->dim[i] != 1 && strides[i] != want)
            return false;
        want *= s->dim[i];
    }
    return true;
}

static void copy_strided(uint8_t *out, const uint8_t *in, size_t each, const struct shape *s,
                         const int64_t *strides, uint64_t count)
{
    int64_t at[RANK_MAX] = { 0 };
    uint64_t from = 0;

    for (uint64_t i = 0; i < count; i++) {
        memcpy(out + i * each, in + from * each, each);
        for (int d = s->rank - 1; d >= 0; d--) {
            from += (uint64_t)strides[d];
            if (++at[d] < s->dim[d])
                break;
            from -= (uint64_t)strides[d] * (uint64_t)s->dim[d];
            at[d] = 0;
        }
    }
}

/* Quantized tensors are taken as the floats that they stand for. */
static int dequantize(struct torch_tensor *t, const struct storages *s, const struct obj *q,
                      struct err *e)
{
    const struct obj *kind = obj_item(q, 0);
    uint64_t count = (uint64_t)shape_count(&t->shape);
    struct tensor in = { .dtype = t->dtype, .shape = t->shape, .data = (void *)t->data };
    struct torch_tensor scales = { .size = 0 }, zeros = { .size = 0 };
    struct tensor sv, zv;
    int64_t axis = 0, zero = 0, inner = 1, channels = 1;
    const struct obj *scale = obj_item(q, 1);
    float *out;
    bool each = kind != NULL && obj_is(kind, "torch.per_channel_affine");

    if (each) {
        if (tensor_load(&scales, s, scale, e) < 0 || tensor_load(&zeros, s, obj_item(q, 2), e) < 0)
            return err_at(e, "its scales");
        if (!obj_int(obj_item(q, 3), &axis) || axis < 0 || axis >= t->shape.rank)
            return err_set(e, "an impossible axis");
        channels = t->shape.dim[axis];
        for (int i = (int)axis + 1; i < t->shape.rank; i++)
            inner *= t->shape.dim[i];
        if (shape_count(&scales.shape) != channels || shape_count(&zeros.shape) != channels)
            return err_set(e, "scales that do not fit");
    } else if (!obj_is(kind, "torch.per_tensor_affine") || scale == NULL ||
               scale->kind != OBJ_FLOAT || !obj_int(obj_item(q, 2), &zero)) {
        return err_unsupported(e, "a tensor quantized in another way");
    }
    sv = (struct tensor){ .dtype = scales.dtype,
                          .shape = scales.shape,
                          .data = (void *)scales.data };
    zv = (struct tensor){ .dtype = zeros.dtype, .shape = zeros.shape, .data = (void *)zeros.data };
    out = arena_alloc(s->arena, (size_t)count * sizeof *out);
    for (uint64_t i = 0; i < count; i++) {
        size_t c = (size_t)((int64_t)i / inner % channels);
        float f = (float)(each ? tensor_get(&sv, c) : scale->f); /* as torch.dequantize does */

        out[i] = (float)(tensor_get_int(&in, i) - (each ? tensor_get_int(&zv, c) : zero)) * f;
    }
    t->dtype = DT_F32;
    t->data = (const uint8_t *)out;
    t->size = count * sizeof *out;
    return 0;
}

/* Every element aligned, as tensor_get and the kernels read them. */
static const uint8_t *aligned(struct arena *a, const uint8_t *p, uint64_t size, size_t each)
{
    return (uintptr_t)p % each == 0 ? p : arena_copy(a, p, (size_t)size);
}

int tensor_load(struct torch_tensor *t, const struct storages *s, const struct obj *o,
                struct err *e)
{
    int64_t strides[RANK_MAX] = { 0 }, last = -1;
    struct storage from;
    struct view v;
    uint64_t count, there;
    size_t each;

    if (view_read(&v, o, e) < 0 || shape_read(&v, &t->shape, strides, &last, e) < 0 ||
        storage_find(&from, s, v.storage, e) < 0)
        return -1;
    t->dtype = v.dtype == DT_NONE ? from.dtype : v.dtype;
    each = dtype_size(t->dtype);
    there = from.size / each;
    if (last >= 0 && (uint64_t)last >= there)
        return err_set(e, "reaches element %lld of a storage of %llu", (long long)last,
                       (unsigned long long)there);
    count = last < 0 ? 0 : (uint64_t)shape_count(&t->shape);
    if (last >= 0 && shape_count(&t->shape) < 0)
        return err_set(e, "an impossible size");
    t->size = count * each;
    if (count == 0) {
        t->data = (const uint8_t *)"";
    } else if (is_contiguous(&t->shape, strides)) {
        t->data = aligned(s->arena, from.data + (uint64_t)v.offset * each, t->size, each);
    } else {
        uint8_t *out;

        if (t->size > COPIED_MAX && t->size > from.size)
            return err_set(e, "spreads %llu bytes over %llu", (unsigned long long)from.size,
                           (unsigned long long)t->size);
        out = arena_alloc(s->arena, (size_t)t->size);
        copy_strided(out, from.data + (uint64_t)v.offset * each, each, &t->shape, strides, count);
        t->data = out;
    }
    return v.quantizer == NULL ? 0 : dequantize(t, s, v.quantizer, e);
}
