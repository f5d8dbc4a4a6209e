/* math.c: elementwise operators, reductions, products.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tf/ops.h"

int tf_unary(struct import *c, int op)
{
    struct ref *x = tf_in(c, 0);

    if (x == NULL || tf_becomes(c, (enum op_id)op, 1, x->first ? &x->cf : &x->tf, x->first) < 0)
        return -1;
    tf_written(c)->spread = x->spread;
    return 0;
}

int tf_pass(struct import *c, int op)
{
    struct ref *x = tf_in(c, 0);

    return x != NULL && x->items != NULL ? tf_pass_all(c, op) : tf_unary(c, op);
}

/* IdentityN: output i is input i. */
int tf_pass_all(struct import *c, int op)
{
    (void)op;
    for (int i = 0; i < tf_nin(c->p); i++) {
        struct ref *r = tf_in(c, i);

        if (r == NULL)
            return -1;
        tf_alias(c, i, r);
    }
    return 0;
}

int tf_leaky(struct import *c, int op)
{
    struct ref *x = tf_in(c, 0);
    struct node *n;

    if (x == NULL)
        return -1;
    n = tf_node(c, (enum op_id)op, 1, x->first ? &x->cf : &x->tf);
    attr_set_float(c->m, n, "alpha", tf_float(c->p, "alpha", 0.2f));
    return tf_add(c, n, x->first);
}

int tf_relu6(struct import *c, int op)
{
    struct ref *x = tf_in(c, 0);

    if (x == NULL)
        return -1;
    if (tf_becomes(c, (enum op_id)op, 3,
                   (struct value *[]){ x->first ? x->cf : x->tf, tf_const_float(c, "min", 0),
                                       tf_const_float(c, "max", 6) },
                   x->first) < 0)
        return -1;
    tf_written(c)->spread = x->spread;
    return 0;
}

/* v, which broadcasts from the right against NHWC, against NCHW. */
static struct value *against_channels(struct import *c, struct ref *r, const char *what)
{
    int rank = r->cf != NULL ? 4 : tf_rank(c, r->tf);
    int64_t axes[4];
    struct value *v = r->tf;

    if (rank == 4)
        return tf_channels(c, r);
    if (rank == 0)
        return v;
    for (int i = 0; i < 4 - rank; i++)
        axes[i] = i;
    v = tf_two(c, OP_UNSQUEEZE, what, v, tf_const_ints(c, "axes", axes, 4 - rank));
    return tf_transposed(c, what, v, 4, (int64_t[]){ 0, 3, 1, 2 });
}

/* The operands in one order; whether that is channels first. -1: failed. */
static int align(struct import *c, int first, int n, struct value **v)
{
    bool cf = false;

    for (int i = 0; i < n; i++) {
        struct ref *r = tf_in(c, first + i);

        if (r == NULL)
            return -1;
        cf |= r->first;
    }
    for (int i = 0; i < n; i++) {
        struct ref *r = tf_in(c, first + i);
        int rank = r->cf != NULL ? 4 : tf_rank(c, r->tf);

        cf &= rank >= 0 && rank <= 4;
    }
    for (int i = 0; i < n; i++) {
        struct ref *r = tf_in(c, first + i);

        v[i] = cf ? against_channels(c, r, i == 0 ? "a" : "b") : tf_rows(c, r);
    }
    return cf;
}

int tf_binary(struct import *c, int op)
{
    struct value *v[2];
    struct spread *spread;
    int cf = align(c, 0, 2, v);

    if (cf < 0)
        return -1;
    spread = tf_in(c, 0)->spread != NULL ? tf_in(c, 0)->spread : tf_in(c, 1)->spread;
    if (tf_becomes(c, (enum op_id)op, 2, v, cf) < 0)
        return -1;
    tf_written(c)->spread = spread;
    return 0;
}

int tf_negated(struct import *c, int op) /* NotEqual */
{
    struct value *v[2], *x;
    int cf = align(c, 0, 2, v);

    if (cf < 0)
        return -1;
    x = tf_two(c, (enum op_id)op, "equal", v[0], v[1]);
    return tf_becomes(c, OP_NOT, 1, &x, cf);
}

int tf_addn(struct import *c, int op)
{
    int n = tf_nin(c->p), cf;
    struct value **v = arena_alloc(&c->m->arena, (size_t)n * sizeof(struct value *));

    cf = align(c, 0, n, v);
    return cf < 0 ? -1
                  : tf_becomes(c,
                               n == 1   ? OP_IDENTITY
                               : n == 2 ? OP_ADD
                                        : (enum op_id)op,
                               n, v, cf);
}

static struct value *like(struct import *c, const char *what, double x, const struct value *v)
{
    const char *name = arena_printf(&c->m->arena, "%s/%s", c->p->name, what);
    enum dtype t = infer_known(c->infer, v)->dtype;
    struct tensor one = { .dtype = t, .data = (uint64_t[1]){ 0 } };

    tensor_put(&one, 0, x);
    return constant_new(c->m, names_unique(&c->used, &c->m->arena, name), t, shape_of(0, NULL),
                        one.data);
}

static struct value *own(struct ref *x)
{
    return x->first ? x->cf : x->tf;
}

int tf_square(struct import *c, int op)
{
    struct ref *x = tf_in(c, 0);

    return x == NULL
               ? -1
               : tf_becomes(c, (enum op_id)op, 2, (struct value *[]){ own(x), own(x) }, x->first);
}

int tf_squared_difference(struct import *c, int op)
{
    struct value *v[2];
    int cf = align(c, 0, 2, v);

    if (cf < 0)
        return -1;
    v[0] = v[1] = tf_two(c, OP_SUB, "difference", v[0], v[1]);
    return tf_becomes(c, (enum op_id)op, 2, v, cf);
}

int tf_rsqrt(struct import *c, int op)
{
    struct ref *x = tf_in(c, 0);
    struct value *v;

    if (x == NULL)
        return -1;
    v = own(x);
    v = tf_made(c, OP_SQRT, "sqrt", 1, &v);
    return tf_becomes(c, (enum op_id)op, 1, &v, x->first);
}

/* a / b, 0 where b is 0 */
int tf_div_no_nan(struct import *c, int op)
{
    struct value *v[2], *zero, *none;
    int cf = align(c, 0, 2, v);

    if (cf < 0)
        return -1;
    zero = like(c, "zero", 0, v[0]);
    none = tf_two(c, OP_EQUAL, "none", v[1], zero);
    return tf_becomes(c, (enum op_id)op, 3,
                      (struct value *[]){ none, zero, tf_two(c, OP_DIV, "quotient", v[0], v[1]) },
                      cf);
}

/* Rounds towards minus infinity; integers have a Div that truncates. */
int tf_floor_div(struct import *c, int op)
{
    struct value *v[2], *q;
    int cf = align(c, 0, 2, v);

    if (cf < 0)
        return -1;
    if (dtype_is_float(infer_known(c->infer, v[0])->dtype)) {
        q = tf_two(c, OP_DIV, "quotient", v[0], v[1]);
        return tf_becomes(c, (enum op_id)op, 1, &q, cf);
    }
    q = tf_two(c, OP_MOD, "rest", v[0], v[1]); /* with the divisor's sign */
    q = tf_two(c, OP_SUB, "whole", v[0], q);
    return tf_becomes(c, OP_DIV, 2, (struct value *[]){ q, v[1] }, cf);
}

/* x - floor(x / y) y: the divisor's sign, as ONNX's integer Mod */
int tf_floor_mod(struct import *c, int op)
{
    struct value *v[2], *q;
    int cf = align(c, 0, 2, v);

    if (cf < 0)
        return -1;
    if (!dtype_is_float(infer_known(c->infer, v[0])->dtype))
        return tf_becomes(c, (enum op_id)op, 2, v, cf);
    q = tf_two(c, OP_DIV, "quotient", v[0], v[1]);
    q = tf_made(c, OP_FLOOR, "floor", 1, &q);
    q = tf_two(c, OP_MUL, "whole", q, v[1]);
    return tf_becomes(c, OP_SUB, 2, (struct value *[]){ v[0], q }, cf);
}

int tf_clip(struct import *c, int op)
{
    struct ref *x = tf_in(c, 0);
    struct value *low = tf_arg(c, 1), *high = tf_arg(c, 2), *v;

    if (x == NULL || low == NULL || high == NULL)
        return -1;
    if (tf_rank(c, low) == 0 && tf_rank(c, high) == 0)
        return tf_becomes(c, (enum op_id)op, 3, (struct value *[]){ own(x), low, high }, x->first);
    v = tf_two(c, OP_MIN, "min", tf_rows(c, x), high);
    return tf_becomes(c, OP_MAX, 2, (struct value *[]){ v, low }, false);
}

int tf_cast(struct import *c, int op)
{
    struct ref *x = tf_in(c, 0);
    enum dtype t = tf_dtype(tf_type(c->p, "DstT", 0));
    struct node *n;

    if (x == NULL)
        return -1;
    if (t == DT_NONE)
        return tf_issue(c, "to type %s", tf_type_name(tf_type(c->p, "DstT", 0)));
    n = tf_node(c, (enum op_id)op, 1, x->first ? &x->cf : &x->tf);
    attr_set_int(c->m, n, "to", t);
    return tf_add(c, n, x->first);
}

/* SelectV2 broadcasts; Select's condition may be a vector over dim 0. */
int tf_select(struct import *c, int op)
{
    struct value *v[3];
    int rank, vector;

    for (int i = 0; i < 3; i++)
        if ((v[i] = tf_arg(c, i)) == NULL)
            return -1;
    rank = tf_rank(c, v[1]);
    vector = tf_rank(c, v[0]);
    if (strcmp(c->p->op, "Select") == 0 && vector == 1 && rank > 1) {
        int64_t axes[RANK_MAX];

        for (int i = 1; i < rank; i++)
            axes[i - 1] = i;
        v[0] = tf_two(c, OP_UNSQUEEZE, "condition", v[0], tf_const_ints(c, "axes", axes, rank - 1));
    }
    return tf_becomes(c, (enum op_id)op, 3, v, false);
}

int tf_zeros_like(struct import *c, int op)
{
    struct ref *x = tf_in(c, 0);

    if (x == NULL)
        return -1;
    return tf_becomes(c, (enum op_id)op, 2,
                      (struct value *[]){ own(x), like(c, "zero", 0, own(x)) }, x->first);
}

/* Operators over the last dim. */
int tf_softmax(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0);
    struct node *n;

    if (x == NULL)
        return -1;
    n = tf_node(c, (enum op_id)op, 1, &x);
    attr_set_int(c->m, n, "axis", -1);
    return tf_add(c, n, false);
}

/* ---- reductions: (x, axes), keep_dims ---- */

static bool spatial_axes(const int64_t *axes, int n)
{
    return n == 2 && ((axes[0] == 1 && axes[1] == 2) || (axes[0] == 2 && axes[1] == 1));
}

int tf_reduce(struct import *c, int op)
{
    struct ref *x = tf_in(c, 0);
    bool keep = tf_bool(c->p, "keep_dims", false);
    static const int64_t channels_first[] = { 0, 2, 3, 1 };
    int64_t axes[RANK_MAX];
    int n, rank;
    struct node *node;
    struct value *v;

    if (x == NULL)
        return -1;
    if (!tf_ints(c, 1, axes, RANK_MAX, &n))
        return c->failed ? -1 : 0;
    rank = x->cf != NULL ? 4 : tf_rank(c, x->tf);
    for (int i = 0; i < n; i++) {
        if (rank >= 0 && axes[i] < 0)
            axes[i] += rank;
        if (rank >= 0 && (axes[i] < 0 || axes[i] >= rank))
            return tf_fail(c, "axis %lld of a tensor of rank %d", (long long)axes[i], rank);
    }
    if (n == 0)
        return tf_pass(c, OP_IDENTITY);
    if (x->first && op == OP_REDUCEMEAN && spatial_axes(axes, n)) { /* has integer kernels */
        if (keep)
            return tf_becomes(c, OP_GLOBALAVERAGEPOOL, 1, &x->cf, true);
        v = tf_made(c, OP_GLOBALAVERAGEPOOL, "pool", 1, &x->cf);
        return tf_becomes(c, OP_SQUEEZE, 2,
                          (struct value *[]){ v, tf_const_ints(c, "axes", (int64_t[]){ 2, 3 }, 2) },
                          false);
    }
    if (x->first && keep)
        for (int i = 0; i < n; i++)
            axes[i] = channels_first[axes[i]];
    v = tf_const_ints(c, "axes", axes, n);
    node = tf_node(c, (enum op_id)op, 2,
                   (struct value *[]){ x->first && keep ? x->cf : tf_rows(c, x), v });
    attr_set_int(c->m, node, "keepdims", keep);
    if (op != OP_REDUCESUM) { /* whose axes are an input at opset 17 */
        attr_set_ints(c->m, node, "axes", axes, n);
        node->nin = 1;
    }
    return tf_add(c, node, x->first && keep);
}

/* All and Any: over 0 and 1. */
int tf_reduce_bool(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0);
    int64_t axes[RANK_MAX];
    struct node *n;
    int count;

    if (x == NULL)
        return -1;
    if (!tf_ints(c, 1, axes, RANK_MAX, &count))
        return c->failed ? -1 : 0;
    n = tf_inner(c, OP_CAST, "integers", 1, &x);
    attr_set_int(c->m, n, "to", DT_I32);
    if (tf_insert(c, n) < 0)
        return -1;
    n = tf_inner(c, (enum op_id)op, "reduced", 1, n->out);
    attr_set_ints(c->m, n, "axes", axes, count);
    attr_set_int(c->m, n, "keepdims", tf_bool(c->p, "keep_dims", false));
    if (tf_insert(c, n) < 0)
        return -1;
    x = n->out[0];
    n = tf_node(c, OP_CAST, 1, &x);
    attr_set_int(c->m, n, "to", DT_BOOL);
    return tf_add(c, n, false);
}

int tf_arg_extreme(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0), *y;
    enum dtype out = tf_dtype(tf_type(c->p, "output_type", 9));
    int64_t axis = 0;
    struct node *n;
    int count;

    if (x == NULL)
        return -1;
    if (tf_nin(c->p) > 1 && !tf_ints(c, 1, &axis, 1, &count))
        return c->failed ? -1 : 0;
    n = out == DT_I64 ? tf_node(c, (enum op_id)op, 1, &x)
                      : tf_inner(c, (enum op_id)op, "index", 1, &x);
    attr_set_int(c->m, n, "axis", axis);
    attr_set_int(c->m, n, "keepdims", 0);
    if (out == DT_I64)
        return tf_add(c, n, false);
    if (tf_insert(c, n) < 0)
        return -1;
    y = n->out[0];
    n = tf_node(c, OP_CAST, 1, &y);
    attr_set_int(c->m, n, "to", out);
    return tf_add(c, n, false);
}

/* ---- products ---- */

/* The last two dims swapped. */
static struct value *swapped(struct import *c, const char *what, struct value *v)
{
    int rank = tf_rank(c, v);
    int64_t perm[RANK_MAX];

    for (int i = 0; i < rank; i++)
        perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    return tf_transposed(c, what, v, rank, perm);
}

int tf_matmul(struct import *c, int op)
{
    bool batch = strncmp(c->p->op, "Batch", 5) == 0;
    bool ta = tf_bool(c->p, batch ? "adj_x" : "transpose_a", false),
         tb = tf_bool(c->p, batch ? "adj_y" : "transpose_b", false);
    struct value *a = tf_arg(c, 0), *b = tf_arg(c, 1);

    if (a == NULL || b == NULL)
        return -1;
    if ((ta && tf_rank(c, a) < 2) || (tb && tf_rank(c, b) < 2))
        return tf_fail(c, "an operand that is no matrix");
    a = ta ? swapped(c, "a", a) : a;
    b = tb ? swapped(c, "b", b) : b;
    return tf_becomes(c, (enum op_id)op, 2, (struct value *[]){ a, b }, false);
}

int tf_einsum(struct import *c, int op)
{
    const Tensorflow__AttrValue *a = tf_attr(c->p, "equation");
    int n = tf_nin(c->p);
    struct value **v = arena_alloc(&c->m->arena, (size_t)n * sizeof(struct value *));
    struct node *node;

    for (int i = 0; i < n; i++)
        if ((v[i] = tf_arg(c, i)) == NULL)
            return -1;
    if (a == NULL || !a->has_s)
        return tf_fail(c, "no equation");
    node = tf_node(c, (enum op_id)op, n, v);
    attr_set_string(c->m, node, "equation",
                    arena_strndup(&c->m->arena, (const char *)a->s.data, a->s.len));
    return tf_add(c, node, false);
}

int tf_cumsum(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0), *axis = tf_arg(c, 1);
    struct node *n;

    if (x == NULL || axis == NULL)
        return -1;
    n = tf_node(c, (enum op_id)op, 2, (struct value *[]){ x, axis });
    attr_set_int(c->m, n, "exclusive", tf_bool(c->p, "exclusive", false));
    attr_set_int(c->m, n, "reverse", tf_bool(c->p, "reverse", false));
    return tf_add(c, n, false);
}
