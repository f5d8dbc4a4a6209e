/* grid.c: ONNX GridSample-20 and AffineGrid-20. A feature map (N, C, d…) is read at the points of a grid
 * (N, out…, n) that spans -1 … 1 in each dim, last dim first: nearest, linear or cubic (a = -0.75),
 * outside as zeros, the border, or reflected.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "op/strides.h"

enum { TAPS = 4 };

struct sampler {
    int ntaps;
    bool align, zeros, reflect;
};

struct taps {
    int64_t at[TAPS]; /* -1: outside, zero */
    float weight[TAPS];
};

static int64_t inside(const struct sampler *s, int64_t i, int64_t n)
{
    int64_t period = s->align ? 2 * n - 2 : 2 * n;

    if (i >= 0 && i < n)
        return i;
    if (s->zeros)
        return -1;
    if (!s->reflect)
        return i < 0 ? 0 : n - 1;
    if (period == 0)
        return 0;
    i = (i % period + period) % period;
    return i < n ? i : s->align ? period - i : period - 1 - i;
}

static struct taps taps_of(const struct sampler *s, float g, int64_t n)
{
    float x = s->align ? (g + 1) / 2 * (float)(n - 1) : ((g + 1) * (float)n - 1) / 2, f;
    const float a = -0.75f;
    struct taps t = { { 0 }, { 1 } };
    int64_t base;

    if (!(fabsf(x) < 1e9f)) /* NaN, or far outside */
        x = x < 0 ? -1e9f : 1e9f;
    base = (int64_t)(s->ntaps == 1 ? rintf(x) : floorf(x)) - (s->ntaps == TAPS);
    f = x - floorf(x);
    if (s->ntaps == 2) {
        t.weight[0] = 1 - f;
        t.weight[1] = f;
    } else if (s->ntaps == TAPS) {
        float d0 = 1 + f, d3 = 2 - f;

        t.weight[0] = ((a * d0 - 5 * a) * d0 + 8 * a) * d0 - 4 * a;
        t.weight[1] = ((a + 2) * f - (a + 3)) * f * f + 1;
        t.weight[2] = ((a + 2) * (1 - f) - (a + 3)) * (1 - f) * (1 - f) + 1;
        t.weight[3] = ((a * d3 - 5 * a) * d3 + 8 * a) * d3 - 4 * a;
    }
    for (int k = 0; k < s->ntaps; k++)
        t.at[k] = inside(s, base + k, n);
    return t;
}

/* The weighted sum over the taps of dims d … last. */
static float sample(const struct sampler *s, const float *x, const struct taps *t,
                    const int64_t *dim, int d, int n, int64_t at)
{
    float sum = 0;

    for (int k = 0; k < s->ntaps; k++) {
        int64_t next = at * dim[d] + t[d].at[k];

        if (t[d].at[k] >= 0)
            sum += t[d].weight[k] * (d == n - 1 ? x[next] : sample(s, x, t, dim, d + 1, n, next));
    }
    return sum;
}

static int read_sampler(struct call *c, struct sampler *s)
{
    static const char *const modes[] = { "nearest", "linear", "bilinear", "cubic", "bicubic" };
    static const char *const paddings[] = { "zeros", "border", "reflection" };
    static const int ntaps[] = { 1, 2, 2, TAPS, TAPS };
    int mode = call_word(c, "mode", modes, 5, 1),
        padding = call_word(c, "padding_mode", paddings, 3, 0);

    *s = (struct sampler){ .ntaps = mode < 0 ? 0 : ntaps[mode],
                           .align = attr_int(c->node, "align_corners", 0) != 0,
                           .zeros = padding == 0,
                           .reflect = padding == 2 };
    return call_end(c);
}

int op_gridsample(struct call *c)
{
    const struct shape *x = &c->in[0]->shape, *g = &c->in[1]->shape;
    int n = x->rank - 2;
    struct shape s = *x;
    int64_t points = 1, cells = 1;
    struct sampler how;
    float *y;

    if (c->in[0]->dtype == DT_F64)
        return call_as_f32(c, op_gridsample);
    if (read_sampler(c, &how) < 0)
        return -1;
    if (n < 1 || g->rank != x->rank || g->dim[g->rank - 1] != n || g->dim[0] != x->dim[0] ||
        c->in[0]->dtype != DT_F32 || c->in[1]->dtype != DT_F32)
        return call_fail(c, "input and grid do not fit");
    for (int i = 0; i < n; i++) {
        s.dim[2 + i] = g->dim[1 + i];
        points *= g->dim[1 + i];
        cells *= x->dim[2 + i];
    }
    if (cells == 0 && !how.zeros)
        return call_fail(c, "an empty input has neither border nor reflection");
    y = call_out(c, 0, DT_F32, &s, false);
    if (y == NULL || shape_count(&s) == 0)
        return call_end(c);
    for (int64_t b = 0; b < x->dim[0]; b++)
        for (int64_t p = 0; p < points; p++) {
            const float *at = (const float *)c->in[1]->data + (b * points + p) * n;
            struct taps t[RANK_MAX];

            for (int i = 0; i < n; i++)
                t[i] = taps_of(&how, at[n - 1 - i], x->dim[2 + i]);
            for (int64_t k = 0; k < x->dim[1]; k++) {
                int64_t plane = b * x->dim[1] + k;

                y[plane * points + p] = sample(&how, (const float *)c->in[0]->data + plane * cells,
                                               t, x->dim + 2, 0, n, 0);
            }
        }
    return 0;
}

int op_affinegrid(struct call *c)
{
    const struct shape *theta = &c->in[0]->shape;
    bool align = attr_int(c->node, "align_corners", 0) != 0;
    int64_t size[RANK_MAX], points = 1;
    struct shape s = { 0 };
    int n, count;
    float *y;

    if (c->in[0]->dtype == DT_F64)
        return call_as_f32(c, op_affinegrid);
    if (!call_ints(c, 1, size, RANK_MAX, &count))
        return c->failed ? -1 : call_unknown(c, 0, DT_F32);
    n = count - 2;
    for (int i = 0; i < count; i++)
        if (size[i] < 0 || size[i] > INT32_MAX)
            return call_fail(c, "a size of %lld", (long long)size[i]);
    if (n < 2 || n > 3 || theta->rank != 3 || theta->dim[0] != size[0] || theta->dim[1] != n ||
        theta->dim[2] != n + 1 || c->in[0]->dtype != DT_F32)
        return call_fail(c, "theta and size do not fit");
    s.dim[s.rank++] = size[0];
    for (int i = 0; i < n; i++) {
        s.dim[s.rank++] = size[2 + i];
        points *= size[2 + i];
    }
    s.dim[s.rank++] = n;
    y = call_out(c, 0, DT_F32, &s, false);
    for (int64_t p = 0; y != NULL && p < size[0] * points; p++) {
        const float *t = (const float *)c->in[0]->data + p / points * n * (n + 1);
        float at[4] = { 0, 0, 0, 0 };
        int64_t rest = p % points;

        for (int i = n - 1; i >= 0; i--) { /* x is the last dim */
            int64_t dim = size[2 + i], k = rest % dim;

            rest /= dim;
            at[n - 1 - i] = align ? (dim > 1 ? -1 + 2 * (float)k / (float)(dim - 1) : 0)
                                  : -1 + (2 * (float)k + 1) / (float)dim;
        }
        at[n] = 1;
        for (int i = 0; i < n; i++) {
            float sum = 0;

            for (int j = 0; j <= n; j++)
                sum += t[i * (n + 1) + j] * at[j];
            *y++ = sum;
        }
    }
    return call_end(c);
}
