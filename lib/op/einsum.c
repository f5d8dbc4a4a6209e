/* einsum.c: ONNX Einsum-12: sums of products over labelled dims, with ellipsis and repeated labels.
 * Every label becomes one loop; an operand moves along it by the sum of its strides there, so that
 * "ii" walks a diagonal. Sums run in double (integers: in int64), in the order of the labels.
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

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

int op_einsum(struct call *c)
{
    int64_t index[LABELS] = { 0 }, at[OPERANDS] = { 0 };
    enum dtype t = c->in[0]->dtype;
    struct shape y = { 0 };
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
    do
        (t == DT_F32 ? sum_f32 : sum_any)(c, &e, index, at, out++);
    while (advance(&e, 0, e.nout, index, at));
    return 0;
}
