/* npy.c: see npy.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "calset/npy.h"

static const uint8_t magic[6] = { 0x93, 'N', 'U', 'M', 'P', 'Y' };

/* descr without its byte order. */
static const struct {
    enum dtype dtype;
    const char *code;
} codes[] = {
    { DT_F32, "f4" }, { DT_F64, "f8" },  { DT_F16, "f2" }, { DT_U8, "u1" },    { DT_I8, "i1" },
    { DT_U16, "u2" }, { DT_I16, "i2" },  { DT_U32, "u4" }, { DT_I32, "i4" },   { DT_U64, "u8" },
    { DT_I64, "i8" }, { DT_BOOL, "b1" }, { DT_C64, "c8" }, { DT_C128, "c16" },
};

bool npy_is(const void *bytes, size_t size)
{
    return size >= sizeof magic && memcmp(bytes, magic, sizeof magic) == 0;
}

struct header {
    enum dtype dtype;
    bool big, fortran;
    struct shape shape;
};

static void blanks(struct cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\t'))
        c->p++;
}

static bool accept(struct cursor *c, const char *word)
{
    size_t n = strlen(word);

    blanks(c);
    if (cursor_left(c) < n || memcmp(c->p, word, n) != 0)
        return false;
    c->p += n;
    return true;
}

/* A quoted word without escapes. */
static bool quoted(struct cursor *c, char *out, size_t size)
{
    uint8_t quote;
    size_t n = 0;

    blanks(c);
    quote = cursor_u8(c);
    if (quote != '\'' && quote != '"')
        return false;
    for (; c->p < c->end && *c->p != quote; c->p++)
        if (n < size - 1)
            out[n++] = (char)*c->p;
    out[n] = '\0';
    return cursor_u8(c) == quote && !c->bad;
}

static int descr_read(struct header *h, struct cursor *c, struct err *e)
{
    char text[32];

    if (!quoted(c, text, sizeof text))
        return err_set(e, "an array of records cannot be used; save a plain array");
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (text[0] != '\0' && strchr("<>|=", text[0]) != NULL &&
            strcmp(text + 1, codes[i].code) == 0) {
            h->dtype = codes[i].dtype;
            h->big = text[0] == '>';
            return 0;
        }
    return err_set(e, "elements of type '%s' cannot be used; save numbers (.astype('float32'))",
                   text);
}

static int shape_read(struct shape *s, struct cursor *c, struct err *e)
{
    if (!accept(c, "("))
        return err_set(e, "damaged header: no shape");
    *s = (struct shape){ 0 };
    while (!accept(c, ")")) {
        int64_t v = 0;
        const uint8_t *from;

        blanks(c);
        from = c->p;
        for (; c->p < c->end && *c->p >= '0' && *c->p <= '9' && v < (int64_t)1 << 50; c->p++)
            v = v * 10 + (*c->p - '0');
        if (c->p == from || v >= (int64_t)1 << 50)
            return err_set(e, "damaged header: a wrong dim in its shape");
        accept(c, "L");
        if (s->rank == RANK_MAX)
            return err_set(e, "more than %d dims", RANK_MAX);
        s->dim[s->rank++] = v;
        if (!accept(c, ",")) {
            if (!accept(c, ")"))
                return err_set(e, "damaged header: its shape is not closed");
            return 0;
        }
    }
    return 0;
}

static int header_read(struct header *h, struct cursor c, struct err *e)
{
    unsigned seen = 0;
    char key[32];

    if (!accept(&c, "{"))
        return err_set(e, "damaged header: no dictionary");
    while (!accept(&c, "}")) {
        unsigned bit = 0;

        if (!quoted(&c, key, sizeof key) || !accept(&c, ":"))
            return err_set(e, "damaged header: a key is missing");
        blanks(&c);
        if (strcmp(key, "descr") == 0) {
            bit = 1;
            if (descr_read(h, &c, e) < 0)
                return -1;
        } else if (strcmp(key, "fortran_order") == 0) {
            bit = 2;
            h->fortran = accept(&c, "True");
            if (!h->fortran && !accept(&c, "False"))
                return err_set(e, "damaged header: fortran_order is neither True nor False");
        } else if (strcmp(key, "shape") == 0) {
            bit = 4;
            if (shape_read(&h->shape, &c, e) < 0)
                return -1;
        }
        if (bit == 0 || seen & bit)
            return err_set(e, "damaged header: key '%s'", key);
        seen |= bit;
        if (!accept(&c, ",")) {
            if (!accept(&c, "}"))
                return err_set(e, "damaged header: its dictionary is not closed");
            break;
        }
    }
    return seen == 7 ? 0 : err_set(e, "damaged header: descr, fortran_order or shape is missing");
}

/* First index fastest -> last index fastest. */
static void from_fortran(uint8_t *out, const uint8_t *in, const struct shape *s, size_t size)
{
    int64_t index[RANK_MAX] = { 0 }, count = shape_count(s);
    size_t stride[RANK_MAX] = { 0 }, at = 0, step = size;

    for (int i = 0; i < s->rank; i++) {
        stride[i] = step;
        step *= (size_t)s->dim[i];
    }
    for (int64_t n = 0; n < count; n++, out += size) {
        memcpy(out, in + at, size);
        for (int i = s->rank - 1; i >= 0; i--) {
            at += stride[i];
            if (++index[i] < s->dim[i])
                break;
            at -= stride[i] * (size_t)s->dim[i];
            index[i] = 0;
        }
    }
}

static void swap_bytes(uint8_t *p, size_t n, size_t size)
{
    for (size_t i = 0; i < n; i++, p += size)
        for (size_t k = 0; k < size / 2; k++) {
            uint8_t t = p[k];

            p[k] = p[size - 1 - k];
            p[size - 1 - k] = t;
        }
}

int npy_read(struct tensor *t, void **owned, const void *bytes, size_t size, struct err *e)
{
    struct cursor c = cursor_of(bytes, size), text;
    struct header h = { 0 };
    uint8_t major;
    size_t n, elem, part;
    int64_t count;
    const uint8_t *data;

    *owned = NULL;
    if (!npy_is(bytes, size))
        return err_set(e, "is no .npy file");
    cursor_skip(&c, sizeof magic);
    major = cursor_u8(&c);
    cursor_skip(&c, 1);
    if (major < 1 || major > 3)
        return err_set(e, "is a .npy file of version %u; versions 1 to 3 are known", major);
    n = major == 1 ? cursor_u16(&c) : cursor_u32(&c);
    text.p = cursor_take(&c, n);
    if (text.p == NULL)
        return err_set(e, "truncated in its header");
    text = cursor_of(text.p, n);
    if (header_read(&h, text, e) < 0)
        return -1;
    elem = dtype_size(h.dtype);
    count = shape_count(&h.shape);
    if (count < 0 || (uint64_t)count > cursor_left(&c) / elem ||
        (size_t)count * elem != cursor_left(&c)) {
        char s[200];

        return err_set(e, "%zu bytes of data, but its header says %s %s", cursor_left(&c),
                       shape_text(&h.shape, s), dtype_name(h.dtype));
    }
    n = (size_t)count * elem;
    part = h.dtype == DT_C64 || h.dtype == DT_C128 ? elem / 2 : elem;
    data = c.p;
    if (h.fortran || (h.big && part > 1) || (uintptr_t)data % part != 0) {
        *owned = mem_alloc(n);
        if (h.fortran)
            from_fortran(*owned, data, &h.shape, elem);
        else
            memcpy(*owned, data, n);
        if (h.big && part > 1)
            swap_bytes(*owned, n / part, part);
        data = *owned;
    }
    *t = (struct tensor){ .dtype = h.dtype, .shape = h.shape, .data = (void *)data };
    return 0;
}

void npy_header(struct buf *out, enum dtype dtype, const struct shape *s)
{
    struct buf text = { 0 };
    size_t start, total;

    buf_str(&text, "{'descr': '");
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].dtype == dtype)
            buf_printf(&text, "%c%s", dtype_size(dtype) == 1 ? '|' : '<', codes[i].code);
    buf_str(&text, "', 'fortran_order': False, 'shape': (");
    for (int i = 0; i < s->rank; i++)
        buf_printf(&text, "%s%lld", i ? ", " : "", (long long)s->dim[i]);
    buf_str(&text, s->rank == 1 ? ",), }" : "), }");
    if (s->rank > 0) /* room for the first dim to become any other */
        buf_printf(&text, "%*s", 20 - snprintf(NULL, 0, "%lld", (long long)s->dim[0]), "");
    start = sizeof magic + 2 + 2;
    total = (start + text.size + 1 + 63) / 64 * 64;
    while (text.size < total - start - 1)
        buf_put(&text, " ", 1);
    buf_put(&text, "\n", 1);
    buf_put(out, magic, sizeof magic);
    buf_put(out, (const uint8_t[]){ 1, 0, (uint8_t)text.size, (uint8_t)(text.size >> 8) }, 4);
    buf_put(out, text.data, text.size);
    buf_release(&text);
}
