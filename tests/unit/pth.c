/* pth.c: every tensor that weights_read finds in FILE, as a .npz: NAME, or PATH:NAME where a path leads
 * to its state. bfloat16 comes out as float32, which NumPy has.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "calset/npy.h"
#include "torch/weights.h"

int main(int argc, char **argv)
{
    struct err e = { .status = ERR_INPUT };
    struct arena a = { 0 };
    struct weights w;
    struct npz_out z;
    struct blob b;
    struct out out;

    if (argc != 3)
        return 2;
    if (blob_open(&b, argv[1], &e) < 0 || weights_read(&w, &a, &b, &e) < 0 ||
        out_open(&out, argv[2], &e) < 0) {
        fprintf(stderr, "%s\n", e.msg);
        return e.status;
    }
    npz_begin(&z, &out);
    for (int i = 0; i < w.n; i++)
        for (int k = 0; k < w.states[i].n; k++) {
            const struct torch_tensor *t = &w.states[i].tensors[k];
            struct tensor x = { .dtype = t->dtype, .shape = t->shape, .data = (void *)t->data };
            char *name = w.states[i].path[0] == '\0'
                             ? mem_strdup(t->name)
                             : mem_printf("%s:%s", w.states[i].path, t->name);
            float *f = NULL;

            if (t->dtype == DT_BF16) {
                x.dtype = DT_F32;
                f = mem_alloc((size_t)t->size * 2 + 1);
                dtype_to_f32(f, t->data, DT_BF16, (size_t)t->size / 2);
                x.data = f;
            }
            npz_put(&z, name, &x);
            free(f);
            free(name);
        }
    npz_end(&z);
    if (out_commit(&out, &e) < 0)
        return 1;
    out_release(&out);
    weights_release(&w);
    arena_release(&a);
    blob_release(&b);
    return 0;
}
