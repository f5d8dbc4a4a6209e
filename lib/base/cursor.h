/* cursor.h: the only reader of file bytes: bounded, little-endian, with a sticky error flag.
 *
 * After a read past the end every further read gives zeros and `bad` stays set; a reader checks it
 * once, at a place where it can say what was being read.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
    const uint8_t *p, *end;
    bool bad;
};

struct cursor cursor_of(const void *p, size_t size);
size_t cursor_left(const struct cursor *c);
const uint8_t *cursor_take(struct cursor *c, size_t size); /* borrowed bytes, or NULL and bad */
void cursor_skip(struct cursor *c, size_t size);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
uint64_t cursor_varint(struct cursor *c); /* protobuf base-128, at most 10 bytes */

/* One protobuf field. wire 0: `value`; wire 1 and 5: `value` holds the bits; wire 2: `bytes` covers
 * the payload. Groups (wire 3, 4) are refused. false at the end or on damage (check c->bad). */
struct field {
    uint32_t number;
    unsigned wire;
    uint64_t value;
    struct cursor bytes;
    const uint8_t *start; /* first byte of the tag; the field ends at c->p */
};
bool cursor_field(struct cursor *c, struct field *f);

#endif
