/* tiff.c: TIFF 6.0 and BigTIFF through libtiff's RGBA interface, which knows palettes, CMYK, YCbCr, 16
 * bits and every compression; a strip or a tile at a time, placed and turned as OpenCV does.
 *
 * Anything that libtiff calls an error is one here. OpenCV goes on over damaged strips, so a cut file
 * that it reads in part is refused.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

#include "base/mem.h"
#include "image/decode.h"

struct source {
    const uint8_t *p;
    uint64_t size, at;
    struct err *e;
    bool failed; /* e is set */
};

static tmsize_t source_read(thandle_t h, void *out, tmsize_t n)
{
    struct source *s = h;
    uint64_t left = s->at < s->size ? s->size - s->at : 0;

    if ((uint64_t)n > left)
        n = (tmsize_t)left;
    memcpy(out, s->p + s->at, (size_t)n);
    s->at += (uint64_t)n;
    return n;
}

static tmsize_t source_write(thandle_t h, void *p, tmsize_t n)
{
    (void)h;
    (void)p;
    (void)n;
    return -1;
}

static toff_t source_seek(thandle_t h, toff_t offset, int whence)
{
    struct source *s = h;

    s->at = whence == SEEK_SET ? offset : whence == SEEK_CUR ? s->at + offset : s->size + offset;
    if (s->at > s->size)
        s->at = s->size;
    return s->at;
}

static int source_close(thandle_t h)
{
    (void)h;
    return 0;
}

static toff_t source_size(thandle_t h)
{
    return ((struct source *)h)->size;
}

/* libtiff reads from memory where it can. */
static int source_map(thandle_t h, void **p, toff_t *size)
{
    struct source *s = h;

    *p = (void *)s->p;
    *size = s->size;
    return 1;
}

static void source_unmap(thandle_t h, void *p, toff_t size)
{
    (void)h;
    (void)p;
    (void)size;
}

/* The first message counts. */
static int on_error(TIFF *t, void *user, const char *module, const char *fmt, va_list ap)
{
    struct source *s = user;
    char msg[300];

    (void)t;
    (void)module;
    if (!s->failed) {
        vsnprintf(msg, sizeof msg, fmt, ap);
        err_set(s->e, "%s", msg);
    }
    s->failed = true;
    return 1;
}

/* Damage that libtiff only warns of: values that lie behind the end of the file. */
static int on_warning(TIFF *t, void *user, const char *module, const char *fmt, va_list ap)
{
    if (strstr(fmt, "IO error") != NULL || strstr(fmt, "ot enough data") != NULL ||
        strstr(fmt, "beyond end of file") != NULL)
        return on_error(t, user, module, fmt, ap);
    return 1;
}

static TIFF *source_open(struct source *s)
{
    TIFFOpenOptions *o = TIFFOpenOptionsAlloc();
    TIFF *t;

    TIFFOpenOptionsSetErrorHandlerExtR(o, on_error, s);
    TIFFOpenOptionsSetWarningHandlerExtR(o, on_warning, s);
    TIFFOpenOptionsSetMaxSingleMemAlloc(o, 1 << 30);
    t = TIFFClientOpenExt("", "r", s, source_read, source_write, source_seek, source_close,
                          source_size, source_map, source_unmap, o);
    TIFFOpenOptionsFree(o);
    return t;
}

struct layout {
    uint32_t width, height, block_width, block_height; /* a block: a strip or a tile */
    bool tiled, flip;                                  /* flip: blocks come from the bottom up */
    uint16_t orientation;
};

/* What OpenCV refuses that libtiff would read. */
static int depth_check(TIFF *t, struct err *e)
{
    uint16_t bits = 1, photometric, samples = 1, format = SAMPLEFORMAT_UINT;

    TIFFGetField(t, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLESPERPIXEL, &samples);
    TIFFGetField(t, TIFFTAG_SAMPLEFORMAT, &format);
    if (!TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &photometric))
        return err_set(e,
                       "it does not say how its values are meant (no PhotometricInterpretation)");
    if (samples < 1 || samples > 4)
        return err_set(e, "%u values a pixel", samples);
    if (bits != 1 && bits != 8 && bits != 16)
        return err_set(e, "%u bits a value are not read; convert it to PNG", bits);
    if (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_INT)
        return err_set(e, "its values are no integers; convert it to PNG");
    return 0;
}

static int layout_read(struct layout *l, TIFF *t, const struct want *w, struct err *e)
{
    char why[1024];

    *l = (struct layout){ .orientation = ORIENTATION_TOPLEFT };
    if (!TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &l->width) ||
        !TIFFGetField(t, TIFFTAG_IMAGELENGTH, &l->height))
        return err_set(e, "its size is missing");
    if (depth_check(t, e) < 0)
        return -1;
    TIFFGetField(t, TIFFTAG_ORIENTATION, &l->orientation);
    l->flip = l->orientation == ORIENTATION_BOTRIGHT || l->orientation == ORIENTATION_BOTLEFT ||
              l->orientation == ORIENTATION_RIGHTBOT || l->orientation == ORIENTATION_LEFTBOT;
    l->tiled = TIFFIsTiled(t) != 0;
    if (l->tiled) {
        TIFFGetField(t, TIFFTAG_TILEWIDTH, &l->block_width);
        TIFFGetField(t, TIFFTAG_TILELENGTH, &l->block_height);
    } else {
        TIFFGetField(t, TIFFTAG_ROWSPERSTRIP, &l->block_height);
        l->block_width = l->width;
        if (l->block_height == 0 || l->block_height > l->height)
            l->block_height = l->height;
    }
    if (l->block_width == 0 || l->block_height == 0 ||
        l->block_height > (uint64_t)w->pixels_max / l->block_width)
        return err_set(e, "tiles of %ux%u pixels", l->block_width, l->block_height);
    if (!TIFFRGBAImageOK(t, why))
        return err_set(e, "%s; convert it to PNG", why);
    return 0;
}

/* Rows of a block come from its last to its first; a tile at the lower edge is filled from its end. */
static void block_put(struct image *im, const struct layout *l, const uint32_t *block, uint32_t x,
                      uint32_t y)
{
    uint32_t rows = l->height - y < l->block_height ? l->height - y : l->block_height;
    uint32_t cols = l->width - x < l->block_width ? l->width - x : l->block_width;
    uint32_t top = l->flip ? l->height - y - rows : y;

    if (l->tiled)
        block += (size_t)(l->block_height - rows) * l->block_width;
    for (uint32_t i = 0; i < rows; i++, block += l->block_width) {
        uint8_t *out =
            im->data + ((size_t)(top + rows - 1 - i) * l->width + x) * (size_t)im->channels;

        for (uint32_t k = 0; k < cols; k++, out += im->channels)
            pixel_put(out, im->channels, TIFFGetB(block[k]), TIFFGetG(block[k]),
                      TIFFGetR(block[k]));
    }
}

/* libtiff has flipped what orientation says of flips, except that of the turned ones. */
static int turn_of(uint16_t orientation)
{
    switch (orientation) {
    case ORIENTATION_LEFTTOP:
    case ORIENTATION_RIGHTBOT:
        return 5;
    case ORIENTATION_RIGHTTOP:
    case ORIENTATION_LEFTBOT:
        return 7;
    default:
        return 1;
    }
}

static int blocks_read(struct image *im, TIFF *t, const struct layout *l, struct source *s)
{
    uint32_t *block = mem_zero((size_t)l->block_width * l->block_height, sizeof *block);
    bool ok = true;

    for (uint32_t y = 0; ok && y < l->height; y += l->block_height)
        for (uint32_t x = 0; ok && x < l->width; x += l->block_width) {
            ok = l->tiled ? TIFFReadRGBATileExt(t, x, y, block, 1)
                          : TIFFReadRGBAStripExt(t, y, block, 1);
            if (ok)
                block_put(im, l, block, x, y);
        }
    free(block);
    if (!ok && !s->failed)
        err_set(s->e, "damaged");
    return ok && !s->failed ? 0 : -1;
}

int tiff_decode(struct image *im, const uint8_t *p, size_t size, const struct want *w,
                struct err *e)
{
    struct source s = { .p = p, .size = size, .e = e };
    TIFF *t = source_open(&s);
    struct layout l;
    int rc = -1;

    if (t == NULL)
        return s.failed ? -1 : err_set(e, "damaged");
    if (!s.failed && layout_read(&l, t, w, e) == 0 && !s.failed &&
        image_init(im, l.width, l.height, w, e) == 0)
        rc = blocks_read(im, t, &l, &s);
    if (rc == 0)
        image_orient(im, turn_of(l.orientation));
    TIFFClose(t);
    return rc;
}
