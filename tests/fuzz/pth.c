/* pth.c: what torch.save wrote, every byte of every tensor.
 * SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "torch/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf text = { 0 };
    struct err e = { 0 };
    struct arena a = { 0 };
    struct weights w;
    struct blob b;
    int rc;

    if (blob_open(&b, fuzz_file(data, size), &e) < 0)
        abort();
    rc = weights_read(&w, &a, &b, &e);
    fuzz_check(rc, &e);
    for (int i = 0; rc == 0 && i < w.n; i++)
        for (int k = 0; k < w.states[i].n; k++)
            fuzz_touch(w.states[i].tensors[k].data, (size_t)w.states[i].tensors[k].size);
    if (rc == 0)
        weights_show(&w, &text);
    buf_release(&text);
    weights_release(&w);
    arena_release(&a);
    blob_release(&b);
    return 0;
}
