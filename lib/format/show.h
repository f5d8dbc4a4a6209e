/* show.h: a model as text, one node a line: for people, grep and diff (dopt-show(1)).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_SHOW_H
#define FORMAT_SHOW_H

#include "base/mem.h"
#include "ir/ir.h"

void model_show(const struct model *m, struct buf *out);
/* The names that exclude_op takes: "NODE<tab>WEIGHT" for every quantizable node. */
void model_show_names(const struct model *m, struct buf *out);

#endif
