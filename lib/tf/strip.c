/* strip.c: large tensors out of a GraphDef; see strip.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "ir/source.h"
#include "tensorflow.pb-c.h"
#include "tf/strip.h"

/* TensorProto's field numbers. */
enum { DTYPE = 1, CONTENT = 4, DATUM = 536870000 };

struct strip {
    struct model *m;
    struct err *err;
};

/* See source_kind.strip. */
static int strip_tensor(void *ctx, struct cursor c, struct buf *out)
{
    struct strip *s = ctx;
    struct cursor look = c;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    struct field f;
    int contents = 0;

    while (cursor_field(&look, &f)) {
        if (f.number == DATUM)
            return err_set(s->err, "field %d of a TensorProto: not TensorFlow's", DATUM);
        if (f.number != CONTENT)
            continue;
        contents++;
        bytes = f.bytes.p;
        size = cursor_left(&f.bytes);
    }
    if (contents != 1 || size <= TF_INLINE)
        return 0;
    while (cursor_field(&c, &f))
        if (f.number != CONTENT)
            buf_put(out, f.start, (size_t)(c.p - f.start));
    buf_varint(out, (uint64_t)DATUM << 3);
    buf_varint(out, (uint64_t)source_datum(s->m, bytes, size, 8));
    return 1;
}

int tf_strip(struct model *m, const struct blob *file, const char *path, struct err *e)
{
    static const struct source_kind kind = { &tensorflow__graph_def__descriptor,
                                             &tensorflow__tensor_proto__descriptor, strip_tensor };
    struct strip s = { m, e };

    return source_strip(m, file, path, &kind, &s, e);
}
