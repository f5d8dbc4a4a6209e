/* inputs.c: see inputs.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli.h"
#include "inputs.h"

void inputs_open(struct dopt_file *f, int n, char *const *paths)
{
    struct err e = { .status = ERR_INPUT };

    dopt_init(f);
    if (dopt_open(f, (const char *const *)paths, n, &e) < 0)
        cli_die(&e);
}

void inputs_model(struct dopt_file *f, struct model *m)
{
    struct err e = { .status = ERR_INPUT };

    model_init(m);
    if (model_read(m, f, &e) < 0)
        cli_die(&e);
}

static _Noreturn void missing(const char *section, const char *made_by)
{
    struct err e = { .status = ERR_INPUT };

    err_set(&e, "the input holds no %s section: %s writes it", section, made_by);
    cli_die(&e);
}

void inputs_observed(const struct dopt_file *f, struct observed *o)
{
    const struct section *s = dopt_find(f, "OBSERVED");
    struct err e = { .status = ERR_INPUT };

    if (s == NULL)
        missing("OBSERVED", "dopt-observe");
    if (observed_unpack(o, s->p, s->size, &e) < 0) {
        err_at(&e, "%s", s->file);
        cli_die(&e);
    }
}

bool inputs_plan(const struct dopt_file *f, struct plan *p, bool needed)
{
    const struct section *s = dopt_find(f, "PLAN"), *q = dopt_find(f, "QDATA");
    struct err e = { .status = ERR_INPUT };

    if (s == NULL && !needed)
        return false;
    if (s == NULL)
        missing("PLAN", "dopt-quant");
    if (q == NULL)
        missing("QDATA", "dopt-quant");
    if (plan_unpack(p, s->p, s->size, q->p, q->size, &e) < 0) {
        err_at(&e, "%s", s->file);
        cli_die(&e);
    }
    return true;
}

void outputs_save(struct dopt_file *f, const struct outputs *own, const char *tool,
                  const char *const *options, int noptions, const char *path, bool detached)
{
    const char *only[OUTPUTS_MAX + 1] = { NULL };
    struct err e = { .status = ERR_INPUT };

    for (int i = 0; i < own->n; i++) {
        dopt_add(f, own->tag[i], own->bytes[i].data, own->bytes[i].size);
        only[i] = own->tag[i];
    }
    if (tool != NULL)
        dopt_record(f, tool, DOPT_VERSION, options, noptions);
    if (dopt_save(f, path, detached ? only : NULL, &e) < 0)
        cli_die(&e);
}
