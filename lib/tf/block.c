/* block.c: SpaceToBatchND and BatchToSpaceND. Around a convolution they are how old graphs spell a
 * dilated one: then it becomes that, and they vanish.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tf/ops.h"

enum { BLOCKS = 3 }; /* dims that may be blocked */

static bool passes(const NodeDef *p)
{
    static const char *const names[] = { "BiasAdd",
                                         "Add",
                                         "AddV2",
                                         "Mul",
                                         "Relu",
                                         "FusedBatchNorm",
                                         "Relu6",
                                         "Identity",
                                         "FusedBatchNormV2",
                                         "FusedBatchNormV3" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(p->op, names[i]) == 0)
            return true;
    return false;
}

/* The constant integers that input i of node p reads; how many, or -1. */
static int ahead(struct import *c, const NodeDef *p, int i, int64_t *out, int max)
{
    const NodeDef *k = i < tf_nin(p) ? names_get(&c->nodes, p->input[i]) : NULL;
    const Tensorflow__AttrValue *a =
        k == NULL || strcmp(k->op, "Const") != 0 ? NULL : tf_attr(k, "value");
    struct value *v =
        a == NULL || a->tensor == NULL
            ? NULL
            : tf_tensor(c, a->tensor, arena_printf(&c->m->arena, "%s/ahead", k->name));
    int n;

    return v != NULL && constant_ints(c->m, v, out, max, &n) ? n : -1;
}

/* Is p's only reader a plain convolution, whose result goes to BatchToSpaceND of this block? Then its
 * crops. */
static bool dilates(struct import *c, const int64_t *block, int64_t crops[4])
{
    const NodeDef *q = names_get(&c->readers, c->p->name);
    int64_t back[2], list[4];

    if (q == NULL ||
        (strcmp(q->op, "Conv2D") != 0 && strcmp(q->op, "DepthwiseConv2dNative") != 0) ||
        !tf_is(q, "padding", "VALID", "") || !tf_is(q, "data_format", "NHWC", "NHWC"))
        return false;
    for (int k = 0; k < 2; k++) {
        int n = tf_list(q, k ? "dilations" : "strides", list, 4);

        for (int i = 0; i < n && i < 4; i++)
            if (list[i] != 1)
                return false;
    }
    for (int hops = 0; hops < 6; hops++) {
        q = names_get(&c->readers, q->name);
        if (q == NULL)
            return false;
        if (strcmp(q->op, "BatchToSpaceND") == 0)
            return ahead(c, q, 1, back, 2) == 2 && back[0] == block[0] && back[1] == block[1] &&
                   ahead(c, q, 2, crops, 4) == 4;
        if (!passes(q))
            return false;
    }
    return false;
}

/* Block sizes and pairs of paddings or crops; how many, or -1: noted or failed. */
static int arguments(struct import *c, int64_t *block, int64_t *pairs)
{
    int n, npairs;

    if (!tf_ints(c, 1, block, BLOCKS, &n) || !tf_ints(c, 2, pairs, 2 * BLOCKS, &npairs))
        return -1;
    if (npairs != 2 * n || n < 1)
        return tf_fail(c, "%d block sizes and %d paddings", n, npairs);
    for (int i = 0; i < n; i++)
        if (block[i] < 1 || block[i] > TF_SIZE_MAX || pairs[2 * i] < 0 ||
            pairs[2 * i] > TF_SIZE_MAX || pairs[2 * i + 1] < 0 || pairs[2 * i + 1] > TF_SIZE_MAX)
            return tf_fail(c, "a block size below 1, negative paddings, or absurd ones");
    return n;
}

static struct value *reshaped(struct import *c, const char *what, struct value *v,
                              const int64_t *dims, int n)
{
    return tf_two(c, OP_RESHAPE, what, v, tf_const_ints(c, what, dims, n));
}

/* Known dims, or NULL with the reason noted. */
static const struct shape *dims_of(struct import *c, struct value *x, int n)
{
    const struct shape *s = tf_dims(c, x);

    if (!shape_known(s) || s->rank < n + 1 || s->rank + n > RANK_MAX) {
        tf_issue(c, "an input whose dims are not known, or of too high a rank");
        return NULL;
    }
    return s;
}

int tf_space_to_batch(struct import *c, int op)
{
    int64_t block[BLOCKS], pairs[2 * BLOCKS], crops[4], pads[2 * RANK_MAX] = { 0 }, dims[RANK_MAX],
                                                                 perm[RANK_MAX];
    struct ref *r = tf_in(c, 0);
    int n, rank, k = 0;
    struct value *x;
    struct shape s;
    const struct shape *known;

    (void)op;
    if (r == NULL)
        return -1;
    n = arguments(c, block, pairs);
    if (n < 0)
        return c->failed ? -1 : 0;
    if (n == 2 && r->spread == NULL && dilates(c, block, crops)) {
        struct ref *y = arena_copy(&c->m->arena, r, sizeof *r);

        y->spread = arena_alloc(&c->m->arena, sizeof *y->spread);
        *y->spread = (struct spread){ { block[0], block[1] },
                                      { pairs[0] - crops[0], pairs[2] - crops[2],
                                        pairs[1] - crops[1], pairs[3] - crops[3] } };
        if (y->spread->pads[0] >= 0 && y->spread->pads[1] >= 0 && y->spread->pads[2] >= 0 &&
            y->spread->pads[3] >= 0) {
            tf_alias(c, 0, y);
            return 0;
        }
    }
    x = tf_rows(c, r);
    known = dims_of(c, x, n);
    if (known == NULL)
        return 0;
    s = *known;
    rank = s.rank;
    for (int i = 0; i < n; i++) {
        pads[1 + i] = pairs[2 * i];
        pads[rank + 1 + i] = pairs[2 * i + 1];
        s.dim[1 + i] += pairs[2 * i] + pairs[2 * i + 1];
        if (s.dim[1 + i] % block[i] != 0)
            return tf_fail(c, "dim %d, padded %lld, is no multiple of %lld", 1 + i,
                           (long long)s.dim[1 + i], (long long)block[i]);
    }
    x = tf_two(c, OP_PAD, "padded", x, tf_const_ints(c, "pads", pads, 2 * rank));
    dims[k++] = s.dim[0];
    for (int i = 0; i < n; i++) {
        dims[k++] = s.dim[1 + i] / block[i];
        dims[k++] = block[i];
    }
    for (int i = 1 + n; i < rank; i++)
        dims[k++] = s.dim[i];
    x = reshaped(c, "blocks", x, dims, k);
    for (int i = 0; i < k; i++) /* blocks first, then batch, then the rest */
        perm[i] = i < n ? 2 + 2 * i : i == n ? 0 : i <= 2 * n ? 1 + 2 * (i - n - 1) : i;
    x = tf_transposed(c, "moved", x, k, perm);
    for (int i = 0; i < n; i++) {
        s.dim[0] *= block[i];
        s.dim[1 + i] /= block[i];
    }
    return tf_becomes(c, OP_RESHAPE, 2,
                      (struct value *[]){ x, tf_const_ints(c, "shape", s.dim, rank) }, false);
}

int tf_batch_to_space(struct import *c, int op)
{
    int64_t block[BLOCKS], crops[2 * BLOCKS], dims[RANK_MAX], perm[RANK_MAX], begin[BLOCKS],
        end[BLOCKS], axes[BLOCKS], all = 1;
    struct ref *r = tf_in(c, 0);
    int n, rank, k = 0;
    struct value *x;
    struct shape s;
    const struct shape *known;

    (void)op;
    if (r == NULL)
        return -1;
    if (r->spread != NULL)
        return tf_becomes(c, OP_IDENTITY, 1, r->first ? &r->cf : &r->tf, r->first);
    n = arguments(c, block, crops);
    if (n < 0)
        return c->failed ? -1 : 0;
    x = tf_rows(c, r);
    known = dims_of(c, x, n);
    if (known == NULL)
        return 0;
    s = *known;
    rank = s.rank;
    for (int i = 0; i < n; i++)
        all *= dims[k++] = block[i];
    if (s.dim[0] % all != 0)
        return tf_fail(c, "a batch of %lld is no multiple of %lld", (long long)s.dim[0],
                       (long long)all);
    s.dim[0] /= all;
    for (int i = 0; i < rank; i++)
        dims[k++] = s.dim[i];
    x = reshaped(c, "blocks", x, dims, k);
    perm[0] = n;
    for (int i = 0; i < n; i++) {
        perm[1 + 2 * i] = n + 1 + i;
        perm[2 + 2 * i] = i;
        s.dim[1 + i] *= block[i];
        axes[i] = 1 + i;
        begin[i] = crops[2 * i];
        end[i] = s.dim[1 + i] - crops[2 * i + 1];
    }
    for (int i = 1 + 2 * n; i < k; i++)
        perm[i] = i;
    x = tf_transposed(c, "moved", x, k, perm);
    x = reshaped(c, "joined", x, s.dim, rank);
    return tf_becomes(c, OP_SLICE, 4,
                      (struct value *[]){ x, tf_const_ints(c, "begin", begin, n),
                                          tf_const_ints(c, "end", end, n),
                                          tf_const_ints(c, "axes", axes, n) },
                      false);
}
