/* conv.c: operators with spatial dims: convolutions, pools, BatchNorm, resizing. Filters are
 * [kh, kw, Cin/groups, Cout]; depthwise ones [kh, kw, Cin, multiplier], where output channel c * multiplier + m
 * belongs to input channel c.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tf/ops.h"

/* The current node's windows: strides, dilations and pads over H and W. */
struct window {
    bool nchw, same;
    int64_t stride[2], dilation[2], pads[4]; /* pads: top, left, bottom, right */
};

/* H and W of a list attribute of 4 in data_format order; 1s where it is absent. */
static int spatial(struct import *c, const char *name, bool nchw, int64_t out[2])
{
    int64_t v[4] = { 1, 1, 1, 1 };
    int n = tf_list(c->p, name, v, 4), at = nchw ? 2 : 1;

    if (n != 0 && n != 4)
        return tf_fail(c, "%s has %d entries, not 4", name, n);
    if (v[0] != 1 || v[nchw ? 1 : 3] != 1)
        tf_issue(c, "%s over batch or channels", name);
    for (int i = 0; i < 4; i++)
        if (v[i] < 1 || v[i] > TF_SIZE_MAX)
            return tf_fail(c, "%s has an entry of %lld", name, (long long)v[i]);
    out[0] = v[at];
    out[1] = v[at + 1];
    return 0;
}

static int window_read(struct import *c, struct window *w)
{
    int64_t pads[8];

    *w = (struct window){ .nchw = tf_is(c->p, "data_format", "NCHW", "NHWC") };
    if (!w->nchw && !tf_is(c->p, "data_format", "NHWC", "NHWC"))
        tf_issue(c, "data_format is neither NHWC nor NCHW");
    if (spatial(c, "strides", w->nchw, w->stride) < 0 ||
        spatial(c, "dilations", w->nchw, w->dilation) < 0)
        return -1;
    w->same = tf_is(c->p, "padding", "SAME", "");
    if (tf_is(c->p, "padding", "EXPLICIT", "")) {
        int at = w->nchw ? 4 : 2;

        if (tf_list(c->p, "explicit_paddings", pads, 8) != 8)
            return tf_fail(c, "explicit_paddings has not 8 entries");
        for (int i = 0; i < 8; i++)
            if (pads[i] < 0 || pads[i] > TF_SIZE_MAX)
                return tf_fail(c, "explicit_paddings has an entry of %lld", (long long)pads[i]);
        w->pads[0] = pads[at];
        w->pads[2] = pads[at + 1];
        w->pads[1] = pads[at + 2];
        w->pads[3] = pads[at + 3];
    } else if (!w->same && !tf_is(c->p, "padding", "VALID", "")) {
        return tf_fail(c, "padding is none of SAME, VALID, EXPLICIT");
    }
    return 0;
}

/* The input channels first, whatever the node's data_format. */
static struct value *image(struct import *c, const struct window *w, int i)
{
    struct ref *r = tf_in(c, i);
    int rank;

    if (r == NULL)
        return NULL;
    rank = r->cf != NULL ? 4 : tf_rank(c, r->tf);
    if (rank != 4) {
        tf_fail(c,
                rank < 0 ? "the shape of '%s' is not known: give --input_shape"
                         : "'%s' has not 4 dims",
                c->p->input[i]);
        return NULL;
    }
    return w->nchw ? tf_rows(c, r) : tf_channels(c, r);
}

/* Attributes of a Conv or pool; SAME becomes numbers where the size is known. */
static void set_window(struct import *c, struct node *n, const struct window *w,
                       const int64_t kernel[2])
{
    const struct shape *x = tf_dims(c, n->in[0]);
    int64_t pads[4];

    memcpy(pads, w->pads, sizeof pads);
    attr_set_ints(c->m, n, "kernel_shape", kernel, 2);
    attr_set_ints(c->m, n, "strides", w->stride, 2);
    if (w->dilation[0] != 1 || w->dilation[1] != 1)
        attr_set_ints(c->m, n, "dilations", w->dilation, 2);
    if (w->same &&
        (x->rank != 4 || x->dim[2] < 0 || x->dim[3] < 0 || w->stride[0] < 1 || w->stride[1] < 1)) {
        attr_set_string(c->m, n, "auto_pad", "SAME_UPPER");
        return;
    }
    for (int i = 0; i < 2 && w->same; i++) {
        int64_t in = x->dim[2 + i], out = (in + w->stride[i] - 1) / w->stride[i];
        int64_t total = (out - 1) * w->stride[i] + (kernel[i] - 1) * w->dilation[i] + 1 - in;

        total = total > 0 ? total : 0;
        pads[i] = total / 2;
        pads[2 + i] = total - total / 2;
    }
    if (pads[0] != 0 || pads[1] != 0 || pads[2] != 0 || pads[3] != 0)
        attr_set_ints(c->m, n, "pads", pads, 4);
}

/* Zeros that a Pad put around H and W are the convolution's own pads. */
static struct value *without_pad(struct import *c, struct value *x, struct window *w)
{
    const struct node *pad = x->producer;
    const struct tensor *t;
    int64_t v[8];

    if (pad == NULL || !node_is(pad, OP_PAD) || w->same ||
        strcmp(attr_string(pad, "mode", "constant"), "constant") != 0)
        return x;
    t = infer_known(c->infer, pad->in[1]);
    if (t->data == NULL || shape_count(&t->shape) != 8)
        return x;
    for (int i = 0; i < 8; i++)
        v[i] = tensor_get_int(t, (size_t)i);
    if (pad->nin > 2 && pad->in[2] != NULL) {
        t = infer_known(c->infer, pad->in[2]);
        if (t->data == NULL || tensor_get(t, 0) != 0)
            return x;
    }
    for (int i = 0; i < 8; i++)
        if (v[i] < 0 || v[i] > TF_SIZE_MAX || (i % 4 < 2 && v[i] != 0))
            return x;
    w->pads[0] += v[2];
    w->pads[1] += v[3];
    w->pads[2] += v[6];
    w->pads[3] += v[7];
    return pad->in[0];
}

/* The filter's dims; false (failed) if they are not known. */
static const struct shape *filter_dims(struct import *c, const struct value *w)
{
    const struct shape *s = tf_dims(c, w);

    if (s->rank != 4 || !shape_known(s)) {
        tf_fail(c, "the filter has not 4 known dims");
        return NULL;
    }
    return s;
}

int tf_conv(struct import *c, int depthwise)
{
    struct window w;
    struct value *x, *f;
    const struct shape *s, *in;
    int64_t kernel[2], cin, groups, channels, mult;
    const struct spread *spread;
    struct node *n;

    if (window_read(c, &w) < 0)
        return -1;
    x = image(c, &w, 0);
    f = x == NULL ? NULL : tf_arg(c, 1);
    s = f == NULL ? NULL : filter_dims(c, f);
    if (s == NULL)
        return -1;
    kernel[0] = s->dim[0];
    kernel[1] = s->dim[1];
    channels = s->dim[2];
    mult = s->dim[3];
    spread = tf_in(c, 0)->spread;
    if (spread != NULL) {
        for (int i = 0; i < 2; i++)
            w.dilation[i] *= spread->block[i];
        for (int i = 0; i < 4; i++)
            w.pads[i] += spread->pads[i];
    }
    x = without_pad(c, x, &w);
    in = tf_dims(c, x);
    cin = in->rank == 4 ? in->dim[1] : -1;
    if (depthwise) {
        f = tf_transposed(c, "filter", f, 4, (int64_t[]){ 2, 3, 0, 1 });
        f = tf_two(c, OP_RESHAPE, "filter", f,
                   tf_const_ints(c, "filter_shape",
                                 (int64_t[]){ channels * mult, 1, kernel[0], kernel[1] }, 4));
        groups = channels;
    } else {
        if (cin > 0 && (channels == 0 || cin % channels != 0))
            return tf_fail(c, "%lld input channels, but a filter for %lld", (long long)cin,
                           (long long)channels);
        groups = cin > 0 ? cin / channels : 1;
        f = tf_transposed(c, "filter", f, 4, (int64_t[]){ 3, 2, 0, 1 });
    }
    n = tf_node(c, OP_CONV, 2, (struct value *[]){ x, f });
    set_window(c, n, &w, kernel);
    if (groups != 1)
        attr_set_int(c->m, n, "group", groups);
    if (tf_add(c, n, !w.nchw) < 0)
        return -1;
    if (spread != NULL)
        tf_written(c)->spread = (struct spread *)spread;
    return 0;
}

/* (input_sizes, filter [kh, kw, Cout, Cin], x): the gradient of a convolution whose output is x. */
int tf_conv_transposed(struct import *c, int op)
{
    struct window w;
    struct value *x, *f;
    const struct shape *s, *in;
    int64_t size[4], kernel[2], pads[4];
    struct node *n;
    int nsize;

    if (window_read(c, &w) < 0)
        return -1;
    x = image(c, &w, 2);
    f = x == NULL ? NULL : tf_arg(c, 1);
    s = f == NULL ? NULL : filter_dims(c, f);
    if (s == NULL)
        return -1;
    kernel[0] = s->dim[0];
    kernel[1] = s->dim[1];
    if (!tf_ints(c, 0, size, 4, &nsize))
        return c->failed ? -1 : 0;
    in = tf_dims(c, x);
    if (nsize != 4 && nsize != 2)
        return tf_fail(c, "input_sizes has %d entries", nsize);
    for (int i = 0; i < nsize; i++)
        if (size[i] < -1 || size[i] > TF_SIZE_MAX)
            return tf_fail(c, "input_sizes has an entry of %lld", (long long)size[i]);
    if (in->rank != 4 || in->dim[2] < 0 || in->dim[3] < 0)
        return tf_issue(c, "height and width are not known");
    memcpy(pads, w.pads, sizeof pads);
    f = tf_transposed(c, "filter", f, 4, (int64_t[]){ 3, 2, 0, 1 });
    n = tf_node(c, (enum op_id)op, 2, (struct value *[]){ x, f });
    attr_set_ints(c->m, n, "kernel_shape", kernel, 2);
    attr_set_ints(c->m, n, "strides", w.stride, 2);
    if (w.dilation[0] != 1 || w.dilation[1] != 1)
        attr_set_ints(c->m, n, "dilations", w.dilation, 2);
    {
        int64_t extra[2];

        for (int i = 0; i < 2; i++) {
            int64_t out = nsize == 2 ? size[i] : size[(w.nchw ? 2 : 1) + i];
            int64_t reach = (kernel[i] - 1) * w.dilation[i] + 1;
            int64_t full = (in->dim[2 + i] - 1) * w.stride[i] + reach;

            if (w.same) {
                int64_t total = full - out;

                total = total > 0 ? total : 0;
                pads[i] = total / 2;
                pads[2 + i] = total - total / 2;
            }
            extra[i] = out - (full - pads[i] - pads[2 + i]);
            if (extra[i] < 0)
                return tf_fail(c, "input_sizes does not fit stride and filter");
        }
        attr_set_ints(c->m, n, "pads", pads, 4);
        if (extra[0] != 0 || extra[1] != 0)
            attr_set_ints(c->m, n, "output_padding", extra, 2);
    }
    return tf_add(c, n, !w.nchw);
}

int tf_pool(struct import *c, int op)
{
    int64_t kernel[2] = { 1, 1 };
    struct window w;
    struct value *x;
    struct node *n;

    if (window_read(c, &w) < 0 || spatial(c, "ksize", w.nchw, kernel) < 0)
        return -1;
    x = image(c, &w, 0);
    if (x == NULL)
        return -1;
    n = tf_node(c, (enum op_id)op, 1, &x);
    set_window(c, n, &w, kernel);
    return tf_add(c, n, !w.nchw);
}

/* Adds over the channels: the last dim, or dim 1 of NCHW. */
int tf_bias(struct import *c, int op)
{
    struct ref *x = tf_in(c, 0);
    struct value *b = tf_arg(c, 1);
    bool nchw = tf_is(c->p, "data_format", "NCHW", "NHWC");
    int rank;

    (void)op;
    if (x == NULL || b == NULL)
        return -1;
    rank = x->first ? 4 : tf_rank(c, x->tf);
    if (nchw && rank > 2) {
        int64_t axes[RANK_MAX];

        for (int i = 0; i < rank - 2; i++)
            axes[i] = i + 1;
        b = tf_two(c, OP_UNSQUEEZE, "bias", b, tf_const_ints(c, "bias_axes", axes, rank - 2));
        return tf_becomes(c, OP_ADD, 2, (struct value *[]){ tf_rows(c, x), b }, false);
    }
    return tf_binary(c, OP_ADD);
}

static int batchnorm(struct import *c, struct value *const in[5], float epsilon, bool cf)
{
    struct node *n = tf_node(c, OP_BATCHNORMALIZATION, 5, in);

    attr_set_float(c->m, n, "epsilon", epsilon);
    return tf_add(c, n, cf);
}

/* (x, scale, offset, mean, variance) */
int tf_batchnorm(struct import *c, int op)
{
    bool nchw = tf_is(c->p, "data_format", "NCHW", "NHWC");
    struct window w = { .nchw = nchw };
    struct value *in[5];
    struct ref *spread = tf_in(c, 0);

    (void)op;
    in[0] = image(c, &w, 0);
    if (in[0] == NULL)
        return -1;
    for (int i = 1; i < 5; i++)
        if ((in[i] = tf_arg(c, i)) == NULL)
            return -1;
    if (tf_bool(c->p, "is_training", true)) {
        const struct shape *mean = tf_dims(c, in[3]);

        if (shape_count(mean) == 0)
            return tf_issue(
                c, "is_training is true: it has no mean and variance of its own; export the "
                   "graph for inference");
    }
    if (batchnorm(c, in, tf_float(c->p, "epsilon", 1e-4f), !nchw) < 0)
        return -1;
    tf_written(c)->spread = spread->spread;
    return 0;
}

/* (x, mean, variance, beta, gamma) of the first TensorFlow versions */
int tf_old_batchnorm(struct import *c, int op)
{
    struct window w = { .nchw = false };
    struct value *x = image(c, &w, 0), *in[5];

    (void)op;
    if (x == NULL)
        return -1;
    for (int i = 1; i < 5; i++)
        if ((in[i] = tf_arg(c, i)) == NULL)
            return -1;
    if (!tf_bool(c->p, "scale_after_normalization", true)) {
        const struct shape *s = tf_dims(c, in[4]);
        int64_t n = shape_count(s);
        float *one;

        if (n < 0)
            return tf_fail(c, "gamma's shape is not known");
        one = arena_alloc(&c->m->arena, (size_t)n * sizeof *one);
        for (int64_t i = 0; i < n; i++)
            one[i] = 1;
        in[4] = constant_new(
            c->m,
            names_unique(&c->used, &c->m->arena, arena_printf(&c->m->arena, "%s/ones", c->p->name)),
            DT_F32, *s, one);
    }
    return batchnorm(c, (struct value *[]){ x, in[4], in[3], in[1], in[2] },
                     tf_float(c->p, "variance_epsilon", 1e-3f), true);
}

/* ONNX divides alpha by the size of the neighbourhood. */
int tf_lrn(struct import *c, int op)
{
    int64_t radius = tf_int(c->p, "depth_radius", 5), size;
    struct window w = { .nchw = false };
    struct value *x = image(c, &w, 0);
    struct node *n;

    if (x == NULL)
        return -1;
    if (radius < 0 || radius > TF_SIZE_MAX)
        return tf_fail(c, "depth_radius is %lld", (long long)radius);
    size = 2 * radius + 1;
    n = tf_node(c, (enum op_id)op, 1, &x);
    attr_set_int(c->m, n, "size", size);
    attr_set_float(c->m, n, "alpha", tf_float(c->p, "alpha", 1) * (float)size);
    attr_set_float(c->m, n, "beta", tf_float(c->p, "beta", 0.5f));
    attr_set_float(c->m, n, "bias", tf_float(c->p, "bias", 1));
    return tf_add(c, n, true);
}

int tf_resize(struct import *c, int nearest)
{
    bool align = tf_bool(c->p, "align_corners", false),
         half = tf_bool(c->p, "half_pixel_centers", false);
    struct window w = { .nchw = false };
    struct value *x = image(c, &w, 0);
    int64_t size[2], sizes[4];
    const struct shape *s;
    struct node *n;
    int count;

    if (x == NULL)
        return -1;
    if (!tf_ints(c, 1, size, 2, &count))
        return c->failed ? -1 : 0;
    s = tf_dims(c, x);
    if (count != 2 || s->rank != 4 || s->dim[1] < 0)
        return tf_issue(c, "the number of channels or the size is not known");
    if (align && half)
        return tf_issue(c, "align_corners and half_pixel_centers");
    if (c->free_batch && s->dim[0] != 1)
        return tf_issue(c, "a free batch: give --input_shape");
    sizes[0] = c->free_batch ? 1 : s->dim[0];
    sizes[1] = s->dim[1];
    sizes[2] = size[0];
    sizes[3] = size[1];
    n = tf_node(c, OP_RESIZE, 4,
                (struct value *[]){ x, NULL, NULL, tf_const_ints(c, "sizes", sizes, 4) });
    attr_set_string(c->m, n, "mode", nearest ? "nearest" : "linear");
    attr_set_string(c->m, n, "coordinate_transformation_mode",
                    align  ? "align_corners"
                    : half ? "half_pixel"
                           : "asymmetric");
    /* floor((y + .5) * in / out) is what half_pixel less its .5 rounds to */
    if (nearest)
        attr_set_string(c->m, n, "nearest_mode", align || half ? "round_prefer_ceil" : "floor");
    return tf_add(c, n, true);
}
