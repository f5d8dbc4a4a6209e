/* array.c: see array.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/names.h"
#include "calset/array.h"
#include "calset/bin.h"
#include "calset/cast.h"
#include "calset/npy.h"

bool array_is(const void *bytes, size_t size)
{
    return npy_is(bytes, size) || npz_is(bytes, size) || bin_is(bytes, size);
}

static const char *kind_of(const struct blob *b)
{
    static const struct {
        const char *magic, *kind;
        size_t size;
    } kinds[] = {
        { "\xff\xd8\xff", "a JPEG image", 3 },
        { "\x89PNG", "a PNG image", 4 },
        { "BM", "a BMP image", 2 },
        { "RIFF", "a WebP image", 4 },
        { "II*", "a TIFF image", 3 },
        { "\0\0\1\xfe", "a big-endian bin", 4 },
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (b->size >= kinds[i].size && memcmp(b->data, kinds[i].magic, kinds[i].size) == 0)
            return kinds[i].kind;
    return b->size == 0 ? "empty" : "something else";
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

int array_open(struct array *a, const char *path, const char *member, struct err *e)
{
    struct bin bin;
    int rc;

    *a = (struct array){ .name = mem_strdup(path == NULL || strcmp(path, "-") == 0 ? "<stdin>"
                                                                                   : path) };
    if (blob_open(&a->blob, path, e) < 0)
        return -1;
    if (npy_is(a->blob.data, a->blob.size)) {
        rc = npy_read(&a->tensor, &a->owned, a->blob.data, a->blob.size, e);
    } else if (npz_is(a->blob.data, a->blob.size)) {
        rc = member_open(a, member, e);
    } else if (bin_is(a->blob.data, a->blob.size)) {
        rc = bin_read(&bin, a->blob.data, a->blob.size, e);
        a->bin = bin.format;
        a->tensor =
            (struct tensor){ .dtype = DT_F32, .shape = bin.shape, .data = (void *)bin.data };
    } else {
        rc = err_set(e, "is %s; a .npy, .npz, 510 or 610 file is needed here", kind_of(&a->blob));
    }
    return rc < 0 ? err_at(e, "%s", a->name) : 0;
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
