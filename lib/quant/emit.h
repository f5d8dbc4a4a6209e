/* emit.h: what dopt-emit is asked for, whatever the framework.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef QUANT_EMIT_H
#define QUANT_EMIT_H

#include "quant/chain.h"

enum emit_as {
    EMIT_FLOAT, /* as it came */
    EMIT_GRID,  /* float weights that are multiples of their scales */
    EMIT_QDQ,   /* quantizers in the graph: ONNX Q/DQ pairs, TensorFlow FakeQuant nodes */
};

struct emit_options {
    enum emit_as as;
    enum chain chain;
};

#endif
