/* cast.h: values from one element type to another without a silent change.
 *
 * To and from integers a value must survive exactly. Between floating types it is rounded to
 * nearest (bins hold nothing but float32, and models take float16), but never to infinity.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CALSET_CAST_H
#define CALSET_CAST_H

#include <stddef.h>

#include "base/err.h"
#include "ir/tensor.h"

/* n elements. The error names the value and both types; *bad is its index. */
int cast_exact(void *out, enum dtype to, const void *in, enum dtype from, size_t n, size_t *bad,
               struct err *e);

#endif
