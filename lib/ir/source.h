/* source.h: a model file in protobuf's wire format, taken apart into its weights, which stay where the file
 * is mapped, and what is left, model->source.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef IR_SOURCE_H
#define IR_SOURCE_H

#include <protobuf-c/protobuf-c.h>

#include "base/cursor.h"
#include "base/file.h"
#include "ir/ir.h"

/* What a source consists of, and how one of its tensors loses its bytes. */
struct source_kind {
    const ProtobufCMessageDescriptor *file, *tensor;
    /* c is the tensor's contents. 1: `out` has what takes its place; 0: it stays as it is; -1: error. */
    int (*strip)(void *ctx, struct cursor c, struct buf *out);
};

/* Checks the whole file, keeps a link to it where it is mapped from `path` (NULL: a pipe), and sets
 * m->source, in the arena: a copy in which every tensor, wherever it is nested, is as strip left it. */
int source_strip(struct model *m, const struct blob *file, const char *path,
                 const struct source_kind *kind, void *ctx, struct err *e);

/* A datum of bytes in a mapped file, whose elements have `align` bytes. Small ones at an odd address are
 * copied, so that kernels may read them in place. */
int source_datum(struct model *m, const void *p, size_t size, size_t align);

#endif
