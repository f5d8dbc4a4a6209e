/* plan.h: the decisions of dopt-quant: a scale and zero point for every quantization point, int8
 * weights and int32 biases for every quantized node (DESIGN.md 6), and their PLAN and QDATA sections.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef QUANT_PLAN_H
#define QUANT_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/* q = clamp(rint(x / scale) + zero_point, qmin, qmax); scale has 16 significant bits. */
struct plan_tensor {
    const char *name;
    float scale;
    int zero_point;
    bool is_signed;       /* int8, else uint8 */
    float min, max;       /* observed */
    float low, high;      /* what the grid covers */
    const char *how;      /* "minmax", "mse 0.91", … */
    double clipped, sqnr; /* share of values outside the grid; dB on the observed values */
    const double
        *factor; /* equalized: what each of its nfactors channels is divided by; else NULL */
    size_t nfactors;
};

struct plan_node {
    const char *name, *weight_name;
    const char *input; /* the value it reads */
    int tensor;        /* index of the plan_tensor that value has */
    int nscales;       /* channels, or 1 */
    const float *scales;
    const int8_t *weight; /* in the weight's own order */
    size_t nweights;
    const int32_t *bias; /* NULL if it has none; one a channel, in units of scale * scales[c] */
    size_t nbias;
    const float
        *float_bias; /* the corrected bias itself; nbias elements, NULL where it did not change */
};

struct plan_float {
    const char *name, *weight_name, *why;
};

struct plan {
    struct arena arena;
    char model[33], config[33];
    const char *options; /* canonical text of what led to this plan */
    int ntensors, nnodes, nfloats;
    struct plan_tensor *tensors; /* by name */
    struct plan_node *nodes;     /* in graph order */
    struct plan_float *floats;
};

void plan_release(struct plan *p);
void plan_pack(const struct plan *p, struct buf *plan, struct buf *qdata);
/* Borrows qdata for the plan's life. */
int plan_unpack(struct plan *p, const void *plan, size_t plansize, const void *qdata,
                size_t qdatasize, struct err *e);
const struct plan_tensor *plan_tensor(const struct plan *p, const char *name);
const struct plan_node *plan_node(const struct plan *p, const char *name);
/* The weight as floats on its grid; v as op/op.h sees the node's weight. */
struct weight_view;
void plan_weight_grid(const struct plan_node *n, const struct weight_view *v, float *out);
/* Every planned node is in the model, with as many weights, scales and biases as it needs. */
struct model;
int plan_fits(const struct plan *p, const struct model *m, struct err *e);
/* Stable text for dopt-show. */
void plan_show(const struct plan *p, struct buf *out);

#endif
