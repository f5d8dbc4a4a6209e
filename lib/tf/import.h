/* import.h: a frozen TensorFlow GraphDef becomes the IR: what the outputs need, NHWC tensors as the
 * engine has them (logical NCHW, memory NHWC), constants and BatchNorms folded (DESIGN.md 3).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TF_IMPORT_H
#define TF_IMPORT_H

#include "base/file.h"
#include "conf/shapes.h"
#include "ir/ir.h"

struct tf_options {
    const struct shapes
        *input_shapes; /* NULL: the graph's own; any tensor named here is an input */
    const struct out_nodes *out_nodes; /* NULL or empty: the nodes that nothing reads */
};

/* Fills m (initialized). `path` names the graph in errors, NULL for a pipe. `file` must stay open as
 * long as m. Everything unsupported is listed in one error. */
int tf_import(struct model *m, const struct blob *file, const char *path,
              const struct tf_options *o, struct err *e);
/* The same for the text format (.pbtxt). */
int tf_import_text(struct model *m, const struct blob *file, const char *path,
                   const struct tf_options *o, struct err *e);

#endif
