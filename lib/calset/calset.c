/* calset.c: see calset.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/names.h"
#include "calset/calset.h"
#include "calset/feed.h"

struct calset {
    struct feed *feeds;
    int nfeeds;
    long steps;
};

static struct calset *calset_new(const struct calset_input *in, int nin)
{
    struct calset *s = NEW(struct calset);

    s->feeds = NEW_ARRAY(struct feed, (size_t)nin);
    s->nfeeds = nin;
    for (int i = 0; i < nin; i++) {
        s->feeds[i].name = mem_strdup(in[i].name);
        s->feeds[i].dtype = in[i].dtype;
    }
    return s;
}

/* All feeds are open: they must walk together. The number of the first that does not, or 0. */
static int calset_odd(struct calset *s, struct err *e)
{
    for (int i = 1; i < s->nfeeds; i++)
        if (s->feeds[i].steps != s->feeds[0].steps) {
            err_set(e, "input '%s' has %ld steps and input '%s' has %ld; they must be equal",
                    s->feeds[0].name, s->feeds[0].steps, s->feeds[i].name, s->feeds[i].steps);
            return i;
        }
    s->steps = s->nfeeds > 0 ? s->feeds[0].steps : 1;
    return 0;
}

int calset_open_conf(struct calset **out, const struct conf *c, const struct calset_input *in,
                     int nin, const struct calset_options *o, struct err *e)
{
    struct calset *s;
    int odd;

    *out = NULL;
    if (c->ninputs != nin) {
        err_set(e,
                "%d preprocess_parameter block%s for %d model input%s; one per input is needed, in "
                "order",
                c->ninputs, c->ninputs == 1 ? "" : "s", nin, nin == 1 ? "" : "s");
        return conf_error(c, c->ninputs > nin ? &c->inputs[nin].block : &c->end, e);
    }
    s = calset_new(in, nin);
    for (int i = 0; i < nin; i++)
        if (feed_block(&s->feeds[i], c, &c->inputs[i], &in[i], o, e) < 0)
            goto fail;
    odd = calset_odd(s, e);
    if (odd > 0) {
        conf_error(c, &c->inputs[odd].path_at, e);
        goto fail;
    }
    *out = s;
    return 0;
fail:
    calset_free(s);
    return -1;
}

/* "NAME=FILE" of a known input: its index, and *file behind the '='; the longest name wins. */
static int arg_input(const char *arg, const struct calset_input *in, int nin, const char **file)
{
    size_t longest = 0;
    int found = -1;

    for (int i = 0; i < nin; i++) {
        size_t n = strlen(in[i].name);

        if (n >= longest && strncmp(arg, in[i].name, n) == 0 && arg[n] == '=') {
            longest = n;
            found = i;
            *file = arg + n + 1;
        }
    }
    return found;
}

static int unknown_input(const char *arg, const struct calset_input *in, int nin, struct err *e)
{
    char name[256];
    struct suggest near = { .wanted = name };

    snprintf(name, sizeof name, "%.*s", (int)strcspn(arg, "="), arg);
    for (int i = 0; i < nin; i++)
        suggest_offer(&near, in[i].name);
    err_set(e, "%s: the model has no input '%s'%s", arg, name, suggest_text(&near));
    e->status = ERR_USAGE;
    return -1;
}

/* Which file feeds which input; files[i] NULL = none yet. */
static int args_assign(const char **files, const char *const *args, int nargs,
                       const struct calset_input *in, int nin, struct err *e)
{
    for (int a = 0; a < nargs; a++) {
        const char *file;
        int i = arg_input(args[a], in, nin, &file);

        if (i >= 0) {
            if (files[i] != NULL)
                return err_set(e, "%s: input '%s' is given twice", args[a], in[i].name);
            files[i] = file;
            continue;
        }
        if (strchr(args[a], '=') != NULL && access(args[a], F_OK) < 0)
            return unknown_input(args[a], in, nin, e);
        if (nargs > 1)
            return err_set(e, "%s: with several files say which input each is for: NAME=FILE",
                           args[a]);
        for (i = 0; i < nin; i++)
            files[i] = args[a];
    }
    for (int i = 0; i < nin; i++)
        if (files[i] == NULL)
            return err_set(e, "input '%s' is given nothing: add %s=FILE", in[i].name, in[i].name);
    return 0;
}

int calset_open_files(struct calset **out, const char *const *args, int nargs,
                      const struct calset_input *in, int nin, const struct calset_options *o,
                      struct err *e)
{
    struct calset *s = calset_new(in, nin);
    const char **files = NEW_ARRAY(const char *, (size_t)nin);
    int rc = -1;

    *out = NULL;
    if (args_assign(files, args, nargs, in, nin, e) < 0)
        goto out;
    for (int i = 0; i < nin; i++) {
        if (feed_array(&s->feeds[i], files[i], &in[i], o, e) < 0)
            goto out;
        if (nargs == 1 && nin > 1 && files[0] == files[nin - 1] &&
            strcmp(s->feeds[i].array.name, files[i]) == 0) {
            err_set(e, "%s: one array for the %d inputs of the model; give NAME=FILE for each",
                    files[i], nin);
            goto out;
        }
    }
    if (calset_odd(s, e) > 0)
        goto out;
    *out = s;
    rc = 0;
out:
    free(files);
    if (rc < 0)
        calset_free(s);
    return rc;
}

long calset_steps(const struct calset *s)
{
    return s->steps;
}

long calset_samples(const struct calset *s)
{
    return s->nfeeds > 0 ? s->feeds[0].entries : 0;
}

long calset_batch(const struct calset *s)
{
    return s->nfeeds > 0 ? s->feeds[0].n : 1;
}

int calset_step(const struct calset *s, long step, int input, struct tensor *out, struct err *e)
{
    return feed_step(&s->feeds[input], step, out, e);
}

const char *calset_name(const struct calset *s, int input, long index)
{
    static _Thread_local char text[4300];
    const struct feed *f = &s->feeds[input];

    if (f->images.n > 0)
        return index < f->images.n ? f->images.paths[index] : "?";
    snprintf(text, sizeof text, "%s[%ld]", f->array.name, index);
    return text;
}

void calset_free(struct calset *s)
{
    if (s == NULL)
        return;
    for (int i = 0; i < s->nfeeds; i++)
        feed_release(&s->feeds[i]);
    free(s->feeds);
    free(s);
}
