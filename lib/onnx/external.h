/* external.h: ONNX external data: tensors whose bytes lie in files beside the model.
 * github.com/onnx/onnx/docs/ExternalData.md
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef ONNX_EXTERNAL_H
#define ONNX_EXTERNAL_H

#include "base/cursor.h"
#include "base/names.h"
#include "ir/ir.h"

struct externals {
    struct model *m;
    char *folder;       /* with its last '/'; NULL where the model came through a pipe */
    struct names files; /* location -> struct blob, mapped once */
    struct arena arena;
};
void externals_init(struct externals *x, struct model *m, const char *path);
void externals_release(struct externals *x); /* the mappings stay, in m->links */

/* The bytes that a TensorProto with data_location EXTERNAL refers to. */
int external_find(struct externals *x, struct cursor tensor, const uint8_t **bytes, size_t *size,
                  struct err *e);

#endif
