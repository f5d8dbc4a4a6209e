/* pickle.h: Python's pickles (protocols 0 to 5) as a tree of plain data.
 *
 * Nothing in a pickle is ever called: a GLOBAL stays the two names that it is, and what REDUCE, NEWOBJ
 * and BUILD would have made stays the name of its class, its arguments and its state. Objects may
 * contain themselves: whoever walks them marks where he has been.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TORCH_PICKLE_H
#define TORCH_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/err.h"
#include "base/mem.h"

enum obj_kind {
    OBJ_NONE,
    OBJ_BOOL,       /* i */
    OBJ_INT,        /* i */
    OBJ_BIG,        /* an integer beyond 64 bits: s and n, little-endian */
    OBJ_FLOAT,      /* f */
    OBJ_STRING,     /* s and n, also bytes; a NUL that n does not count follows */
    OBJ_TUPLE,      /* items; also a list, a set */
    OBJ_DICT,       /* items: key, value, key, value, … */
    OBJ_GLOBAL,     /* s: "module.name" */
    OBJ_CALL,       /* callee, args, state; items were appended, dict holds items that were set */
    OBJ_PERSISTENT, /* args: the id */
};

struct obj {
    enum obj_kind kind;
    bool seen; /* for who walks */
    int64_t i;
    double f;
    const char *s;
    size_t n, nitems, capitems;
    struct obj **items;
    struct obj *callee, *args, *state, *dict;
};

struct pickle {
    struct obj *root;
    struct obj **ids; /* every OBJ_PERSISTENT */
    size_t nids;
};
/* Reads one pickle and leaves the cursor behind it. Everything lives in the arena. */
int pickle_read(struct pickle *p, struct cursor *c, struct arena *a, struct err *e);

bool obj_is(const struct obj *o, const char *global); /* this GLOBAL, or made by it */
bool obj_is_string(const struct obj *o, const char *s);
/* Item i of a tuple or list with more items than that, else NULL. */
struct obj *obj_item(const struct obj *o, size_t i);
/* The dict that it is, or that holds what was set on it; NULL if none. */
struct obj *obj_dict(struct obj *o);
/* What a dict has under this name, or NULL. */
struct obj *obj_get(const struct obj *dict, const char *key);
bool obj_int(const struct obj *o, int64_t *i);

#endif
