/* dopt-run: a model (float, or with a plan: quantized) and inputs into outputs, or into a comparison of
 * float and quantized. dopt-run(1).
 * SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "calset/npy.h"
#include "cli.h"
#include "guard.h"
#include "inputs.h"
#include "op/prim.h"
#include "quant/fake.h"
#include "run/engine.h"
#include "run/profile.h"
#include "samples.h"

static const char usage[] =
    "usage: dopt-run [-hV] [-c config.prototxt | -i NAME=FILE ...] [--input_format NHWC|NCHW]\n"
    "                [--fit stretch|crop|letterbox] [--resize linear|area|nearest|cubic]\n"
    "                [--no-resize] [--max-pixels N] [-j N] [--limit N|--spread N]\n"
    "                [--compare] [--labels FILE[:ARRAY]] [--chain none|safe|all] [--integer]\n"
    "                [--profile FILE] [-o OUT] [FILE ...]\n";

enum { LIMIT = 256, SPREAD, COMPARE, LABELS, CHAIN, INTEGER, PROFILE };

struct options {
    struct samples_options samples;
    long jobs, limit;
    bool compare, integer, spread; /* spread: the steps of --limit lie evenly over the set */
    const char *labels, *output;
    const char *profile; /* text, or a trace where the name ends in .json */
    enum chain chain;
};

/* One output of one step, or of all. */
struct result {
    struct tensor t; /* data malloc'ed */
};

struct run {
    const struct samples *samples;
    const struct model *model;
    long steps, of; /* run steps 0, of / steps, 2 of / steps, … of the set */
    int nin, nout;
    struct result *results;  /* [steps][nout] */
    struct profile *profile; /* or NULL */
    struct changes changes;  /* that quantize */
};

/* A copy of what a step left, in the type that the source model has there: float16 is float16 again.
 * .npy has no bfloat16: its values are rounded and stay float32. */
static struct tensor result_of(const struct tensor *t, enum dtype narrow)
{
    size_t n = tensor_size(t) / sizeof(float);
    struct tensor r = *t;

    r.block = NULL;
    if (t->dtype != DT_F32 || narrow == DT_NONE) {
        r.data = memcpy(mem_alloc(tensor_size(t)), t->data, tensor_size(t));
        return r;
    }
    r.dtype = narrow;
    r.data = mem_alloc(n * sizeof(uint16_t));
    dtype_from_f32(r.data, narrow, t->data, n);
    if (narrow == DT_BF16) {
        float *wide = mem_alloc(n * sizeof *wide);

        dtype_to_f32(wide, r.data, narrow, n);
        free(r.data);
        r.dtype = DT_F32;
        r.data = wide;
    }
    return r;
}

static int run_step(struct worker *w, int worker, long step, void *ctx, struct err *e)
{
    struct run *r = ctx;
    long of_set = step * r->of / r->steps;
    struct tensor in[r->nin + 1];
    int rc;

    if (r->profile != NULL)
        worker_time(w, profile_lane(r->profile, worker));
    worker_change(w, &r->changes);
    if (samples_step(r->samples, of_set, in, e) < 0)
        return -1;
    rc = worker_run(w, in, NULL, NULL, e);
    for (int i = 0; i < r->nout && rc == 0; i++)
        r->results[step * r->nout + i].t =
            result_of(worker_output(w, i), r->model->graph->out[i]->narrow);
    samples_drop(r->samples, in);
    return rc < 0 ? err_at(e, "sample %s", samples_name(r->samples, of_set)) : 0;
}

static void tick(long done, long total, void *ctx)
{
    (void)ctx;
    cli_progress(done, total, "steps");
}

static bool ends_with(const char *s, const char *end)
{
    return s != NULL && strlen(s) >= strlen(end) && strcmp(s + strlen(s) - strlen(end), end) == 0;
}

/* The profile of a run as text or, where the name ends in .json, as a trace. */
static void write_profile(const struct profile *p, long steps, const char *path)
{
    struct err e = { .status = ERR_INPUT };
    struct buf text = { 0 };
    struct out o;

    if (ends_with(path, ".json"))
        profile_trace(p, &text);
    else
        profile_text(p, steps, prim_peak(), &text);
    if (out_open(&o, path, &e) < 0)
        cli_die(&e);
    out_put(&o, text.data, text.size);
    if (out_commit(&o, &e) < 0) {
        out_release(&o);
        cli_die(&e);
    }
    out_release(&o);
    buf_release(&text);
}

/* In float, or where there is a fake, quantized. profile: where to write one, or NULL. */
static void run_model(struct run *r, const struct model *m, const struct fake *fake,
                      const struct samples *s, long steps, long of, long jobs, const char *profile)
{
    struct engine *g =
        fake == NULL ? engine_new(m, NULL) : engine_new_twins(m, fake->keep, fake->twins);
    struct job job = {
        .engine = g, .end = steps, .workers = (int)jobs, .run = run_step, .tick = tick, .ctx = r
    };
    struct err e = { .status = ERR_INPUT };

    *r = (struct run){ .samples = s,
                       .model = m,
                       .steps = steps,
                       .of = of,
                       .nin = m->graph->nin,
                       .nout = m->graph->nout,
                       .results = NEW_ARRAY(struct result, (size_t)(steps * m->graph->nout)) };
    if (fake != NULL)
        fake_changes(fake, NULL, &r->changes);
    if (profile != NULL)
        r->profile = profile_new(g, (int)jobs);
    if (job_run(&job, &e) < 0)
        cli_die(&e);
    if (profile != NULL) {
        write_profile(r->profile, steps, profile);
        profile_free(r->profile);
    }
    fake_changes_release(&r->changes);
    engine_free(g);
}

static void run_release(struct run *r, long steps)
{
    for (long i = 0; i < steps * r->nout; i++)
        free(r->results[i].t.data);
    free(r->results);
}

/* All steps of output i along axis 0; a scalar becomes one entry. */
static void join(const struct run *r, long steps, int i, const char *name, struct tensor *out)
{
    struct tensor first = r->results[i].t;
    struct err e = { .status = ERR_INPUT };
    size_t total = 0, at = 0;
    int64_t entries = 0;

    *out = first;
    if (first.shape.rank == 0)
        out->shape.rank = 1;
    for (long s = 0; s < steps; s++) {
        struct tensor *t = &r->results[s * r->nout + i].t;
        struct shape rest = t->shape;

        entries += t->shape.rank > 0 ? t->shape.dim[0] : 1;
        rest.dim[0] = first.shape.dim[0];
        if (!shape_equal(&rest, &first.shape) || t->dtype != first.dtype) {
            err_set(
                &e,
                "output %s changes its shape from step to step: it cannot be written as one array",
                name);
            cli_die(&e);
        }
        total += tensor_size(t);
    }
    out->shape.dim[0] = entries;
    out->data = mem_alloc(total);
    for (long s = 0; s < steps; s++) {
        struct tensor *t = &r->results[s * r->nout + i].t;

        memcpy((char *)out->data + at, t->data, tensor_size(t));
        at += tensor_size(t);
    }
}

static void write_outputs(const struct run *r, long steps, const char *const *names,
                          const char *path)
{
    bool npy = ends_with(path, ".npy");
    struct err e = { .status = ERR_INPUT };
    struct npz_out z;
    struct out o;

    if (npy && r->nout != 1)
        cli_usage("-o %s: the model has %d outputs, name a .npz", path, r->nout);
    if (out_open(&o, path, &e) < 0)
        cli_die(&e);
    if (!npy)
        npz_begin(&z, &o);
    for (int i = 0; i < r->nout && steps > 0; i++) {
        struct tensor t;

        join(r, steps, i, names[i], &t);
        if (npy) {
            struct buf header = { 0 };

            npy_header(&header, t.dtype, &t.shape);
            out_put(&o, header.data, header.size);
            out_put(&o, t.data, tensor_size(&t));
            buf_release(&header);
        } else {
            npz_put(&z, names[i], &t);
        }
        free(t.data);
    }
    if (!npy)
        npz_end(&z);
    if (out_commit(&o, &e) < 0) {
        out_release(&o);
        cli_die(&e);
    }
    out_release(&o);
}

/* Output i: 10 log10(sum y^2 / sum (y - q)^2) and the cosine of the angle between y and q. */
static void compare_output(const struct run *y, const struct run *q, long steps, int i,
                           const char *name, struct out *o)
{
    double signal = 0, noise = 0, other = 0, dot = 0;

    for (long s = 0; s < steps; s++) {
        const struct tensor *a = &y->results[s * y->nout + i].t,
                            *b = &q->results[s * q->nout + i].t;
        int64_t n = shape_equal(&a->shape, &b->shape) ? shape_count(&a->shape) : 0;

        for (int64_t k = 0; k < n; k++) {
            double u = tensor_get(a, (size_t)k), v = tensor_get(b, (size_t)k);

            signal += u * u;
            other += v * v;
            dot += u * v;
            noise += (u - v) * (u - v);
        }
    }
    out_printf(o, "output %s: SQNR %.1f dB, cosine %.6f\n", name,
               noise > 0 ? 10 * log10(signal / noise) : INFINITY,
               signal > 0 && other > 0 ? dot / sqrt(signal * other) : 1.0);
}

/* Entries of a result along axis 0, of n values each. */
static int64_t entries(const struct tensor *t, int64_t *n)
{
    int64_t rows = t->shape.rank > 1 ? t->shape.dim[0] : 1;

    *n = rows > 0 ? shape_count(&t->shape) / rows : 0;
    return rows;
}

static int64_t largest(const struct tensor *t, int64_t row, int64_t n)
{
    int64_t best = 0;

    for (int64_t c = 1; c < n; c++)
        if (tensor_get(t, (size_t)(row * n + c)) > tensor_get(t, (size_t)(row * n + best)))
            best = c;
    return best;
}

/* How many of a row's values are larger than value c. */
static int64_t rank_of(const struct tensor *t, int64_t row, int64_t n, int64_t c)
{
    double v = tensor_get(t, (size_t)(row * n + c));
    int64_t rank = 0;

    for (int64_t k = 0; k < n; k++)
        rank += tensor_get(t, (size_t)(row * n + k)) > v;
    return rank;
}

/* Where the first output is a row of classes: how often both agree on the largest, and how often the float
 * one's largest is among the five largest of the quantized one. */
static void compare_classes(const struct run *y, const struct run *q, long steps, struct out *o)
{
    int64_t total = 0, same = 0, among = 0, n = 0;

    for (long s = 0; s < steps; s++) {
        const struct tensor *a = &y->results[s * y->nout].t, *b = &q->results[s * q->nout].t;
        int64_t rows = entries(a, &n);

        if (a->shape.rank != 2 || n < 2 || !shape_equal(&a->shape, &b->shape))
            return;
        for (int64_t k = 0; k < rows; k++, total++) {
            int64_t best = largest(a, k, n);

            same += best == largest(b, k, n);
            among += rank_of(b, k, n, best) < 5;
        }
    }
    if (total == 0)
        return;
    out_printf(o, "agreement: top-1 %.2f %%", 100.0 * (double)same / (double)total);
    if (n > 5)
        out_printf(o, ", top-5 %.2f %%", 100.0 * (double)among / (double)total);
    out_printf(o, " (%lld samples)\n", (long long)total);
}

/* Labels: integers from a .npy, or from an array of a .npz (FILE:ARRAY). */
static void read_labels(const char *spec, struct blob *b, struct tensor *labels, struct npz *z)
{
    const char *colon = strrchr(spec, ':');
    char *path = colon != NULL && !ends_with(spec, ".npy")
                     ? mem_printf("%.*s", (int)(colon - spec), spec)
                     : mem_strdup(spec);
    struct err e = { .status = ERR_INPUT };
    void *owned;
    int rc = blob_open(b, path, &e);

    if (rc == 0 && npz_is(b->data, b->size)) {
        rc = npz_read(z, b->data, b->size, colon != NULL ? colon + 1 : NULL, &e);
        for (size_t i = 0; rc == 0 && i < z->narrays; i++)
            if (z->arrays[i].tensor.data != NULL)
                *labels = z->arrays[i].tensor;
        if (rc == 0 && labels->data == NULL)
            rc = err_set(&e, "no array named %s", colon != NULL ? colon + 1 : "…");
    } else if (rc == 0) {
        rc = npy_read(labels, &owned, b->data, b->size, &e);
    }
    if (rc == 0 && (labels->dtype == DT_F16 || labels->dtype == DT_F32 || labels->dtype == DT_F64))
        rc = err_set(&e, "holds %s, integers are needed", dtype_name(labels->dtype));
    if (rc < 0) {
        err_at(&e, "--labels %s", spec);
        cli_die(&e);
    }
    free(path);
}

/* Entries whose largest value of output 0 is at their label, in percent. Dies where labels do not fit. */
static double accuracy(const struct run *r, long steps, const struct tensor *labels, int64_t *total)
{
    int64_t right = 0, at = 0, known = shape_count(&labels->shape);
    struct err e = { .status = ERR_INPUT };

    for (long s = 0; s < steps; s++) {
        const struct tensor *t = &r->results[s * r->nout].t;
        int64_t n, rows = entries(t, &n);

        for (int64_t k = 0; k < rows; k++, at++) {
            int64_t label = at < known ? tensor_get_int(labels, (size_t)at) : -1;

            if (label < 0 || label >= n) {
                if (at < known)
                    err_set(&e, "--labels: entry %lld is %lld, the first output has %lld classes",
                            (long long)at, (long long)label, (long long)n);
                else
                    err_set(&e, "--labels: %lld for more samples than that", (long long)known);
                cli_die(&e);
            }
            right += largest(t, k, n) == label;
        }
    }
    if (at < known && steps == r->samples->steps) {
        err_set(&e, "--labels: %lld for %lld samples", (long long)known, (long long)at);
        cli_die(&e);
    }
    *total = at;
    return at > 0 ? 100.0 * (double)right / (double)at : 0;
}

static void report(const struct run *y, const struct run *q, long steps, const char *const *names,
                   const struct options *o)
{
    struct err e = { .status = ERR_INPUT };
    struct tensor labels = { 0 };
    struct blob b = { 0 };
    struct npz z = { 0 };
    struct out out;
    double right[2] = { 0 }; /* float, quantized */
    int64_t n = 0;

    if (o->labels != NULL) { /* before there is an output that a wrong label would leave */
        read_labels(o->labels, &b, &labels, &z);
        right[0] = accuracy(y, steps, &labels, &n);
        right[1] = accuracy(q, steps, &labels, &n);
    }
    if (out_open(&out, o->output, &e) < 0)
        cli_die(&e);
    for (int i = 0; i < y->nout; i++)
        compare_output(y, q, steps, i, names[i], &out);
    if (y->nout > 0)
        compare_classes(y, q, steps, &out);
    if (o->labels != NULL)
        out_printf(&out, "accuracy: float %.2f %%, int8 %.2f %% (%lld samples)\n", right[0],
                   right[1], (long long)n);
    if (out_commit(&out, &e) < 0) {
        out_release(&out);
        cli_die(&e);
    }
    out_release(&out);
    npz_release(&z);
    blob_release(&b);
}

static void read_options(struct options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        SAMPLES_OPTIONS,
        { "jobs", required_argument, NULL, 'j' },
        { "limit", required_argument, NULL, LIMIT },
        { "spread", required_argument, NULL, SPREAD },
        { "compare", no_argument, NULL, COMPARE },
        { "labels", required_argument, NULL, LABELS },
        { "chain", required_argument, NULL, CHAIN },
        { "integer", no_argument, NULL, INTEGER },
        { "profile", required_argument, NULL, PROFILE },
        { "output", required_argument, NULL, 'o' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    int c, chain;

    *o = (struct options){ .jobs = job_cores(), .chain = CHAIN_SAFE };
    while ((c = getopt_long(argc, argv, "c:i:j:o:hV", longs, NULL)) != -1)
        switch (c) {
        case CHAIN:
            chain = chain_find_name(optarg);
            if (chain < 0)
                cli_usage("--chain: '%s' is not one of none|safe|all", optarg);
            o->chain = (enum chain)chain;
            break;
        case 'j':
            o->jobs = cli_number("-j", optarg, 1);
            if (o->jobs > 1024)
                cli_usage("-j: at most 1024");
            break;
        case LIMIT:
            o->limit = cli_number("--limit", optarg, 1);
            o->spread = false;
            break;
        case SPREAD:
            o->limit = cli_number("--spread", optarg, 1);
            o->spread = true;
            break;
        case COMPARE:
            o->compare = true;
            break;
        case LABELS:
            o->labels = optarg;
            break;
        case INTEGER:
            o->integer = true;
            break;
        case PROFILE:
            o->profile = optarg;
            break;
        case 'o':
            o->output = optarg;
            break;
        default:
            if (!samples_option(&o->samples, c, optarg))
                cli_option(c);
        }
}

int main(int argc, char **argv)
{
    struct dopt_file f;
    struct model m;
    struct fake fake;
    struct samples s;
    struct options o;
    struct plan p;
    struct run y = { 0 }, q = { 0 };
    struct err e = { .status = ERR_INPUT };
    const char **names;
    bool planned;
    long steps, of;

    cli_init("dopt-run", usage);
    read_options(&o, argc, argv);
    inputs_open(&f, argc - optind, argv + optind);
    inputs_model(&f, &m);
    planned = inputs_plan(&f, &p, o.compare);
    if (o.labels != NULL && !o.compare)
        cli_usage("--labels goes with --compare");
    if (o.integer && !planned)
        cli_usage("--integer needs a plan");
    if (o.labels != NULL && o.spread)
        cli_usage("--labels needs the first steps: --limit instead of --spread");
    if (o.profile != NULL && strcmp(o.profile, "-") == 0 && o.output == NULL)
        cli_usage("--profile - needs -o OUT: both cannot go to standard output");
    if (o.profile != NULL && strcmp(o.profile, "-") != 0)
        guard_distinct("--profile", o.profile, "-o", o.output);
    samples_open(&s, &m, &o.samples);
    steps = o.limit > 0 && o.limit < s.steps ? o.limit : s.steps;
    of = o.spread ? s.steps : steps;
    names = NEW_ARRAY(const char *, (size_t)m.graph->nout);
    for (int i = 0; i < m.graph->nout; i++)
        names[i] = m.graph->out[i]->name;
    if (planned) {
        if (fake_init(&fake, &m, &p, o.chain, o.integer, &e) < 0)
            cli_die(&e);
        run_model(&q, &m, &fake, &s, steps, of, o.jobs, o.profile);
        fake_release(&fake);
    }
    if (!planned || o.compare)
        run_model(&y, &m, NULL, &s, steps, of, o.jobs, planned ? NULL : o.profile);
    if (o.compare)
        report(&y, &q, steps, names, &o);
    else
        write_outputs(planned ? &q : &y, steps, names, o.output);
    run_release(&y, steps);
    run_release(&q, steps);
    free(names);
    samples_close(&s);
    free((void *)o.samples.files);
    if (planned)
        plan_release(&p);
    model_release(&m);
    dopt_release(&f);
    return o.output == NULL || (o.profile != NULL && strcmp(o.profile, "-") == 0)
               ? 0 /* stdout is closed and checked */
               : cli_finish();
}
