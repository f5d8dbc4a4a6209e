/* weights.c: see weights.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "torch/storage.h"

enum {
    TENSORS_MAX = 1 << 18, /* of a file */
    STEPS_MAX = 1 << 20,   /* objects looked at */
    DEPTH_MAX = 200,
};

struct walk {
    struct weights *w;
    struct storages from;
    int steps, ntensors;
    struct err *err;
};

/* ---- states ---- */

static int step(struct walk *k, int depth)
{
    if (depth > DEPTH_MAX)
        return err_set(k->err, "nested deeper than %d levels", DEPTH_MAX);
    if (k->steps++ > STEPS_MAX)
        return err_set(k->err, "more than %d objects", STEPS_MAX);
    return 0;
}

static const char *joined(struct walk *k, const char *path, const char *between,
                          const struct obj *key)
{
    struct arena *a = k->w->arena;
    const char *name;

    if (key->kind == OBJ_STRING)
        name = arena_strndup(a, key->s, key->n);
    else if (key->kind == OBJ_INT)
        name = arena_printf(a, "%" PRId64, key->i);
    else
        return NULL;
    return *path == '\0' ? name : arena_printf(a, "%s%s%s", path, between, name);
}

static int add_tensor(struct walk *k, struct torch_state *s, const char *name, const struct obj *o)
{
    struct torch_tensor t = { .name = name };

    if (k->ntensors++ >= TENSORS_MAX)
        return err_set(k->err, "more than %d tensors", TENSORS_MAX);
    if (tensor_load(&t, &k->from, o, k->err) < 0)
        return err_at(k->err, "tensor %.200s", name);
    GROW(s->tensors, s->n, s->cap);
    s->tensors[s->n++] = t;
    return 0;
}

static void keep_state(struct walk *k, struct torch_state *s)
{
    struct weights *w = k->w;

    if (s->n == 0)
        return;
    GROW(w->states, w->n, w->cap);
    w->states[w->n++] = *s;
}

/* ---- modules ---- */

static struct obj *module_state(const struct obj *o)
{
    struct obj *s = o->kind == OBJ_CALL ? o->state : NULL;

    if (s != NULL && s->kind == OBJ_TUPLE) /* (dict, slots) */
        s = obj_item(s, 0);
    s = obj_dict(s);
    if (s == NULL ||
        (obj_get(s, "_modules") == NULL &&
         !(o->callee->kind == OBJ_GLOBAL && strncmp(o->callee->s, "__torch__.", 10) == 0)))
        return NULL;
    return s;
}

/* Is the name in this set? */
static bool listed(const struct obj *set, const char *name)
{
    if (set != NULL && set->kind == OBJ_CALL) /* set([…]), as protocol 2 spells it */
        set = obj_item(set->args, 0);
    for (size_t i = 0; set != NULL && set->kind == OBJ_TUPLE && i < set->nitems; i++)
        if (obj_is_string(set->items[i], name))
            return true;
    return false;
}

static int walk_module(struct walk *k, struct torch_state *s, struct obj *o, const char *path,
                       int depth);

/* The tensors and modules among these, as they are called in a state dict. */
static int walk_members(struct walk *k, struct torch_state *s, const struct obj *dict,
                        const struct obj *but, const char *path, int depth)
{
    for (size_t i = 0; dict != NULL && i + 1 < dict->nitems; i += 2) {
        const char *name = joined(k, path, ".", dict->items[i]);
        struct obj *o = dict->items[i + 1];

        if (step(k, depth) < 0)
            return -1;
        if (name == NULL ||
            listed(but, dict->items[i]->kind == OBJ_STRING ? dict->items[i]->s : ""))
            continue;
        if (tensor_is(o)) {
            if (add_tensor(k, s, name, o) < 0)
                return -1;
        } else if (module_state(o) != NULL && walk_module(k, s, o, name, depth + 1) < 0) {
            return -1;
        }
    }
    return 0;
}

static int walk_module(struct walk *k, struct torch_state *s, struct obj *o, const char *path,
                       int depth)
{
    struct obj *state = module_state(o), *modules = obj_get(state, "_modules");
    int rc = -1;

    if (o->seen)
        return err_set(k->err, "module %.200s contains itself", path);
    if (step(k, depth) < 0)
        return -1;
    o->seen = true;
    if (modules == NULL) /* TorchScript: attributes */
        rc = walk_members(k, s, state, NULL, path, depth);
    else if (walk_members(k, s, obj_dict(obj_get(state, "_parameters")), NULL, path, depth) == 0 &&
             walk_members(k, s, obj_dict(obj_get(state, "_buffers")),
                          obj_get(state, "_non_persistent_buffers_set"), path, depth) == 0)
        rc = walk_members(k, s, obj_dict(modules), NULL, path, depth);
    o->seen = false; /* a shared module has every one of its names */
    return rc;
}

/* ---- dicts ---- */

/* Every dict of tensors, and every module, once. What optimizers keep is nobody's weight. */
static int walk(struct walk *k, struct obj *o, const char *path, int depth)
{
    struct torch_state s = { .path = path };
    const struct obj *dict = obj_dict(o);
    bool list = o->kind == OBJ_TUPLE;
    size_t n = list ? o->nitems : dict == NULL ? 0 : dict->nitems / 2;
    int rc = -1;

    if (step(k, depth) < 0)
        return -1;
    if (o->seen)
        return 0;
    o->seen = true;
    if (module_state(o) != NULL) {
        o->seen = false;
        if (walk_module(k, &s, o, "", depth) < 0)
            goto out;
        o->seen = true;
    } else if (depth == 0 && tensor_is(o) && add_tensor(k, &s, "tensor", o) < 0) {
        goto out;
    }
    for (int inner = 0; inner < 2; inner++) { /* the state before those inside it */
        for (size_t i = 0; i < n; i++) {
            const struct obj number = { .kind = OBJ_INT, .i = (int64_t)i };
            const struct obj *key = list ? &number : dict->items[2 * i];
            struct obj *v = list ? o->items[i] : dict->items[2 * i + 1];
            const char *name;

            if (step(k, depth) < 0)
                goto out;
            if (tensor_is(v) == (inner == 1) ||
                (v->kind != OBJ_CALL && v->kind != OBJ_DICT && v->kind != OBJ_TUPLE))
                continue;
            name = inner ? joined(k, path, "/", key) : joined(k, "", "", key);
            if (name == NULL || (inner && strstr(name, "optim") != NULL))
                continue;
            if (inner ? walk(k, v, name, depth + 1) < 0 : add_tensor(k, &s, name, v) < 0)
                goto out;
        }
        if (inner == 0) {
            keep_state(k, &s);
            s = (struct torch_state){ 0 };
        }
    }
    rc = 0;
out:
    free(s.tensors);
    return rc < 0 && *path != '\0' && depth == 1 ? err_at(k->err, "%.100s", path) : rc;
}

/* ---- files ---- */

/* TorchScript's: the literals of its code, and the weights of a frozen module. */
static int read_constants(struct walk *k)
{
    struct weights *w = k->w;
    const struct zip_member *m = zip_find(&w->zip, "constants.pkl");
    struct torch_state none = { .path = "" }, *s = w->n > 0 ? &w->states[0] : &none;
    struct cursor c;
    struct pickle p;

    if (m == NULL)
        return 0;
    c = cursor_of(m->data, (size_t)m->size);
    if (pickle_read(&p, &c, w->arena, k->err) < 0)
        return err_at(k->err, "constants.pkl");
    k->from.folder = "constants";
    for (size_t i = 0; p.root->kind == OBJ_TUPLE && i < p.root->nitems; i++)
        if (tensor_is(p.root->items[i]) &&
            add_tensor(k, s, arena_printf(w->arena, "CONSTANTS.c%zu", i), p.root->items[i]) < 0) {
            free(none.tensors);
            return -1;
        }
    if (s == &none)
        keep_state(k, s);
    return 0;
}

static int read_zip(struct walk *k, const struct blob *b)
{
    struct weights *w = k->w;
    const struct zip_member *m, *order;
    struct cursor c;
    struct pickle p;

    if (zip_read(&w->zip, w->arena, b, k->err) < 0)
        return -1;
    order = zip_find(&w->zip, "byteorder");
    if (order != NULL && order->size >= 3 && memcmp(order->data, "big", 3) == 0)
        return err_unsupported(k->err, "its numbers are big-endian: save it on another machine");
    m = zip_find(&w->zip, "data.pkl");
    if (m == NULL)
        return err_set(k->err, "no data.pkl in it: torch.save did not write this");
    c = cursor_of(m->data, (size_t)m->size);
    if (pickle_read(&p, &c, w->arena, k->err) < 0)
        return err_at(k->err, "data.pkl");
    k->from = (struct storages){ w->arena, &w->zip, "data", NULL };
    return walk(k, p.root, "", 0) < 0 ? -1 : read_constants(k);
}

/* Behind the pickles: per key the number of elements and the elements. */
static int read_storages(struct walk *k, struct cursor *c, const struct obj *keys,
                         const struct names *types, struct names *loaded)
{
    if (keys->kind != OBJ_TUPLE)
        return err_set(k->err, "no list of storages");
    for (size_t i = 0; i < keys->nitems; i++) {
        const struct obj *key = keys->items[i];
        struct storage *s = arena_alloc(k->w->arena, sizeof *s);
        size_t each;
        uint64_t n = cursor_u64(c);

        if (key->kind != OBJ_STRING)
            return err_set(k->err, "a storage without a key");
        each = (size_t)names_get(types, key->s);
        if (each == 0)
            return err_set(k->err, "storage %.100s: nothing says of what type it is", key->s);
        s->size = n > cursor_left(c) ? UINT64_MAX : n * (each - 1);
        s->data = s->size > cursor_left(c) ? NULL : cursor_take(c, (size_t)s->size);
        if (c->bad || s->data == NULL)
            return err_set(k->err, "storage %.100s: the file is cut off", key->s);
        names_put(loaded, key->s, s);
    }
    return 0;
}

/* The element sizes of the storages, by key, plus 1: only the persistent ids have them. */
static void find_types(struct names *types, const struct pickle *p)
{
    for (size_t i = 0; i < p->nids; i++) {
        const struct obj *id = p->ids[i]->args, *class = obj_item(id, 1), *key = obj_item(id, 2);
        enum dtype t = class != NULL && class->kind == OBJ_GLOBAL ? torch_dtype(class->s) : DT_NONE;

        if (obj_is_string(obj_item(id, 0), "storage") && key != NULL && key->kind == OBJ_STRING &&
            t != DT_NONE)
            names_put(types, key->s, (void *)(dtype_size(t) + 1));
    }
}

static int read_legacy(struct walk *k, const struct blob *b)
{
    static const char *const what[] = { "magic number", "protocol", "sys_info", "object",
                                        "list of storages" };
    static const char magic[] = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    enum { MAGIC, PROTOCOL, INFO, OBJECT, KEYS, PICKLES };
    struct cursor c = cursor_of(b->data, b->size);
    struct names types = { 0 }, loaded = { 0 };
    struct pickle p[PICKLES];
    int64_t n;
    int rc = -1;

    k->w->legacy = true;
    for (int i = 0; i < PICKLES; i++)
        if (pickle_read(&p[i], &c, k->w->arena, k->err) < 0) {
            err_at(k->err, "%s", what[i]);
            goto out;
        } else if (i == MAGIC && (p[i].root->kind != OBJ_BIG || p[i].root->n != 10 ||
                                  memcmp(p[i].root->s, magic, 10) != 0)) {
            err_set(k->err, "is no file of torch.save");
            goto out;
        }
    if (!obj_int(p[PROTOCOL].root, &n) || n != 1001) {
        err_set(k->err, "a protocol of torch.save that is not 1001");
        goto out;
    }
    if (obj_int(obj_get(obj_dict(p[INFO].root), "little_endian"), &n) && n == 0) {
        err_unsupported(k->err, "its numbers are big-endian: save it on another machine");
        goto out;
    }
    find_types(&types, &p[OBJECT]);
    if (read_storages(k, &c, p[KEYS].root, &types, &loaded) < 0)
        goto out;
    k->from = (struct storages){ k->w->arena, NULL, "", &loaded };
    rc = walk(k, p[OBJECT].root, "", 0);
out:
    names_release(&types);
    names_release(&loaded);
    return rc;
}

int weights_read(struct weights *w, struct arena *a, const struct blob *file, struct err *e)
{
    struct walk k = { .w = w, .err = e };
    bool zip = file->size >= 4 && memcmp(file->data, "PK\3\4", 4) == 0;

    *w = (struct weights){ .arena = a };
    if (zip ? read_zip(&k, file) < 0 : read_legacy(&k, file) < 0)
        return -1;
    return w->n > 0 ? 0 : err_set(e, "holds no tensors");
}

void weights_release(struct weights *w)
{
    for (int i = 0; i < w->n; i++)
        free(w->states[i].tensors);
    free(w->states);
    zip_release(&w->zip);
}

void weights_show(const struct weights *w, struct buf *out)
{
    char text[200];

    for (int i = 0; i < w->n; i++) {
        const struct torch_state *s = &w->states[i];

        buf_printf(out, "weights %s: %d tensors\n", *s->path == '\0' ? "." : s->path, s->n);
        for (int k = 0; k < s->n; k++)
            buf_printf(out, "tensor %s %s %s\n", s->tensors[k].name,
                       dtype_name(s->tensors[k].dtype), shape_text(&s->tensors[k].shape, text));
    }
}
