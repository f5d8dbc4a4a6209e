/* slice.c: what is cut out of a tensor, and what is put around it.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tf/ops.h"

/* The axis of a channels-first tensor that axis i of NHWC is. */
static const int64_t channels_first[] = { 0, 2, 3, 1 };

/* Mirrored with the edge: rows gathered by index along each padded axis. */
static int pad_symmetric(struct import *c, struct value *x, const int64_t *pads, int rank, bool cf)
{
    for (int axis = 0; axis < rank; axis++) {
        int64_t before = pads[axis], after = pads[rank + axis], size = tf_dims(c, x)->dim[axis];
        struct node *n;
        int64_t *index;

        if (before == 0 && after == 0)
            continue;
        if (size < 0)
            return tf_issue(c, "the size is not known");
        if (before < 0 || after < 0 || before > size || after > size)
            return tf_fail(c, "paddings of %lld and %lld at a dim of %lld", (long long)before,
                           (long long)after, (long long)size);
        index = arena_alloc(&c->m->arena, (size_t)(before + size + after) * sizeof *index);
        for (int64_t i = 0; i < before + size + after; i++) {
            int64_t at = i - before;

            index[i] = at < 0 ? -at - 1 : at >= size ? 2 * size - 1 - at : at;
        }
        n = tf_inner(c, OP_GATHER, "mirrored", 2,
                     (struct value *[]){
                         x, tf_const_ints(c, "index", index, (int)(before + size + after)) });
        attr_set_int(c->m, n, "axis", axis);
        if (tf_insert(c, n) < 0)
            return -1;
        x = n->out[0];
    }
    return tf_becomes(c, OP_IDENTITY, 1, &x, cf);
}

/* Pad, PadV2 (with a value), MirrorPad; paddings are [rank, 2]. */
int tf_pad(struct import *c, int op)
{
    struct ref *x = tf_in(c, 0);
    bool mirror = strcmp(c->p->op, "MirrorPad") == 0,
         symmetric = tf_is(c->p, "mode", "SYMMETRIC", "REFLECT"), cf;
    int64_t v[2 * RANK_MAX], pads[2 * RANK_MAX] = { 0 };
    struct value *in[3], *value = NULL;
    struct node *n;
    int count, rank;

    if (x == NULL || (tf_nin(c->p) > 2 && (value = tf_arg(c, 2)) == NULL))
        return -1;
    if (!tf_ints(c, 1, v, 2 * RANK_MAX, &count))
        return c->failed ? -1 : 0;
    rank = count / 2;
    cf = x->first && rank == 4;
    for (int i = 0; i < rank; i++) {
        int at = cf ? (int)channels_first[i] : i;

        pads[at] = v[2 * i];
        pads[rank + at] = v[2 * i + 1];
    }
    in[0] = cf ? x->cf : tf_rows(c, x);
    if (mirror && symmetric)
        return pad_symmetric(c, in[0], pads, rank, cf);
    in[1] = tf_const_ints(c, "pads", pads, 2 * rank);
    in[2] = value;
    n = tf_node(c, (enum op_id)op, value == NULL ? 2 : 3, in);
    if (mirror)
        attr_set_string(c->m, n, "mode", "reflect");
    return tf_add(c, n, cf);
}

int tf_slice(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0);
    int64_t begin[RANK_MAX], size[RANK_MAX];
    int n, m;

    if (x == NULL)
        return -1;
    if (!tf_ints(c, 1, begin, RANK_MAX, &n) || !tf_ints(c, 2, size, RANK_MAX, &m))
        return c->failed ? -1 : 0;
    if (n != m)
        return tf_fail(c, "%d begins and %d sizes", n, m);
    for (int i = 0; i < n; i++)
        size[i] = size[i] < 0 || begin[i] > INT64_MAX - size[i] ? INT64_MAX : begin[i] + size[i];
    return tf_becomes(c, (enum op_id)op, 3,
                      (struct value *[]){ x, tf_const_ints(c, "begin", begin, n),
                                          tf_const_ints(c, "end", size, n) },
                      false);
}

/* What a StridedSlice asks for, dim by dim. */
struct cuts {
    int n, nshrunk, nadded;
    int64_t axes[RANK_MAX], begin[RANK_MAX], end[RANK_MAX], step[RANK_MAX];
    int64_t shrunk[RANK_MAX]; /* dims of one index, which go */
    int64_t added[RANK_MAX];  /* new dims of the result */
};

/* Begin, end and stride as the attributes qualify them. */
struct slice_spec {
    int n;
    int64_t begin[32], end[32], step[32];
    int64_t no_begin, no_end, ellipsis, added, shrunk; /* masks, bit i for entry i */
};

static bool bit(int64_t mask, int i)
{
    return mask >> i & 1;
}

/* 1, or 0 where that is noted, or -1. */
static int read_spec(struct import *c, struct slice_spec *s)
{
    int nend, nstep;

    if (!tf_ints(c, 1, s->begin, 32, &s->n) || !tf_ints(c, 2, s->end, 32, &nend) ||
        !tf_ints(c, 3, s->step, 32, &nstep))
        return c->failed ? -1 : 0;
    if (s->n != nend || s->n != nstep)
        return tf_fail(c, "%d begins, %d ends and %d strides", s->n, nend, nstep);
    s->no_begin = tf_int(c->p, "begin_mask", 0);
    s->no_end = tf_int(c->p, "end_mask", 0);
    s->ellipsis = tf_int(c->p, "ellipsis_mask", 0);
    s->added = tf_int(c->p, "new_axis_mask", 0);
    s->shrunk = tf_int(c->p, "shrink_axis_mask", 0);
    return 1;
}

/* Entry i speaks of dim `axis`. */
static void cut(struct cuts *k, const struct slice_spec *s, int i, int axis)
{
    int64_t from = s->begin[i], to = s->end[i];
    bool back = s->step[i] < 0, one = bit(s->shrunk, i);

    if (one)
        k->shrunk[k->nshrunk++] = axis;
    if (!one && bit(s->no_begin, i))
        from = back ? INT64_MAX : 0;
    if (!one && bit(s->no_end, i))
        to = back ? INT64_MIN : INT64_MAX;
    if (one)
        to = from == -1 || from == INT64_MAX ? INT64_MAX : from + 1;
    k->axes[k->n] = axis;
    k->begin[k->n] = from;
    k->end[k->n] = to;
    k->step[k->n++] = one ? 1 : s->step[i];
}

/* Bits count entries, not dims: an ellipsis stands for as many dims as are left. */
static int find_cuts(struct import *c, const struct slice_spec *s, int rank, struct cuts *k)
{
    int named = 0, dim = 0, out = 0;
    bool seen = false;

    for (int i = 0; i < s->n; i++)
        named += !bit(s->added, i) && !bit(s->ellipsis, i);
    if (named > rank)
        return tf_fail(c, "%d entries for a tensor of rank %d", named, rank);
    for (int i = 0; i < s->n; i++) {
        if (bit(s->ellipsis, i)) {
            if (seen)
                return tf_fail(c, "two ellipses");
            seen = true;
            dim += rank - named;
            out += rank - named;
        } else if (bit(s->added, i)) {
            if (k->nadded == RANK_MAX)
                return tf_fail(c, "too many new axes");
            k->added[k->nadded++] = out++;
        } else {
            out += !bit(s->shrunk, i);
            cut(k, s, i, dim++);
        }
    }
    return 0;
}

int tf_strided_slice(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0);
    struct slice_spec s;
    struct cuts k = { 0 };
    int rank, rc;

    if (x == NULL)
        return -1;
    rc = read_spec(c, &s);
    if (rc <= 0)
        return rc;
    rank = tf_rank(c, x);
    if (rank < 0)
        return tf_issue(c, "the rank is not known");
    if (find_cuts(c, &s, rank, &k) < 0)
        return -1;
    if (k.n > 0)
        x = tf_made(c, (enum op_id)op, "slice", 5,
                    (struct value *[]){ x, tf_const_ints(c, "begin", k.begin, k.n),
                                        tf_const_ints(c, "end", k.end, k.n),
                                        tf_const_ints(c, "axes", k.axes, k.n),
                                        tf_const_ints(c, "steps", k.step, k.n) });
    if (k.nshrunk > 0)
        x = tf_two(c, OP_SQUEEZE, "shrunk", x, tf_const_ints(c, "shrink", k.shrunk, k.nshrunk));
    if (k.nadded > 0)
        x = tf_two(c, OP_UNSQUEEZE, "widened", x, tf_const_ints(c, "new_axis", k.added, k.nadded));
    return tf_becomes(c, OP_IDENTITY, 1, &x, false);
}

int tf_reverse(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0);
    int64_t axes[RANK_MAX], begin[RANK_MAX], end[RANK_MAX], step[RANK_MAX];
    int n;

    if (x == NULL)
        return -1;
    if (!tf_ints(c, 1, axes, RANK_MAX, &n))
        return c->failed ? -1 : 0;
    for (int i = 0; i < n; i++) {
        begin[i] = INT64_MAX;
        end[i] = INT64_MIN;
        step[i] = -1;
    }
    return tf_becomes(
        c, (enum op_id)op, 5,
        (struct value *[]){ x, tf_const_ints(c, "begin", begin, n), tf_const_ints(c, "end", end, n),
                            tf_const_ints(c, "axes", axes, n), tf_const_ints(c, "steps", step, n) },
        false);
}
