/* range.h: from a histogram to the range that its quantization grid covers.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef QUANT_RANGE_H
#define QUANT_RANGE_H

#include <stdbool.h>

#include "observe/observed.h"

enum range_method {
    RANGE_MINMAX,
    RANGE_MEAN,
    RANGE_PERCENTILE,
    RANGE_ENTROPY,
    RANGE_MSE,
    RANGE_LP,
    RANGE_IFMR,
    RANGE_L2,
    RANGE_AUTO
};
#define RANGE_METHODS "minmax|mean|percentile|entropy|mse|lp|ifmr|l2|auto"
/* -1 if there is no such method. */
int range_method_find(const char *name);
const char *range_method_name(enum range_method m);

/* The grid of a uint8 (qmin 0, qmax 255) or int8 activation. */
struct grid {
    float scale; /* 16 significant bits */
    int zero_point, qmin, qmax;
    float low, high; /* (qmin - zero_point) * scale, (qmax - zero_point) * scale */
};

/* s rounded to 16 significant bits (half up in magnitude): one scale for every file format. */
float scale_round(double s);
/* The grid over [low, high], extended to contain 0; 1 where the range is empty. */
struct grid grid_of(double low, double high, bool is_signed, bool symmetric);

struct range_options {
    enum range_method method;
    double percentile; /* in percent, 99.999 */
    bool is_signed, symmetric;
};
/* Chooses the grid for what t saw. */
struct grid range_choose(const struct tensor_stats *t, const struct range_options *o);
/* What a grid does to what t saw: sums of squares, and the share of values outside the grid. */
struct range_effect {
    double signal, noise, clipped;
};
struct range_effect range_effect(const struct tensor_stats *t, const struct grid *g);

#endif
