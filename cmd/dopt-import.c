/* dopt-import: a model of another framework becomes a dopt file. dopt-import(1).
 * SPDX-License-Identifier: Apache-2.0 */
#include <fnmatch.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "guard.h"
#include "conf/shapes.h"
#include "format/guess.h"
#include "format/model.h"
#include "onnx/import.h"
#include "onnx/quantized.h"
#include "tf/import.h"
#include "torch/import.h"

static const char usage[] =
    "usage: dopt-import [-hV] [--framework 3|5] [--input_shape SHAPES] [--link]\n"
    "                   [--out_nodes NAMES] [--weight FILE] [-o FILE] [MODEL]\n";

struct options {
    long framework; /* 0: by content */
    const char *input_shape, *out_nodes, *output;
    const char *entry;   /* of a PyTorch definition: the expression behind its name, or NULL */
    char *path, *weight; /* NULL: stdin; none */
    bool link;
};

static void parse(struct options *o, int argc, char **argv)
{
    enum { FRAMEWORK = 256, SHAPE, LINK, NODES, WEIGHT };
    static const struct option longs[] = {
        { "framework", required_argument, NULL, FRAMEWORK },
        { "help", no_argument, NULL, 'h' },
        { "input_shape", required_argument, NULL, SHAPE },
        { "input-shape", required_argument, NULL, SHAPE },
        { "link", no_argument, NULL, LINK },
        { "out_nodes", required_argument, NULL, NODES },
        { "out-nodes", required_argument, NULL, NODES },
        { "output", required_argument, NULL, 'o' },
        { "version", no_argument, NULL, 'V' },
        { "weight", required_argument, NULL, WEIGHT },
        { NULL, 0, NULL, 0 },
    };
    int c;

    *o = (struct options){ 0 };
    while ((c = getopt_long(argc, argv, "ho:V", longs, NULL)) != -1)
        switch (c) {
        case FRAMEWORK:
            o->framework = cli_number("--framework", optarg, 3);
            if (o->framework != 3 && o->framework != 5)
                cli_usage("--framework %ld: 3 is TensorFlow, 5 is PyTorch or ONNX", o->framework);
            break;
        case SHAPE:
            o->input_shape = optarg;
            break;
        case LINK:
            o->link = true;
            break;
        case NODES:
            o->out_nodes = optarg;
            break;
        case WEIGHT: /* of PyTorch; an ONNX model has its weights inside */
            o->weight = path_behind_link(optarg);
            break;
        case 'o':
            o->output = optarg;
            break;
        default:
            cli_option(c);
        }
    if (argc - optind > 1)
        cli_usage("one model at a time: '%s'?", argv[optind + 1]);
    if (optind < argc && strcmp(argv[optind], "-") != 0) {
        char *file = cli_model(argv[optind], &o->entry);

        o->path = path_behind_link(file);
        free(file);
    }
    if (o->output != NULL && strcmp(o->output, "-") == 0)
        o->output = NULL;
    if (o->link && (o->output == NULL || o->path == NULL))
        cli_usage("--link needs -o FILE and a MODEL file: a pipe has no place that a link could "
                  "start from");
    if (o->output == NULL && isatty(1))
        cli_usage("a dopt file is nothing for a terminal: -o FILE");
}

static const char *name_of(const struct options *o)
{
    return o->path == NULL ? "<stdin>" : o->path;
}

/* The definition is traced; its weights are a file of their own, which stays mapped. */
static int import_torch(const struct options *o, struct model *m, const struct shapes *shapes,
                        struct err *e)
{
    static struct blob weights;
    char *tracer;
    int rc;

    if (o->path == NULL)
        return err_set(e, "a PyTorch definition cannot come through a pipe: name its file");
    if (o->weight == NULL)
        return err_set(e, "%s: is a PyTorch definition: its weights are needed too, --weight FILE",
                       o->path);
    if (blob_open(&weights, o->weight, e) < 0)
        return -1;
    tracer = cli_share("tracer", "lib/torch/tracer");
    rc = torch_import(m, o->path,
                      &(struct torch_options){ tracer, o->entry, &weights, o->weight, shapes }, e);
    free(tracer);
    return rc;
}

/* By what the bytes are; 0, or -1 with the reason. */
static int import(const struct options *o, const struct blob *b, struct model *m,
                  const struct shapes *shapes, const struct out_nodes *nodes, struct err *e)
{
    enum format f = format_guess(b->data, b->size);
    const char *name = name_of(o);

    if (f == FORMAT_TEXT && o->path != NULL && fnmatch("*.py", o->path, 0) == 0)
        f = FORMAT_PYTHON; /* one that imports torch through another */
    if (o->entry != NULL && f != FORMAT_PYTHON)
        return err_set(e, "%s: is %s, not a PyTorch definition", name, format_name(f));
    switch (f) {
    case FORMAT_ONNX:
        if (o->framework == FRAMEWORK_TENSORFLOW)
            return err_set(e, "%s: is an ONNX model: use --framework 5", name);
        return onnx_import(m, b, o->path, &(struct import_options){ shapes, nodes }, e);
    case FORMAT_GRAPHDEF:
    case FORMAT_GRAPHDEF_TEXT:
        if (o->framework == FRAMEWORK_PYTORCH)
            return err_set(e, "%s: is a TensorFlow GraphDef: use --framework 3", name);
        return (f == FORMAT_GRAPHDEF ? tf_import : tf_import_text)(
            m, b, o->path, &(struct tf_options){ shapes, nodes }, e);
    case FORMAT_PYTHON:
        if (o->framework == FRAMEWORK_TENSORFLOW)
            return err_set(e, "%s: is a PyTorch definition: use --framework 5", name);
        return import_torch(o, m, shapes, e);
    case FORMAT_PTH:
        return err_set(e, "%s: is PyTorch weights: name the definition, and them with --weight",
                       name);
    case FORMAT_TORCHSCRIPT:
        return err_unsupported(
            e, "%s: is a TorchScript archive: give the definition (.py) and its weights", name);
    case FORMAT_SAVEDMODEL:
    case FORMAT_METAGRAPH:
    case FORMAT_CHECKPOINT:
        return format_unfrozen(name, f, e);
    case FORMAT_TFLITE:
    case FORMAT_HDF5:
        return err_unsupported(e, "%s: is %s, a frozen GraphDef (.pb) or an ONNX model is needed",
                               name, format_name(f));
    case FORMAT_DOPT:
        return err_set(e, "%s: is a dopt file already", name);
    default:
        return err_set(e, "%s: is %s, not a model", name, format_name(f));
    }
}

/* The options that change the result, as they were understood. */
static void record(struct dopt_file *f, const struct shapes *s, const struct out_nodes *o,
                   const char *entry)
{
    struct buf shapes = { 0 }, nodes = { 0 };
    const char *list[3];
    int n = 0;

    for (int i = 0; i < s->n; i++) {
        buf_printf(&shapes, "%s%s:", i ? ";" : "--input_shape=", s->items[i].name);
        for (int k = 0; k < s->items[i].shape.rank; k++)
            buf_printf(&shapes, "%s%lld", k ? "," : "", (long long)s->items[i].shape.dim[k]);
    }
    for (int i = 0; i < o->n; i++)
        buf_printf(&nodes, "%s%s", i ? ";" : "--out_nodes=", o->names[i]);
    if (s->n > 0)
        list[n++] = (const char *)shapes.data;
    if (o->n > 0)
        list[n++] = (const char *)nodes.data;
    if (entry != NULL)
        list[n++] = entry;
    dopt_record(f, "dopt-import", DOPT_VERSION, list, n);
    buf_release(&shapes);
    buf_release(&nodes);
}

int main(int argc, char **argv)
{
    struct options o;
    struct shapes shapes = { 0 };
    struct out_nodes nodes = { 0 };
    struct dopt_file f;
    struct model m;
    struct blob b;
    struct err e;
    int quantized;

    cli_init("dopt-import", usage);
    parse(&o, argc, argv);
    if (o.input_shape != NULL && shapes_read(&shapes, o.input_shape, &e) < 0)
        cli_usage("--input_shape: %s", e.msg);
    guard_distinct("-o", o.output, "the model", o.path);
    guard_distinct("-o", o.output, "--weight", o.weight);
    if (o.out_nodes != NULL && out_nodes_read(&nodes, o.out_nodes, &e) < 0)
        cli_usage("--out_nodes: %s", e.msg);
    if (format_folder(o.path, &e) < 0 || blob_open(&b, o.path, &e) < 0)
        cli_die(&e);
    model_init(&m);
    dopt_init(&f);
    if (import(&o, &b, &m, &shapes, &nodes, &e) < 0)
        cli_die(&e);
    quantized = onnx_quantized(&m, NULL);
    if (quantized > 0)
        warn("%s: is quantized already: %d tensors have scales (dopt-show prints them); it is read "
             "as the float model that it stands for",
             name_of(&o), quantized);
    model_add(&f, &m, o.link);
    record(&f, &shapes, &nodes, o.entry);
    if (dopt_save(&f, o.output, NULL, &e) < 0)
        cli_die(&e);
    dopt_release(&f);
    model_release(&m);
    blob_release(&b);
    free(o.path);
    free(o.weight);
    shapes_release(&shapes);
    out_nodes_release(&nodes);
    return o.output == NULL ? 0 : cli_finish();
}
