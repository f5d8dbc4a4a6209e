/* dopt-calpack: images and arrays into one 510 or 610 calibration bin, and looking into one.
 * man dopt-calpack(1); the formats: dopt-calset(5).
 * SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/ordered.h"
#include "calset/bin.h"
#include "calset/npy.h"
#include "calset/pack.h"
#include "cli.h"
#include "conf/conf.h"

static const char usage[] =
    "usage: dopt-calpack [-hV] [-c config.prototxt [--input N]] [--fit stretch|crop|letterbox]\n"
    "                    [--format 510|610] [--gray] [--image-format BGR|RGB] [-j N]\n"
    "                    [--layout NCHW|NHWC] [--mean a,b,c] [--no-resize] [--size HxW]\n"
    "                    [--std s] [-o OUT.bin] [FILE|FOLDER ...]\n"
    "       dopt-calpack --info|--verify|--cat [FILE ...]\n"
    "       dopt-calpack --to-npy [-o OUT.npy] [FILE]\n";

enum mode { PACK, INFO, VERIFY, CAT, TO_NPY };
enum { MAX_CHANNELS = 3 };

struct options {
    int mode, format, block; /* format 0: by the shape */
    long jobs;
    const char *config, *output, *pixels; /* pixels: the last option that config settles itself */
    struct images_options images;
    float means[MAX_CHANNELS], stds[MAX_CHANNELS];
};

enum { FIT = 256, FORMAT, GRAY, IMAGE_FORMAT, LAYOUT, MEAN, NO_RESIZE, SIZE, STD, INPUT };

static int numbers(const char *option, const char *text, double least, float out[MAX_CHANNELS])
{
    int n = 0;

    for (const char *p = text;; p++) {
        char *end;
        double v = strtod(p, &end);

        if (end == p || (*end != ',' && *end != '\0') || !isfinite(v) || v < least ||
            n == MAX_CHANNELS)
            cli_usage("%s: '%s': give one number, or one for each of up to %d channels: a,b,c",
                      option, text, MAX_CHANNELS);
        out[n++] = (float)v;
        p = end;
        if (*p == '\0')
            return n;
    }
}

/* The index of a word among two. */
static int word(const char *option, const char *text, const char *first, const char *second)
{
    if (strcmp(text, first) != 0 && strcmp(text, second) != 0)
        cli_usage("%s: '%s' is neither %s nor %s", option, text, first, second);
    return strcmp(text, second) == 0;
}

static void set_size(struct images_options *io, const char *text)
{
    char *end, *last;
    long h = strtol(text, &end, 10), w = *end == 'x' ? strtol(end + 1, &last, 10) : 0;

    if (w < 1 || h < 1 || *last != '\0' || w > IMAGE_PIXELS_MAX || h > IMAGE_PIXELS_MAX / w)
        cli_usage("--size: '%s' is not HEIGHTxWIDTH, as in 224x224", text);
    io->height = (int)h;
    io->width = (int)w;
}

static void set_option(struct options *o, int c, const char *name)
{
    struct images_options *io = &o->images;

    switch (c) {
    case FIT:
        if (!image_fit_from(&io->fit, optarg))
            cli_usage("--fit: '%s' is neither stretch, crop nor letterbox", optarg);
        break;
    case FORMAT:
        o->format = word("--format", optarg, "510", "610") ? 610 : 510;
        break;
    case GRAY:
        io->channels = 1;
        break;
    case IMAGE_FORMAT:
        io->rgb = word("--image-format", optarg, "BGR", "RGB");
        o->pixels = name;
        break;
    case LAYOUT:
        io->nhwc = word("--layout", optarg, "NCHW", "NHWC");
        break;
    case MEAN:
        io->nmeans = numbers("--mean", optarg, -3.4e38, o->means);
        o->pixels = name;
        break;
    case NO_RESIZE:
        io->no_resize = true;
        break;
    case SIZE:
        set_size(io, optarg);
        break;
    case STD:
        io->nstds = numbers("--std", optarg, 0, o->stds);
        o->pixels = name;
        break;
    case INPUT:
        o->block = (int)cli_number("--input", optarg, 1);
        break;
    case 'c':
        o->config = optarg;
        break;
    case 'j':
        o->jobs = cli_number("-j", optarg, 1);
        break;
    case 'o':
        o->output = optarg;
        break;
    case 'h':
        cli_help();
    case 'V':
        cli_version();
    default:
        cli_usage("see the options below");
    }
}

static void options_read(struct options *o, int argc, char **argv)
{
    const struct option longs[] = {
        { "config", required_argument, NULL, 'c' },
        { "fit", required_argument, NULL, FIT },
        { "format", required_argument, NULL, FORMAT },
        { "gray", no_argument, NULL, GRAY },
        { "image-format", required_argument, NULL, IMAGE_FORMAT },
        { "input", required_argument, NULL, INPUT },
        { "jobs", required_argument, NULL, 'j' },
        { "layout", required_argument, NULL, LAYOUT },
        { "mean", required_argument, NULL, MEAN },
        { "no-resize", no_argument, NULL, NO_RESIZE },
        { "output", required_argument, NULL, 'o' },
        { "size", required_argument, NULL, SIZE },
        { "std", required_argument, NULL, STD },
        { "info", no_argument, &o->mode, INFO },
        { "verify", no_argument, &o->mode, VERIFY },
        { "cat", no_argument, &o->mode, CAT },
        { "to-npy", no_argument, &o->mode, TO_NPY },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { 0 },
    };
    int c, at = 0;

    *o =
        (struct options){ .images.channels = 3, .jobs = sysconf(_SC_NPROCESSORS_ONLN), .block = 1 };
    while ((c = getopt_long(argc, argv, "c:hj:o:V", longs, &at)) != -1)
        if (c != 0)
            set_option(o, c, longs[at].name);
    o->images.means = o->means;
    o->images.stds = o->stds;
    if (o->images.nmeans == 1 && o->images.channels == 3) {
        o->images.nmeans = 3;
        o->means[1] = o->means[2] = o->means[0];
    }
    if (o->images.nmeans > o->images.channels || o->images.nmeans == 2)
        cli_usage("--mean: %d numbers for %d channels", o->images.nmeans, o->images.channels);
    if (o->images.nstds != 1 && o->images.nstds != 0 && o->images.nstds != o->images.channels)
        cli_usage("--std: %d numbers for %d channels", o->images.nstds, o->images.channels);
    if (o->format == 510 && o->images.nhwc)
        cli_usage("--format 510 is NCHW by definition; NHWC samples need --format 610");
    if (o->config != NULL && o->pixels != NULL)
        cli_usage("--%s is the config's to say, in its block", o->pixels);
}

struct packing {
    struct pack pack;
    struct out out;
    size_t size; /* bytes of a sample */
};

static int sample_make(void *ctx, long i, void *item, struct err *e)
{
    return pack_get(&((struct packing *)ctx)->pack, i, item, e);
}

static void sample_take(void *ctx, long i, const void *item)
{
    struct packing *p = ctx;

    out_put(&p->out, item, p->size);
    cli_progress(i + 1, p->pack.n, "samples");
}

static int pack_open(struct pack *p, const struct options *o, char **args, struct conf *conf,
                     struct err *e)
{
    if (o->config != NULL)
        return conf_read(conf, o->config, e) < 0 ||
                       pack_add_conf(p, conf, o->block, &o->images, e) < 0
                   ? -1
                   : 0;
    if (*args == NULL)
        return pack_add(p, "-", e);
    for (; *args != NULL; args++)
        if (pack_add(p, *args, e) < 0)
            return -1;
    return 0;
}

/* The header for n samples; the format that was not asked for is 510 where it can be. */
static int header_put(struct out *out, int format, const struct pack *p, bool nhwc, struct err *e)
{
    struct shape s = { .rank = p->sample.rank + 1 };
    struct buf head = { 0 };
    char text[200];

    s.dim[0] = p->n;
    memcpy(s.dim + 1, p->sample.dim, (size_t)p->sample.rank * sizeof *s.dim);
    shape_text(&s, text);
    if (format == 0)
        format = s.rank == 4 && !nhwc ? 510 : 610;
    if (format == 510 && s.rank != 4)
        return err_set(e, "%s is not N x C x H x W, which --format 510 needs; use 610", text);
    for (int i = 0; i < s.rank; i++)
        if (s.dim[i] > INT32_MAX)
            return err_set(e, "%s: a dim does not fit in the header's 32 bits", text);
    bin_header(&head, format, &s);
    out_put(out, head.data, head.size);
    buf_release(&head);
    return 0;
}

static int pack_write(const struct options *o, char **args, struct err *e)
{
    struct packing p = { 0 };
    struct ordered run = { sample_make, sample_take, &p };
    struct conf conf = { 0 };
    int rc = -1;

    if (pack_open(&p.pack, o, args, &conf, e) < 0 || pack_begin(&p.pack, &o->images, e) < 0)
        goto out;
    p.size = (size_t)shape_count(&p.pack.sample) * sizeof(float);
    if (out_open(&p.out, o->output, e) < 0 ||
        header_put(&p.out, o->format, &p.pack, o->images.nhwc, e) < 0 ||
        ordered_run(&run, p.pack.n, p.size, (int)o->jobs, e) < 0)
        goto out;
    rc = out_commit(&p.out, e);
out:
    pack_release(&p.pack);
    conf_release(&conf);
    out_release(&p.out);
    return rc;
}

/* One line of --info: every `channels`-th run of `inner` elements, from `channel` on. */
static void stats_print(const struct array *a, size_t channel, size_t channels, size_t inner)
{
    size_t n = tensor_size(&a->tensor) / dtype_size(a->tensor.dtype), count = 0, nans = 0;
    double min = INFINITY, max = -INFINITY, sum = 0, squares = 0, mean;

    for (int pass = 0; pass < 2; pass++) {
        mean = count == 0 ? 0 : sum / (double)count;
        for (size_t at = channel * inner; at < n; at += channels * inner)
            for (size_t i = at; i < at + inner; i++) {
                double v = tensor_get(&a->tensor, i);

                if (pass == 1) {
                    squares += isnan(v) ? 0 : (v - mean) * (v - mean);
                } else if (isnan(v)) {
                    nans++;
                } else {
                    min = v < min ? v : min;
                    max = v > max ? v : max;
                    sum += v;
                    count++;
                }
            }
    }
    if (count == 0)
        min = max = mean = NAN;
    printf("\t%zu\t%.9g\t%.9g\t%.9g\t%.9g\t%zu\n", channel, min, max, mean,
           count == 0 ? (double)NAN : sqrt(squares / (double)count), nans);
}

static void info_print(const struct array *a)
{
    const struct shape *s = &a->tensor.shape;
    size_t channels = a->bin == 510 ? (size_t)s->dim[1] : 1;
    size_t inner = a->bin == 510 ? (size_t)(s->dim[2] * s->dim[3])
                                 : tensor_size(&a->tensor) / dtype_size(a->tensor.dtype);
    char text[200];

    if (a->bin != 0)
        printf("%s: %d %s\n", a->name, a->bin, shape_text(s, text));
    else
        printf("%s: %s %s\n", a->name, dtype_name(a->tensor.dtype), shape_text(s, text));
    printf("\tchannel\tmin\tmax\tmean\tstd\tnan\n");
    for (size_t c = 0; c < channels; c++)
        stats_print(a, c, channels, inner);
}

/* One line a sample. */
static void cat_print(const struct array *a)
{
    size_t stride = array_stride(a), n = (size_t)array_entries(a) * stride;

    for (size_t i = 0; i < n; i++)
        printf("%.9g%c", tensor_get(&a->tensor, i), (i + 1) % stride == 0 ? '\n' : ' ');
}

static int npy_write(const struct array *a, const char *path, struct err *e)
{
    struct buf head = { 0 };
    struct out out;
    int rc;

    if (out_open(&out, path, e) < 0)
        return -1;
    npy_header(&head, a->tensor.dtype, &a->tensor.shape);
    out_put(&out, head.data, head.size);
    out_put(&out, a->tensor.data, tensor_size(&a->tensor));
    buf_release(&head);
    rc = out_commit(&out, e);
    out_release(&out);
    return rc;
}

/* The modes that read a file back. */
static int look(const struct options *o, const char *path, struct err *e)
{
    struct array a;
    int rc = array_open(&a, path, NULL, e);

    if (rc == 0 && o->mode == INFO)
        info_print(&a);
    else if (rc == 0 && o->mode == CAT)
        cat_print(&a);
    else if (rc == 0 && o->mode == TO_NPY)
        rc = npy_write(&a, o->output, e);
    array_release(&a);
    return rc;
}

int main(int argc, char **argv)
{
    struct options o;
    struct err e;
    char **args;

    cli_init("dopt-calpack", usage);
    options_read(&o, argc, argv);
    args = argv + optind;
    if (o.mode == TO_NPY && argc - optind > 1)
        cli_usage("--to-npy takes one file");
    if (o.config != NULL && *args != NULL)
        cli_usage("%s: with --config the samples are those that its block names", *args);
    if ((o.mode == PACK || o.mode == TO_NPY) && o.output == NULL && isatty(1))
        cli_usage("the output is binary: name a file with -o, or pipe it");
    if (o.mode == PACK) {
        if (pack_write(&o, args, &e) < 0)
            cli_die(&e);
        return 0;
    }
    do
        if (look(&o, *args == NULL ? "-" : *args, &e) < 0)
            cli_die(&e);
    while (*args != NULL && *++args != NULL);
    return o.mode == TO_NPY ? 0 : cli_finish();
}
