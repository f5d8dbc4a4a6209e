/* pickle.c: see pickle.h. The opcodes are those of Python's pickletools; every one checks what it takes
 * from the stack.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "torch/pickle.h"

enum {
    OBJECTS_MAX = 1 << 22, /* of one pickle; a checkpoint with its optimizer has some 10,000 */
    DEPTH_MAX = 1 << 16,   /* marks that are open */
};

struct machine {
    struct cursor *c;
    const uint8_t *start; /* of the pickle */
    struct arena *a;
    struct obj **stack, **memo;
    size_t nstack, capstack, nmemo, capmemo, memoized;
    size_t *marks, nmarks, capmarks;
    struct obj **ids;
    size_t nids, capids;
    size_t nobjects;
    int op;
    struct err *err;
};

static int bad(struct machine *m, const char *what)
{
    const char *shown =
        m->op > 0x20 && m->op < 0x7f ? (char[]){ '\'', (char)m->op, '\'', '\0' } : "";

    return err_set(m->err, "byte %zu: pickle opcode %s%s0x%02x%s: %s", (size_t)(m->c->p - m->start),
                   shown, *shown ? " (" : "", m->op, *shown ? ")" : "", what);
}

/* ---- the stack ---- */

static struct obj *make(struct machine *m, enum obj_kind kind)
{
    struct obj *o;

    if (m->nobjects++ >= OBJECTS_MAX) {
        bad(m, "too many objects");
        return NULL;
    }
    o = arena_alloc(m->a, sizeof *o);
    o->kind = kind;
    return o;
}

static int push(struct machine *m, struct obj *o)
{
    if (o == NULL)
        return -1;
    if (m->nstack >= OBJECTS_MAX)
        return bad(m, "the stack is too deep");
    GROW(m->stack, m->nstack, m->capstack);
    m->stack[m->nstack++] = o;
    return 0;
}

/* How far down the current mark lets one pop. */
static size_t bottom(const struct machine *m)
{
    return m->nmarks > 0 ? m->marks[m->nmarks - 1] : 0;
}

static struct obj *pop(struct machine *m)
{
    if (m->nstack <= bottom(m)) {
        bad(m, "the stack is empty");
        return NULL;
    }
    return m->stack[--m->nstack];
}

static struct obj *top(struct machine *m)
{
    if (m->nstack <= bottom(m)) {
        bad(m, "the stack is empty");
        return NULL;
    }
    return m->stack[m->nstack - 1];
}

/* What lies above the last mark, which goes: *items is borrowed from the stack. */
static int pop_mark(struct machine *m, struct obj ***items, size_t *n)
{
    if (m->nmarks == 0)
        return bad(m, "no mark");
    m->nmarks--;
    *n = m->nstack - m->marks[m->nmarks];
    m->nstack = m->marks[m->nmarks];
    *items = m->stack + m->nstack;
    return 0;
}

static int add_items(struct machine *m, struct obj *to, struct obj *const *items, size_t n)
{
    if (n > OBJECTS_MAX - to->nitems)
        return bad(m, "too many items");
    if (to->nitems + n > to->capitems) {
        size_t cap = 2 * to->capitems > to->nitems + n ? 2 * to->capitems : to->nitems + n;
        struct obj **grown = arena_alloc(m->a, cap * sizeof *grown);

        if (to->nitems > 0)
            memcpy(grown, to->items, to->nitems * sizeof *grown);
        to->items = grown;
        to->capitems = cap;
    }
    if (n > 0)
        memcpy(to->items + to->nitems, items, n * sizeof *items);
    to->nitems += n;
    return 0;
}

/* Appending costs memory even where one object is appended again and again. */
static int charge(struct machine *m, size_t n)
{
    m->nobjects += n;
    return m->nobjects > OBJECTS_MAX ? bad(m, "too many objects") : 0;
}

static int push_items(struct machine *m, enum obj_kind kind, struct obj *const *items, size_t n)
{
    struct obj *o = make(m, kind);

    if (o == NULL || (kind == OBJ_DICT && n % 2 != 0 && bad(m, "a key without a value") < 0) ||
        charge(m, n) < 0 || add_items(m, o, items, n) < 0)
        return -1;
    return push(m, o);
}

static int push_marked(struct machine *m, enum obj_kind kind)
{
    struct obj **items = NULL;
    size_t n = 0;

    return pop_mark(m, &items, &n) < 0 ? -1 : push_items(m, kind, items, n);
}

static int push_last(struct machine *m, size_t n)
{
    if (m->nstack < bottom(m) + n)
        return bad(m, "the stack is empty");
    m->nstack -= n;
    return push_items(m, OBJ_TUPLE, m->stack + m->nstack, n);
}

/* ---- scalars and strings ---- */

static int push_int(struct machine *m, enum obj_kind kind, int64_t i)
{
    struct obj *o = make(m, kind);

    if (o != NULL)
        o->i = i;
    return push(m, o);
}

static int push_float(struct machine *m, double f)
{
    struct obj *o = make(m, OBJ_FLOAT);

    if (o != NULL)
        o->f = f;
    return push(m, o);
}

static int push_bytes(struct machine *m, enum obj_kind kind, uint64_t n)
{
    const uint8_t *p = n > cursor_left(m->c) ? NULL : cursor_take(m->c, (size_t)n);
    struct obj *o = make(m, kind);

    if (p == NULL)
        return bad(m, "cut off");
    if (o != NULL) {
        o->n = (size_t)n;
        o->s = arena_strndup(m->a, (const char *)p, o->n);
    }
    return push(m, o);
}

/* A little-endian two's complement number of n bytes. */
static int push_long(struct machine *m, uint64_t n)
{
    const uint8_t *p;
    uint64_t v = 0;

    if (n > 8)
        return push_bytes(m, OBJ_BIG, n);
    p = cursor_take(m->c, (size_t)n);
    if (p == NULL)
        return bad(m, "cut off");
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    if (n > 0 && n < 8 && (p[n - 1] & 0x80) != 0)
        v |= ~UINT64_C(0) << (8 * n);
    return push_int(m, OBJ_INT, (int64_t)v);
}

/* The rest of the line, without its end; NULL with the error set. */
static const char *line(struct machine *m)
{
    const uint8_t *end = memchr(m->c->p, '\n', cursor_left(m->c));
    size_t n;
    const char *s;

    if (end == NULL || (n = (size_t)(end - m->c->p)) > 1 << 16) {
        bad(m, "cut off");
        return NULL;
    }
    s = arena_strndup(m->a, (const char *)m->c->p, n);
    cursor_skip(m->c, n + 1);
    return s;
}

/* INT, LONG, FLOAT: numbers as text; "01" and "00" are True and False. */
static int push_text(struct machine *m)
{
    const char *s = line(m);
    char *end;

    if (s == NULL)
        return -1;
    if (m->op == 'F') {
        double f = strtod(s, &end);

        return end == s || *end != '\0' ? bad(m, "not a number") : push_float(m, f);
    } else {
        long long i = strtoll(s, &end, 10);

        if (end == s || (*end != '\0' && strcmp(end, "L") != 0))
            return bad(m, "not a number");
        return push_int(m, strcmp(s, "01") == 0 || strcmp(s, "00") == 0 ? OBJ_BOOL : OBJ_INT, i);
    }
}

static int push_double(struct machine *m)
{
    const uint8_t *p = cursor_take(m->c, 8);
    uint64_t bits = 0;
    double f;

    for (int i = 0; p != NULL && i < 8; i++)
        bits = bits << 8 | p[i];
    memcpy(&f, &bits, sizeof f);
    return p == NULL ? bad(m, "cut off") : push_float(m, f);
}

static int push_global(struct machine *m, const char *module, const char *name)
{
    struct obj *o = make(m, OBJ_GLOBAL);

    if (o == NULL)
        return -1;
    o->s = arena_printf(m->a, "%s.%s", module, name);
    o->n = strlen(o->s);
    return push(m, o);
}

static int read_global(struct machine *m)
{
    const char *module = line(m), *name = module == NULL ? NULL : line(m);

    return name == NULL ? -1 : push_global(m, module, name);
}

static int read_stack_global(struct machine *m)
{
    struct obj *name = pop(m), *module = name == NULL ? NULL : pop(m);

    if (module == NULL)
        return -1;
    if (name->kind != OBJ_STRING || module->kind != OBJ_STRING)
        return bad(m, "not a name");
    return push_global(m, module->s, name->s);
}

/* ---- the memo ---- */

static int memo_put(struct machine *m, uint64_t at)
{
    struct obj *o = top(m);

    if (o == NULL)
        return -1;
    if (at >= OBJECTS_MAX)
        return bad(m, "a memo index that is too large");
    if (at >= m->capmemo) {
        size_t cap = 2 * (size_t)at + 64;

        m->memo = mem_resize(m->memo, cap, sizeof *m->memo);
        memset(m->memo + m->capmemo, 0, (cap - m->capmemo) * sizeof *m->memo);
        m->capmemo = cap;
    }
    m->memoized += m->memo[at] == NULL;
    m->memo[at] = o;
    return 0;
}

static int memo_get(struct machine *m, uint64_t at)
{
    return at >= m->capmemo || m->memo[at] == NULL ? bad(m, "nothing in the memo")
                                                   : push(m, m->memo[at]);
}

static int memo_text(struct machine *m, int (*f)(struct machine *, uint64_t))
{
    const char *s = line(m);
    char *end;
    unsigned long long at;

    if (s == NULL)
        return -1;
    at = strtoull(s, &end, 10);
    return end == s || *end != '\0' ? bad(m, "not a number") : f(m, at);
}

/* ---- objects ---- */

/* OrderedDict([[key, value], …]), as Python 2 spells one, has those items. */
static int take_pairs(struct machine *m, struct obj *o)
{
    const struct obj *list = obj_item(o->args, 0);

    o->dict = make(m, OBJ_DICT);
    if (o->dict == NULL)
        return -1;
    for (size_t i = 0; list != NULL && i < list->nitems; i++) {
        struct obj *pair = obj_item(list, i);

        if (obj_item(pair, 1) == NULL || pair->nitems != 2)
            return bad(m, "an OrderedDict of something else than pairs");
        if (charge(m, 2) < 0 || add_items(m, o->dict, pair->items, 2) < 0)
            return -1;
    }
    return 0;
}

/* What would have been a call. */
static int make_call(struct machine *m, bool keywords)
{
    struct obj *o = make(m, OBJ_CALL);

    if (o == NULL || (keywords && pop(m) == NULL) || (o->args = pop(m)) == NULL ||
        (o->callee = pop(m)) == NULL)
        return -1;
    if (o->args->kind != OBJ_TUPLE && o->args->kind != OBJ_NONE)
        return bad(m, "arguments that are no tuple");
    if (o->callee->kind == OBJ_PERSISTENT && obj_item(o->callee->args, 1) != NULL)
        o->callee = obj_item(o->callee->args, 1); /* ('module', class, file, source) */
    if (obj_is(o, "collections.OrderedDict") && take_pairs(m, o) < 0)
        return -1;
    return push(m, o);
}

static int build(struct machine *m)
{
    struct obj *state = pop(m), *o = state == NULL ? NULL : top(m);

    if (o == NULL)
        return -1;
    if (o->kind == OBJ_CALL)
        o->state = state;
    return 0;
}

static int append(struct machine *m, struct obj *const *items, size_t n)
{
    struct obj *o = top(m);

    if (o == NULL)
        return -1;
    if (o->kind != OBJ_TUPLE && o->kind != OBJ_CALL)
        return bad(m, "appends to something else");
    return charge(m, n) < 0 ? -1 : add_items(m, o, items, n);
}

static int set_items(struct machine *m, struct obj *const *items, size_t n)
{
    struct obj *o = top(m);

    if (o == NULL)
        return -1;
    if (n % 2 != 0)
        return bad(m, "a key without a value");
    if (o->kind == OBJ_CALL) {
        if (o->dict == NULL && (o->dict = make(m, OBJ_DICT)) == NULL)
            return -1;
        o = o->dict;
    }
    if (o->kind != OBJ_DICT)
        return bad(m, "sets items of something else");
    return charge(m, n) < 0 ? -1 : add_items(m, o, items, n);
}

static int many(struct machine *m, int (*f)(struct machine *, struct obj *const *, size_t))
{
    struct obj **items = NULL;
    size_t n = 0;

    return pop_mark(m, &items, &n) < 0 ? -1 : f(m, items, n);
}

static int few(struct machine *m, size_t n, int (*f)(struct machine *, struct obj *const *, size_t))
{
    if (m->nstack < bottom(m) + n)
        return bad(m, "the stack is empty");
    m->nstack -= n;
    return f(m, m->stack + m->nstack, n);
}

static int persistent(struct machine *m, struct obj *id)
{
    struct obj *o = id == NULL ? NULL : make(m, OBJ_PERSISTENT);

    if (o == NULL)
        return -1;
    o->args = id;
    GROW(m->ids, m->nids, m->capids);
    m->ids[m->nids++] = o;
    return push(m, o);
}

static int mark(struct machine *m)
{
    if (m->nmarks >= DEPTH_MAX)
        return bad(m, "too many marks");
    GROW(m->marks, m->nmarks, m->capmarks);
    m->marks[m->nmarks++] = m->nstack;
    return 0;
}

static int pop_any(struct machine *m)
{
    if (m->nmarks > 0 && m->nstack == bottom(m)) {
        m->nmarks--;
        return 0;
    }
    return pop(m) == NULL ? -1 : 0;
}

static int step(struct machine *m)
{
    struct cursor *c = m->c;
    struct obj **items = NULL;
    size_t n = 0;

    switch (m->op) {
    case 0x80: /* PROTO */
        return cursor_u8(c) > 5 ? bad(m, "a protocol beyond 5") : 0;
    case 0x95: /* FRAME: its length says nothing that the opcodes do not */
        cursor_skip(c, 8);
        return 0;
    case '(':
        return mark(m);
    case '0':
        return pop_any(m);
    case '1':
        return pop_mark(m, &items, &n);
    case '2':
        return push(m, top(m));
    case 'N':
        return push(m, make(m, OBJ_NONE));
    case 0x88:
    case 0x89:
        return push_int(m, OBJ_BOOL, m->op == 0x88);
    case 'I':
    case 'L':
    case 'F':
        return push_text(m);
    case 'J':
        return push_int(m, OBJ_INT, (int32_t)cursor_u32(c));
    case 'K':
        return push_int(m, OBJ_INT, cursor_u8(c));
    case 'M':
        return push_int(m, OBJ_INT, cursor_u16(c));
    case 0x8a:
        return push_long(m, cursor_u8(c));
    case 0x8b:
        return push_long(m, cursor_u32(c));
    case 'G':
        return push_double(m);
    case 'X': /* BINUNICODE, BINSTRING, BINBYTES */
    case 'T':
    case 'B':
        return push_bytes(m, OBJ_STRING, cursor_u32(c));
    case 0x8c:
    case 'U':
    case 'C':
        return push_bytes(m, OBJ_STRING, cursor_u8(c));
    case 0x8d:
    case 0x8e:
    case 0x96: /* BYTEARRAY8 */
        return push_bytes(m, OBJ_STRING, cursor_u64(c));
    case ')':
    case ']':
    case 0x8f: /* EMPTY_SET */
        return push_items(m, OBJ_TUPLE, NULL, 0);
    case 't':
    case 'l':
    case 0x91: /* FROZENSET */
        return push_marked(m, OBJ_TUPLE);
    case 0x85:
    case 0x86:
    case 0x87:
        return push_last(m, (size_t)m->op - 0x84);
    case '}':
        return push_items(m, OBJ_DICT, NULL, 0);
    case 'd':
        return push_marked(m, OBJ_DICT);
    case 'a':
        return few(m, 1, append);
    case 'e':
    case 0x90: /* ADDITEMS */
        return many(m, append);
    case 's':
        return few(m, 2, set_items);
    case 'u':
        return many(m, set_items);
    case 'c':
        return read_global(m);
    case 0x93:
        return read_stack_global(m);
    case 'R':
    case 0x81: /* NEWOBJ */
        return make_call(m, false);
    case 0x92: /* NEWOBJ_EX */
        return make_call(m, true);
    case 'b':
        return build(m);
    case 'Q':
        return persistent(m, pop(m));
    case 'q':
        return memo_put(m, cursor_u8(c));
    case 'r':
        return memo_put(m, cursor_u32(c));
    case 'p':
        return memo_text(m, memo_put);
    case 0x94:
        return memo_put(m, m->memoized);
    case 'h':
        return memo_get(m, cursor_u8(c));
    case 'j':
        return memo_get(m, cursor_u32(c));
    case 'g':
        return memo_text(m, memo_get);
    default:
        return bad(m, "is not one that PyTorch writes");
    }
}

int pickle_read(struct pickle *p, struct cursor *c, struct arena *a, struct err *e)
{
    struct machine m = { .c = c, .start = c->p, .a = a, .err = e };
    int rc = -1;

    *p = (struct pickle){ 0 };
    for (;;) {
        m.op = cursor_u8(c);
        if (c->bad) {
            err_set(e, "byte %zu: the pickle is cut off", (size_t)(c->p - m.start));
            goto out;
        }
        if (m.op == '.')
            break;
        if (step(&m) < 0)
            goto out;
    }
    p->root = pop(&m);
    if (p->root == NULL)
        goto out;
    p->nids = m.nids;
    if (m.nids > 0)
        p->ids = arena_copy(a, m.ids, m.nids * sizeof(struct obj *));
    rc = 0;
out:
    free(m.stack);
    free(m.memo);
    free(m.marks);
    free(m.ids);
    return rc;
}

/* ---- asking ---- */

bool obj_is(const struct obj *o, const char *global)
{
    if (o != NULL && o->kind == OBJ_CALL)
        o = o->callee;
    return o != NULL && o->kind == OBJ_GLOBAL && strcmp(o->s, global) == 0;
}

bool obj_is_string(const struct obj *o, const char *s)
{
    return o != NULL && o->kind == OBJ_STRING && o->n == strlen(s) && memcmp(o->s, s, o->n) == 0;
}

struct obj *obj_item(const struct obj *o, size_t i)
{
    return o != NULL && o->kind == OBJ_TUPLE && i < o->nitems ? o->items[i] : NULL;
}

struct obj *obj_dict(struct obj *o)
{
    if (o == NULL || o->kind == OBJ_DICT)
        return o;
    return o->kind == OBJ_CALL ? o->dict : NULL;
}

struct obj *obj_get(const struct obj *dict, const char *key)
{
    if (dict == NULL || dict->kind != OBJ_DICT)
        return NULL;
    for (size_t i = dict->nitems; i >= 2; i -= 2) /* the last one counts */
        if (obj_is_string(dict->items[i - 2], key))
            return dict->items[i - 1];
    return NULL;
}

bool obj_int(const struct obj *o, int64_t *i)
{
    if (o == NULL || (o->kind != OBJ_INT && o->kind != OBJ_BOOL))
        return false;
    *i = o->i;
    return true;
}
