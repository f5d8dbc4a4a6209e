/* dopt-quant: model + observations into a plan: scales, zero points, int8 weights, int32 biases.
 * dopt-quant(1), DESIGN.md 6.
 * SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "conf/conf.h"
#include "conf/shapes.h"
#include "inputs.h"
#include "quant/quant.h"

static const char usage[] =
    "usage: dopt-quant [-dhV] [-c config.prototxt] [--preset fast|balanced|best]\n"
    "                  [--method " RANGE_METHODS "]\n"
    "                  [--percentile P] [--activations uint8|int8] [--symmetric] [--per-tensor]\n"
    "                  [--no-correction] [--no-equalization]\n"
    "                  [--exclude NAMES] [-o OUT] [FILE ...]\n";

enum {
    METHOD = 256,
    PERCENTILE,
    ACTIVATIONS,
    SYMMETRIC,
    PER_TENSOR,
    NO_CORRECTION,
    NO_EQUALIZATION,
    PRESET,
    EXCLUDE
};

struct options {
    const char *config, *output;
    bool detached;
    struct quant_options quant;
    int capexclude;
};

static void exclude(struct options *o, const char *name)
{
    const char **names = (const char **)o->quant.exclude;

    GROW(names, o->quant.nexclude, o->capexclude);
    names[o->quant.nexclude++] = name;
    o->quant.exclude = names;
}

static double read_percentile(const char *text)
{
    char *end;
    double p = strtod(text, &end);

    if (end == text || *end != '\0' || !(p > 50 && p <= 100))
        cli_usage("--percentile: '%s' is not a number above 50, at most 100", text);
    return p;
}

static void read_options(struct options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        { "config", required_argument, NULL, 'c' },
        { "method", required_argument, NULL, METHOD },
        { "percentile", required_argument, NULL, PERCENTILE },
        { "activations", required_argument, NULL, ACTIVATIONS },
        { "symmetric", no_argument, NULL, SYMMETRIC },
        { "per-tensor", no_argument, NULL, PER_TENSOR },
        { "no-correction", no_argument, NULL, NO_CORRECTION },
        { "no-equalization", no_argument, NULL, NO_EQUALIZATION },
        { "preset", required_argument, NULL, PRESET },
        { "exclude", required_argument, NULL, EXCLUDE },
        { "detached", no_argument, NULL, 'd' },
        { "output", required_argument, NULL, 'o' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    static struct out_nodes names; /* the arguments of --exclude, split like --out_nodes */
    struct err e = { .status = ERR_USAGE };
    bool percentile = false, fast = false;
    int c, method = -1;

    *o = (struct options){ .quant.range = { RANGE_AUTO, 99.999, false, false } };
    while ((c = getopt_long(argc, argv, "c:do:hV", longs, NULL)) != -1)
        switch (c) {
        case 'c':
            o->config = optarg;
            break;
        case METHOD:
            method = range_method_find(optarg);
            if (method < 0)
                cli_usage("--method: '%s' is not one of " RANGE_METHODS, optarg);
            break;
        case PERCENTILE:
            o->quant.range.percentile = read_percentile(optarg);
            percentile = true;
            break;
        case ACTIVATIONS:
            if (strcmp(optarg, "uint8") != 0 && strcmp(optarg, "int8") != 0)
                cli_usage("--activations: '%s' is not one of uint8|int8", optarg);
            o->quant.range.is_signed = optarg[0] == 'i';
            break;
        case SYMMETRIC:
            o->quant.range.symmetric = true;
            break;
        case PER_TENSOR:
            o->quant.per_tensor = true;
            break;
        case NO_CORRECTION:
            o->quant.no_correction = true;
            break;
        case NO_EQUALIZATION:
            o->quant.no_equalization = true;
            break;
        case PRESET:
            if (strcmp(optarg, "fast") != 0 && strcmp(optarg, "balanced") != 0 &&
                strcmp(optarg, "best") != 0)
                cli_usage("--preset: '%s' is not one of fast|balanced|best", optarg);
            fast = optarg[0] == 'f';
            break;
        case EXCLUDE:
            if (out_nodes_read(&names, optarg, &e) < 0)
                cli_usage("--exclude: %s", e.msg);
            for (int i = 0; i < names.n; i++)
                exclude(o, names.names[i]);
            break;
        case 'd':
            o->detached = true;
            break;
        case 'o':
            o->output = optarg;
            break;
        default:
            cli_option(c);
        }
    /* What is said by name counts, whatever the preset. */
    if (method < 0)
        method = fast ? RANGE_MINMAX : RANGE_AUTO;
    o->quant.range.method = (enum range_method)method;
    o->quant.no_equalization |= fast;
    if (percentile && o->quant.range.method != RANGE_PERCENTILE)
        cli_usage("--percentile goes with --method percentile");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Excludes from config and command line: sorted, each once, so that the same set gives the same bytes. */
static void read_excludes(struct options *o, struct conf *conf)
{
    struct err e = { .status = ERR_INPUT };
    int kept = 0;

    if (o->config != NULL && conf_read(conf, o->config, &e) < 0)
        cli_die(&e);
    for (int i = 0; i < conf->nexcludes; i++)
        exclude(o, conf->excludes[i]);
    if (o->quant.nexclude == 0)
        return;
    qsort((void *)o->quant.exclude, (size_t)o->quant.nexclude, sizeof *o->quant.exclude, by_text);
    for (int i = 0; i < o->quant.nexclude; i++)
        if (kept == 0 || strcmp(o->quant.exclude[kept - 1], o->quant.exclude[i]) != 0)
            ((const char **)o->quant.exclude)[kept++] = o->quant.exclude[i];
    o->quant.nexclude = kept;
}

int main(int argc, char **argv)
{
    struct outputs own = { 2, { "PLAN", "QDATA" }, { { 0 }, { 0 } } };
    struct err e = { .status = ERR_INPUT };
    struct conf conf = { 0 };
    struct observed seen;
    struct dopt_file f;
    struct options o;
    struct model m;
    struct plan p;

    cli_init("dopt-quant", usage);
    read_options(&o, argc, argv);
    read_excludes(&o, &conf);
    inputs_open(&f, argc - optind, argv + optind);
    inputs_model(&f, &m);
    inputs_observed(&f, &seen);
    if (quantize(&p, &m, &seen, &o.quant, &e) < 0)
        cli_die(&e);
    plan_pack(&p, &own.bytes[0], &own.bytes[1]);
    outputs_save(&f, &own, "dopt-quant", &p.options, 1, o.output, o.detached);
    buf_release(&own.bytes[0]);
    buf_release(&own.bytes[1]);
    free((void *)o.quant.exclude);
    plan_release(&p);
    observed_release(&seen);
    model_release(&m);
    dopt_release(&f);
    conf_release(&conf);
    return 0;
}
