/* pool.c: see pool.h. Best fit; a block is not given to a request under half its size, so that a
 * small tensor never holds a large block.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/mem.h"
#include "run/pool.h"

struct block *pool_get(struct pool *p, size_t size)
{
    struct block **at = &p->free, *b;

    size = (size + 63) & ~(size_t)63;
    while (*at != NULL && (*at)->size < size)
        at = &(*at)->next;
    b = *at;
    if (b != NULL && (b->size <= 2 * size || b->size <= 4096)) {
        *at = b->next;
    } else {
        b = NEW(struct block);
        b->mem = mem_aligned(64, size);
        b->size = size;
        b->pool = p;
    }
    b->refs = 1;
    b->next = NULL;
    return b;
}

void block_ref(struct block *b)
{
    b->refs++;
}

void block_unref(struct block *b)
{
    struct block **at;

    if (b == NULL || --b->refs > 0)
        return;
    at = &b->pool->free;
    while (*at != NULL && (*at)->size < b->size)
        at = &(*at)->next;
    b->next = *at;
    *at = b;
}

void pool_release(struct pool *p)
{
    while (p->free != NULL) {
        struct block *next = p->free->next;

        free(p->free->mem);
        free(p->free);
        p->free = next;
    }
}
