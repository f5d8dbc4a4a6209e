/* pack.c: see pack.h. A list per node, hashed by node; one lock, held while building.
 * SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "op/pack.h"

struct pack {
    struct pack *next;
    const struct node *node;
    int input;
    void *key, *data;
    size_t keysize;
};

enum { NLISTS = 1024 };

struct packs {
    pthread_mutex_t lock;
    struct pack *lists[NLISTS];
};

struct packs *packs_new(void)
{
    struct packs *p = NEW(struct packs);

    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void packs_free(struct packs *p)
{
    if (p == NULL)
        return;
    for (int i = 0; i < NLISTS; i++)
        while (p->lists[i] != NULL) {
            struct pack *next = p->lists[i]->next;

            free(p->lists[i]->key);
            free(p->lists[i]->data);
            free(p->lists[i]);
            p->lists[i] = next;
        }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

const void *packs_get(struct packs *p, const struct node *n, int i, const void *key, size_t keysize,
                      void *(*build)(void *ctx, size_t *size), void *ctx)
{
    struct pack **list = &p->lists[(unsigned)n->id % NLISTS], *k;
    size_t size;

    pthread_mutex_lock(&p->lock);
    for (k = *list; k != NULL; k = k->next)
        if (k->node == n && k->input == i && k->keysize == keysize &&
            memcmp(k->key, key, keysize) == 0)
            break;
    if (k == NULL) {
        k = NEW(struct pack);
        *k = (struct pack){ .next = *list, .node = n, .input = i, .keysize = keysize };
        k->key = mem_alloc(keysize);
        memcpy(k->key, key, keysize);
        k->data = build(ctx, &size);
        *list = k;
    }
    pthread_mutex_unlock(&p->lock);
    return k->data;
}
