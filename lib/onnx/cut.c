/* cut.c: see cut.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "onnx/cut.h"

/* What the source calls the value: its producer's output there. */
static const char *source_name(const struct edit *d, const struct value *v)
{
    const struct node *n = v->producer;

    for (int i = 0; n != NULL && d->ordinal[n->id] >= 0 && i < n->nout; i++)
        if (n->out[i] == v) {
            const struct source_node *s =
                &d->nodes[n->nabsorbed > 0 && i == 0 ? n->absorbed[n->nabsorbed - 1]
                                                     : d->ordinal[n->id]];

            if ((size_t)i < s->proto->n_output)
                return s->proto->output[i];
        }
    return v->name;
}

static Onnx__ValueInfoProto *declared(const Onnx__GraphProto *g, const char *name)
{
    for (size_t i = 0; i < g->n_output; i++)
        if (strcmp(g->output[i]->name, name) == 0)
            return g->output[i];
    for (size_t i = 0; i < g->n_value_info; i++)
        if (strcmp(g->value_info[i]->name, name) == 0)
            return g->value_info[i];
    return NULL;
}

/* An output of v's type and rank; its dims are left open, as batches may be. */
static Onnx__ValueInfoProto *declare(struct edit *d, const char *name, const struct value *from)
{
    struct shape open = from->shape;

    for (int i = 0; i < open.rank; i++)
        open.dim[i] = -1;
    return edit_declare(d, name, from->dtype, &open);
}

/* Everything that a node, subgraphs included, reads. */
static void need_inputs(struct names *needed, const Onnx__NodeProto *n)
{
    for (size_t k = 0; k < n->n_input; k++)
        names_put(needed, n->input[k], needed);
    for (size_t a = 0; a < n->n_attribute; a++)
        if (n->attribute[a]->g != NULL) {
            const Onnx__GraphProto *g = n->attribute[a]->g;

            for (size_t i = 0; i < g->n_node; i++)
                need_inputs(needed, g->node[i]);
            for (size_t i = 0; i < g->n_output; i++)
                names_put(needed, g->output[i]->name, needed);
        }
}

static bool is_needed(const struct names *needed, const Onnx__NodeProto *n)
{
    for (size_t k = 0; k < n->n_output; k++)
        if (n->output[k][0] != '\0' && names_get(needed, n->output[k]) != NULL)
            return true;
    return false;
}

static void drop_dead(struct edit *d)
{
    Onnx__GraphProto *g = d->proto->graph;
    struct names needed = { 0 };
    int ordinal = d->nnodes - 1;
    size_t kept = 0;

    for (size_t i = 0; i < g->n_output; i++)
        names_put(&needed, g->output[i]->name, d);
    for (size_t i = g->n_node; i-- > 0;) { /* the main graph is in topological order */
        while (d->nodes[ordinal].proto != g->node[i])
            ordinal--;
        if (is_needed(&needed, g->node[i]))
            need_inputs(&needed, g->node[i]);
        else
            d->nodes[ordinal].dropped = true;
    }
    for (size_t i = 0; i < g->n_input; i++)
        if (names_get(&needed, g->input[i]->name) != NULL)
            g->input[kept++] = g->input[i];
    g->n_input = kept;
    names_release(&needed);
}

bool edit_cut(struct edit *d)
{
    const struct graph *from = d->m->graph;
    Onnx__GraphProto *g = d->proto->graph;
    Onnx__ValueInfoProto **out = arena_alloc(&d->arena, (size_t)from->nout * sizeof *out);
    bool same = g->n_output == (size_t)from->nout;

    for (int i = 0; i < from->nout; i++) {
        const char *name = source_name(d, from->out[i]);

        out[i] = declared(g, name);
        same = same && strcmp(g->output[i]->name, name) == 0;
        if (out[i] == NULL)
            out[i] = declare(d, name, from->out[i]);
    }
    if (same)
        return false;
    g->output = out;
    g->n_output = (size_t)from->nout;
    drop_dead(d);
    return true;
}
