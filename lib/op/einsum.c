/* einsum.c: ONNX Einsum-12: sums of products over labelled dims, with ellipsis and repeated labels.
 * Every label becomes one loop; an operand moves along it by the sum of its strides there, so that
 * "ii" walks a diagonal. Two float32 operands are a batch of matrix products wherever each label is of
 * one of four kinds: in both and in the output (batch), in one and in the output (rows, columns), in both
 * alone (summed). All else is summed in double (integers: in int64), in the order of the labels.
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include <oneapi/dnnl/dnnl.h>

#include "op/strides.h"

enum { OPERANDS = 16, LABELS = 2 * RANK_MAX * 2, DOTS = 128 }; /* DOTS + i: dim i of the ellipsis */

struct einsum {
    int nin, nlabels, nout; /* the first nout labels are those of the output, in its order */
    int label[LABELS];
    int64_t dim[LABELS];
    int64_t step[OPERANDS][LABELS];
    int dots; /* dims that the ellipsis stands for */
};

static int label_index(struct einsum *e, int label)
{
    for (int i = 0; i < e->nlabels; i++)
        if (e->label[i] == label)
            return i;
    if (e->nlabels == LABELS)
        return -1;
    e->label[e->nlabels] = label;
    e->dim[e->nlabels] = 1;
    return e->nlabels++;
}

/* The labels of one term, its ellipsis as `dots` labels; returns how many, -1 if it is malformed. */
static int term_labels(const char **p, int dots, int out[LABELS])
{
    int n = 0;

    for (; **p != '\0' && **p != ',' && strncmp(*p, "->", 2) != 0; (*p)++) {
        if (**p == ' ')
            continue;
        if (strncmp(*p, "...", 3) == 0) {
            for (int i = 0; i < dots && n < LABELS; i++)
                out[n++] = DOTS + i;
            *p += 2;
        } else if (isalpha((unsigned char)**p) && n < LABELS) {
            out[n++] = (unsigned char)**p;
        } else {
            return -1;
        }
    }
    return n;
}

/* Dims that an ellipsis in the term has to stand for, given the operand's rank. */
static int term_dots(const char *p, int rank)
{
    int letters = 0;
    bool dots = false;

    for (; *p != '\0' && *p != ',' && strncmp(p, "->", 2) != 0; p++) {
        letters += isalpha((unsigned char)*p) != 0;
        dots |= *p == '.';
    }
    return dots && rank > letters ? rank - letters : 0;
}

static int add_operand(struct call *c, struct einsum *e, int k, const char **p)
{
    const struct shape *s = &c->in[k]->shape;
    int labels[LABELS], own = term_dots(*p, s->rank), n = term_labels(p, own, labels);
    int64_t strides[RANK_MAX];

    if (n != s->rank)
        return call_fail(c, "the equation does not fit input %d of rank %d", k, s->rank);
    strides_of(c->in[k], strides);
    for (int d = 0; d < n; d++) {
        /* ellipses are aligned at their ends */
        int label = labels[d] >= DOTS ? labels[d] + e->dots - own : labels[d];
        int i = label_index(e, label);

        if (i < 0)
            return call_fail(c, "too many labels");
        if (s->dim[d] != 1 && e->dim[i] != 1 && s->dim[d] != e->dim[i])
            return call_fail(c, "a label has dims %lld and %lld", (long long)e->dim[i],
                             (long long)s->dim[d]);
        e->dim[i] = s->dim[d] != 1 ? s->dim[d] : e->dim[i];
        e->step[k][i] += s->dim[d] == 1 ? 0 : strides[d];
    }
    return 0;
}

/* Without "->": the ellipsis, then the labels that occur once, in alphabetical order. */
static int implicit_output(const struct einsum *e, const char *equation, int out[LABELS])
{
    int n = 0;

    for (int i = 0; i < e->dots; i++)
        out[n++] = DOTS + i;
    for (int l = 'A'; l <= 'z'; l++) {
        int seen = 0;

        for (const char *p = equation; *p != '\0'; p++)
            seen += *p == l;
        if (seen == 1 && isalpha(l) && n < LABELS)
            out[n++] = l;
    }
    return n;
}

static int parse(struct call *c, struct einsum *e)
{
    const char *equation = attr_string(c->node, "equation", ""), *p = equation;
    int out[LABELS], n;

    *e = (struct einsum){ .nin = c->nin };
    if (c->nin > OPERANDS)
        return call_unsupported(c, "%d operands", c->nin);
    for (int k = 0; k < c->nin; k++) {
        int dots = term_dots(p, c->in[k]->shape.rank);

        e->dots = dots > e->dots ? dots : e->dots;
        p += strcspn(p, ",");
        p += *p == ',';
    }
    p = strstr(equation, "->");
    if (p != NULL) {
        p += 2;
        n = term_labels(&p, e->dots, out);
    } else {
        n = implicit_output(e, equation, out);
    }
    if (n < 0 || n > RANK_MAX)
        return call_fail(c, "equation '%s': the output's labels", equation);
    for (int i = 0; i < n; i++)
        if (label_index(e, out[i]) != i)
            return call_fail(c, "equation '%s': a label twice in the output", equation);
    e->nout = n;
    p = equation;
    for (int k = 0; k < c->nin; k++) {
        if (add_operand(c, e, k, &p) < 0)
            return -1;
        if (*p == ',')
            p++;
        else if (k < c->nin - 1)
            return call_fail(c, "equation '%s' for %d operands", equation, c->nin);
    }
    return 0;
}

/* Moves the odometer over labels [from, to); false when it is back at its start. */
static bool advance(const struct einsum *e, int from, int to, int64_t *index, int64_t *at)
{
    for (int i = to - 1; i >= from; i--) {
        for (int k = 0; k < e->nin; k++)
            at[k] += e->step[k][i];
        if (++index[i] < e->dim[i])
            return true;
        for (int k = 0; k < e->nin; k++)
            at[k] -= e->step[k][i] * e->dim[i];
        index[i] = 0;
    }
    return false;
}

static void sum_f32(const struct call *c, const struct einsum *e, int64_t *index, int64_t *at,
                    size_t out)
{
    double sum = 0;

    do {
        float product = 1;

        for (int k = 0; k < e->nin; k++)
            product *= ((const float *)c->in[k]->data)[at[k]];
        sum += product;
    } while (advance(e, e->nout, e->nlabels, index, at));
    ((float *)c->out[0]->data)[out] = (float)sum;
}

static void sum_any(const struct call *c, const struct einsum *e, int64_t *index, int64_t *at,
                    size_t out)
{
    bool whole = !dtype_is_float(c->in[0]->dtype);
    double sum = 0;
    uint64_t total = 0;

    do {
        double product = 1;
        uint64_t number = 1;

        for (int k = 0; k < e->nin; k++)
            if (whole)
                number *= (uint64_t)tensor_get_int(c->in[k], (size_t)at[k]);
            else
                product *= tensor_get(c->in[k], (size_t)at[k]);
        sum += product;
        total += number;
    } while (advance(e, e->nout, e->nlabels, index, at));
    if (whole)
        tensor_put_int(c->out[0], out, (int64_t)total);
    else
        tensor_put(c->out[0], out, sum);
}

enum kind { BATCH, ROWS, COLUMNS, SUMMED, KINDS };

/* The labels of each kind; those of dim 1 are of none. */
struct kinds {
    int n[KINDS], label[KINDS][RANK_MAX];
    int64_t size[KINDS];
};

/* false if a label is of no kind, or there are more than a walk takes. */
static bool kinds_of(struct kinds *k, const struct einsum *e)
{
    *k = (struct kinds){ .size = { 1, 1, 1, 1 } };
    for (int i = 0; i < e->nlabels; i++) {
        bool a = e->step[0][i] != 0, b = e->step[1][i] != 0, out = i < e->nout;
        enum kind kind = a && b ? (out ? BATCH : SUMMED) : a ? ROWS : COLUMNS;

        if (e->dim[i] == 1)
            continue;
        if ((!a && !b) || (!out && kind != SUMMED) || k->n[kind] == RANK_MAX)
            return false;
        k->label[kind][k->n[kind]++] = i;
        k->size[kind] *= e->dim[i];
    }
    return k->n[BATCH] + k->n[ROWS] + k->n[SUMMED] <= RANK_MAX &&
           k->n[BATCH] + k->n[COLUMNS] + k->n[SUMMED] <= RANK_MAX &&
           k->n[BATCH] + k->n[ROWS] + k->n[COLUMNS] <= RANK_MAX;
}

struct copy {
    float *to;
    const float *from;
};

static void copy_row(void *ctx, const int64_t *at, int64_t out, int64_t n, const int64_t *step)
{
    struct copy *k = ctx;

    (void)out;
    for (int64_t i = 0; i < n; i++)
        k->to[at[1] + i * step[1]] = k->from[at[0] + i * step[0]];
}

/* Copies between an operand (or the output), which moves by `step` along a label, and a dense array over
 * the labels of three kinds. */
static void copy_dense(float *dense, float *operand, const struct einsum *e, const struct kinds *k,
                       const enum kind order[3], const int64_t *step, bool in)
{
    int64_t dim[RANK_MAX], own[RANK_MAX], packed[RANK_MAX], stride = 1;
    struct copy copy = in ? (struct copy){ dense, operand } : (struct copy){ operand, dense };
    struct walk w;
    int n = 0;

    for (int g = 0; g < 3; g++)
        for (int i = 0; i < k->n[order[g]]; i++, n++) {
            dim[n] = e->dim[k->label[order[g]][i]];
            own[n] = step[k->label[order[g]][i]];
        }
    for (int i = n - 1; i >= 0; i--) {
        packed[i] = stride;
        stride *= dim[i];
    }
    walk_dims(&w, n, dim, 2, (const int64_t *[]){ in ? own : packed, in ? packed : own });
    walk_rows(&w, copy_row, &copy);
}

static void multiply(struct call *c, const struct einsum *e, const struct kinds *k)
{
    int64_t m = k->size[ROWS], n = k->size[COLUMNS], sum = k->size[SUMMED], step[LABELS],
            batch = k->size[BATCH], stride = 1;
    float *a = c->ops->scratch(c, (size_t)(batch * (m * sum + sum * n + m * n)) * sizeof *a);
    float *b = a + batch * m * sum, *y = b + batch * sum * n;

    for (int i = e->nout - 1; i >= 0; i--) {
        step[i] = stride;
        stride *= e->dim[i];
    }
    copy_dense(a, c->in[0]->data, e, k, (enum kind[]){ BATCH, ROWS, SUMMED }, e->step[0], true);
    copy_dense(b, c->in[1]->data, e, k, (enum kind[]){ BATCH, SUMMED, COLUMNS }, e->step[1], true);
    for (int64_t i = 0; i < batch; i++)
        dnnl_sgemm('N', 'N', m, n, sum, 1, a + i * m * sum, sum, b + i * sum * n, n, 0,
                   y + i * m * n, n);
    copy_dense(y, c->out[0]->data, e, k, (enum kind[]){ BATCH, ROWS, COLUMNS }, step, false);
}

int op_einsum(struct call *c)
{
    int64_t index[LABELS] = { 0 }, at[OPERANDS] = { 0 };
    enum dtype t = c->in[0]->dtype;
    struct shape y = { 0 };
    struct kinds kinds;
    struct einsum e;
    size_t out = 0;
    bool empty = false;

    for (int k = 1; k < c->nin; k++)
        if (c->in[k]->dtype != t)
            return call_fail(c, "operands of %s and %s", dtype_name(t),
                             dtype_name(c->in[k]->dtype));
    if (parse(c, &e) < 0)
        return -1;
    for (int i = 0; i < e.nout; i++)
        y.dim[y.rank++] = e.dim[i];
    if (call_out(c, 0, t, &y, false) == NULL || shape_count(&y) == 0)
        return call_end(c);
    for (int i = e.nout; i < e.nlabels; i++)
        empty |= e.dim[i] == 0;
    if (empty) {
        memset(c->out[0]->data, 0, tensor_size(c->out[0]));
        return 0;
    }
    if (t == DT_F32 && c->nin == 2 && kinds_of(&kinds, &e)) {
        multiply(c, &e, &kinds);
        return 0;
    }
    do
        (t == DT_F32 ? sum_f32 : sum_any)(c, &e, index, at, out++);
    while (advance(&e, 0, e.nout, index, at));
    return 0;
}
