/* conf.h: config.prototxt: what to calibrate with and what not to quantize. dopt-config(5).
 *
 * The message is NotrainParameter of proto/config.proto. Every error is "FILE:LINE:COLUMN: …".
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"

enum conf_input_type { CONF_IMAGE = 0, CONF_BINARY = 1 };
enum conf_image_format { CONF_BGR = 0, CONF_RGB = 1 };

struct conf_place {
    int line, column; /* from 1 */
};

/* One preprocess_parameter block: what one model input is fed. The places, for later messages, are
 * those of the fields' names, of the first where one repeats; of the block's name where it is not given. */
struct conf_input {
    struct conf_place block, type_at, path_at, means_at, stds_at;
    enum conf_input_type type;
    enum conf_image_format format;
    const char *written; /* input_file_path as it stands in the file */
    const char *path;    /* where it is: see conf_read */
    const float *means;  /* in the channel order of `format`; nmeans 0 = no subtraction */
    const float *stds;   /* 1 or one per channel, 0 = no division; nstds 0 = no division */
    int nmeans, nstds;
};

struct conf {
    const char *path;
    bool gpu; /* device: USE_GPU */
    struct conf_input *inputs;
    const char **excludes; /* exclude_op, lists split, in the order given */
    int ninputs, nexcludes;
    struct conf_place end; /* of the file: where what is missing would be */
    struct arena arena;    /* owns every string and array of this struct but `excludes` */
};

/* An input_file_path is absolute, else relative to the current directory, else to the config's
 * folder: the first that exists. Release also after an error. */
int conf_read(struct conf *c, const char *path, struct err *e);
void conf_release(struct conf *c);
/* Puts "FILE:LINE:COLUMN: " before the message; returns -1. */
int conf_error(const struct conf *c, const struct conf_place *at, struct err *e);

/* Canonical text of the part that calibration depends on (inputs, in order) and of the part that
 * quantization depends on (strategy, sorted exclude_op). Equal meaning gives equal bytes. */
void conf_text_calibration(const struct conf *c, struct buf *out);
void conf_text_quant(const struct conf *c, struct buf *out);

#endif
