/* feed.h: what one model input is fed from, and how its entries make steps; private to this folder.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CALSET_FEED_H
#define CALSET_FEED_H

#include "calset/array.h"
#include "calset/calset.h"
#include "calset/images.h"

/* Images (images.n > 0) or an array. name and dtype are set by the caller. */
struct feed {
    char *name; /* of the input */
    enum dtype dtype;
    struct shape entry; /* one entry: dims without axis 0 */
    struct images images;
    struct array array;
    bool whole; /* an entry is a whole input: it gets no batch axis */
    long n;     /* entries of a full step */
    long entries, steps;
};

/* From block `c` of a config, or from a .npy, .npz, 510 or 610 file. */
int feed_block(struct feed *f, const struct conf *conf, const struct conf_input *c,
               const struct calset_input *in, const struct calset_options *o, struct err *e);
int feed_array(struct feed *f, const char *path, const struct calset_input *in,
               const struct calset_options *o, struct err *e);
int feed_step(struct feed *f, long step, struct tensor *out, struct err *e);
void feed_release(struct feed *f);

#endif
