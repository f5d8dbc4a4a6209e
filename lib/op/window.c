/* window.c: see window.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "op/window.h"

static int read_attrs(struct window *w, struct call *c, const int64_t *kernel, int64_t *pads)
{
    const struct shape *x = &c->in[0]->shape;
    int n = x->rank - 2;

    *w = (struct window){ .n = n };
    if (n < 1 || n > 3)
        return call_fail(c, "input of rank %d, 3 to 5 are supported", x->rank);
    for (int i = 0; i < n; i++) {
        w->kernel[i] = kernel != NULL ? kernel[i] : 1;
        w->stride[i] = w->dilation[i] = 1;
        pads[i] = pads[n + i] = 0;
    }
    if (kernel == NULL && attr_ints(c->node, "kernel_shape", w->kernel, n) != n)
        return call_fail(c, "kernel_shape has not %d entries", n);
    if (attr_find(c->node, "strides") && attr_ints(c->node, "strides", w->stride, n) != n)
        return call_fail(c, "strides has not %d entries", n);
    if (attr_find(c->node, "dilations") && attr_ints(c->node, "dilations", w->dilation, n) != n)
        return call_fail(c, "dilations has not %d entries", n);
    if (attr_find(c->node, "pads") && attr_ints(c->node, "pads", pads, 2 * n) != 2 * n)
        return call_fail(c, "pads has not %d entries", 2 * n);
    for (int i = 0; i < n; i++)
        if (w->kernel[i] < 1 || w->stride[i] < 1 || w->dilation[i] < 1 || w->kernel[i] > 1 << 20 ||
            w->stride[i] > 1 << 20 || w->dilation[i] > 1 << 20)
            return call_fail(c, "kernel, stride or dilation below 1 or absurdly large");
    return 0;
}

int window_of(struct window *w, struct call *c, const int64_t *kernel)
{
    const char *mode = attr_string(c->node, "auto_pad", "NOTSET");
    const struct shape *x = &c->in[0]->shape;
    bool ceil_mode = attr_int(c->node, "ceil_mode", 0) != 0;
    int64_t pads[2 * RANK_MAX];

    if (read_attrs(w, c, kernel, pads) < 0)
        return -1;
    for (int i = 0; i < w->n; i++) {
        int64_t in = x->dim[i + 2], reach = (w->kernel[i] - 1) * w->dilation[i] + 1;

        w->begin[i] = pads[i];
        w->end[i] = pads[w->n + i];
        if (strncmp(mode, "SAME", 4) == 0) {
            int64_t total;

            w->out[i] = (in + w->stride[i] - 1) / w->stride[i];
            total = (w->out[i] - 1) * w->stride[i] + reach - in;
            total = total > 0 ? total : 0;
            w->begin[i] = strcmp(mode, "SAME_LOWER") == 0 ? (total + 1) / 2 : total / 2;
            w->end[i] = total - w->begin[i];
            continue;
        }
        if (strcmp(mode, "VALID") == 0)
            w->begin[i] = w->end[i] = 0;
        in += w->begin[i] + w->end[i] - reach;
        if (in < 0)
            return call_fail(c, "the window (%lld) is larger than the padded input (%lld)",
                             (long long)reach, (long long)(in + reach));
        w->out[i] = in / w->stride[i] + 1;
        /* One more where a partial window is left, if it starts inside the input or its left pad. */
        if (ceil_mode && in % w->stride[i] != 0 &&
            w->out[i] * w->stride[i] < x->dim[i + 2] + w->begin[i])
            w->out[i]++;
    }
    return 0;
}

int window_transposed(struct window *w, struct call *c, const int64_t *kernel)
{
    const char *mode = attr_string(c->node, "auto_pad", "NOTSET");
    const struct shape *x = &c->in[0]->shape;
    int64_t pads[2 * RANK_MAX], extra[RANK_MAX] = { 0 }, want[RANK_MAX + 2];
    int nwant;

    if (read_attrs(w, c, kernel, pads) < 0)
        return -1;
    attr_ints(c->node, "output_padding", extra, w->n);
    nwant = attr_ints(c->node, "output_shape", want, w->n + 2);
    for (int i = 0; i < w->n; i++) {
        int64_t full = (x->dim[i + 2] - 1) * w->stride[i] + (w->kernel[i] - 1) * w->dilation[i] + 1;
        bool given = nwant >= w->n, same = strncmp(mode, "SAME", 4) == 0;

        w->begin[i] = pads[i];
        w->end[i] = pads[w->n + i];
        if (given || same) {
            int64_t out = given ? want[nwant - w->n + i] : x->dim[i + 2] * w->stride[i];
            int64_t total = full + extra[i] - out;

            w->begin[i] = strcmp(mode, "SAME_UPPER") == 0 ? total / 2 : total - total / 2;
            if (total < 0)
                w->begin[i] = 0;
            w->end[i] = total - w->begin[i];
        } else if (strcmp(mode, "VALID") == 0) {
            w->begin[i] = w->end[i] = 0;
        }
        w->end[i] -= extra[i];
        w->out[i] = full - w->begin[i] - w->end[i];
        if (w->out[i] < 1)
            return call_fail(c, "pads leave no output");
    }
    return 0;
}
