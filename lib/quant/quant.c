/* quant.c: see quant.h. Formulas: DESIGN.md 6; Jacob et al., "Quantization and training of neural
 * networks for efficient integer-arithmetic-only inference", 2018.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/names.h"
#include "base/ordered.h"
#include "op/points.h"
#include "quant/correct.h"
#include "quant/doubt.h"
#include "quant/equalize.h"
#include "quant/quant.h"
#include "quant/weight.h"
#include "run/engine.h"

struct quantizer {
    struct plan *p;
    const struct model *m;
    const struct observed *o;
    const struct quant_options *q;
    struct points points;
    struct factors factors;
    int *tensor; /* by value id of a root: index into plan tensors, -1 if not observed */
    int *chosen; /* value ids of the observed values */
    struct pending *pending; /* of the plan's nodes, the largest first */
    int *reader;             /* by datum: the first plan node that has it as its weight, or -1 */
    int captensors, capnodes, cappending, capfloats;
    int raised; /* channels whose weight scale was raised */
    struct err *e;
};

/* A plan node's arrays while they are being filled; all of its channels, or one scale. */
struct pending {
    const struct node *n;
    int at; /* index into plan nodes */
    size_t size;
    float *scales, *float_bias;
    double *
        need; /* weight_scales's, shared by all nodes that read the weight: they get the same scales */
    int8_t *weight;
    int32_t *bias;
};

/* What is found for one observed value. */
struct choice {
    struct grid g;
    struct range_effect effect;
    float min, max; /* after rescaling */
};

static const struct tensor_stats *stats_of(const struct quantizer *z, const struct value *v)
{
    const struct tensor_stats *t = observed_find(z->o, v->name);

    return t == NULL || t->count == 0 ? NULL : t;
}

static int choose(void *ctx, long i, void *item, struct err *e)
{
    const struct quantizer *z = ctx;
    const struct tensor_stats *t = stats_of(z, z->m->values[z->chosen[i]]);
    struct choice *c = item;

    (void)e;
    if (t != NULL) {
        c->g = range_choose(t, &z->q->range);
        c->effect = range_effect(t, &c->g);
    }
    return 0;
}

static void set_grid(struct plan_tensor *pt, const struct grid *g, const struct range_effect *e)
{
    pt->scale = g->scale;
    pt->zero_point = g->zero_point;
    pt->low = g->low;
    pt->high = g->high;
    pt->clipped = e->clipped;
    pt->sqnr = e->noise > 0 ? 10 * log10(e->signal / e->noise) : INFINITY;
}

static void take_choice(void *ctx, long i, const void *item)
{
    struct quantizer *z = ctx;
    const struct value *v = z->m->values[z->chosen[i]];
    const struct tensor_stats *t = stats_of(z, v);
    const struct choice *c = item;
    struct plan_tensor pt = { .name = arena_strdup(&z->p->arena, v->name) };

    if (t == NULL)
        return;
    set_grid(&pt, &c->g, &c->effect);
    pt.is_signed = z->q->range.is_signed;
    pt.min = t->min;
    pt.max = t->max;
    pt.how = range_method_name(z->q->range.method);
    if (t->min == 0 && t->max == 0) {
        pt.how = "always 0";
        warn("tensor %s is always 0 on this calibration set: its scale is 1", v->name);
    }
    GROW(z->p->tensors, z->p->ntensors, z->captensors);
    z->tensor[v->id] = z->p->ntensors;
    z->p->tensors[z->p->ntensors++] = pt;
}

/* What holds some of another tensor's values keeps that tensor's grid, so that integer kernels pass them
 * on, unless its own is finer than half of it. In graph order. */
static void share_parts(struct graph *g, void *ctx)
{
    struct quantizer *z = ctx;

    for (int i = 0; i < g->nnodes; i++)
        for (int k = 0; k < g->nodes[i]->nout; k++) {
            const struct value *v = g->nodes[i]->out[k];
            int whole = v == NULL ? -1 : z->points.part[v->id];
            struct plan_tensor *own, *of;
            struct range_effect e;
            struct grid grid;

            if (whole < 0 || z->tensor[v->id] < 0 || z->tensor[whole] < 0)
                continue;
            own = &z->p->tensors[z->tensor[v->id]];
            of = &z->p->tensors[z->tensor[whole]];
            if (own->scale < of->scale / 2 || strcmp(own->how, "always 0") == 0)
                continue;
            grid = grid_of((double)of->low, (double)of->high, of->is_signed, false);
            grid.scale = of->scale;
            grid.zero_point = of->zero_point;
            grid.low = of->low;
            grid.high = of->high;
            e = range_effect(stats_of(z, v), &grid);
            set_grid(own, &grid, &e);
            own->how = arena_printf(&z->p->arena, "as %s", of->name);
        }
}

/* Every observed value gets its grid; several are worked on at once. */
static int choose_tensors(struct quantizer *z)
{
    struct ordered o = { .make = choose, .take = take_choice, .ctx = z };
    long n = 0;
    int rc;

    z->chosen = NEW_ARRAY(int, (size_t)z->m->nvalues);
    for (int i = 0; i < z->m->nvalues; i++) {
        z->tensor[i] = -1;
        if (z->points.observed[i])
            z->chosen[n++] = i;
    }
    rc = ordered_run(&o, n, sizeof(struct choice), job_cores(), z->e);
    free(z->chosen);
    if (rc == 0)
        graph_each(z->m->graph, share_parts, z);
    return rc;
}

static bool excluded(const struct quantizer *z, const struct node *n)
{
    const char *weight = n->in[node_weight(n)]->constant->name;

    for (int i = 0; i < z->q->nexclude; i++)
        if (strcmp(z->q->exclude[i], n->name) == 0 || strcmp(z->q->exclude[i], weight) == 0)
            return true;
    return false;
}

static void leave_float(struct quantizer *z, const struct node *n, const char *why)
{
    GROW(z->p->floats, z->p->nfloats, z->capfloats);
    z->p->floats[z->p->nfloats++] =
        (struct plan_float){ arena_strdup(&z->p->arena, n->name),
                             arena_strdup(&z->p->arena, n->in[node_weight(n)]->constant->name),
                             why };
}

/* Takes the mean shift that the rounded weight causes out of the bias; a node without one gets one
 * where its operator has a place for it. */
static bool correct_bias(const struct quantizer *z, const struct node *n, const float *weight,
                         const struct plan_node *pn, float *bias, bool has_bias, int64_t channels)
{
    const struct tensor_stats *input = observed_find(z->o, n->in[0]->name);
    const double *factor = z->factors.of[n->in[0]->id];
    double *shift = mem_alloc((size_t)channels * sizeof *shift);
    int at = node_bias(n);
    bool corrected = at >= 0 && (has_bias || at >= n->nin || n->in[at] == NULL) &&
                     correct_shift(n, input, factor, &z->p->tensors[pn->tensor], weight, pn, shift);

    for (int64_t c = 0; c < channels && corrected; c++)
        bias[c] -= (float)shift[c];
    free(shift);
    return corrected;
}

/* Scales, int8 weight and biases of pending node i; several are worked on at once. The item counts the
 * channels whose scale was raised. */
static int quantize_node(void *ctx, long i, void *item, struct err *e)
{
    const struct quantizer *z = ctx;
    const struct pending *d = &z->pending[i];
    struct plan_node *pn = &z->p->nodes[d->at];
    struct weight_view v = node_weight_view(d->n);
    float input_scale = z->p->tensors[pn->tensor].scale;
    float *plain = mem_alloc(pn->nweights * sizeof *plain), *bias = d->float_bias;
    bool has_bias = bias_read(z->m, d->n, v.channels, bias);

    (void)e;
    constant_f32(z->m, d->n->in[node_weight(d->n)], plain);
    equalize_weight(&z->factors, d->n, plain);
    if (has_bias)
        equalize_bias(&z->factors, d->n, v.channels, bias);
    if (has_bias && z->factors.of[d->n->out[0]->id] != NULL)
        pn->float_bias = bias;
    weight_peaks(plain, &v, pn->nscales == 1, d->scales);
    *(int *)item = weight_scales(d->scales, pn->nscales, d->need, v.channels);
    weight_round(d->weight, plain, &v, d->scales, pn->nscales);
    if (z->q->per_tensor) /* with a scale a channel it was worth nothing */
        weight_balance(d->weight, plain, d->n, d->scales, pn->nscales);
    if (!z->q->no_correction && correct_bias(z, d->n, plain, pn, bias, has_bias, v.channels)) {
        pn->float_bias = bias;
        has_bias = true;
    }
    if (has_bias) {
        bias_round(d->bias, bias, v.channels, d->scales, pn->nscales, input_scale);
        pn->bias = d->bias;
        pn->nbias = (size_t)v.channels;
    }
    free(plain);
    return 0;
}

static void take_node(void *ctx, long i, const void *item)
{
    (void)i;
    ((struct quantizer *)ctx)->raised += *(const int *)item;
}

/* What the scales of pending node i's weight need for the bias of each node that reads it. */
static void add_need(struct quantizer *z, int i)
{
    struct pending *d = &z->pending[i];
    const struct constant *w = d->n->in[node_weight(d->n)]->constant;
    int64_t channels = node_weight_view(d->n).channels;
    double scale = (double)z->p->tensors[z->p->nodes[d->at].tensor].scale;
    int *first = w->factor == NULL ? &z->reader[w->datum] : NULL;
    const struct pending *other = first == NULL || *first < 0 ? NULL : &z->pending[*first];

    if (other != NULL && node_weight_view(other->n).channels == channels) {
        d->need = other->need;
    } else {
        d->need = arena_alloc(&z->p->arena, (size_t)channels * sizeof *d->need);
        if (first != NULL)
            *first = i;
    }
    if (!bias_read(z->m, d->n, channels, d->float_bias))
        return;
    equalize_bias(&z->factors, d->n, channels, d->float_bias);
    for (int64_t c = 0; c < channels; c++)
        d->need[c] = fmax(d->need[c], fabs((double)d->float_bias[c]) / scale);
}

/* A plan node with room for what quantize_node will find. */
static void add_node(struct quantizer *z, const struct node *n, int tensor)
{
    struct arena *a = &z->p->arena;
    const struct value *w = n->in[node_weight(n)];
    size_t channels = (size_t)node_weight_view(n).channels, count = (size_t)shape_count(&w->shape);
    int nscales = z->q->per_tensor ? 1 : (int)channels;
    struct pending d = { .n = n,
                         .at = z->p->nnodes,
                         .size = count,
                         .scales = arena_alloc(a, (size_t)nscales * sizeof *d.scales),
                         .float_bias = arena_alloc(a, channels * sizeof *d.float_bias),
                         .weight = arena_alloc(a, count),
                         .bias = arena_alloc(a, channels * sizeof *d.bias) };

    GROW(z->pending, z->p->nnodes, z->cappending);
    z->pending[z->p->nnodes] = d;
    GROW(z->p->nodes, z->p->nnodes, z->capnodes);
    z->p->nodes[z->p->nnodes++] =
        (struct plan_node){ .name = arena_strdup(a, n->name),
                            .weight_name = arena_strdup(a, w->constant->name),
                            .input = arena_strdup(a, n->in[0]->name),
                            .tensor = tensor,
                            .nscales = nscales,
                            .scales = d.scales,
                            .weight = d.weight,
                            .nweights = count };
}

static void plan_graph(struct graph *g, void *ctx)
{
    struct quantizer *z = ctx;

    for (int i = 0; i < g->nnodes; i++) {
        const struct node *n = g->nodes[i];
        int root;

        if (node_weight(n) < 0 || n->in[0] == NULL)
            continue;
        root = z->points.root[n->in[0]->id];
        if (excluded(z, n)) {
            leave_float(z, n, "excluded");
        } else if (root < 0 && n->in[0]->producer == NULL) {
            leave_float(z, n, "its input is handed to a loop body or branch");
            warn("node %s stays float: its input %s is handed to it by a loop or branch", n->name,
                 n->in[0]->name);
        } else if (root < 0 || z->tensor[root] < 0) {
            leave_float(z, n, "its input was never observed");
            warn("node %s stays float: its input %s was never observed", n->name, n->in[0]->name);
        } else {
            add_node(z, n, z->tensor[root]);
        }
    }
}

static int by_size(const void *a, const void *b)
{
    const struct pending *x = a, *y = b;

    return x->size != y->size ? (x->size < y->size ? 1 : -1) : x->at - y->at;
}

/* The range of a value that equalization rescales, from the histograms of its channels. */
static int rescale(void *ctx, long i, void *item, struct err *e)
{
    const struct quantizer *z = ctx;
    const struct value *v = z->m->values[z->chosen[i]];
    struct tensor_stats t = channels_rescaled(&stats_of(z, v)->channels, z->factors.of[v->id]);
    float ceiling = z->factors.ceiling[v->id];
    struct choice *c = item;

    (void)e;
    t.max = t.max > ceiling ? ceiling : t.max;
    c->g = range_choose(&t, &z->q->range);
    if (c->g.high > ceiling) /* by rounding; beyond it ONNX Runtime keeps the Clip */
        c->g = grid_of((double)c->g.low, (double)ceiling * (1 - 0x1p-15), z->q->range.is_signed,
                       z->q->range.symmetric);
    c->effect = range_effect(&t, &c->g);
    c->min = t.min;
    c->max = t.max;
    hist_release(&t.hist);
    return 0;
}

static void take_rescaled(void *ctx, long i, const void *item)
{
    struct quantizer *z = ctx;
    struct plan_tensor *pt = &z->p->tensors[z->tensor[z->chosen[i]]];
    const struct choice *c = item;

    set_grid(pt, &c->g, &c->effect);
    pt->min = c->min;
    pt->max = c->max;
    pt->how = arena_printf(&z->p->arena, "%s, equalized", pt->how);
    pt->factor = z->factors.of[z->chosen[i]];
    pt->nfactors = (size_t)stats_of(z, z->m->values[z->chosen[i]])->channels.n;
}

static int equalize_layers(struct quantizer *z)
{
    struct ordered o = { .make = rescale, .take = take_rescaled, .ctx = z };
    long n = 0;
    int rc;

    equalize_find(&z->factors, z->m, &z->points, z->o, z->p, z->q->per_tensor, &z->p->arena);
    z->chosen = NEW_ARRAY(int, (size_t)z->m->nvalues);
    for (int i = 0; i < z->m->nvalues; i++)
        if (z->factors.of[i] != NULL && z->points.root[i] == i)
            z->chosen[n++] = i;
    rc = ordered_run(&o, n, sizeof(struct choice), job_cores(), z->e);
    free(z->chosen);
    return rc;
}

struct known_names {
    const char *wanted;
    bool found, quantizable;
    struct suggest suggest;
};

static void offer_names(struct graph *g, void *ctx)
{
    struct known_names *k = ctx;

    for (int i = 0; i < g->nnodes; i++) {
        const struct node *n = g->nodes[i];
        int w = node_weight(n);

        k->found |= strcmp(k->wanted, n->name) == 0;
        if (w < 0)
            continue;
        if (strcmp(k->wanted, n->name) == 0 || strcmp(k->wanted, n->in[w]->constant->name) == 0)
            k->found = k->quantizable = true;
        suggest_offer(&k->suggest, n->name);
        suggest_offer(&k->suggest, n->in[w]->constant->name);
    }
}

static int check_excludes(const struct quantizer *z)
{
    for (int i = 0; i < z->q->nexclude; i++) {
        struct known_names k = { .wanted = z->q->exclude[i],
                                 .suggest = { .wanted = z->q->exclude[i] } };

        graph_each(z->m->graph, offer_names, &k);
        if (!k.found)
            return err_set(z->e,
                           "exclude_op '%s' names no weight and no node of the model%s (dopt-show "
                           "--names lists all)",
                           k.wanted, suggest_text(&k.suggest));
        if (!k.quantizable)
            warn("exclude_op '%s' is a node that is float anyway", k.wanted);
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct plan_tensor *)a)->name, ((const struct plan_tensor *)b)->name);
}

/* Tensors by name, so that they are found by bisection; nodes refer to them anew. */
static void sort_tensors(struct plan *p)
{
    const char **name = NEW_ARRAY(const char *, (size_t)p->ntensors);

    for (int i = 0; i < p->ntensors; i++)
        name[i] = p->tensors[i].name;
    qsort(p->tensors, (size_t)p->ntensors, sizeof *p->tensors, by_name);
    for (int i = 0; i < p->nnodes; i++)
        p->nodes[i].tensor = (int)(plan_tensor(p, name[p->nodes[i].tensor]) - p->tensors);
    free(name);
}

/* Everything that leads to this plan beside model and observations, in one canonical line. */
static void describe(struct quantizer *z)
{
    struct buf b = { 0 };
    struct digest digest;

    buf_printf(&b, "method=%s", range_method_name(z->q->range.method));
    if (z->q->range.method == RANGE_PERCENTILE)
        buf_printf(&b, " percentile=%.17g", z->q->range.percentile);
    buf_printf(&b, " activations=%s%s weights=per-%s", z->q->range.is_signed ? "int8" : "uint8",
               z->q->range.symmetric ? "-symmetric" : "", z->q->per_tensor ? "tensor" : "channel");
    if (z->q->no_correction)
        buf_str(&b, " no-correction");
    if (z->q->no_equalization)
        buf_str(&b, " no-equalization");
    for (int i = 0; i < z->q->nexclude; i++)
        buf_printf(&b, " exclude=%s", z->q->exclude[i]);
    z->p->options = arena_strdup(&z->p->arena, (const char *)b.data);
    digest_begin(&digest);
    digest_add(&digest, b.data, b.size);
    digest_finish(&digest, z->p->config);
    buf_release(&b);
}

int quantize(struct plan *p, const struct model *m, const struct observed *o,
             const struct quant_options *q, struct err *e)
{
    struct quantizer z = { .p = p, .m = m, .o = o, .q = q, .e = e };
    struct ordered nodes = { .make = quantize_node, .take = take_node, .ctx = &z };
    int rc = -1;

    *p = (struct plan){ 0 };
    if (strcmp(m->digest, o->model) != 0)
        return err_set(e, "the observations are of model %s, this is model %s", o->model,
                       m->digest);
    if (observed_steps_done(o) == 0)
        return err_set(e, "the observations are of no samples");
    if (observed_steps_done(o) < o->steps)
        warn("the observations cover %llu of %llu steps: are shards missing?",
             (unsigned long long)observed_steps_done(o), (unsigned long long)o->steps);
    snprintf(p->model, sizeof p->model, "%s", m->digest);
    points_find(&z.points, m, false);
    z.tensor = NEW_ARRAY(int, (size_t)m->nvalues);
    z.factors = factors_none(m);
    z.reader = NEW_ARRAY(int, (size_t)m->ndata);
    for (int i = 0; i < m->ndata; i++)
        z.reader[i] = -1;
    if (check_excludes(&z) < 0)
        goto out;
    if (choose_tensors(&z) < 0)
        goto out;
    graph_each(m->graph, plan_graph, &z);
    if (!q->no_equalization && equalize_layers(&z) < 0)
        goto out;
    for (int i = 0; i < p->nnodes; i++)
        add_need(&z, i);
    if (p->nnodes > 0) /* threads that finish together */
        qsort(z.pending, (size_t)p->nnodes, sizeof *z.pending, by_size);
    if (ordered_run(&nodes, p->nnodes, sizeof(int), job_cores(), e) < 0)
        goto out;
    doubt_warn(o);
    doubt_plan(p);
    if (z.raised > 0)
        warn("%d channels have a bias that is huge beside their weights: their weight scale was "
             "raised so that it fits int32",
             z.raised);
    if (p->nnodes == 0 && p->nfloats == 0)
        warn("the model has no operator that can be quantized");
    sort_tensors(p);
    describe(&z);
    rc = 0;
out:
    points_release(&z.points);
    factors_release(&z.factors);
    free(z.tensor);
    free(z.reader);
    free(z.pending);
    return rc;
}
