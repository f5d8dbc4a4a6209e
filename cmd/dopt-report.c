/* dopt-report: model + observations + plan (+ samples) into what each layer costs, the worst first, and the
 * shortest exclude list that reaches a target. dopt-report(1).
 * SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli.h"
#include "guard.h"
#include "inputs.h"
#include "judge.h"
#include "quant/doubt.h"
#include "report/level.h"
#include "report/search.h"
#include "report/without.h"
#include "samples.h"

static const char usage[] =
    "usage: dopt-report [-hV] [-c config.prototxt | -i NAME=FILE ...] [--input_format NHWC|NCHW]\n"
    "                   [--fit stretch|crop|letterbox] [--resize linear|area|nearest|cubic]\n"
    "                   [--no-resize] [--max-pixels N] [-j N] [--spread N]\n"
    "                   [--chain none|safe|all] [--target-sqnr DB | --target VALUE --command CMD]\n"
    "                   [--exclude-list FILE] [--html FILE] [--json FILE] [-o OUT] [FILE ...]\n";

enum { SPREAD = 256, CHAIN, TARGET_SQNR, TARGET, COMMAND, EXCLUDE_LIST, HTML, JSON };
enum { SAMPLES = 8 };

struct options {
    struct samples_options samples;
    long jobs, spread;
    enum chain chain;
    double target; /* NAN: none */
    const char *target_text, *command, *exclude_list, *html, *json, *output;
};

/* What a search asks with: masks over the plan's nodes. */
struct asking {
    const struct options *o;
    struct dopt_file *f;
    struct model *m; /* as imported */
    const struct observed *seen;
    const struct plan *p;
    struct trial *trial;
    struct judge judge;
    void (*warn)(const char *msg); /* the tool's own sink of warnings */
};

static struct report *report; /* where warnings go while the plan is looked at */

static void take_warning(const char *text)
{
    report_warning(report, text);
}

static double read_number(const char *option, const char *text)
{
    char *end;
    double v = strtod(text, &end);

    if (end == text || *end != '\0' || !isfinite(v))
        cli_usage("%s: '%s' is not a number", option, text);
    return v;
}

static void check_options(const struct options *o)
{
    const char *const outputs[][2] = { { "-o", o->output },
                                       { "--html", o->html },
                                       { "--json", o->json },
                                       { "--exclude-list", o->exclude_list } };
    bool samples = o->samples.config != NULL || o->samples.nfiles > 0;

    for (int i = 0; i < 4; i++)
        for (int k = 0; k < i; k++)
            guard_distinct(outputs[i][0], outputs[i][1], outputs[k][0], outputs[k][1]);
    if (o->command != NULL && o->target_text == NULL)
        cli_usage("--command needs --target VALUE");
    if (o->exclude_list != NULL && isnan(o->target))
        cli_usage("--exclude-list needs a target: --target-sqnr, or --target and --command");
    if (!isnan(o->target) && !samples)
        cli_usage("a target needs samples to rank layers on: -c or -i");
}

static void read_options(struct options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        SAMPLES_OPTIONS,
        { "jobs", required_argument, NULL, 'j' },
        { "spread", required_argument, NULL, SPREAD },
        { "chain", required_argument, NULL, CHAIN },
        { "target-sqnr", required_argument, NULL, TARGET_SQNR },
        { "target", required_argument, NULL, TARGET },
        { "command", required_argument, NULL, COMMAND },
        { "exclude-list", required_argument, NULL, EXCLUDE_LIST },
        { "html", required_argument, NULL, HTML },
        { "json", required_argument, NULL, JSON },
        { "output", required_argument, NULL, 'o' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    int c, chain;

    *o = (struct options){
        .jobs = job_cores(), .spread = SAMPLES, .chain = CHAIN_SAFE, .target = NAN
    };
    while ((c = getopt_long(argc, argv, "c:i:j:o:hV", longs, NULL)) != -1)
        switch (c) {
        case 'j':
            o->jobs = cli_number("-j", optarg, 1);
            if (o->jobs > 1024)
                cli_usage("-j: at most 1024");
            break;
        case SPREAD:
            o->spread = cli_number("--spread", optarg, 1);
            break;
        case CHAIN:
            chain = chain_find_name(optarg);
            if (chain < 0)
                cli_usage("--chain: '%s' is not one of none|safe|all", optarg);
            o->chain = (enum chain)chain;
            break;
        case TARGET_SQNR:
        case TARGET:
            if (!isnan(o->target))
                cli_usage("one target only: --target-sqnr, or --target and --command");
            o->target = read_number(c == TARGET ? "--target" : "--target-sqnr", optarg);
            o->target_text = c == TARGET ? optarg : NULL;
            break;
        case COMMAND:
            o->command = optarg;
            break;
        case EXCLUDE_LIST:
            o->exclude_list = optarg;
            break;
        case HTML:
            o->html = optarg;
            break;
        case JSON:
            o->json = optarg;
            break;
        case 'o':
            o->output = optarg;
            break;
        default:
            if (!samples_option(&o->samples, c, optarg))
                cli_option(c);
        }
    if (o->target_text != NULL && o->command == NULL)
        cli_usage("--target VALUE needs --command CMD, which prints one like it");
    check_options(o);
}

/* ---- samples ---- */

struct feeding {
    const struct samples *s;
    long steps;
};

static int feed_step(void *ctx, long step, struct tensor *in, struct err *e)
{
    const struct feeding *f = ctx;

    return samples_step(f->s, step * f->s->steps / f->steps, in, e);
}

static void tick(long done, long total, void *ctx)
{
    (void)ctx;
    cli_progress(done, total, "runs");
}

/* ---- the search ---- */

static int judge_sqnr(void *ctx, const bool *in, double *value, struct err *e)
{
    struct asking *a = ctx;
    double *noise = NEW_ARRAY(double, (size_t)a->trial->m->graph->nout + 1);
    int rc = trial_run(a->trial, &in, 1, noise, e);

    *value = trial_sqnr(a->trial, noise);
    free(noise);
    return rc;
}

/* With the plan that the list makes, in a trial of its own. */
static int verify_sqnr(void *ctx, const bool *in, double *value, struct err *e)
{
    struct asking *a = ctx, fresh = *a;
    struct trial trial = { 0 };
    struct model m;
    struct plan p;
    int rc = -1;

    if (plan_without(&p, a->m, a->seen, a->p, in, e) < 0)
        return -1;
    inputs_model(a->f, &m);
    level_model(&m, &p);
    fresh.trial = &trial;
    if (trial_init(&trial, &m, &p, a->o->chain, &a->trial->feed, e) == 0)
        rc = judge_sqnr(&fresh, NULL, value, e);
    trial_release(&trial);
    model_release(&m);
    plan_release(&p);
    return rc;
}

static int judge_command(void *ctx, const bool *in, double *value, struct err *e)
{
    struct asking *a = ctx;
    struct plan p;
    int rc;

    if (plan_without(&p, a->m, a->seen, a->p, in, e) < 0)
        return -1;
    rc = judge_run(&a->judge, a->m, &p, value, e);
    plan_release(&p);
    return rc;
}

static void search(struct report *r, struct asking *a)
{
    const struct options *o = a->o;
    struct goal g = { o->target, judge_sqnr, verify_sqnr, a };
    struct err e = { .status = ERR_INPUT };
    int rc;

    if (isnan(o->target))
        return;
    if (o->command != NULL) {
        g.judge = judge_command;
        g.verify = NULL;
        judge_init(&a->judge, a->m, o->command, o->chain);
        r->target = arena_printf(&r->arena, "%.6g from the command", o->target);
        r->unit = "";
    } else {
        r->target = arena_printf(&r->arena, "%.6g dB", o->target);
        r->unit = " dB";
    }
    warn_sink = NULL; /* plans that are made on the way say nothing new */
    rc = report_search(r, &g, &e);
    warn_sink = a->warn;
    judge_release(&a->judge);
    if (rc < 0)
        cli_die(&e);
}

/* ---- writing ---- */

enum { OUTPUTS = 4 };

/* All are complete before the first takes its name. */
static void write_all(const struct options *o, const struct report *r)
{
    const char *const paths[OUTPUTS] = { o->html, o->json, o->exclude_list, o->output };
    void (*const put[OUTPUTS])(const struct report *, struct buf *) = { report_html, report_json,
                                                                        report_excludes,
                                                                        report_text };
    struct err e = { .status = ERR_INPUT };
    struct out out[OUTPUTS] = { { 0 } };
    bool wanted[OUTPUTS];
    int rc = 0;

    for (int i = 0; i < OUTPUTS && rc == 0; i++) {
        struct buf text = { 0 };

        wanted[i] = paths[i] != NULL || i == OUTPUTS - 1; /* the text goes to stdout */
        if (wanted[i])
            rc = out_open(&out[i], paths[i], &e);
        if (wanted[i] && rc == 0) {
            put[i](r, &text);
            out_put(&out[i], text.data, text.size);
            rc = out_finish(&out[i], &e);
        }
        buf_release(&text);
    }
    for (int i = 0; i < OUTPUTS && rc == 0; i++)
        if (wanted[i])
            rc = out_commit(&out[i], &e);
    for (int i = 0; i < OUTPUTS; i++)
        out_release(&out[i]);
    if (rc < 0)
        cli_die(&e);
}

int main(int argc, char **argv)
{
    void (*sink)(const char *);
    struct feeding feeding = { 0 };
    struct trial trial;
    struct observed seen;
    struct asking asking;
    struct samples s = { 0 };
    struct options o;
    struct dopt_file f;
    struct model m, level;
    struct report r;
    struct plan p;
    struct feed feed;
    struct err e = { .status = ERR_INPUT };
    bool samples;

    cli_init("dopt-report", usage);
    read_options(&o, argc, argv);
    samples = o.samples.config != NULL || o.samples.nfiles > 0;
    inputs_open(&f, argc - optind, argv + optind);
    inputs_model(&f, &m);
    inputs_model(&f, &level);
    inputs_observed(&f, &seen);
    inputs_plan(&f, &p, true);
    if (strcmp(seen.model, m.digest) != 0) {
        err_set(&e, "the observations are of model %s, this is model %s", seen.model, m.digest);
        cli_die(&e);
    }
    if (samples)
        samples_open(&s, &level, &o.samples);
    feeding = (struct feeding){ &s, o.spread < s.steps ? o.spread : s.steps };
    feed = (struct feed){ feed_step, tick, &feeding, feeding.steps, (int)o.jobs };
    level_model(&level, &p);
    if (trial_init(&trial, &level, &p, o.chain, &feed, &e) < 0 ||
        report_init(&r, &trial, &seen, &e) < 0)
        cli_die(&e);
    report = &r;
    sink = warn_sink;
    warn_sink = take_warning;
    doubt_warn(&seen);
    doubt_plan(&p);
    warn_sink = sink;
    asking = (struct asking){ &o, &f, &m, &seen, &p, &trial, { 0 }, sink };
    search(&r, &asking);
    write_all(&o, &r);
    report_release(&r);
    trial_release(&trial);
    if (samples)
        samples_close(&s);
    free((void *)o.samples.files);
    plan_release(&p);
    observed_release(&seen);
    model_release(&level);
    model_release(&m);
    dopt_release(&f);
    return 0;
}
