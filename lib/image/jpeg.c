/* jpeg.c: JPEG (ITU-T T.81) through libjpeg-turbo, with the settings OpenCV leaves at their
 * defaults (islow DCT, fancy upsampling).
 *
 * libjpeg's errors come back by longjmp. Of its warnings only the end of the data is an error here:
 * the rest of such a picture would be grey.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "base/mem.h"
#include "image/decode.h"

struct failure {
    struct jpeg_error_mgr mgr; /* first: libjpeg hands back its address */
    jmp_buf jump;
    struct err *e;
};

_Noreturn static void fail(j_common_ptr j)
{
    struct failure *f = (struct failure *)j->err;
    char msg[JMSG_LENGTH_MAX];

    j->err->format_message(j, msg);
    err_set(f->e, "%s", j->err->msg_code == JWRN_JPEG_EOF ? "truncated" : msg);
    longjmp(f->jump, 1);
}

static void notice(j_common_ptr j, int level)
{
    if (level < 0 && j->err->msg_code == JWRN_JPEG_EOF)
        fail(j);
}

static int orientation_of(const struct jpeg_decompress_struct *j)
{
    for (jpeg_saved_marker_ptr m = j->marker_list; m != NULL; m = m->next)
        if (m->marker == JPEG_APP0 + 1) /* as OpenCV: the first APP1, "Exif\0\0" skipped unseen */
            return m->data_length > 6 ? exif_orientation(m->data + 6, m->data_length - 6) : 1;
    return 1;
}

/* Adobe's inverted CMYK: OpenCV's integer rule. */
static void from_cmyk(uint8_t *out, int channels, const uint8_t *in, int width)
{
    for (int x = 0; x < width; x++, in += 4, out += channels) {
        int k = in[3];

        pixel_put(out, channels, (unsigned)(k - ((255 - in[2]) * k >> 8)),
                  (unsigned)(k - ((255 - in[1]) * k >> 8)),
                  (unsigned)(k - ((255 - in[0]) * k >> 8)));
    }
}

int jpeg_decode(struct image *im, const uint8_t *p, size_t size, const struct want *w,
                struct err *e)
{
    struct jpeg_decompress_struct j = { 0 };
    struct failure f = { .e = e };
    uint8_t *volatile row = NULL;
    volatile int rc = -1;
    int orientation;
    bool cmyk;

    j.err = jpeg_std_error(&f.mgr);
    f.mgr.error_exit = fail;
    f.mgr.emit_message = notice;
    if (setjmp(f.jump) != 0)
        goto out;
    jpeg_create_decompress(&j);
    jpeg_mem_src(&j, p, size);
    jpeg_save_markers(&j, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&j, TRUE);
    cmyk = j.num_components == 4;
    j.out_color_space = cmyk ? JCS_CMYK : w->channels == 1 ? JCS_GRAYSCALE : JCS_EXT_BGR;
    if (image_init(im, j.image_width, j.image_height, w, e) < 0)
        goto out;
    orientation = orientation_of(&j);
    jpeg_start_decompress(&j);
    row = cmyk ? mem_alloc((size_t)im->width * 4) : NULL;
    while (j.output_scanline < j.output_height) {
        uint8_t *to =
            im->data + (size_t)j.output_scanline * (size_t)im->width * (size_t)w->channels;
        JSAMPROW into = cmyk ? row : to;

        jpeg_read_scanlines(&j, &into, 1);
        if (cmyk)
            from_cmyk(to, w->channels, row, im->width);
    }
    jpeg_finish_decompress(&j);
    image_orient(im, orientation);
    rc = 0;
out:
    free(row);
    jpeg_destroy_decompress(&j);
    return rc;
}
