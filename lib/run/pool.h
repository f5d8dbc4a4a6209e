/* pool.h: the activation memory of one worker: counted blocks that are used again as soon as their
 * last reader is done.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef RUN_POOL_H
#define RUN_POOL_H

#include <stddef.h>

struct block {
    void *mem; /* 64-byte aligned */
    size_t size;
    int refs;
    struct block *next; /* in the pool's list of free blocks */
    struct pool *pool;
};

struct pool {
    struct block *free; /* by ascending size */
};

struct block *pool_get(struct pool *p, size_t size); /* one reference */
void block_ref(struct block *b);
void block_unref(struct block *b); /* NULL is fine */
void pool_release(struct pool *p);

#endif
