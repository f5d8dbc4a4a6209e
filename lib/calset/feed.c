/* feed.c: see feed.h. The walking rules are dopt-calset(5)'s.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "calset/cast.h"
#include "calset/feed.h"

static const char *feed_source(const struct feed *f)
{
    return f->images.n > 0 ? f->images.paths[0] : f->array.name;
}

static int steps_set(struct feed *f, const struct calset_options *o, struct err *e)
{
    long rest = f->entries % f->n;

    f->steps = f->entries / f->n + (o->remainder && rest > 0);
    if (f->steps == 0)
        return err_set(e, "%s: %ld samples are too few for input '%s', which takes %ld at once",
                       feed_source(f), f->entries, f->name, f->n);
    if (!o->remainder && rest > 0) {
        warn("input '%s': the last %ld of %ld samples left out: they do not fill a step of %ld",
             f->name, rest, f->entries, f->n);
        f->entries -= rest;
    }
    return 0;
}

static bool dims_fit(const int64_t *want, const int64_t *have, int n)
{
    for (int i = 0; i < n; i++)
        if (want[i] >= 0 && want[i] != have[i])
            return false;
    return true;
}

/* How the array that f holds serves an input of this shape. */
static int array_fit(struct feed *f, const struct shape *want, const struct calset_options *o,
                     struct err *e)
{
    const struct shape *have = &f->array.tensor.shape;
    char w[200], h[200];

    f->n = 1;
    f->entries = array_entries(&f->array);
    f->whole = have->rank == 0;
    if (have->rank > 0)
        f->entry = shape_of(have->rank - 1, have->dim + 1);
    if (want->rank > 0 && have->rank == want->rank &&
        dims_fit(want->dim + 1, have->dim + 1, have->rank - 1))
        f->n = want->dim[0] > 0 ? (long)want->dim[0] : 1;
    else if (have->rank == want->rank + 1 && dims_fit(want->dim, have->dim + 1, want->rank))
        f->whole = true;
    else if (want->rank >= 0 && !(want->rank == 0 && have->rank == 0))
        return err_set(e, "%s holds %s, which does not fit input '%s' of %s%s", f->array.name,
                       shape_text(have, h), f->name, shape_text(want, w),
                       f->array.bin == 510 && o->nhwc ? " (permuted to NHWC)" : "");
    return steps_set(f, o, e);
}

int feed_array(struct feed *f, const char *path, const struct calset_input *in,
               const struct calset_options *o, struct err *e)
{
    if (array_open(&f->array, path, in->name, e) < 0)
        return -1;
    if (f->array.bin == 510 && o->nhwc)
        array_to_nhwc(&f->array);
    return array_fit(f, &in->shape, o, e);
}

/* Whether a block's images can be what an input takes; *at is the field that is at fault. */
static int image_fit(const struct feed *f, const struct conf_input *c,
                     const struct calset_input *in, const struct images_options *io,
                     const struct conf_place **at, struct err *e)
{
    int channels = io->channels;
    const char *many = channels == 1 ? "" : "s";
    char s[200];

    shape_text(&in->shape, s);
    *at = &c->means_at;
    if (c->nmeans != 0 && c->nmeans != channels)
        return err_set(e, "%d mean_value for the %d channel%s of input '%s' of %s: give %d or none",
                       c->nmeans, channels, many, f->name, s, channels);
    *at = &c->stds_at;
    if (c->nstds > 1 && c->nstds != channels)
        return err_set(e,
                       "%d standard_deviation for the %d channel%s of input '%s' of %s: give 1%s",
                       c->nstds, channels, many, f->name, s, channels == 1 ? "" : " or 3");
    return 0;
}

static int image_feed(struct feed *f, const struct conf_input *c, const struct calset_input *in,
                      const struct calset_options *o, const struct conf_place **at, struct err *e)
{
    const int64_t *d = in->shape.dim;
    int64_t channels = o->nhwc ? d[3] : d[1], height = o->nhwc ? d[1] : d[2],
            width = o->nhwc ? d[2] : d[3];
    struct images_options io = { .nhwc = o->nhwc, .image = o->image };
    char s[200];

    shape_text(&in->shape, s);
    *at = &c->type_at;
    if (in->shape.rank != 4)
        return err_set(e,
                       "input '%s' of %s cannot be fed images: it needs 4 dims; use a BINARY set",
                       f->name, s);
    if (channels != 1 && channels != 3)
        return err_set(
            e, "input '%s' of %s (%s) cannot be fed images: 1 or 3 channels are needed%s", f->name,
            s, o->nhwc ? "NHWC" : "NCHW",
            !o->nhwc && (d[3] == 1 || d[3] == 3) ? "; --input_format NHWC has them last" : "");
    if (height < 1 || width < 1 || width * height > IMAGE_PIXELS_MAX)
        return err_set(e, "input '%s' of %s: give its height and width with --input_shape", f->name,
                       s);
    io.channels = (int)channels;
    io.width = (int)width;
    io.height = (int)height;
    io.rgb = c->format == CONF_RGB;
    io.means = c->means;
    io.nmeans = c->nmeans;
    io.stds = c->stds;
    io.nstds = c->nstds;
    if (image_fit(f, c, in, &io, at, e) < 0)
        return -1;
    *at = &c->path_at;
    if (images_add_folder(&f->images, c->path, e) < 0 || images_begin(&f->images, &io, e) < 0)
        return -1;
    f->entry = shape_of(3, d + 1);
    f->n = d[0] > 0 ? (long)d[0] : 1;
    f->entries = f->images.n;
    return steps_set(f, o, e);
}

static int path_check(const struct conf_input *c, struct err *e)
{
    struct stat st;

    if (stat(c->path, &st) < 0)
        return err_set(e,
                       errno == ENOENT && *c->path != '/'
                           ? "%s: no such file or folder, neither here nor beside the config"
                           : "%s: cannot be read:",
                       c->path);
    if (c->type == CONF_IMAGE && !S_ISDIR(st.st_mode))
        return err_set(e, "%s: is a file; IMAGE needs a folder (a bin needs input_type: BINARY)",
                       c->path);
    if (c->type == CONF_BINARY && S_ISDIR(st.st_mode))
        return err_set(e,
                       "%s: is a folder; BINARY needs one 510 or 610 file (images need input_type: "
                       "IMAGE)",
                       c->path);
    return 0;
}

int feed_block(struct feed *f, const struct conf *conf, const struct conf_input *c,
               const struct calset_input *in, const struct calset_options *o, struct err *e)
{
    const struct conf_place *at = &c->path_at;

    if (path_check(c, e) < 0 || (c->type == CONF_IMAGE ? image_feed(f, c, in, o, &at, e)
                                                       : feed_array(f, c->path, in, o, e)) < 0)
        return conf_error(conf, at, e);
    return 0;
}

static int images_step(struct feed *f, long first, long n, struct tensor *out, struct err *e)
{
    size_t count = (size_t)shape_count(&f->entry), bad;
    float *own = f->dtype == DT_F32 ? NULL : mem_alloc((size_t)n * count * sizeof *own);
    float *values = own == NULL ? out->data : own;
    int rc = 0;

    for (long i = 0; rc == 0 && i < n; i++)
        rc = images_get(&f->images, first + i, values + (size_t)i * count, e);
    if (rc == 0 && own != NULL) {
        rc = cast_exact(out->data, f->dtype, own, DT_F32, (size_t)n * count, &bad, e);
        if (rc < 0)
            err_at(e, "%s", f->images.paths[first + (long)(bad / count)]);
    }
    free(own);
    return rc;
}

int feed_step(struct feed *f, long step, struct tensor *out, struct err *e)
{
    long first = step * f->n, n = f->entries - first < f->n ? f->entries - first : f->n;
    int rc;

    *out = (struct tensor){ .dtype = f->dtype, .shape = f->entry };
    if (!f->whole) {
        out->shape.rank = f->entry.rank + 1;
        out->shape.dim[0] = n;
        memcpy(out->shape.dim + 1, f->entry.dim, (size_t)f->entry.rank * sizeof *f->entry.dim);
    }
    out->data = mem_alloc(tensor_size(out));
    rc = f->images.n > 0 ? images_step(f, first, n, out, e)
                         : array_get(&f->array, first, n, f->dtype, out->data, e);
    if (rc == 0)
        return 0;
    free(out->data);
    out->data = NULL;
    return err_at(e, "input '%s'", f->name);
}

void feed_release(struct feed *f)
{
    const struct images *im = &f->images;
    long resized = images_resized(im);

    if (resized > 0)
        warn("input '%s': %ld of %ld images resized to %dx%d (height x width), from %s on", f->name,
             resized, im->n, im->options.height, im->options.width, im->paths[0]);
    free(f->name);
    images_release(&f->images);
    array_release(&f->array);
}
