/* pack.h: constants in the form a kernel wants, prepared once and shared by all workers.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OP_PACK_H
#define OP_PACK_H

#include "op/op.h"

struct packs *packs_new(void);
void packs_free(struct packs *p);
/* Input i of the node in the form `key` (keysize bytes): the first caller builds it, everyone shares
 * it. build returns malloc'ed memory and its size. */
const void *packs_get(struct packs *p, const struct node *n, int i, const void *key, size_t keysize,
                      void *(*build)(void *ctx, size_t *size), void *ctx);
/* Ends what oneDNN keeps for the calling thread. */
void prim_thread_end(void);

#endif
