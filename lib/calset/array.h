/* array.h: one stored array to take samples from: a .npy, a member of a .npz, a 510 or 610 bin.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CALSET_ARRAY_H
#define CALSET_ARRAY_H

#include "base/err.h"
#include "base/file.h"
#include "ir/tensor.h"

struct array {
    char *name;           /* the file, with ":member" for a .npz of several */
    struct tensor tensor; /* row-major */
    int bin;              /* 510, 610, or 0 for NumPy's files */
    struct blob blob;
    void *owned, *owned_too;
};

/* Whether the bytes are one of these files. */
bool array_is(const void *bytes, size_t size);

/* member: the array wanted from a .npz; one that holds a single array gives that one. NULL: there
 * must be only one. Release also after an error. */
int array_open(struct array *a, const char *path, const char *member, struct err *e);
/* The same from bytes that are here already, which it takes over. Bytes of no known kind are float32
 * samples of shape `raw`, where that is not NULL. */
int array_read(struct array *a, const char *name, struct blob *b, const char *member,
               const struct shape *raw, struct err *e);
void array_release(struct array *a);

/* The same elements as entries of another shape. */
int array_reshape(struct array *a, const struct shape *entry, struct err *e);

/* A 510 bin's (N, C, H, W) elements become (N, H, W, C). */
void array_to_nhwc(struct array *a);

/* Entries first … first + n - 1 along axis 0 (a scalar has one), cast to a type. Thread-safe. */
int array_get(const struct array *a, long first, long n, enum dtype dtype, void *out,
              struct err *e);
long array_entries(const struct array *a);
/* Elements of one entry. */
size_t array_stride(const struct array *a);

#endif
