/* dopt-show: any file of the pipeline as stable text. dopt-show(1).
 * SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calset/bin.h"
#include "calset/npy.h"
#include "cli.h"
#include "format/guess.h"
#include "format/model.h"
#include "format/show.h"
#include "observe/observed.h"
#include "param/param.h"
#include "parts.h"
#include "quant/plan.h"
#include "torch/weights.h"

static const char usage[] = "usage: dopt-show [-hV] [--names] [FILE ...]\n"
                            "       dopt-show --part calibration|quantization CONFIG\n";

struct show {
    struct dopt_file f;
    struct blob b;
    struct buf out; /* printed when it is whole: an error leaves nothing half printed */
    bool names;
};

static int show_model(struct show *s, const struct section *x, struct err *e)
{
    struct model m;
    int rc;

    (void)x;
    model_init(&m);
    rc = model_read(&m, &s->f, e);
    if (rc == 0 && s->names)
        model_show_names(&m, &s->out);
    else if (rc == 0)
        model_show(&m, &s->out);
    model_release(&m);
    return rc;
}

static int show_observed(struct show *s, const struct section *x, struct err *e)
{
    struct observed o = { 0 };

    if (observed_unpack(&o, x->p, x->size, e) < 0)
        return -1;
    observed_show(&o, &s->out);
    observed_release(&o);
    return 0;
}

static int show_plan(struct show *s, const struct section *x, struct err *e)
{
    const struct section *q = dopt_find(&s->f, "QDATA");
    struct plan p;

    if (q == NULL)
        return err_set(e, "PLAN without QDATA");
    if (plan_unpack(&p, x->p, x->size, q->p, q->size, e) < 0)
        return -1;
    plan_show(&p, &s->out);
    plan_release(&p);
    return 0;
}

static const struct {
    const char *tag;
    int (*show)(struct show *s, const struct section *x, struct err *e);
} sections[] = {
    { "MODEL", show_model },
    { "OBSERVED", show_observed },
    { "PLAN", show_plan },
};

static int show_dopt(struct show *s, const char *path, struct err *e)
{
    const struct dopt_file *f = &s->f;

    dopt_init(&s->f);
    if (dopt_take(&s->f, path, &s->b, e) < 0)
        return -1;
    s->b = (struct blob){ 0 };
    if (s->names)
        return show_model(s, NULL, e);
    for (int i = 0; i < f->nrecords; i++) {
        buf_printf(&s->out, "history %s %s", f->records[i].tool, f->records[i].version);
        for (int k = 0; k < f->records[i].noptions; k++)
            buf_printf(&s->out, " %s", f->records[i].options[k]);
        buf_printf(&s->out, "\n");
    }
    for (int i = 0; i < f->nsections; i++)
        buf_printf(&s->out, "section %s %llu bytes\n", f->sections[i].tag,
                   (unsigned long long)f->sections[i].size);
    for (size_t k = 0; k < sizeof sections / sizeof *sections; k++) {
        const struct section *x = dopt_find(f, sections[k].tag);

        if (x != NULL && sections[k].show(s, x, e) < 0)
            return -1;
    }
    return 0;
}

static int show_bin(struct show *s, const char *path, struct err *e)
{
    struct bin b;
    char text[200];

    (void)path;
    if (bin_read(&b, s->b.data, s->b.size, e) < 0)
        return -1;
    buf_printf(&s->out, "bin %d float32 %s\n", b.format, shape_text(&b.shape, text));
    return 0;
}

static int show_npy(struct show *s, const char *path, struct err *e)
{
    struct tensor t;
    void *owned;
    char text[200];

    (void)path;
    if (npy_read(&t, &owned, s->b.data, s->b.size, e) < 0)
        return -1;
    buf_printf(&s->out, "npy %s %s\n", dtype_name(t.dtype), shape_text(&t.shape, text));
    free(owned);
    return 0;
}

static int show_npz(struct show *s, const char *path, struct err *e)
{
    struct npz z;
    char text[200];

    (void)path;
    if (npz_read(&z, s->b.data, s->b.size, NULL, e) < 0)
        return -1;
    for (size_t i = 0; i < z.narrays; i++)
        buf_printf(&s->out, "npz %s %s %s\n", z.arrays[i].name,
                   dtype_name(z.arrays[i].tensor.dtype),
                   shape_text(&z.arrays[i].tensor.shape, text));
    npz_release(&z);
    return 0;
}

static int show_param(struct show *s, const char *path, struct err *e)
{
    (void)path;
    return param_show(s->b.data, s->b.size, &s->out, e);
}

static int show_weights(struct show *s, const char *path, struct err *e)
{
    struct arena a = { 0 };
    struct weights w;
    int rc;

    (void)path;
    rc = weights_read(&w, &a, &s->b, e);
    if (rc == 0)
        weights_show(&w, &s->out);
    weights_release(&w);
    arena_release(&a);
    return rc;
}

/* A model that has not been imported: only what it is. */
static int show_kind(struct show *s, const char *path, struct err *e)
{
    enum format f = format_guess(s->b.data, s->b.size);

    (void)path;
    if (f == FORMAT_UNKNOWN || f == FORMAT_EMPTY)
        return err_set(e, "is %s", format_name(f));
    buf_printf(&s->out, "%s, %zu bytes\n", format_name(f), s->b.size);
    return 0;
}

static const struct {
    enum format format;
    int (*show)(struct show *s, const char *path, struct err *e);
} formats[] = {
    { FORMAT_DOPT, show_dopt },   { FORMAT_BIN510, show_bin }, { FORMAT_BIN610, show_bin },
    { FORMAT_NPY, show_npy },     { FORMAT_NPZ, show_npz },    { FORMAT_PARAM, show_param },
    { FORMAT_PTH, show_weights },
};

static void show_file(struct show *s, const char *path)
{
    struct err e = { .status = ERR_INPUT };
    int (*show)(struct show *, const char *, struct err *) = show_kind;
    enum format f;

    if (blob_open(&s->b, path, &e) < 0)
        cli_die(&e);
    if (path == NULL || strcmp(path, "-") == 0)
        path = "<stdin>";
    f = format_guess(s->b.data, s->b.size);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i].format == f)
            show = formats[i].show;
    if (s->names && f != FORMAT_DOPT) {
        err_set(&e, "%s: --names needs a dopt file with a model, this is %s", path, format_name(f));
        cli_die(&e);
    }
    if (show(s, path, &e) < 0) {
        if (f != FORMAT_DOPT) /* dopt_take names its file itself */
            err_at(&e, "%s", path);
        cli_die(&e);
    }
    fwrite(s->out.data, 1, s->out.size, stdout);
    buf_release(&s->out);
    if (f == FORMAT_DOPT)
        dopt_release(&s->f);
    blob_release(&s->b);
}

int main(int argc, char **argv)
{
    enum { NAMES = 256, PART };
    static const struct option longs[] = { { "help", no_argument, NULL, 'h' },
                                           { "names", no_argument, NULL, NAMES },
                                           { "part", required_argument, NULL, PART },
                                           { "version", no_argument, NULL, 'V' },
                                           { NULL, 0, NULL, 0 } };
    const char *part = NULL;
    struct show s = { 0 };
    int c;

    cli_init("dopt-show", usage);
    while ((c = getopt_long(argc, argv, "hV", longs, NULL)) != -1)
        if (c == NAMES)
            s.names = true;
        else if (c == PART)
            part = optarg;
        else
            cli_option(c);
    if (part != NULL && optind != argc - 1)
        cli_usage("--part takes one configuration");
    if (part != NULL) {
        parts_print(part, argv[optind]);
        return cli_finish();
    }
    if (optind == argc)
        show_file(&s, NULL);
    for (int i = optind; i < argc; i++) {
        if (argc - optind > 1 && !s.names)
            printf("%sfile %s\n", i > optind ? "\n" : "", argv[i]);
        show_file(&s, argv[i]);
    }
    return cli_finish();
}
