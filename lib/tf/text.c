/* text.c: see text.h. One value at a time, by the messages' descriptors; DataType's numbers may be names.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "conf/text.h"
#include "tf/context.h"
#include "tf/text.h"

struct reader {
    struct lexer x;
    struct err *err;
};

static bool names(const struct token *t, const char *name)
{
    return t->kind == TOKEN_NAME && (size_t)t->size == strlen(name) &&
           strncmp(t->text, name, (size_t)t->size) == 0;
}

static int refuse(const struct reader *r, const char *field, const char *wanted)
{
    return token_error(&r->x, &r->x.token, r->err, "%s takes %s, not %s", field, wanted,
                       token_text(&r->x.token));
}

static int real(const struct reader *r, const char *field, double *v)
{
    const struct token *t = &r->x.token;

    if (t->kind != TOKEN_NUMBER && !names(t, "inf") && !names(t, "nan"))
        return refuse(r, field, "a number");
    *v = t->kind == TOKEN_NUMBER ? t->number : names(t, "inf") ? HUGE_VAL : NAN;
    return 0;
}

static int whole(const struct reader *r, const char *field, bool is_signed, uint64_t *v)
{
    const struct token *t = &r->x.token;
    char *end = NULL;

    if (t->kind == TOKEN_NAME && tf_type_named(t->text, (size_t)t->size) > 0) {
        *v = (uint64_t)tf_type_named(t->text, (size_t)t->size);
        return 0;
    }
    if (t->kind == TOKEN_NUMBER)
        *v = is_signed ? (uint64_t)strtoll(t->text, &end, 0) : strtoull(t->text, &end, 0);
    return end == t->text + t->size ? 0 : refuse(r, field, "an integer");
}

static int truth(const struct reader *r, const char *field, uint64_t *v)
{
    const struct token *t = &r->x.token;
    bool yes = names(t, "true") || names(t, "True") || names(t, "t");

    if (t->kind == TOKEN_NUMBER && (t->number == 0 || t->number == 1))
        yes = t->number == 1;
    else if (!yes && !names(t, "false") && !names(t, "False") && !names(t, "f"))
        return refuse(r, field, "true or false");
    *v = yes;
    return 0;
}

/* The value at the lexer, which stays there. */
static int put_scalar(const struct reader *r, const ProtobufCFieldDescriptor *f, struct buf *out)
{
    bool is_signed = f->type == PROTOBUF_C_TYPE_INT32 || f->type == PROTOBUF_C_TYPE_INT64;
    const struct token *t = &r->x.token;
    uint64_t v = 0;
    double d = 0;
    float s;

    switch (f->type) {
    case PROTOBUF_C_TYPE_FLOAT:
        if (real(r, f->name, &d) < 0)
            return -1;
        s = (float)d;
        buf_varint(out, (uint64_t)f->id << 3 | 5);
        buf_put(out, &s, sizeof s);
        return 0;
    case PROTOBUF_C_TYPE_DOUBLE:
        if (real(r, f->name, &d) < 0)
            return -1;
        buf_varint(out, (uint64_t)f->id << 3 | 1);
        buf_put(out, &d, sizeof d);
        return 0;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
        if (t->kind != TOKEN_STRING)
            return refuse(r, f->name, "a string in quotes");
        buf_varint(out, (uint64_t)f->id << 3 | 2);
        buf_varint(out, t->nstring);
        buf_put(out, t->string, t->nstring);
        return 0;
    default:
        if ((f->type == PROTOBUF_C_TYPE_BOOL ? truth(r, f->name, &v)
                                             : whole(r, f->name, is_signed, &v)) < 0)
            return -1;
        buf_varint(out, (uint64_t)f->id << 3);
        buf_varint(out, v);
        return 0;
    }
}

static int put_fields(struct reader *r, const ProtobufCMessageDescriptor *d, char close,
                      struct buf *out, int depth);

/* One value, and what is behind it. */
static int put_value(struct reader *r, const ProtobufCFieldDescriptor *f, struct buf *out,
                     int depth)
{
    struct buf inner = { 0 };
    int rc;

    if (f->type != PROTOBUF_C_TYPE_MESSAGE) {
        rc = put_scalar(r, f, out);
    } else if (!token_is(&r->x.token, '{') && !token_is(&r->x.token, '<')) {
        rc = refuse(r, f->name, "a message in braces");
    } else {
        char close = token_is(&r->x.token, '{') ? '}' : '>';

        rc = lexer_next(&r->x, r->err) < 0 ? -1
                                           : put_fields(r, f->descriptor, close, &inner, depth + 1);
        buf_varint(out, (uint64_t)f->id << 3 | 2);
        buf_varint(out, inner.size);
        buf_put(out, inner.data, inner.size);
        buf_release(&inner);
    }
    return rc < 0 ? -1 : lexer_next(&r->x, r->err);
}

/* [value, …] */
static int put_list(struct reader *r, const ProtobufCFieldDescriptor *f, struct buf *out, int depth)
{
    do {
        if (lexer_next(&r->x, r->err) < 0)
            return -1;
        if (token_is(&r->x.token, ']'))
            break;
        if (put_value(r, f, out, depth) < 0)
            return -1;
    } while (token_is(&r->x.token, ','));
    return token_is(&r->x.token, ']') ? lexer_next(&r->x, r->err) : refuse(r, f->name, "a list");
}

static int put_field(struct reader *r, const ProtobufCMessageDescriptor *d, struct buf *out,
                     int depth)
{
    const struct token at = r->x.token;
    const ProtobufCFieldDescriptor *f;

    if (at.kind != TOKEN_NAME)
        return token_error(&r->x, &at, r->err, "a field's name is expected, not %s",
                           token_text(&at));
    f = protobuf_c_message_descriptor_get_field_by_name(
        d, arena_strndup(r->x.arena, at.text, (size_t)at.size));
    if (f == NULL) {
        token_error(&r->x, &at, r->err,
                    "%s has no field %s that dopt could keep: write the graph "
                    "as a binary .pb (TensorFlow: tf.io.write_graph with as_text=False)",
                    d->short_name, token_text(&at));
        r->err->status = ERR_UNSUPPORTED;
        return -1;
    }
    if (lexer_next(&r->x, r->err) < 0)
        return -1;
    if (token_is(&r->x.token, ':')) {
        if (lexer_next(&r->x, r->err) < 0)
            return -1;
    } else if (f->type != PROTOBUF_C_TYPE_MESSAGE) {
        return token_error(&r->x, &r->x.token, r->err, "':' is expected behind %s, not %s", f->name,
                           token_text(&r->x.token));
    }
    return token_is(&r->x.token, '[') && f->label == PROTOBUF_C_LABEL_REPEATED
               ? put_list(r, f, out, depth)
               : put_value(r, f, out, depth);
}

/* Up to the closing brace, which stays; 0 closes at the end of the file. */
static int put_fields(struct reader *r, const ProtobufCMessageDescriptor *d, char close,
                      struct buf *out, int depth)
{
    const struct token *t = &r->x.token;

    if (depth > WIRE_DEPTH)
        return token_error(&r->x, t, r->err, "more than %d messages inside one another",
                           WIRE_DEPTH);
    while (close == '\0' ? t->kind != TOKEN_END : !token_is(t, close)) {
        if (put_field(r, d, out, depth) < 0)
            return -1;
        if ((token_is(t, ',') || token_is(t, ';')) && lexer_next(&r->x, r->err) < 0)
            return -1;
    }
    return 0;
}

int tf_text(struct buf *wire, const char *path, const struct blob *text, struct err *e)
{
    struct arena arena = { 0 };
    const char *bytes = arena_strndup(&arena, (const char *)text->data, text->size);
    struct reader r = { .err = e };
    int rc;

    rc = lexer_init(&r.x, path == NULL ? "<stdin>" : path, bytes, text->size, &arena, e);
    r.x.bytes = true;
    if (rc == 0)
        rc = put_fields(&r, &tensorflow__graph_def__descriptor, '\0', wire, 0);
    arena_release(&arena);
    return rc;
}
