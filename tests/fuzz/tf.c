/* tf.c: a GraphDef.
 * SPDX-License-Identifier: Apache-2.0 */
#include "import_target.h"
#include "tf/import.h"

static int import(struct model *m, const struct blob *b, struct err *e)
{
    return tf_import(m, b, NULL, &(struct tf_options){ 0 }, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return import_target(data, size, import);
}
