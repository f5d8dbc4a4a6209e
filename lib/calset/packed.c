/* packed.c: see packed.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calset/bin.h"
#include "calset/npy.h"
#include "calset/packed.h"

static int header(struct buf *head, const struct packed *p, struct err *e)
{
    char text[200];

    for (int i = 0; p->format != PACKED_NPY && i < p->shape.rank; i++)
        if (p->shape.dim[i] > INT32_MAX)
            return err_set(e, "%s: a dim does not fit in the header's 32 bits",
                           shape_text(&p->shape, text));
    if (p->format == PACKED_NPY)
        npy_header(head, DT_F32, &p->shape);
    else
        bin_header(head, p->format, &p->shape);
    return 0;
}

static const char *spool_folder(void)
{
    const char *dir = getenv("TMPDIR");

    return dir != NULL && *dir != '\0' ? dir : "/tmp";
}

/* A file that has no name and goes when it is closed. */
static FILE *spool_open(struct err *e)
{
    char *path = mem_printf("%s/dopt-calpack.XXXXXX", spool_folder());
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w+b");

    if (f == NULL)
        err_set(e,
                "%s: samples that go into a pipe uncounted wait there, but it cannot be created; "
                "name a file with -o, or another folder with TMPDIR:",
                path);
    else
        unlink(path);
    free(path);
    return f;
}

int packed_open(struct packed *p, const char *path, int format, const struct shape *sample, long n,
                struct err *e)
{
    struct buf head = { 0 };
    char text[200];
    int rc = -1;

    *p = (struct packed){ .format = format, .n = n };
    p->shape = (struct shape){ .rank = sample->rank + 1, .dim = { n < 0 ? 1 : n } };
    if (sample->rank == RANK_MAX)
        return err_set(e, "samples of %d dims", RANK_MAX);
    memcpy(p->shape.dim + 1, sample->dim, (size_t)sample->rank * sizeof *sample->dim);
    p->size = (size_t)shape_count(sample) * sizeof(float);
    if (format == 510 && sample->rank != 3)
        return err_set(e, "%s is not N x C x H x W, which --format 510 needs; use 610",
                       shape_text(&p->shape, text));
    if (out_open(&p->out, path, e) < 0 || header(&head, p, e) < 0)
        goto out;
    if (n < 0 && !out_seekable(&p->out)) {
        p->spool = spool_open(e);
        if (p->spool == NULL)
            goto out;
    } else {
        out_put(&p->out, head.data, head.size);
    }
    p->shape.dim[0] = 0;
    rc = 0;
out:
    buf_release(&head);
    return rc;
}

void packed_put(struct packed *p, const void *sample)
{
    p->shape.dim[0]++;
    if (p->spool == NULL)
        out_put(&p->out, sample, p->size);
    else if (p->error == 0 && fwrite(sample, 1, p->size, p->spool) != p->size)
        p->error = errno ? errno : EIO;
}

/* Nothing goes out before all samples are known to be kept. */
static int spool_copy(struct packed *p, const struct buf *head, struct err *e)
{
    static char chunk[1 << 16];
    size_t n;

    if (p->error == 0 && fseek(p->spool, 0, SEEK_SET) < 0)
        p->error = errno;
    if (p->error == 0)
        out_put(&p->out, head->data, head->size);
    while (p->error == 0 && (n = fread(chunk, 1, sizeof chunk, p->spool)) > 0)
        out_put(&p->out, chunk, n);
    if (p->error == 0 && ferror(p->spool))
        p->error = EIO;
    if (p->error == 0)
        return 0;
    errno = p->error;
    return err_set(e,
                   "%s: samples that go into a pipe uncounted wait there, but they cannot be kept; "
                   "name a file with -o, or a folder with more room with TMPDIR:",
                   spool_folder());
}

int packed_commit(struct packed *p, struct err *e)
{
    struct buf head = { 0 };
    int rc = -1;

    if (header(&head, p, e) < 0)
        goto out;
    if (p->spool != NULL) {
        if (spool_copy(p, &head, e) < 0)
            goto out;
    } else if (p->shape.dim[0] != p->n) {
        out_patch(&p->out, 0, head.data, head.size);
    }
    rc = out_commit(&p->out, e);
out:
    buf_release(&head);
    return rc;
}

void packed_release(struct packed *p)
{
    if (p->spool != NULL)
        fclose(p->spool);
    out_release(&p->out);
}
