/* pack.h: many sources in a row as one list of float32 samples: what dopt-calpack writes.
 *
 * Archives are read once, from front to back, so where there is one the number of samples shows at the
 * end. Everything else is asked for by index.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CALSET_PACK_H
#define CALSET_PACK_H

#include <pthread.h>

#include "base/ordered.h"
#include "calset/array.h"
#include "calset/calset.h"
#include "calset/images.h"
#include "calset/stream.h"

struct pack_options {
    struct images_options images;
    bool reshape; /* arrays, and files of no known kind as float32, come as samples of `dims` */
    struct shape dims;
    bool names; /* samples are only named: they may differ in size */
    bool shuffle;
    uint64_t seed;
    long from, count; /* of the shuffled samples; count -1: all */
};

enum part_kind { PART_IMAGES, PART_ARRAY, PART_CONFIG, PART_STREAM };

/* One source, or neighbouring image files and folders together. */
struct pack_part {
    enum part_kind kind;
    struct images images; /* of PART_STREAM: how its members become samples */
    struct array array;
    struct calset *set;
    struct stream *stream;
    struct member *ahead; /* members of the stream that were read to see its size */
    size_t nahead, capahead, atahead;
    bool pictures;                       /* PART_CONFIG: of images */
    long n;                              /* -1: not known */
    struct shape sample;                 /* (C, H, W) or what the array has without axis 0 */
    const struct images_options *pixels; /* borrowed: an 8-bit array's means and deviations */
    int64_t channels, inner; /* of its samples: element i is of channel i / inner % channels */
};

struct pack {
    const struct pack_options *o; /* borrowed */
    struct pack_part *parts;
    size_t nparts, cap;
    long n;               /* samples in all; -1: the end will tell */
    struct shape sample;  /* of every part */
    long *order;          /* shuffled: where sample i is from */
    pthread_mutex_t lock; /* of what follows: where archives are, for n = -1 */
    pthread_cond_t turned;
    long turn, skipped, at;
    size_t part;
    bool ended;
};

void pack_init(struct pack *p, const struct pack_options *o);
/* A folder of images, an image, an archive of images, a .npy, .npz (also FILE:ARRAY), 510, 610 or raw
 * file, in the order of the calls. "-": stdin, one of them but a folder. */
int pack_add(struct pack *p, const char *path, struct err *e);
/* What block number `block` (from 1) of a config feeds its input, as calset does. */
int pack_add_conf(struct pack *p, const struct conf *c, int block, struct err *e);
/* Once, when all are added: the parts' samples must be of one shape. */
int pack_begin(struct pack *p, struct err *e);
/* Sample i into out (NULL: nowhere) and its name, malloc'ed, into *name (if name is not NULL). -1, or as
 * ordered.h's make: ORDERED_DROP for a broken image that skip_broken leaves out, ORDERED_END.
 * Thread-safe; where n is -1 every i must be asked for, once. */
int pack_get(struct pack *p, long i, float *out, char **name, struct err *e);
bool pack_pictures(const struct pack *p); /* whether any source is of images */
long pack_resized(const struct pack *p);  /* how many images, so far */
void pack_release(struct pack *p);

#endif
