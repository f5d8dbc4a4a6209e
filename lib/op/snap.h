/* snap.h: values on a quantization grid: what QuantizeLinear and DequantizeLinear behind one another leave
 * of a float, and the integers between them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef OP_SNAP_H
#define OP_SNAP_H

#include <stddef.h>
#include <stdint.h>

/* q = clamp(rint(x / scale) + zero_point, qmin, qmax), half to even; a NaN is qmin. */
struct snap {
    float scale;
    int zero_point, qmin, qmax; /* 0 … 255 or -128 … 127 */
};

/* out = (q - zero_point) * scale; in place too. */
void snap_apply(float *out, const float *in, size_t n, const struct snap *s);
/* out = q, int8 where qmin is negative, else uint8 */
void snap_levels(uint8_t *out, const float *in, size_t n, const struct snap *s);

#endif
