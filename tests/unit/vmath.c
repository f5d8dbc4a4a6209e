/* vmath.c: op/vmath.h against the C library in double, over every thousandth float.
 * SPDX-License-Identifier: Apache-2.0 */
#include <float.h>

#include "op/vmath.h"
#include "tap.h"

enum { EXP, LOGISTIC, TANH, ERF, FUNCTIONS };

/* Units: 2^-24 of the result's magnitude; what is denormal may be 0. */
static double error_of(float is, double want)
{
    if (fabs(want) > FLT_MAX || fabs(want) < FLT_MIN)
        return (fabs(want) > FLT_MAX ? is >= FLT_MAX : fabsf(is) <= FLT_MIN) ? 0 : INFINITY;
    return fabs((double)is - want) / fabs(want) * 0x1p24;
}

int main(void)
{
    double worst[FUNCTIONS] = { 0 };
    bool special;

    for (uint32_t u = 0; u < UINT32_MAX - 1000; u += 997) {
        float x;
        double e[FUNCTIONS];

        memcpy(&x, &u, sizeof x);
        if (isnan(x))
            continue;
        e[EXP] = error_of(vexp(x), exp((double)x));
        e[LOGISTIC] = error_of(vlogistic(x), 1 / (1 + exp(-(double)x)));
        e[TANH] = error_of(vtanh(x), tanh((double)x));
        e[ERF] = error_of(verf(x), erf((double)x));
        for (int i = 0; i < FUNCTIONS; i++)
            worst[i] = e[i] > worst[i] ? e[i] : worst[i];
    }
    printf("# worst: exp %.2f, logistic %.2f, tanh %.2f, erf %.2f\n", worst[EXP], worst[LOGISTIC],
           worst[TANH], worst[ERF]);
    ok(worst[EXP] < 2, "exp");
    ok(worst[LOGISTIC] < 3, "logistic");
    ok(worst[TANH] < 3, "tanh");
    ok(worst[ERF] < 20, "erf");
    special = isnan(vexp(NAN)) && isnan(vlogistic(NAN)) && isnan(vtanh(NAN)) && isnan(verf(NAN)) &&
              vexp(INFINITY) == INFINITY && vexp(-INFINITY) == 0 && vtanh(-INFINITY) == -1 &&
              vlogistic(INFINITY) == 1 && verf(INFINITY) == 1;
    ok(special, "NaN and infinities");
    return tap_end();
}
