/* collect.h: gathers statistics while workers run: one part a worker, added up at the end.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OBSERVE_COLLECT_H
#define OBSERVE_COLLECT_H

#include "observe/observed.h"
#include "op/points.h"

struct collector *collector_new(const struct model *m, const struct points *p, int workers);
void collector_free(struct collector *c);

/* Where a worker is: handed to collector_seen as its context. */
struct collector_place {
    struct collector *collector;
    int worker;
    uint64_t step;
    const char *sample; /* its name, for messages */
};
/* A worker_seen (run/engine.h): adds tensor t to the statistics of v; NaN and inf are errors that
 * name tensor and sample. */
int collector_seen(void *place, const struct value *v, const struct tensor *t, struct err *e);

/* Adds everything gathered to o as steps first .. end-1, and starts anew. */
int collector_finish(struct collector *c, struct observed *o, uint64_t first, uint64_t end,
                     struct err *e);

#endif
