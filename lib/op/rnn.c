/* rnn.c: RNN-14, LSTM-14 and GRU-14: all directions, activations, initial states, peepholes, clip,
 * sequence lengths.
 * X (T, B, I), W (D, G H, I), R (D, G H, H), B (D, 2 G H) -> Y (T, D, B, H), Y_h (D, B, H); layout 1
 * puts the batch first. The input product of all time steps is one matrix product.
 * SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>
#include <strings.h>

#include <oneapi/dnnl/dnnl.h>

#include "op/op.h"

enum kind {
    SIGMOID,
    TANH,
    RELU,
    AFFINE,
    LEAKYRELU,
    THRESHOLDEDRELU,
    SCALEDTANH,
    HARDSIGMOID,
    ELU,
    SOFTSIGN,
    SOFTPLUS
};

struct activation {
    enum kind kind;
    float alpha, beta;
};

/* Names, how many of alpha and beta they take, and what these are where left out. */
static const struct {
    const char *name;
    int nalpha, nbeta;
    float alpha, beta;
} activations[] = {
    [SIGMOID] = { "Sigmoid", 0, 0, 0, 0 },
    [TANH] = { "Tanh", 0, 0, 0, 0 },
    [RELU] = { "Relu", 0, 0, 0, 0 },
    [AFFINE] = { "Affine", 1, 1, 1, 0 },
    [LEAKYRELU] = { "LeakyRelu", 1, 0, 0.01f, 0 },
    [THRESHOLDEDRELU] = { "ThresholdedRelu", 1, 0, 1, 0 },
    [SCALEDTANH] = { "ScaledTanh", 1, 1, 1, 1 },
    [HARDSIGMOID] = { "HardSigmoid", 1, 1, 0.2f, 0.5f },
    [ELU] = { "Elu", 1, 0, 1, 0 },
    [SOFTSIGN] = { "Softsign", 0, 0, 0, 0 },
    [SOFTPLUS] = { "Softplus", 0, 0, 0, 0 },
};

struct rnn {
    int64_t t, b, i, h, d; /* steps, batch, input, hidden, directions */
    int gates;
    bool batch_first, reverse;
    float clip;
    struct activation activation[6]; /* f, g, h of each direction */
};

static float activate(const struct activation *a, float v)
{
    switch (a->kind) {
    case SIGMOID:
        return 1 / (1 + expf(-v));
    case TANH:
        return tanhf(v);
    case AFFINE:
        return a->alpha * v + a->beta;
    case LEAKYRELU:
        return v < 0 ? a->alpha * v : v;
    case THRESHOLDEDRELU:
        return v > a->alpha ? v : 0;
    case SCALEDTANH:
        return a->alpha * tanhf(a->beta * v);
    case HARDSIGMOID:
        return fmaxf(0, fminf(1, a->alpha * v + a->beta));
    case ELU:
        return v < 0 ? a->alpha * expm1f(v) : v;
    case SOFTSIGN:
        return v / (1 + fabsf(v));
    case SOFTPLUS:
        return v > 0 ? v + log1pf(expf(-v)) : log1pf(expf(v));
    default:
        return v > 0 ? v : 0; /* RELU */
    }
}

static float clipped(const struct rnn *r, float v)
{
    return r->clip > 0 ? fmaxf(-r->clip, fminf(r->clip, v)) : v;
}

/* `activations` is kept by import as one string, names joined by spaces. activation_alpha and _beta
 * hold a number for each activation that takes one. */
static int read_activations(struct call *c, struct rnn *r, const enum kind *absent, int each)
{
    const struct attr *alpha = attr_find(c->node, "activation_alpha"),
                      *beta = attr_find(c->node, "activation_beta");
    const char *s = attr_string(c->node, "activations", "");
    int na = 0, nb = 0;

    for (int i = 0; i < each * (int)r->d; i++) {
        size_t n = strcspn(s, " "), k = absent[i % each],
               count = sizeof activations / sizeof *activations;

        for (k = n > 0 ? 0 : k; n > 0 && k < count; k++)
            if (strncasecmp(s, activations[k].name, n) == 0 && activations[k].name[n] == '\0')
                break;
        if (k == count)
            return call_unsupported(c, "activation %.*s", (int)n, s);
        r->activation[i] =
            (struct activation){ (enum kind)k, activations[k].alpha, activations[k].beta };
        if (activations[k].nalpha > 0 && alpha != NULL && na < alpha->n)
            r->activation[i].alpha = alpha->floats[na++];
        if (activations[k].nbeta > 0 && beta != NULL && nb < beta->n)
            r->activation[i].beta = beta->floats[nb++];
        s += n + (s[n] == ' ');
    }
    return 0;
}

static int rnn_init(struct call *c, struct rnn *r, int gates)
{
    const struct shape *x = &c->in[0]->shape, *w = &c->in[1]->shape, *rec = &c->in[2]->shape;
    static const char *const directions[] = { "forward", "reverse", "bidirectional" };
    int direction = call_word(c, "direction", directions, 3, 0);

    if (direction < 0)
        return -1;
    for (int i = 0; i < c->nin; i++)
        if (c->in[i] != NULL && i != 4 && c->in[i]->dtype != DT_F32)
            return call_unsupported(c, "%s input", dtype_name(c->in[i]->dtype));
    if (x->rank != 3 || w->rank != 3 || rec->rank != 3)
        return call_fail(c, "X, W and R must be of rank 3");
    *r = (struct rnn){ .batch_first = attr_int(c->node, "layout", 0) != 0,
                       .gates = gates,
                       .reverse = direction == 1,
                       .d = direction == 2 ? 2 : 1,
                       .i = x->dim[2],
                       .clip = attr_float(c->node, "clip", 0) };
    r->t = x->dim[r->batch_first ? 1 : 0];
    r->b = x->dim[r->batch_first ? 0 : 1];
    r->h = rec->dim[2];
    if (w->dim[0] != r->d || rec->dim[0] != r->d || w->dim[1] != gates * r->h ||
        rec->dim[1] != gates * r->h || w->dim[2] != r->i)
        return call_fail(c, "W and R do not fit the input");
    if (call_has(c, 3) && shape_count(&c->in[3]->shape) != r->d * 2 * gates * r->h)
        return call_fail(c, "B has not %lld elements", (long long)(r->d * 2 * gates * r->h));
    if (call_has(c, 4) && shape_count(&c->in[4]->shape) != r->b)
        return call_fail(c, "sequence_lens has not %lld elements", (long long)r->b);
    for (int i = 5; i < 7 && i < c->nin; i++)
        if (call_has(c, i) && shape_count(&c->in[i]->shape) != r->d * r->b * r->h)
            return call_fail(c, "input %d has not %lld elements", i,
                             (long long)(r->d * r->b * r->h));
    if (call_has(c, 7) && shape_count(&c->in[7]->shape) != r->d * 3 * r->h)
        return call_fail(c, "P has not %lld elements", (long long)(r->d * 3 * r->h));
    return 0;
}

/* Buffers of one direction. All (B, …) rows; `pre` (T, B, G H) is what the inputs contribute. */
struct pass {
    float *pre, *rec, *h, *cell, *tmp;
    const float *r, *rb, *peep; /* (G H, H), (G H) recurrent bias, (3 H) or NULL */
    const struct activation *act;
};

typedef void rnn_cell(const struct rnn *r, const struct pass *p, const float *pre, int64_t b,
                      bool linear);

/* one gate */
static void plain_cell(const struct rnn *r, const struct pass *p, const float *pre, int64_t b,
                       bool flag)
{
    const float *rec = p->rec + b * r->h;
    float *h = p->h + b * r->h;

    (void)flag;
    for (int64_t k = 0; k < r->h; k++)
        h[k] = activate(&p->act[0], clipped(r, pre[k] + rec[k]));
}

/* gates i, o, f, c */
static void lstm_cell(const struct rnn *r, const struct pass *p, const float *pre, int64_t b,
                      bool coupled)
{
    const float *rec = p->rec + b * 4 * r->h;
    float *h = p->h + b * r->h, *cell = p->cell + b * r->h;

    for (int64_t k = 0; k < r->h; k++) {
        float in = pre[k] + rec[k], out = pre[r->h + k] + rec[r->h + k];
        float forget = pre[2 * r->h + k] + rec[2 * r->h + k],
              c = pre[3 * r->h + k] + rec[3 * r->h + k];

        in = activate(&p->act[0], clipped(r, in + (p->peep ? p->peep[k] * cell[k] : 0)));
        forget =
            coupled
                ? 1 - in
                : activate(&p->act[0],
                           clipped(r, forget + (p->peep ? p->peep[2 * r->h + k] * cell[k] : 0)));
        cell[k] = forget * cell[k] + in * activate(&p->act[1], clipped(r, c));
        out = activate(&p->act[0], clipped(r, out + (p->peep ? p->peep[r->h + k] * cell[k] : 0)));
        h[k] = out * activate(&p->act[2], cell[k]);
    }
}

/* gates z, r, h; linear_before_reset applies the reset to the recurrent product itself */
static void gru_cell(const struct rnn *r, const struct pass *p, const float *pre, int64_t b,
                     bool linear)
{
    const float *rec = p->rec + b * 3 * r->h;
    float *h = p->h + b * r->h, *reset = p->tmp + b * r->h;

    for (int64_t k = 0; k < r->h; k++)
        reset[k] = activate(&p->act[0], clipped(r, pre[r->h + k] + rec[r->h + k]));
    if (!linear) /* (r . h) R_h^T + Rb_h needs its own product */
        for (int64_t k = 0; k < r->h; k++) {
            float sum = p->rb != NULL ? p->rb[2 * r->h + k] : 0;

            for (int64_t j = 0; j < r->h; j++)
                sum += reset[j] * h[j] * p->r[(2 * r->h + k) * r->h + j];
            p->tmp[r->b * r->h + k] = sum;
        }
    for (int64_t k = 0; k < r->h; k++) {
        float z = activate(&p->act[0], clipped(r, pre[k] + rec[k]));
        float from = linear ? reset[k] * rec[2 * r->h + k] : p->tmp[r->b * r->h + k];
        float fresh = activate(&p->act[1], clipped(r, pre[2 * r->h + k] + from));

        p->tmp[(r->b + 1) * r->h + k] = (1 - z) * fresh + z * h[k];
    }
    memcpy(h, p->tmp + (r->b + 1) * r->h, (size_t)r->h * sizeof *h);
}

static void bias_rows(float *y, const float *bias, int64_t rows, int64_t n)
{
    for (int64_t i = 0; i < rows; i++)
        if (bias != NULL)
            memcpy(y + i * n, bias, (size_t)n * sizeof *y);
        else
            memset(y + i * n, 0, (size_t)n * sizeof *y);
}

static void store(const struct rnn *r, float *y, const float *h, int64_t t, int64_t d, int64_t b)
{
    int64_t at =
        r->batch_first ? ((b * r->t + t) * r->d + d) * r->h : ((t * r->d + d) * r->b + b) * r->h;

    if (y != NULL)
        memcpy(y + at, h + b * r->h, (size_t)r->h * sizeof *h);
}

static void run_direction(struct call *c, const struct rnn *r, struct pass *p, int64_t d,
                          rnn_cell *cell, bool flag, float *y)
{
    int64_t gh = r->gates * r->h;
    const float *w = (const float *)c->in[1]->data + d * gh * r->i, *x = c->in[0]->data;
    const float *bias = call_has(c, 3) ? (const float *)c->in[3]->data + d * 2 * gh : NULL;
    bool reverse = d == 1 || r->reverse;

    p->r = (const float *)c->in[2]->data + d * gh * r->h;
    p->rb = bias != NULL ? bias + gh : NULL;
    bias_rows(p->pre, bias, r->t * r->b, gh);
    dnnl_sgemm('N', 'T', r->t * r->b, gh, r->i, 1, x, r->i, w, r->i, 1, p->pre, gh);
    for (int64_t step = 0; step < r->t; step++) {
        bias_rows(p->rec, p->rb, r->b, gh);
        dnnl_sgemm('N', 'T', r->b, gh, r->h, 1, p->h, r->h, p->r, r->h, 1, p->rec, gh);
        for (int64_t b = 0; b < r->b; b++) {
            int64_t length = call_has(c, 4) ? tensor_get_int(c->in[4], (size_t)b) : r->t, t;

            length = length < r->t ? length : r->t;

            if (step >= length)
                continue; /* the state stays; Y is zero beyond the sequence */
            t = reverse ? length - 1 - step : step;
            cell(r, p, p->pre + (r->batch_first ? b * r->t + t : t * r->b + b) * gh, b, flag);
            store(r, y, p->h, t, d, b);
        }
    }
}

/* (D, B, H), or (B, D, H) with the batch first: one direction's rows in or out. */
static void state_rows(const struct rnn *r, float *rows, float *state, int64_t d, bool load)
{
    for (int64_t b = 0; b < r->b; b++) {
        float *at =
            state == NULL ? NULL : state + (r->batch_first ? b * r->d + d : d * r->b + b) * r->h;

        if (load && at == NULL)
            memset(rows + b * r->h, 0, (size_t)r->h * sizeof *rows);
        else if (at != NULL)
            memcpy(load ? rows + b * r->h : at, load ? at : rows + b * r->h,
                   (size_t)r->h * sizeof *rows);
    }
}

static int recurrent(struct call *c, int gates, rnn_cell *cell, const enum kind *absent, int each,
                     bool flag)
{
    struct shape sy, sh;
    struct rnn r;
    struct pass p;
    float *y, *out[2];
    size_t need;

    if (rnn_init(c, &r, gates) < 0 || read_activations(c, &r, absent, each) < 0)
        return -1;
    sy = r.batch_first ? shape_of(4, (int64_t[]){ r.b, r.t, r.d, r.h })
                       : shape_of(4, (int64_t[]){ r.t, r.d, r.b, r.h });
    sh = r.batch_first ? shape_of(3, (int64_t[]){ r.b, r.d, r.h })
                       : shape_of(3, (int64_t[]){ r.d, r.b, r.h });
    y = call_out(c, 0, DT_F32, &sy, false);
    out[0] = call_out(c, 1, DT_F32, &sh, false);
    out[1] = gates == 4 ? call_out(c, 2, DT_F32, &sh, false) : NULL;
    if (c->infer || c->failed)
        return call_end(c);
    if (y != NULL)
        memset(y, 0, (size_t)shape_count(&sy) * sizeof *y);
    need = (size_t)((r.t + 1) * r.b * gates * r.h + 3 * r.b * r.h + 2 * r.h);
    p.pre = c->ops->scratch(c, need * sizeof *p.pre);
    p.rec = p.pre + r.t * r.b * gates * r.h;
    p.h = p.rec + r.b * gates * r.h;
    p.cell = p.h + r.b * r.h;
    p.tmp = p.cell + r.b * r.h;
    for (int64_t d = 0; d < r.d; d++) {
        p.act = r.activation + d * each;
        p.peep = call_has(c, 7) ? (const float *)c->in[7]->data + d * 3 * r.h : NULL;
        state_rows(&r, p.h, call_has(c, 5) ? c->in[5]->data : NULL, d, true);
        state_rows(&r, p.cell, gates == 4 && call_has(c, 6) ? c->in[6]->data : NULL, d, true);
        run_direction(c, &r, &p, d, cell, flag, y);
        state_rows(&r, p.h, out[0], d, false);
        state_rows(&r, p.cell, out[1], d, false);
    }
    return 0;
}

int op_lstm(struct call *c)
{
    static const enum kind absent[] = { SIGMOID, TANH, TANH };

    if (c->in[0]->dtype == DT_F64)
        return call_as_f32(c, op_lstm);
    return recurrent(c, 4, lstm_cell, absent, 3, attr_int(c->node, "input_forget", 0) != 0);
}

int op_gru(struct call *c)
{
    static const enum kind absent[] = { SIGMOID, TANH };

    if (c->in[0]->dtype == DT_F64)
        return call_as_f32(c, op_gru);
    return recurrent(c, 3, gru_cell, absent, 2, attr_int(c->node, "linear_before_reset", 0) != 0);
}

int op_rnn(struct call *c)
{
    static const enum kind absent[] = { TANH };

    if (c->in[0]->dtype == DT_F64)
        return call_as_f32(c, op_rnn);
    return recurrent(c, 1, plain_cell, absent, 1, false);
}
