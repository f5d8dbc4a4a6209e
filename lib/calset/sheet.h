/* sheet.h: a contact sheet: samples as they are fed, side by side, to be looked at.
 *
 * Channel 0 is drawn red, 1 green, 2 blue, whatever the order is called: natural colors mean RGB. Black
 * and white stand for the same two values everywhere: 0 and 255 if everything lies between them (0 and
 * 1 likewise), else the least and the largest. Their line is the last of the sheet; NaN is magenta.
 * A longer side than 160 is drawn smaller, one below 8 larger, by a whole factor.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CALSET_SHEET_H
#define CALSET_SHEET_H

#include <stdbool.h>

#include "image/image.h"
#include "ir/tensor.h"

enum { SHEET_MAX = 100 }; /* samples on one sheet */

struct sheet;
/* Samples of 1 or 3 channels are pictures; others are drawn as rows of their last dim. */
struct sheet *sheet_new(const struct shape *sample, bool nhwc);
void sheet_add(struct sheet *s, const float *sample); /* at most SHEET_MAX */
/* An image of R, G, B, for image_write_png. */
void sheet_draw(const struct sheet *s, struct image *out);
void sheet_free(struct sheet *s);

#endif
