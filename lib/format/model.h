/* model.h: struct model in a dopt file: the sections MODEL (proto/model.proto), SOURCE and DATA.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_MODEL_H
#define FORMAT_MODEL_H

#include "format/dopt.h"

/* The model of a file; `m` is initialized and borrows from f, which must outlive it. Linked files
 * are mapped, and must be as they were when dopt-import ran. */
int model_read(struct model *m, struct dopt_file *f, struct err *e);

/* Makes m the model that dopt_save writes, and sets m->digest. Borrowed. link: data in mapped files
 * (m->links) stay there and are referred to. */
void model_add(struct dopt_file *f, struct model *m, bool link);

/* ---- for dopt.c ---- */

/* Which data go into DATA, and where: offsets of a 64-byte aligned layout. */
struct layout {
    uint64_t *offset; /* by datum */
    int *link;        /* by datum: index into m->links, or -1 = DATA */
    uint64_t size;    /* of DATA */
};
/* linked: whether data may stay in mapped files. */
void layout_init(struct layout *l, const struct model *m, bool linked);
void layout_release(struct layout *l);
/* Packs MODEL; `folder` (absolute) is where link paths start. l NULL: no data, digest or links, for
 * the digest itself. */
void model_pack(const struct model *m, const struct layout *l, const char *folder, struct buf *out);

#endif
