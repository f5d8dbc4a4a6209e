/* emit.h: model + plan -> a TorchScript archive for torch.jit.load (DESIGN.md 7).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TORCH_EMIT_H
#define TORCH_EMIT_H

#include "base/file.h"
#include "ir/ir.h"
#include "quant/emit.h"

/* Writes to o (committed by the caller) the calls of m->source as a scripted module with the source's
 * state dict. EMIT_FLOAT: unchanged; the plan may be NULL. EMIT_GRID: quantized weights as floats on their
 * grids, the BatchNorms before them folded. EMIT_QDQ: those weights as int8, and fake_quantize behind the tensors that
 * carry a quantization. What cannot be written is all listed, and nothing is put. */
int torch_emit(const struct model *m, const struct plan *p, const struct emit_options *options,
               struct out *o, struct err *e);

#endif
