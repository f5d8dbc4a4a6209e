/* detect.c: boxes: ONNX NonMaxSuppression-11, RoiAlign-16, MaxRoiPool-1.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "op/strides.h"

struct box {
    float y0, x0, y1, x1;
};

static struct box read_box(const float *b, bool center)
{
    if (center) /* x, y, width, height */
        return (struct box){ b[1] - b[3] / 2, b[0] - b[2] / 2, b[1] + b[3] / 2, b[0] + b[2] / 2 };
    return (struct box){ fminf(b[0], b[2]), fminf(b[1], b[3]), fmaxf(b[0], b[2]),
                         fmaxf(b[1], b[3]) };
}

static float overlap(struct box a, struct box b)
{
    float h = fminf(a.y1, b.y1) - fmaxf(a.y0, b.y0), w = fminf(a.x1, b.x1) - fmaxf(a.x0, b.x0);
    float both, all;

    if (h <= 0 || w <= 0)
        return 0;
    both = h * w;
    all = (a.y1 - a.y0) * (a.x1 - a.x0) + (b.y1 - b.y0) * (b.x1 - b.x0) - both;
    return all > 0 ? both / all : 0;
}

static int by_score(const void *a, const void *b, void *ctx)
{
    const float *score = ctx;
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;

    if (score[i] != score[j])
        return score[i] > score[j] ? -1 : 1;
    return (i > j) - (i < j);
}

struct nms {
    int64_t most;
    float iou, least; /* boxes must overlap by less and score more */
    bool center, scored;
};

/* Keeps the best boxes of one class in order[0 … result-1]. */
static int64_t suppress(const struct nms *o, const float *boxes, const float *scores, int64_t n,
                        int64_t *order)
{
    int64_t candidates = 0, kept = 0;

    for (int64_t i = 0; i < n; i++)
        if (!o->scored || scores[i] > o->least)
            order[candidates++] = i;
    qsort_r(order, (size_t)candidates, sizeof *order, by_score, (void *)scores);
    for (int64_t i = 0; i < candidates && kept < o->most; i++) {
        struct box b = read_box(boxes + 4 * order[i], o->center);
        bool keep = true;

        for (int64_t k = 0; k < kept && keep; k++)
            keep = overlap(b, read_box(boxes + 4 * order[k], o->center)) <= o->iou;
        if (keep)
            order[kept++] = order[i];
    }
    return kept;
}

int op_nonmaxsuppression(struct call *c)
{
    const struct shape *b = &c->in[0]->shape, *s = &c->in[1]->shape;
    struct nms o = { .center = attr_int(c->node, "center_point_box", 0) != 0,
                     .scored = call_has(c, 4) };
    int64_t *order, *y, n, found = 0;
    struct buf rows = { 0 };
    struct shape shape = { .rank = 2, .dim = { 0, 3 } };

    if (b->rank != 3 || s->rank != 3 || b->dim[2] != 4 || b->dim[0] != s->dim[0] ||
        b->dim[1] != s->dim[2] || c->in[0]->dtype != DT_F32 || c->in[1]->dtype != DT_F32)
        return call_fail(c, "boxes and scores do not fit");
    for (int i = 0; i < c->nin; i++) {
        if (i > 1 && call_has(c, i) && shape_count(&c->in[i]->shape) != 1)
            return call_fail(c, "input %d has not one element", i);
        if (call_has(c, i) && !call_has_data(c, i))
            return call_unknown(c, 0, DT_I64);
    }
    o.most = call_has(c, 2) ? tensor_get_int(c->in[2], 0) : 0;
    o.iou = call_has(c, 3) ? (float)tensor_get(c->in[3], 0) : 0;
    o.least = call_has(c, 4) ? (float)tensor_get(c->in[4], 0) : 0;
    n = b->dim[1];
    order = mem_zero((size_t)n + 1, sizeof *order);
    for (int64_t batch = 0; batch < s->dim[0]; batch++)
        for (int64_t k = 0; k < s->dim[1]; k++) {
            int64_t kept =
                suppress(&o, (const float *)c->in[0]->data + batch * n * 4,
                         (const float *)c->in[1]->data + (batch * s->dim[1] + k) * n, n, order);

            for (int64_t i = 0; i < kept; i++, found++)
                buf_put(&rows, (int64_t[]){ batch, k, order[i] }, 3 * sizeof *order);
        }
    free(order);
    shape.dim[0] = found;
    y = call_out(c, 0, DT_I64, &shape, false);
    if (y != NULL && found > 0)
        memcpy(y, rows.data, rows.size);
    buf_release(&rows);
    return call_end(c);
}

struct roi {
    int64_t h, w, oh, ow, ratio;
    float scale, half;
    bool max;
};

/* One output cell: bilinear samples on a grid inside the bin, averaged or the greatest of their parts
 * (as the operator's reference has it). */
static float align_cell(const struct roi *r, const float *x, const float *box, int64_t i, int64_t j)
{
    float x0 = box[0] * r->scale - r->half, y0 = box[1] * r->scale - r->half;
    float width = box[2] * r->scale - r->half - x0, height = box[3] * r->scale - r->half - y0;
    float bh, bw, sum = 0, top = -INFINITY;
    int64_t gh, gw;

    if (r->half == 0) {
        width = fmaxf(width, 1);
        height = fmaxf(height, 1);
    }
    bh = height / (float)r->oh;
    bw = width / (float)r->ow;
    gh = r->ratio > 0 ? r->ratio : (int64_t)fmaxf(0, fminf(1 << 16, ceilf(bh)));
    gw = r->ratio > 0 ? r->ratio : (int64_t)fmaxf(0, fminf(1 << 16, ceilf(bw)));
    for (int64_t a = 0; a < gh; a++)
        for (int64_t b = 0; b < gw; b++) {
            float y = y0 + (float)i * bh + ((float)a + 0.5f) * bh / (float)gh;
            float z = x0 + (float)j * bw + ((float)b + 0.5f) * bw / (float)gw;
            int64_t yl, yh, zl, zh;
            float ly, lz, part[4];

            if (!(y >= -1 && y <= (float)r->h && z >= -1 && z <= (float)r->w)) {
                top = fmaxf(top, 0);
                continue;
            }
            y = fmaxf(y, 0);
            z = fmaxf(z, 0);
            yl = (int64_t)y < r->h - 1 ? (int64_t)y : r->h - 1;
            zl = (int64_t)z < r->w - 1 ? (int64_t)z : r->w - 1;
            yh = yl + 1 < r->h ? yl + 1 : yl;
            zh = zl + 1 < r->w ? zl + 1 : zl;
            ly = yl == r->h - 1 ? 0 : y - (float)yl;
            lz = zl == r->w - 1 ? 0 : z - (float)zl;
            part[0] = (1 - ly) * (1 - lz) * x[yl * r->w + zl];
            part[1] = (1 - ly) * lz * x[yl * r->w + zh];
            part[2] = ly * (1 - lz) * x[yh * r->w + zl];
            part[3] = ly * lz * x[yh * r->w + zh];
            for (int k = 0; k < 4; k++) {
                sum += part[k];
                top = fmaxf(top, part[k]);
            }
        }
    if (r->max)
        return gh * gw > 0 ? top : 0;
    return gh * gw > 0 ? sum / (float)(gh * gw) : 0;
}

int op_roialign(struct call *c)
{
    static const char *const modes[] = { "avg", "max" };
    static const char *const origins[] = { "half_pixel", "output_half_pixel" };
    const struct shape *x = &c->in[0]->shape, *rois = &c->in[1]->shape;
    int mode = call_word(c, "mode", modes, 2, 0),
        origin = call_word(c, "coordinate_transformation_mode", origins, 2, 0);
    struct roi r = { .oh = attr_int(c->node, "output_height", 1),
                     .ow = attr_int(c->node, "output_width", 1),
                     .ratio = attr_int(c->node, "sampling_ratio", 0),
                     .scale = attr_float(c->node, "spatial_scale", 1),
                     .max = mode == 1,
                     .half = origin == 0 ? 0.5f : 0 };
    struct shape s;
    float *y;

    if (c->failed)
        return -1;
    if (c->in[0]->dtype == DT_F64)
        return call_as_f32(c, op_roialign);
    if (x->rank != 4 || rois->rank != 2 || rois->dim[1] != 4 || c->in[0]->dtype != DT_F32 ||
        c->in[1]->dtype != DT_F32 || shape_count(&c->in[2]->shape) != rois->dim[0] || r.oh < 1 ||
        r.ow < 1 || r.ratio > 1 << 16 || x->dim[2] < 1 || x->dim[3] < 1)
        return call_fail(c, "input, rois and batch indices do not fit");
    r.h = x->dim[2];
    r.w = x->dim[3];
    s = shape_of(4, (int64_t[]){ rois->dim[0], x->dim[1], r.oh, r.ow });
    y = call_out(c, 0, DT_F32, &s, false);
    for (int64_t k = 0; y != NULL && k < rois->dim[0]; k++) {
        int64_t n = tensor_get_int(c->in[2], (size_t)k);

        if (n < 0 || n >= x->dim[0])
            return call_fail(c, "batch index %lld of %lld", (long long)n, (long long)x->dim[0]);
        for (int64_t ch = 0; ch < x->dim[1]; ch++)
            for (int64_t i = 0; i < r.oh; i++)
                for (int64_t j = 0; j < r.ow; j++)
                    *y++ = align_cell(
                        &r, (const float *)c->in[0]->data + (n * x->dim[1] + ch) * r.h * r.w,
                        (const float *)c->in[1]->data + 4 * k, i, j);
    }
    return call_end(c);
}

static int64_t within(float v, int64_t n)
{
    return !(v > 0) ? 0 : v < (float)n ? (int64_t)v : n;
}

int op_maxroipool(struct call *c)
{
    const struct shape *x = &c->in[0]->shape, *rois = &c->in[1]->shape;
    float scale = attr_float(c->node, "spatial_scale", 1), *y;
    int64_t pooled[2], h, w;
    struct shape s;

    if (c->in[0]->dtype == DT_F64)
        return call_as_f32(c, op_maxroipool);
    if (x->rank != 4 || rois->rank != 2 || rois->dim[1] != 5 || c->in[0]->dtype != DT_F32 ||
        c->in[1]->dtype != DT_F32 || attr_ints(c->node, "pooled_shape", pooled, 2) != 2 ||
        pooled[0] < 1 || pooled[1] < 1)
        return call_fail(c, "input, rois and pooled_shape do not fit");
    h = x->dim[2];
    w = x->dim[3];
    s = shape_of(4, (int64_t[]){ rois->dim[0], x->dim[1], pooled[0], pooled[1] });
    y = call_out(c, 0, DT_F32, &s, false);
    for (int64_t k = 0; y != NULL && k < rois->dim[0]; k++) {
        const float *roi = (const float *)c->in[1]->data + 5 * k;
        float x0 = roundf(roi[1] * scale), y0 = roundf(roi[2] * scale);
        float bh = fmaxf(roundf(roi[4] * scale) - y0 + 1, 1) / (float)pooled[0];
        float bw = fmaxf(roundf(roi[3] * scale) - x0 + 1, 1) / (float)pooled[1];

        if (!(roi[0] >= 0 && roi[0] < (float)x->dim[0]))
            return call_fail(c, "batch index %g of %lld", (double)roi[0], (long long)x->dim[0]);
        for (int64_t ch = 0; ch < x->dim[1]; ch++)
            for (int64_t i = 0; i < pooled[0]; i++)
                for (int64_t j = 0; j < pooled[1]; j++) {
                    const float *from =
                        (const float *)c->in[0]->data + ((int64_t)roi[0] * x->dim[1] + ch) * h * w;
                    int64_t a0 = within(floorf((float)i * bh) + y0, h),
                            a1 = within(ceilf((float)(i + 1) * bh) + y0, h),
                            b0 = within(floorf((float)j * bw) + x0, w),
                            b1 = within(ceilf((float)(j + 1) * bw) + x0, w);
                    float top = a1 > a0 && b1 > b0 ? -INFINITY : 0;

                    for (int64_t a = a0; a < a1; a++)
                        for (int64_t b = b0; b < b1; b++)
                            top = fmaxf(top, from[a * w + b]);
                    *y++ = top;
                }
    }
    return call_end(c);
}
