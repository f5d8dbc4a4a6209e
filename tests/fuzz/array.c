/* array.c: .npy, .npz, 510 and 610 bins, and their values as float32.
 * SPDX-License-Identifier: Apache-2.0 */
#include "calset/array.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = { 0 };
    struct array a;
    int rc = array_open(&a, fuzz_file(data, size), NULL, &e);

    fuzz_check(rc, &e);
    if (rc == 0) {
        size_t n = array_stride(&a);

        fuzz_touch(a.tensor.data, tensor_size(&a.tensor));
        if (n > 0 && n < 1 << 20) {
            float *out = mem_alloc(n * sizeof *out);

            for (long i = 0; i < array_entries(&a) && i < 4; i++)
                fuzz_check(array_get(&a, i, 1, DT_F32, out, &e), &e);
            free(out);
        }
    }
    array_release(&a);
    return 0;
}
