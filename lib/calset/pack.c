/* pack.c: see pack.h. How sources are recognized is in source.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "calset/pack.h"

void pack_init(struct pack *p, const struct pack_options *o)
{
    *p = (struct pack){ .o = o };
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->turned, NULL);
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

static int array_begin(struct pack_part *part, const struct pack_options *o, struct err *e)
{
    const struct shape *s = &part->array.tensor.shape;

    if (o->reshape && array_reshape(&part->array, &o->dims, e) < 0)
        return -1;
    if (s->rank == 0)
        return err_set(e, "%s: is a scalar; samples lie along axis 0", part->array.name);
    part->n = (long)s->dim[0];
    part->sample = shape_of(s->rank - 1, s->dim + 1);
    return pixels_begin(part, &o->images, e);
}

static const char *part_name(const struct pack_part *p)
{
    switch (p->kind) {
    case PART_IMAGES:
        return p->images.paths[0];
    case PART_ARRAY:
        return p->array.name;
    case PART_STREAM:
        return p->stream != NULL ? stream_name(p->stream) : p->ahead[0].name;
    default:
        return "config";
    }
}

/* Members up to the first that is not broken say how large samples are. */
static int stream_size(struct pack_part *part, struct err *e)
{
    struct images *im = &part->images;

    for (size_t i = 0; im->options.width == 0; i++) {
        struct member m;

        if (i == part->nahead) {
            int rc = part->stream == NULL ? 0 : stream_next(part->stream, &m, e);

            if (rc <= 0)
                return rc < 0 ? -1
                              : err_set(e, "%s: holds no image that can be read", part_name(part));
            GROW(part->ahead, part->nahead, part->capahead);
            part->ahead[part->nahead++] = m;
        }
        if (images_size_from(im, part->ahead[i].bytes, part->ahead[i].size, e) != 0 &&
            !im->options.skip_broken)
            return err_at(e, "%s (sample %zu)", part->ahead[i].name, i);
    }
    return 0;
}

static int pictures_begin(struct pack_part *part, const struct pack_options *o, struct err *e)
{
    struct images_options io = o->images, *set = &part->images.options;

    if (o->reshape)
        return err_set(e, "%s: --dims is for arrays; an image's size is --size", part_name(part));
    if (o->names)
        io.width = io.height = 1; /* nobody asks for pixels */
    part->n = part->kind == PART_STREAM ? -1 : part->images.n;
    if (images_begin(&part->images, &io, e) < 0 ||
        (part->kind == PART_STREAM && stream_size(part, e) < 0))
        return -1;
    part->sample = io.nhwc
                       ? shape_of(3, (const int64_t[]){ set->height, set->width, set->channels })
                       : shape_of(3, (const int64_t[]){ set->channels, set->height, set->width });
    return 0;
}

static uint64_t random_next(uint64_t *state) /* splitmix64 */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* Fisher and Yates', from the end. */
static void order_shuffle(struct pack *p)
{
    uint64_t state = p->o->seed;

    p->order = NEW_ARRAY(long, (size_t)p->n);
    for (long i = 0; i < p->n; i++)
        p->order[i] = i;
    for (long i = p->n - 1; i > 0; i--) {
        long k = (long)(random_next(&state) % (uint64_t)(i + 1)), t = p->order[i];

        p->order[i] = p->order[k];
        p->order[k] = t;
    }
}

static int part_begin(struct pack_part *part, const struct pack_options *o, struct err *e)
{
    if (part->kind == PART_CONFIG) {
        part->n = calset_steps(part->set);
        return 0;
    }
    return part->kind == PART_ARRAY ? array_begin(part, o, e) : pictures_begin(part, o, e);
}

int pack_begin(struct pack *p, struct err *e)
{
    const struct pack_options *o = p->o;
    char a[200], b[200];

    for (size_t i = 0; i < p->nparts; i++) {
        struct pack_part *part = &p->parts[i];

        if (part_begin(part, o, e) < 0)
            return -1;
        if (i > 0 && !o->names && !shape_equal(&part->sample, &p->sample))
            return err_set(e, "%s has samples of %s, but %s has %s", part_name(part),
                           shape_text(&part->sample, a), part_name(&p->parts[0]),
                           shape_text(&p->sample, b));
        p->sample = part->sample;
        p->n = p->n < 0 || part->n < 0 ? -1 : p->n + part->n;
        if (part->n < 0 && o->shuffle)
            return err_set(e,
                           "%s: an archive is read in its order; pack it, then shuffle the bin, or "
                           "unpack it",
                           part_name(part));
    }
    if (p->n == 0)
        return err_set(e, "there are no samples");
    if (shape_count(&p->sample) < 1)
        return err_set(e, "samples of %s hold nothing", shape_text(&p->sample, a));
    if (p->n > 0 && o->from >= p->n)
        return err_set(e, "--from %ld: there are only %ld samples, counted from 0", o->from, p->n);
    if (o->shuffle)
        order_shuffle(p);
    if (p->n > 0) {
        p->n -= o->from;
        if (o->count >= 0 && p->n > o->count)
            p->n = o->count;
    }
    return 0;
}

/* The next entry or member in the order of the sources: its part, and its index there. */
static int step(struct pack *p, struct pack_part **part, long *local, struct member *m,
                struct err *e)
{
    for (; p->part < p->nparts; p->part++, p->at = 0) {
        *part = &p->parts[p->part];
        *local = p->at;
        if ((*part)->kind != PART_STREAM) {
            if (p->at++ < (*part)->n)
                return 0;
        } else if ((*part)->atahead < (*part)->nahead) {
            *m = (*part)->ahead[(*part)->atahead++];
            p->at++;
            return 0;
        } else if ((*part)->stream != NULL) {
            int rc = stream_next((*part)->stream, m, e);

            p->at++;
            if (rc != 0)
                return rc < 0 ? -1 : 0;
        }
    }
    return ORDERED_END;
}

/* Sample i in its turn, which comes when all before it have been found. */
static int step_in_turn(struct pack *p, long i, struct pack_part **part, long *local,
                        struct member *m, struct err *e)
{
    int rc = 0;

    pthread_mutex_lock(&p->lock);
    while (p->turn != i)
        pthread_cond_wait(&p->turned, &p->lock);
    for (; rc == 0 && !p->ended && p->skipped < p->o->from; p->skipped++) {
        rc = step(p, part, local, m, e);
        member_release(m);
    }
    if (rc == 0)
        rc = p->ended || (p->o->count >= 0 && i >= p->o->count) ? ORDERED_END
                                                                : step(p, part, local, m, e);
    p->ended |= rc != 0;
    p->turn++;
    pthread_cond_broadcast(&p->turned);
    pthread_mutex_unlock(&p->lock);
    return rc;
}

static int config_get(struct pack_part *part, long i, float *out, struct err *e)
{
    struct tensor t;

    if (calset_step(part->set, i, 0, &t, e) < 0)
        return part->pictures ? 1 : -1;
    if (out != NULL)
        memcpy(out, t.data, tensor_size(&t));
    free(t.data);
    return 0;
}

/* 1: a broken image. */
static int part_get(struct pack_part *part, long i, const struct member *m, float *out,
                    struct err *e)
{
    int rc;

    switch (part->kind) {
    case PART_IMAGES:
        return images_get(&part->images, i, out, e);
    case PART_STREAM:
        return images_decode(&part->images, i, m->name, m->bytes, m->size, out, e);
    case PART_CONFIG:
        return config_get(part, i, out, e);
    default:
        rc = out == NULL ? 0 : array_get(&part->array, i, 1, DT_F32, out, e);
        if (rc == 0 && out != NULL && part->pixels != NULL)
            pixels_scale(part, out);
        return rc;
    }
}

static char *sample_name(const struct pack_part *part, long i, const struct member *m)
{
    switch (part->kind) {
    case PART_IMAGES:
        return mem_strdup(part->images.paths[i]);
    case PART_STREAM:
        return mem_strdup(m->name);
    case PART_CONFIG:
        return mem_strdup(calset_name(part->set, 0, i));
    default:
        return mem_printf("%s[%ld]", part->array.name, i);
    }
}

int pack_get(struct pack *p, long i, float *out, char **name, struct err *e)
{
    bool skip = p->o->images.skip_broken;
    struct pack_part *part = p->parts;
    struct member m = { 0 };
    int rc = 0;

    if (p->n < 0) {
        rc = step_in_turn(p, i, &part, &i, &m, e);
        if (rc != 0)
            return rc;
    } else {
        i = p->order != NULL ? p->order[i + p->o->from] : i + p->o->from;
        for (; i >= part->n; part++)
            i -= part->n;
    }
    if (out != NULL || skip)
        rc = part_get(part, i, &m, out, e);
    if (rc == 0 && name != NULL)
        *name = sample_name(part, i, &m);
    member_release(&m);
    return rc <= 0 ? rc : skip ? ORDERED_DROP : -1;
}

bool pack_pictures(const struct pack *p)
{
    for (size_t i = 0; i < p->nparts; i++)
        if (p->parts[i].kind == PART_IMAGES || p->parts[i].kind == PART_STREAM ||
            p->parts[i].pictures)
            return true;
    return false;
}

long pack_resized(const struct pack *p)
{
    long n = 0;

    for (size_t i = 0; i < p->nparts; i++)
        n += images_resized(&p->parts[i].images);
    return n;
}

void pack_release(struct pack *p)
{
    for (size_t i = 0; i < p->nparts; i++) {
        struct pack_part *part = &p->parts[i];

        for (size_t k = part->atahead; k < part->nahead; k++)
            member_release(&part->ahead[k]);
        free(part->ahead);
        images_release(&part->images);
        array_release(&part->array);
        calset_free(part->set);
        stream_free(part->stream);
    }
    free(p->parts);
    free(p->order);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->turned);
    *p = (struct pack){ 0 };
}
