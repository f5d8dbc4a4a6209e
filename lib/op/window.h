/* window.h: the sliding window of convolutions and pools: kernel, strides, pads, dilations, and the
 * output dims they give (ONNX Conv, ConvTranspose, MaxPool, AveragePool).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OP_WINDOW_H
#define OP_WINDOW_H

#include "op/op.h"

struct window {
    int n; /* spatial dims */
    int64_t kernel[RANK_MAX], stride[RANK_MAX], dilation[RANK_MAX];
    int64_t begin[RANK_MAX], end[RANK_MAX]; /* pads; auto_pad resolved */
    int64_t out[RANK_MAX];                  /* spatial output dims */
};

/* For x (N, C, spatial…) and these kernel dims (NULL: attribute kernel_shape). */
int window_of(struct window *w, struct call *c, const int64_t *kernel);
/* The same for ConvTranspose: output_padding and output_shape included; `begin` and `end` are the
 * pads taken off the full output (end may be negative where output_padding exceeds it). */
int window_transposed(struct window *w, struct call *c, const int64_t *kernel);

#endif
