/* digest.h: XXH3-128 as 32 hex digits, by which files name what they belong to.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>

struct XXH3_state_s;

/* Over several pieces; finish writes the digits and releases the digest. */
struct digest {
    struct XXH3_state_s *state;
};
void digest_begin(struct digest *d);
void digest_add(struct digest *d, const void *p, size_t size);
void digest_finish(struct digest *d, char hex[static 33]);

#endif
