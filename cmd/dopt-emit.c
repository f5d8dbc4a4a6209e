/* dopt-emit: model + plan into the quantized model and its param file. dopt-emit(1), DESIGN.md 7.
 * SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "guard.h"
#include "inputs.h"
#include "onnx/emit.h"
#include "param/param.h"
#include "tf/emit.h"
#include "torch/emit.h"

static const char usage[] =
    "usage: dopt-emit [-hV] [--as grid|qdq] [--float] [--to onnx] [--chain none|safe|all]\n"
    "                 [--param FILE] [--record FILE] [-o MODEL] [FILE ...]\n";

enum { AS = 256, FLOAT, TO, CHAIN, PARAM, RECORD };

struct options {
    struct emit_options emit;
    const char *output, *param, *record;
    bool onnx; /* whatever the model came as */
};

static void read_options(struct options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        { "as", required_argument, NULL, AS },       { "float", no_argument, NULL, FLOAT },
        { "to", required_argument, NULL, TO },       { "chain", required_argument, NULL, CHAIN },
        { "param", required_argument, NULL, PARAM }, { "record", required_argument, NULL, RECORD },
        { "output", required_argument, NULL, 'o' },  { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },       { NULL, 0, NULL, 0 },
    };
    int c, chain;

    *o = (struct options){ .emit = { EMIT_GRID, CHAIN_SAFE } };
    while ((c = getopt_long(argc, argv, "o:hV", longs, NULL)) != -1)
        switch (c) {
        case AS:
            if (strcmp(optarg, "grid") != 0 && strcmp(optarg, "qdq") != 0)
                cli_usage("--as: '%s' is not one of grid|qdq", optarg);
            o->emit.as = optarg[0] == 'g' ? EMIT_GRID : EMIT_QDQ;
            break;
        case FLOAT:
            o->emit.as = EMIT_FLOAT;
            break;
        case TO:
            if (strcmp(optarg, "onnx") != 0)
                cli_usage("--to: '%s' is not onnx", optarg);
            o->onnx = true;
            break;
        case CHAIN:
            chain = chain_find_name(optarg);
            if (chain < 0)
                cli_usage("--chain: '%s' is not one of none|safe|all", optarg);
            o->emit.chain = (enum chain)chain;
            break;
        case PARAM:
            o->param = optarg;
            break;
        case RECORD:
            o->record = optarg;
            break;
        case 'o':
            o->output = optarg;
            break;
        default:
            cli_option(c);
        }
    guard_distinct("--param", o->param, "-o", o->output);
    guard_distinct("--record", o->record, "-o", o->output);
    guard_distinct("--record", o->record, "--param", o->param);
    if (o->emit.as == EMIT_FLOAT && (o->param != NULL || o->record != NULL))
        cli_usage("--float writes no scales: leave --param and --record out");
}

/* In the framework it came in, or as ONNX. */
static int emit(const struct options *o, const struct model *m, const struct plan *p,
                struct out *out, struct err *e)
{
    if (m->framework == FRAMEWORK_PYTORCH && !o->onnx)
        return torch_emit(m, p, &o->emit, out, e);
    return m->framework == FRAMEWORK_TENSORFLOW && !o->onnx
               ? tf_emit(m, p, &o->emit, out, e)
               : onnx_emit(m, p, &o->emit, out, o->output, e);
}

/* All outputs are complete before the first takes its name. */
static void write_all(const struct options *o, const struct model *m, const struct plan *p)
{
    struct err e = { .status = ERR_INPUT };
    struct out model = { 0 }, param = { 0 }, record = { 0 };
    struct buf bytes = { 0 }, text = { 0 };
    int rc = -1;

    if (out_open(&model, o->output, &e) < 0 ||
        (o->param != NULL && out_open(&param, o->param, &e) < 0) ||
        (o->record != NULL && out_open(&record, o->record, &e) < 0))
        goto out;
    if (emit(o, m, p, &model, &e) < 0)
        goto out;
    if (o->param != NULL) {
        param_pack(p, &bytes);
        out_put(&param, bytes.data, bytes.size);
    }
    if (o->record != NULL) {
        param_record(p, &text);
        out_put(&record, text.data, text.size);
    }
    if (out_finish(&model, &e) < 0 || (o->param != NULL && out_finish(&param, &e) < 0) ||
        (o->record != NULL && out_finish(&record, &e) < 0))
        goto out;
    if (out_commit(&model, &e) < 0 || (o->param != NULL && out_commit(&param, &e) < 0) ||
        (o->record != NULL && out_commit(&record, &e) < 0))
        goto out;
    rc = 0;
out:
    out_release(&model);
    out_release(&param);
    out_release(&record);
    buf_release(&bytes);
    buf_release(&text);
    if (rc < 0)
        cli_die(&e);
}

/* No output is one of the inputs, nor the source that one of them links to. */
static void guard_inputs(const struct options *o, const struct model *m, char *const *paths, int n)
{
    const char *const outputs[][2] = { { "-o", o->output },
                                       { "--param", o->param },
                                       { "--record", o->record } };

    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < n; k++)
            guard_distinct(outputs[i][0], outputs[i][1], "an input", paths[k]);
        for (int k = 0; k < m->nlinks; k++)
            guard_distinct(outputs[i][0], outputs[i][1], "the model that the input links to",
                           m->links[k].path);
    }
}

int main(int argc, char **argv)
{
    struct err e = { .status = ERR_INPUT };
    struct dopt_file f;
    struct options o;
    struct model m;
    struct plan p;
    bool planned;

    cli_init("dopt-emit", usage);
    read_options(&o, argc, argv);
    inputs_open(&f, argc - optind, argv + optind);
    inputs_model(&f, &m);
    guard_inputs(&o, &m, argv + optind, argc - optind);
    planned = inputs_plan(&f, &p, o.emit.as != EMIT_FLOAT);
    if (planned && strcmp(p.model, m.digest) != 0) {
        err_set(&e, "the plan is of model %s, this is model %s", p.model, m.digest);
        cli_die(&e);
    }
    write_all(&o, &m, planned ? &p : NULL);
    if (planned)
        plan_release(&p);
    model_release(&m);
    dopt_release(&f);
    return 0;
}
