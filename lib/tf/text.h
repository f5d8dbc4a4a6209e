/* text.h: a GraphDef in protobuf's text format (.pbtxt).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TF_TEXT_H
#define TF_TEXT_H

#include "base/file.h"

/* Appends it in the wire format. What dopt's GraphDef has no field for is unsupported: it would be lost. */
int tf_text(struct buf *wire, const char *path, const struct blob *text, struct err *e);

#endif
