/* act.c: see act.h. oneDNN 2.6 eltwise: relu x > 0 ? x : alpha x; clip to [alpha, beta]; logistic;
 * tanh; elu alpha (e^x - 1); hardswish x * clamp(x / 6 + 1/2, 0, 1).
 * SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>

#include <oneapi/dnnl/dnnl_types.h>

#include "base/clones.h"
#include "op/act.h"
#include "op/vmath.h"

bool act_relu(const struct node *n, const struct model *m, struct act *a)
{
    (void)n;
    (void)m;
    *a = (struct act){ dnnl_eltwise_relu, 0, 0 };
    return true;
}

/* A constant scalar input of Clip; `absent` where it is left out. */
static bool bound(const struct node *n, const struct model *m, int i, float absent, float *out)
{
    *out = absent;
    if (i >= n->nin || n->in[i] == NULL)
        return true;
    if (n->in[i]->constant == NULL || shape_count(&n->in[i]->shape) != 1)
        return false;
    constant_f32(m, n->in[i], out);
    return true;
}

bool act_clip(const struct node *n, const struct model *m, struct act *a)
{
    a->kind = dnnl_eltwise_clip;
    return bound(n, m, 1, -FLT_MAX, &a->alpha) && bound(n, m, 2, FLT_MAX, &a->beta) &&
           a->alpha <= a->beta;
}

bool act_leakyrelu(const struct node *n, const struct model *m, struct act *a)
{
    (void)m;
    *a = (struct act){ dnnl_eltwise_relu, attr_float(n, "alpha", 0.01f), 0 };
    return true;
}

bool act_sigmoid(const struct node *n, const struct model *m, struct act *a)
{
    (void)n;
    (void)m;
    *a = (struct act){ dnnl_eltwise_logistic, 0, 0 };
    return true;
}

bool act_tanh(const struct node *n, const struct model *m, struct act *a)
{
    (void)n;
    (void)m;
    *a = (struct act){ dnnl_eltwise_tanh, 0, 0 };
    return true;
}

bool act_elu(const struct node *n, const struct model *m, struct act *a)
{
    (void)m;
    *a = (struct act){ dnnl_eltwise_elu, attr_float(n, "alpha", 1.0f), 0 };
    return true;
}

bool act_hardswish(const struct node *n, const struct model *m, struct act *a)
{
    (void)n;
    (void)m;
    *a = (struct act){ dnnl_eltwise_hardswish, 0, 0 };
    return true;
}

bool act_scales(const struct act *a, float *ceiling)
{
    bool clip = a->kind == dnnl_eltwise_clip;

    *ceiling = clip && a->beta < FLT_MAX ? a->beta : INFINITY;
    return a->kind == dnnl_eltwise_relu || (clip && a->alpha == 0);
}

#define EACH(expr)                                                                                 \
    for (size_t i = 0; i < n; i++) {                                                               \
        float v = y[i];                                                                            \
        y[i] = (expr);                                                                             \
    }                                                                                              \
    break

CLONES void act_apply(const struct act *act, float *y, size_t n)
{
    float a = act->alpha, b = act->beta;

    switch (act->kind) {
    case dnnl_eltwise_relu:
        EACH(v < 0 ? a * v : v);
    case dnnl_eltwise_clip:
        EACH(v < a ? a : v > b ? b : v);
    case dnnl_eltwise_logistic:
        EACH(vlogistic(v));
    case dnnl_eltwise_tanh:
        EACH(vtanh(v));
    case dnnl_eltwise_elu:
        EACH(v < 0 ? a * expm1f(v) : v);
    case dnnl_eltwise_swish:
        EACH(v * vlogistic(a * v));
    case dnnl_eltwise_hardswish:
        EACH(v * (v < -3 ? 0 : v > 3 ? 1 : v * (1 / 6.0f) + 0.5f));
    default:
        break;
    }
}

void call_post(const struct call *c, float *y, size_t n)
{
    for (int i = 0; i < c->npost; i++)
        act_apply(&c->post[i], y, n);
}
