/* file.h: input bytes (mapped from a file or read from a pipe) and output that is whole or absent.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

/* Where a symbolic link points (the name itself need not exist there), else the path as it is: what a
 * file is called, and in whose folder it lies. malloc'ed. */
char *path_behind_link(const char *path);

/* The bytes of one input, read-only. A regular file is mapped (no anonymous memory); anything else
 * is read to its end. */
struct blob {
    const uint8_t *data;
    size_t size;
    bool mapped;
    uint64_t mtime; /* nanoseconds since the epoch; 0 for a pipe */
};
int blob_open(struct blob *b, const char *path, struct err *e); /* NULL or "-" = stdin */
/* The rest of what fd holds, behind bytes that were read already; `name` is for the error. */
int blob_rest(struct blob *b, int fd, const char *name, const void *head, size_t nhead,
              struct err *e);
void blob_release(struct blob *b);

/* One output file: written under a temporary name beside it, renamed by out_commit;
 * out_release without a commit leaves nothing behind. NULL or "-" = stdout, whose errors are noticed
 * too. A path that names a device or a pipe is written in place. Errors stick: out_put may be
 * called blindly and out_commit reports the first one. SIGINT and SIGTERM remove the temporary file. */
struct out {
    FILE *f;
    char *path, *tmp; /* NULL for stdout; tmp NULL where written in place */
    uint64_t offset;  /* bytes put so far */
    int64_t start;    /* of the first byte in a regular file; -1: a pipe or a device */
    int error;        /* errno of the first failure */
};
int out_open(struct out *o, const char *path, struct err *e);
void out_put(struct out *o, const void *p, size_t size);
void out_printf(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void out_pad(struct out *o, size_t align); /* zeros up to a multiple of align */
/* Can what was put be changed later? Not in a pipe or a device. */
bool out_seekable(const struct out *o);
/* Replaces bytes that were put at this offset. */
void out_patch(struct out *o, uint64_t offset, const void *p, size_t size);
/* Writes everything, so that of several files none appears if one cannot be written. */
int out_finish(struct out *o, struct err *e);
int out_commit(struct out *o, struct err *e);
void out_release(struct out *o);
/* Removes the temporary files of all outputs, from a signal handler too; for a process that ends at once. */
void out_abandon(void);

#endif
