/* trace.c: see trace.h. The process has no stdin and no environment of Python's, the definition's folder
 * as its own, and limits that the tracer sets on itself before it reads the definition.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/wire.h"
#include "torch/trace.h"
#include "trace.pb-c.h"

extern char **environ;

enum {
    ANSWER_MAX = 1 << 30,
    INTEGERS_MAX = 1 << 16, /* elements of an integer tensor whose values Python may ask for */
};

/* ---- the request ---- */

#define MAKE(a, Type, init) ((Type *)arena_copy(a, &(Type)init, sizeof(Type)))

static bool tells_values(const struct torch_tensor *t)
{
    int64_t n = shape_count(&t->shape);

    return t->dtype != DT_BF16 &&
           (n == 1 || (n > 0 && n <= INTEGERS_MAX && !dtype_is_float(t->dtype)));
}

static Dopt__Trace__State *pack_state(struct arena *a, const struct torch_state *s)
{
    Dopt__Trace__State *p = MAKE(a, Dopt__Trace__State, DOPT__TRACE__STATE__INIT);

    p->path = (char *)s->path;
    p->n_tensors = (size_t)s->n;
    p->tensors = arena_alloc(a, (size_t)s->n * sizeof *p->tensors);
    for (int i = 0; i < s->n; i++) {
        const struct torch_tensor *t = &s->tensors[i];
        Dopt__Trace__Tensor *q = MAKE(a, Dopt__Trace__Tensor, DOPT__TRACE__TENSOR__INIT);

        q->name = (char *)t->name;
        q->dtype = t->dtype;
        q->n_dims = (size_t)t->shape.rank;
        q->dims = (int64_t *)t->shape.dim;
        if (tells_values(t))
            q->data = (ProtobufCBinaryData){ (size_t)t->size, (uint8_t *)t->data };
        p->tensors[i] = q;
    }
    return p;
}

static void pack_request(struct buf *out, const char *path, const struct torch_options *o,
                         const struct weights *w)
{
    struct arena a = { 0 };
    Dopt__Trace__Request r = DOPT__TRACE__REQUEST__INIT;
    int n = o->input_shapes == NULL ? 0 : o->input_shapes->n;

    r.model = (char *)path;
    r.entry = (char *)(o->entry == NULL ? "" : o->entry);
    r.n_inputs = (size_t)n;
    r.inputs = arena_alloc(&a, (size_t)n * sizeof *r.inputs);
    for (int i = 0; i < n; i++) {
        const struct named_shape *s = &o->input_shapes->items[i];
        Dopt__Trace__Argument *p = MAKE(&a, Dopt__Trace__Argument, DOPT__TRACE__ARGUMENT__INIT);

        p->name = (char *)s->name;
        p->n_dims = (size_t)s->shape.rank;
        p->dims = (int64_t *)s->shape.dim;
        r.inputs[i] = p;
    }
    r.n_states = (size_t)w->n;
    r.states = arena_alloc(&a, (size_t)w->n * sizeof *r.states);
    for (int i = 0; i < w->n; i++)
        r.states[i] = pack_state(&a, &w->states[i]);
    wire_pack(&r.base, out);
    arena_release(&a);
}

/* ---- the process ---- */

/* A file in memory, at a number that the child's own files do not reach. */
static int memory_file(const char *name, const struct buf *b)
{
    int low = memfd_create(name, MFD_CLOEXEC), fd;

    if (low < 0)
        return -1;
    fd = fcntl(low, F_DUPFD_CLOEXEC, 16);
    close(low);
    for (size_t at = 0; fd >= 0 && b != NULL && at < b->size;) {
        ssize_t n = write(fd, b->data + at, b->size - at);

        if (n < 0 && errno != EINTR) {
            close(fd);
            return -1;
        }
        at += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        lseek(fd, 0, SEEK_SET);
    return fd;
}

static int spawn(pid_t *pid, const char *tracer, const char *folder, const int fd[3])
{
    char *const argv[] = { (char *)"python3", (char *)"-I",   (char *)"-B", (char *)"-X",
                           (char *)"utf8",    (char *)tracer, NULL };
    posix_spawn_file_actions_t f;
    int rc;

    posix_spawn_file_actions_init(&f);
    posix_spawn_file_actions_addopen(&f, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&f, fd[2], 1);
    posix_spawn_file_actions_adddup2(&f, fd[2], 2);
    posix_spawn_file_actions_adddup2(&f, fd[0], 3);
    posix_spawn_file_actions_adddup2(&f, fd[1], 4);
    posix_spawn_file_actions_addchdir_np(&f, folder);
    rc = posix_spawn(pid, "/usr/bin/python3", &f, NULL, argv, environ);
    if (rc == ENOENT)
        rc = posix_spawnp(pid, "python3", &f, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&f);
    return rc;
}

static int read_all(int fd, struct buf *out, struct err *e)
{
    uint8_t chunk[1 << 16];
    ssize_t n;

    lseek(fd, 0, SEEK_SET);
    while ((n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, "the tracer's answer:");
        if (out->size > ANSWER_MAX - (size_t)n)
            return err_set(e, "the definition's graph takes more than %d bytes", ANSWER_MAX);
        buf_put(out, chunk, (size_t)n);
    }
    return 0;
}

/* Why there is no answer: the last line that was printed, or the signal. */
static int explain(int status, int log, struct err *e)
{
    struct buf text = { 0 };
    char *last;

    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGALRM
                   ? err_set(e, "the definition does not come to an end")
                   : err_set(e, "the definition's process ended by signal %d (%s)",
                             WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (read_all(log, &text, e) < 0)
        return -1;
    while (text.size > 0 && text.data[text.size - 1] == '\n')
        text.data[--text.size] = '\0';
    last = text.size == 0 ? NULL : strrchr((char *)text.data, '\n');
    err_set(e, "the tracer failed: %.500s",
            text.size == 0 ? "it said nothing"
            : last != NULL ? last + 1
                           : (char *)text.data);
    buf_release(&text);
    return -1;
}

int trace_run(struct buf *out, const char *path, const struct torch_options *o,
              const struct weights *w, struct err *e)
{
    char full[PATH_MAX], *slash;
    struct buf request = { 0 };
    int fd[3] = { -1, -1, -1 }, status, rc = -1;
    pid_t pid;

    if (realpath(path, full) == NULL)
        return err_set(e, "cannot be found:");
    pack_request(&request, full, o, w);
    slash = strrchr(full, '/');
    slash[slash == full] = '\0';
    fd[0] = memory_file("request", &request);
    fd[1] = memory_file("trace", NULL);
    fd[2] = memory_file("log", NULL);
    if (fd[0] < 0 || fd[1] < 0 || fd[2] < 0) {
        err_set(e, "memory for the tracer:");
        goto out;
    }
    errno = spawn(&pid, o->tracer, full, fd);
    if (errno != 0) {
        err_set(e, "a definition is traced by Python, and python3 does not start:");
        goto out;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (read_all(fd[1], out, e) < 0)
        goto out;
    rc = out->size > 0 ? 0 : explain(status, fd[2], e);
out:
    for (int i = 0; i < 3; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    buf_release(&request);
    return rc;
}
