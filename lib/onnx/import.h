/* import.h: an ONNX model becomes the IR: every operator at opset 17, weights left where they lie,
 * constants and BatchNorms folded, shapes inferred (DESIGN.md 3).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef ONNX_IMPORT_H
#define ONNX_IMPORT_H

#include "base/file.h"
#include "conf/shapes.h"
#include "ir/ir.h"

struct import_options {
    const struct shapes *input_shapes; /* NULL: the model's own; the inputs named here come first */
    const struct out_nodes *out_nodes; /* NULL or empty: the model's own outputs */
};

enum { ONNX_OPSET_MIN = 1, ONNX_OPSET_MAX = 21 };

/* Fills m (initialized). `path` names the model in errors and tells where external data lie; NULL
 * for a pipe. `file` must stay open as long as m. Everything unsupported is listed in one error. */
int onnx_import(struct model *m, const struct blob *file, const char *path,
                const struct import_options *o, struct err *e);

#endif
