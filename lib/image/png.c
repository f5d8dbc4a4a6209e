/* png.c: PNG (ISO/IEC 15948) through libpng, with the transformations that OpenCV asks for: gray is
 * libpng's own, which minds the file's gamma.
 *
 * libpng's errors come back by longjmp; it reads on to the end of the file, where an EXIF block may be.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "base/cursor.h"
#include "base/mem.h"
#include "image/decode.h"

static void on_error(png_structp png, png_const_charp msg)
{
    err_set(png_get_error_ptr(png), "%s", msg);
    longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp msg)
{
    (void)png;
    (void)msg;
}

static void source_read(png_structp png, png_bytep out, size_t n)
{
    struct cursor *c = png_get_io_ptr(png);
    const uint8_t *p = cursor_take(c, n);

    if (p == NULL)
        png_error(png, "truncated");
    memcpy(out, p, n);
}

static void transform(png_structp png, png_infop info, int channels)
{
    int type = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
    bool color = (type & PNG_COLOR_MASK_COLOR) != 0;

    if (depth == 16)
        png_set_strip_16(png);
    png_set_strip_alpha(png);
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    if (!color && depth < 8)
        png_set_expand_gray_1_2_4_to_8(png);
    if (channels == 1)
        png_set_rgb_to_gray(png, 1, 0.299, 0.587);
    else if (color)
        png_set_bgr(png);
    else
        png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
}

static int orientation_of(png_structp png, png_infop info)
{
    png_bytep exif;
    png_uint_32 size;

    return png_get_eXIf_1(png, info, &size, &exif) != 0 ? exif_orientation(exif, size) : 1;
}

/* Every chunk lies in the file: libpng allocates for some before it reads them. */
static int chunks_check(const uint8_t *p, size_t size, struct err *e)
{
    struct cursor c = cursor_of(p, size);

    cursor_skip(&c, 8);
    for (;;) {
        const uint8_t *head = cursor_take(&c, 8);

        if (head != NULL)
            cursor_skip(&c, (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 |
                                head[3]);
        cursor_skip(&c, 4); /* its CRC is libpng's to check */
        if (head == NULL || c.bad)
            return err_set(e, "truncated");
        if (memcmp(head + 4, "IEND", 4) == 0)
            return 0;
    }
}

int png_decode(struct image *im, const uint8_t *p, size_t size, const struct want *w, struct err *e)
{
    png_structp png = NULL;
    png_infop info = NULL;
    png_bytep *volatile rows = NULL;
    volatile int rc = -1;
    struct cursor c = cursor_of(p, size);

    if (chunks_check(p, size, e) < 0)
        return -1;
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, e, on_error, on_warning);
    if (png == NULL)
        return err_set(e, "libpng is of another version than its headers");
    if (setjmp(png_jmpbuf(png)) != 0)
        goto out;
    info = png_create_info_struct(png);
    png_set_read_fn(png, &c, source_read);
    png_read_info(png, info);
    if (image_init(im, png_get_image_width(png, info), png_get_image_height(png, info), w, e) < 0)
        goto out;
    transform(png, info, w->channels);
    if (png_get_rowbytes(png, info) != (size_t)im->width * (size_t)im->channels)
        png_error(png, "an unknown kind of pixels");
    rows = mem_alloc((size_t)im->height * sizeof *rows);
    for (int y = 0; y < im->height; y++)
        rows[y] = im->data + (size_t)y * (size_t)im->width * (size_t)im->channels;
    png_read_image(png, rows);
    png_read_end(png, info);
    image_orient(im, orientation_of(png, info));
    rc = 0;
out:
    free(rows);
    png_destroy_read_struct(&png, &info, NULL);
    return rc;
}
