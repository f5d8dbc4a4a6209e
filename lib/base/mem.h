/* mem.h: memory that never fails (exhaustion ends the process), arenas, and growable bytes.
 *
 * Because exhaustion is fatal, every length read from a file is checked against the bytes left
 * before anything is allocated for it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t size);                     /* not zeroed */
void *mem_zero(size_t n, size_t size);            /* n * size zero bytes; dies on overflow */
void *mem_resize(void *p, size_t n, size_t size); /* n * size bytes; dies on overflow */
char *mem_strdup(const char *s);
void *mem_aligned(size_t align, size_t size); /* release with free() */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Ends the process with a line about memory, status 1, and no temporary file left. */
_Noreturn void mem_die(void);

#define NEW(type)          ((type *)mem_zero(1, sizeof(type)))
#define NEW_ARRAY(type, n) ((type *)mem_zero((n), sizeof(type)))
/* Makes room for one more element: `GROW(v->items, v->nitems, v->cap)`, then v->items[v->nitems++]. */
#define GROW(items, n, cap)                                                                        \
    do {                                                                                           \
        if ((n) == (cap)) {                                                                        \
            (cap) = (cap) ? 2 * (cap) : 8;                                                         \
            (items) = mem_resize((items), (cap), sizeof *(items));                                 \
        }                                                                                          \
    } while (0)

/* An arena: everything in it lives until arena_release. Pointers never move. Zeroed memory,
 * 16-byte aligned. */
struct arena {
    struct arena_block *head;
};
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
void *arena_copy(struct arena *a, const void *p, size_t size);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_release(struct arena *a);

/* Growable bytes; `data` is always followed by a NUL that `size` does not count (once non-empty). */
struct buf {
    uint8_t *data;
    size_t size, cap;
};
void buf_put(struct buf *b, const void *p, size_t size);
void buf_str(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_u32(struct buf *b, uint32_t v);    /* little-endian */
void buf_u64(struct buf *b, uint64_t v);    /* little-endian */
void buf_varint(struct buf *b, uint64_t v); /* protobuf base-128 */
void buf_release(struct buf *b);

#endif
