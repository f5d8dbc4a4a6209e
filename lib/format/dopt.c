/* dopt.c: reading dopt files; see dopt.h. Writing is save.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/cursor.h"
#include "base/wire.h"
#include "format/dopt.h"
#include "model.pb-c.h"

static const uint8_t magic[8] = { 0x89, 'd', 'o', 'p', 't', '\r', '\n', 0x1a };

enum { HEADER = 16, ALIGN = 64 };

void dopt_init(struct dopt_file *f)
{
    *f = (struct dopt_file){ 0 };
}

void dopt_release(struct dopt_file *f)
{
    for (int i = 0; i < f->nblobs; i++)
        blob_release(&f->blobs[i]);
    free(f->blobs);
    free(f->sections);
    free(f->records);
    arena_release(&f->arena);
    *f = (struct dopt_file){ 0 };
}

bool dopt_is(const void *bytes, size_t size)
{
    return size > 0 && memcmp(bytes, magic, size < sizeof magic ? size : sizeof magic) == 0;
}

const struct section *dopt_find(const struct dopt_file *f, const char *tag)
{
    for (int i = 0; i < f->nsections; i++)
        if (strcmp(f->sections[i].tag, tag) == 0)
            return &f->sections[i];
    return NULL;
}

static void append(struct dopt_file *f, const struct section *s)
{
    GROW(f->sections, f->nsections, f->capsections);
    f->sections[f->nsections++] = *s;
}

void dopt_add(struct dopt_file *f, const char *tag, const void *bytes, uint64_t size)
{
    struct section *old = (struct section *)dopt_find(f, tag), s = { .p = bytes, .size = size };

    snprintf(s.tag, sizeof s.tag, "%s", tag);
    if (old != NULL)
        *old = s;
    else
        append(f, &s);
}

void dopt_record(struct dopt_file *f, const char *tool, const char *version,
                 const char *const *options, int noptions)
{
    const char **copy = arena_alloc(&f->arena, (size_t)noptions * sizeof *copy);

    for (int i = 0; i < noptions; i++)
        copy[i] = arena_strdup(&f->arena, options[i]);
    GROW(f->records, f->nrecords, f->caprecords);
    f->records[f->nrecords++] =
        (struct record){ arena_strdup(&f->arena, tool), arena_strdup(&f->arena, version), noptions,
                         copy, true };
}

static bool same_record(const struct record *a, const struct record *b)
{
    if (strcmp(a->tool, b->tool) != 0 || strcmp(a->version, b->version) != 0 ||
        a->noptions != b->noptions)
        return false;
    for (int i = 0; i < a->noptions; i++)
        if (strcmp(a->options[i], b->options[i]) != 0)
            return false;
    return true;
}

/* Files of one pipeline share records: each is kept once. */
static int read_history(struct dopt_file *f, const struct section *s, struct err *e)
{
    Dopt__Model__History *h = wire_unpack(&dopt__model__history__descriptor, s->p, s->size, e);
    int before = f->nrecords;

    if (h == NULL)
        return err_at(e, "HISTORY");
    for (size_t i = 0; i < h->n_records; i++) {
        const Dopt__Model__Record *r = h->records[i];
        bool known = false;

        dopt_record(f, r->tool, r->version, (const char *const *)r->options, (int)r->n_options);
        f->records[f->nrecords - 1].own = false;
        for (int k = 0; k < before; k++)
            known |= same_record(&f->records[k], &f->records[f->nrecords - 1]);
        f->nrecords -= known;
    }
    dopt__model__history__free_unpacked(h, NULL);
    return 0;
}

static int take(struct dopt_file *f, const struct section *s, struct err *e)
{
    const struct section *old = dopt_find(f, s->tag);

    if (strcmp(s->tag, "HISTORY") == 0)
        return read_history(f, s, e);
    if (old == NULL) {
        append(f, s);
        return 0;
    }
    if (old->size == s->size && (s->size == 0 || memcmp(old->p, s->p, s->size) == 0))
        return 0;
    return err_set(e, "its %s differs from the one in %s", s->tag, old->file);
}

static int incomplete(struct err *e)
{
    return err_set(e, "incomplete: the stage that wrote it failed");
}

/* Reads the section at the cursor; 1 = it was the end mark. */
static int read_section(struct dopt_file *f, const char *name, const uint8_t *base,
                        struct cursor *c, struct err *e)
{
    struct section s = { .file = name };
    const uint8_t *start;
    uint32_t crc;

    cursor_skip(c, (size_t)(48 - (c->p - base)) & (ALIGN - 1));
    start = cursor_take(c, 8);
    s.size = cursor_u64(c);
    s.p = cursor_take(c, s.size);
    crc = cursor_u32(c);
    if (c->bad)
        return incomplete(e);
    memcpy(s.tag, start, 8);
    if (crc32_z(crc32_z(0, start, HEADER), s.p, s.size) != crc)
        return err_set(e, "section %.8s: damaged (wrong checksum)", s.tag);
    if (strcmp(s.tag, "END") == 0)
        return 1;
    return take(f, &s, e);
}

static int read_file(struct dopt_file *f, const char *name, const struct blob *b, struct err *e)
{
    struct cursor c = cursor_of(b->data, b->size);
    uint32_t version;
    int before = f->nsections, rc = 0;

    if (b->size > 0 && !dopt_is(b->data, b->size))
        return err_set(e, "not a dopt file (dopt-import makes one from a model)");
    cursor_skip(&c, sizeof magic);
    version = cursor_u32(&c);
    cursor_skip(&c, 4);
    if (c.bad)
        return incomplete(e);
    if (version > DOPT_FORMAT)
        return err_set(e, "version %u is newer than this dopt, which knows %d", version,
                       DOPT_FORMAT);
    while (rc == 0)
        rc = read_section(f, name, b->data, &c, e);
    if (rc < 0)
        return -1;
    if (cursor_left(&c) > 0)
        return err_set(e, "%zu bytes behind the end mark", cursor_left(&c));
    for (int i = before; i < f->nsections; i++)
        for (int k = before; k < i; k++)
            if (strcmp(f->sections[i].tag, f->sections[k].tag) == 0)
                return err_set(e, "section %s twice", f->sections[i].tag);
    return 0;
}

int dopt_take(struct dopt_file *f, const char *name, const struct blob *b, struct err *e)
{
    name = arena_strdup(&f->arena, name);
    GROW(f->blobs, f->nblobs, f->capblobs);
    f->blobs[f->nblobs++] = *b;
    return read_file(f, name, b, e) < 0 ? err_at(e, "%s", name) : 0;
}

int dopt_open(struct dopt_file *f, const char *const *paths, int npaths, struct err *e)
{
    for (int i = 0; i < npaths || i == 0; i++) {
        const char *path = npaths == 0 || strcmp(paths[i], "-") == 0 ? NULL : paths[i];
        struct blob b;

        if (blob_open(&b, path, e) < 0 || dopt_take(f, path == NULL ? "<stdin>" : path, &b, e) < 0)
            return -1;
    }
    return 0;
}
