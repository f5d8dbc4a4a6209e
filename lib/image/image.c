/* image.c: see image.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/decode.h"

/* OpenCV's own limit of a side is 2^20. */
enum { SIDE_MAX = 1 << 20 };

int image_init(struct image *im, uint64_t width, uint64_t height, const struct want *w,
               struct err *e)
{
    if (width == 0 || height == 0 || width > SIDE_MAX || height > SIDE_MAX)
        return err_set(e, "an image of %llux%llu pixels", (unsigned long long)width,
                       (unsigned long long)height);
    if (width * height > (uint64_t)w->pixels_max)
        return err_set(e, "%llux%llu pixels are more than the limit of %lld",
                       (unsigned long long)width, (unsigned long long)height,
                       (long long)w->pixels_max);
    *im = (struct image){ (int)width, (int)height, w->channels, NULL };
    im->data = mem_alloc((size_t)(width * height) * (size_t)w->channels);
    return 0;
}

void image_release(struct image *im)
{
    free(im->data);
    *im = (struct image){ 0 };
}

/* By the first bytes; a row without a decoder names what it is. `at` 8 is WebP's place in RIFF. */
static const struct format {
    const char *name, *magic;
    size_t size, at;
    decode_fn *decode;
} formats[] = {
    { "JPEG", "\xff\xd8\xff", 3, 0, jpeg_decode },
    { "PNG", "\x89PNG\r\n\x1a\n", 8, 0, png_decode },
    { "BMP", "BM", 2, 0, bmp_decode },
    { "PBM", "P1", 2, 0, pnm_decode },
    { "PGM", "P2", 2, 0, pnm_decode },
    { "PPM", "P3", 2, 0, pnm_decode },
    { "PBM", "P4", 2, 0, pnm_decode },
    { "PGM", "P5", 2, 0, pnm_decode },
    { "PPM", "P6", 2, 0, pnm_decode },
    { "WebP", "WEBP", 4, 8, webp_decode },
    { "TIFF", "II*\0", 4, 0, tiff_decode },
    { "TIFF", "MM\0*", 4, 0, tiff_decode },
    { "TIFF", "II+\0", 4, 0, tiff_decode }, /* BigTIFF */
    { "TIFF", "MM\0+", 4, 0, tiff_decode },
    { "GIF", "GIF8", 4, 0, NULL },
};

static const struct format *format_of(const uint8_t *p, size_t size)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (size >= formats[i].at + formats[i].size &&
            memcmp(p + formats[i].at, formats[i].magic, formats[i].size) == 0)
            return &formats[i];
    return NULL;
}

const char *image_format(const void *bytes, size_t size)
{
    const struct format *f = format_of(bytes, size);

    return f == NULL ? NULL : f->name;
}

int image_read(struct image *im, const void *bytes, size_t size, int channels, int64_t pixels_max,
               struct err *e)
{
    struct want w = { channels, pixels_max == 0 ? IMAGE_PIXELS_MAX : pixels_max };
    const struct format *f = format_of(bytes, size);

    *im = (struct image){ 0 };
    if (size == 0)
        return err_set(e, "is empty");
    if (f == NULL)
        return err_set(e, "is no image: neither JPEG, PNG, BMP, PNM, WebP nor TIFF");
    if (f->decode == NULL)
        return err_set(e, "%s images are not read; convert it to PNG", f->name);
    if (f->decode(im, bytes, size, &w, e) == 0)
        return 0;
    image_release(im);
    return err_at(e, "%s", f->name);
}

bool image_extension(const char *name)
{
    static const char *const extensions[] = {
        "bmp", "dib", "jpeg", "jpg", "jpe", "png", "webp", "pbm", "pgm", "ppm", "tiff", "tif",
        "BMP", "DIB", "JPEG", "JPG", "JPE", "PNG", "WEBP", "PBM", "PGM", "PPM", "TIFF", "TIF",
    };
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot != NULL && i < sizeof extensions / sizeof *extensions; i++)
        if (strcmp(dot + 1, extensions[i]) == 0)
            return true;
    return false;
}

/* The index of a word in a list, or -1. */
static int word(const char *name, const char *const *words, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(name, words[i]) == 0)
            return i;
    return -1;
}

bool image_fit_from(enum image_fit *fit, const char *name)
{
    static const char *const words[] = { "stretch", "crop", "letterbox" };
    int i = word(name, words, 3);

    if (i >= 0)
        *fit = (enum image_fit)i;
    return i >= 0;
}

bool image_kernel_from(enum image_kernel *k, const char *name)
{
    static const char *const words[] = { "linear", "area", "nearest", "cubic" };
    int i = word(name, words, 4);

    if (i >= 0)
        *k = (enum image_kernel)i;
    return i >= 0;
}
