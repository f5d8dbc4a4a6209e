/* pack.c: see pack.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calset/pack.h"

static struct pack_part *part_new(struct pack *p)
{
    GROW(p->parts, p->nparts, p->cap);
    p->parts[p->nparts] = (struct pack_part){ 0 };
    return &p->parts[p->nparts++];
}

static struct images *images_part(struct pack *p)
{
    if (p->nparts == 0 || p->parts[p->nparts - 1].images.n == 0)
        part_new(p);
    return &p->parts[p->nparts - 1].images;
}

/* FILE.npz:ARRAY, where no file is called so. */
static int add_member(struct pack *p, const char *path, struct err *e)
{
    const char *colon = strrchr(path, ':');
    char *file = mem_strdup(path);
    int rc;

    if (colon != NULL)
        file[colon - path] = '\0';
    rc = colon == NULL || access(file, F_OK) < 0
             ? err_set(e, "%s:", path)
             : array_open(&part_new(p)->array, file, colon + 1, e);
    free(file);
    return rc;
}

int pack_add(struct pack *p, const char *path, struct err *e)
{
    bool pipe = strcmp(path, "-") == 0, array = pipe;
    struct blob b;
    struct stat st;

    if (!pipe && stat(path, &st) < 0)
        return add_member(p, path, e);
    if (!pipe && S_ISDIR(st.st_mode))
        return images_add_folder(images_part(p), path, e);
    if (!pipe && S_ISREG(st.st_mode)) {
        if (blob_open(&b, path, e) < 0)
            return -1;
        array = array_is(b.data, b.size);
        blob_release(&b);
    }
    if (array || !S_ISREG(st.st_mode))
        return array_open(&part_new(p)->array, path, NULL, e);
    images_add_file(images_part(p), path);
    return 0;
}

int pack_add_conf(struct pack *p, const struct conf *c, int block, const struct images_options *o,
                  struct err *e)
{
    struct calset_options so = { .nhwc = o->nhwc, .no_resize = o->no_resize, .fit = o->fit };
    struct calset_input in = { "input", DT_F32, shape_unknown() };
    struct conf one = *c;
    struct tensor first;

    if (block > c->ninputs)
        return err_set(e, "%s: has %d preprocess_parameter blocks, not %d", c->path, c->ninputs,
                       block);
    one.inputs += block - 1;
    one.ninputs = 1;
    if (one.inputs->type == CONF_IMAGE && o->nhwc)
        in.shape = shape_of(4, (const int64_t[]){ -1, o->height, o->width, o->channels });
    else if (one.inputs->type == CONF_IMAGE)
        in.shape = shape_of(4, (const int64_t[]){ -1, o->channels, o->height, o->width });
    if (one.inputs->type == CONF_IMAGE && o->height == 0)
        return err_set(e, "%s:%d: give the size of the images with --size HxW", c->path,
                       one.inputs->line);
    if (calset_open_conf(&part_new(p)->set, &one, &in, 1, &so, e) < 0)
        return -1;
    if (calset_step(p->parts[p->nparts - 1].set, 0, 0, &first, e) < 0)
        return -1;
    p->parts[p->nparts - 1].sample = shape_of(first.shape.rank - 1, first.shape.dim + 1);
    free(first.data);
    return 0;
}

/* 8-bit samples are pixels: means and deviations apply to them as to an image's. */
static int pixels_begin(struct pack_part *part, const struct images_options *o, struct err *e)
{
    const struct shape *s = &part->sample;
    int n = o->nmeans > o->nstds ? o->nmeans : o->nstds;
    bool one = true;

    if (part->array.tensor.dtype != DT_U8 || n == 0)
        return 0;
    part->channels = s->rank == 3 ? s->dim[o->nhwc ? 2 : 0] : 1;
    part->inner = s->rank == 3 && !o->nhwc ? s->dim[1] * s->dim[2] : 1;
    for (int i = 1; i < o->nmeans; i++)
        one = one && o->means[i] == o->means[0];
    if ((!one || o->nstds > 1) && part->channels != n)
        return err_set(e, "%s: %d means or deviations for the %ld channels of its samples",
                       part->array.name, n, (long)part->channels);
    part->pixels = o;
    return 0;
}

static void pixels_scale(const struct pack_part *part, float *out)
{
    const struct images_options *o = part->pixels;
    int64_t n = shape_count(&part->sample);

    for (int64_t i = 0; i < n; i++) {
        int64_t c = i / part->inner % part->channels;
        float mean = o->nmeans == 0 ? 0 : o->means[c < o->nmeans ? c : 0];
        float std = o->nstds == 0 ? 0 : o->stds[c < o->nstds ? c : 0];

        out[i] = std == 0 ? out[i] - mean : (out[i] - mean) / std;
    }
}

static int part_begin(struct pack_part *part, const struct images_options *o, struct err *e)
{
    const struct shape *s = &part->array.tensor.shape;

    if (part->set != NULL) {
        part->n = calset_steps(part->set);
        return 0;
    }
    if (part->images.n > 0) {
        const struct images_options *io = &part->images.options;

        if (images_begin(&part->images, o, e) < 0)
            return -1;
        part->n = part->images.n;
        part->sample = o->nhwc
                           ? shape_of(3, (const int64_t[]){ io->height, io->width, io->channels })
                           : shape_of(3, (const int64_t[]){ io->channels, io->height, io->width });
        return 0;
    }
    if (s->rank == 0)
        return err_set(e, "%s: is a scalar; samples lie along axis 0", part->array.name);
    part->n = (long)s->dim[0];
    part->sample = shape_of(s->rank - 1, s->dim + 1);
    return pixels_begin(part, o, e);
}

static const char *part_name(const struct pack_part *p)
{
    return p->images.n > 0 ? p->images.paths[0] : p->set != NULL ? "config" : p->array.name;
}

int pack_begin(struct pack *p, const struct images_options *o, struct err *e)
{
    char a[200], b[200];

    for (size_t i = 0; i < p->nparts; i++) {
        struct pack_part *part = &p->parts[i];

        if (part_begin(part, o, e) < 0)
            return -1;
        if (i > 0 && !shape_equal(&part->sample, &p->sample))
            return err_set(e, "%s has samples of %s, but %s has %s", part_name(part),
                           shape_text(&part->sample, a), part_name(&p->parts[0]),
                           shape_text(&p->sample, b));
        p->sample = part->sample;
        p->n += part->n;
    }
    return p->n > 0 ? 0 : err_set(e, "there are no samples");
}

int pack_get(const struct pack *p, long i, float *out, struct err *e)
{
    const struct pack_part *part = p->parts;
    struct tensor t;

    for (; i >= part->n; part++)
        i -= part->n;
    if (part->images.n > 0)
        return images_get(&part->images, i, out, e);
    if (part->set == NULL) {
        if (array_get(&part->array, i, 1, DT_F32, out, e) < 0)
            return -1;
        if (part->pixels != NULL)
            pixels_scale(part, out);
        return 0;
    }
    if (calset_step(part->set, i, 0, &t, e) < 0)
        return -1;
    memcpy(out, t.data, tensor_size(&t));
    free(t.data);
    return 0;
}

void pack_release(struct pack *p)
{
    for (size_t i = 0; i < p->nparts; i++) {
        images_release(&p->parts[i].images);
        array_release(&p->parts[i].array);
        calset_free(p->parts[i].set);
    }
    free(p->parts);
    *p = (struct pack){ 0 };
}
