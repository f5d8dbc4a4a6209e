/* write.h: the IR as a ModelProto of opset 17, for sources that cannot carry per-channel Q/DQ and for
 * models that did not come as ONNX.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef ONNX_WRITE_H
#define ONNX_WRITE_H

#include "onnx/edit.h"

/* d (not initialized) gets a proto whose node ordinals are the IR's node ids. Inputs and outputs keep
 * the dims that SOURCE declares. A node that the plan leaves float and whose BatchNorm was folded is
 * written with it: `unfold(node)` says so. */
int onnx_write(struct edit *d, const struct model *m,
               bool (*unfold)(const struct node *n, const void *ctx), const void *ctx,
               struct err *e);

#endif
