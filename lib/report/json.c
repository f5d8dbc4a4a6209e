/* json.c: a report as JSON: dopt-report(1) lists the keys. 1e999 is a ratio to no error at all, null what was
 * not measured.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/json.h"
#include "report/report.h"

static void key(struct buf *out, const char *name)
{
    buf_printf(out, ", \"%s\": ", name);
}

static void put_number(struct buf *out, const char *name, double v)
{
    key(out, name);
    if (isinf(v))
        buf_str(out, v < 0 ? "-1e999" : "1e999");
    else
        json_number(out, v);
}

static void put_string(struct buf *out, const char *name, const char *s)
{
    key(out, name);
    json_string(out, s);
}

static void put_layer(const struct layer *l, struct buf *out)
{
    const struct plan_tensor *t = l->tensor;

    buf_str(out, "  {\"name\": ");
    json_string(out, l->node->name);
    put_string(out, "weight", l->node->weight_name);
    put_string(out, "type", l->type);
    put_number(out, "share", l->share);
    put_number(out, "noise", l->noise);
    put_number(out, "only_sqnr", l->only);
    put_number(out, "without_sqnr", l->but);
    put_number(out, "weight_sqnr", l->weight_sqnr);
    put_number(out, "input_sqnr", l->own_sqnr);
    put_number(out, "input_sqnr_observed", t->sqnr);
    put_number(out, "input_sqnr_in_model", l->all_sqnr);
    put_string(out, "tensor", t->name);
    put_string(out, "range_method", t->how);
    put_number(out, "scale", (double)t->scale);
    put_number(out, "zero_point", t->zero_point);
    put_number(out, "seen_min", (double)t->min);
    put_number(out, "seen_max", (double)t->max);
    put_number(out, "range_low", (double)t->low);
    put_number(out, "range_high", (double)t->high);
    put_number(out, "clipped", t->clipped);
    put_number(out, "channel_spread", l->spread);
    put_number(out, "weight_pairs", (double)l->pairs);
    put_number(out, "saturating_pairs", (double)l->saturating);
    put_number(out, "largest_pair", l->worst_pair);
    buf_str(out, "}");
}

static void put_target(const struct report *r, struct buf *out)
{
    buf_str(out, ",\n\"target\": ");
    if (r->target == NULL) {
        buf_str(out, "null");
        return;
    }
    buf_str(out, "{\"text\": ");
    json_string(out, r->target);
    put_number(out, "before", r->before);
    put_number(out, "after", r->after);
    key(out, "reached");
    buf_str(out, r->reached ? "true}" : "false}");
}

static void put_strings(struct buf *out, const char *name, const char *const *list, int n)
{
    buf_printf(out, ",\n\"%s\": [", name);
    for (int i = 0; i < n; i++) {
        buf_str(out, i > 0 ? ", " : "");
        json_string(out, list[i]);
    }
    buf_str(out, "]");
}

void report_json(const struct report *r, struct buf *out)
{
    struct buf summary = { 0 };

    report_summary(r, &summary);
    summary.data[--summary.size] = '\0';
    buf_str(out, "{\"model\": ");
    json_string(out, r->p->model);
    put_string(out, "options", r->p->options);
    put_string(out, "summary", (const char *)summary.data);
    put_number(out, "samples", (double)r->samples);
    put_number(out, "output_sqnr", r->sqnr);
    buf_str(out, ",\n\"outputs\": [");
    for (int i = 0; i < r->noutputs; i++) {
        buf_str(out, i > 0 ? ", {\"name\": " : "{\"name\": ");
        json_string(out, r->m->graph->out[i]->name);
        put_number(out, "sqnr", r->samples > 0 ? r->outputs[i] : NAN);
        buf_str(out, "}");
    }
    buf_str(out, "],\n\"layers\": [\n");
    for (int i = 0; i < r->nlayers; i++) {
        put_layer(&r->layers[i], out);
        buf_str(out, i + 1 < r->nlayers ? ",\n" : "\n");
    }
    buf_str(out, "],\n\"float\": [");
    for (int i = 0; i < r->p->nfloats; i++) {
        buf_str(out, i > 0 ? ", {\"name\": " : "{\"name\": ");
        json_string(out, r->p->floats[i].name);
        put_string(out, "weight", r->p->floats[i].weight_name);
        put_string(out, "why", r->p->floats[i].why);
        buf_str(out, "}");
    }
    buf_str(out, "]");
    put_strings(out, "warnings", r->warnings, r->nwarnings);
    put_target(r, out);
    put_strings(out, "exclude", r->exclude, r->nexclude);
    buf_str(out, "}\n");
    buf_release(&summary);
}
