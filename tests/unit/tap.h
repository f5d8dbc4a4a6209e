/* tap.h: assertions of the programs in tests/unit, printed as TAP.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>
#include <stdio.h>

static int tap_n, tap_failed;

static void ok(bool passed, const char *name)
{
    printf("%sok %d - %s\n", passed ? "" : "not ", ++tap_n, name);
    tap_failed += !passed;
}

static int tap_end(void)
{
    printf("1..%d\n", tap_n);
    return tap_failed != 0;
}

#endif
