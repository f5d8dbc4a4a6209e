/* walk.c: walks a calibration set and writes every step of every input into a .npz, as
 * "STEP.INPUT".
 *
 * usage: walk [-c config] [-n] [-r] [-s] -i NAME@DTYPE@1,3,? ... OUT.npz [NAME=FILE ...]
 * -n NHWC, -r remainder as a smaller step, -s no resize. Prints samples, steps, batch and the last
 * entry's name. Steps are read backwards: any order must do.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calset/calset.h"
#include "calset/npy.h"
#include "conf/shapes.h"

enum { MAX_INPUTS = 4 };

static void print_warning(const char *msg)
{
    fprintf(stderr, "walk: warning: %s\n", msg);
}

static int fail(const struct err *e)
{
    fprintf(stderr, "walk: %s\n", e->msg);
    return e->status;
}

static void input_read(struct calset_input *in, struct shapes *s, char *text)
{
    char *name = strtok(text, "@"), *type = strtok(NULL, "@"), *dims = strtok(NULL, "@"), spec[200];
    struct err e;

    snprintf(spec, sizeof spec, "%s:%s", name, dims == NULL ? "" : dims);
    *in = (struct calset_input){ .name = name };
    for (int t = DT_F32; t <= DT_BF16; t++)
        if (strcmp(dtype_name(t), type) == 0)
            in->dtype = t;
    if (dims != NULL && strcmp(dims, "any") == 0) {
        *s = (struct shapes){ 0 };
        in->shape = shape_unknown();
    } else if (shapes_read(s, spec, &e) < 0) {
        exit(fail(&e));
    } else {
        in->shape = s->items[0].shape;
    }
}

static int walk(const struct calset *set, const struct calset_input *in, int nin, const char *path,
                struct err *e)
{
    long steps = calset_steps(set);
    struct npz_out npz;
    struct out out;
    int rc = 0;

    if (out_open(&out, path, e) < 0)
        return -1;
    npz_begin(&npz, &out);
    for (long i = steps - 1; rc == 0 && i >= 0; i--)
        for (int k = 0; rc == 0 && k < nin; k++) {
            struct tensor t;
            char name[100];

            rc = calset_step(set, i, k, &t, e);
            snprintf(name, sizeof name, "%ld.%s", i, in[k].name);
            if (rc == 0)
                npz_put(&npz, name, &t);
            free(t.data);
        }
    npz_end(&npz);
    if (rc == 0)
        rc = out_commit(&out, e);
    out_release(&out);
    if (rc == 0)
        printf("%ld samples, %ld steps of %ld, last %s\n", calset_samples(set), steps,
               calset_batch(set), calset_name(set, 0, calset_samples(set) - 1));
    return rc;
}

int main(int argc, char **argv)
{
    struct calset_input in[MAX_INPUTS];
    struct shapes shapes[MAX_INPUTS];
    struct calset_options o = { 0 };
    struct conf conf = { 0 };
    struct calset *set = NULL;
    const char *config = NULL;
    struct err e;
    int c, nin = 0, rc;

    warn_sink = print_warning;
    while ((c = getopt(argc, argv, "c:i:nrs")) != -1) {
        if (c == 'i' && nin < MAX_INPUTS) {
            input_read(&in[nin], &shapes[nin], optarg);
            nin++;
        }
        if (c == 'c')
            config = optarg;
        o.nhwc |= c == 'n';
        o.remainder |= c == 'r';
        o.image.no_resize |= c == 's';
    }
    if (config != NULL)
        rc = conf_read(&conf, config, &e) < 0 ? -1 : calset_open_conf(&set, &conf, in, nin, &o, &e);
    else
        rc = calset_open_files(&set, (const char *const *)argv + optind + 1, argc - optind - 1, in,
                               nin, &o, &e);
    if (rc == 0)
        rc = walk(set, in, nin, argv[optind], &e);
    calset_free(set);
    conf_release(&conf);
    for (int i = 0; i < nin; i++)
        shapes_release(&shapes[i]);
    return rc < 0 ? fail(&e) : 0;
}
