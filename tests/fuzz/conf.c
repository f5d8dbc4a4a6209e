/* conf.c: config.prototxt.
 * SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = { 0 };
    struct buf text = { 0 };
    struct conf c;
    int rc = conf_read(&c, fuzz_file(data, size), &e);

    fuzz_check(rc, &e);
    if (rc == 0) {
        conf_text_calibration(&c, &text);
        conf_text_quant(&c, &text);
    }
    buf_release(&text);
    conf_release(&c);
    return 0;
}
