/* Any bytes as an ONNX model: imported, packed, and read back.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>

#include "format/model.h"
#include "onnx/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct blob b = { .data = data, .size = size };
    struct import_options o = { 0 };
    struct dopt_file f;
    struct layout l;
    struct buf packed = { 0 };
    struct model m;
    struct err e;

    model_init(&m);
    dopt_init(&f);
    if (onnx_import(&m, &b, NULL, &o, &e) == 0) {
        model_add(&f, &m, false);
        layout_init(&l, &m, false);
        model_pack(&m, &l, NULL, &packed);
        layout_release(&l);
        buf_release(&packed);
    }
    dopt_release(&f);
    model_release(&m);
    return 0;
}
