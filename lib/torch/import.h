/* import.h: a PyTorch definition and its weights become the IR. The definition is run (DESIGN.md 3) by a
 * Python that has no torch, only lib/torch/tracer: it says which of torch's operators forward() calls.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TORCH_IMPORT_H
#define TORCH_IMPORT_H

#include "base/file.h"
#include "conf/shapes.h"
#include "ir/ir.h"

struct torch_options {
    const char *tracer;         /* the folder of the Python files */
    const char *entry;          /* the expression behind FILE.py:, or NULL: find it */
    const struct blob *weights; /* stays open as long as m */
    const char *weights_path;
    const struct shapes *input_shapes; /* forward()'s arguments */
};

/* Fills m (initialized). `path` is the definition. */
int torch_import(struct model *m, const char *path, const struct torch_options *o, struct err *e);

/* The half behind the tracer: a Trace (proto/trace.proto), not trusted, and the weights that it names.
 * Its bytes and the weights' live as long as m; they are its SOURCE. */
struct weights;
int torch_build(struct model *m, const void *trace, size_t size, const struct weights *w,
                struct err *e);

#endif
