/* samples.c: see samples.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "cli.h"
#include "op/op.h"
#include "samples.h"

bool samples_option(struct samples_options *o, int letter, const char *arg)
{
    switch (letter) {
    case 'c':
        o->config = arg;
        return true;
    case 'i':
        GROW(o->files, o->nfiles, o->capfiles);
        o->files[o->nfiles++] = arg;
        return true;
    case SAMPLES_INPUT_FORMAT:
        if (strcmp(arg, "NHWC") != 0 && strcmp(arg, "NCHW") != 0)
            cli_usage("--input_format: '%s' is not one of NHWC|NCHW", arg);
        o->nhwc = strcmp(arg, "NHWC") == 0;
        return true;
    default:
        return pixels_option(&o->image, letter, arg);
    }
}

/* Do all outputs have a first dim that follows a batch of r? Asked by inferring with it. */
static bool graph_takes_batch(struct model *m, int64_t n, int64_t r)
{
    struct graph *g = m->graph;
    bool *changed = NEW_ARRAY(bool, (size_t)g->nin);
    struct issues issues = { 0 };
    struct err ignored;
    bool takes = true;

    for (int i = 0; i < g->nin; i++)
        if (g->in[i]->shape.rank > 0 && g->in[i]->shape.dim[0] == n)
            g->in[i]->shape.dim[0] = r, changed[i] = true;
    takes = infer_model(m, &issues, &ignored) == 0;
    for (int i = 0; i < g->nout && takes; i++)
        takes = g->out[i]->shape.rank > 0 && g->out[i]->shape.dim[0] == r;
    for (int i = 0; i < g->nin; i++)
        if (changed[i])
            g->in[i]->shape.dim[0] = n;
    free(changed);
    takes &= infer_model(m, &issues, &ignored) == 0;
    return issues_report(&issues, &ignored) == 0 && takes;
}

static int open_set(struct samples *s, const struct samples_options *o, bool remainder,
                    struct err *e)
{
    const struct graph *g = s->model->graph;
    struct calset_input in[g->nin + 1];
    struct calset_options co = { o->nhwc, o->image, remainder };

    for (int i = 0; i < g->nin; i++)
        in[i] = (struct calset_input){ g->in[i]->name, g->in[i]->dtype, g->in[i]->shape };
    return o->config != NULL ? calset_open_conf(&s->set, &s->conf, in, g->nin, &co, e)
                             : calset_open_files(&s->set, o->files, o->nfiles, in, g->nin, &co, e);
}

void samples_open(struct samples *s, struct model *m, const struct samples_options *o)
{
    const struct shape *first = m->graph->nin > 0 ? &m->graph->in[0]->shape : NULL;
    int64_t n = first != NULL && first->rank > 0 ? first->dim[0] : 1;
    struct err e = { .status = ERR_INPUT };
    bool smaller = n > 1 && graph_takes_batch(m, n, n - 1);

    *s = (struct samples){ .model = m };
    if (m->graph->nin == 0 && o->config == NULL && o->nfiles == 0) {
        s->steps = 1; /* nothing to feed */
        return;
    }
    if ((o->config != NULL) == (o->nfiles > 0))
        cli_usage("give either -c config.prototxt or -i NAME=FILE");
    if (o->config != NULL && conf_read(&s->conf, o->config, &e) < 0)
        cli_die(&e);
    if (open_set(s, o, smaller, &e) < 0)
        cli_die(&e);
    s->steps = calset_steps(s->set);
}

void samples_close(struct samples *s)
{
    calset_free(s->set);
    conf_release(&s->conf);
}

void samples_drop(const struct samples *s, struct tensor *in)
{
    for (int i = 0; i < s->model->graph->nin; i++) {
        free(in[i].data);
        in[i].data = NULL;
    }
}

int samples_step(const struct samples *s, long step, struct tensor *in, struct err *e)
{
    int n = s->model->graph->nin;

    memset(in, 0, (size_t)n * sizeof *in);
    for (int i = 0; i < n; i++)
        if (calset_step(s->set, step, i, &in[i], e) < 0) {
            samples_drop(s, in);
            return -1;
        }
    return 0;
}

void samples_digest(const struct samples *s, char hex[static 33])
{
    const long steps[] = { 0, s->steps / 2, s->steps - 1 };
    struct tensor in[s->model->graph->nin + 1];
    struct err e = { .status = ERR_INPUT };
    struct digest d;

    digest_begin(&d);
    for (int k = 0; k < 3 && steps[k] >= 0 && (k == 0 || steps[k] > steps[k - 1]); k++) {
        if (samples_step(s, steps[k], in, &e) < 0)
            cli_die(&e);
        for (int i = 0; i < s->model->graph->nin; i++) {
            digest_add(&d, in[i].shape.dim, (size_t)in[i].shape.rank * sizeof *in[i].shape.dim);
            digest_add(&d, in[i].data, tensor_size(&in[i]));
        }
        samples_drop(s, in);
    }
    digest_finish(&d, hex);
}

const char *samples_name(const struct samples *s, long step)
{
    return s->set == NULL ? "0" : calset_name(s->set, 0, step * calset_batch(s->set));
}
