/* profile.c: see profile.h. The trace: "Trace Event Format", complete events ("X"), in microseconds.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "run/profile.h"

enum { EVENTS_MAX = 1 << 20 }; /* of a lane; a longer run keeps its first */

struct event {
    const struct step *step;
    double start, length; /* seconds */
};

/* By step index. */
struct cost {
    const struct step *step;
    long calls;
    double first, seconds, flops; /* seconds: without the first call, which prepares weights */
};

struct lane {
    struct cost *costs;
    struct event *events;
    int nevents, capevents;
    double origin, inside; /* inside: seconds of the steps inside the one that runs */
};

struct profile {
    const struct engine *g;
    int workers;
    struct lane *lanes;
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct profile *profile_new(const struct engine *g, int workers)
{
    struct profile *p = NEW(struct profile);
    double start = now();

    *p = (struct profile){ g, workers, NEW_ARRAY(struct lane, (size_t)workers) };
    for (int i = 0; i < workers; i++)
        p->lanes[i] =
            (struct lane){ .costs = NEW_ARRAY(struct cost, (size_t)g->nsteps), .origin = start };
    return p;
}

void profile_free(struct profile *p)
{
    for (int i = 0; i < p->workers; i++) {
        free(p->lanes[i].costs);
        free(p->lanes[i].events);
    }
    free(p->lanes);
    free(p);
}

struct lane *profile_lane(struct profile *p, int worker)
{
    return &p->lanes[worker];
}

struct timing lane_begin(struct lane *l)
{
    struct timing t = { 0, l->inside };

    l->inside = 0;
    t.begun = now();
    return t;
}

double call_flops(const struct call *c)
{
    const struct tensor *y = c->nout > 0 ? c->out[0] : NULL;
    const struct shape *w = c->nin > 1 && c->in[1] != NULL ? &c->in[1]->shape : NULL;

    if (y == NULL || w == NULL)
        return 0;
    switch (c->node->op->weight) {
    case WEIGHT_CONV: /* every output: C/g * k products */
        return 2.0 * (double)shape_count(&y->shape) * (double)shape_count(w) / (double)w->dim[0];
    case WEIGHT_CONVT: /* every input: M/g * k */
        return 2.0 * (double)shape_count(&c->in[0]->shape) * (double)shape_count(w) /
               (double)w->dim[0];
    case WEIGHT_GEMM:
    case WEIGHT_MATMUL: {
        const struct shape *x = &c->in[0]->shape;
        bool ta = attr_int(c->node, "transA", 0) != 0;

        return x->rank == 0 ? 0
                            : 2.0 * (double)shape_count(&y->shape) *
                                  (double)x->dim[ta && x->rank > 1 ? x->rank - 2 : x->rank - 1];
    }
    default:
        return 0;
    }
}

void lane_end(struct lane *l, const struct step *s, struct timing t, const struct call *c)
{
    double length = now() - t.begun;
    struct cost *cost = &l->costs[s->index];

    cost->step = s;
    if (cost->calls++ == 0)
        cost->first = length - l->inside;
    else
        cost->seconds += length - l->inside;
    cost->flops += call_flops(c);
    l->inside = t.outer + length;
    if (l->nevents < EVENTS_MAX) {
        GROW(l->events, l->nevents, l->capevents);
        l->events[l->nevents++] = (struct event){ s, t.begun - l->origin, length };
    }
}

static int slowest_first(const void *a, const void *b)
{
    const struct cost *x = a, *y = b;

    return x->seconds > y->seconds ? -1 : x->seconds < y->seconds;
}

static void put_cost(struct buf *out, const char *type, const char *name, const struct cost *c,
                     double total, long samples, double peak)
{
    buf_printf(out, "%-18s %8ld %10.4f %6.1f %%", type, c->calls,
               c->seconds * 1e3 / (double)samples, total > 0 ? 100 * c->seconds / total : 0);
    if (c->flops > 0 && c->seconds > 0)
        buf_printf(out, " %9.2f %6.1f %%", c->flops / c->seconds * 1e-9,
                   100 * c->flops / c->seconds / peak);
    else
        buf_printf(out, " %9s %8s", "-", "-");
    buf_printf(out, "  %s\n", name);
}

/* As if a worker's first call had taken what its others take. */
static double usual_seconds(const struct cost *c)
{
    return c->calls < 2 ? c->first : c->seconds / (double)(c->calls - 1) * (double)c->calls;
}

static void add_cost(struct cost *to, const struct cost *c)
{
    to->calls += c->calls;
    to->seconds += c->seconds;
    to->flops += c->flops;
}

void profile_text(const struct profile *p, long samples, double peak, struct buf *out)
{
    static const char head[] = "%-18s %8s %10s %8s %9s %8s  %s\n";
    size_t n = (size_t)p->g->nsteps;
    struct cost *nodes = NEW_ARRAY(struct cost, n), *types = NEW_ARRAY(struct cost, OP_COUNT),
                all = { 0 };

    for (int k = 0; k < p->g->nschedules; k++)
        for (int i = 0; i < p->g->schedules[k].nsteps; i++) {
            const struct step *s = &p->g->schedules[k].steps[i];

            nodes[s->index].step = s;
            if (s->twin != NULL)
                nodes[s->twin->index].step = s->twin;
        }
    for (int w = 0; w < p->workers; w++)
        for (size_t i = 0; i < n; i++) {
            struct cost c = p->lanes[w].costs[i];

            c.seconds = usual_seconds(&c);
            add_cost(&nodes[i], &c);
        }
    for (size_t i = 0; i < n; i++) {
        struct cost *type = &types[nodes[i].step->node->op->id];

        type->step = nodes[i].step;
        add_cost(type, &nodes[i]);
        add_cost(&all, &nodes[i]);
    }
    qsort(nodes, n, sizeof *nodes, slowest_first);
    qsort(types, OP_COUNT, sizeof *types, slowest_first);
    buf_printf(out, "%ld samples, %d threads, peak of a core %.1f GFLOP/s (float32, measured)\n",
               samples, p->workers, peak * 1e-9);
    buf_printf(out, head, "type", "calls", "ms/sample", "time", "GFLOP/s", "of peak", "");
    put_cost(out, "all", "", &all, all.seconds, samples, peak);
    for (int i = 0; i < OP_COUNT && types[i].calls > 0; i++)
        put_cost(out, types[i].step->node->op->name, "", &types[i], all.seconds, samples, peak);
    buf_str(out, "\n");
    buf_printf(out, head, "type", "calls", "ms/sample", "time", "GFLOP/s", "of peak", "node");
    for (size_t i = 0; i < n && nodes[i].calls > 0; i++)
        put_cost(out, nodes[i].step->node->op->name, nodes[i].step->node->name, &nodes[i],
                 all.seconds, samples, peak);
    free(nodes);
    free(types);
}

void profile_trace(const struct profile *p, struct buf *out)
{
    const char *comma = "";

    buf_str(out, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
    for (int w = 0; w < p->workers; w++)
        for (int i = 0; i < p->lanes[w].nevents; i++) {
            const struct event *e = &p->lanes[w].events[i];

            buf_printf(out,
                       "%s{\"ph\":\"X\",\"pid\":1,\"tid\":%d,\"ts\":%.3f,\"dur\":%.3f,\"cat\":",
                       comma, w + 1, e->start * 1e6, e->length * 1e6);
            json_string(out, e->step->node->op->name);
            buf_str(out, ",\"name\":");
            json_string(out, e->step->node->name);
            buf_str(out, "}");
            comma = ",\n";
        }
    buf_str(out, "\n]}\n");
}
