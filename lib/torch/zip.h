/* zip.h: the members of a zip archive. Stored ones are borrowed from the file's bytes, so that weights
 * are not copied; their CRC is checked all the same.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TORCH_ZIP_H
#define TORCH_ZIP_H

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/names.h"

struct zip_member {
    const char *name; /* less the root folder, which every archive of torch.save has */
    const uint8_t *data;
    uint64_t size;
};

struct zip {
    struct names members; /* name -> struct zip_member; all in the arena */
};
int zip_read(struct zip *z, struct arena *a, const struct blob *b, struct err *e);
const struct zip_member *zip_find(const struct zip *z, const char *name);
void zip_release(struct zip *z);

#endif
