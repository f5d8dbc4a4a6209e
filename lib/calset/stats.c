/* stats.c: see stats.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/names.h"
#include "calset/stats.h"

/* Every `channels`-th run of `inner` elements, from `channel` on. */
static void channel_print(const struct array *a, size_t channel, size_t channels, size_t inner,
                          FILE *f)
{
    size_t n = tensor_size(&a->tensor) / dtype_size(a->tensor.dtype), count = 0, nans = 0;
    double min = INFINITY, max = -INFINITY, sum = 0, squares = 0, mean;

    for (int pass = 0; pass < 2; pass++) {
        mean = count == 0 ? 0 : sum / (double)count;
        for (size_t at = channel * inner; at < n; at += channels * inner)
            for (size_t i = at; i < at + inner; i++) {
                double v = tensor_get(&a->tensor, i);

                if (pass == 1) {
                    squares += isnan(v) ? 0 : (v - mean) * (v - mean);
                } else if (isnan(v)) {
                    nans++;
                } else {
                    min = v < min ? v : min;
                    max = v > max ? v : max;
                    sum += v;
                    count++;
                }
            }
    }
    if (count == 0)
        min = max = mean = NAN;
    fprintf(f, "\t%zu\t%.9g\t%.9g\t%.9g\t%.9g\t%zu\n", channel, min, max, mean,
            count == 0 ? (double)NAN : sqrt(squares / (double)count), nans);
}

void stats_print(const struct array *a, bool nhwc, FILE *f)
{
    const struct shape *s = &a->tensor.shape;
    size_t n = tensor_size(&a->tensor) / dtype_size(a->tensor.dtype);
    size_t channels = s->rank == 4 ? (size_t)s->dim[nhwc && a->bin != 510 ? 3 : 1] : 1;
    size_t inner = s->rank != 4 ? n : nhwc && a->bin != 510 ? 1 : (size_t)(s->dim[2] * s->dim[3]);
    char text[200];

    names_print(f, a->name);
    if (a->bin != 0)
        fprintf(f, ": %d %s\n", a->bin, shape_text(s, text));
    else
        fprintf(f, ": %s %s\n", dtype_name(a->tensor.dtype), shape_text(s, text));
    fprintf(f, "\tchannel\tmin\tmax\tmean\tstd\tnan\n");
    for (size_t c = 0; c < channels && inner > 0; c++)
        channel_print(a, c, channels, inner, f);
}
