/* fuzz.h: what the fuzz targets share: the input as a file, for readers that open one.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_H
#define FUZZ_H

#include <sanitizer/asan_interface.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A path whose contents are the input; valid until the next call. */
static inline const char *fuzz_file(const uint8_t *data, size_t size)
{
    static char path[64];
    static int fd = -1;

    if (fd < 0)
        fd = memfd_create("fuzz", 0);
    if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

/* An error must say something, in one line. */
static inline void fuzz_check(int rc, const struct err *e)
{
    if (rc < 0 && (e->msg[0] == '\0' || strlen(e->msg) >= sizeof e->msg))
        abort();
}

/* Every byte must be there, so that a view that reaches too far is noticed. */
static inline void fuzz_touch(const void *p, size_t size)
{
    if (size > 0 && __asan_region_is_poisoned((void *)p, size) != NULL)
        abort();
}

#endif
