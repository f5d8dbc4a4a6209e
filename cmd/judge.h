/* judge.h: a user's command that says how good an emitted model is.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_JUDGE_H
#define CMD_JUDGE_H

#include "ir/ir.h"
#include "quant/emit.h"
#include "quant/plan.h"

/* A folder for the emitted models. */
struct judge {
    const char *command;
    char *folder, *path; /* path: of the model */
    enum chain chain;
};
void judge_init(struct judge *j, const struct model *m, const char *command, enum chain chain);
void judge_release(struct judge *j);
/* Emits m with p as Q/DQ and runs the command with the file's path in DOPT_MODEL and, where the command does
 * not name that, as its last argument. *value: the last number that it prints. */
int judge_run(struct judge *j, const struct model *m, const struct plan *p, double *value,
              struct err *e);

#endif
