/* snap.c: see snap.h. The bounds are integers, so that clamping before rounding is clamping after it, and a
 * magic number rounds half to even.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/clones.h"
#include "op/snap.h"

static const float magic = 12582912.0f; /* 1.5 * 2^23 */

CLONES void snap_apply(float *out, const float *in, size_t n, const struct snap *s)
{
    float scale = s->scale, lo = (float)(s->qmin - s->zero_point),
          hi = (float)(s->qmax - s->zero_point);

    for (size_t i = 0; i < n; i++) {
        float v = in[i] / scale;

        v = v > lo ? v : lo; /* NaN too */
        v = v < hi ? v : hi;
        out[i] = ((v + magic) - magic) * scale;
    }
}

CLONES void snap_levels(uint8_t *out, const float *in, size_t n, const struct snap *s)
{
    float scale = s->scale, lo = (float)(s->qmin - s->zero_point),
          hi = (float)(s->qmax - s->zero_point);

    for (size_t i = 0; i < n; i++) {
        float v = in[i] / scale;

        v = v > lo ? v : lo;
        v = v < hi ? v : hi;
        out[i] = (uint8_t)((int)((v + magic) - magic) + s->zero_point);
    }
}
