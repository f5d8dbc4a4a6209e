/* report.c: see report.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "op/op.h"
#include "report/report.h"

/* vpmaddubsw adds two products of uint8 and int8 in int16. */
enum { PAIR_MAX = 32767 / 255, LOST = 5, HELD = 15 /* dB */ };

struct stats_copy {
    struct stats_copy *next;
    struct tensor_stats stats;
};

void report_warning(struct report *r, const char *text)
{
    GROW(r->warnings, r->nwarnings, r->capwarnings);
    r->warnings[r->nwarnings++] = arena_strdup(&r->arena, text);
}

/* Neighbours in a channel of the weight, in its own order, are multiplied side by side. */
static void count_pairs(struct layer *l, const struct weight_view *v)
{
    const int8_t *q = l->node->weight;
    int8_t *first = mem_alloc((size_t)v->channels);
    bool *open = NEW_ARRAY(bool, (size_t)v->channels);

    for (int64_t r = 0; r < weight_runs(v); r++) {
        int64_t c = weight_channel(v, r);

        for (int64_t i = 0; i < v->inner; i++, q++) {
            if (!open[c]) {
                first[c] = *q;
            } else {
                int sum = abs(first[c] + *q);

                /* of different signs: one of the inputs may be 0 */
                if ((first[c] < 0) != (*q < 0))
                    sum = abs(first[c]) > abs(*q) ? abs(first[c]) : abs(*q);
                l->pairs++;
                l->saturating += sum > PAIR_MAX;
                l->worst_pair = sum > l->worst_pair ? sum : l->worst_pair;
            }
            open[c] = !open[c];
        }
    }
    free(first);
    free(open);
}

static void weigh(struct layer *l, const struct model *m, const struct node *n)
{
    const struct value *w = n->in[node_weight(n)];
    struct weight_view v = node_weight_view(n);
    size_t count = l->node->nweights;
    float *x = mem_alloc(count * sizeof *x), *grid = mem_alloc(count * sizeof *grid),
          *peak = NEW_ARRAY(float, (size_t)v.channels);
    double signal = 0, noise = 0, least = INFINITY, most = 0;

    constant_f32(m, w, x);
    plan_weight_grid(l->node, &v, grid);
    for (size_t i = 0; i < count; i++) {
        signal += (double)x[i] * (double)x[i];
        noise += ((double)x[i] - (double)grid[i]) * ((double)x[i] - (double)grid[i]);
    }
    for (int64_t r = 0, at = 0; r < weight_runs(&v); r++)
        for (int64_t i = 0; i < v.inner; i++, at++) {
            float *p = &peak[weight_channel(&v, r)];

            *p = fabsf(x[at]) > *p ? fabsf(x[at]) : *p;
        }
    for (int64_t c = 0; c < v.channels; c++) {
        least = peak[c] > 0 && (double)peak[c] < least ? (double)peak[c] : least;
        most = (double)peak[c] > most ? (double)peak[c] : most;
    }
    l->weight_sqnr = decibel(signal, noise);
    l->spread = most > 0 ? most / least : 1;
    if (!l->tensor->is_signed)
        count_pairs(l, &v);
    free(x);
    free(grid);
    free(peak);
}

/* What the tensor held, in the units of its grid. */
static const struct tensor_stats *stats_of(struct report *r, const struct plan_tensor *t)
{
    const struct tensor_stats *s = observed_find(r->o, t->name);
    struct stats_copy *copy;

    if (s == NULL || t->factor == NULL || s->channels.spread == NULL ||
        s->channels.n != (int64_t)t->nfactors)
        return s;
    copy = arena_alloc(&r->arena, sizeof *copy);
    copy->stats = channels_rescaled(&s->channels, t->factor);
    copy->next = r->copies;
    r->copies = copy;
    return &copy->stats;
}

struct listing {
    struct report *r;
    struct trial *t;
};

static void list_layers(struct graph *g, void *ctx)
{
    struct listing *x = ctx;
    struct report *r = x->r;

    for (int i = 0; i < g->nnodes; i++) {
        const struct node *n = g->nodes[i];
        const struct plan_node *pn = node_weight(n) < 0 ? NULL : plan_node(r->p, n->name);
        const struct loss *loss;
        struct layer *l;

        if (pn == NULL)
            continue;
        l = &r->layers[pn - r->p->nodes];
        loss = &x->t->losses[n->in[0]->id];
        *l = (struct layer){ .node = pn,
                             .tensor = &r->p->tensors[pn->tensor],
                             .type = n->op->name,
                             .only = NAN,
                             .but = NAN,
                             .noise = NAN,
                             .share = NAN,
                             .own_sqnr = NAN,
                             .all_sqnr = NAN };
        l->stats = stats_of(r, l->tensor);
        if (loss->signal > 0) {
            l->own_sqnr = decibel(loss->signal, loss->own);
            l->all_sqnr = decibel(loss->signal, loss->all);
        }
        weigh(l, r->m, n);
    }
}

static double mean_noise(const struct trial *t, const double *noise)
{
    return pow(10, -trial_sqnr(t, noise) / 10);
}

/* Leave-one-out, both ways: variant 0 is all, 1 … n only one, n + 1 … 2 n all but one. */
static int leave_one_out(struct report *r, struct trial *t, struct err *e)
{
    int n = r->nlayers, count = 2 * n + 1, nout = r->noutputs;
    const bool **in = NEW_ARRAY(const bool *, (size_t)count);
    bool *masks = NEW_ARRAY(bool, (size_t)(2 * n * n) + 1);
    double *noise = NEW_ARRAY(double, (size_t)(count * nout) + 1), whole, sum = 0;
    int rc;

    for (int k = 0; k < n; k++) {
        bool *only = &masks[k * n], *but = &masks[(n + k) * n];

        only[k] = true;
        memset(but, 1, (size_t)n);
        but[k] = false;
        in[1 + k] = only;
        in[1 + n + k] = but;
    }
    rc = trial_run(t, in, count, noise, e);
    whole = mean_noise(t, noise);
    r->sqnr = trial_sqnr(t, noise);
    for (int i = 0; i < nout; i++)
        r->outputs[i] = decibel(1, noise[i]);
    for (int k = 0; k < n; k++) {
        struct layer *l = &r->layers[k];
        const double *only = &noise[(1 + k) * nout], *but = &noise[(1 + n + k) * nout];
        double gain = whole - mean_noise(t, but);

        l->only = trial_sqnr(t, only);
        l->but = trial_sqnr(t, but);
        l->noise = (mean_noise(t, only) + (gain > 0 ? gain : 0)) / 2;
        sum += l->noise;
    }
    for (int k = 0; k < n; k++)
        r->layers[k].share = sum > 0 ? r->layers[k].noise / sum : 0;
    free(in);
    free(masks);
    free(noise);
    return rc;
}

/* By noise at the output; where nothing was measured, by what the tensor loses on the observed values. */
static int worst_first(const void *a, const void *b)
{
    const struct layer *x = a, *y = b;
    double u = isnan(x->noise) ? -x->tensor->sqnr : x->noise,
           v = isnan(y->noise) ? -y->tensor->sqnr : y->noise;

    if (u != v)
        return u < v ? 1 : -1;
    return x->node < y->node ? -1 : x->node > y->node;
}

static void doubt_layers(struct report *r)
{
    const struct layer *bad = NULL;
    char text[1024];
    int n = 0;

    for (int i = 0; i < r->nlayers; i++)
        if (r->layers[i].all_sqnr < LOST && r->layers[i].own_sqnr > HELD) {
            bad = bad == NULL ? &r->layers[i] : bad;
            n++;
        }
    if (n > 0) {
        snprintf(
            text, sizeof text,
            "the error explodes on the way: %d layer%s read%s less than %d dB of a tensor that "
            "8 bits alone hold well (%s: %.1f dB of %.1f)",
            n, n > 1 ? "s" : "", n > 1 ? "" : "s", LOST, bad->node->name, bad->all_sqnr,
            bad->own_sqnr);
        report_warning(r, text);
    }
}

int report_init(struct report *r, struct trial *t, const struct observed *o, struct err *e)
{
    struct listing x;

    *r = (struct report){ .m = t->m,
                          .p = t->p,
                          .o = o,
                          .samples = t->feed.steps,
                          .nlayers = t->p->nnodes,
                          .noutputs = t->m->graph->nout,
                          .sqnr = NAN };
    x = (struct listing){ r, t };
    r->layers = NEW_ARRAY(struct layer, (size_t)r->nlayers);
    r->outputs = NEW_ARRAY(double, (size_t)r->noutputs);
    graph_each(t->m->graph, list_layers, &x);
    if (r->samples > 0 && leave_one_out(r, t, e) < 0)
        return -1;
    qsort(r->layers, (size_t)r->nlayers, sizeof *r->layers, worst_first);
    doubt_layers(r);
    return 0;
}

void report_release(struct report *r)
{
    for (struct stats_copy *c = r->copies; c != NULL; c = c->next)
        hist_release(&c->stats.hist);
    free(r->layers);
    free(r->outputs);
    free(r->warnings);
    free(r->exclude);
    arena_release(&r->arena);
    *r = (struct report){ 0 };
}

const struct layer *report_layer(const struct report *r, int node)
{
    for (int i = 0; i < r->nlayers; i++)
        if (r->layers[i].node == &r->p->nodes[node])
            return &r->layers[i];
    return NULL;
}
