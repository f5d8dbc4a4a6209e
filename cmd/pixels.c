/* pixels.c: see pixels.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "pixels.h"

static bool option_take(struct image_options *o, int letter, const char *arg)
{
    switch (letter) {
    case PIXELS_FIT:
        if (!image_fit_from(&o->fit, arg))
            cli_usage("--fit: '%s' is neither stretch, crop nor letterbox", arg);
        return true;
    case PIXELS_RESIZE:
        if (!image_kernel_from(&o->kernel, arg))
            cli_usage("--resize: '%s' is neither linear, area, nearest nor cubic", arg);
        return true;
    case PIXELS_NO_RESIZE:
        o->no_resize = true;
        return true;
    case PIXELS_MAX:
        o->pixels_max = cli_number("--max-pixels", arg, 1);
        if (o->pixels_max > 1 << 30)
            cli_usage("--max-pixels: '%s' is more than 2^30", arg);
        return true;
    default:
        return false;
    }
}

bool pixels_option(struct image_options *o, int letter, const char *arg)
{
    bool taken = option_take(o, letter, arg);

    if (taken && o->no_resize && (o->fit != FIT_STRETCH || o->kernel != KERNEL_LINEAR))
        cli_usage("--no-resize: where nothing is resized, --fit and --resize mean nothing");
    return taken;
}
