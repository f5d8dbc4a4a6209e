/* strip.c: large tensors out of a ModelProto; see strip.h. DESIGN.md 2.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/wire.h"
#include "onnx/external.h"
#include "onnx/strip.h"

/* TensorProto's field numbers. */
enum {
    DATA_TYPE = 2,
    FLOAT_DATA = 4,
    NAME = 8,
    RAW_DATA = 9,
    DOUBLE_DATA = 10,
    EXTERNAL_DATA = 13,
    LOCATION = 14
};

/* Smaller data at an odd address is copied, so that kernels may read it in place. */
enum { COPY_MAX = 16384 };

struct strip {
    struct model *m;
    const uint8_t *base;
    struct externals ext;
    struct err *err;
};

/* What one TensorProto holds. */
struct found {
    enum dtype dtype;
    const uint8_t *name;
    size_t namesize;
    const uint8_t *bytes;
    size_t size;
    int nbytes;    /* fields with contents; more than one is left alone */
    bool external; /* data_location is EXTERNAL */
};

static void put_entry(struct buf *out, const char *key, const char *value)
{
    size_t nk = strlen(key), nv = strlen(value);

    buf_varint(out, EXTERNAL_DATA << 3 | 2);
    buf_varint(out, 4 + nk + nv); /* both below 128 bytes */
    buf_varint(out, 1 << 3 | 2);
    buf_varint(out, nk);
    buf_put(out, key, nk);
    buf_varint(out, 2 << 3 | 2);
    buf_varint(out, nv);
    buf_put(out, value, nv);
}

static void look(struct found *t, struct cursor c)
{
    struct field f;

    *t = (struct found){ 0 };
    while (cursor_field(&c, &f)) {
        if (f.number == DATA_TYPE)
            t->dtype = (enum dtype)f.value;
        else if (f.number == LOCATION)
            t->external = f.value == 1;
        else if (f.number == NAME) {
            t->name = f.bytes.p;
            t->namesize = cursor_left(&f.bytes);
        } else if ((f.number == RAW_DATA || f.number == FLOAT_DATA || f.number == DOUBLE_DATA)) {
            t->nbytes += f.wire == 2 ? 1 : 2; /* not packed: leave alone */
            t->bytes = f.bytes.p;
            t->size = f.wire == 2 ? cursor_left(&f.bytes) : 0;
            if ((f.number == FLOAT_DATA && t->dtype != DT_F32) ||
                (f.number == DOUBLE_DATA && t->dtype != DT_F64))
                t->nbytes++;
        }
    }
}

static int datum_of(struct strip *s, const struct found *t)
{
    size_t elem = dtype_size(t->dtype);
    const void *p = t->bytes;

    elem = elem > 8 ? 8 : elem;
    if (elem > 1 && (uintptr_t)p % elem != 0 && t->size <= COPY_MAX)
        p = arena_copy(&s->m->arena, p, t->size);
    return datum_add(s->m, p, t->size);
}

/* 1: `out` has the tensor without its bytes; 0: it stays as it is; -1 error. */
static int strip_tensor(struct strip *s, struct cursor c, struct buf *out)
{
    struct cursor fields = c;
    struct field f;
    struct found t;
    char index[24];

    look(&t, c);
    if (t.external) {
        if (external_find(&s->ext, c, &t.bytes, &t.size, s->err) < 0)
            return err_at(s->err, "tensor %.*s", (int)t.namesize, (const char *)t.name);
    } else if (t.nbytes != 1 || t.size <= ONNX_INLINE) {
        return 0;
    }
    while (cursor_field(&fields, &f))
        if (f.number != RAW_DATA && f.number != LOCATION && f.number != EXTERNAL_DATA &&
            (t.external || (f.number != FLOAT_DATA && f.number != DOUBLE_DATA)))
            buf_put(out, f.start, (size_t)(fields.p - f.start));
    snprintf(index, sizeof index, "%d", datum_of(s, &t));
    put_entry(out, "location", "dopt");
    put_entry(out, "datum", index);
    buf_varint(out, LOCATION << 3);
    buf_varint(out, 1);
    return 1;
}

/* The same for any message: fields that hold messages are looked into. The bytes are checked. */
static int strip_message(struct strip *s, const ProtobufCMessageDescriptor *d, struct cursor c,
                         struct buf *out)
{
    struct buf inner = { 0 };
    struct field f;
    int changed = 0;

    if (d == &onnx__tensor_proto__descriptor)
        return strip_tensor(s, c, out);
    while (cursor_field(&c, &f)) {
        const ProtobufCFieldDescriptor *fd = protobuf_c_message_descriptor_get_field(d, f.number);
        int one = 0;

        inner.size = 0;
        if (fd != NULL && fd->type == PROTOBUF_C_TYPE_MESSAGE)
            one = strip_message(s, fd->descriptor, f.bytes, &inner);
        if (one < 0) {
            changed = -1;
            break;
        }
        changed |= one;
        if (one) {
            buf_varint(out, f.number << 3 | 2);
            buf_varint(out, inner.size);
            buf_put(out, inner.data, inner.size);
        } else {
            buf_put(out, f.start, (size_t)(c.p - f.start));
        }
    }
    buf_release(&inner);
    return changed;
}

int onnx_strip(struct model *m, const struct blob *file, const char *path, struct err *e)
{
    struct strip s = { .m = m, .base = file->data, .err = e };
    struct buf out = { 0 };
    int rc = -1;

    if (wire_check(&onnx__model_proto__descriptor, file->data, file->size, e) < 0)
        return -1;
    if (path != NULL && file->mapped)
        link_add(m, path, file, false);
    externals_init(&s.ext, m, path);
    if (strip_message(&s, &onnx__model_proto__descriptor, cursor_of(file->data, file->size), &out) <
        0)
        goto out;
    m->source = arena_copy(&m->arena, out.data, out.size);
    m->sourcesize = out.size;
    rc = 0;
out:
    externals_release(&s.ext);
    buf_release(&out);
    return rc;
}

int64_t onnx_datum(const Onnx__TensorProto *t)
{
    int64_t index = -1;
    bool ours = false;
    char *end;

    if (t->data_location != 1)
        return -1;
    for (size_t i = 0; i < t->n_external_data; i++) {
        const Onnx__StringStringEntryProto *x = t->external_data[i];

        if (x->key == NULL || x->value == NULL)
            continue;
        if (strcmp(x->key, "location") == 0)
            ours = strcmp(x->value, "dopt") == 0;
        if (strcmp(x->key, "datum") == 0) {
            index = strtoll(x->value, &end, 10);
            index = *end == '\0' && index >= 0 ? index : -1;
        }
    }
    return ours ? index : -1;
}

static Onnx__StringStringEntryProto *entry(const char *key, char *value)
{
    Onnx__StringStringEntryProto *x = mem_alloc(sizeof *x);

    onnx__string_string_entry_proto__init(x);
    x->key = mem_strdup(key);
    x->value = value;
    return x;
}

void onnx_refer(Onnx__TensorProto *t, int64_t datum)
{
    t->external_data = mem_alloc(2 * sizeof(Onnx__StringStringEntryProto *));
    t->external_data[0] = entry("location", mem_strdup("dopt"));
    t->external_data[1] = entry("datum", mem_printf("%lld", (long long)datum));
    t->n_external_data = 2;
    t->has_data_location = 1;
    t->data_location = 1;
}
