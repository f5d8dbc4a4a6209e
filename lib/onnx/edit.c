/* edit.c: see edit.h. Everything a ModelProto consists of lives in one arena.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/edit.h"
#include "onnx/strip.h"

static void *proto_alloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void proto_free(void *arena, void *p)
{
    (void)arena;
    (void)p;
}

static void take(struct edit *d, const char *name)
{
    if (name != NULL && name[0] != '\0')
        names_put(&d->taken, name, d);
}

static void take_graph(struct edit *d, const Onnx__GraphProto *g)
{
    for (size_t i = 0; i < g->n_initializer; i++)
        take(d, g->initializer[i]->name);
    for (size_t i = 0; i < g->n_input; i++)
        take(d, g->input[i]->name);
    for (size_t i = 0; i < g->n_node; i++) {
        take(d, g->node[i]->name);
        for (size_t k = 0; k < g->node[i]->n_output; k++)
            take(d, g->node[i]->output[k]);
        for (size_t a = 0; a < g->node[i]->n_attribute; a++)
            if (g->node[i]->attribute[a]->g != NULL)
                take_graph(d, g->node[i]->attribute[a]->g);
    }
}

/* Depth first: a node, then the nodes of the graphs it holds. The import counts the same way. */
static void index_graph(struct edit *d, Onnx__GraphProto *g, int *cap)
{
    for (size_t i = 0; i < g->n_node; i++) {
        Onnx__NodeProto *n = g->node[i];

        GROW(d->nodes, d->nnodes, *cap);
        d->nodes[d->nnodes++] = (struct source_node){ .proto = n };
        for (size_t a = 0; a < n->n_attribute; a++)
            if (n->attribute[a]->g != NULL)
                index_graph(d, n->attribute[a]->g, cap);
    }
}

void edit_index(struct edit *d)
{
    int cap = 0;

    free(d->nodes);
    d->nodes = NULL;
    d->nnodes = 0;
    index_graph(d, d->proto->graph, &cap);
    take_graph(d, d->proto->graph);
}

int edit_init(struct edit *d, const struct model *m, const void *bytes, size_t size, struct err *e)
{
    ProtobufCAllocator allocator = { proto_alloc, proto_free, NULL };

    *d = (struct edit){ .m = m };
    allocator.allocator_data = &d->arena;
    d->proto = onnx__model_proto__unpack(&allocator, size, bytes);
    if (d->proto == NULL || d->proto->graph == NULL)
        return err_set(e, "SOURCE section is damaged");
    edit_index(d);
    return 0;
}

void edit_release(struct edit *d)
{
    for (int i = 0; i < d->nnodes; i++) {
        free(d->nodes[i].before.items);
        free(d->nodes[i].after.items);
    }
    free(d->nodes);
    free(d->ordinal);
    free(d->front.items);
    free(d->fresh);
    names_release(&d->taken);
    names_release(&d->replaced);
    names_release(&d->weights);
    arena_release(&d->arena);
}

const char *edit_name(struct edit *d, const char *base, const char *suffix)
{
    const char *name = arena_printf(&d->arena, "%s%s", base, suffix);

    for (int i = 1; names_get(&d->taken, name) != NULL; i++)
        name = arena_printf(&d->arena, "%s%s_%d", base, suffix, i);
    take(d, name);
    return name;
}

static void set_i64(protobuf_c_boolean *has, int64_t *at, int64_t v)
{
    *has = 1;
    *at = v;
}

/* As onnx_refer (strip.h), in the arena. */
static void refer(struct edit *d, Onnx__TensorProto *t, int datum)
{
    Onnx__StringStringEntryProto *entry = arena_alloc(&d->arena, 2 * sizeof *entry);

    t->n_external_data = 2;
    t->external_data = arena_alloc(&d->arena, 2 * sizeof *t->external_data);
    for (int i = 0; i < 2; i++) {
        onnx__string_string_entry_proto__init(&entry[i]);
        t->external_data[i] = &entry[i];
    }
    entry[0].key = (char *)"location";
    entry[0].value = (char *)"dopt";
    entry[1].key = (char *)"datum";
    entry[1].value = arena_printf(&d->arena, "%d", datum);
    t->has_data_location = 1;
    t->data_location = 1;
}

Onnx__TensorProto *edit_tensor(struct edit *d, const char *name, enum dtype dtype, int rank,
                               const int64_t *dims, struct fresh data)
{
    Onnx__TensorProto *t = arena_alloc(&d->arena, sizeof *t);

    onnx__tensor_proto__init(t);
    t->name = (char *)name;
    t->has_data_type = 1;
    t->data_type = (int32_t)dtype;
    t->n_dims = (size_t)rank;
    t->dims = arena_copy(&d->arena, dims, (size_t)rank * sizeof *dims);
    edit_refer(d, t, data);
    return t;
}

void edit_refer(struct edit *d, Onnx__TensorProto *t, struct fresh data)
{
    struct shape shape = shape_of((int)t->n_dims, t->dims);

    data.dtype = (enum dtype)t->data_type;
    data.size = (uint64_t)shape_count(&shape) * dtype_size(data.dtype);
    t->n_float_data = t->n_int32_data = t->n_int64_data = t->n_double_data = t->n_uint64_data = 0;
    t->has_raw_data = 0;
    refer(d, t, d->m->ndata + d->nfresh);
    GROW(d->fresh, d->nfresh, d->capfresh);
    d->fresh[d->nfresh++] = data;
}

/* Appends p to a protobuf-c list that lives in the arena. */
static void **append(struct edit *d, void **items, size_t *n, void *p)
{
    void **grown = arena_alloc(&d->arena, (*n + 1) * sizeof *grown);

    if (*n > 0)
        memcpy(grown, items, *n * sizeof *grown);
    grown[(*n)++] = p;
    return grown;
}

Onnx__ValueInfoProto *edit_declare(struct edit *d, const char *name, enum dtype dtype,
                                   const struct shape *shape)
{
    Onnx__ValueInfoProto *v = arena_alloc(&d->arena, sizeof *v);
    Onnx__TypeProto *type = arena_alloc(&d->arena, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = arena_alloc(&d->arena, sizeof *tensor);

    onnx__value_info_proto__init(v);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    v->name = (char *)name;
    v->type = type;
    type->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = (int32_t)(dtype == DT_NONE ? DT_F32 : dtype);
    if (shape->rank < 0)
        return v;
    tensor->shape = arena_alloc(&d->arena, sizeof *tensor->shape);
    onnx__tensor_shape_proto__init(tensor->shape);
    for (int i = 0; i < shape->rank; i++) {
        Onnx__TensorShapeProto__Dimension *dim = arena_alloc(&d->arena, sizeof *dim);

        onnx__tensor_shape_proto__dimension__init(dim);
        if (shape->dim[i] >= 0)
            set_i64(&dim->has_dim_value, &dim->dim_value, shape->dim[i]);
        else
            dim->dim_param = arena_printf(&d->arena, "%s_dim%d", name, i);
        tensor->shape->dim =
            (void *)append(d, (void **)tensor->shape->dim, &tensor->shape->n_dim, dim);
    }
    return v;
}

const char *edit_constant(struct edit *d, const char *name, enum dtype dtype, int rank,
                          const int64_t *dims, struct fresh data)
{
    Onnx__GraphProto *g = d->proto->graph;
    Onnx__TensorProto *t = edit_tensor(d, name, dtype, rank, dims, data);

    g->initializer = (void *)append(d, (void **)g->initializer, &g->n_initializer, t);
    if (d->proto->ir_version < 4) { /* there initializers are graph inputs with a value */
        struct shape shape = shape_of(rank, dims);

        g->input = (void *)append(d, (void **)g->input, &g->n_input,
                                  edit_declare(d, t->name, dtype, &shape));
    }
    return t->name;
}

static bool same_weight(const struct plan_node *a, const struct plan_node *b)
{
    return a->nscales == b->nscales && a->nweights == b->nweights &&
           memcmp(a->scales, b->scales, (size_t)a->nscales * sizeof *a->scales) == 0 &&
           (a->weight == b->weight || memcmp(a->weight, b->weight, a->nweights) == 0);
}

struct made {
    const struct plan_node *node;
    const char *name;
};

static const char *weight_key(struct edit *d, const struct plan_node *pn, const char *suffix)
{
    return arena_printf(&d->arena, "%s%s", pn->weight_name, suffix);
}

const char *edit_find_weight(struct edit *d, const struct plan_node *pn, const char *suffix)
{
    const struct made *made = names_get(&d->weights, weight_key(d, pn, suffix));

    return made != NULL && same_weight(made->node, pn) ? made->name : NULL;
}

const char *edit_weight(struct edit *d, const struct plan_node *pn, const char *suffix,
                        enum dtype dtype, const struct shape *shape, struct fresh data)
{
    const char *name = edit_find_weight(d, pn, suffix);
    struct made made;

    if (name != NULL)
        return name;
    name = edit_constant(d, edit_name(d, pn->weight_name, suffix), dtype, shape->rank, shape->dim,
                         data);
    made = (struct made){ pn, name };
    names_put(&d->weights, weight_key(d, pn, suffix), arena_copy(&d->arena, &made, sizeof made));
    return name;
}

Onnx__NodeProto *edit_node(struct edit *d, const char *op, const char *name, int nin,
                           const char *const *in, const char *out)
{
    Onnx__NodeProto *n = arena_alloc(&d->arena, sizeof *n);

    onnx__node_proto__init(n);
    n->op_type = (char *)op;
    n->name = (char *)name;
    n->n_input = (size_t)nin;
    n->input = arena_copy(&d->arena, in, (size_t)nin * sizeof *in);
    n->n_output = 1;
    n->output = arena_alloc(&d->arena, sizeof *n->output);
    n->output[0] = (char *)out;
    return n;
}

void edit_attr_int(struct edit *d, Onnx__NodeProto *n, const char *name, int64_t i)
{
    Onnx__AttributeProto *a = arena_alloc(&d->arena, sizeof *a);

    onnx__attribute_proto__init(a);
    a->name = (char *)name;
    a->has_type = 1;
    a->type = 2;
    set_i64(&a->has_i, &a->i, i);
    n->attribute = (void *)append(d, (void **)n->attribute, &n->n_attribute, a);
}

void edit_add(struct edit *d, struct list *l, Onnx__NodeProto *n)
{
    (void)d;
    GROW(l->items, l->n, l->cap);
    l->items[l->n++] = n;
}

void edit_set_input(struct edit *d, Onnx__NodeProto *n, int i, const char *name)
{
    while (n->n_input <= (size_t)i)
        n->input = (void *)append(d, (void **)n->input, &n->n_input, (char *)"");
    if (n->input[i][0] != '\0')
        names_put(&d->replaced, n->input[i], d);
    n->input[i] = (char *)name;
}

static int count_uses(const Onnx__GraphProto *g, const char *name)
{
    int uses = 0;

    for (size_t i = 0; i < g->n_node; i++) {
        for (size_t k = 0; k < g->node[i]->n_input; k++)
            uses += strcmp(g->node[i]->input[k], name) == 0;
        for (size_t a = 0; a < g->node[i]->n_attribute; a++)
            if (g->node[i]->attribute[a]->g != NULL)
                uses += count_uses(g->node[i]->attribute[a]->g, name);
    }
    for (size_t i = 0; i < g->n_output; i++)
        uses += strcmp(g->output[i]->name, name) == 0;
    return uses;
}

Onnx__TensorProto *edit_own_initializer(struct edit *d, const char *name)
{
    const Onnx__GraphProto *g = d->proto->graph;

    for (size_t i = 0; i < g->n_initializer; i++)
        if (strcmp(g->initializer[i]->name, name) == 0)
            return count_uses(g, name) == 1 ? g->initializer[i] : NULL;
    return NULL;
}

static void rename_graph(Onnx__GraphProto *g, const char *from, const char *to)
{
    for (size_t i = 0; i < g->n_node; i++) {
        for (size_t k = 0; k < g->node[i]->n_input; k++)
            if (strcmp(g->node[i]->input[k], from) == 0)
                g->node[i]->input[k] = (char *)to;
        for (size_t a = 0; a < g->node[i]->n_attribute; a++)
            if (g->node[i]->attribute[a]->g != NULL)
                rename_graph(g->node[i]->attribute[a]->g, from, to);
    }
}

void edit_rename_uses(struct edit *d, const char *from, const char *to)
{
    rename_graph(d->proto->graph, from, to);
}

static void apply_graph(struct edit *d, Onnx__GraphProto *g, int *ordinal, const struct list *front)
{
    struct list all = { 0 };

    for (int i = 0; front != NULL && i < front->n; i++)
        edit_add(d, &all, front->items[i]);
    for (size_t i = 0; i < g->n_node; i++) {
        struct source_node *s = &d->nodes[(*ordinal)++];

        for (int k = 0; k < s->before.n; k++)
            edit_add(d, &all, s->before.items[k]);
        if (!s->dropped)
            edit_add(d, &all, s->proto);
        for (int k = 0; k < s->after.n; k++)
            edit_add(d, &all, s->after.items[k]);
        for (size_t a = 0; a < s->proto->n_attribute; a++)
            if (s->proto->attribute[a]->g != NULL)
                apply_graph(d, s->proto->attribute[a]->g, ordinal, NULL);
    }
    g->node = arena_copy(&d->arena, all.items, (size_t)all.n * sizeof *g->node);
    g->n_node = (size_t)all.n;
    free(all.items);
}

static void note_uses(struct names *used, const Onnx__GraphProto *g)
{
    for (size_t i = 0; i < g->n_node; i++) {
        for (size_t k = 0; k < g->node[i]->n_input; k++)
            names_put(used, g->node[i]->input[k], used);
        for (size_t a = 0; a < g->node[i]->n_attribute; a++)
            if (g->node[i]->attribute[a]->g != NULL)
                note_uses(used, g->node[i]->attribute[a]->g);
    }
    for (size_t i = 0; i < g->n_output; i++)
        names_put(used, g->output[i]->name, used);
}

/* Drops the nodes all of whose outputs lost their last reader to this edit (weights as Constant nodes, with
 * what leads from them to their reader); what they read has lost one too. True if there were any. */
static bool drop_unread_nodes(struct edit *d)
{
    Onnx__GraphProto *g = d->proto->graph;
    struct names used = { 0 };
    size_t kept = 0, n = g->n_node;

    note_uses(&used, g);
    for (size_t i = 0; i < n; i++) {
        Onnx__NodeProto *p = g->node[i];
        bool lost = false, read = false;

        for (size_t k = 0; k < p->n_output; k++) {
            lost |= names_get(&d->replaced, p->output[k]) != NULL;
            read |= names_get(&used, p->output[k]) != NULL;
        }
        if (!lost || read) {
            g->node[kept++] = p;
            continue;
        }
        for (size_t k = 0; k < p->n_input; k++)
            if (p->input[k][0] != '\0')
                names_put(&d->replaced, p->input[k], d);
    }
    g->n_node = kept;
    names_release(&used);
    return kept < n;
}

/* Initializers that lost their last reader to this edit go, with the inputs that declare them. */
static void drop_unread(struct edit *d)
{
    Onnx__GraphProto *g = d->proto->graph;
    struct names used = { 0 }, gone = { 0 };
    size_t kept = 0;

    note_uses(&used, g);
    for (size_t i = 0; i < g->n_initializer; i++) {
        const char *name = g->initializer[i]->name;

        if (names_get(&d->replaced, name) != NULL && names_get(&used, name) == NULL)
            names_put(&gone, name, d);
        else
            g->initializer[kept++] = g->initializer[i];
    }
    g->n_initializer = kept;
    kept = 0;
    for (size_t i = 0; i < g->n_input; i++)
        if (names_get(&gone, g->input[i]->name) == NULL)
            g->input[kept++] = g->input[i];
    g->n_input = kept;
    names_release(&used);
    names_release(&gone);
}

void edit_apply(struct edit *d)
{
    int ordinal = 0;

    for (int i = 0; i < d->nnodes; i++)
        if (d->nodes[i].dropped)
            for (size_t k = 0; k < d->nodes[i].proto->n_input; k++)
                names_put(&d->replaced, d->nodes[i].proto->input[k], d);
    apply_graph(d, d->proto->graph, &ordinal, &d->front);
    while (drop_unread_nodes(d))
        continue;
    drop_unread(d);
}

static void grid_put(const struct fresh *f, struct out *o)
{
    float *grid = mem_alloc(f->node->nweights * sizeof *grid);

    plan_weight_grid(f->node, &f->view, grid);
    dtype_from_f32(grid, f->dtype, grid, f->node->nweights); /* narrows in place */
    out_put(o, grid, f->size);
    free(grid);
}

/* Floats that are computed (a constant with its factors) or at hand, as f->dtype. */
static void floats_put(const struct fresh *f, const struct model *m, struct out *o)
{
    size_t n = f->size / dtype_size(f->dtype);
    float *wide = mem_alloc(n * sizeof *wide);

    if (f->kind == FRESH_F32)
        constant_f32(m, f->value, wide);
    else
        memcpy(wide, f->bytes, n * sizeof *wide);
    dtype_from_f32(wide, f->dtype, wide, n); /* narrows in place: never ahead of what is read */
    out_put(o, wide, f->size);
    free(wide);
}

void fresh_put(const struct fresh *f, const struct model *m, struct out *o)
{
    if (f->kind == FRESH_GRID)
        grid_put(f, o);
    else if (f->kind == FRESH_F32 || f->kind == FRESH_FLOATS)
        floats_put(f, m, o);
    else
        out_put(o, f->bytes, f->size);
}

int64_t onnx_opset(const Onnx__ModelProto *m)
{
    for (size_t i = 0; i < m->n_opset_import; i++)
        if (m->opset_import[i]->domain == NULL || m->opset_import[i]->domain[0] == '\0' ||
            strcmp(m->opset_import[i]->domain, "ai.onnx") == 0)
            return m->opset_import[i]->version;
    return 1;
}
