/* guess.h: what a file is, by its bytes.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_GUESS_H
#define FORMAT_GUESS_H

#include <stddef.h>

#include "base/err.h"

enum format {
    FORMAT_UNKNOWN,
    FORMAT_EMPTY,
    FORMAT_DOPT,
    FORMAT_ONNX,
    FORMAT_GRAPHDEF, /* TensorFlow frozen graph, binary */
    FORMAT_GRAPHDEF_TEXT,
    FORMAT_SAVEDMODEL, /* TensorFlow */
    FORMAT_METAGRAPH,  /* TensorFlow: the .meta of a checkpoint */
    FORMAT_CHECKPOINT, /* TensorFlow: its .index, or a whole one of the first format */
    FORMAT_TFLITE,
    FORMAT_HDF5,        /* Keras .h5 */
    FORMAT_PTH,         /* torch.save: zip with data.pkl, or a legacy pickle */
    FORMAT_TORCHSCRIPT, /* zip with code/ */
    FORMAT_PYTHON,
    FORMAT_NPY,
    FORMAT_NPZ,
    FORMAT_ZIP, /* another zip */
    FORMAT_BIN510,
    FORMAT_BIN610,
    FORMAT_PARAM, /* dopt-param(5) */
    FORMAT_TEXT,
    FORMAT_COUNT
};
enum format format_guess(const void *bytes, size_t size);
const char *format_name(enum format f); /* "a TensorFlow GraphDef", … */
/* A model that must be frozen first: says how; returns -1. */
int format_unfrozen(const char *path, enum format f, struct err *e);
/* The same for a folder that is a SavedModel or holds a checkpoint; 0 for whatever else `path` is. */
int format_folder(const char *path, struct err *e);

#endif
