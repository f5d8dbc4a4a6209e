/* zip.c: see zip.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "torch/zip.h"

enum {
    UNPACKED_MAX = 1 << 28, /* bytes of the compressed members: code and pickles */
    MEMBERS_MAX = 1 << 20,
};

/* Reads one member: in place while the blocks are the file's own bytes, one after the other. */
static int member_read(struct archive *ar, struct zip_member *m, struct arena *a,
                       const struct blob *b, size_t *unpacked, struct err *e)
{
    struct buf copy = { 0 };
    const void *chunk;
    size_t size;
    int64_t offset;
    int r, rc = -1;

    while ((r = archive_read_data_block(ar, &chunk, &size, &offset)) == ARCHIVE_OK) {
        const uint8_t *p = chunk;
        bool inside = size > 0 && p >= b->data && p < b->data + b->size;

        if (size == 0)
            continue;
        if ((uint64_t)offset != m->size) {
            err_set(e, "a sparse member");
            goto out;
        }
        if (inside && copy.data == NULL && (m->data == NULL || p == m->data + m->size)) {
            m->data = m->data == NULL ? p : m->data;
            m->size += size;
            continue;
        }
        if (size > UNPACKED_MAX || *unpacked + m->size > UNPACKED_MAX - size) {
            err_set(e, "unpacks to more than %d bytes", UNPACKED_MAX);
            goto out;
        }
        if (copy.data == NULL && m->size > 0)
            buf_put(&copy, m->data, m->size);
        buf_put(&copy, p, size);
        m->size = copy.size;
    }
    if (r != ARCHIVE_EOF) {
        err_set(e, "the file is damaged: %s", archive_error_string(ar));
        goto out;
    }
    if (copy.data != NULL) {
        m->data = arena_copy(a, copy.data, copy.size);
        *unpacked += copy.size;
    }
    rc = 0;
out:
    buf_release(&copy);
    return rc;
}

static int members_read(struct zip *z, struct archive *ar, struct arena *a, const struct blob *b,
                        struct err *e)
{
    struct archive_entry *entry;
    size_t unpacked = 0;
    int r;

    while ((r = archive_read_next_header(ar, &entry)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
        const char *name = archive_entry_pathname(entry), *slash;
        struct zip_member *m;

        if (name == NULL || archive_entry_filetype(entry) != AE_IFREG)
            continue;
        if (z->members.n >= MEMBERS_MAX)
            return err_set(e, "more than %d members", MEMBERS_MAX);
        slash = strchr(name, '/');
        m = arena_alloc(a, sizeof *m);
        m->name = arena_strdup(a, slash == NULL ? name : slash + 1);
        if (member_read(ar, m, a, b, &unpacked, e) < 0)
            return err_at(e, "%s", m->name);
        if (zip_find(z, m->name) != NULL)
            return err_set(e, "%s: is there twice", m->name);
        names_put(&z->members, m->name, m);
    }
    return r == ARCHIVE_EOF ? 0 : err_set(e, "the file is damaged: %s", archive_error_string(ar));
}

int zip_read(struct zip *z, struct arena *a, const struct blob *b, struct err *e)
{
    struct archive *ar = archive_read_new();
    /* libarchive drops names that the locale cannot spell, and C is the tools' */
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 == (locale_t)0 ? (locale_t)0 : uselocale(utf8);
    int rc = -1;

    *z = (struct zip){ 0 };
    archive_read_support_format_zip_seekable(ar); /* by its directory: a cut file has none */
    if (archive_read_open_memory(ar, b->data, b->size) != ARCHIVE_OK)
        err_set(e, "the file is damaged: %s", archive_error_string(ar));
    else
        rc = members_read(z, ar, a, b, e);
    archive_read_free(ar);
    if (utf8 != (locale_t)0) {
        uselocale(before);
        freelocale(utf8);
    }
    return rc;
}

const struct zip_member *zip_find(const struct zip *z, const char *name)
{
    return names_get(&z->members, name);
}

void zip_release(struct zip *z)
{
    names_release(&z->members);
}
