/* rnn.c: LSTM, GRU and RNN of several layers and directions: one node of the IR a layer.
 *
 * torch has the gates of an LSTM in the order i, f, g, o and those of a GRU in r, z, n; the IR in i, o, f,
 * c and z, r, h. The IR's layers give (T, D, B, H) and take (D, …) weights.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "torch/ops.h"

struct layer {
    int ngates, ndirs;
    int64_t hidden, batch;
    bool biases;
    const Arg *weights; /* the list: per layer and direction w_ih, w_hh[, b_ih, b_hh] */
    int op;
};

/* A weight with its gates in the IR's order. */
static struct value *ordered(struct import *c, const struct layer *l, const Arg *a)
{
    static const int lstm[] = { 0, 3, 1, 2 }, gru[] = { 1, 0, 2 };
    const int *order = l->op == OP_LSTM ? lstm : gru;
    struct value *v = torch_value(c, a), *parts[4];

    if (l->ngates == 1 || v == NULL)
        return v;
    for (int i = 0; i < l->ngates; i++)
        if ((parts[i] = torch_sliced(c, v, 0, order[i] * l->hidden, (order[i] + 1) * l->hidden,
                                     1)) == NULL)
            return NULL;
    return torch_joined(c, l->ngates, parts, 0);
}

/* The directions' weights `which` (0 w_ih, 1 w_hh, 2 both biases) as (D, …). */
static struct value *stacked(struct import *c, const struct layer *l, int layer, int which)
{
    struct value *dirs[2];
    int each = l->biases ? 4 : 2;

    for (int d = 0; d < l->ndirs; d++) {
        size_t at = (size_t)((layer * l->ndirs + d) * each + which);
        struct value *v;

        if (at + (which == 2) >= l->weights->n_list) {
            torch_fail(c, "weights are missing");
            return NULL;
        }
        v = ordered(c, l, l->weights->list[at]);
        if (which == 2) {
            struct value *b = ordered(c, l, l->weights->list[at + 1]);

            v = v == NULL || b == NULL ? NULL : torch_joined(c, 2, (struct value *[]){ v, b }, 0);
        }
        dirs[d] = torch_two(c, OP_UNSQUEEZE, v, torch_const_ints(c, (int64_t[]){ 0 }, 1));
        if (dirs[d] == NULL)
            return NULL;
    }
    return l->ndirs == 1 ? dirs[0] : torch_joined(c, 2, dirs, 0);
}

/* This layer's part of an initial state (L D, B, H); NULL (and fine) where that is all zeros. */
static struct value *state(struct import *c, const struct layer *l, int layer, int which, bool *ok)
{
    const Arg *list = torch_arg(c, 1);
    const Arg *a = list == NULL || (size_t)which >= list->n_list ? NULL : list->list[which];
    struct value *v;

    if (a == NULL || torch_is_filled(c, a, 0))
        return NULL;
    v = torch_sliced(c, torch_value(c, a), 0, layer * l->ndirs, (layer + 1) * l->ndirs, 1);
    *ok = *ok && v != NULL;
    return v;
}

/* x (T, B, I) -> (T, B, D H); h and, of an LSTM, c are the last states. */
static struct value *run_layer(struct import *c, const struct layer *l, int layer, struct value *x,
                               int64_t steps, struct value **h, struct value **cell)
{
    struct value *in[7] = { x, stacked(c, l, layer, 0), stacked(c, l, layer, 1) };
    bool ok = true, lstm = l->op == OP_LSTM;
    struct node *n;
    struct value *y;
    int nin = 3;

    if (in[1] == NULL || in[2] == NULL)
        return NULL;
    if (l->biases && (in[3] = stacked(c, l, layer, 2)) == NULL)
        return NULL;
    in[5] = state(c, l, layer, 0, &ok);
    in[6] = lstm ? state(c, l, layer, 1, &ok) : NULL;
    if (!ok)
        return NULL;
    nin = in[6] != NULL ? 7 : in[5] != NULL ? 6 : in[3] != NULL ? 4 : 3;
    n = torch_node(c, (enum op_id)l->op, nin, in, lstm ? 3 : 2);
    if (n == NULL)
        return NULL;
    attr_set_int(c->m, n, "hidden_size", l->hidden);
    attr_set_string(c->m, n, "direction", l->ndirs == 2 ? "bidirectional" : "forward");
    if (l->op == OP_GRU)
        attr_set_int(c->m, n, "linear_before_reset", 1);
    if (strcmp(c->p->op, "rnn_relu") == 0)
        attr_set_string(c->m, n, "activations", l->ndirs == 2 ? "Relu Relu" : "Relu");
    if (torch_put(c, n) == NULL)
        return NULL;
    *h = n->out[1];
    *cell = lstm ? n->out[2] : NULL;
    if (l->ndirs == 1)
        return torch_reshaped(c, n->out[0], 3, (int64_t[]){ steps, l->batch, l->hidden });
    y = torch_transposed(c, n->out[0], 4, (int64_t[]){ 0, 2, 1, 3 });
    return torch_reshaped(c, y, 3, (int64_t[]){ steps, l->batch, 2 * l->hidden });
}

int torch_recurrent(struct import *c, int op)
{
    struct shape x = torch_dims(c, 0), h = torch_result_dims(c, 1);
    int64_t layers = torch_int(c, 4);
    bool first = torch_int(c, 6) != 0;
    struct layer l = { .ngates = op == OP_LSTM  ? 4
                                 : op == OP_GRU ? 3
                                                : 1,
                       .ndirs = torch_int(c, 5) != 0 ? 2 : 1,
                       .hidden = h.rank == 3 ? h.dim[2] : 0,
                       .batch = h.rank == 3 ? h.dim[1] : 0,
                       .biases = torch_int(c, 3) != 0,
                       .weights = torch_arg(c, 2),
                       .op = op };
    struct value *v = torch_in(c, 0), *hs[64], *cs[64];

    if (v == NULL)
        return -1;
    if (l.weights == NULL || x.rank != 3 || h.rank != 3 || layers < 1 || layers > 64 ||
        c->p->n_results != (op == OP_LSTM ? 3u : 2u))
        return torch_fail(c, "an impossible call");
    if (first)
        v = torch_transposed(c, v, 3, (int64_t[]){ 1, 0, 2 });
    for (int i = 0; i < layers; i++)
        if ((v = run_layer(c, &l, i, v, x.dim[first ? 1 : 0], &hs[i], &cs[i])) == NULL)
            return -1;
    if (first)
        v = torch_transposed(c, v, 3, (int64_t[]){ 1, 0, 2 });
    if (torch_result(c, 0, v) < 0 ||
        torch_result(c, 1, layers == 1 ? hs[0] : torch_joined(c, (int)layers, hs, 0)) < 0)
        return -1;
    return op != OP_LSTM
               ? 0
               : torch_result(c, 2, layers == 1 ? cs[0] : torch_joined(c, (int)layers, cs, 0));
}
