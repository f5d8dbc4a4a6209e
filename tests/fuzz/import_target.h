/* import_target.h: a model through a whole import, constant folding included, and as text.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef IMPORT_TARGET_H
#define IMPORT_TARGET_H

#include "format/show.h"
#include "fuzz.h"

static inline int import_target(const uint8_t *data, size_t size,
                                int (*import)(struct model *m, const struct blob *b, struct err *e))
{
    struct buf text = { 0 };
    struct err e = { 0 };
    struct model m;
    struct blob b;
    int rc;

    if (blob_open(&b, fuzz_file(data, size), &e) < 0)
        abort();
    model_init(&m);
    rc = import(&m, &b, &e);
    fuzz_check(rc, &e);
    if (rc == 0)
        model_show(&m, &text);
    buf_release(&text);
    model_release(&m);
    blob_release(&b);
    return 0;
}

#endif
