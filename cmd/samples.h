/* samples.h: what a tool feeds a model with: a calibration set opened from -c or -i for its inputs.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_SAMPLES_H
#define CMD_SAMPLES_H

#include "calset/calset.h"
#include "ir/ir.h"
#include "pixels.h"

struct samples_options {
    const char *config; /* -c; else … */
    int nfiles, capfiles;
    const char **files; /* … -i NAME=FILE */
    bool nhwc;
    struct image_options image;
};

struct samples {
    const struct model *model;
    struct conf conf;
    struct calset *set;
    long steps;
};

/* The options that open a set: the letters c and i, and the longs of SAMPLES_OPTIONS. false: another. */
enum { SAMPLES_INPUT_FORMAT = 512 };
#define SAMPLES_OPTIONS                                                                            \
    { "config", required_argument, NULL, 'c' }, { "input", required_argument, NULL, 'i' },         \
        { "input_format", required_argument, NULL, SAMPLES_INPUT_FORMAT }, PIXELS_OPTIONS
bool samples_option(struct samples_options *o, int letter, const char *arg);
/* Dies with a usage error where neither -c nor -i is given; with the cause where the set does not fit
 * the model. The last, smaller step is kept if the graph's outputs follow its batch. */
void samples_open(struct samples *s, struct model *m, const struct samples_options *o);
void samples_close(struct samples *s);
/* The inputs of one step, row-major; release with samples_drop. */
int samples_step(const struct samples *s, long step, struct tensor *in, struct err *e);
void samples_drop(const struct samples *s, struct tensor *in);
/* Tells sets apart: of all that the first, the middle and the last step feed. Dies where one of them
 * cannot be read. */
void samples_digest(const struct samples *s, char hex[static 33]);
/* The first entry of a step, for messages. */
const char *samples_name(const struct samples *s, long step);

#endif
