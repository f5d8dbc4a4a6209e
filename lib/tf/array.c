/* array.c: operators that shape, move, join and take apart.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tf/ops.h"

/* The axis of a channels-first tensor that axis i of NHWC is. */
static const int64_t channels_first[] = { 0, 2, 3, 1 };

static struct value *as_i64(struct import *c, struct value *v, const char *what)
{
    struct node *n;

    if (infer_known(c->infer, v)->dtype == DT_I64)
        return v;
    n = tf_inner(c, OP_CAST, what, 1, &v);
    attr_set_int(c->m, n, "to", DT_I64);
    tf_insert(c, n);
    return n->out[0];
}

/* Input i as ONNX wants shapes and indices: int64, a constant where the numbers are certain. */
static struct value *i64_arg(struct import *c, int i, const char *what)
{
    struct value *v = tf_arg(c, i);
    const struct tensor *t = v == NULL ? NULL : infer_known(c->infer, v);
    int64_t n = t == NULL ? -1 : shape_count(&t->shape), list[64];

    if (v == NULL)
        return NULL;
    if (t->data == NULL || t->shape.rank != 1 || n < 0 || n > 64 ||
        (c->free_batch && v->constant == NULL))
        return as_i64(c, v, what);
    for (int k = 0; k < (int)n; k++)
        list[k] = tensor_get_int(t, (size_t)k);
    return tf_const_ints(c, what, list, (int)n);
}

/* An axis that input i holds, or -1: noted or failed. */
static int axis_arg(struct import *c, int i, int rank)
{
    int64_t axis;
    int n;

    if (!tf_ints(c, i, &axis, 1, &n))
        return -1;
    if (n != 1)
        return tf_fail(c, "input %d holds no axis", i);
    if (axis < -rank || axis >= rank)
        return tf_fail(c, "axis %lld of a tensor of rank %d", (long long)axis, rank);
    return (int)(axis < 0 ? axis + rank : axis);
}

int tf_reshape(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0), *shape = x == NULL ? NULL : i64_arg(c, 1, "shape");
    struct node *n;

    if (shape == NULL)
        return -1;
    n = tf_node(c, (enum op_id)op, 2, (struct value *[]){ x, shape });
    attr_set_int(c->m, n, "allowzero", 1);
    return tf_add(c, n, false);
}

int tf_squeeze(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0);
    int64_t axes[RANK_MAX];
    int n = tf_list(c->p, "squeeze_dims", axes, RANK_MAX);

    if (x == NULL)
        return -1;
    if (n == 0)
        return tf_becomes(c, (enum op_id)op, 1, &x, false);
    return tf_becomes(
        c, (enum op_id)op, 2,
        (struct value *[]){ x, tf_const_ints(c, "axes", axes, n > RANK_MAX ? RANK_MAX : n) },
        false);
}

int tf_expand_dims(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0);
    int64_t axis;
    int n;

    if (x == NULL)
        return -1;
    if (!tf_ints(c, 1, &axis, 1, &n))
        return c->failed ? -1 : 0;
    return tf_becomes(c, (enum op_id)op, 2,
                      (struct value *[]){ x, tf_const_ints(c, "axes", &axis, 1) }, false);
}

/* Concat has its axis first, ConcatV2 last. */
int tf_concat(struct import *c, int op)
{
    bool first = strcmp(c->p->op, "Concat") == 0, cf = false;
    int n = tf_nin(c->p) - 1, from = first ? 1 : 0, axis, rank = -1;
    struct value **v = arena_alloc(&c->m->arena, (size_t)n * sizeof(struct value *));
    struct node *node;

    for (int i = 0; i < n; i++) {
        struct ref *r = tf_in(c, from + i);

        if (r == NULL)
            return -1;
        cf |= r->first;
        rank = r->cf != NULL ? 4 : tf_rank(c, r->tf);
    }
    if (rank < 0)
        return tf_issue(c, "the ranks are not known");
    axis = axis_arg(c, first ? 0 : n, rank);
    if (axis < 0)
        return c->failed ? -1 : 0;
    for (int i = 0; i < n; i++)
        v[i] = cf ? tf_channels(c, tf_in(c, from + i)) : tf_arg(c, from + i);
    node = tf_node(c, (enum op_id)op, n, v);
    attr_set_int(c->m, node, "axis", cf ? channels_first[axis] : axis);
    return tf_add(c, node, cf);
}

static int outputs(struct import *c, struct node *n, int nout)
{
    tf_widen(c, n, nout);
    return tf_add(c, n, false);
}

/* Split(axis, x), SplitV(x, sizes, axis) */
int tf_split(struct import *c, int op)
{
    bool sizes = strcmp(c->p->op, "SplitV") == 0;
    struct value *x = tf_arg(c, sizes ? 0 : 1), *parts = NULL;
    int64_t nout = tf_int(c->p, "num_split", 0), size[1024], total = 0;
    const struct shape *s;
    struct node *n;
    int axis, count;

    if (x == NULL)
        return -1;
    s = tf_dims(c, x);
    if (s->rank < 1)
        return tf_issue(c, "the rank is not known");
    axis = axis_arg(c, sizes ? 2 : 0, s->rank);
    if (axis < 0)
        return c->failed ? -1 : 0;
    if (nout < 1 || nout > 1024)
        return tf_fail(c, "num_split is %lld", (long long)nout);
    if (sizes) {
        if (!tf_ints(c, 1, size, 1024, &count))
            return c->failed ? -1 : 0;
        if (count != nout)
            return tf_fail(c, "%d sizes for %lld outputs", count, (long long)nout);
        for (int i = 0; i < count; i++) {
            if (size[i] > (int64_t)1 << 40)
                return tf_fail(c, "a part of %lld", (long long)size[i]);
            total += size[i] < 0 ? 0 : size[i];
        }
        for (int i = 0; i < count; i++)
            size[i] = size[i] < 0 ? s->dim[axis] - total : size[i];
    } else {
        if (s->dim[axis] < 0 || s->dim[axis] % nout != 0)
            return tf_fail(c, "dim %d does not split in %lld", axis, (long long)nout);
        for (int i = 0; i < nout; i++)
            size[i] = s->dim[axis] / nout;
    }
    parts = tf_const_ints(c, "sizes", size, (int)nout);
    n = tf_node(c, (enum op_id)op, 2, (struct value *[]){ x, parts });
    attr_set_int(c->m, n, "axis", axis);
    return outputs(c, n, (int)nout);
}

int tf_stacked(struct import *c, int n, struct value *const *v, int64_t axis)
{
    struct value **parts = arena_alloc(&c->m->arena, (size_t)n * sizeof(struct value *)),
                 *axes = tf_const_ints(c, "axes", &axis, 1);
    struct node *node;

    for (int i = 0; i < n; i++)
        parts[i] = tf_two(c, OP_UNSQUEEZE, arena_printf(&c->m->arena, "part%d", i), v[i], axes);
    node = tf_node(c, OP_CONCAT, n, parts);
    attr_set_int(c->m, node, "axis", axis);
    return tf_add(c, node, false);
}

int tf_pack(struct import *c, int op)
{
    int n = tf_nin(c->p);
    struct value **v = arena_alloc(&c->m->arena, (size_t)n * sizeof(struct value *));

    (void)op;
    for (int i = 0; i < n; i++)
        if ((v[i] = tf_arg(c, i)) == NULL)
            return -1;
    return tf_stacked(c, n, v, tf_int(c->p, "axis", 0));
}

int tf_unpack(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0), *axes;
    int64_t axis = tf_int(c->p, "axis", 0), num = tf_int(c->p, "num", 0);
    struct node *split, *n;

    if (x == NULL)
        return -1;
    if (num < 1 || num > 1024)
        return tf_fail(c, "num is %lld", (long long)num);
    axes = tf_const_ints(c, "axes", &axis, 1);
    split = tf_inner(c, (enum op_id)op, "parts", 1, &x);
    tf_widen(c, split, (int)num);
    attr_set_int(c->m, split, "axis", axis);
    if (tf_insert(c, split) < 0)
        return -1;
    for (int i = 0; i < num; i++) {
        struct ref *r = arena_alloc(&c->m->arena, sizeof *r);

        n = i == 0 ? tf_node(c, OP_SQUEEZE, 2, (struct value *[]){ split->out[0], axes })
                   : tf_inner(c, OP_SQUEEZE, arena_printf(&c->m->arena, "item%d", i), 2,
                              (struct value *[]){ split->out[i], axes });
        if (tf_insert(c, n) < 0)
            return -1;
        r->tf = n->out[0];
        tf_alias(c, i, r);
    }
    return 0;
}

/* (x, int64 list) */
int tf_listed(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0), *list = x == NULL ? NULL : i64_arg(c, 1, "list");

    return list == NULL ? -1
                        : tf_becomes(c, (enum op_id)op, 2, (struct value *[]){ x, list }, false);
}

int tf_transpose(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0);
    int64_t perm[RANK_MAX];
    struct node *node;
    int n;

    if (x == NULL)
        return -1;
    if (!tf_ints(c, 1, perm, RANK_MAX, &n))
        return c->failed ? -1 : 0;
    node = tf_node(c, (enum op_id)op, 1, &x);
    attr_set_ints(c->m, node, "perm", perm, n);
    return tf_add(c, node, false);
}

int tf_gather(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0), *index = tf_arg(c, 1);
    int axis = 0, rank;
    struct node *n;

    if (x == NULL || index == NULL)
        return -1;
    rank = tf_rank(c, x);
    if (tf_int(c->p, "batch_dims", 0) != 0)
        return tf_issue(c, "batch_dims is not 0");
    if (tf_nin(c->p) > 2 && (axis = axis_arg(c, 2, rank < 0 ? RANK_MAX : rank)) < 0)
        return c->failed ? -1 : 0;
    n = tf_node(c, (enum op_id)op, 2, (struct value *[]){ x, index });
    attr_set_int(c->m, n, "axis", axis);
    return tf_add(c, n, false);
}

int tf_gather_nd(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0), *index = x == NULL ? NULL : tf_arg(c, 1);

    return index == NULL ? -1
                         : tf_becomes(c, (enum op_id)op, 2,
                                      (struct value *[]){ x, as_i64(c, index, "index") }, false);
}

/* Fill(dims, value) */
int tf_fill(struct import *c, int op)
{
    struct value *shape = i64_arg(c, 0, "dims"), *x = shape == NULL ? NULL : tf_arg(c, 1);

    return x == NULL ? -1 : tf_becomes(c, (enum op_id)op, 2, (struct value *[]){ x, shape }, false);
}

int tf_range(struct import *c, int op)
{
    struct value *v[3];

    for (int i = 0; i < 3; i++)
        if ((v[i] = tf_arg(c, i)) == NULL)
            return -1;
    return tf_becomes(c, (enum op_id)op, 3, v, false);
}

/* A small integer result that is known now. */
static int constant(struct import *c, enum dtype dtype, int rank, const int64_t *v, int n)
{
    struct tensor t = { .dtype = dtype, .shape = { .rank = rank, .dim = { n } } };
    struct ref *r = arena_alloc(&c->m->arena, sizeof *r);
    uint64_t bytes[RANK_MAX + 1];

    t.data = bytes;
    for (int i = 0; i < n; i++)
        tensor_put_int(&t, (size_t)i, v[i]);
    r->tf =
        constant_new(c->m, names_unique(&c->used, &c->m->arena, c->p->name), dtype, t.shape, bytes);
    tf_alias(c, 0, r);
    return 0;
}

int tf_shape_of(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0), *y;
    enum dtype out = tf_dtype(tf_type(c->p, "out_type", 3));
    const struct shape *s = x == NULL ? NULL : tf_dims(c, x);
    struct node *n;

    if (s == NULL)
        return -1;
    if (shape_known(s) && (!c->free_batch || x->constant != NULL)) {
        int64_t count = shape_count(s);

        return op == OP_SHAPE ? constant(c, out, 1, s->dim, s->rank)
                              : constant(c, out, 0, &count, 1);
    }
    y = tf_made(c, (enum op_id)op, "int64", 1, &x);
    n = tf_node(c, OP_CAST, 1, &y);
    attr_set_int(c->m, n, "to", out);
    return tf_add(c, n, false);
}

int tf_rank_of(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0);
    int64_t rank = x == NULL ? -1 : tf_rank(c, x);

    (void)op;
    if (x != NULL && rank < 0)
        return tf_issue(c, "the rank is not known");
    return x == NULL ? -1 : constant(c, DT_I32, 0, &rank, 1);
}

/* (indices, depth, on, off) */
int tf_one_hot(struct import *c, int op)
{
    struct value *v[4], *values, *zero;
    int64_t axis = tf_int(c->p, "axis", -1), none = 0;
    struct node *n;

    for (int i = 0; i < 4; i++)
        if ((v[i] = tf_arg(c, i)) == NULL)
            return -1;
    zero = tf_const_ints(c, "axes", &none, 1);
    n = tf_inner(c, OP_CONCAT, "values", 2,
                 (struct value *[]){ tf_two(c, OP_UNSQUEEZE, "off", v[3], zero),
                                     tf_two(c, OP_UNSQUEEZE, "on", v[2], zero) });
    attr_set_int(c->m, n, "axis", 0);
    if (tf_insert(c, n) < 0)
        return -1;
    values = n->out[0];
    n = tf_node(c, (enum op_id)op, 3, (struct value *[]){ v[0], v[1], values });
    attr_set_int(c->m, n, "axis", axis);
    return tf_add(c, n, false);
}

int tf_topk(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0), *k, *index;
    struct ref *r = arena_alloc(&c->m->arena, sizeof *r);
    int64_t count = tf_int(c->p, "k", 0);
    struct node *n;
    int one;

    if (x == NULL)
        return -1;
    if (tf_nin(c->p) > 1 && !tf_ints(c, 1, &count, 1, &one))
        return c->failed ? -1 : 0;
    k = tf_const_ints(c, "k", &count, 1);
    n = tf_node(c, (enum op_id)op, 2, (struct value *[]){ x, k });
    attr_set_int(c->m, n, "axis", -1);
    if (outputs(c, n, 2) < 0)
        return -1;
    index = n->out[1];
    n = tf_inner(c, OP_CAST, "index", 1, &index);
    attr_set_int(c->m, n, "to", tf_dtype(tf_type(c->p, "index_type", 3)));
    if (tf_insert(c, n) < 0)
        return -1;
    r->tf = n->out[0];
    tf_alias(c, 1, r);
    return 0;
}

int tf_where(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0);

    if (x == NULL)
        return -1;
    x = tf_made(c, (enum op_id)op, "index", 1, &x);
    x = tf_transposed(c, "transposed", x, 2, (int64_t[]){ 1, 0 });
    return tf_becomes(c, OP_IDENTITY, 1, &x, false);
}

/* Block-major, as ONNX's DCR. */
int tf_depth(struct import *c, int op)
{
    int64_t size = tf_int(c->p, "block_size", 0);
    struct ref *r = tf_in(c, 0);
    struct node *n;

    if (r == NULL)
        return -1;
    if (!tf_is(c->p, "data_format", "NHWC", "NHWC"))
        return tf_issue(c, "data_format is not NHWC");
    if (!r->first && tf_rank(c, r->tf) != 4)
        return tf_fail(c, "an input that has not 4 dims");
    if (size < 1 || size > TF_SIZE_MAX)
        return tf_fail(c, "block_size is %lld", (long long)size);
    n = tf_node(c, (enum op_id)op, 1, (struct value *[]){ tf_channels(c, r) });
    attr_set_int(c->m, n, "blocksize", size);
    if (op == OP_DEPTHTOSPACE)
        attr_set_string(c->m, n, "mode", "DCR");
    return tf_add(c, n, true);
}
