/* quantized.h: what an already quantized model says about its scales.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef ONNX_QUANTIZED_H
#define ONNX_QUANTIZED_H

#include "ir/ir.h"

/* One line for every quantized tensor of the model's SOURCE, as "quantized NAME: uint8 scale S zero_point
 * Z (OPERATOR)", in graph order; returns how many. `out` may be NULL. None where SOURCE is no ONNX. */
int onnx_quantized(const struct model *m, struct buf *out);

#endif
