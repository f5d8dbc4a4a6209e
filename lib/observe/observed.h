/* observed.h: what every quantization point saw, as sums that merge exactly (DESIGN.md 5), and its
 * OBSERVED section (proto/observed.proto).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OBSERVE_OBSERVED_H
#define OBSERVE_OBSERVED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "observe/hist.h"

typedef __int128 fixed;   /* a sum in units of 2^-48 */
fixed fixed_of(double v); /* rounded to the unit; saturates at +-2^60 */
double fixed_value(fixed v);

/* Per channel of a quantizable operator's input. */
struct channels {
    int axis;
    int64_t n;      /* channels; 0 = not recorded */
    uint64_t count; /* values a channel */
    fixed *sum;
    float *min, *max;
    uint32_t *spread; /* [n][SPREAD_BINS] (observe/spread.h), or NULL */
};

struct tensor_stats {
    const char *name;
    uint64_t samples; /* steps in which it was computed */
    uint64_t count, zeros;
    float min, max;
    uint64_t min_step, max_step; /* the first step that reached it */
    fixed sum_min, sum_max;      /* of the steps' extrema */
    struct hist hist;            /* empty where only channels are recorded */
    struct channels channels;
};

struct step_range {
    uint64_t first, end;
};

struct observed {
    struct arena arena;
    char model[33], isa[32];
    char set[33];   /* digest of the calibration set: of its first, middle and last step */
    uint64_t steps; /* of the whole calibration set */
    bool all;
    int nranges;
    struct step_range *ranges; /* observed steps: ascending, not touching */
    int n;
    struct tensor_stats *tensors; /* by name */
};

/* Empty observations of a model and a set of so many steps. */
void observed_begin(struct observed *o, const char *model, const char *set, uint64_t steps,
                    bool all);
void observed_release(struct observed *o);
void observed_pack(const struct observed *o, struct buf *out);
int observed_unpack(struct observed *o, const void *p, size_t size, struct err *e);
/* Adds `from`: it must be of the same model and set, and no step may be in both. Another ISA level
 * warns: float kernels differ in the last bits. */
int observed_merge(struct observed *into, const struct observed *from, struct err *e);
const struct tensor_stats *observed_find(const struct observed *o, const char *name);
uint64_t observed_steps_done(const struct observed *o);
/* Stable text for dopt-show. */
void observed_show(const struct observed *o, struct buf *out);

/* What a tensor of these channels holds once channel c is divided by factor[c]: extrema and histogram (the
 * caller's to release), as far as spread knows. */
struct tensor_stats channels_rescaled(const struct channels *c, const double *factor);

/* Building blocks that the collector shares. */
void stats_merge(struct tensor_stats *into, const struct tensor_stats *from);
void stats_release(struct tensor_stats *s);

#endif
