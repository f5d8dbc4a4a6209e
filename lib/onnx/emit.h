/* emit.h: model + plan -> an ONNX file (DESIGN.md 7).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef ONNX_EMIT_H
#define ONNX_EMIT_H

#include "base/file.h"
#include "ir/ir.h"
#include "quant/emit.h"

/* Writes to o (committed by the caller; path is its name, NULL for stdout: a model over 2 GB puts its
 * weights into PATH.data). The plan may be NULL for EMIT_FLOAT. */
int onnx_emit(const struct model *m, const struct plan *p, const struct emit_options *options,
              struct out *o, const char *path, struct err *e);

#endif
