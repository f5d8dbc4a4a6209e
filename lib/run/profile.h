/* profile.h: where the time of a run goes: by node, by operator type, and as a trace.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef RUN_PROFILE_H
#define RUN_PROFILE_H

#include "base/mem.h"
#include "run/engine.h"

struct profile;
/* Times of `workers` workers, lane k for worker k: hand it to worker_time from its thread. */
struct profile *profile_new(const struct engine *g, int workers);
void profile_free(struct profile *p);
struct lane *profile_lane(struct profile *p, int worker);

/* Around a step, in the worker's thread. What a Loop's body takes is the body's, not the Loop's. */
struct timing {
    double begun, outer;
};
struct timing lane_begin(struct lane *l);
void lane_end(struct lane *l, const struct step *s, struct timing t, const struct call *c);

/* A table: total, operator types, nodes, the slowest first. `samples`: how many steps of the set ran;
 * `peak`: float32 operations a second of one core (prim_peak). */
void profile_text(const struct profile *p, long samples, double peak, struct buf *out);
/* The trace event format that chrome://tracing and Perfetto load: one row a worker. */
void profile_trace(const struct profile *p, struct buf *out);
/* Multiplications and additions of a call of a convolution or matrix product, else 0. */
double call_flops(const struct call *c);

#endif
