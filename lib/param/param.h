/* param.h: the param file: every scale of a quantized model (proto/param.proto, dopt-param(5)), and
 * its text form, the public scale_offset_record.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef PARAM_PARAM_H
#define PARAM_PARAM_H

#include <stdio.h>

#include "quant/plan.h"

/* digest: XXH3-128 of the emitted model's bytes, hex. Deterministic bytes. */
void param_pack(const struct plan *p, const char *digest, struct buf *out);
/* The digest that a param file holds; -1 where the bytes are not one. */
int param_digest(const void *bytes, size_t size, char hex[static 33]);
/* record { key: … value { scale_d offset_d scale_w offset_w } } for every quantized node. */
void param_record(const struct plan *p, struct buf *out);
/* Stable text of a param file for dopt-show. */
int param_print(const void *bytes, size_t size, FILE *f, struct err *e);

#endif
