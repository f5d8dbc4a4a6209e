/* pixels.h: the options of how images become pixels, which every tool that reads images has.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_PIXELS_H
#define CMD_PIXELS_H

#include "image/image.h"

enum { PIXELS_FIT = 640, PIXELS_RESIZE, PIXELS_NO_RESIZE, PIXELS_MAX };
#define PIXELS_OPTIONS                                                                             \
    { "fit", required_argument, NULL, PIXELS_FIT },                                                \
        { "resize", required_argument, NULL, PIXELS_RESIZE },                                      \
        { "no-resize", no_argument, NULL, PIXELS_NO_RESIZE },                                      \
    {                                                                                              \
        "max-pixels", required_argument, NULL, PIXELS_MAX                                          \
    }
/* false: the letter is another option's. */
bool pixels_option(struct image_options *o, int letter, const char *arg);

#endif
