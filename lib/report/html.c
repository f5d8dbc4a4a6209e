/* html.c: a report as one page that needs nothing else: styles, pictures and the script are in it.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "report/report.h"

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<link rel=\"icon\" href=\"data:,\">\n"
    "<title>dopt-report</title>\n<style>\n"
    ":root{--ink:#1c2330;--soft:#667;--line:#dde2ea;--blue:#3d6fb4;--red:#c2413a;--back:#f6f8fb}\n"
    "body{font:14px/1.5 system-ui,sans-serif;color:var(--ink);margin:2rem auto;max-width:96rem;"
    "padding:0 1.5rem}\n"
    "h1{font-size:1.3rem;margin:0 0 .5rem}h2{font-size:1.05rem;margin:1.6rem 0 .5rem}\n"
    ".summary{font-size:1.05rem;max-width:60rem}\n"
    ".figures{display:flex;flex-wrap:wrap;gap:1rem;margin:1rem 0}\n"
    ".figures div{background:var(--back);border:1px solid var(--line);border-radius:6px;"
    "padding:.5rem 1rem}\n"
    ".figures b{display:block;font-size:1.4rem}.figures span{color:var(--soft)}\n"
    ".warning{border-left:3px solid var(--red);padding-left:.7rem;margin:.3rem 0}\n"
    "pre{background:var(--back);border:1px solid var(--line);border-radius:6px;padding:.6rem 1rem;"
    "overflow:auto}\n"
    ".table{overflow-x:auto}table{border-collapse:collapse;width:100%}\n"
    "th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid var(--line);"
    "white-space:nowrap}\n"
    "th{cursor:pointer;position:sticky;top:0;background:#fff;font-weight:600;vertical-align:bottom;"
    "user-select:none}\n"
    "th[aria-sort=ascending]::after{content:' \\25B2'}"
    "th[aria-sort=descending]::after{content:' \\25BC'}\n"
    "td.text,th.text{text-align:left}td.name{max-width:24rem;overflow:hidden;"
    "text-overflow:ellipsis}td small{color:var(--soft);display:block}\n"
    ".bar{display:inline-block;height:.7em;background:var(--blue);vertical-align:baseline;"
    "margin-right:.4em;border-radius:2px}\n"
    ".share{background:var(--red)}svg{display:block}.seen{fill:#9db7dc}.cut{stroke:var(--red)}"
    ".out{fill:var(--red);opacity:.12}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;color:var(--soft)}dd{"
    "margin:0}dt{font-weight:600}\n"
    "</style></head><body>\n";

static const char script[] =
    "<script>\n"
    "for (const th of document.querySelectorAll('th')) th.addEventListener('click', () => {\n"
    "  const i = th.cellIndex, body = document.querySelector('tbody');\n"
    "  const up = th.getAttribute('aria-sort') === 'descending' || (th.classList.contains('text') "
    "&&\n"
    "    th.getAttribute('aria-sort') !== 'ascending');\n"
    "  const value = (tr) => tr.cells[i].dataset.v;\n"
    "  const rows = [...body.rows].sort((a, b) => {\n"
    "    const x = value(a), y = value(b);\n"
    "    const d = th.classList.contains('text') ? (x < y ? -1 : x > y ? 1 : 0) : +x - +y;\n"
    "    return up ? d : -d;\n"
    "  });\n"
    "  document.querySelectorAll('th').forEach((o) => o.removeAttribute('aria-sort'));\n"
    "  th.setAttribute('aria-sort', up ? 'ascending' : 'descending');\n"
    "  body.append(...rows);\n"
    "});\n"
    "</script>\n</body></html>\n";

/* Text as HTML has it, in elements and in attributes. */
static void put_text(struct buf *out, const char *s)
{
    for (; *s != '\0'; s++)
        if (*s == '<')
            buf_str(out, "&lt;");
        else if (*s == '&')
            buf_str(out, "&amp;");
        else if (*s == '"')
            buf_str(out, "&quot;");
        else
            buf_put(out, s, 1);
}

/* With this many decimals, or three significant digits where decimals is -1. */
static void put_number(struct buf *out, int decimals, const char *unit, double v)
{
    if (isnan(v))
        buf_str(out, "&ndash;");
    else if (isinf(v))
        buf_str(out, "&infin;");
    else if (decimals < 0)
        buf_printf(out, "%.3g%s", v, unit);
    else
        buf_printf(out, "%.*f%s", decimals, v, unit);
}

static void put_figure(struct buf *out, const char *what, int decimals, const char *unit, double v)
{
    buf_str(out, "<div><b>");
    put_number(out, decimals, unit, v);
    buf_printf(out, "</b><span>%s</span></div>", what);
}

/* ---- pictures ---- */

enum { WIDTH = 220, HEIGHT = 40, BINS = 110 };

struct scale {
    double from, to;
};

static double place(const struct scale *s, double v)
{
    return (v - s->from) / (s->to - s->from) * WIDTH;
}

/* Counts in equal bins; a point of the histogram is spread evenly over its own bin. */
static void count_bins(const struct hist *h, const struct scale *s, double *bins)
{
    size_t n;
    struct hist_point *p = hist_points(h, &n);
    double width = (s->to - s->from) / BINS;

    for (size_t i = 0; i < n; i++) {
        double lo = (p[i].lo - s->from) / width, hi = (p[i].hi - s->from) / width;
        int first = (int)fmax(0, floor(lo)), last = (int)fmin(BINS - 1, floor(hi));

        if (last <= first) {
            int at = (int)((p[i].mean - s->from) / width);

            bins[at < 0 ? 0 : at >= BINS ? BINS - 1 : at] += p[i].weight;
            continue;
        }
        for (int b = first; b <= last; b++)
            bins[b] += p[i].weight * (fmin(hi, b + 1) - fmax(lo, b)) / (hi - lo);
    }
    free(p);
}

/* What the tensor held, heights by the logarithm of the counts, and the ends of its grid. */
static void put_histogram(struct buf *out, const struct layer *l)
{
    const struct plan_tensor *t = l->tensor;
    struct scale s = { fmin((double)t->min, (double)t->low),
                       fmax((double)t->max, (double)t->high) };
    double bins[BINS] = { 0 }, top = 0, margin = (s.to - s.from) * 0.02;

    if (l->stats == NULL || l->stats->hist.n == 0 || !(s.to > s.from)) {
        buf_str(out, "&ndash;");
        return;
    }
    s.from -= margin;
    s.to += margin;
    count_bins(&l->stats->hist, &s, bins);
    for (int b = 0; b < BINS; b++)
        top = fmax(top, log1p(bins[b]));
    buf_printf(
        out,
        "<svg width=\"%d\" height=\"%d\" role=\"img\"><title>seen %.4g to %.4g, grid %.4g to "
        "%.4g</title><path class=\"seen\" d=\"M0 %d",
        WIDTH, HEIGHT, (double)t->min, (double)t->max, (double)t->low, (double)t->high, HEIGHT);
    for (int b = 0; b < BINS; b++)
        if (bins[b] > 0 || (b > 0 && bins[b - 1] > 0))
            buf_printf(out, "V%.1fH%d", HEIGHT - (HEIGHT - 2) * log1p(bins[b]) / top,
                       (b + 1) * WIDTH / BINS);
        else
            buf_printf(out, "H%d", (b + 1) * WIDTH / BINS);
    buf_printf(out, "V%dZ\"/>", HEIGHT);
    buf_printf(out, "<rect class=\"out\" width=\"%.1f\" height=\"%d\"/>", place(&s, (double)t->low),
               HEIGHT);
    buf_printf(out, "<rect class=\"out\" x=\"%.1f\" width=\"%.1f\" height=\"%d\"/>",
               place(&s, (double)t->high), WIDTH - place(&s, (double)t->high), HEIGHT);
    for (int i = 0; i < 2; i++) {
        double x = place(&s, (double)(i == 0 ? t->low : t->high));

        buf_printf(out, "<line class=\"cut\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%d\"/>", x, x,
                   HEIGHT);
    }
    buf_str(out, "</svg>");
}

/* ---- the table ---- */

struct column {
    const char *name, *title;
    bool text;
};

static const struct column columns[] = {
    { "layer", "operator, its weight and type", true },
    { "share", "of the output's error: the mean of both ways of leaving one out", false },
    { "only this", "output SQNR with this layer alone quantized, dB", false },
    { "all but this", "output SQNR with all layers but this one quantized, dB", false },
    { "weight", "SQNR of the weight, dB", false },
    { "input", "SQNR of the input on its grid, dB", false },
    { "in model", "SQNR of the input in the whole quantized model, dB", false },
    { "clipped", "values outside the grid, %", false },
    { "spread", "largest over smallest channel of the weight", false },
    { "saturates", "pairs of weights that overflow int16 on CPUs without VNNI, %", false },
    { "range", "the grid, and how it was chosen", true },
    { "values", "what was observed (logarithmic), and the ends of the grid: sorts by width",
      false },
};

/* The value that the column sorts by: no error is the largest, nothing measured the smallest. */
static void begin_cell(struct buf *out, double v)
{
    buf_printf(out, "<td data-v=\"%.9g\">", isnan(v) ? -1e30 : isinf(v) ? 1e30 : v);
}

static void put_cell(struct buf *out, int decimals, const char *unit, double v, double bar,
                     const char *class)
{
    begin_cell(out, v);
    if (!isnan(v) && bar > 0)
        buf_printf(out, "<i class=\"bar %s\" style=\"width:%.0fpx\"></i>", class,
                   fmin(bar, 1) * 60);
    put_number(out, decimals, unit, v);
    buf_str(out, "</td>");
}

static void put_row(struct buf *out, const struct layer *l)
{
    const struct plan_tensor *t = l->tensor;
    double own = isnan(l->own_sqnr) ? t->sqnr : l->own_sqnr;

    buf_str(out, "<tr><td class=\"text name\" data-v=\"");
    put_text(out, l->node->name);
    buf_str(out, "\" title=\"");
    put_text(out, l->node->name);
    buf_str(out, "\">");
    put_text(out, l->node->name);
    buf_printf(out, "<small>%s ", l->type);
    put_text(out, l->node->weight_name);
    buf_str(out, "</small></td>");
    put_cell(out, 1, " %", 100 * l->share, l->share, "share");
    put_cell(out, 1, "", l->only, l->only / 60, "");
    put_cell(out, 1, "", l->but, l->but / 60, "");
    put_cell(out, 1, "", l->weight_sqnr, 0, "");
    put_cell(out, 1, "", own, 0, "");
    put_cell(out, 1, "", l->all_sqnr, 0, "");
    put_cell(out, 4, " %", 100 * t->clipped, 0, "");
    put_cell(out, -1, "", l->spread, 0, "");
    put_cell(out, 2, " %", l->pairs > 0 ? 100 * (double)l->saturating / (double)l->pairs : 0.0, 0,
             "");
    buf_str(out, "<td class=\"text\" data-v=\"");
    put_text(out, t->how);
    buf_printf(out, "\">%.4g to %.4g<small>", (double)t->low, (double)t->high);
    put_text(out, t->how);
    buf_str(out, "</small></td>");
    begin_cell(out, (double)t->high - (double)t->low);
    put_histogram(out, l);
    buf_str(out, "</td></tr>\n");
}

static void put_table(struct buf *out, const struct report *r)
{
    size_t n = sizeof columns / sizeof *columns;

    buf_str(out, "<h2>Layers, the worst first</h2>\n<div class=\"table\"><table><thead><tr>");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "<th%s title=\"%s\">%s</th>", columns[i].text ? " class=\"text\"" : "",
                   columns[i].title, columns[i].name);
    buf_str(out, "</tr></thead><tbody>\n");
    for (int i = 0; i < r->nlayers; i++)
        put_row(out, &r->layers[i]);
    buf_str(out, "</tbody></table></div>\n<h2>Columns</h2>\n<dl>");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "<dt>%s</dt><dd>%s</dd>", columns[i].name, columns[i].title);
    buf_str(out, "</dl>\n");
}

static void put_outputs(struct buf *out, const struct report *r)
{
    if (r->samples == 0)
        return;
    buf_str(out, "<h2>Outputs</h2>\n<div class=\"outputs\">");
    for (int i = 0; i < r->noutputs; i++) {
        double v = r->outputs[i];

        buf_printf(out, "<div><i class=\"bar\" style=\"width:%.0fpx\"></i>",
                   4 * fmax(0, fmin(v, 100)));
        put_number(out, 1, " dB", v);
        buf_str(out, " ");
        put_text(out, r->m->graph->out[i]->name);
        buf_str(out, "</div>");
    }
    buf_str(out, "</div>\n");
}

void report_html(const struct report *r, struct buf *out)
{
    struct buf text = { 0 };

    buf_str(out, head);
    buf_str(out, "<h1>What quantization does to this model</h1>\n<p class=\"summary\">");
    report_summary(r, &text);
    put_text(out, (const char *)text.data);
    buf_str(out, "</p>\n<div class=\"figures\">");
    put_figure(out, "SQNR of the output", 1, " dB", r->sqnr);
    put_figure(out, "operators in int8", 0, "", r->p->nnodes);
    put_figure(out, "operators left float", 0, "", r->p->nfloats);
    put_figure(out, "samples", 0, "", (double)r->samples);
    buf_str(out, "</div>\n");
    for (int i = 0; i < r->nwarnings; i++) {
        buf_str(out, "<p class=\"warning\">");
        put_text(out, r->warnings[i]);
        buf_str(out, "</p>\n");
    }
    if (r->nexclude > 0) {
        text.size = 0;
        report_excludes(r, &text);
        buf_str(out, "<h2>For config.prototxt</h2>\n<pre>");
        put_text(out, (const char *)text.data);
        buf_str(out, "</pre>\n");
    }
    put_outputs(out, r);
    put_table(out, r);
    buf_str(out, script);
    buf_release(&text);
}
