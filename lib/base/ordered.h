/* ordered.h: items made by several threads and taken in order.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ORDERED_H
#define BASE_ORDERED_H

#include <stddef.h>

#include "base/err.h"

/* `make` fills item i of `size` bytes, in any thread and order; `take` gets each in the caller's
 * thread, in order 0 … n - 1. At most 2 * jobs items exist at a time. The first item (in order)
 * whose make fails ends the run with its error. A make that gives ORDERED_END says that there is
 * no item i, nor any after it (n may be LONG_MAX), and one that gives ORDERED_DROP that item i is
 * none, for the reason in e: `drop` (if there is one) gets it in its turn, instead of take. */
enum { ORDERED_DROP = 1, ORDERED_END = 2 };
struct ordered {
    int (*make)(void *ctx, long i, void *item, struct err *e);
    void (*take)(void *ctx, long i, const void *item);
    void *ctx;
    void (*drop)(void *ctx, long i, const struct err *e); /* or NULL */
};
int ordered_run(const struct ordered *o, long n, size_t size, int jobs, struct err *e);

#endif
