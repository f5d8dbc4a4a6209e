/* tf.c: a GraphDef through the whole import, constant folding included, and as text.
 * SPDX-License-Identifier: Apache-2.0 */
#include "format/show.h"
#include "fuzz.h"
#include "tf/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tf_options o = { 0 };
    struct buf text = { 0 };
    struct err e = { 0 };
    struct model m;
    struct blob b;
    int rc;

    if (blob_open(&b, fuzz_file(data, size), &e) < 0)
        abort();
    model_init(&m);
    rc = tf_import(&m, &b, NULL, &o, &e);
    fuzz_check(rc, &e);
    if (rc == 0)
        model_show(&m, &text);
    buf_release(&text);
    model_release(&m);
    blob_release(&b);
    return 0;
}
