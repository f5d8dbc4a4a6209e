/* strip.c: large tensors out of a ModelProto; see strip.h. DESIGN.md 2.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "ir/source.h"
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

struct strip {
    struct model *m;
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

/* See source_kind.strip. */
static int strip_tensor(void *ctx, struct cursor c, struct buf *out)
{
    struct strip *s = ctx;
    struct cursor fields = c;
    size_t align;
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
    align = dtype_size(t.dtype) < 8 ? dtype_size(t.dtype) : 8;
    snprintf(index, sizeof index, "%d", source_datum(s->m, t.bytes, t.size, align));
    put_entry(out, "location", "dopt");
    put_entry(out, "datum", index);
    buf_varint(out, LOCATION << 3);
    buf_varint(out, 1);
    return 1;
}

int onnx_strip(struct model *m, const struct blob *file, const char *path, struct err *e)
{
    static const struct source_kind kind = { &onnx__model_proto__descriptor,
                                             &onnx__tensor_proto__descriptor, strip_tensor };
    struct strip s = { .m = m, .err = e };
    int rc;

    externals_init(&s.ext, m, path);
    rc = source_strip(m, file, path, &kind, &s, e);
    externals_release(&s.ext);
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
