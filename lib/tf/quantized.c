/* quantized.c: Dequantize of quantized constants, and FakeQuant nodes, which become QuantizeLinear and
 * DequantizeLinear with the scale and zero point that TensorFlow nudges min and max to.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "tf/ops.h"

/* Floats of input i, known before the graph runs; how many, or -1: noted or failed. */
static int floats(struct import *c, int i, float *out, int max)
{
    const struct value *v = tf_arg(c, i);
    const struct tensor *t = v == NULL ? NULL : infer_known(c->infer, v);
    int64_t n = t == NULL ? -1 : shape_count(&t->shape);

    if (t == NULL)
        return -1;
    if (t->data == NULL || n < 0 || n > max) {
        tf_issue(c, "input %d is not a constant", i);
        return -1;
    }
    for (int k = 0; k < (int)n; k++)
        out[k] = (float)tensor_get(t, (size_t)k);
    return (int)n;
}

/* (x, min, max): x as float, times scale, plus offset */
int tf_dequantize(struct import *c, int op)
{
    struct value *x = tf_arg(c, 0), *y;
    float low, high, scale, offset;
    bool is_signed;
    int lowest, nlow, nhigh, bits;
    struct node *n;
    enum dtype t;

    (void)op;
    if (x == NULL || (nlow = floats(c, 1, &low, 1)) < 0 || (nhigh = floats(c, 2, &high, 1)) < 0)
        return c->failed || x == NULL ? -1 : 0;
    t = infer_known(c->infer, x)->dtype;
    if (nlow != 1 || nhigh != 1 || dtype_is_float(t) || dtype_size(t) > 2)
        return tf_issue(c, "of %s with %d ranges", dtype_name(t), nlow);
    is_signed = t == DT_I8 || t == DT_I16;
    bits = (int)dtype_size(t) * 8;
    lowest = is_signed ? -(1 << (bits - 1)) : 0;
    scale = (high - low) / (float)((1 << bits) - 1);
    if (tf_is(c->p, "mode", "MIN_FIRST", "MIN_COMBINED")) {
        low = high == low ? low : roundf(low / scale) * scale;
        offset = low - (float)lowest * scale;
    } else if (tf_is(c->p, "mode", "SCALED", "MIN_COMBINED")) {
        float most = is_signed ? fmaxf(-low, high) : high;

        scale = most / (float)(is_signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1);
        offset = 0;
    } else {
        offset = low - (float)lowest * scale;
    }
    n = tf_inner(c, OP_CAST, "float", 1, &x);
    attr_set_int(c->m, n, "to", DT_F32);
    if (tf_insert(c, n) < 0)
        return -1;
    y = tf_two(c, OP_MUL, "scaled", n->out[0], tf_const_float(c, "scale", scale));
    return tf_becomes(c, OP_ADD, 2, (struct value *[]){ y, tf_const_float(c, "offset", offset) },
                      false);
}

/* In float32, as TensorFlow's Nudge. */
static void nudge(float low, float high, int qmin, int qmax, float *scale, int *zero)
{
    float from, nudged;

    *scale = (high - low) / (float)(qmax - qmin);
    if (*scale == 0) { /* everything becomes 0; any scale that keeps 0 does */
        *scale = 1;
        *zero = qmin;
        return;
    }
    from = (float)qmin - low / *scale;
    nudged = from < (float)qmin ? (float)qmin : from > (float)qmax ? (float)qmax : roundf(from);
    *zero = (int)nudged;
}

int tf_fake_quant(struct import *c, int op)
{
    enum { CHANNELS = 16384 };
    struct ref *x = tf_in(c, 0);
    int64_t bits = tf_int(c->p, "num_bits", 8);
    int qmin = tf_bool(c->p, "narrow_range", false), qmax, n = 1, nhigh = 1, rank;
    bool channels = strstr(c->p->op, "PerChannel") != NULL;
    float *low = arena_alloc(&c->m->arena, CHANNELS * sizeof *low),
          *high = arena_alloc(&c->m->arena, CHANNELS * sizeof *high);
    struct value *in[3];
    struct node *node;
    uint8_t *zero;
    int64_t dim;

    (void)op;
    if (x == NULL)
        return -1;
    if (bits < 2 || bits > 8)
        return tf_issue(c, "num_bits is %lld", (long long)bits);
    qmax = (1 << bits) - 1;
    if (strcmp(c->p->op, "FakeQuantWithMinMaxArgs") == 0) {
        low[0] = tf_float(c->p, "min", -6);
        high[0] = tf_float(c->p, "max", 6);
    } else if ((n = floats(c, 1, low, CHANNELS)) < 0 ||
               (nhigh = floats(c, 2, high, CHANNELS)) < 0) {
        return c->failed ? -1 : 0;
    }
    if (n != nhigh || (!channels && n != 1))
        return tf_fail(c, "%d minima and %d maxima", n, nhigh);
    zero = arena_alloc(&c->m->arena, (size_t)n);
    for (int i = 0; i < n; i++) {
        int z;

        if (!(low[i] <= high[i]))
            return tf_fail(c, "min %g above max %g", (double)low[i], (double)high[i]);
        nudge(low[i], high[i], qmin, qmax, &low[i], &z);
        zero[i] = (uint8_t)z;
    }
    dim = n;
    in[0] = x->first ? x->cf : x->tf;
    in[1] = constant_new(
        c->m,
        names_unique(&c->used, &c->m->arena, arena_printf(&c->m->arena, "%s/scale", c->p->name)),
        DT_F32, shape_of(channels, &dim), low);
    in[2] = constant_new(c->m,
                         names_unique(&c->used, &c->m->arena,
                                      arena_printf(&c->m->arena, "%s/zero_point", c->p->name)),
                         DT_U8, shape_of(channels, &dim), zero);
    rank = x->first ? 4 : tf_rank(c, x->tf);
    if (bits < 8 || qmin > 0) { /* the grid ends before uint8 does */
        struct value *ends[2];

        if (channels)
            return tf_issue(c, "%lld bits, narrow_range %d, per channel", (long long)bits, qmin);
        ends[0] = tf_const_float(c, "low", (float)(qmin - zero[0]) * low[0]);
        ends[1] = tf_const_float(c, "high", (float)(qmax - zero[0]) * low[0]);
        in[0] = tf_made(c, OP_CLIP, "clipped", 3, (struct value *[]){ in[0], ends[0], ends[1] });
    }
    node = tf_inner(c, OP_QUANTIZELINEAR, "quantized", 3, in);
    if (channels)
        attr_set_int(c->m, node, "axis", x->first ? 1 : rank - 1);
    if (tf_insert(c, node) < 0)
        return -1;
    in[0] = node->out[0];
    node = tf_node(c, OP_DEQUANTIZELINEAR, 3, in);
    if (channels)
        attr_set_int(c->m, node, "axis", x->first ? 1 : rank - 1);
    return tf_add(c, node, x->first);
}
