/* bin.h: calibration bins: little-endian, int32 header, float32 elements. dopt-calset(5).
 *
 *   510 | N | C | H | W | N*C*H*W float32
 *   610 | rank | dim 1 | … | dim rank | float32 elements, row-major
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CALSET_BIN_H
#define CALSET_BIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "ir/tensor.h"

struct bin {
    int format; /* 510 or 610 */
    struct shape shape;
    const float *data; /* borrowed from the bytes, which must be 4-byte aligned */
};

/* Whether the bytes begin with a bin's first word. */
bool bin_is(const void *bytes, size_t size);
int bin_read(struct bin *b, const void *bytes, size_t size, struct err *e);
/* Dims must be known and below 2^31; 510 needs rank 4. */
void bin_header(struct buf *out, int format, const struct shape *s);

#endif
