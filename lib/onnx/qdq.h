/* qdq.h: QuantizeLinear / DequantizeLinear into a ModelProto being edited.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef ONNX_QDQ_H
#define ONNX_QDQ_H

#include "onnx/edit.h"

/* One Q and one DQ behind the producer of every value in `carry` (by value id, quant/chain.h). The DQ
 * takes over the value's name, so that every consumer reads it; behind a graph input the consumers are
 * renamed instead. */
void qdq_activations(struct edit *d, const struct plan_tensor *const *carry);
/* The weight of node n as int8 with a DQ, its bias as int32 with a DQ. */
void qdq_weights(struct edit *d, const struct node *n, const struct plan *p,
                 const struct plan_node *pn);

#endif
