/* report.h: what quantization does to each layer and what each layer does to the output, the worst first.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "observe/observed.h"
#include "report/trial.h"

/* Decibels are NAN where nothing was measured, and inf where there is no error. */
struct layer {
    const struct plan_node *node;
    const struct plan_tensor *tensor;
    const struct tensor_stats
        *stats;       /* of the tensor; in its rescaled form where it is equalized */
    const char *type; /* operator */
    double weight_sqnr;
    double own_sqnr;  /* of the input on its grid, on the samples */
    double all_sqnr;  /* of the input in the whole quantized model */
    double only, but; /* of the output: with this layer alone quantized, and with all but it */
    double noise;  /* what it adds to the output's noise beside the signal: the mean of both ways */
    double share;  /* of the noise of all layers */
    double spread; /* the weight's channels: largest peak over smallest that is not 0 */
    int64_t pairs,
        saturating; /* neighbours of a channel of the weight, and those whose products with 255
                                * overflow int16: uint8 inputs on CPUs without VNNI */
    int worst_pair; /* the largest |sum| of a pair */
};

struct report {
    struct arena arena;
    const struct model *m;
    const struct plan *p;
    const struct observed *o;
    long samples;
    int nlayers;
    struct layer *layers; /* the worst first */
    int noutputs;
    double *outputs; /* [noutputs] SQNR of the whole quantized model */
    double sqnr;     /* of all outputs */
    int nwarnings, capwarnings;
    const char **warnings;
    /* What was asked for, and what reaches it. */
    const char *target; /* "30 dB", "0.72 from the command"; NULL: nothing was */
    const char *unit;   /* of the figures: " dB" or "" */
    double before, after;
    bool reached;
    int nexclude;
    const char **exclude; /* node names */
    struct stats_copy *copies;
};

/* t: of m and p, initialized; 0 steps: nothing is measured. */
int report_init(struct report *r, struct trial *t, const struct observed *o, struct err *e);
void report_release(struct report *r);
void report_warning(struct report *r, const char *text);

/* The layer of a plan node, by its index in the plan. */
const struct layer *report_layer(const struct report *r, int node);

/* Three sentences for whoever does not read tables. */
void report_summary(const struct report *r, struct buf *out);
void report_text(const struct report *r, struct buf *out);
void report_json(const struct report *r, struct buf *out);
void report_html(const struct report *r, struct buf *out);
/* The exclude list as lines of config.prototxt. */
void report_excludes(const struct report *r, struct buf *out);

#endif
