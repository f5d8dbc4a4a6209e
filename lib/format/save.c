/* save.c: writing dopt files in one pass; see dopt.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/wire.h"
#include "format/model.h"
#include "model.pb-c.h"

static const uint8_t magic[8] = { 0x89, 'd', 'o', 'p', 't', '\r', '\n', 0x1a };

/* A section being written: bytes and checksum go along. */
struct writer {
    struct out *o;
    uint64_t crc;
};

static void put(struct writer *w, const void *p, uint64_t size)
{
    enum { CHUNK = 1 << 18 }; /* what is written is still in the cache from the checksum */
    const uint8_t *from = p;

    while (size > 0) {
        size_t n = size < CHUNK ? size : CHUNK;

        w->crc = crc32_z(w->crc, from, n);
        out_put(w->o, from, n);
        from += n;
        size -= n;
    }
}

static void pad_to(struct writer *w, uint64_t n)
{
    static const uint8_t zeros[64];

    put(w, zeros, n);
}

static void begin(struct writer *w, const char *tag, uint64_t size)
{
    struct buf head = { 0 };
    char name[8] = { 0 };

    pad_to(w, (48 - w->o->offset) & 63);
    w->crc = 0;
    memcpy(name, tag, strlen(tag));
    buf_put(&head, name, 8);
    buf_u64(&head, size);
    put(w, head.data, head.size);
    buf_release(&head);
}

static void end(struct writer *w)
{
    struct buf crc = { 0 };

    buf_u32(&crc, (uint32_t)w->crc);
    out_put(w->o, crc.data, 4);
    buf_release(&crc);
}

static void put_section(struct writer *w, const char *tag, const void *p, uint64_t size)
{
    begin(w, tag, size);
    put(w, p, size);
    end(w);
}

static void put_data(struct writer *w, const struct model *m, const struct layout *l)
{
    uint64_t at = 0;

    begin(w, "DATA", l->size);
    for (int i = 0; i < m->ndata; i++) {
        if (l->link[i] >= 0 || m->data[i].size == 0)
            continue;
        pad_to(w, l->offset[i] - at);
        put(w, m->data[i].p, m->data[i].size);
        at = l->offset[i] + m->data[i].size;
    }
    end(w);
}

/* The folder that `path` lies in, absolute; caller frees. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? mem_strdup(".") : mem_printf("%.*s/", (int)(slash - path), path);
    char *real = realpath(folder, NULL);

    if (real == NULL)
        return folder;
    free(folder);
    return real;
}

static void put_model(struct writer *w, const struct dopt_file *f, const char *path)
{
    bool linked = path != NULL && (f->fresh ? f->link : f->linked);
    char *folder = linked ? folder_of(path) : NULL;
    struct buf packed = { 0 };
    struct layout l;

    layout_init(&l, f->model, linked);
    model_pack(f->model, &l, folder, &packed);
    put_section(w, "MODEL", packed.data, packed.size);
    if (f->model->source != NULL)
        put_section(w, "SOURCE", f->model->source, f->model->sourcesize);
    put_data(w, f->model, &l);
    layout_release(&l);
    buf_release(&packed);
    free(folder);
}

static void put_history(struct writer *w, const struct dopt_file *f, bool own)
{
    size_t most = (size_t)f->nrecords;
    Dopt__Model__Record *r = NEW_ARRAY(Dopt__Model__Record, most),
                        **list = NEW_ARRAY(Dopt__Model__Record *, most);
    Dopt__Model__History h = DOPT__MODEL__HISTORY__INIT;
    struct buf packed = { 0 };

    h.records = list;
    for (int i = 0; i < f->nrecords; i++) {
        if (own && !f->records[i].own)
            continue;
        dopt__model__record__init(&r[i]);
        r[i].tool = (char *)f->records[i].tool;
        r[i].version = (char *)f->records[i].version;
        r[i].n_options = (size_t)f->records[i].noptions;
        r[i].options = (char **)f->records[i].options;
        list[h.n_records++] = &r[i];
    }
    wire_pack(&h.base, &packed);
    put_section(w, "HISTORY", packed.data, packed.size);
    buf_release(&packed);
    free(r);
    free(list);
}

static bool listed(const char *const *only, const char *tag)
{
    if (only == NULL)
        return true;
    while (*only != NULL && strcmp(*only, tag) != 0)
        only++;
    return *only != NULL;
}

static bool one_of_ours(const char *tag)
{
    static const char *const ours[] = {
        "MODEL", "SOURCE", "DATA", "OBSERVED", "PLAN", "QDATA", NULL
    };

    return listed(ours, tag);
}

/* The sections that this version does not know, by tag. */
static const struct section *next_foreign(const struct dopt_file *f, const struct section *after)
{
    const struct section *next = NULL;

    for (int i = 0; i < f->nsections; i++) {
        const struct section *s = &f->sections[i];

        if (!one_of_ours(s->tag) && (after == NULL || strcmp(s->tag, after->tag) > 0) &&
            (next == NULL || strcmp(s->tag, next->tag) < 0))
            next = s;
    }
    return next;
}

static void put_all(struct writer *w, const struct dopt_file *f, const char *path,
                    const char *const *only)
{
    static const char *const order[] = { "MODEL", "SOURCE", "DATA", "OBSERVED", "PLAN", "QDATA" };
    bool repack = f->model != NULL && (f->fresh || f->linked);

    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        const struct section *s = dopt_find(f, order[i]);

        if (!listed(only, order[i]))
            continue;
        if (repack && i == 0)
            put_model(w, f, path);
        if (s != NULL && (!repack || i > 2))
            put_section(w, s->tag, s->p, s->size);
    }
    for (const struct section *s = NULL; (s = next_foreign(f, s)) != NULL;)
        if (listed(only, s->tag))
            put_section(w, s->tag, s->p, s->size);
    put_history(w, f, only != NULL);
    put_section(w, "END", NULL, 0);
}

int dopt_save(const struct dopt_file *f, const char *path, const char *const *only, struct err *e)
{
    struct out o;
    struct writer w = { .o = &o };
    struct buf head = { 0 };
    int rc = -1;

    if (path != NULL && strcmp(path, "-") == 0)
        path = NULL;
    if (out_open(&o, path, e) < 0)
        return -1;
    buf_put(&head, magic, sizeof magic);
    buf_u32(&head, DOPT_FORMAT);
    buf_u32(&head, 0);
    out_put(&o, head.data, head.size);
    put_all(&w, f, path, only);
    rc = out_commit(&o, e);
    out_release(&o);
    buf_release(&head);
    return rc;
}
