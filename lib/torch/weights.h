/* weights.h: what torch.save wrote: the tensors of every state dict, checkpoint and module in a file.
 *
 * zip archives (torch 1.6 and later, TorchScript too) and the pickles of before. The file is data: no
 * name in it leads to code, and every size, stride and offset is checked against the bytes there are.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TORCH_WEIGHTS_H
#define TORCH_WEIGHTS_H

#include "base/file.h"
#include "ir/tensor.h"
#include "torch/pickle.h"
#include "torch/zip.h"

struct torch_tensor {
    const char *name; /* as in the state dict */
    enum dtype dtype;
    struct shape shape;
    const uint8_t *data; /* row-major; the file's own bytes where they lie so, else a copy */
    uint64_t size;
};

/* One dict of tensors. */
struct torch_state {
    const char *path; /* the keys that lead to it: "", "state_dict", "ema/module" */
    struct torch_tensor *tensors;
    int n, cap;
};

struct weights {
    struct arena *arena;
    struct zip zip; /* empty for the older form */
    bool legacy;
    struct torch_state *states;
    int n, cap;
};

/* The tensors live as long as the file is open and the arena is there. Release also after an error. */
int weights_read(struct weights *w, struct arena *a, const struct blob *file, struct err *e);
void weights_release(struct weights *w);
/* As text, one tensor a line: dopt-show. */
void weights_show(const struct weights *w, struct buf *out);

/* ---- for readers of other archives of PyTorch ---- */

/* Where the storages of an archive are found: in zip, members FOLDER/KEY. */
struct storages {
    struct arena *arena;
    const struct zip *zip;
    const char *folder;
    struct names *loaded; /* legacy: key -> struct storage */
};
bool tensor_is(const struct obj *o);
/* The tensor that o stands for, name left out. */
int tensor_load(struct torch_tensor *t, const struct storages *s, const struct obj *o,
                struct err *e);

#endif
