/* section.c: the sections' contents, behind the sums that keep damage from them: the first byte says
 * which. MODEL comes with a DATA section of 64 KiB; PLAN is followed by QDATA after two bytes of size.
 * SPDX-License-Identifier: Apache-2.0 */
#include "format/model.h"
#include "format/show.h"
#include "fuzz.h"
#include "observe/observed.h"
#include "param/param.h"
#include "quant/plan.h"

static void read_model(const uint8_t *p, size_t size)
{
    static const uint8_t zeros[1 << 16] __attribute__((aligned(64)));
    struct err e = { 0 };
    struct buf text = { 0 };
    struct dopt_file f;
    struct model m;

    dopt_init(&f);
    dopt_add(&f, "MODEL", p, size);
    dopt_add(&f, "DATA", zeros, sizeof zeros);
    model_init(&m);
    if (model_read(&m, &f, &e) == 0)
        model_show(&m, &text);
    else
        fuzz_check(-1, &e);
    buf_release(&text);
    model_release(&m);
    dopt_release(&f);
}

static void read_observed(const uint8_t *p, size_t size)
{
    struct observed o, sum = { 0 };
    struct buf text = { 0 };
    struct err e = { 0 };
    int rc = observed_unpack(&o, p, size, &e);

    fuzz_check(rc, &e);
    if (rc == 0) {
        observed_show(&o, &text);
        buf_release(&text);
        fuzz_check(observed_merge(&sum, &o, &e), &e);
        fuzz_check(observed_merge(&sum, &o, &e), &e);
    }
    observed_release(&sum);
    observed_release(&o);
}

static void read_plan(const uint8_t *p, size_t size)
{
    size_t n = size < 2 ? 0 : (size_t)(p[0] | p[1] << 8);
    struct plan plan;
    struct buf text = { 0 };
    struct err e = { 0 };
    int rc;

    if (size < 2 || n > size - 2)
        return;
    rc = plan_unpack(&plan, p + 2, n, p + 2 + n, size - 2 - n, &e);
    fuzz_check(rc, &e);
    if (rc == 0)
        plan_show(&plan, &text);
    buf_release(&text);
    plan_release(&plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf text = { 0 };
    struct err e = { 0 };

    if (size == 0)
        return 0;
    switch (data[0]) {
    case 'm':
        read_model(data + 1, size - 1);
        break;
    case 'o':
        read_observed(data + 1, size - 1);
        break;
    case 'p':
        read_plan(data + 1, size - 1);
        break;
    case 's':
        fuzz_check(param_show(data + 1, size - 1, &text, &e), &e);
        buf_release(&text);
        break;
    default:
        break;
    }
    return 0;
}
