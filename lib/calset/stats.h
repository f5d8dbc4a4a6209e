/* stats.h: what an array's channels hold, printed.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CALSET_STATS_H
#define CALSET_STATS_H

#include <stdio.h>

#include "calset/array.h"

/* The file's format and dims, then a line for each channel: minimum, maximum, mean, deviation, NaNs.
 * Arrays of 4 dims have channels (nhwc: the last dim); others are one. */
void stats_print(const struct array *a, bool nhwc, FILE *f);

#endif
