/* fill.c: the bytes back into a stripped ModelProto, in one stream; see strip.h. Two walks of the
 * same small message: the first finds how long every message becomes, the second writes.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/wire.h"
#include "onnx/strip.h"

enum { RAW_DATA = 9, EXTERNAL_DATA = 13, LOCATION = 14 }; /* of TensorProto */
enum { PAGE = 4096 };                                     /* alignment in PATH.data */

struct filler {
    const struct fill *f;
    struct err *err;
    uint64_t *sizes; /* of messages, in the order the walk meets them */
    size_t nsizes, cap, next;
    bool external;
    uint64_t offset;      /* in PATH.data */
    const char *location; /* its name without folders */
    struct out *o, *data;
    struct buf head; /* scratch */
};

static void put(struct filler *w, const void *p, size_t size)
{
    if (w->o != NULL)
        out_put(w->o, p, size);
}

static void put_varint(struct filler *w, uint64_t v)
{
    w->head.size = 0;
    buf_varint(&w->head, v);
    put(w, w->head.data, w->head.size);
}

static uint64_t varint_size(uint64_t v)
{
    uint64_t n = 1;

    for (; v >= 128; v >>= 7)
        n++;
    return n;
}

/* The datum that the TensorProto in `c` refers to, or -1. */
static int64_t reference(struct cursor c)
{
    struct cursor entry;
    struct field f, g;
    int64_t datum = -1;
    bool external = false, ours = false;

    while (cursor_field(&c, &f)) {
        const uint8_t *key = NULL, *value = NULL;
        size_t nkey = 0, nvalue = 0;

        external |= f.number == LOCATION && f.value == 1;
        if (f.number != EXTERNAL_DATA || f.wire != 2)
            continue;
        entry = f.bytes;
        while (cursor_field(&entry, &g)) {
            *(g.number == 1 ? &key : &value) = g.bytes.p;
            *(g.number == 1 ? &nkey : &nvalue) = cursor_left(&g.bytes);
        }
        if (nkey == 8 && memcmp(key, "location", 8) == 0)
            ours = nvalue == 4 && memcmp(value, "dopt", 4) == 0;
        if (nkey == 5 && memcmp(key, "datum", 5) == 0) {
            datum = 0;
            for (size_t i = 0; i < nvalue && i < 10; i++)
                datum = 10 * datum + (value[i] - '0');
        }
    }
    return external && ours ? datum : -1;
}

static uint64_t datum_size(const struct filler *w, int64_t datum)
{
    const struct model *m = w->f->ctx;

    if (w->f->size != NULL)
        return w->f->size(w->f->ctx, datum);
    return datum < m->ndata ? m->data[datum].size : 0;
}

static int datum_put(struct filler *w, int64_t datum, struct out *o)
{
    const struct model *m = w->f->ctx;

    if (w->f->size != NULL)
        return w->f->put(w->f->ctx, datum, o, w->err);
    if (datum >= m->ndata)
        return err_set(w->err, "the source refers to data %lld, which is not there",
                       (long long)datum);
    out_put(o, m->data[datum].p, m->data[datum].size);
    return 0;
}

static uint64_t put_entry(struct filler *w, const char *key, const char *value)
{
    uint64_t nk = strlen(key), nv = strlen(value);
    uint64_t inner = 3 + nk + varint_size(nv) + nv; /* nk is below 128 */

    put_varint(w, EXTERNAL_DATA << 3 | 2);
    put_varint(w, inner);
    put_varint(w, 1 << 3 | 2);
    put_varint(w, nk);
    put(w, key, nk);
    put_varint(w, 2 << 3 | 2);
    put_varint(w, nv);
    put(w, value, nv);
    return 1 + varint_size(inner) + inner;
}

static int put_external(struct filler *w, int64_t datum, uint64_t size, uint64_t *total)
{
    char text[24];

    w->offset = (w->offset + PAGE - 1) / PAGE * PAGE;
    *total += put_entry(w, "location", w->location);
    snprintf(text, sizeof text, "%llu", (unsigned long long)w->offset);
    *total += put_entry(w, "offset", text);
    snprintf(text, sizeof text, "%llu", (unsigned long long)size);
    *total += put_entry(w, "length", text);
    put_varint(w, LOCATION << 3);
    put_varint(w, 1);
    *total += 2;
    w->offset += size;
    if (w->data == NULL)
        return 0;
    while (w->data->offset % PAGE != 0)
        out_put(w->data, "", 1);
    return datum_put(w, datum, w->data);
}

/* Writes (with w->o) or measures a tensor that refers to a datum. */
static int fill_tensor(struct filler *w, struct cursor c, int64_t datum, uint64_t *total)
{
    uint64_t size = datum_size(w, datum), before;
    struct field f;

    while (cursor_field(&c, &f))
        if (f.number != EXTERNAL_DATA && f.number != LOCATION && f.number != RAW_DATA) {
            put(w, f.start, (size_t)(c.p - f.start));
            *total += (uint64_t)(c.p - f.start);
        }
    if (w->external && size > ONNX_INLINE)
        return put_external(w, datum, size, total);
    put_varint(w, RAW_DATA << 3 | 2);
    put_varint(w, size);
    *total += 1 + varint_size(size) + size;
    if (w->o == NULL)
        return 0;
    before = w->o->offset;
    if (datum_put(w, datum, w->o) < 0)
        return -1;
    if (w->o->offset - before != size)
        return err_set(w->err, "data %lld came out as %llu bytes, not %llu", (long long)datum,
                       (unsigned long long)(w->o->offset - before), (unsigned long long)size);
    return 0;
}

static int fill_message(struct filler *w, const ProtobufCMessageDescriptor *d, struct cursor c,
                        uint64_t *total)
{
    int64_t datum = d == &onnx__tensor_proto__descriptor ? reference(c) : -1;
    struct field f;

    if (datum >= 0)
        return fill_tensor(w, c, datum, total);
    while (cursor_field(&c, &f)) {
        const ProtobufCFieldDescriptor *fd = protobuf_c_message_descriptor_get_field(d, f.number);
        uint64_t inner = 0;
        size_t at = w->nsizes;

        if (fd == NULL || fd->type != PROTOBUF_C_TYPE_MESSAGE) {
            put(w, f.start, (size_t)(c.p - f.start));
            *total += (uint64_t)(c.p - f.start);
            continue;
        }
        if (w->o != NULL) {
            put_varint(w, f.number << 3 | 2);
            put_varint(w, w->sizes[w->next++]);
        } else {
            GROW(w->sizes, w->nsizes, w->cap);
            w->nsizes++;
        }
        if (fill_message(w, fd->descriptor, f.bytes, &inner) < 0)
            return -1;
        if (w->o == NULL)
            w->sizes[at] = inner;
        *total += varint_size(f.number << 3) + varint_size(inner) + inner;
    }
    return 0;
}

static int measure(struct filler *w, struct cursor c, uint64_t *total)
{
    *total = 0;
    w->nsizes = w->next = 0;
    w->offset = 0;
    return fill_message(w, &onnx__model_proto__descriptor, c, total);
}

int onnx_fill(struct out *o, const uint8_t *source, size_t size, const struct fill *f,
              struct err *e)
{
    bool pipe = f->path == NULL || strcmp(f->path, "-") == 0;
    const char *slash = pipe ? NULL : strrchr(f->path, '/');
    char *path = pipe ? NULL : mem_printf("%s.data", f->path);
    struct filler w = { .f = f, .err = e };
    struct cursor c = cursor_of(source, size);
    struct out data = { 0 };
    uint64_t total;
    int rc = -1;

    if (wire_check(&onnx__model_proto__descriptor, source, size, e) < 0 ||
        measure(&w, c, &total) < 0)
        goto out;
    if (total > (f->limit ? f->limit : INT32_MAX)) {
        if (path == NULL) {
            err_set(e,
                    "%llu bytes: over 2 GB a model needs a data file beside it: name the output "
                    "with -o",
                    (unsigned long long)total);
            goto out;
        }
        w.external = true;
        w.location = slash == NULL ? path : path + (slash + 1 - f->path);
        if (out_open(&data, path, e) < 0 || measure(&w, c, &total) < 0)
            goto out;
        w.data = &data;
    }
    w.o = o;
    w.offset = 0;
    if (fill_message(&w, &onnx__model_proto__descriptor, c, &total) < 0)
        goto out;
    rc = w.external ? out_commit(&data, e) : 0;
out:
    out_release(&data);
    free(w.sizes);
    buf_release(&w.head);
    free(path);
    return rc;
}
