/* emit.h: model + plan -> a TensorFlow GraphDef (DESIGN.md 7).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TF_EMIT_H
#define TF_EMIT_H

#include "base/file.h"
#include "ir/ir.h"
#include "quant/emit.h"

/* Writes to o (committed by the caller) a copy of m->source with the weights on their grids, folded
 * BatchNorms in weights and a BiasAdd, and with FakeQuantWithMinMaxVars behind the tensors that carry a
 * quantization (EMIT_QDQ). The plan may be NULL for EMIT_FLOAT. */
int tf_emit(const struct model *m, const struct plan *p, const struct emit_options *options,
            struct out *o, struct err *e);

#endif
