/* npy.h: NumPy's array files: .npy (format versions 1, 2, 3) and .npz (a zip of them).
 *
 *   magic "\x93NUMPY" | major, minor u8 | header length u16 (version 1) or u32 |
 *   header: the Python literal {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } |
 *   the elements
 * numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CALSET_NPY_H
#define CALSET_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "ir/tensor.h"

/* Whether the bytes begin like a .npy, or like a zip whose first file is one. */
bool npy_is(const void *bytes, size_t size);
bool npz_is(const void *bytes, size_t size);

/* t->data is row-major and little-endian: a view of `bytes` where they are so already and *owned
 * is NULL, else malloc'ed and equal to *owned. */
int npy_read(struct tensor *t, void **owned, const void *bytes, size_t size, struct err *e);

/* The header of a version 1.0 file, padded so that data are 64-byte aligned; row-major elements follow
 * it. dims must be known. Its size does not depend on the first one. */
void npy_header(struct buf *out, enum dtype dtype, const struct shape *s);

/* The arrays of a .npz, in the archive's order. With `only`, the others have a name and no tensor.
 */
struct npz_array {
    char *name; /* without ".npy" */
    struct tensor tensor;
    void *bytes, *owned;
};
struct npz {
    struct npz_array *arrays;
    size_t narrays;
};
int npz_read(struct npz *z, const void *bytes, size_t size, const char *only, struct err *e);
void npz_release(struct npz *z);

/* Writes a .npz, stored and with fixed dates: equal arrays give equal bytes. zip64 where needed.
 * Names must differ; they may hold '/' and ':'. */
struct npz_out {
    struct out *out;
    uint64_t start;
    struct buf directory;
    uint64_t n;
};
void npz_begin(struct npz_out *z, struct out *out);
void npz_put(struct npz_out *z, const char *name, const struct tensor *t); /* row-major */
void npz_end(struct npz_out *z); /* the directory; releases z; the caller commits `out` */

#endif
