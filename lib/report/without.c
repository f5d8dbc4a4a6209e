/* without.c: see without.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/quant.h"
#include "report/level.h"
#include "report/without.h"

static void add_float(struct plan *p, int *cap, const struct plan_float *f)
{
    GROW(p->floats, p->nfloats, *cap);
    p->floats[p->nfloats++] = *f;
}

static void leave_out(struct plan *out, const struct plan *p, const bool *in)
{
    int cap = 0;

    *out = (struct plan){ .options = p->options, .ntensors = p->ntensors };
    snprintf(out->model, sizeof out->model, "%s", p->model);
    snprintf(out->config, sizeof out->config, "%s", p->config);
    out->tensors = mem_alloc((size_t)p->ntensors * sizeof *out->tensors + 1);
    memcpy(out->tensors, p->tensors, (size_t)p->ntensors * sizeof *out->tensors);
    out->nodes = NEW_ARRAY(struct plan_node, (size_t)p->nnodes);
    for (int i = 0; i < p->nfloats; i++)
        add_float(out, &cap, &p->floats[i]);
    for (int i = 0; i < p->nnodes; i++)
        if (in[i])
            out->nodes[out->nnodes++] = p->nodes[i];
        else
            add_float(
                out, &cap,
                &(struct plan_float){ p->nodes[i].name, p->nodes[i].weight_name, "excluded" });
}

/* Reads one word of what describe() in quant/quant.c wrote. */
static bool read_word(struct quant_options *q, const char *word)
{
    const char *value = strchr(word, '=');
    int method;

    if (strncmp(word, "method=", 7) == 0) {
        method = range_method_find(value + 1);
        q->range.method = (enum range_method)method;
        return method >= 0;
    }
    if (strncmp(word, "percentile=", 11) == 0)
        q->range.percentile = strtod(value + 1, NULL);
    else if (strncmp(word, "activations=", 12) == 0) {
        q->range.is_signed = value[1] == 'i';
        q->range.symmetric = strstr(value, "-symmetric") != NULL;
    } else if (strncmp(word, "weights=", 8) == 0)
        q->per_tensor = strcmp(value, "=per-tensor") == 0;
    else if (strcmp(word, "no-correction") == 0)
        q->no_correction = true;
    else if (strcmp(word, "no-equalization") == 0)
        q->no_equalization = true;
    else
        return false;
    return true;
}

/* Excluded names come last in the text, and in the plan's list of floats too. */
static int read_options(struct quant_options *q, const char *text, struct err *e)
{
    char *copy = mem_strdup(text), *rest = copy, *cut = strstr(copy, " exclude="), *word;
    int rc = 0;

    if (cut != NULL)
        *cut = '\0';
    while (rc == 0 && (word = strtok_r(rest, " ", &rest)) != NULL)
        if (!read_word(q, word))
            rc = err_set(e, "the plan's options have '%s', which this tool does not know", word);
    free(copy);
    return rc;
}

int plan_without(struct plan *out, const struct model *m, const struct observed *o,
                 const struct plan *p, const bool *in, struct err *e)
{
    struct quant_options q = { 0 };
    const char **names;
    int rc = -1;

    if (!level_needed(p)) {
        leave_out(out, p, in);
        return 0;
    }
    *out = (struct plan){ 0 };
    names = NEW_ARRAY(const char *, (size_t)(p->nnodes + p->nfloats));
    for (int i = 0; i < p->nfloats; i++)
        if (strcmp(p->floats[i].why, "excluded") == 0)
            names[q.nexclude++] = p->floats[i].name;
    for (int i = 0; i < p->nnodes; i++)
        if (!in[i])
            names[q.nexclude++] = p->nodes[i].name;
    q.exclude = names;
    if (read_options(&q, p->options, e) == 0)
        rc = quantize(out, m, o, &q, e);
    free(names);
    return rc;
}
