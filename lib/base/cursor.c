/* cursor.c: see cursor.h. Protobuf wire format: protobuf.dev/programming-guides/encoding.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/cursor.h"

struct cursor cursor_of(const void *p, size_t size)
{
    struct cursor c = { .p = p, .end = size > 0 ? (const uint8_t *)p + size : p };

    return c;
}

size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->p);
}

const uint8_t *cursor_take(struct cursor *c, size_t size)
{
    const uint8_t *p = c->p;

    if (c->bad || size > cursor_left(c)) {
        c->bad = true;
        c->p = c->end;
        return NULL;
    }
    c->p += size;
    return p;
}

void cursor_skip(struct cursor *c, size_t size)
{
    (void)cursor_take(c, size);
}

static uint64_t fixed(struct cursor *c, size_t size)
{
    const uint8_t *p = cursor_take(c, size);
    uint64_t v = 0;

    if (p != NULL)
        for (size_t i = 0; i < size; i++)
            v |= (uint64_t)p[i] << (8 * i);
    return v;
}

uint8_t cursor_u8(struct cursor *c)
{
    return (uint8_t)fixed(c, 1);
}

uint16_t cursor_u16(struct cursor *c)
{
    return (uint16_t)fixed(c, 2);
}

uint32_t cursor_u32(struct cursor *c)
{
    return (uint32_t)fixed(c, 4);
}

uint64_t cursor_u64(struct cursor *c)
{
    return fixed(c, 8);
}

uint64_t cursor_varint(struct cursor *c)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = cursor_u8(c);

        if (shift < 64)
            v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return v;
    }
    c->bad = true;
    return 0;
}

bool cursor_field(struct cursor *c, struct field *f)
{
    uint64_t tag, size;

    if (c->bad || c->p == c->end)
        return false;
    *f = (struct field){ .start = c->p };
    tag = cursor_varint(c);
    f->number = (uint32_t)(tag >> 3);
    f->wire = tag & 7;
    switch (f->wire) {
    case 0:
        f->value = cursor_varint(c);
        break;
    case 1:
        f->value = cursor_u64(c);
        break;
    case 2:
        size = cursor_varint(c);
        f->bytes.p = cursor_take(c, size);
        f->bytes.end = f->bytes.p == NULL ? NULL : f->bytes.p + size;
        break;
    case 5:
        f->value = cursor_u32(c);
        break;
    default:
        c->bad = true;
    }
    if (f->number == 0 || tag >> 32 != 0)
        c->bad = true;
    return !c->bad;
}
