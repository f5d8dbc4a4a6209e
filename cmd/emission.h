/* emission.h: a model written in the framework it came in.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_EMISSION_H
#define CMD_EMISSION_H

#include "base/file.h"
#include "ir/ir.h"
#include "quant/emit.h"
#include "quant/plan.h"

/* onnx: as ONNX, whatever it came as. path: what `out` will be called. */
int emission_put(const struct model *m, const struct plan *p, const struct emit_options *options,
                 bool onnx, struct out *out, const char *path, struct err *e);
/* What such files end in: ".onnx", ".pb". */
const char *emission_suffix(const struct model *m);

#endif
