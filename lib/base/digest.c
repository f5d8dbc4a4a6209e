/* digest.c: see digest.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include <xxhash.h>

#include "base/digest.h"

void digest_begin(struct digest *d)
{
    d->state = XXH3_createState();
    XXH3_128bits_reset(d->state);
}

void digest_add(struct digest *d, const void *p, size_t size)
{
    if (size > 0)
        XXH3_128bits_update(d->state, p, size);
}

void digest_finish(struct digest *d, char hex[static 33])
{
    XXH128_hash_t h = XXH3_128bits_digest(d->state);

    snprintf(hex, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
    XXH3_freeState(d->state);
    d->state = NULL;
}
