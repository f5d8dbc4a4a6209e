/* observed.c: see observed.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "observe/observed.h"
#include "observe/spread.h"
#include "observed.pb-c.h"

fixed fixed_of(double v)
{
    v = v > 0x1p60 ? 0x1p60 : v < -0x1p60 ? -0x1p60 : v;
    v *= 0x1p48; /* exact */
    return fabs(v) < 0x1p62 ? (fixed)llrint(v) : (fixed)v;
}

double fixed_value(fixed v)
{
    return (double)v * 0x1p-48;
}

void stats_release(struct tensor_stats *s)
{
    hist_release(&s->hist);
    free(s->channels.sum);
    free(s->channels.min);
    free(s->channels.max);
    free(s->channels.spread);
    s->channels = (struct channels){ 0 };
}

void observed_begin(struct observed *o, const char *model, const char *set, uint64_t steps,
                    bool all)
{
    *o = (struct observed){ .steps = steps, .all = all };
    snprintf(o->model, sizeof o->model, "%s", model);
    snprintf(o->set, sizeof o->set, "%s", set);
}

void observed_release(struct observed *o)
{
    for (int i = 0; i < o->n; i++)
        stats_release(&o->tensors[i]);
    free(o->tensors);
    free(o->ranges);
    arena_release(&o->arena);
    *o = (struct observed){ 0 };
}

static void spread_merge(struct channels *into, const struct channels *from)
{
    size_t n = (size_t)from->n * SPREAD_BINS;

    if (from->spread == NULL)
        return;
    if (into->spread == NULL)
        into->spread = NEW_ARRAY(uint32_t, n);
    for (size_t i = 0; i < n; i++)
        into->spread[i] += from->spread[i];
}

static void channels_merge(struct channels *into, const struct channels *from)
{
    if (from->n == 0)
        return;
    if (into->n == 0) {
        size_t n = (size_t)from->n;

        *into = *from;
        into->sum = memcpy(mem_alloc(n * sizeof(fixed)), from->sum, n * sizeof(fixed));
        into->min = memcpy(mem_alloc(n * sizeof(float)), from->min, n * sizeof(float));
        into->max = memcpy(mem_alloc(n * sizeof(float)), from->max, n * sizeof(float));
        into->spread = NULL;
        spread_merge(into, from);
        return;
    }
    into->count += from->count;
    spread_merge(into, from);
    for (int64_t c = 0; c < into->n; c++) {
        into->sum[c] += from->sum[c];
        into->min[c] = from->min[c] < into->min[c] ? from->min[c] : into->min[c];
        into->max[c] = from->max[c] > into->max[c] ? from->max[c] : into->max[c];
    }
}

void stats_merge(struct tensor_stats *into, const struct tensor_stats *from)
{
    if (from->samples > 0 && from->count > 0) {
        bool first = into->count == 0;

        if (first || from->min < into->min ||
            (from->min == into->min && from->min_step < into->min_step)) {
            into->min = from->min;
            into->min_step = from->min_step;
        }
        if (first || from->max > into->max ||
            (from->max == into->max && from->max_step < into->max_step)) {
            into->max = from->max;
            into->max_step = from->max_step;
        }
    }
    into->samples += from->samples;
    into->count += from->count;
    into->zeros += from->zeros;
    into->sum_min += from->sum_min;
    into->sum_max += from->sum_max;
    hist_merge(&into->hist, &from->hist);
    channels_merge(&into->channels, &from->channels);
}

struct tensor_stats channels_rescaled(const struct channels *c, const double *factor)
{
    struct tensor_stats t = { .samples = 1, .min = INFINITY, .max = -INFINITY };

    for (int64_t k = 0; k < c->n; k++) {
        t.min = fminf(t.min, (float)((double)c->min[k] / factor[k]));
        t.max = fmaxf(t.max, (float)((double)c->max[k] / factor[k]));
    }
    spread_hist(&t.hist, c->spread, c->n, c->min, c->max, factor);
    for (size_t i = 0; i < t.hist.n; i++)
        t.count += t.hist.bins[i].count;
    t.sum_min = fixed_of((double)t.min);
    t.sum_max = fixed_of((double)t.max);
    return t;
}

const struct tensor_stats *observed_find(const struct observed *o, const char *name)
{
    int lo = 0, hi = o->n;

    while (lo < hi) {
        int mid = (lo + hi) / 2, order = strcmp(o->tensors[mid].name, name);

        if (order == 0)
            return &o->tensors[mid];
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

uint64_t observed_steps_done(const struct observed *o)
{
    uint64_t done = 0;

    for (int i = 0; i < o->nranges; i++)
        done += o->ranges[i].end - o->ranges[i].first;
    return done;
}

static int by_first(const void *a, const void *b)
{
    const struct step_range *x = a, *y = b;

    return x->first < y->first ? -1 : x->first > y->first;
}

static int ranges_merge(struct observed *into, const struct observed *from, struct err *e)
{
    int n = into->nranges + from->nranges, kept = 0;
    struct step_range *r = NEW_ARRAY(struct step_range, (size_t)n);

    for (int i = 0; i < n; i++)
        r[i] = i < into->nranges ? into->ranges[i] : from->ranges[i - into->nranges];
    qsort(r, (size_t)n, sizeof *r, by_first);
    for (int i = 0; i < n; i++) {
        if (kept > 0 && r[i].first < r[kept - 1].end) {
            err_set(e, "steps %llu to %llu were observed twice: a shard is given twice",
                    (unsigned long long)r[i].first,
                    (unsigned long long)(r[kept - 1].end < r[i].end ? r[kept - 1].end : r[i].end) -
                        1);
            free(r);
            return -1;
        }
        if (kept > 0 && r[i].first == r[kept - 1].end)
            r[kept - 1].end = r[i].end;
        else
            r[kept++] = r[i];
    }
    free(into->ranges);
    into->ranges = r;
    into->nranges = kept;
    return 0;
}

static int compatible(const struct observed *a, const struct observed *b, struct err *e)
{
    if (strcmp(a->model, b->model) != 0)
        return err_set(e, "observed on model %s, the ones before on model %s", b->model, a->model);
    if (a->steps != b->steps)
        return err_set(e, "of a calibration set of %llu steps, the ones before of %llu",
                       (unsigned long long)b->steps, (unsigned long long)a->steps);
    if (strcmp(a->set, b->set) != 0)
        return err_set(e, "of another calibration set than the ones before");
    if (a->all != b->all)
        return err_set(e, "observed %s --all, the ones before %s", b->all ? "with" : "without",
                       a->all ? "with" : "without");
    for (int i = 0; i < b->n; i++) {
        const struct tensor_stats *t = observed_find(a, b->tensors[i].name);

        if (t != NULL && t->channels.n > 0 && b->tensors[i].channels.n > 0 &&
            (t->channels.n != b->tensors[i].channels.n ||
             t->channels.axis != b->tensors[i].channels.axis))
            return err_set(e, "tensor %s has %lld channels, before %lld", t->name,
                           (long long)b->tensors[i].channels.n, (long long)t->channels.n);
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor_stats *)a)->name, ((const struct tensor_stats *)b)->name);
}

int observed_merge(struct observed *into, const struct observed *from, struct err *e)
{
    int known = into->n;

    if (into->model[0] == '\0') /* the first one */
        observed_begin(into, from->model, from->set, from->steps, from->all);
    if (into->isa[0] == '\0')
        memcpy(into->isa, from->isa, sizeof into->isa);
    if (compatible(into, from, e) < 0 || ranges_merge(into, from, e) < 0)
        return -1;
    if (strcmp(into->isa, from->isa) != 0) {
        warn("shards of CPUs with %s and with %s: the last bits of their numbers differ", into->isa,
             from->isa);
        snprintf(into->isa, sizeof into->isa, "mixed");
    }
    into->tensors = mem_resize(into->tensors, (size_t)(into->n + from->n), sizeof *into->tensors);
    for (int i = 0; i < from->n; i++) {
        struct observed view = { .n = known, .tensors = into->tensors };
        struct tensor_stats *t = (struct tensor_stats *)observed_find(&view, from->tensors[i].name);

        if (t == NULL) {
            t = &into->tensors[into->n++];
            *t = (struct tensor_stats){ .name = arena_strdup(&into->arena, from->tensors[i].name) };
        }
        stats_merge(t, &from->tensors[i]);
    }
    qsort(into->tensors, (size_t)into->n, sizeof *into->tensors, by_name);
    return 0;
}

static ProtobufCBinaryData bytes(const void *p, size_t size)
{
    return (ProtobufCBinaryData){ size, (uint8_t *)p };
}

static void pack_tensor(const struct tensor_stats *t, Dopt__Observed__Tensor *out,
                        Dopt__Observed__Channels *ch, struct buf *hist, struct buf *spread)
{
    dopt__observed__tensor__init(out);
    out->name = (char *)t->name;
    out->samples = t->samples;
    out->count = t->count;
    out->zeros = t->zeros;
    out->min = t->min;
    out->max = t->max;
    out->min_step = t->min_step;
    out->max_step = t->max_step;
    out->sum_min = bytes(&t->sum_min, sizeof t->sum_min);
    out->sum_max = bytes(&t->sum_max, sizeof t->sum_max);
    hist_pack(&t->hist, hist);
    out->histogram = bytes(hist->data, hist->size);
    if (t->channels.n == 0)
        return;
    dopt__observed__channels__init(ch);
    ch->axis = t->channels.axis;
    ch->count = t->channels.count;
    ch->sum = bytes(t->channels.sum, (size_t)t->channels.n * sizeof(fixed));
    ch->min = bytes(t->channels.min, (size_t)t->channels.n * sizeof(float));
    ch->max = bytes(t->channels.max, (size_t)t->channels.n * sizeof(float));
    if (t->channels.spread != NULL)
        spread_pack(t->channels.spread, t->channels.n, spread);
    ch->spread = bytes(spread->data, spread->size);
    out->channels = ch;
}

void observed_pack(const struct observed *o, struct buf *out)
{
    size_t n = (size_t)o->n, nr = (size_t)o->nranges;
    Dopt__Observed__Observed msg = DOPT__OBSERVED__OBSERVED__INIT;
    Dopt__Observed__Tensor *t = NEW_ARRAY(Dopt__Observed__Tensor, n),
                           **pt = NEW_ARRAY(Dopt__Observed__Tensor *, n);
    Dopt__Observed__Channels *ch = NEW_ARRAY(Dopt__Observed__Channels, n);
    Dopt__Observed__Range *r = NEW_ARRAY(Dopt__Observed__Range, nr),
                          **pr = NEW_ARRAY(Dopt__Observed__Range *, nr);
    struct buf *hist = NEW_ARRAY(struct buf, n), *spread = NEW_ARRAY(struct buf, n);

    for (size_t i = 0; i < n; i++) {
        pack_tensor(&o->tensors[i], &t[i], &ch[i], &hist[i], &spread[i]);
        pt[i] = &t[i];
    }
    for (size_t i = 0; i < nr; i++) {
        dopt__observed__range__init(&r[i]);
        r[i].first = o->ranges[i].first;
        r[i].end = o->ranges[i].end;
        pr[i] = &r[i];
    }
    msg.model = (char *)o->model;
    msg.isa = (char *)o->isa;
    msg.set = (char *)o->set;
    msg.steps = o->steps;
    msg.all = o->all;
    msg.n_range = nr;
    msg.range = pr;
    msg.n_tensor = n;
    msg.tensor = pt;
    wire_pack(&msg.base, out);
    for (size_t i = 0; i < n; i++) {
        buf_release(&hist[i]);
        buf_release(&spread[i]);
    }
    free(hist);
    free(spread);
    free(t);
    free(pt);
    free(ch);
    free(r);
    free(pr);
}

static int unpack_channels(struct channels *c, const Dopt__Observed__Channels *m, struct err *e)
{
    size_t n = m->min.len / sizeof(float);

    if (m->min.len != n * sizeof(float) || m->max.len != n * sizeof(float) ||
        m->sum.len != n * sizeof(fixed))
        return err_set(e, "channel statistics are damaged");
    *c = (struct channels){ m->axis,
                            (int64_t)n,
                            m->count,
                            mem_alloc(m->sum.len),
                            mem_alloc(m->min.len),
                            mem_alloc(m->max.len),
                            NULL };
    if (n > 0) {
        memcpy(c->sum, m->sum.data, m->sum.len);
        memcpy(c->min, m->min.data, m->min.len);
        memcpy(c->max, m->max.data, m->max.len);
    }
    if (m->spread.len > 0)
        c->spread = spread_unpack(c->n, m->spread.data, m->spread.len, e);
    return m->spread.len > 0 && c->spread == NULL ? -1 : 0;
}

static int unpack_tensor(struct observed *o, const Dopt__Observed__Tensor *m, struct err *e)
{
    struct tensor_stats *t = &o->tensors[o->n];

    *t = (struct tensor_stats){ .name = arena_strdup(&o->arena, m->name),
                                .samples = m->samples,
                                .count = m->count,
                                .zeros = m->zeros,
                                .min = m->min,
                                .max = m->max,
                                .min_step = m->min_step,
                                .max_step = m->max_step };
    if (o->n > 0 && strcmp(o->tensors[o->n - 1].name, t->name) >= 0)
        return err_set(e, "tensors are not in order");
    o->n++;
    if (m->sum_min.len != sizeof(fixed) || m->sum_max.len != sizeof(fixed))
        return err_set(e, "tensor %s: sums are damaged", t->name);
    memcpy(&t->sum_min, m->sum_min.data, sizeof(fixed));
    memcpy(&t->sum_max, m->sum_max.data, sizeof(fixed));
    if (m->count > 0 && m->histogram.len == 0)
        return err_set(e, "tensor %s has no histogram: an older dopt observed it: observe anew",
                       t->name);
    if (hist_unpack(&t->hist, m->histogram.data, m->histogram.len, e) < 0)
        return err_at(e, "tensor %s", t->name);
    if (m->channels != NULL && unpack_channels(&t->channels, m->channels, e) < 0)
        return err_at(e, "tensor %s", t->name);
    return 0;
}

int observed_unpack(struct observed *o, const void *p, size_t size, struct err *e)
{
    Dopt__Observed__Observed *m = wire_unpack(&dopt__observed__observed__descriptor, p, size, e);
    int rc = -1;

    *o = (struct observed){ 0 };
    if (m == NULL)
        return -1;
    if (strlen(m->model) >= sizeof o->model || strlen(m->isa) >= sizeof o->isa ||
        strlen(m->set) >= sizeof o->set) {
        err_set(e, "OBSERVED section is damaged");
        goto out;
    }
    observed_begin(o, m->model, m->set, m->steps, m->all);
    strcpy(o->isa, m->isa);
    o->ranges = NEW_ARRAY(struct step_range, m->n_range);
    for (size_t i = 0; i < m->n_range; i++) {
        o->ranges[o->nranges++] = (struct step_range){ m->range[i]->first, m->range[i]->end };
        if (m->range[i]->first >= m->range[i]->end || m->range[i]->end > m->steps) {
            err_set(e, "OBSERVED section is damaged");
            goto out;
        }
    }
    o->tensors = NEW_ARRAY(struct tensor_stats, m->n_tensor);
    for (size_t i = 0; i < m->n_tensor; i++)
        if (unpack_tensor(o, m->tensor[i], e) < 0)
            goto out;
    rc = 0;
out:
    dopt__observed__observed__free_unpacked(m, NULL);
    if (rc < 0)
        observed_release(o);
    return rc;
}

void observed_show(const struct observed *o, struct buf *out)
{
    buf_printf(out, "observed model %s, %llu of %llu steps, %s%s\n", o->model,
               (unsigned long long)observed_steps_done(o), (unsigned long long)o->steps, o->isa,
               o->all ? ", all tensors" : "");
    buf_printf(out, "calibration set %s\n", o->set);
    for (int i = 0; i < o->nranges; i++)
        buf_printf(out, "steps %llu %llu\n", (unsigned long long)o->ranges[i].first,
                   (unsigned long long)o->ranges[i].end);
    for (int i = 0; i < o->n; i++) {
        const struct tensor_stats *t = &o->tensors[i];

        buf_printf(out,
                   "tensor %s: %llu steps, %llu values, %llu zeros, min %.9g at %llu, max %.9g at "
                   "%llu, %zu bins",
                   t->name, (unsigned long long)t->samples, (unsigned long long)t->count,
                   (unsigned long long)t->zeros, (double)t->min, (unsigned long long)t->min_step,
                   (double)t->max, (unsigned long long)t->max_step, t->hist.n);
        if (t->channels.n > 0)
            buf_printf(out, ", %lld channels on axis %d", (long long)t->channels.n,
                       t->channels.axis);
        buf_printf(out, "\n");
    }
}
