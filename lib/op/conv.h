/* conv.h: a convolution as oneDNN describes it; private to this folder.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OP_CONV_H
#define OP_CONV_H

#include "op/prim.h"
#include "op/window.h"

/* Element types; bias dnnl_data_type_undef: none. */
struct conv_types {
    dnnl_data_type_t x, weights, bias, y;
};
/* Of inputs 0 and 1 and output shape y, channels-last (dnnl_deconvolution_desc_t is the same struct).
 * user: the weight as it lies in memory. */
int conv_desc(dnnl_convolution_desc_t *desc, dnnl_memory_desc_t *user, struct call *c,
              const struct window *w, const struct shape *y, bool transposed,
              const struct conv_types *t);

#endif
