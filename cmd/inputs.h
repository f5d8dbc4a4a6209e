/* inputs.h: the dopt files a tool is given, and what it takes out of their union. Everything dies with
 * the cause where a section is missing or damaged.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_INPUTS_H
#define CMD_INPUTS_H

#include "format/model.h"
#include "ir/ir.h"
#include "observe/observed.h"
#include "quant/plan.h"

/* The files named (none: stdin) as one union. */
void inputs_open(struct dopt_file *f, int n, char *const *paths);
void inputs_model(struct dopt_file *f, struct model *m);
void inputs_observed(const struct dopt_file *f, struct observed *o);
/* false where there is no plan and `needed` is false. */
bool inputs_plan(const struct dopt_file *f, struct plan *p, bool needed);

/* A stage's own sections, in the order tag, bytes. */
enum { OUTPUTS_MAX = 2 };
struct outputs {
    int n;
    const char *tag[OUTPUTS_MAX];
    struct buf bytes[OUTPUTS_MAX];
};
/* Adds them and this stage's record to f and writes it (detached: only these). Dies on an error. */
void outputs_save(struct dopt_file *f, const struct outputs *own, const char *tool,
                  const char *const *options, int noptions, const char *path, bool detached);

#endif
