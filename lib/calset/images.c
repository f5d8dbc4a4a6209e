/* images.c: see images.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "calset/images.h"

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void images_add_file(struct images *im, const char *path)
{
    GROW(im->paths, im->n, im->cap);
    im->paths[im->n++] = arena_strdup(&im->arena, path);
}

int images_add_folder(struct images *im, const char *folder, struct err *e)
{
    long first = im->n, ignored = 0;
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    DIR *d = opendir(folder);
    struct dirent *entry;
    int rc = -1;

    if (d == NULL)
        return err_set(e, "%s: cannot open:", folder);
    while (errno = 0, (entry = readdir(d)) != NULL) {
        const char *name = entry->d_name;
        struct stat st = { 0 };
        bool wrong = true;
        char *path;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        path = mem_printf("%s%s%s", folder, slash, name);
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            err_set(e, "%s: is a sub-folder; a folder of images may hold only files", path);
        else if (image_extension(name) && st.st_mode != 0 && !S_ISREG(st.st_mode))
            err_set(e, "%s: is a pipe or a device; a folder of images may hold only files", path);
        else
            wrong = false;
        if (!wrong && image_extension(name))
            images_add_file(im, path);
        else
            ignored++;
        free(path);
        if (wrong)
            goto out;
    }
    if (errno != 0) {
        err_set(e, "%s: cannot read:", folder);
        goto out;
    }
    if (im->n == first) {
        err_set(
            e,
            "%s: holds no image (%ld other files); bmp dib jpeg jpg jpe png webp pbm pgm ppm tiff "
            "tif count",
            folder, ignored);
        goto out;
    }
    if (ignored > 0)
        warn("%s: %ld file%s ignored: not named like an image", folder, ignored,
             ignored == 1 ? "" : "s");
    qsort(im->paths + first, (size_t)(im->n - first), sizeof *im->paths, by_name);
    rc = 0;
out:
    closedir(d);
    return rc;
}

int images_size_from(struct images *im, const void *bytes, size_t size, struct err *e)
{
    struct images_options *o = &im->options;
    struct image first;

    if (o->width != 0)
        return 0;
    if (image_read(&first, bytes, size, o->channels, o->image.pixels_max, e) < 0)
        return 1;
    o->width = first.width;
    o->height = first.height;
    o->image.no_resize = true;
    image_release(&first);
    return 0;
}

/* The size of the first image, or of the first that is not broken. */
static int size_find(struct images *im, struct err *e)
{
    for (long i = 0; im->options.width == 0 && i < im->n; i++) {
        struct blob b;
        int rc = blob_open(&b, im->paths[i], e);

        if (rc == 0) {
            rc = images_size_from(im, b.data, b.size, e);
            blob_release(&b);
        }
        if (rc == 0 || (im->options.skip_broken && i < im->n - 1))
            continue;
        return rc < 0 ? err_at(e, "sample %ld", i) : err_at(e, "%s (sample %ld)", im->paths[i], i);
    }
    return 0;
}

int images_begin(struct images *im, const struct images_options *o, struct err *e)
{
    im->options = *o;
    im->options.means = im->options.stds = NULL; /* borrowed; the table below holds all of them */
    im->resized = mem_zero((size_t)im->n, sizeof *im->resized);
    for (int c = 0; c < o->channels; c++) {
        float mean = o->nmeans == 0 ? 0 : o->means[c];
        float std = o->nstds == 0 ? 0 : o->stds[o->nstds == 1 ? 0 : c];

        for (int v = 0; v < 256; v++) {
            float x = (float)v - mean;

            im->value[c][v] = std == 0 ? x : x / std;
        }
    }
    return size_find(im, e);
}

static void values_put(const struct images *im, const struct image *p, float *out)
{
    size_t plane = (size_t)p->width * (size_t)p->height, channels = (size_t)p->channels;

    for (size_t c = 0; c < channels; c++) {
        const float *value = im->value[c];
        const uint8_t *in = p->data + (im->options.rgb ? channels - 1 - c : c);
        float *to = im->options.nhwc ? out + c : out + c * plane;
        size_t step = im->options.nhwc ? channels : 1;

        for (size_t i = 0; i < plane; i++)
            to[i * step] = value[in[i * channels]];
    }
}

int images_decode(struct images *im, long i, const char *name, const void *bytes, size_t size,
                  float *out, struct err *e)
{
    const struct images_options *o = &im->options;
    struct image p, fitted;

    if (image_read(&p, bytes, size, o->channels, o->image.pixels_max, e) < 0) {
        err_at(e, "%s (sample %ld)", name, i);
        return 1;
    }
    if (out != NULL && (p.width != o->width || p.height != o->height)) {
        if (o->image.no_resize) {
            err_set(e, "%s (sample %ld): %dx%d pixels (height x width), but %dx%d are needed", name,
                    i, p.height, p.width, o->height, o->width);
            image_release(&p);
            return -1;
        }
        image_resize(&fitted, &p, o->width, o->height, &o->image);
        image_release(&p);
        p = fitted;
        if (i < im->n)
            atomic_store_explicit(&im->resized[i], 1, memory_order_relaxed);
        else
            atomic_fetch_add_explicit(&im->others, 1, memory_order_relaxed);
    }
    if (out != NULL)
        values_put(im, &p, out);
    image_release(&p);
    return 0;
}

int images_get(struct images *im, long i, float *out, struct err *e)
{
    struct blob b;
    int rc;

    if (blob_open(&b, im->paths[i], e) < 0) {
        err_at(e, "sample %ld", i);
        return 1;
    }
    rc = images_decode(im, i, im->paths[i], b.data, b.size, out, e);
    blob_release(&b);
    return rc;
}

long images_resized(const struct images *im)
{
    long n = im->others;

    for (long i = 0; im->resized != NULL && i < im->n; i++)
        n += im->resized[i];
    return n;
}

void images_release(struct images *im)
{
    free(im->resized);
    free(im->paths);
    arena_release(&im->arena);
    *im = (struct images){ 0 };
}
