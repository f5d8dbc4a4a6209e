/* shapes.c: --input_shape and --out_nodes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "conf/shapes.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_alloc(size + 1);
    struct out_nodes o;
    struct shapes s;
    struct err e = { 0 };

    memcpy(text, data, size);
    text[size] = '\0';
    fuzz_check(shapes_read(&s, text, &e), &e);
    shapes_release(&s);
    fuzz_check(out_nodes_read(&o, text, &e), &e);
    out_nodes_release(&o);
    free(text);
    return 0;
}
