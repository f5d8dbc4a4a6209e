/* file.c: see file.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static bool is_std(const char *path)
{
    return path == NULL || strcmp(path, "-") == 0;
}

char *path_behind_link(const char *path)
{
    char target[4096], *real;
    ssize_t n = readlink(path, target, sizeof target - 1);

    if (n <= 0)
        return mem_strdup(path);
    target[n] = '\0';
    if (target[0] == '/')
        return mem_strdup(target);
    real = realpath(path, NULL);
    return real != NULL ? real : mem_strdup(path);
}

int blob_rest(struct blob *b, int fd, const char *name, const void *head, size_t nhead,
              struct err *e)
{
    struct buf buf = { 0 };
    char chunk[65536];

    *b = (struct blob){ 0 };
    buf_put(&buf, head, nhead);
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            buf_release(&buf);
            return err_set(e, "%s: cannot read:", name);
        }
        if (n == 0)
            break;
        buf_put(&buf, chunk, (size_t)n);
    }
    b->data = buf.data;
    b->size = buf.size;
    return 0;
}

int blob_open(struct blob *b, const char *path, struct err *e)
{
    const char *name = is_std(path) ? "<stdin>" : path;
    int fd = is_std(path) ? 0 : open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    int rc = -1;

    *b = (struct blob){ 0 };
    if (fd < 0)
        return err_set(e, "%s: cannot open:", name);
    if (fstat(fd, &st) < 0) {
        err_set(e, "%s:", name);
        goto out;
    }
    if (S_ISDIR(st.st_mode)) {
        err_set(e, "%s: is a directory, a file is needed here", name);
        goto out;
    }
    if (S_ISREG(st.st_mode) && st.st_size > 0 && lseek(fd, 0, SEEK_CUR) == 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

        if (p == MAP_FAILED) {
            err_set(e, "%s: cannot map:", name);
            goto out;
        }
        b->data = p;
        b->size = (size_t)st.st_size;
        b->mapped = true;
        b->mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
    } else if (blob_rest(b, fd, name, NULL, 0, e) < 0) {
        goto out;
    }
    rc = 0;
out:
    if (fd > 0)
        close(fd);
    return rc;
}

void blob_release(struct blob *b)
{
    if (b->mapped)
        munmap((void *)b->data, b->size);
    else
        free((void *)b->data);
    *b = (struct blob){ 0 };
}

/* Temporary names that a signal or the end of memory has to remove; a slot is claimed by out_open. */
enum { PENDING_MAX = 16 };
static char *volatile pending[PENDING_MAX];

void out_abandon(void)
{
    for (int i = 0; i < PENDING_MAX; i++)
        if (pending[i] != NULL)
            unlink(pending[i]);
}

static void remove_and_end(int sig)
{
    out_abandon();
    signal(sig, SIG_DFL);
    raise(sig);
}

static void pending_add(char *tmp)
{
    static bool installed;

    if (!installed) {
        static const int sigs[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };

        for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++)
            if (signal(sigs[i], SIG_IGN) != SIG_IGN)
                signal(sigs[i], remove_and_end);
        installed = true;
    }
    for (int i = 0; i < PENDING_MAX; i++)
        if (pending[i] == NULL) {
            pending[i] = tmp;
            return;
        }
}

static void pending_drop(const char *tmp)
{
    for (int i = 0; i < PENDING_MAX; i++)
        if (pending[i] == tmp)
            pending[i] = NULL;
}

/* Where stdout begins in a file of its own; -1 where it is none, or where every write goes to its end. */
static int64_t stdout_start(void)
{
    struct stat st;

    if (fstat(1, &st) < 0 || !S_ISREG(st.st_mode) || (fcntl(1, F_GETFL) & O_APPEND) != 0)
        return -1;
    return lseek(1, 0, SEEK_CUR);
}

int out_open(struct out *o, const char *path, struct err *e)
{
    struct stat st;
    int fd;
    mode_t mask;

    *o = (struct out){ 0 };
    if (is_std(path)) {
        o->f = stdout;
        o->start = stdout_start();
        return 0;
    }
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return err_set(e, "%s: is a directory, name a file to write", path);
    o->path = path_behind_link(path);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        o->f = fopen(path, "wbe");
        o->start = -1;
    } else {
        o->tmp = mem_printf("%s.XXXXXX", o->path);
        fd = mkostemp(o->tmp, O_CLOEXEC);
        if (fd >= 0) {
            pending_add(o->tmp);
            mask = umask(0);
            umask(mask);
            if (fchmod(fd, 0666 & ~mask) == 0)
                o->f = fdopen(fd, "wb");
        } else {
            free(o->tmp);
            o->tmp = NULL;
        }
    }
    if (o->f == NULL) {
        err_set(e, "%s: cannot create:", o->path);
        out_release(o);
        return -1;
    }
    setvbuf(o->f, NULL, _IOFBF, 1 << 18);
    return 0;
}

/* How many bytes may wait in memory before the disk begins: the sync at the end then waits less. */
enum { AHEAD = 1 << 24 };

void out_put(struct out *o, const void *p, size_t size)
{
    if (o->tmp != NULL && (o->offset + size) / AHEAD != o->offset / AHEAD)
        sync_file_range(fileno(o->f), 0, 0, SYNC_FILE_RANGE_WRITE); /* only a hint */
    o->offset += size;
    if (o->error == 0 && size > 0 && fwrite(p, 1, size, o->f) != size)
        o->error = errno ? errno : EIO;
}

void out_printf(struct out *o, const char *fmt, ...)
{
    struct buf b = { 0 };
    char *s = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&s, fmt, ap) >= 0)
        buf_str(&b, s);
    va_end(ap);
    free(s);
    out_put(o, b.data, b.size);
    buf_release(&b);
}

void out_pad(struct out *o, size_t align)
{
    static const char zeros[64];
    size_t n = (size_t)(-o->offset & (align - 1));

    out_put(o, zeros, n);
}

bool out_seekable(const struct out *o)
{
    return o->start >= 0;
}

void out_patch(struct out *o, uint64_t offset, const void *p, size_t size)
{
    if (o->error == 0 && (fflush(o->f) != 0 ||
                          pwrite(fileno(o->f), p, size, o->start + (off_t)offset) != (ssize_t)size))
        o->error = errno ? errno : EIO;
}

int out_finish(struct out *o, struct err *e)
{
    if (o->f != NULL) {
        if (o->error == 0 && fflush(o->f) != 0)
            o->error = errno;
        if (fclose(o->f) != 0 && o->error == 0)
            o->error = errno;
        o->f = NULL;
    }
    if (o->error != 0) {
        errno = o->error;
        return err_set(e, "%s: cannot write:", o->path == NULL ? "<stdout>" : o->path);
    }
    return 0;
}

int out_commit(struct out *o, struct err *e)
{
    if (out_finish(o, e) < 0)
        return -1;
    if (o->tmp != NULL) {
        if (rename(o->tmp, o->path) == 0) {
            pending_drop(o->tmp);
            free(o->tmp);
            o->tmp = NULL;
        } else {
            o->error = errno;
        }
    }
    return out_finish(o, e);
}

void out_release(struct out *o)
{
    if (o->f != NULL && o->f != stdout)
        fclose(o->f);
    if (o->tmp != NULL) {
        unlink(o->tmp);
        pending_drop(o->tmp);
        free(o->tmp);
    }
    free(o->path);
    *o = (struct out){ 0 };
}
