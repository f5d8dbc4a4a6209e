/* nomem.c: LD_PRELOAD, for tests/fault: the NOMEM_AT-th allocation fails, or all are counted.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);

static atomic_long calls;
static long at;

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("NOMEM_AT");

    at = text == NULL ? 0 : atol(text);
    calls = 0; /* the loader's are not ours */
}

__attribute__((destructor)) static void end(void)
{
    if (at == 0)
        fprintf(stderr, "%ld allocations\n", calls);
}

static int fails(void)
{
    return ++calls == at;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    return fails() ? NULL : __libc_realloc(p, size);
}

int posix_memalign(void **p, size_t align, size_t size)
{
    *p = fails() ? NULL : __libc_memalign(align, size);
    return *p == NULL ? ENOMEM : 0;
}

void *aligned_alloc(size_t align, size_t size)
{
    return fails() ? NULL : __libc_memalign(align, size);
}
