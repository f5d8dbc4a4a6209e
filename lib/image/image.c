/* image.c: see image.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/decode.h"

int image_init(struct image *im, uint64_t width, uint64_t height, int channels, struct err *e)
{
    if (width == 0 || height == 0 || width > IMAGE_PIXELS_MAX || height > IMAGE_PIXELS_MAX)
        return err_set(e, "an image of %llux%llu pixels", (unsigned long long)width,
                       (unsigned long long)height);
    if (width * height > IMAGE_PIXELS_MAX)
        return err_set(e, "%llux%llu pixels are more than the limit of %d",
                       (unsigned long long)width, (unsigned long long)height, IMAGE_PIXELS_MAX);
    *im = (struct image){ (int)width, (int)height, channels, NULL };
    im->data = mem_alloc((size_t)(width * height) * (size_t)channels);
    return 0;
}

void image_release(struct image *im)
{
    free(im->data);
    *im = (struct image){ 0 };
}

typedef int decode_fn(struct image *, const uint8_t *, size_t, int, struct err *);

/* By the first bytes; a row without a decoder names what it is. `at` 8 is WebP's place in RIFF. */
static const struct {
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
    { "WebP", "WEBP", 4, 8, NULL },
    { "TIFF", "II*\0", 4, 0, NULL },
    { "TIFF", "MM\0*", 4, 0, NULL },
    { "GIF", "GIF8", 4, 0, NULL },
};

int image_read(struct image *im, const void *bytes, size_t size, int channels, struct err *e)
{
    const uint8_t *p = bytes;

    *im = (struct image){ 0 };
    if (size == 0)
        return err_set(e, "is empty");
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (size < formats[i].at + formats[i].size ||
            memcmp(p + formats[i].at, formats[i].magic, formats[i].size) != 0)
            continue;
        if (formats[i].decode == NULL)
            return err_set(e, "%s images cannot be read yet; convert it to PNG", formats[i].name);
        if (formats[i].decode(im, p, size, channels, e) == 0)
            return 0;
        image_release(im);
        return err_at(e, "%s", formats[i].name);
    }
    return err_set(e, "is no image: neither JPEG, PNG, BMP nor PNM");
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

bool image_fit_from(enum image_fit *fit, const char *name)
{
    static const char *const names[] = { "stretch", "crop", "letterbox" };

    for (int i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0) {
            *fit = i;
            return true;
        }
    return false;
}
