/* calset.h: a calibration set, walked in steps: what each model input is fed at each step.
 *
 * A set whose rank equals the input's is walked along axis 0 in steps of the input's first dim n
 * (n = 1 where it is free); a set of one rank more holds one whole input per entry. dopt-calset(5).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CALSET_CALSET_H
#define CALSET_CALSET_H

#include <stdbool.h>

#include "base/err.h"
#include "conf/conf.h"
#include "image/image.h"
#include "ir/tensor.h"

/* An input as the model has it; dim -1 is free. Of rank -1: any array, entry by entry, n = 1. */
struct calset_input {
    const char *name;
    enum dtype dtype;
    struct shape shape;
};

struct calset_options {
    bool nhwc; /* --input_format NHWC: images and 510 bins are permuted, 610 and .npy never */
    struct image_options image;
    bool remainder; /* the graph takes a smaller batch: the last step may be one */
};

struct calset;

/* From config.prototxt: one preprocess_parameter block per input, in order. */
int calset_open_conf(struct calset **out, const struct conf *c, const struct calset_input *in,
                     int nin, const struct calset_options *o, struct err *e);
/* From the command line: NAME=FILE for each input, or one FILE for a model of one input, or one
 * .npz whose arrays are named like the inputs. FILE: .npy, .npz, 510 or 610. */
int calset_open_files(struct calset **out, const char *const *args, int nargs,
                      const struct calset_input *in, int nin, const struct calset_options *o,
                      struct err *e);

long calset_steps(const struct calset *s);
long calset_samples(const struct calset *s); /* entries along axis 0 that the steps use */
long calset_batch(const struct calset *s);   /* entries of a full step, of the first input */

/* What input `input` gets at a step: row-major, cast to its type; out->data is malloc'ed and
 * the caller's to free. Thread-safe. */
int calset_step(const struct calset *s, long step, int input, struct tensor *out, struct err *e);

/* Where an entry comes from: "imgs/cat.jpg", "x.npy[17]". Valid until the thread's next call. */
const char *calset_name(const struct calset *s, int input, long index);

/* Warns, in one line an input, how many of its images were resized. */
void calset_free(struct calset *s);

#endif
