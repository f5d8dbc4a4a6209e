/* chain.h: which activation values carry Q/DQ in an emitted model, so that integer kernels run and
 * follow one another (DESIGN.md 6).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef QUANT_CHAIN_H
#define QUANT_CHAIN_H

#include "ir/ir.h"
#include "quant/plan.h"

enum chain {
    CHAIN_NONE, /* inputs of quantized operators, and outputs of convolutions (their kernels need it) */
    CHAIN_SAFE, /* also operators between that cost little: exact ones, and those whose own
                 * quantization keeps CHAIN_SAFE_SQNR dB */
    CHAIN_ALL,  /* every operator between whose operands are quantized */
};
enum { CHAIN_SAFE_SQNR = 35 };
int chain_find_name(const char *name); /* "none", "safe", "all"; -1 otherwise */

/* By value id: how the value is quantized, or NULL. malloc'ed. */
const struct plan_tensor **chain_find(const struct model *m, const struct plan *p, enum chain mode);

#endif
