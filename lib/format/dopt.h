/* dopt.h: the dopt file: sections between a header and an end mark. dopt-file(5).
 *
 *   0   magic 89 64 6f 70 74 0d 0a 1a | version u32 | 0 u32
 *   then, each with its header at an offset of 48 mod 64, so that its payload is 64-byte aligned:
 *       tag, 8 bytes, NUL-padded | size u64 | payload | CRC-32 u32 of tag, size and payload
 *   the last one has the tag END and no payload. Zeros between; little-endian.
 *
 * Known to this layer: MODEL, SOURCE, DATA (format/model.h) and HISTORY. Every other section is
 * bytes that belong to a library above or to a later version, and is copied through.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_DOPT_H
#define FORMAT_DOPT_H

#include "base/file.h"
#include "ir/ir.h"

enum { DOPT_FORMAT = 1 }; /* the file's version */

struct section {
    char tag[9];
    const uint8_t *p; /* 64-byte aligned in a mapped file */
    uint64_t size;
    const char *file; /* where it came from; NULL: added here */
};

/* One stage of the HISTORY. */
struct record {
    const char *tool, *version;
    int noptions;
    const char *const *options; /* "--method=mse": what changes the result, nothing else */
    bool own;                   /* added here */
};

/* The union of the files that a stage reads, and what it adds. */
struct dopt_file {
    struct arena arena;
    int nblobs, capblobs, nsections, capsections, nrecords, caprecords;
    struct blob *blobs;
    struct section *sections;
    struct record *records;
    const struct model *model; /* of model_read or model_add */
    bool fresh, link;          /* model_add: not packed yet; link its data */
    bool linked; /* MODEL refers to other files: rewritten for every place it goes to */
};

void dopt_init(struct dopt_file *f);
/* Reads npaths files (0, or the path "-": stdin). Two files may hold the same section if it is the
 * same, byte for byte. Everything is checked but the sections' meaning. */
int dopt_open(struct dopt_file *f, const char *const *paths, int npaths, struct err *e);
/* The same for bytes that are open already; the blob belongs to f then. */
int dopt_take(struct dopt_file *f, const char *name, const struct blob *b, struct err *e);
void dopt_release(struct dopt_file *f);
/* Whether the bytes begin like a dopt file, or are the beginning of one. */
bool dopt_is(const void *bytes, size_t size);

const struct section *dopt_find(const struct dopt_file *f, const char *tag); /* NULL if absent */
/* Adds a section, or replaces the one of that tag. The bytes are borrowed until dopt_release. */
void dopt_add(struct dopt_file *f, const char *tag, const void *bytes, uint64_t size);
/* Adds this stage's record; the strings are copied. */
void dopt_record(struct dopt_file *f, const char *tool, const char *version,
                 const char *const *options, int noptions);

/* Writes everything, or (detached) the sections of the NULL-terminated list `only` and this stage's
 * record. path NULL or "-" = stdout, where linked data are written out in full. Sections are
 * written in one canonical order: equal contents give equal bytes. */
int dopt_save(const struct dopt_file *f, const char *path, const char *const *only, struct err *e);

#endif
