/* pack.h: many sources in a row as one list of float32 samples: what dopt-calpack writes.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CALSET_PACK_H
#define CALSET_PACK_H

#include "calset/array.h"
#include "calset/calset.h"
#include "calset/images.h"

/* One source, or neighbouring image files and folders together. One of the three is in use. */
struct pack_part {
    struct images images;
    struct array array;
    struct calset *set;
    long n;
    struct shape sample;                 /* (C, H, W) or what the array has without axis 0 */
    const struct images_options *pixels; /* borrowed: an 8-bit array's means and deviations */
    int64_t channels, inner; /* of its samples: element i is of channel i / inner % channels */
};

struct pack {
    struct pack_part *parts;
    size_t nparts, cap;
    long n;              /* samples in all */
    struct shape sample; /* of every part */
};

/* A folder of images, an image file, or a .npy, .npz (also FILE:ARRAY), 510 or 610 file, in the order
 * of the calls. "-": one of the latter on stdin. */
int pack_add(struct pack *p, const char *path, struct err *e);
/* What block number `block` (from 1) of a config feeds its input, as calset does. */
int pack_add_conf(struct pack *p, const struct conf *c, int block, const struct images_options *o,
                  struct err *e);
/* Once, when all are added: the parts' samples must be of one shape. Borrows o. */
int pack_begin(struct pack *p, const struct images_options *o, struct err *e);
/* Sample i; thread-safe. */
int pack_get(const struct pack *p, long i, float *out, struct err *e);
void pack_release(struct pack *p);

#endif
