/* dopt.c: the dopt file: its sections, their sums, and the union that is written again.
 * SPDX-License-Identifier: Apache-2.0 */
#include "format/model.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(data, size);
    struct dopt_file f;
    struct model m;
    struct err e = { 0 };
    int rc;

    dopt_init(&f);
    rc = dopt_open(&f, &path, 1, &e);
    fuzz_check(rc, &e);
    if (rc == 0 && dopt_find(&f, "MODEL") != NULL) {
        model_init(&m);
        fuzz_check(model_read(&m, &f, &e), &e);
        model_release(&m);
    }
    if (rc == 0)
        fuzz_check(dopt_save(&f, "/dev/null", NULL, &e), &e);
    dopt_release(&f);
    return 0;
}
