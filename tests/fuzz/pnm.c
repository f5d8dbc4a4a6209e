/* pnm.c: PBM, PGM and PPM, and whatever else image_read takes for an image.
 * SPDX-License-Identifier: Apache-2.0 */
#include "image_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return size > 0 && data[0] != 'P' ? -1 : image_target(data, size, NULL);
}
