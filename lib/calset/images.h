/* images.h: images, by folder or by file, as float32 samples. Rules: dopt-calset(5).
 *
 * An image is decoded when it is asked for and kept no longer, so a set's memory is bounded
 * whatever its length, and any thread may ask for any image.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CALSET_IMAGES_H
#define CALSET_IMAGES_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/mem.h"
#include "image/image.h"

/* How pixels become values: (x - mean) / std in float32, in the channel order wanted. */
struct images_options {
    int channels;      /* 3 or 1 */
    int width, height; /* 0: as the first image has them, and all must */
    bool nhwc;         /* (H, W, C) instead of (C, H, W) */
    bool rgb;          /* channel order; means and stds are in it */
    struct image_options image;
    bool skip_broken; /* without width: as the first one that can be read has them */
    const float *means,
        *stds; /* nmeans: 0 or `channels`; nstds: 0, 1 or `channels`; a 0 divides not */
    int nmeans, nstds;
};

struct images {
    const char **paths;
    long n, cap;
    struct images_options options;
    float value[3][256];   /* of each channel's byte, in the order of the output */
    atomic_uchar *resized; /* one per image */
    atomic_long others;    /* resized, of those that came as bytes */
    struct arena arena;
};

/* Appends a folder's images in bytewise order of their names, or one file. A sub-folder is an
 * error; files without one of the 24 extensions are left out with a warning that counts them. */
int images_add_folder(struct images *im, const char *folder, struct err *e);
void images_add_file(struct images *im, const char *path);
/* Once, when all are added. */
int images_begin(struct images *im, const struct images_options *o, struct err *e);
/* Sets width and height, where the options leave them open, to those of an image; 1 if it is broken. */
int images_size_from(struct images *im, const void *bytes, size_t size, struct err *e);

/* Sample i, channels * height * width floats; out NULL: is only looked at. 1: it is broken, e says
 * where and how; -1: another error. Thread-safe. */
int images_get(struct images *im, long i, float *out, struct err *e);
/* The same from an image's bytes; `name` and i are for the error. */
int images_decode(struct images *im, long i, const char *name, const void *bytes, size_t size,
                  float *out, struct err *e);
long images_resized(const struct images *im); /* how many, among those asked for so far */
void images_release(struct images *im);

#endif
