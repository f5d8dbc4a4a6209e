/* dopt-calpack: images and arrays into one 510, 610 or .npy calibration file, and looking into one.
 * man dopt-calpack(1); the formats: dopt-calset(5).
 * SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/ordered.h"
#include "calset/npy.h"
#include "calset/pack.h"
#include "calset/packed.h"
#include "calset/sheet.h"
#include "calset/stats.h"
#include "cli.h"
#include "conf/conf.h"
#include "pixels.h"

static const char usage[] =
    "usage: dopt-calpack [-0hvV] [-c config.prototxt [--input N]] [--count N] [--dims D,...]\n"
    "                    [--files-from LIST] [--fit stretch|crop|letterbox]\n"
    "                    [--format 510|610|npy] [--from N] [--gray] [--image-format BGR|RGB]\n"
    "                    [-j N] [--layout NCHW|NHWC] [--max-pixels N] [--mean a,b,c]\n"
    "                    [--no-resize] [--resize linear|area|nearest|cubic] [--shuffle SEED]\n"
    "                    [--size HxW] [--skip-broken] [--std s]\n"
    "                    [--list | --sheet OUT.png | -o OUT] [SOURCE ...]\n"
    "       dopt-calpack --info|--verify|--cat [--layout NCHW|NHWC] [FILE ...]\n"
    "       dopt-calpack --to-npy [-o OUT.npy] [FILE]\n";

enum mode { PACK, LIST, SHEET, INFO, VERIFY, CAT, TO_NPY, MODES };
enum { MAX_CHANNELS = 3 };

struct options {
    int mode, format, block; /* format 0: by the shape */
    long jobs;
    bool null, verbose, ordered; /* ordered: --image-format is given */
    const char *config, *output, *sheet, *list;
    /* The last option that chose the mode, that only packing has, that config settles itself, and
     * that only images can follow. */
    const char *chosen, *packing, *pixels, *images;
    struct pack_options pack;
    float means[MAX_CHANNELS], stds[MAX_CHANNELS];
};

enum {
    COUNT = 256,
    DIMS,
    FILES_FROM,
    FORMAT,
    FROM,
    GRAY,
    IMAGE_FORMAT,
    INPUT,
    LAYOUT,
    MEAN,
    SHEET_TO,
    SHUFFLE,
    SIZE,
    SKIP_BROKEN,
    STD,
    MODE, /* + enum mode */
};

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

/* The dims of a sample: D,D,… or DxDx… */
static void set_dims(struct shape *s, const char *text)
{
    *s = (struct shape){ 0 };
    for (const char *p = text;; p++) {
        char *end;
        long v = strtol(p, &end, 10);

        if (end == p || v < 1 || s->rank == RANK_MAX - 1 ||
            (*end != ',' && *end != 'x' && *end != '\0'))
            cli_usage(
                "--dims: '%s' is not the dims of a sample, at most %d of them, as in 3,224,224",
                text, RANK_MAX - 1);
        s->dim[s->rank++] = v;
        p = end;
        if (*p == '\0')
            break;
    }
    if (shape_count(s) < 0 || shape_count(s) > INT32_MAX)
        cli_usage("--dims: '%s' is too large", text);
}

static int set_format(const char *text)
{
    if (strcmp(text, "npy") == 0)
        return PACKED_NPY;
    if (strcmp(text, "510") != 0 && strcmp(text, "610") != 0)
        cli_usage("--format: '%s' is neither 510, 610 nor npy", text);
    return atoi(text);
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

static void set_mode(struct options *o, enum mode mode, const char *name)
{
    if (o->mode != PACK && o->mode != (int)mode)
        cli_usage("--%s and --%s exclude each other", o->chosen, name);
    o->mode = mode;
    o->chosen = name;
}

static void set_option(struct options *o, int c, const char *name)
{
    struct images_options *io = &o->pack.images;

    switch (c) {
    case COUNT:
        o->pack.count = cli_number("--count", optarg, 1);
        break;
    case DIMS:
        o->pack.reshape = true;
        set_dims(&o->pack.dims, optarg);
        break;
    case FILES_FROM:
        o->list = optarg;
        break;
    case FORMAT:
        o->format = set_format(optarg);
        break;
    case FROM:
        o->pack.from = cli_number("--from", optarg, 0);
        break;
    case GRAY:
        io->channels = 1;
        o->images = name;
        break;
    case IMAGE_FORMAT:
        io->rgb = word("--image-format", optarg, "BGR", "RGB");
        o->ordered = true;
        o->pixels = o->images = name;
        break;
    case INPUT:
        o->block = (int)cli_number("--input", optarg, 1);
        break;
    case LAYOUT:
        io->nhwc = word("--layout", optarg, "NCHW", "NHWC");
        break;
    case MEAN:
        io->nmeans = numbers("--mean", optarg, -3.4e38, o->means);
        o->pixels = name;
        break;
    case SHEET_TO:
        set_mode(o, SHEET, name);
        o->sheet = optarg;
        break;
    case SHUFFLE:
        o->pack.shuffle = true;
        o->pack.seed = (uint64_t)cli_number("--shuffle", optarg, 0);
        break;
    case SIZE:
        set_size(io, optarg);
        o->images = name;
        break;
    case SKIP_BROKEN:
        io->skip_broken = true;
        break;
    case STD:
        io->nstds = numbers("--std", optarg, 0, o->stds);
        o->pixels = name;
        break;
    case '0':
        o->null = true;
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
    case 'v':
        o->verbose = true;
        break;
    default:
        if (c >= MODE && c < MODE + MODES)
            set_mode(o, c - MODE, name);
        else if (!pixels_option(&io->image, c, optarg))
            cli_option(c);
    }
}

/* Options that contradict each other, or that would do nothing. */
static void options_agree(const struct options *o)
{
    const struct images_options *io = &o->pack.images;

    if (o->mode >= INFO && o->packing != NULL)
        cli_usage("--%s: --%s takes a file as it is", o->packing, o->chosen);
    if (o->format != 0 && o->mode != PACK)
        cli_usage("--format: only what is packed has one");
    if (io->channels == 1 && o->ordered)
        cli_usage("--image-format: with --gray there is one channel, which has no order");
    if (io->width == 0 && (io->image.fit != FIT_STRETCH || io->image.kernel != KERNEL_LINEAR))
        cli_usage("--fit and --resize: nothing is resized without --size");
    if (o->block > 0 && o->config == NULL)
        cli_usage("--input: numbers the blocks of a --config");
    if (o->format == 510 && io->nhwc)
        cli_usage("--format 510 is NCHW by definition; NHWC samples need --format 610");
    if (o->config != NULL && o->pixels != NULL)
        cli_usage("--%s is the config's to say, in its block", o->pixels);
    if (o->config != NULL && o->pack.reshape)
        cli_usage("--dims: with --config the samples are as its block names them");
    if (o->output != NULL && o->mode != PACK && o->mode != TO_NPY)
        cli_usage("-o %s: only what is packed goes into a file", o->output);
}

static void options_check(struct options *o)
{
    struct images_options *io = &o->pack.images;
    size_t n = o->output == NULL ? 0 : strlen(o->output);

    options_agree(o);
    io->means = o->means;
    io->stds = o->stds;
    if (io->nmeans == 1 && io->channels == 3) {
        io->nmeans = 3;
        o->means[1] = o->means[2] = o->means[0];
    }
    if (io->nmeans > io->channels || io->nmeans == 2)
        cli_usage("--mean: %d numbers for %d channels", io->nmeans, io->channels);
    if (io->nstds != 1 && io->nstds != 0 && io->nstds != io->channels)
        cli_usage("--std: %d numbers for %d channels", io->nstds, io->channels);
    if (o->format == 0 && n > 4 && strcmp(o->output + n - 4, ".npy") == 0)
        o->format = PACKED_NPY;
    if (o->null && o->list == NULL)
        o->list = "-";
    o->pack.names = o->mode == LIST;
}

/* Whether an option has no meaning for what only reads a file back. */
static bool is_packing(int c)
{
    return c != 'j' && c != 'o' && c != 'v' && c != LAYOUT && c != SHEET_TO &&
           !(c >= MODE && c < MODE + MODES);
}

static const char *option_name(const struct option *longs, int c)
{
    while (longs->name != NULL && longs->val != c)
        longs++;
    return longs->name;
}

static void options_read(struct options *o, int argc, char **argv)
{
    const struct option longs[] = {
        { "null", no_argument, NULL, '0' },
        { "config", required_argument, NULL, 'c' },
        { "count", required_argument, NULL, COUNT },
        { "dims", required_argument, NULL, DIMS },
        { "files-from", required_argument, NULL, FILES_FROM },
        { "format", required_argument, NULL, FORMAT },
        { "from", required_argument, NULL, FROM },
        { "gray", no_argument, NULL, GRAY },
        { "image-format", required_argument, NULL, IMAGE_FORMAT },
        { "input", required_argument, NULL, INPUT },
        { "jobs", required_argument, NULL, 'j' },
        { "layout", required_argument, NULL, LAYOUT },
        { "mean", required_argument, NULL, MEAN },
        { "output", required_argument, NULL, 'o' },
        { "sheet", required_argument, NULL, SHEET_TO },
        { "shuffle", required_argument, NULL, SHUFFLE },
        { "size", required_argument, NULL, SIZE },
        { "skip-broken", no_argument, NULL, SKIP_BROKEN },
        { "std", required_argument, NULL, STD },
        PIXELS_OPTIONS,
        { "list", no_argument, NULL, MODE + LIST },
        { "info", no_argument, NULL, MODE + INFO },
        { "verify", no_argument, NULL, MODE + VERIFY },
        { "cat", no_argument, NULL, MODE + CAT },
        { "to-npy", no_argument, NULL, MODE + TO_NPY },
        { "verbose", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { 0 },
    };
    int c;

    *o = (struct options){ .jobs = sysconf(_SC_NPROCESSORS_ONLN) };
    o->pack.images.channels = 3;
    o->pack.count = -1;
    while ((c = getopt_long(argc, argv, "0c:hj:o:vV", longs, NULL)) != -1) {
        const char *name = option_name(longs, c);

        set_option(o, c, name);
        if (is_packing(c))
            o->packing = name;
    }
    options_check(o);
}

/* A run over the samples, in their order. */
struct packing {
    const struct options *o;
    struct pack pack;
    struct packed packed;
    struct sheet *sheet;
    long done, skipped;
};

static int sample_make(void *ctx, long i, void *item, struct err *e)
{
    struct packing *p = ctx;

    return p->o->mode == LIST ? pack_get(&p->pack, i, NULL, item, e)
                              : pack_get(&p->pack, i, item, NULL, e);
}

static void sample_take(void *ctx, long i, const void *item)
{
    struct packing *p = ctx;

    if (p->o->mode == LIST) {
        char *name = *(char *const *)item;

        printf("%ld\t", p->done);
        names_print(stdout, name);
        putchar('\n');
        free(name);
    } else if (p->o->mode == SHEET) {
        sheet_add(p->sheet, item);
    } else {
        packed_put(&p->packed, item);
    }
    p->done++;
    cli_progress(i + 1, p->pack.n, "samples");
}

static void sample_drop(void *ctx, long i, const struct err *e)
{
    struct packing *p = ctx;

    warn("%s: left out", e->msg);
    p->skipped++;
    cli_progress(i + 1, p->pack.n, "samples");
}

/* The names in a list, one a line, or ended by a NUL each. */
static int list_add(struct pack *p, const char *path, bool null, struct err *e)
{
    const char end = null ? '\0' : '\n';
    struct blob b;
    int rc = 0;

    if (blob_open(&b, path, e) < 0)
        return -1;
    for (size_t at = 0; rc == 0 && at < b.size;) {
        const uint8_t *last = memchr(b.data + at, end, b.size - at);
        size_t n = last == NULL ? b.size - at : (size_t)(last - (b.data + at));
        char *name = mem_printf("%.*s", (int)n, (const char *)b.data + at);

        if (n > 0)
            rc = pack_add(p, name, e);
        free(name);
        at += n + 1;
    }
    blob_release(&b);
    if (rc == 0 && p->nparts == 0)
        err_set(e, "%s: holds no name", strcmp(path, "-") == 0 ? "<stdin>" : path);
    return rc < 0 || p->nparts == 0 ? -1 : 0;
}

static int pack_open(struct pack *p, const struct options *o, char **args, struct conf *conf,
                     struct err *e)
{
    if (o->config != NULL)
        return conf_read(conf, o->config, e) < 0
                   ? -1
                   : pack_add_conf(p, conf, o->block > 0 ? o->block : 1, e);
    if (*args == NULL && o->list == NULL)
        return pack_add(p, "-", e);
    for (; *args != NULL; args++)
        if (pack_add(p, *args, e) < 0)
            return -1;
    return o->list == NULL ? 0 : list_add(p, o->list, o->null, e);
}

/* What shapes images does nothing to arrays: where there are only those, it is a mistake. */
static int images_check(const struct pack *p, const struct options *o, struct err *e)
{
    if (o->images == NULL || pack_pictures(p))
        return 0;
    err_set(e, "--%s: is for images, but there are only arrays, which are packed as they are",
            o->images);
    e->status = ERR_USAGE;
    return -1;
}

static int sheet_write(const struct packing *p, struct err *e)
{
    struct buf png = { 0 };
    struct image im;
    struct out out;
    int rc = -1;

    sheet_draw(p->sheet, &im);
    image_write_png(&png, &im);
    if (out_open(&out, p->o->sheet, e) == 0) {
        out_put(&out, png.data, png.size);
        rc = out_commit(&out, e);
        out_release(&out);
    }
    buf_release(&png);
    image_release(&im);
    return rc;
}

/* One line of what was done, for a person. */
static void summary_print(const struct packing *p)
{
    const struct options *o = p->o;
    long resized = pack_resized(&p->pack);
    char text[200];

    if (p->skipped > 0)
        warn("%ld broken image%s left out, %ld sample%s packed", p->skipped,
             p->skipped == 1 ? "" : "s", p->done, p->done == 1 ? "" : "s");
    if (o->mode != PACK || (!o->verbose && !isatty(2)))
        return;
    fprintf(stderr, "dopt-calpack: %s: %ld samples of %s",
            o->output == NULL ? "<stdout>" : o->output, p->done, shape_text(&p->pack.sample, text));
    if (resized > 0)
        fprintf(stderr, ", %ld resized", resized);
    fputc('\n', stderr);
}

static int results_open(struct packing *p, struct err *e)
{
    int format = p->o->format;
    bool nhwc = p->o->pack.images.nhwc;
    long n = p->o->pack.images.skip_broken ? -1 : p->pack.n; /* -1: there may be fewer */

    if (p->o->mode == SHEET)
        p->sheet = sheet_new(&p->pack.sample, nhwc);
    if (p->o->mode != PACK)
        return 0;
    if (format == 0)
        format = p->pack.sample.rank == 3 && !nhwc ? 510 : 610;
    return packed_open(&p->packed, p->o->output, format, &p->pack.sample, n, e);
}

static int pack_run(const struct options *o, char **args, struct err *e)
{
    struct packing p = { .o = o };
    struct ordered run = { sample_make, sample_take, &p, sample_drop };
    struct conf conf = { 0 };
    long n;
    int rc = -1;

    pack_init(&p.pack, &o->pack);
    if (pack_open(&p.pack, o, args, &conf, e) < 0 || images_check(&p.pack, o, e) < 0 ||
        pack_begin(&p.pack, e) < 0 || results_open(&p, e) < 0)
        goto out;
    n = p.pack.n < 0 ? LONG_MAX : p.pack.n;
    if (o->mode == SHEET && n > SHEET_MAX)
        n = SHEET_MAX;
    if (ordered_run(&run, n,
                    o->mode == LIST ? sizeof(char *)
                                    : (size_t)shape_count(&p.pack.sample) * sizeof(float),
                    (int)o->jobs, e) < 0)
        goto out;
    cli_progress(0, 0, "");
    if (p.done == 0) {
        if (p.skipped > 0)
            err_set(e, "no sample is left: %ld broken", p.skipped);
        else
            err_set(e, "there are no samples from %ld on, counted from 0", o->pack.from);
        goto out;
    }
    rc = o->mode == LIST ? 0 : o->mode == SHEET ? sheet_write(&p, e) : packed_commit(&p.packed, e);
    if (rc == 0)
        summary_print(&p);
out:
    if (p.sheet != NULL)
        sheet_free(p.sheet);
    pack_release(&p.pack);
    conf_release(&conf);
    packed_release(&p.packed);
    return rc;
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
        stats_print(&a, o->pack.images.nhwc, stdout);
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
    if (o.config != NULL && o.list != NULL)
        cli_usage("--files-from: with --config the samples are those that its block names");
    if ((o.mode == PACK || o.mode == TO_NPY) && o.output == NULL && isatty(1))
        cli_usage("the output is binary: name a file with -o, or pipe it");
    if (o.mode == PACK || o.mode == SHEET || o.mode == LIST) {
        if (pack_run(&o, args, &e) < 0)
            cli_die(&e);
        return o.mode == LIST ? cli_finish() : 0;
    }
    do
        if (look(&o, *args == NULL ? "-" : *args, &e) < 0)
            cli_die(&e);
    while (*args != NULL && *++args != NULL);
    return o.mode == TO_NPY ? 0 : cli_finish();
}
