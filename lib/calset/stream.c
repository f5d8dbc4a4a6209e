/* stream.c: see stream.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/mem.h"
#include "calset/npy.h"
#include "calset/stream.h"
#include "image/image.h"

enum { MEMBER_MAX = 1 << 28 }; /* bytes of a file that may be an image: each is held in memory */

struct stream {
    struct archive *ar;
    char *name;
    int fd; /* what feeds it, after head */
    uint8_t *head, chunk[1 << 16];
    size_t nhead;
    long images, ignored;
    locale_t utf8; /* libarchive drops names that the locale cannot spell, and C is the tools' */
};

void member_release(struct member *m)
{
    free(m->name);
    free(m->bytes);
    *m = (struct member){ 0 };
}

bool stream_is(const void *bytes, size_t size)
{
    static const struct {
        const char *magic;
        size_t size, at;
    } kinds[] = {
        { "ustar", 5, 257 },          { "\x1f\x8b", 2, 0 },         { "BZh", 3, 0 },
        { "\xfd\x37zXZ\0", 6, 0 },    { "\x28\xb5\x2f\xfd", 4, 0 }, { "PK\3\4", 4, 0 },
        { "PK\x30\x30PK\3\4", 8, 0 }, { "PK\5\6", 4, 0 },
    };

    for (size_t i = 0; !npz_is(bytes, size) && i < sizeof kinds / sizeof *kinds; i++)
        if (size >= kinds[i].at + kinds[i].size &&
            memcmp((const char *)bytes + kinds[i].at, kinds[i].magic, kinds[i].size) == 0)
            return true;
    return false;
}

static ssize_t feed(struct archive *ar, void *ctx, const void **bytes)
{
    struct stream *s = ctx;
    ssize_t n = (ssize_t)s->nhead;

    *bytes = s->head;
    if (n > 0) {
        s->nhead = 0;
        return n;
    }
    *bytes = s->chunk;
    do
        n = read(s->fd, s->chunk, sizeof s->chunk);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        archive_set_error(ar, errno, "%s", strerror(errno));
    return n;
}

struct stream *stream_open(const char *path, int fd, const void *head, size_t nhead, struct err *e)
{
    struct stream *s = NEW(struct stream);
    int r;

    s->name = mem_strdup(path);
    s->fd = fd;
    s->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    s->ar = archive_read_new();
    archive_read_support_filter_gzip(s->ar);
    archive_read_support_filter_bzip2(s->ar);
    archive_read_support_filter_xz(s->ar);
    archive_read_support_filter_zstd(s->ar);
    archive_read_support_format_tar(s->ar);
    archive_read_support_format_zip(s->ar);
    if (fd < 0) {
        r = archive_read_open_filename(s->ar, path, sizeof s->chunk);
    } else {
        s->head = mem_alloc(nhead);
        memcpy(s->head, head, nhead);
        s->nhead = nhead;
        r = archive_read_open(s->ar, s, NULL, feed, NULL);
    }
    if (r == ARCHIVE_OK)
        return s;
    err_set(e, "%s: %s", path, archive_error_string(s->ar));
    stream_free(s);
    return NULL;
}

static int too_large(struct err *e)
{
    return err_set(e, "is larger than %d bytes; unpack the archive", MEMBER_MAX);
}

static int member_read(struct stream *s, struct archive_entry *entry, struct member *m,
                       struct err *e)
{
    struct buf b = { 0 };
    const void *chunk;
    size_t size;
    int64_t offset;
    int r;

    if (archive_entry_size_is_set(entry) && archive_entry_size(entry) > MEMBER_MAX)
        return too_large(e);
    while ((r = archive_read_data_block(s->ar, &chunk, &size, &offset)) == ARCHIVE_OK) {
        static const uint8_t zeros[4096];

        if (offset < 0 || (uint64_t)offset + size > MEMBER_MAX) {
            buf_release(&b);
            return too_large(e);
        }
        while (b.size < (uint64_t)offset) /* a hole */
            buf_put(&b, zeros,
                    (size_t)offset - b.size < sizeof zeros ? (size_t)offset - b.size
                                                           : sizeof zeros);
        buf_put(&b, chunk, size);
    }
    m->bytes = b.data;
    m->size = b.size;
    return r == ARCHIVE_EOF ? 0 : err_set(e, "%s", archive_error_string(s->ar));
}

/* The next header and its name, which may be NULL; what libarchive's calls give. */
static int header_read(struct stream *s, struct archive_entry **entry, const char **name)
{
    locale_t before = s->utf8 != (locale_t)0 ? uselocale(s->utf8) : (locale_t)0;
    int r = archive_read_next_header(s->ar, entry);

    if (r == ARCHIVE_OK || r == ARCHIVE_WARN)
        *name = archive_entry_pathname(*entry);
    if (s->utf8 != (locale_t)0)
        uselocale(before);
    return r;
}

int stream_next(struct stream *s, struct member *m, struct err *e)
{
    struct archive_entry *entry;
    const char *name;
    int r;

    *m = (struct member){ 0 };
    while ((r = header_read(s, &entry, &name)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
        if (archive_entry_filetype(entry) == AE_IFDIR)
            continue;
        if (name == NULL || !image_extension(name) || archive_entry_filetype(entry) != AE_IFREG ||
            archive_entry_hardlink(entry) != NULL) {
            s->ignored++;
            continue;
        }
        m->name = mem_printf("%s:%s", s->name, name);
        s->images++;
        if (member_read(s, entry, m, e) == 0)
            return 1;
        err_at(e, "%s", m->name);
        member_release(m);
        return -1;
    }
    if (r != ARCHIVE_EOF)
        return err_set(e, "%s: %s", s->name, archive_error_string(s->ar));
    if (s->images == 0)
        return err_set(e, "%s: holds no image (%ld other files)", s->name, s->ignored);
    return 0;
}

const char *stream_name(const struct stream *s)
{
    return s->name;
}

void stream_free(struct stream *s)
{
    if (s == NULL)
        return;
    if (s->ignored > 0 && s->images > 0)
        warn("%s: %ld file%s ignored: not named like an image", s->name, s->ignored,
             s->ignored == 1 ? "" : "s");
    archive_read_free(s->ar);
    if (s->utf8 != (locale_t)0)
        freelocale(s->utf8);
    if (s->fd >= 0)
        close(s->fd);
    free(s->head);
    free(s->name);
    free(s);
}
