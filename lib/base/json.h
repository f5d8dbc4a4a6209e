/* json.h: pieces of JSON.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/mem.h"

/* A string in quotes; bytes that are not UTF-8 become U+FFFD. */
void json_string(struct buf *out, const char *s);
/* A number, or null where it is not finite, which JSON cannot say. */
void json_number(struct buf *out, double v);

#endif
