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
    bool no_resize;    /* another size is an error */
    enum image_fit fit;
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
    struct arena arena;
};

/* Appends a folder's images in bytewise order of their names, or one file. A sub-folder is an
 * error; files without one of the 24 extensions are left out with a warning that counts them. */
int images_add_folder(struct images *im, const char *folder, struct err *e);
void images_add_file(struct images *im, const char *path);
/* Once, when all are added. */
int images_begin(struct images *im, const struct images_options *o, struct err *e);
/* Sample i: channels * height * width floats. Thread-safe. */
int images_get(const struct images *im, long i, float *out, struct err *e);
long images_resized(const struct images *im); /* how many, among those asked for so far */
void images_release(struct images *im);

#endif
