/* strip.h: a GraphDef without its weights.
 *
 * tf_strip walks the wire format of a mapped GraphDef once. Every TensorProto with more than TF_INLINE
 * bytes of tensor_content becomes a datum that points into the mapping. What is left is a small GraphDef, model->source, in which such a tensor has
 * the field `datum` (proto/tensorflow.proto) in place of its contents; tf/emit.c puts them back.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TF_STRIP_H
#define TF_STRIP_H

#include "base/file.h"
#include "ir/ir.h"

enum { TF_INLINE = 1024 };

/* Sets m->source (in the arena) and adds to m->data and m->links. The file must stay open as long as
 * the model. `path` is NULL for a pipe. Errors say at which byte. */
int tf_strip(struct model *m, const struct blob *file, const char *path, struct err *e);

#endif
