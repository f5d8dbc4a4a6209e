/* external.c: see external.h. A location is a relative path without "..": a model cannot make us
 * read files outside its folder.
 * SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/external.h"

enum { DIMS = 1, DATA_TYPE = 2, EXTERNAL_DATA = 13 }; /* of TensorProto */

void externals_init(struct externals *x, struct model *m, const char *path)
{
    const char *slash = path == NULL ? NULL : strrchr(path, '/');

    *x = (struct externals){ .m = m };
    if (path != NULL)
        x->folder = slash == NULL ? arena_strdup(&x->arena, "./")
                                  : arena_strndup(&x->arena, path, (size_t)(slash + 1 - path));
}

void externals_release(struct externals *x)
{
    names_release(&x->files);
    arena_release(&x->arena);
}

/* The entries of external_data, and the size that type and dims ask for (0: not known). */
struct entries {
    const char *location;
    uint64_t offset, length, need;
    bool has_length;
};

static int number(const char *key, const char *value, uint64_t *out, struct err *e)
{
    char *end;

    *out = strtoull(value, &end, 10);
    if (*value < '0' || *value > '9' || *end != '\0')
        return err_set(e, "external data: %s '%.40s' is not a number", key, value);
    return 0;
}

static int read_entry(struct externals *x, struct entries *n, struct cursor c, struct err *e)
{
    const char *key = "", *value = "";
    struct field f;

    while (cursor_field(&c, &f))
        if (f.number == 1 || f.number == 2)
            *(f.number == 1 ? &key : &value) =
                arena_strndup(&x->arena, (const char *)f.bytes.p, cursor_left(&f.bytes));
    if (strcmp(key, "location") == 0)
        n->location = value;
    if (strcmp(key, "offset") == 0)
        return number(key, value, &n->offset, e);
    if (strcmp(key, "length") == 0) {
        n->has_length = true;
        return number(key, value, &n->length, e);
    }
    return 0;
}

static void take_dim(struct entries *n, uint64_t dim)
{
    n->need = dim == 0 || n->need > ((uint64_t)1 << 50) / dim ? 0 : n->need * dim;
}

static int read_entries(struct externals *x, struct entries *n, struct cursor c, struct err *e)
{
    struct cursor again = c;
    struct field f;

    *n = (struct entries){ 0 };
    while (cursor_field(&c, &f)) {
        if (f.number == EXTERNAL_DATA && read_entry(x, n, f.bytes, e) < 0)
            return -1;
        if (f.number == DATA_TYPE)
            n->need = dtype_size((enum dtype)f.value);
    }
    while (cursor_field(&again, &f)) {
        if (f.number != DIMS)
            continue;
        if (f.wire == 0)
            take_dim(n, f.value);
        while (f.wire == 2 && cursor_left(&f.bytes) > 0)
            take_dim(n, cursor_varint(&f.bytes));
    }
    return 0;
}

static bool inside_folder(const char *location)
{
    if (location[0] == '/' || location[0] == '\0')
        return false;
    for (const char *p = location; p != NULL; p = strchr(p, '/')) {
        p += *p == '/';
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
            return false;
    }
    return true;
}

static const struct blob *open_file(struct externals *x, const char *location, struct err *e)
{
    struct blob *b = names_get(&x->files, location);
    const char *path;

    if (b != NULL)
        return b;
    if (!inside_folder(location)) {
        err_set(e, "external data '%.200s': only files in the model's own folder are read",
                location);
        return NULL;
    }
    b = arena_alloc(&x->arena, sizeof *b);
    path = arena_printf(&x->arena, "%s%s", x->folder, location);
    if (blob_open(b, path, e) < 0) {
        err_at(e, "external data");
        return NULL;
    }
    link_add(x->m, path, b, true);
    names_put(&x->files, location, b);
    return b;
}

int external_find(struct externals *x, struct cursor tensor, const uint8_t **bytes, size_t *size,
                  struct err *e)
{
    const struct blob *b;
    struct entries n;

    if (read_entries(x, &n, tensor, e) < 0)
        return -1;
    if (n.location == NULL)
        return err_set(e, "external data without a location");
    if (x->folder == NULL)
        return err_set(
            e,
            "its data are in '%.200s', beside the model: name the model file, a pipe has no folder",
            n.location);
    b = open_file(x, n.location, e);
    if (b == NULL)
        return -1;
    if (n.offset > b->size || (n.has_length && n.length > b->size - n.offset))
        return err_set(e, "external data: %" PRIu64 " bytes at %" PRIu64 " of '%s', which has %zu",
                       n.length, n.offset, n.location, b->size);
    *bytes = b->data + n.offset;
    *size = n.has_length                                 ? n.length
            : n.need > 0 && n.need <= b->size - n.offset ? n.need
                                                         : b->size - n.offset;
    return 0;
}
