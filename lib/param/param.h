/* param.h: the param file: every scale of a quantized model (proto/param.proto, dopt-param(5)), and
 * its text form, the public scale_offset_record.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PARAM_PARAM_H
#define PARAM_PARAM_H

#include "quant/plan.h"

/* Deterministic bytes, the same whatever form the model is emitted in. */
void param_pack(const struct plan *p, struct buf *out);
/* record { key: … value { scale_d offset_d scale_w offset_w } } for every quantized node. */
void param_record(const struct plan *p, struct buf *out);
/* Stable text of a param file for dopt-show. */
int param_show(const void *bytes, size_t size, struct buf *out, struct err *e);

#endif
