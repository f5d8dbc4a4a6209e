/* tile.h: ConvTranspose by tiles; private to this folder. See tile.c.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OP_TILE_H
#define OP_TILE_H

#include "op/prim.h"
#include "op/window.h"

/* Is it such a node: kernel = stride, no pads, one group, constant weight and bias, nothing to add? The
 * answer is the same at every call, whatever the input's size. */
bool tile_fits(const struct call *c, const struct window *w, int64_t groups);
/* y (N, H * kh, W * kw, M) channels-last, as declared; fused activations are applied. */
int tile_run(struct call *c, const struct window *w, float *y);

#endif
