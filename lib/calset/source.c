/* source.c: pack.h's pack_add: what a name, or what comes through a pipe, is.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calset/pack.h"

enum { HEAD = 512 }; /* bytes that tell what a pipe carries: a tar file's name lies at 257 */

static struct pack_part *part_new(struct pack *p, enum part_kind kind)
{
    GROW(p->parts, p->nparts, p->cap);
    p->parts[p->nparts] = (struct pack_part){ .kind = kind };
    return &p->parts[p->nparts++];
}

static struct images *images_part(struct pack *p)
{
    if (p->nparts == 0 || p->parts[p->nparts - 1].kind != PART_IMAGES)
        part_new(p, PART_IMAGES);
    return &p->parts[p->nparts - 1].images;
}

static int add_array(struct pack *p, const char *name, struct blob *b, const char *member,
                     struct err *e)
{
    return array_read(&part_new(p, PART_ARRAY)->array, name, b, member,
                      p->o->reshape ? &p->o->dims : NULL, e);
}

/* FILE.npz:ARRAY, where no file is called so. */
static int add_member(struct pack *p, const char *path, struct err *e)
{
    const char *colon = strrchr(path, ':');
    char *file = mem_strdup(path);
    struct blob b;
    int rc;

    if (colon != NULL)
        file[colon - path] = '\0';
    rc = colon == NULL || access(file, F_OK) < 0 ? err_set(e, "%s:", path)
         : blob_open(&b, file, e) < 0            ? -1
                                                 : add_array(p, file, &b, colon + 1, e);
    free(file);
    return rc;
}

/* fd: a pipe, of which head was read already; -1: the file itself. */
static int add_stream(struct pack *p, const char *name, int fd, const void *head, size_t nhead,
                      struct err *e)
{
    struct pack_part *part = part_new(p, PART_STREAM);

    part->stream = stream_open(name, fd, head, nhead, e);
    return part->stream == NULL ? -1 : 0;
}

/* An image from a pipe is kept: a stream of one that was read ahead. */
static void add_image(struct pack *p, const char *name, struct blob *b)
{
    struct pack_part *part = part_new(p, PART_STREAM);

    GROW(part->ahead, part->nahead, part->capahead);
    part->ahead[part->nahead++] = (struct member){ mem_strdup(name), (void *)b->data, b->size };
}

static ssize_t head_read(int fd, uint8_t head[HEAD])
{
    size_t n = 0;

    while (n < HEAD) {
        ssize_t got = read(fd, head + n, HEAD - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -1 : (ssize_t)n;
        n += (size_t)got;
    }
    return HEAD;
}

static int add_pipe(struct pack *p, const char *name, int fd, struct err *e)
{
    uint8_t head[HEAD];
    ssize_t n = head_read(fd, head);
    struct blob b;
    bool array;

    if (n < 0)
        return err_set(e, "%s: cannot read:", name);
    if (stream_is(head, (size_t)n))
        return add_stream(p, name, dup(fd), head, (size_t)n, e);
    array = array_is(head, (size_t)n) || p->o->reshape;
    if (!array && image_format(head, (size_t)n) == NULL)
        return n == 0 ? err_set(e, "%s: is empty", name)
                      : err_set(e,
                                "%s: is neither an image, an archive, a .npy, .npz, 510 nor 610 "
                                "file; a list of names needs --files-from, numbers without a "
                                "header --dims",
                                name);
    if (blob_rest(&b, fd, name, head, (size_t)n, e) < 0)
        return -1;
    if (array)
        return add_array(p, name, &b, NULL, e);
    add_image(p, name, &b);
    return 0;
}

static int add_file(struct pack *p, const char *path, struct err *e)
{
    bool named = image_extension(path), array, stream;
    struct blob b;

    if (blob_open(&b, path, e) < 0)
        return -1;
    array = array_is(b.data, b.size);
    stream = stream_is(b.data, b.size);
    if (array || (p->o->reshape && !named && !stream))
        return add_array(p, path, &b, NULL, e);
    blob_release(&b);
    if (stream)
        return add_stream(p, path, -1, NULL, 0, e);
    images_add_file(images_part(p), path);
    return 0;
}

int pack_add(struct pack *p, const char *path, struct err *e)
{
    struct stat st;
    int fd, rc;

    if (strcmp(path, "-") == 0)
        return add_pipe(p, "<stdin>", 0, e);
    if (stat(path, &st) < 0)
        return add_member(p, path, e);
    if (S_ISDIR(st.st_mode))
        return images_add_folder(images_part(p), path, e);
    if (S_ISREG(st.st_mode))
        return add_file(p, path, e);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, "%s: cannot open:", path);
    rc = add_pipe(p, path, fd, e);
    close(fd);
    return rc;
}

/* The input as the block wants it: images get their size from the options. */
static int conf_shape(struct shape *s, const struct conf *one, const struct images_options *o,
                      struct err *e)
{
    *s = shape_unknown();
    if (one->inputs->type != CONF_IMAGE)
        return 0;
    if (o->height == 0) {
        err_set(e, "give the size of the images with --size HxW");
        return conf_error(one, &one->inputs->block, e);
    }
    *s = o->nhwc ? shape_of(4, (const int64_t[]){ -1, o->height, o->width, o->channels })
                 : shape_of(4, (const int64_t[]){ -1, o->channels, o->height, o->width });
    return 0;
}

int pack_add_conf(struct pack *p, const struct conf *c, int block, struct err *e)
{
    const struct images_options *o = &p->o->images;
    struct calset_options so = { .nhwc = o->nhwc, .image = o->image };
    struct calset_input in = { "input", DT_F32, shape_unknown() };
    struct conf one = *c;
    struct pack_part *part;
    struct tensor first;
    int rc = -1;

    if (block > c->ninputs) {
        err_set(e, "%d preprocess_parameter block%s, not %d", c->ninputs,
                c->ninputs == 1 ? "" : "s", block);
        return conf_error(c, &c->end, e);
    }
    one.inputs += block - 1;
    one.ninputs = 1;
    part = part_new(p, PART_CONFIG);
    part->pictures = one.inputs->type == CONF_IMAGE;
    if (conf_shape(&in.shape, &one, o, e) < 0 ||
        calset_open_conf(&part->set, &one, &in, 1, &so, e) < 0)
        return -1;
    if (part->pictures) {
        part->sample = shape_of(3, in.shape.dim + 1);
        return 0;
    }
    rc = calset_step(part->set, 0, 0, &first, e);
    if (rc == 0)
        part->sample = shape_of(first.shape.rank - 1, first.shape.dim + 1);
    if (rc == 0)
        free(first.data);
    return rc;
}
