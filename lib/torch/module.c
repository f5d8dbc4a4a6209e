/* module.c: the members of a TorchScript archive: data.pkl (the module and its submodules, pickle protocol 2),
 * code/__torch__.py (their classes, forward()), constants.pkl (literals), version, and the storages.
 * FRAMEWORKS.md 1.4 and 4 have what torch.jit.load demands of each.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "torch/archive.h"
#include "torch/script.h"

enum { DEPTH_MAX = 100 };

struct module {
    const char *path, *name, *class;
    struct module *parent;
    int *slots, nslots, capslots;
    struct module **modules;
    int nmodules, capmodules;
};

/* The bytes of one storage: a slot's, a literal's, or numbers. */
struct storage {
    const struct slot *slot;
    const void *bytes;
    uint64_t size;
};

struct pickler {
    struct script *s;
    struct buf out;
    struct storage *storages;
    int n, cap;
};

/* ---- pickle ---- */

static void put_op(struct pickler *p, char op)
{
    buf_put(&p->out, &op, 1);
}

static void put_global(struct pickler *p, const char *module, const char *name)
{
    buf_printf(&p->out, "c%s\n%s\n", module, name);
}

static void put_text(struct pickler *p, const char *s)
{
    put_op(p, 'X');
    buf_u32(&p->out, (uint32_t)strlen(s));
    buf_str(&p->out, s);
}

static void put_integer(struct pickler *p, int64_t v)
{
    if (v >= INT32_MIN && v <= INT32_MAX) {
        put_op(p, 'J');
        buf_u32(&p->out, (uint32_t)v);
    } else {
        put_op(p, '\x8a'); /* LONG1 */
        put_op(p, 8);
        buf_u64(&p->out, (uint64_t)v);
    }
}

static void put_double(struct pickler *p, double v)
{
    uint64_t bits;
    uint8_t b[8];

    memcpy(&bits, &v, sizeof bits);
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)(bits >> (56 - 8 * i));
    put_op(p, 'G');
    buf_put(&p->out, b, 8);
}

static void put_sizes(struct pickler *p, const struct shape *s, bool strides)
{
    int64_t stride[RANK_MAX], n = 1;

    for (int i = s->rank; i-- > 0;) {
        stride[i] = n;
        n *= s->dim[i] > 1 ? s->dim[i] : 1;
    }
    put_op(p, '(');
    for (int i = 0; i < s->rank; i++)
        put_integer(p, strides ? stride[i] : s->dim[i]);
    put_op(p, 't');
}

static const char *storage_class(enum dtype t)
{
    switch (t) {
    case DT_F32:
        return "FloatStorage";
    case DT_F64:
        return "DoubleStorage";
    case DT_F16:
        return "HalfStorage";
    case DT_BF16:
        return "BFloat16Storage";
    case DT_I64:
        return "LongStorage";
    case DT_I32:
        return "IntStorage";
    case DT_I16:
        return "ShortStorage";
    case DT_I8:
        return "CharStorage";
    case DT_U8:
        return "ByteStorage";
    default:
        return "BoolStorage";
    }
}

/* ((storage), offset, sizes, strides: a call's arguments so far. */
static void begin_tensor(struct pickler *p, const char *rebuild, const char *class,
                         const struct shape *s, int key)
{
    char name[20];

    put_global(p, "torch._utils", rebuild);
    put_op(p, '(');
    put_op(p, '(');
    put_text(p, "storage");
    put_global(p, "torch", class);
    snprintf(name, sizeof name, "%d", key);
    put_text(p, name);
    put_text(p, "cpu");
    put_integer(p, shape_count(s));
    put_op(p, 't');
    put_op(p, 'Q');
    put_integer(p, 0);
    put_sizes(p, s, false);
    put_sizes(p, s, true);
}

static void end_tensor(struct pickler *p)
{
    put_op(p, '\x89'); /* requires_grad False */
    put_global(p, "collections", "OrderedDict");
    put_op(p, ')');
    put_op(p, 'R');
    put_op(p, 't');
    put_op(p, 'R');
}

static int add_storage(struct pickler *p, struct storage s)
{
    GROW(p->storages, p->n, p->cap);
    p->storages[p->n] = s;
    return p->n++;
}

static void put_tensor(struct pickler *p, enum dtype t, const struct shape *s, const void *bytes)
{
    uint64_t size = (uint64_t)shape_count(s) * dtype_size(t);

    begin_tensor(p, "_rebuild_tensor_v2", storage_class(t), s,
                 add_storage(p, (struct storage){ .bytes = bytes, .size = size }));
    end_tensor(p);
}

/* int8 with a scale, or with one a channel. */
static void put_int8(struct pickler *p, const struct slot *s, int key)
{
    const struct plan_node *pn = s->pn;
    struct shape n = shape_of(1, (int64_t[]){ pn->nscales });
    double *scales;

    begin_tensor(p, "_rebuild_qtensor", "QInt8Storage", &s->shape, key);
    put_op(p, '(');
    if (pn->nscales == 1) {
        put_global(p, "torch", "per_tensor_affine");
        put_double(p, (double)pn->scales[0]);
        put_integer(p, 0);
    } else {
        scales = arena_alloc(&p->s->arena, (size_t)pn->nscales * sizeof *scales);
        for (int i = 0; i < pn->nscales; i++)
            scales[i] = (double)pn->scales[i];
        put_global(p, "torch", "per_channel_affine");
        put_tensor(p, DT_F64, &n, scales);
        put_tensor(p, DT_I64, &n, arena_alloc(&p->s->arena, (size_t)pn->nscales * 8));
        put_integer(p, s->view.axis);
    }
    put_op(p, 't');
    end_tensor(p);
}

/* A weight under two names is stored once. */
static int slot_storage(struct pickler *p, const struct slot *s)
{
    for (int i = 0; i < p->n && s->kind == SLOT_DATUM; i++)
        if (p->storages[i].slot != NULL && p->storages[i].slot->kind == SLOT_DATUM &&
            p->storages[i].slot->datum == s->datum)
            return i;
    return add_storage(p, (struct storage){ .slot = s });
}

static void put_slot(struct pickler *p, const struct slot *s)
{
    int key = slot_storage(p, s);

    if (s->kind == SLOT_INT8) {
        put_int8(p, s, key);
        return;
    }
    begin_tensor(p, "_rebuild_tensor_v2", storage_class(s->dtype), &s->shape, key);
    end_tensor(p);
}

static const char *leaf(const struct slot *s)
{
    const char *dot = strrchr(s->name, '.');

    return dot == NULL ? s->name : dot + 1;
}

static void put_module(struct pickler *p, const struct module *m)
{
    buf_printf(&p->out, "c__torch__\n%s\n", m->class);
    put_op(p, ')');
    put_op(p, '\x81'); /* NEWOBJ */
    put_op(p, '}');
    put_op(p, '(');
    put_text(p, "training");
    put_op(p, '\x89');
    for (int i = 0; i < m->nslots; i++) {
        put_text(p, leaf(&p->s->slots[m->slots[i]]));
        put_slot(p, &p->s->slots[m->slots[i]]);
    }
    for (int i = 0; i < m->nmodules; i++) {
        put_text(p, m->modules[i]->name);
        put_module(p, m->modules[i]);
    }
    put_op(p, 'u');
    put_op(p, 'b');
}

/* ---- modules and their classes ---- */

static struct module *module_new(struct script *s, struct names *classes, struct module *parent,
                                 const char *path)
{
    struct module *m = arena_alloc(&s->arena, sizeof *m);
    const char *dot = strrchr(path, '.');
    char *class = *path == '\0' ? arena_strdup(&s->arena, s->class)
                                : arena_printf(&s->arena, "%s_%s", s->class, path);

    for (char *c = class; *c != '\0'; c++)
        if (strchr("0123456789_", *c) == NULL && ((*c | 32) < 'a' || (*c | 32) > 'z'))
            *c = '_';
    for (const char *base = class; names_get(classes, class) != NULL;)
        class = arena_printf(&s->arena, "%s_%zu", base, classes->n);
    names_put(classes, class, m);
    *m = (struct module){
        .path = path, .name = dot == NULL ? path : dot + 1, .class = class, .parent = parent
    };
    if (parent != NULL) {
        GROW(parent->modules, parent->nmodules, parent->capmodules);
        parent->modules[parent->nmodules++] = m;
    }
    return m;
}

static bool name_fits(const char *name)
{
    int depth = 0;

    for (const char *c = name; *c != '\0'; c++) {
        depth += *c == '.';
        if ((unsigned char)*c < ' ' || *c == '"' || *c == '\\' || *c == 127 || depth > DEPTH_MAX)
            return false;
    }
    return *name != '\0' && *name != '.' && strstr(name, "..") == NULL &&
           name[strlen(name) - 1] != '.';
}

/* The tree of modules that the slots' names speak of, outermost first. */
static int make_modules(struct script *s, struct module ***list, int *n)
{
    struct names paths = { 0 }, classes = { 0 }, slots = { 0 };
    int cap = 0, rc = -1;

    *list = NULL;
    *n = 0;
    GROW(*list, *n, cap);
    (*list)[(*n)++] = module_new(s, &classes, NULL, "");
    for (int i = 0; i < s->nslots; i++) {
        struct module *m = (*list)[0], *next;
        const char *name = s->slots[i].name;

        if (!s->slots[i].kept)
            continue;
        if (!name_fits(name) || names_get(&slots, name) != NULL) {
            err_set(s->err, "weight %.200s: TorchScript cannot have this name", name);
            goto out;
        }
        names_put(&slots, name, m);
        for (const char *dot = strchr(name, '.'); dot != NULL;
             dot = strchr(dot + 1, '.'), m = next) {
            const char *path = arena_strndup(&s->arena, name, (size_t)(dot - name));

            next = names_get(&paths, path);
            if (next == NULL) {
                next = module_new(s, &classes, m, path);
                names_put(&paths, path, next);
                GROW(*list, *n, cap);
                (*list)[(*n)++] = next;
            }
        }
        GROW(m->slots, m->nslots, m->capslots);
        m->slots[m->nslots++] = i;
    }
    for (int i = 1; i < *n; i++)
        if (names_get(&slots, (*list)[i]->path) != NULL) {
            err_set(s->err, "weight %.200s: it is also a module", (*list)[i]->path);
            goto out;
        }
    rc = 0;
out:
    names_release(&paths);
    names_release(&classes);
    names_release(&slots);
    return rc;
}

static void declare(struct buf *out, const char *name, const char *type)
{
    buf_printf(out, spell_is_name(name) ? "  %s : %s\n" : "  __annotations__[\"%s\"] = %s\n", name,
               type);
}

static void list_slots(struct script *s, const struct module *m, const char *what, bool parameters,
                       struct buf *out)
{
    buf_printf(out, "  %s = [", what);
    for (int i = 0; i < m->nslots; i++)
        if (s->slots[m->slots[i]].parameter == parameters)
            buf_printf(out, "\"%s\", ", leaf(&s->slots[m->slots[i]]));
    buf_str(out, "]\n");
}

static void put_class(struct script *s, const struct module *m, const struct buf *forward,
                      struct buf *out)
{
    buf_printf(out, "class %s(Module):\n", m->class);
    list_slots(s, m, "__parameters__", true, out);
    list_slots(s, m, "__buffers__", false, out);
    buf_str(out, "  training : bool\n");
    for (int i = 0; i < m->nslots; i++)
        declare(out, leaf(&s->slots[m->slots[i]]), "Tensor");
    for (int i = 0; i < m->nmodules; i++) {
        char *type = mem_printf("__torch__.%s", m->modules[i]->class);

        declare(out, m->modules[i]->name, type);
        free(type);
    }
    if (forward != NULL)
        buf_put(out, forward->data, forward->size);
}

/* ---- the archive ---- */

static const void *slot_bytes(struct script *s, const struct slot *t, float **made, uint64_t *size)
{
    int64_t n = shape_count(&t->shape);

    *made = NULL;
    *size = (uint64_t)n * (t->kind == SLOT_INT8 ? 1 : dtype_size(t->dtype));
    if (t->kind == SLOT_INT8)
        return t->pn->weight;
    if (t->kind == SLOT_FLOATS)
        return t->floats;
    if (t->kind == SLOT_DATUM && t->stored == t->dtype)
        return s->m->data[t->datum].p;
    *made = mem_alloc((size_t)n * sizeof **made);
    if (t->kind == SLOT_GRID)
        plan_weight_grid(t->pn, &t->view, *made);
    else
        dtype_to_f32(*made, s->m->data[t->datum].p, t->stored, (size_t)n);
    return *made;
}

static void put_storages(struct archive *a, const struct pickler *p, const char *folder)
{
    for (int i = 0; i < p->n; i++) {
        const struct storage *s = &p->storages[i];
        char name[40];
        float *made = NULL;
        uint64_t size = s->size;
        const void *bytes = s->slot == NULL ? s->bytes : slot_bytes(p->s, s->slot, &made, &size);

        snprintf(name, sizeof name, "%s/%d", folder, i);
        archive_put(a, name, bytes, size);
        free(made);
    }
}

/* A tuple of the literals that forward() reads. */
static void put_constants(struct pickler *p)
{
    const Trace *t = p->s->t;

    put_op(p, '(');
    for (size_t i = 0; i < t->n_values; i++) {
        const TraceValue *v = t->values[i];
        struct shape s = source_shape(v);

        if (p->s->constants[i] < 0)
            continue;
        if (v->data.len != (uint64_t)shape_count(&s) * dtype_size((enum dtype)v->dtype))
            s = shape_of(0, NULL);
        put_tensor(p, (enum dtype)v->dtype, &s, v->data.data);
    }
    put_op(p, 't');
}

static void pickle_release(struct pickler *p)
{
    buf_release(&p->out);
    free(p->storages);
}

int module_write(struct script *s, const struct buf *forward, struct out *o)
{
    struct pickler data = { .s = s }, constants = { .s = s };
    struct buf code = { 0 };
    struct archive a;
    struct module **modules;
    int n, rc = make_modules(s, &modules, &n);

    if (rc < 0)
        goto out;
    buf_str(&data.out, "\x80\x02");
    put_module(&data, modules[0]);
    put_op(&data, '.');
    buf_str(&constants.out, "\x80\x02");
    put_constants(&constants);
    put_op(&constants, '.');
    for (int i = 0; i < n; i++)
        put_class(s, modules[i], i == 0 ? forward : NULL, &code);
    archive_begin(&a, o, "archive");
    archive_put(&a, "data.pkl", data.out.data, data.out.size);
    archive_put(&a, "code/__torch__.py", code.data, code.size);
    archive_put(&a, "constants.pkl", constants.out.data, constants.out.size);
    archive_put(&a, "version", "3\n", 2);
    put_storages(&a, &constants, "constants");
    put_storages(&a, &data, "data");
    archive_end(&a);
out:
    for (int i = 0; i < n; i++) {
        free(modules[i]->slots);
        free(modules[i]->modules);
    }
    free(modules);
    pickle_release(&data);
    pickle_release(&constants);
    buf_release(&code);
    return rc;
}
