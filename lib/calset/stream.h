/* stream.h: the images of an archive (tar, compressed or not, or zip), one after the other, from a file
 * or a pipe. Of what is no image by its name only the number is kept.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CALSET_STREAM_H
#define CALSET_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* One file of it; both malloc'ed. */
struct member {
    char *name; /* "imgs.tar:imgs/cat.jpg" */
    void *bytes;
    size_t size;
};
void member_release(struct member *m);

/* Whether the bytes (512 are enough) begin an archive that may hold images. */
bool stream_is(const void *bytes, size_t size);

struct stream;
/* fd -1: the file at path. Else path is only a name, and head the bytes that were read from fd, which is
 * the stream's to close. */
struct stream *stream_open(const char *path, int fd, const void *head, size_t nhead, struct err *e);
/* 1: the next one is in m; 0: there is none (m is empty); -1: an error. */
int stream_next(struct stream *s, struct member *m, struct err *e);
const char *stream_name(const struct stream *s);
void stream_free(struct stream *s);

#endif
