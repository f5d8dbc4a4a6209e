/* Any bytes as a dopt file; and as a MODEL section whose checksum is right.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "format/model.h"
#include "format/show.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_model(struct dopt_file *f)
{
    struct buf text = { 0 };
    struct model m;
    struct err e;

    model_init(&m);
    if (model_read(&m, f, &e) == 0) {
        model_show(&m, &text);
        model_show_names(&m, &text);
    }
    buf_release(&text);
    model_release(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t zeros[4096];
    struct blob b = { .data = malloc(size + 1), .size = size };
    struct dopt_file f;
    struct err e;

    memcpy((void *)b.data, data, size);
    dopt_init(&f);
    if (dopt_take(&f, "fuzz", &b, &e) == 0)
        read_model(&f);
    dopt_release(&f);
    dopt_init(&f);
    dopt_add(&f, "MODEL", data, size);
    dopt_add(&f, "DATA", zeros, sizeof zeros);
    f.sections[0].file = f.sections[1].file = "fuzz";
    read_model(&f);
    dopt_release(&f);
    return 0;
}
