/* trial.h: some samples through a model of which some nodes are quantized, and how far its outputs are from
 * the float ones. One engine and one set of workers run all variants.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef REPORT_TRIAL_H
#define REPORT_TRIAL_H

#include "quant/fake.h"

/* Where samples come from: step k of `steps`, row-major tensors that belong to the trial. */
struct feed {
    int (*step)(void *ctx, long step, struct tensor *in, struct err *e);
    void (*tick)(long done, long total, void *ctx); /* NULL: none */
    void *ctx;
    long steps;
    int workers;
};

/* What quantizing does to a value on these samples: sums of squares. */
struct loss {
    double signal, own, all; /* of the float value; of the error of its grid alone, and of the whole
                              * quantized model */
};

struct trial {
    const struct plan *p;
    struct model *m;
    struct fake fake;
    struct feed feed;
    struct engine *engine;
    struct tensor *in;   /* [steps][inputs] */
    struct tensor *out;  /* [steps][outputs]: of the float model */
    struct loss *losses; /* by value id */
};

/* Takes the samples in and runs them in float and all quantized. m: level_model has been called. 0 steps: no
 * figures. */
int trial_init(struct trial *t, struct model *m, const struct plan *p, enum chain chain,
               const struct feed *f, struct err *e);
void trial_release(struct trial *t);

/* For each of n variants, in which plan node i is quantized where in[k][i] (in[k] NULL: all): the noise in
 * each output beside its signal, noise[k * outputs + o]. */
int trial_run(struct trial *t, const bool *const *in, int n, double *noise, struct err *e);
/* Integers (indexes) do not count beside outputs of floats. */
bool trial_counts(const struct trial *t, int output);
/* dB of the mean over the outputs that count, each alike. */
double trial_sqnr(const struct trial *t, const double *noise);
double decibel(double signal, double noise); /* inf where there is no noise */

#endif
