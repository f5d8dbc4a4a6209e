/* cut.h: a ModelProto that ends at other outputs.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef ONNX_CUT_H
#define ONNX_CUT_H

#include "onnx/edit.h"

/* Makes the model's outputs (--out_nodes) those of the proto, where they differ, and drops the nodes,
 * initializers and inputs that only the others needed. Before edit_apply. Returns whether they differ. */
bool edit_cut(struct edit *d);

#endif
