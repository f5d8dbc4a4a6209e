/* bmp.c: BMP.
 * SPDX-License-Identifier: Apache-2.0 */
#include "image_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return image_target(data, size, "BMP");
}
