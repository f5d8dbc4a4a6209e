/* emission.c: see emission.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "emission.h"
#include "onnx/emit.h"
#include "tf/emit.h"
#include "torch/emit.h"

int emission_put(const struct model *m, const struct plan *p, const struct emit_options *options,
                 bool onnx, struct out *out, const char *path, struct err *e)
{
    if (m->framework == FRAMEWORK_PYTORCH && !onnx)
        return torch_emit(m, p, options, out, e);
    return m->framework == FRAMEWORK_TENSORFLOW && !onnx ? tf_emit(m, p, options, out, e)
                                                         : onnx_emit(m, p, options, out, path, e);
}

const char *emission_suffix(const struct model *m)
{
    return m->framework == FRAMEWORK_TENSORFLOW ? ".pb" : ".onnx";
}
