/* search.h: the shortest exclude list that reaches a target.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef REPORT_SEARCH_H
#define REPORT_SEARCH_H

#include "report/report.h"

/* How good the model is with plan node i quantized where in[i]. `judge` may estimate, `verify` runs what the
 * list makes; NULL: judge says it all. */
struct goal {
    double target; /* at least */
    int (*judge)(void *ctx, const bool *in, double *value, struct err *e);
    int (*verify)(void *ctx, const bool *in, double *value, struct err *e);
    void *ctx;
};

/* Fills r's target figures and list: layers are left out from the worst on until the target is reached
 * (bisecting), then those that turn out not to be needed are taken back. r->target is the caller's. */
int report_search(struct report *r, const struct goal *g, struct err *e);

#endif
