/* text.c: a report as text, as a summary, and as lines of config.prototxt.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/report.h"

static const char *judgement(double sqnr)
{
    return sqnr >= 40   ? "hardly to be told from the float model"
           : sqnr >= 30 ? "close to the float model"
           : sqnr >= 20 ? "usable for most tasks; look at the accuracy"
           : sqnr >= 10 ? "likely to cost accuracy"
                        : "likely to be of no use as it is";
}

static void put_layers(const struct report *r, struct buf *out)
{
    double sum = 0;
    int n = 0;

    while (n < r->nlayers && n < 5 && sum < 0.5)
        sum += r->layers[n++].share;
    if (n == 0 || sum == 0)
        return;
    buf_printf(out, "%.0f %% of the error at the output comes from ", 100 * sum);
    for (int i = 0; i < n; i++)
        buf_printf(out, "%s%s", i == 0 ? "" : i == n - 1 ? " and " : ", ", r->layers[i].node->name);
    if (isfinite(r->layers[0].but))
        buf_printf(out, "; without the first alone it would be %.1f dB", r->layers[0].but);
    buf_str(out, ". ");
}

static void put_target(const struct report *r, struct buf *out)
{
    if (r->target == NULL)
        return;
    if (r->nexclude > 0)
        buf_printf(out, "To reach %s, leave %d of %d operators float: that gives %.4g%s. ",
                   r->target, r->nexclude, r->nlayers, r->after, r->unit);
    else if (r->reached)
        buf_printf(out, "The target, %s, is reached as it is: %.4g%s. ", r->target, r->before,
                   r->unit);
    else
        buf_printf(out, "The target, %s, is out of reach: all float gives %.4g%s. ", r->target,
                   r->after, r->unit);
}

void report_summary(const struct report *r, struct buf *out)
{
    int total = r->p->nnodes + r->p->nfloats, saturating = 0;

    buf_printf(out, "%d of %d operators run in int8. ", r->p->nnodes, total);
    if (r->samples > 0 && isinf(r->sqnr))
        buf_printf(out, "On %ld samples the outputs are those of the float model. ", r->samples);
    else if (r->samples > 0)
        buf_printf(out, "On %ld samples the output keeps %.1f dB (an error of %.2g %% of it): %s. ",
                   r->samples, r->sqnr, 100 * pow(10, -r->sqnr / 20), judgement(r->sqnr));
    else
        buf_str(out, "No samples were given (-c or -i), so nothing was measured at the output. ");
    put_layers(r, out);
    put_target(r, out);
    for (int i = 0; i < r->nlayers; i++)
        saturating += r->layers[i].saturating > 0;
    if (saturating > 0)
        buf_printf(out, "On processors without VNNI %d operator%s may saturate. ", saturating,
                   saturating > 1 ? "s" : "");
    out->size--; /* the last blank */
    buf_str(out, "\n");
}

static void put_db(struct buf *out, double v)
{
    if (isnan(v))
        buf_printf(out, " %6s", "-");
    else
        buf_printf(out, " %6.1f", v);
}

static void put_layer(const struct layer *l, struct buf *out)
{
    const struct plan_tensor *t = l->tensor;

    if (isnan(l->share))
        buf_printf(out, "%6s", "-");
    else
        buf_printf(out, "%5.1f%%", 100 * l->share);
    put_db(out, l->only);
    put_db(out, l->but);
    put_db(out, l->weight_sqnr);
    put_db(out, isnan(l->own_sqnr) ? t->sqnr : l->own_sqnr);
    put_db(out, l->all_sqnr);
    buf_printf(out, " %8.4f%% %8.3g %6.2f%%  %s  %.4g to %.4g (%s)\n", 100 * t->clipped, l->spread,
               l->pairs > 0 ? 100 * (double)l->saturating / (double)l->pairs : 0.0, l->node->name,
               (double)t->low, (double)t->high, t->how);
}

void report_text(const struct report *r, struct buf *out)
{
    report_summary(r, out);
    if (r->noutputs > 1 && r->samples > 0)
        for (int i = 0; i < r->noutputs; i++)
            buf_printf(out, "output %s: %.1f dB\n", r->m->graph->out[i]->name, r->outputs[i]);
    for (int i = 0; i < r->nwarnings; i++)
        buf_printf(out, "warning: %s\n", r->warnings[i]);
    buf_printf(out, "\n%6s %6s %6s %6s %6s %6s %9s %8s %7s  %s\n", "share", "only", "but", "weight",
               "input", "in net", "clipped", "spread", "satur.", "layer  range");
    for (int i = 0; i < r->nlayers; i++)
        put_layer(&r->layers[i], out);
    for (int i = 0; i < r->p->nfloats; i++)
        buf_printf(out, "float: %s (%s)\n", r->p->floats[i].name, r->p->floats[i].why);
    if (r->nexclude > 0) {
        buf_str(out, "\n");
        report_excludes(r, out);
    }
}

void report_excludes(const struct report *r, struct buf *out)
{
    if (r->nexclude > 0)
        buf_printf(out, "# for %s: %.4g%s, which were %.4g%s\n", r->target, r->after, r->unit,
                   r->before, r->unit);
    for (int i = 0; i < r->nexclude; i++) {
        buf_str(out, "exclude_op: \"");
        for (const char *s = r->exclude[i]; *s != '\0'; s++) {
            if (*s == '"' || *s == '\\')
                buf_str(out, "\\");
            if (*s == '\n')
                buf_str(out, "\\n");
            else
                buf_put(out, s, 1);
        }
        buf_str(out, "\"\n");
    }
}
