/* archive.h: writes a zip archive as PyTorch does: every member stored under one root folder, its data at a
 * multiple of 64 bytes, without dates. The layout:
 *
 *   1. per member: local header with CRC and sizes, extra field "FB" as padding, data
 *   2. central directory, the offsets and sizes above 4 GB in zip64 fields
 *   3. zip64 end record and locator (always, as torch does), end record
 *
 * PKWARE's APPNOTE.TXT 4.3 and 4.5.3.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TORCH_ARCHIVE_H
#define TORCH_ARCHIVE_H

#include "base/file.h"
#include "base/mem.h"

struct archive {
    struct out *out;
    const char *root;
    struct buf directory;
    uint64_t start, n;
};
void archive_begin(struct archive *a, struct out *o, const char *root);
void archive_put(struct archive *a, const char *name, const void *data, uint64_t size);
void archive_end(struct archive *a);

#endif
