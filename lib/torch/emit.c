/* emit.c: see emit.h. A node's ordinal is its call's (import.c): what the plan says of a node becomes a
 * change to its call, and what import folded into it is not called any more.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "torch/context.h"
#include "torch/emit.h"
#include "torch/script.h"

struct emitter {
    struct script s;
    Trace *t;
    const struct plan *p;
    const struct emit_options *options;
    bool *present;       /* by call: a node of it is left */
    bool *read, *wanted; /* by value: by a call that is written; by any call */
    int *claimed;        /* by value: the call whose planned weight or bias took its name, -1 */
    struct issues issues;
    struct err *err;
};

/* ---- the source ---- */

static int open_source(struct emitter *x)
{
    struct script *s = &x->s;
    int *data, ndata;

    x->t = wire_unpack(&dopt__trace__trace__descriptor, s->m->source, s->m->sourcesize, x->err);
    if (x->t == NULL || source_check(x->t, UINT32_MAX, x->err) < 0)
        return err_at(x->err, "the trace is damaged");
    s->t = x->t;
    data = source_data(x->t, &s->arena, &ndata);
    s->slot_of = arena_alloc(&s->arena, (x->t->n_values + 1) * sizeof(int));
    for (size_t i = 0; i < x->t->n_values; i++) {
        const TraceValue *v = x->t->values[i];
        struct shape shape = source_shape(v);

        s->slot_of[i] = -1;
        if (v->kind != VALUE_STATE)
            continue;
        if (data[i] >= s->m->ndata || s->m->data[data[i]].size != (uint64_t)shape_count(&shape) *
                                                                      dtype_size(source_stored(v)))
            return err_set(x->err, "weight %.200s: its data are missing", v->name);
        GROW(s->slots, s->nslots, s->capslots);
        s->slot_of[i] = s->nslots;
        s->slots[s->nslots++] = (struct slot){ .name = v->name,
                                               .dtype = (enum dtype)v->dtype,
                                               .shape = shape,
                                               .parameter = v->parameter,
                                               .kept = true,
                                               .kind = SLOT_DATUM,
                                               .datum = data[i],
                                               .stored = source_stored(v) };
    }
    return 0;
}

static bool call_fits(const Call *p)
{
    const struct torch_op *row = torch_op_find(p->op);

    if (row == NULL || p->n_args < (size_t)row->args)
        return false;
    for (size_t i = 0; i < p->n_args; i++)
        for (const char *c = p->args[i]->s; *c != '\0'; c++)
            if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
                return false;
    return true;
}

/* ---- what the plan changes ---- */

static bool is_linear(const Call *p)
{
    return strncmp(p->op, "conv", 4) == 0 || strcmp(p->op, "linear") == 0 ||
           strcmp(p->op, "matmul") == 0;
}

static int change_node(struct emitter *x, const struct node *n, const struct plan_node *pn)
{
    int k = n->source, ncalls = (int)x->t->n_calls;
    struct change *c = &x->s.changes[k < 0 ? 0 : k];

    if (k < 0 || k >= ncalls || !is_linear(x->t->calls[k]) || c->node != NULL)
        return err_unsupported(
            x->err, "node %s: it has no call of its own in the source: use --to onnx", n->name);
    c->node = n;
    c->pn = pn;
    for (int i = 0; i < n->nabsorbed; i++) {
        int j = n->absorbed[i];

        if (j < 0 || j == k)
            continue;
        if (j < k || j >= ncalls || x->present[j])
            return err_unsupported(
                x->err, "node %s: what was folded into it is part of another call: use --to onnx",
                n->name);
        x->s.changes[j].absorbed = true;
        x->s.changes[j].into = k;
    }
    return 0;
}

static int change_nodes(struct emitter *x)
{
    const struct graph *g = x->s.m->graph;

    for (int i = 0; i < g->nnodes; i++)
        if (g->nodes[i]->source >= 0 && (size_t)g->nodes[i]->source < x->t->n_calls)
            x->present[g->nodes[i]->source] = true;
    for (int i = 0; i < g->nnodes && x->options->as != EMIT_FLOAT; i++) {
        const struct node *n = g->nodes[i];
        const struct plan_node *pn = node_weight(n) < 0 ? NULL : plan_node(x->p, n->name);

        if (pn != NULL && change_node(x, n, pn) < 0)
            return -1;
    }
    return 0;
}

/* ---- which calls are written ---- */

static void note(bool *read, const Arg *a)
{
    if (a->kind == ARG_VALUE)
        read[a->value] = true;
    for (size_t i = 0; i < a->n_list; i++)
        note(read, a->list[i]);
}

static bool has_bias(const struct change *c)
{
    return c->node != NULL && (node_bias_value(c->node) != NULL || c->pn->float_bias != NULL);
}

/* Backwards from the outputs. */
static void find_live(struct emitter *x)
{
    for (size_t i = 0; i < x->t->n_outputs; i++)
        x->read[x->t->outputs[i]->value] = true;
    for (size_t i = x->t->n_calls; i-- > 0;) {
        struct change *c = &x->s.changes[i];
        const Call *p = x->t->calls[i];

        for (size_t k = 0; k < p->n_results; k++)
            c->live |= x->read[p->results[k]];
        for (size_t k = 0; k < p->n_args; k++)
            note(x->wanted, p->args[k]);
        if (c->live && c->absorbed)
            x->read[x->t->calls[c->into]->results[0]] = true;
        for (size_t k = 0; c->live && !c->absorbed && k < p->n_args; k++)
            if (c->node == NULL || (k != 1 && (k != 2 || !has_bias(c))))
                note(x->read, p->args[k]);
    }
}

/* ---- the state dict ---- */

static struct slot *slot_named(struct emitter *x, const char *name)
{
    for (int i = 0; i < x->s.nslots; i++)
        if (strcmp(x->s.slots[i].name, name) == 0)
            return &x->s.slots[i];
    return NULL;
}

/* Weights that only folded or replaced calls read are gone, and a folded BatchNorm's counter. */
static void drop_slots(struct emitter *x)
{
    static const char counter[] = "num_batches_tracked";

    for (size_t i = 0; i < x->t->n_values; i++)
        if (x->s.slot_of[i] >= 0 && x->wanted[i] && !x->read[i])
            x->s.slots[x->s.slot_of[i]].kept = false;
    for (int i = 0; i < x->s.nslots; i++) {
        struct slot *s = &x->s.slots[i], *mean;
        size_t n = strlen(s->name), m = strlen(counter);

        if (n < m || strcmp(s->name + n - m, counter) != 0)
            continue;
        mean = slot_named(x, arena_printf(&x->s.arena, "%.*srunning_mean", (int)(n - m), s->name));
        s->kept = mean == NULL || mean->kept;
    }
}

static bool name_taken(struct emitter *x, const char *name)
{
    size_t n = strlen(name);

    for (int i = 0; i < x->s.nslots; i++) {
        const char *other = x->s.slots[i].name;

        if (strncmp(other, name, n) == 0 && (other[n] == '\0' || other[n] == '.'))
            return true;
    }
    return false;
}

static int new_slot(struct emitter *x, const char *base)
{
    const char *name = base;
    struct script *s = &x->s;

    for (int i = 2; name_taken(x, name); i++)
        name = arena_printf(&s->arena, "%s_%d", base, i);
    GROW(s->slots, s->nslots, s->capslots);
    s->slots[s->nslots] = (struct slot){ .name = name };
    return s->nslots++;
}

/* The slot of the call's argument if nobody else needs it, else one that is called like it. */
static int own_slot(struct emitter *x, int call, size_t arg, const char *otherwise)
{
    const Call *p = x->t->calls[call];
    const Arg *a = arg < p->n_args ? p->args[arg] : NULL;
    int slot = a != NULL && a->kind == ARG_VALUE ? x->s.slot_of[a->value] : -1;

    if (slot < 0)
        return new_slot(x, otherwise);
    if (x->read[a->value] || x->claimed[a->value] >= 0)
        return new_slot(x, x->s.slots[slot].name);
    x->claimed[a->value] = call;
    return slot;
}

static bool same_weight(const struct plan_node *a, const struct plan_node *b)
{
    return a->nweights == b->nweights && a->nscales == b->nscales &&
           memcmp(a->weight, b->weight, a->nweights) == 0 &&
           memcmp(a->scales, b->scales, (size_t)a->nscales * sizeof *a->scales) == 0;
}

/* torch has no int8 with scales along groups of a grouped ConvTranspose, nor for matrices in a batch. */
static bool stores_int8(const struct emitter *x, const struct node *n, const struct plan_node *pn)
{
    return x->options->as == EMIT_QDQ &&
           (pn->nscales == 1 || (node_weight_view(n).groups == 1 &&
                                 (n->op->weight != WEIGHT_MATMUL || n->in[1]->shape.rank == 2)));
}

static void place_weight(struct emitter *x, int call, struct change *c)
{
    const Arg *a = x->t->calls[call]->args[1];
    int by = a->kind == ARG_VALUE ? x->claimed[a->value] : -1;
    struct slot *s;

    if (by >= 0 && same_weight(c->pn, x->s.changes[by].pn) && x->s.changes[by].weight >= 0) {
        c->weight = x->s.changes[by].weight;
        return;
    }
    c->weight =
        own_slot(x, call, 1, arena_printf(&x->s.arena, "%s.weight", x->t->calls[call]->name));
    s = &x->s.slots[c->weight];
    *s = (struct slot){ .name = s->name,
                        .dtype = DT_F32,
                        .shape = c->node->in[1]->shape,
                        .kept = true,
                        .kind = stores_int8(x, c->node, c->pn) ? SLOT_INT8 : SLOT_GRID,
                        .pn = c->pn,
                        .view = node_weight_view(c->node) };
    s->parameter = s->kind == SLOT_GRID;
}

/* As floats: corrected, or in the plan's int32 steps where the tensors are quantized too. */
static float *bias_floats(struct emitter *x, const struct change *c, int64_t *count)
{
    const struct value *b = node_bias_value(c->node);
    const struct plan_node *pn = c->pn;
    float *v;

    *count = b != NULL ? shape_count(&b->shape) : (int64_t)pn->nbias;
    v = arena_alloc(&x->s.arena, (size_t)*count * sizeof *v);
    if (x->options->as == EMIT_QDQ && pn->bias != NULL)
        for (int64_t i = 0; i < *count; i++)
            v[i] = (float)pn->bias[i] *
                   (x->p->tensors[pn->tensor].scale * pn->scales[pn->nscales == 1 ? 0 : i]);
    else if (pn->float_bias != NULL)
        memcpy(v, pn->float_bias, (size_t)*count * sizeof *v);
    else
        constant_f32(x->s.m, b, v);
    return v;
}

static void place_bias(struct emitter *x, int call, struct change *c)
{
    const char *weight = x->s.slots[c->weight].name, *dot = strrchr(weight, '.');
    int64_t count;
    float *v;
    struct slot *s;

    c->bias = -1;
    if (!has_bias(c))
        return;
    v = bias_floats(x, c, &count);
    c->bias = own_slot(
        x, call, 2,
        dot == NULL ? "bias" : arena_printf(&x->s.arena, "%.*s.bias", (int)(dot - weight), weight));
    s = &x->s.slots[c->bias];
    *s = (struct slot){ .name = s->name,
                        .dtype = DT_F32,
                        .shape = shape_of(1, &count),
                        .parameter = true,
                        .kept = true,
                        .kind = SLOT_FLOATS,
                        .floats = v };
}

static void place_slots(struct emitter *x)
{
    drop_slots(x);
    for (size_t i = 0; i < x->t->n_calls; i++) {
        struct change *c = &x->s.changes[i];

        if (c->node == NULL || !c->live)
            continue;
        place_weight(x, (int)i, c);
        place_bias(x, (int)i, c);
    }
}

/* ---- activations ---- */

struct readers {
    const struct node *one; /* one of them, inside the call */
    bool outside;           /* another call reads it, or it is an output */
};

static int call_of(const struct node *n)
{
    return n->nabsorbed > 0 ? n->absorbed[n->nabsorbed - 1] : n->source;
}

static struct readers readers_of(const struct emitter *x, const struct value *v, int call)
{
    const struct graph *g = x->s.m->graph;
    struct readers r = { NULL, false };

    for (int i = 0; i < g->nout; i++)
        r.outside |= g->out[i] == v;
    for (int i = 0; i < g->nnodes; i++)
        for (int k = 0; k < g->nodes[i]->nin; k++) {
            if (g->nodes[i]->in[k] != v)
                continue;
            if (g->nodes[i]->source == call)
                r.one = g->nodes[i];
            else
                r.outside = true;
        }
    return r;
}

static int trace_input(const struct emitter *x, const struct value *v)
{
    const struct graph *g = x->s.m->graph;
    int n = 0;

    for (size_t i = 0; i < x->t->n_values; i++)
        if (x->t->values[i]->kind == VALUE_INPUT && n < g->nin && g->in[n++] == v)
            return (int)i;
    return -1;
}

/* Where v is in the trace: a value, the first argument of a call, or inside a silu. Moving elements before or
 * after they are quantized is the same. */
static void carry_value(struct emitter *x, const struct value *v, const struct plan_tensor *t)
{
    const struct node *n = v->producer;
    int call = n == NULL ? -1 : call_of(n), port = 0;
    struct readers r;

    if (n == NULL) {
        int i = trace_input(x, v);

        if (i >= 0)
            x->s.carry[i] = t;
        return;
    }
    if (call < 0 || (size_t)call >= x->t->n_calls)
        return;
    r = readers_of(x, v, call);
    while (!r.outside && r.one != NULL && r.one->op->point == POINT_PASS && r.one->in[0] == v) {
        v = r.one->out[0];
        n = r.one;
        r = readers_of(x, v, call);
    }
    while (port < n->nout && n->out[port] != v)
        port++;
    if (r.outside || r.one == NULL) {
        const Call *p = x->t->calls[call];

        if (p->n_results == 1 || (size_t)port < p->n_results)
            x->s.carry[p->results[p->n_results == 1 ? 0 : port]] = t;
    } else if (n->op->point == POINT_PASS && n->in[0] != NULL &&
               (n->in[0]->producer == NULL || call_of(n->in[0]->producer) != call)) {
        x->s.changes[call].input = t;
    } else if (strcmp(x->t->calls[call]->op, "silu") == 0) {
        x->s.changes[call].inner = t;
    }
}

static void carry_values(struct emitter *x)
{
    const struct plan_tensor **carry;

    if (x->options->as != EMIT_QDQ)
        return;
    carry = chain_find(x->s.m, x->p, x->options->chain);
    for (int i = 0; i < x->s.m->nvalues; i++)
        if (carry[i] != NULL && x->s.m->values[i]->constant == NULL)
            carry_value(x, x->s.m->values[i], carry[i]);
    free(carry);
}

/* ---- forward() ---- */

static void name_inputs(struct emitter *x)
{
    struct names taken = { 0 };
    const char *prefix = "v";

    x->s.inputs = arena_alloc(&x->s.arena, (x->t->n_values + 1) * sizeof(char *));
    for (size_t i = 0; i < x->t->n_values; i++) {
        char *name;

        if (x->t->values[i]->kind != VALUE_INPUT)
            continue;
        name = arena_strdup(&x->s.arena, x->t->values[i]->name);
        for (char *c = name; *c != '\0'; c++)
            if (strchr("0123456789_", *c) == NULL && ((*c | 32) < 'a' || (*c | 32) > 'z'))
                *c = '_';
        while (!spell_is_name(name) || names_get(&taken, name) != NULL)
            name = arena_printf(&x->s.arena, "input_%s", name);
        names_put(&taken, name, name);
        x->s.inputs[i] = name;
        while (strncmp(name, prefix, strlen(prefix)) == 0)
            prefix = arena_printf(&x->s.arena, "%s_", prefix);
    }
    x->s.prefix = prefix;
    names_release(&taken);
}

static void number_constants(struct emitter *x)
{
    x->s.constants = arena_alloc(&x->s.arena, (x->t->n_values + 1) * sizeof(int));
    for (size_t i = 0; i < x->t->n_values; i++)
        x->s.constants[i] =
            x->read[i] && x->t->values[i]->kind == VALUE_LITERAL ? x->s.nconstants++ : -1;
}

/* output, output_0, …: a tensor or several; else forward() gave a dict. */
static bool is_dict(const Trace *t)
{
    for (size_t i = 0; i < t->n_outputs; i++) {
        const char *name = t->outputs[i]->name;

        if (strcmp(name, "output") != 0 && strncmp(name, "output_", 7) != 0)
            return true;
    }
    return false;
}

static void put_returns(struct emitter *x, struct buf *out)
{
    const Trace *t = x->t;
    bool dict = is_dict(t), tuple = !dict && t->n_outputs > 1;

    buf_str(out, dict ? "    return {" : tuple ? "    return (" : "    return ");
    for (size_t i = 0; i < t->n_outputs; i++) {
        if (i > 0)
            buf_str(out, ", ");
        if (dict)
            buf_printf(out, "\"%s\": ", t->outputs[i]->name);
        spell_value(&x->s, t->outputs[i]->value, out);
    }
    buf_str(out, dict ? "}\n" : tuple ? ")\n" : "\n");
}

static void put_forward(struct emitter *x, struct buf *out)
{
    const Trace *t = x->t;

    buf_printf(out, "  def forward(self: __torch__.%s", x->s.class);
    for (size_t i = 0; i < t->n_values; i++)
        if (t->values[i]->kind == VALUE_INPUT)
            buf_printf(out, ",\n    %s: Tensor", x->s.inputs[i]);
    buf_str(out, ") -> ");
    if (is_dict(t))
        buf_str(out, "Dict[str, Tensor]");
    else if (t->n_outputs == 1)
        buf_str(out, "Tensor");
    else
        for (size_t i = 0; i < t->n_outputs; i++)
            buf_str(out, i == 0 ? "Tuple[Tensor" : ", Tensor");
    buf_str(out, !is_dict(t) && t->n_outputs > 1 ? "]:\n" : ":\n");
    spell_calls(&x->s, out, &x->issues);
    put_returns(x, out);
}

static int check_calls(struct emitter *x)
{
    for (size_t i = 0; i < x->t->n_calls; i++)
        if (!call_fits(x->t->calls[i]))
            return err_set(x->err, "the trace is damaged: call %zu", i);
    for (size_t i = 0; i < x->t->n_outputs; i++)
        for (const char *c = x->t->outputs[i]->name; *c != '\0'; c++)
            if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
                return err_unsupported(x->err, "output %.200s: TorchScript cannot have this name",
                                       x->t->outputs[i]->name);
    return 0;
}

static void emitter_init(struct emitter *x)
{
    size_t nvalues = x->t->n_values + 1, ncalls = x->t->n_calls + 1;
    struct arena *a = &x->s.arena;

    x->s.changes = arena_alloc(a, ncalls * sizeof *x->s.changes);
    for (size_t i = 0; i < ncalls; i++)
        x->s.changes[i].weight = x->s.changes[i].bias = -1;
    x->s.carry = arena_alloc(a, nvalues * sizeof *x->s.carry);
    x->present = arena_alloc(a, ncalls * sizeof *x->present);
    x->read = arena_alloc(a, nvalues * sizeof *x->read);
    x->wanted = arena_alloc(a, nvalues * sizeof *x->wanted);
    x->claimed = arena_alloc(a, nvalues * sizeof *x->claimed);
    for (size_t i = 0; i < nvalues; i++)
        x->claimed[i] = -1;
    x->s.class = spell_is_name(x->t->entry) ? x->t->entry : "Model";
}

int torch_emit(const struct model *m, const struct plan *p, const struct emit_options *options,
               struct out *o, struct err *e)
{
    struct emitter x = { .s = { .m = m, .err = e }, .p = p, .options = options, .err = e };
    struct buf forward = { 0 };
    int rc = -1;

    if ((p != NULL && plan_fits(p, m, e) < 0) || open_source(&x) < 0)
        goto out;
    emitter_init(&x);
    if (check_calls(&x) < 0 || change_nodes(&x) < 0)
        goto out;
    find_live(&x);
    place_slots(&x);
    carry_values(&x);
    name_inputs(&x);
    number_constants(&x);
    put_forward(&x, &forward);
    rc = x.issues.n > 0 ? issues_report(&x.issues, e) : module_write(&x.s, &forward, o);
out:
    if (x.t != NULL)
        dopt__trace__trace__free_unpacked(x.t, NULL);
    free(x.s.slots);
    buf_release(&forward);
    buf_release(&x.issues.text);
    arena_release(&x.s.arena);
    return rc;
}
