/* pack.c: a source of dopt-calpack from a pipe: archives, arrays, numbers without a header.
 * SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "calset/pack.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pack_options o = { .images = { .channels = 3, .skip_broken = size % 2 },
                              .count = 8,
                              .from = size % 3 };
    struct pack p;
    struct err e = { 0 };
    int rc, saved = dup(0), fd = open(fuzz_file(data, size), O_RDONLY);

    o.images.image.pixels_max = 1 << 16;
    if (dup2(fd, 0) < 0)
        abort();
    close(fd);
    pack_init(&p, &o);
    rc = pack_add(&p, "-", &e);
    if (rc == 0)
        rc = pack_begin(&p, &e);
    fuzz_check(rc, &e);
    if (rc == 0 && shape_count(&p.sample) < 1 << 18) {
        float *out = mem_alloc((size_t)shape_count(&p.sample) * sizeof *out);

        for (long i = 0; rc >= 0 && rc != ORDERED_END && (p.n < 0 || i < p.n); i++) {
            char *name = NULL;

            rc = pack_get(&p, i, out, &name, &e);
            fuzz_check(rc, &e);
            free(name);
        }
        free(out);
    }
    pack_release(&p);
    if (dup2(saved, 0) < 0)
        abort();
    close(saved);
    return 0;
}
