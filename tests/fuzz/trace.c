/* trace.c: a Trace and weights become a model, and that a TorchScript archive: the first two bytes are the size of the weights' file, which
 * follows; the rest is the trace.
 * SPDX-License-Identifier: Apache-2.0 */
#include "format/show.h"
#include "fuzz.h"
#include "torch/emit.h"
#include "torch/import.h"
#include "torch/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf text = { 0 };
    struct err e = { 0 };
    struct weights w;
    struct model m;
    struct blob b;
    struct out o;
    size_t n;
    int rc;

    if (size < 2 || (n = data[0] | (size_t)data[1] << 8) > size - 2)
        return 0;
    model_init(&m);
    if (blob_open(&b, fuzz_file(data + 2, n), &e) < 0)
        abort();
    rc = weights_read(&w, &m.arena, &b, &e);
    fuzz_check(rc, &e);
    if (rc == 0) {
        rc = torch_build(&m, data + 2 + n, size - 2 - n, &w, &e);
        fuzz_check(rc, &e);
    }
    if (rc == 0) {
        model_show(&m, &text);
        if (out_open(&o, "/dev/null", &e) < 0)
            abort();
        rc = torch_emit(&m, NULL, &(struct emit_options){ .as = EMIT_FLOAT }, &o, &e);
        fuzz_check(rc, &e);
        out_release(&o);
    }
    buf_release(&text);
    weights_release(&w);
    model_release(&m);
    blob_release(&b);
    return 0;
}
