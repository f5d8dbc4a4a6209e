/* array.c: see array.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/names.h"
#include "calset/array.h"
#include "calset/bin.h"
#include "calset/cast.h"
#include "calset/npy.h"
#include "calset/stream.h"
#include "image/image.h"

bool array_is(const void *bytes, size_t size)
{
    return npy_is(bytes, size) || npz_is(bytes, size) || bin_is(bytes, size);
}

static const char *kind_of(const struct blob *b)
{
    static _Thread_local char text[32];
    const char *image = image_format(b->data, b->size);

    if (b->size == 0)
        return "empty";
    if (image != NULL) {
        snprintf(text, sizeof text, "a %s image", image);
        return text;
    }
    if (b->size >= 4 && memcmp(b->data, "\0\0\1\xfe", 4) == 0)
        return "a big-endian bin";
    return stream_is(b->data, b->size) ? "an archive" : "something else";
}

static void take_member(struct array *a, struct npz_array *m, size_t narrays)
{
    if (narrays > 1) {
        char *name = mem_printf("%s:%s", a->name, m->name);

        free(a->name);
        a->name = name;
    }
    a->tensor = m->tensor;
    a->owned = m->bytes;
    a->owned_too = m->owned;
    m->bytes = m->owned = NULL;
}

static int member_open(struct array *a, const char *member, struct err *e)
{
    struct suggest near = { .wanted = member };
    struct npz z;
    size_t i;

    /* A first look at the names decides which member's bytes are read at all. */
    if (npz_read(&z, a->blob.data, a->blob.size, member == NULL ? "" : member, e) < 0)
        return -1;
    for (i = 0; i < z.narrays; i++)
        if (z.arrays[i].tensor.dtype != DT_NONE)
            break;
    if (i == z.narrays && z.narrays == 1) {
        char *only = mem_strdup(z.arrays[0].name);
        int rc;

        npz_release(&z);
        rc = npz_read(&z, a->blob.data, a->blob.size, only, e);
        free(only);
        if (rc < 0)
            return -1;
        i = 0;
    }
    if (i < z.narrays) {
        take_member(a, &z.arrays[i], z.narrays);
    } else if (member == NULL) {
        err_set(e, "holds %zu arrays; one is needed here", z.narrays);
    } else {
        for (size_t k = 0; k < z.narrays; k++)
            suggest_offer(&near, z.arrays[k].name);
        err_set(e, "holds no array '%s'%s", member, suggest_text(&near));
    }
    npz_release(&z);
    return a->tensor.dtype == DT_NONE ? -1 : 0;
}

/* Float32 samples without a header. */
static int raw_read(struct array *a, const struct shape *raw, struct err *e)
{
    size_t n = (size_t)shape_count(raw) * sizeof(float);
    char s[200];

    if (a->blob.size == 0 || a->blob.size % n != 0)
        return err_set(e, "its %zu bytes are no whole number of float32 samples of %s",
                       a->blob.size, shape_text(raw, s));
    a->tensor = (struct tensor){ .dtype = DT_F32, .data = (void *)a->blob.data };
    a->tensor.shape = shape_of(1, (const int64_t[]){ (int64_t)(a->blob.size / sizeof(float)) });
    return array_reshape(a, raw, e);
}

int array_read(struct array *a, const char *name, struct blob *b, const char *member,
               const struct shape *raw, struct err *e)
{
    struct bin bin;
    int rc;

    *a = (struct array){ .name = mem_strdup(name), .blob = *b };
    *b = (struct blob){ 0 };
    if (npy_is(a->blob.data, a->blob.size)) {
        rc = npy_read(&a->tensor, &a->owned, a->blob.data, a->blob.size, e);
    } else if (npz_is(a->blob.data, a->blob.size)) {
        rc = member_open(a, member, e);
    } else if (bin_is(a->blob.data, a->blob.size)) {
        rc = bin_read(&bin, a->blob.data, a->blob.size, e);
        a->bin = bin.format;
        a->tensor =
            (struct tensor){ .dtype = DT_F32, .shape = bin.shape, .data = (void *)bin.data };
    } else if (raw != NULL) {
        rc = raw_read(a, raw, e);
    } else {
        rc = err_set(e, "is %s; a .npy, .npz, 510 or 610 file is needed here", kind_of(&a->blob));
    }
    return rc < 0 ? err_at(e, "%s", a->name) : 0;
}

int array_open(struct array *a, const char *path, const char *member, struct err *e)
{
    struct blob b;

    *a = (struct array){ 0 };
    if (blob_open(&b, path, e) < 0)
        return -1;
    return array_read(a, path == NULL || strcmp(path, "-") == 0 ? "<stdin>" : path, &b, member,
                      NULL, e);
}

int array_reshape(struct array *a, const struct shape *entry, struct err *e)
{
    int64_t n = shape_count(entry), all = shape_count(&a->tensor.shape);
    char have[200], want[200];

    if (all % n != 0 || entry->rank == RANK_MAX)
        return err_set(e, "%s: its %s elements do not divide into samples of %s", a->name,
                       shape_text(&a->tensor.shape, have), shape_text(entry, want));
    a->tensor.shape.rank = entry->rank + 1;
    a->tensor.shape.dim[0] = all / n;
    memcpy(a->tensor.shape.dim + 1, entry->dim, (size_t)entry->rank * sizeof *entry->dim);
    a->bin = 0;
    return 0;
}

void array_release(struct array *a)
{
    blob_release(&a->blob);
    free(a->name);
    free(a->owned);
    free(a->owned_too);
    *a = (struct array){ 0 };
}

void array_to_nhwc(struct array *a)
{
    int64_t *d = a->tensor.shape.dim, c = d[1];
    void *p = mem_alloc(tensor_size(&a->tensor));

    layout_to_cl(p, a->tensor.data, &a->tensor.shape, dtype_size(a->tensor.dtype));
    d[1] = d[2];
    d[2] = d[3];
    d[3] = c;
    free(a->owned_too);
    a->owned_too = a->tensor.data = p;
}

long array_entries(const struct array *a)
{
    return a->tensor.shape.rank == 0 ? 1 : (long)a->tensor.shape.dim[0];
}

size_t array_stride(const struct array *a)
{
    size_t n = 1;

    for (int i = 1; i < a->tensor.shape.rank; i++)
        n *= (size_t)a->tensor.shape.dim[i];
    return n;
}

int array_get(const struct array *a, long first, long n, enum dtype dtype, void *out, struct err *e)
{
    size_t stride = array_stride(a), bad;
    const uint8_t *from = a->tensor.data;

    from += (size_t)first * stride * dtype_size(a->tensor.dtype);
    if (cast_exact(out, dtype, from, a->tensor.dtype, (size_t)n * stride, &bad, e) == 0)
        return 0;
    return err_at(e, "%s[%ld]", a->name, first + (stride == 0 ? 0 : (long)(bad / stride)));
}
