/* storage.h: what the parts of the reader of weights share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TORCH_STORAGE_H
#define TORCH_STORAGE_H

#include "torch/weights.h"

struct storage {
    enum dtype dtype; /* of its class; untyped ones are bytes */
    const uint8_t *data;
    uint64_t size;
};

/* "torch.FloatStorage", "torch.float32"; DT_NONE if there is no such type. */
enum dtype torch_dtype(const char *name);
/* The storage that a persistent id names, its bytes at least what its count says. */
int storage_find(struct storage *s, const struct storages *from, const struct obj *o,
                 struct err *e);

#endif
