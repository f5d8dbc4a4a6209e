/* packed.h: samples written one by one into a 510, 610 or .npy file, whose header comes first.
 *
 * Where the number of samples is not known in advance, or may turn out smaller, the header is put right at the end; in a pipe,
 * where that cannot be, the samples wait in a temporary file until they are counted.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CALSET_PACKED_H
#define CALSET_PACKED_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "base/file.h"
#include "ir/tensor.h"

enum { PACKED_NPY = 1 }; /* a format beside 510 and 610 */

struct packed {
    struct out out;
    int format;
    struct shape shape; /* of all; dim 0 is counted */
    size_t size;        /* bytes of a sample */
    long n;             /* samples that the header says, -1: none yet */
    FILE *spool;
    int error;
};

/* n -1: not known yet. format 510 needs samples of 3 dims. path NULL: stdout. Release also after an error. */
int packed_open(struct packed *p, const char *path, int format, const struct shape *sample, long n,
                struct err *e);
void packed_put(struct packed *p, const void *sample); /* errors stick */
int packed_commit(struct packed *p, struct err *e);
void packed_release(struct packed *p);

#endif
