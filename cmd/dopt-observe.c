/* dopt-observe: a model and a calibration set into observations: what every quantization point saw.
 * dopt-observe(1), DESIGN.md 5.
 * SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "inputs.h"
#include "observe/collect.h"
#include "run/engine.h"
#include "samples.h"

static const char usage[] =
    "usage: dopt-observe [-dhV] [-c config.prototxt | -i NAME=FILE ...] [--input_format "
    "NHWC|NCHW]\n"
    "                    [--fit stretch|crop|letterbox] [--resize linear|area|nearest|cubic]\n"
    "                    [--no-resize] [--max-pixels N] [--shard I/N] [--resume] [--all] [-j N]\n"
    "                    [-o OUT] [FILE ...]\n";

enum { SHARD = 256, RESUME, ALL };
enum { CHECKPOINT = 30 }; /* seconds between what --resume can start from */

struct options {
    struct samples_options samples;
    long jobs, shard, shards;
    bool resume, all, detached;
    const char *output;
};

struct run {
    const struct samples *samples;
    struct collector *collector;
    int nin;
    long done, total; /* steps, for the progress line */
};

static int run_step(struct worker *w, int worker, long step, void *ctx, struct err *e)
{
    struct run *r = ctx;
    struct tensor in[r->nin + 1];
    char name[512];
    struct collector_place place = { r->collector, worker, (uint64_t)step, name };
    int rc;

    snprintf(name, sizeof name, "%s", samples_name(r->samples, step));
    if (samples_step(r->samples, step, in, e) < 0)
        return -1;
    rc = worker_run(w, in, collector_seen, &place, e);
    samples_drop(r->samples, in);
    return rc;
}

static void tick(long done, long total, void *ctx)
{
    struct run *r = ctx;

    (void)total;
    cli_progress(r->done + done, r->total, "steps");
}

/* PATH.part: what was observed so far, for --resume. */
static char *part_path(const struct options *o)
{
    return o->output == NULL || strcmp(o->output, "-") == 0 ? NULL
                                                            : mem_printf("%s.part", o->output);
}

static void save(struct dopt_file *f, const struct observed *seen, const struct options *o,
                 const char *path, bool whole)
{
    const char *options[4];
    struct outputs own = { 1, { "OBSERVED" }, { { 0 } } };
    int n = 0;

    if (o->samples.nhwc)
        options[n++] = "--input_format=NHWC";
    if (o->samples.image.fit != FIT_STRETCH)
        options[n++] = o->samples.image.fit == FIT_CROP ? "--fit=crop" : "--fit=letterbox";
    if (o->samples.image.kernel != KERNEL_LINEAR)
        options[n++] = o->samples.image.kernel == KERNEL_AREA      ? "--resize=area"
                       : o->samples.image.kernel == KERNEL_NEAREST ? "--resize=nearest"
                                                                   : "--resize=cubic";
    if (o->all)
        options[n++] = "--all";
    observed_pack(seen, &own.bytes[0]);
    outputs_save(f, &own, whole ? "dopt-observe" : NULL, options, n, path, o->detached || !whole);
    buf_release(&own.bytes[0]);
}

/* Takes up what PATH.part holds of the same model and set; returns the first step that is left. */
static long resume(struct observed *seen, const char *part, long first, long end)
{
    struct err e = { .status = ERR_INPUT };
    struct observed saved = { 0 };
    struct dopt_file f;

    if (part == NULL)
        cli_usage("--resume needs -o OUT, a file");
    if (access(part, R_OK) < 0)
        return first;
    inputs_open(&f, 1, (char *[]){ (char *)part });
    inputs_observed(&f, &saved);
    if (strcmp(saved.model, seen->model) != 0)
        err_set(&e, "%s: of model %s, this is model %s: remove it to start anew", part, saved.model,
                seen->model);
    else if (strcmp(saved.set, seen->set) != 0)
        err_set(&e, "%s: of another calibration set: remove it to start anew", part);
    else if (saved.nranges != 1 || saved.ranges[0].first != (uint64_t)first ||
             saved.ranges[0].end > (uint64_t)end)
        err_set(&e, "%s: of another --shard: remove it to start anew", part);
    else if (observed_merge(seen, &saved, &e) == 0)
        first = -1;
    if (first >= 0)
        cli_die(&e);
    observed_release(&saved);
    dopt_release(&f);
    return (long)seen->ranges[0].end;
}

/* Steps first .. end-1, with a checkpoint every CHECKPOINT seconds where there is a file for it. */
static void observe(struct dopt_file *f, struct run *r, const struct model *m,
                    const struct points *p, struct observed *seen, long first, long end,
                    const struct options *o)
{
    struct engine *g = engine_new(m, p->keep);
    struct err e = { .status = ERR_INPUT };
    char *part = part_path(o);
    struct job job = { .engine = g,
                       .end = first,
                       .workers = (int)o->jobs,
                       .seconds = part == NULL ? 0 : CHECKPOINT,
                       .run = run_step,
                       .tick = tick,
                       .ctx = r };

    r->total = end - first;
    do {
        job.first = job.end;
        job.end = end;
        if (job_run(&job, &e) < 0 ||
            collector_finish(r->collector, seen, (uint64_t)job.first, (uint64_t)job.end, &e) < 0)
            cli_die(&e);
        r->done += job.end - job.first;
        if (job.end < end)
            save(f, seen, o, part, false);
    } while (job.end < end);
    free(part);
    engine_free(g);
}

static void read_shard(struct options *o, const char *text)
{
    char *slash;

    o->shard = strtol(text, &slash, 10);
    o->shards = *slash == '/' ? cli_number("--shard", slash + 1, 1) : 0;
    if (o->shard < 1 || o->shard > o->shards)
        cli_usage("--shard: '%s' is not I/N with I from 1 to N", text);
}

static void read_options(struct options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        SAMPLES_OPTIONS,
        { "shard", required_argument, NULL, SHARD },
        { "resume", no_argument, NULL, RESUME },
        { "all", no_argument, NULL, ALL },
        { "jobs", required_argument, NULL, 'j' },
        { "detached", no_argument, NULL, 'd' },
        { "output", required_argument, NULL, 'o' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    *o = (struct options){ .jobs = job_cores(), .shard = 1, .shards = 1 };
    while ((c = getopt_long(argc, argv, "c:i:j:do:hV", longs, NULL)) != -1)
        switch (c) {
        case SHARD:
            read_shard(o, optarg);
            break;
        case RESUME:
            o->resume = true;
            break;
        case ALL:
            o->all = true;
            break;
        case 'j':
            o->jobs = cli_number("-j", optarg, 1);
            if (o->jobs > 1024)
                cli_usage("-j: at most 1024");
            break;
        case 'd':
            o->detached = true;
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
    struct observed seen;
    char set[33];
    struct dopt_file f;
    struct samples s;
    struct points p;
    struct options o;
    struct model m;
    struct run r;
    char *part;
    long first, end;

    cli_init("dopt-observe", usage);
    read_options(&o, argc, argv);
    inputs_open(&f, argc - optind, argv + optind);
    inputs_model(&f, &m);
    samples_open(&s, &m, &o.samples);
    if (s.conf.gpu && o.shard == 1) /* once, however many stages and shards read the config */
        warn("%s: USE_GPU: there is no GPU backend yet, this runs on the CPU", o.samples.config);
    points_find(&p, &m, o.all);
    first = (long)((__int128)s.steps * (o.shard - 1) / o.shards);
    end = (long)((__int128)s.steps * o.shard / o.shards);
    samples_digest(&s, set);
    observed_begin(&seen, m.digest, set, (uint64_t)s.steps, o.all);
    if (o.resume)
        first = resume(&seen, part_path(&o), first, end);
    r = (struct run){ .samples = &s,
                      .collector = collector_new(&m, &p, (int)o.jobs),
                      .nin = m.graph->nin };
    observe(&f, &r, &m, &p, &seen, first, end, &o);
    save(&f, &seen, &o, o.output, true);
    part = part_path(&o);
    if (part != NULL)
        unlink(part); /* only now that the whole is written */
    free(part);
    collector_free(r.collector);
    observed_release(&seen);
    points_release(&p);
    samples_close(&s);
    free((void *)o.samples.files);
    model_release(&m);
    dopt_release(&f);
    return 0;
}
