/* mem.c: see mem.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

/* The one place of lib/ that ends the process: there is no memory left to report with. One thread speaks. */
void mem_die(void)
{
    static const char msg[] = ": out of memory: the model or a sample needs more than there is\n";
    static atomic_flag said = ATOMIC_FLAG_INIT;
    const char *tool = program_invocation_short_name;

    if (atomic_flag_test_and_set(&said))
        pause();
    out_abandon();
    if (write(2, tool, strlen(tool)) < 0 || write(2, msg, sizeof msg - 1) < 0)
        _exit(1);
    _exit(1);
}

static void *or_die(void *p)
{
    if (p == NULL)
        mem_die();
    return p;
}

void *mem_alloc(size_t size)
{
    return or_die(malloc(size ? size : 1));
}

void *mem_zero(size_t n, size_t size)
{
    return or_die(calloc(n ? n : 1, size ? size : 1));
}

void *mem_resize(void *p, size_t n, size_t size)
{
    return or_die(reallocarray(p, n ? n : 1, size ? size : 1));
}

char *mem_strdup(const char *s)
{
    return or_die(strdup(s));
}

enum { HUGE = 2 << 20 }; /* the size of a huge page, which faults once instead of 512 times */

void *mem_aligned(size_t align, size_t size)
{
    void *p = NULL;

    if (posix_memalign(&p, size >= HUGE ? HUGE : align, size ? size : 1) != 0)
        p = NULL;
    if (size >= HUGE && p != NULL)
        madvise(p, size, MADV_HUGEPAGE);
    return or_die(p);
}

char *mem_printf(const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&s, fmt, ap) < 0)
        s = NULL;
    va_end(ap);
    return or_die(s);
}

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    _Alignas(16) unsigned char data[];
};

void *arena_alloc(struct arena *a, size_t size)
{
    struct arena_block *b = a->head;
    void *p;

    if (size > SIZE_MAX / 2)
        or_die(NULL);
    size = (size + 15) & ~(size_t)15;
    if (b == NULL || b->size - b->used < size) {
        size_t room = size > 16384 ? size : 65536 - sizeof *b;
        struct arena_block *fresh = mem_zero(1, sizeof *b + room);

        fresh->size = room;
        if (size > 16384 && b != NULL) { /* keep filling the current block */
            fresh->next = b->next;
            b->next = fresh;
        } else {
            fresh->next = b;
            a->head = fresh;
        }
        b = fresh;
    }
    p = b->data + b->used;
    b->used += size;
    return p;
}

void *arena_copy(struct arena *a, const void *p, size_t size)
{
    void *q = arena_alloc(a, size);

    if (size > 0)
        memcpy(q, p, size);
    return q;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *q = arena_alloc(a, n + 1);

    if (n > 0)
        memcpy(q, s, n);
    return q;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    char *s, *q;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&s, fmt, ap) < 0)
        s = NULL;
    va_end(ap);
    or_die(s);
    q = arena_strdup(a, s);
    free(s);
    return q;
}

void arena_release(struct arena *a)
{
    while (a->head != NULL) {
        struct arena_block *next = a->head->next;

        free(a->head);
        a->head = next;
    }
}

static void buf_room(struct buf *b, size_t size)
{
    if (size > SIZE_MAX / 4)
        or_die(NULL);
    if (b->size + size + 1 > b->cap) {
        b->cap = (b->size + size + 1) * 3 / 2;
        b->data = mem_resize(b->data, b->cap, 1);
    }
}

void buf_put(struct buf *b, const void *p, size_t size)
{
    buf_room(b, size);
    if (size > 0)
        memcpy(b->data + b->size, p, size);
    b->size += size;
    b->data[b->size] = '\0';
}

void buf_str(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    char *s;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&s, fmt, ap) < 0)
        s = NULL;
    va_end(ap);
    or_die(s);
    buf_str(b, s);
    free(s);
}

void buf_u32(struct buf *b, uint32_t v)
{
    uint8_t p[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) };

    buf_put(b, p, 4);
}

void buf_u64(struct buf *b, uint64_t v)
{
    buf_u32(b, (uint32_t)v);
    buf_u32(b, (uint32_t)(v >> 32));
}

void buf_varint(struct buf *b, uint64_t v)
{
    uint8_t p[10];
    size_t n = 0;

    do {
        p[n] = (uint8_t)(v & 0x7f);
        v >>= 7;
        if (v != 0)
            p[n] |= 0x80;
        n++;
    } while (v != 0);
    buf_put(b, p, n);
}

void buf_release(struct buf *b)
{
    free(b->data);
    *b = (struct buf){ 0 };
}
