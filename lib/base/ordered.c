/* ordered.c: see ordered.h. A ring of items: item i lives in place i % nitems.
 * SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/ordered.h"

struct item {
    void *bytes;
    bool made;
    int rc;
    struct err err;
};

struct ring {
    const struct ordered *o;
    struct item *items;
    long nitems, n, next, taken; /* next to be made, next to be taken */
    pthread_mutex_t lock;
    pthread_cond_t made, free;
};

static void *work(void *arg)
{
    struct ring *r = arg;

    pthread_mutex_lock(&r->lock);
    for (;;) {
        struct item *item;
        long i;

        while (r->next < r->n && r->next - r->taken >= r->nitems)
            pthread_cond_wait(&r->free, &r->lock);
        if (r->next >= r->n)
            break;
        i = r->next++;
        pthread_mutex_unlock(&r->lock);
        item = &r->items[i % r->nitems];
        item->rc = r->o->make(r->o->ctx, i, item->bytes, &item->err);
        pthread_mutex_lock(&r->lock);
        item->made = true;
        pthread_cond_signal(&r->made);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* An item in its turn: 0 to go on, ORDERED_END, or -1 (e is set where it is not the item's own). */
static int take_one(const struct ordered *o, long i, int rc, const void *bytes,
                    const struct err *why)
{
    if (rc == 0)
        o->take(o->ctx, i, bytes);
    else if (rc == ORDERED_DROP && o->drop != NULL)
        o->drop(o->ctx, i, why);
    return rc == ORDERED_DROP ? 0 : rc;
}

static int take_all(struct ring *r, struct err *e)
{
    int rc = 0;

    for (long i = 0; rc == 0 && i < r->n; i++) {
        struct item *item = &r->items[i % r->nitems];

        pthread_mutex_lock(&r->lock);
        while (!item->made)
            pthread_cond_wait(&r->made, &r->lock);
        pthread_mutex_unlock(&r->lock);
        rc = take_one(r->o, i, item->rc, item->bytes, &item->err);
        if (rc < 0)
            *e = item->err;
        pthread_mutex_lock(&r->lock);
        item->made = false;
        r->taken++;
        if (rc != 0)
            r->n = r->next; /* begin nothing more */
        pthread_cond_broadcast(&r->free);
        pthread_mutex_unlock(&r->lock);
    }
    return rc < 0 ? -1 : 0;
}

static int run_alone(const struct ordered *o, long n, size_t size, struct err *e)
{
    void *bytes = mem_alloc(size);
    int rc = 0;

    for (long i = 0; rc == 0 && i < n; i++)
        rc = take_one(o, i, o->make(o->ctx, i, bytes, e), bytes, e);
    free(bytes);
    return rc < 0 ? -1 : 0;
}

enum { JOBS_MAX = 512 };

int ordered_run(const struct ordered *o, long n, size_t size, int jobs, struct err *e)
{
    struct ring r = { .o = o, .n = n };
    pthread_t *threads;
    int started = 0, rc = -1;

    if (jobs > JOBS_MAX)
        jobs = JOBS_MAX;
    if (jobs > n)
        jobs = (int)n;
    if (jobs <= 1)
        return run_alone(o, n, size, e);
    r.nitems = 2L * jobs;
    pthread_mutex_init(&r.lock, NULL);
    pthread_cond_init(&r.made, NULL);
    pthread_cond_init(&r.free, NULL);
    r.items = NEW_ARRAY(struct item, (size_t)r.nitems);
    for (long i = 0; i < r.nitems; i++)
        r.items[i].bytes = mem_alloc(size);
    threads = NEW_ARRAY(pthread_t, (size_t)jobs);
    while (started < jobs && started < n && pthread_create(&threads[started], NULL, work, &r) == 0)
        started++;
    if (started == 0)
        err_set(e, "cannot start a thread");
    else
        rc = take_all(&r, e);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    for (long i = 0; i < r.nitems; i++)
        free(r.items[i].bytes);
    free(r.items);
    free(threads);
    pthread_cond_destroy(&r.free);
    pthread_cond_destroy(&r.made);
    pthread_mutex_destroy(&r.lock);
    return rc;
}
