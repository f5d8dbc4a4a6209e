/* strip.h: an ONNX file without its weights, and with them again.
 *
 * onnx_strip walks the wire format of a mapped ModelProto once. Every tensor of more than
 * ONNX_INLINE bytes of raw_data (or float_data, double_data: the same bytes), wherever it is
 * nested, becomes a datum that points into the mapping, and so does ONNX's own external data. What
 * is left is a small ModelProto, model->source, in which such a tensor reads data_location:
 * EXTERNAL  external_data { location: "dopt", datum: INDEX } onnx_fill puts the bytes back.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef ONNX_STRIP_H
#define ONNX_STRIP_H

#include "base/file.h"
#include "ir/ir.h"
#include "onnx.pb-c.h"

enum { ONNX_INLINE = 1024 };

/* Sets m->source (in the arena) and adds to m->data and m->links. The file must stay open as long
 * as the model; external files are mapped until model_release. `path` (NULL: a pipe) tells where
 * external data are looked for: nothing outside its folder is opened. Errors say at which byte. */
int onnx_strip(struct model *m, const struct blob *file, const char *path, struct err *e);

/* The datum that a tensor of model->source refers to, or -1. */
int64_t onnx_datum(const Onnx__TensorProto *t);
/* Makes an unpacked tensor without contents refer to a datum. */
void onnx_refer(Onnx__TensorProto *t, int64_t datum);

/* Where onnx_fill gets the bytes of references. */
struct fill {
    uint64_t (*size)(void *ctx, int64_t datum); /* NULL: model's own data, `ctx` a struct model */
    /* Puts exactly that many bytes, in as many pieces as it likes. 0, or -1 with the error set. */
    int (*put)(void *ctx, int64_t datum, struct out *o, struct err *e);
    void *ctx;
    const char *path; /* the output's name; NULL or "-" = stdout */
    uint64_t limit;   /* a larger file becomes PATH and PATH.data; 0 = protobuf's 2^31 - 1 */
};

/* Writes a packed ModelProto (model->source, or an edited copy) with every reference replaced by
 * raw_data; where that exceeds the limit, by external data in PATH.data (page-aligned), which is
 * committed here. The caller commits `o`. */
int onnx_fill(struct out *o, const uint8_t *source, size_t size, const struct fill *f,
              struct err *e);

#endif
