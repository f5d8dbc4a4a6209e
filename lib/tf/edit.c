/* edit.c: see edit.h. Everything a GraphDef consists of lives in one arena.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tf/edit.h"
#include "tf/inline.h"

enum { TYPE_FLOAT = 1, TYPE_BFLOAT16 = 14, TYPE_HALF = 19 }; /* types.proto */

/* "a:1" and "^a" are tensors of node "a". */
static const char *node_of(struct edit *d, const char *tensor)
{
    const char *colon = strrchr(tensor, ':');

    tensor += *tensor == '^';
    return colon == NULL ? tensor : arena_strndup(&d->arena, tensor, (size_t)(colon - tensor));
}

static const char *without_port(struct edit *d, const char *tensor)
{
    size_t n = strlen(tensor);

    return n > 2 && strcmp(tensor + n - 2, ":0") == 0 ? arena_strndup(&d->arena, tensor, n - 2)
                                                      : tensor;
}

int edit_open(struct edit *d, const struct model *m, bool as_it_came, struct err *e)
{
    ProtobufCAllocator allocator;

    *d = (struct edit){ .m = m };
    allocator = tf_allocator(&d->arena);
    d->graph = tensorflow__graph_def__unpack(&allocator, m->sourcesize, m->source);
    if (d->graph == NULL)
        return err_set(e, "SOURCE section is damaged");
    if (!as_it_came && tf_inline(&d->arena, d->graph, e) < 0)
        return -1;
    d->nplaces = (int)d->graph->n_node;
    d->places = NEW_ARRAY(struct place, d->graph->n_node + 1);
    for (int i = 0; i < d->nplaces; i++) {
        NodeDef *p = d->graph->node[i];

        if (p->name == NULL || p->op == NULL)
            return err_set(e, "SOURCE section is damaged");
        d->places[i].p = d->places[i].writer = p;
        d->places[i].name = p->name;
        names_put(&d->nodes, p->name, &d->places[i]);
        names_put(&d->taken, p->name, d);
    }
    for (int i = 0; i < d->nplaces; i++)
        for (size_t k = 0; k < d->graph->node[i]->n_input; k++) {
            struct place *from = names_get(&d->nodes, node_of(d, d->graph->node[i]->input[k]));

            if (from != NULL)
                from->read = true;
        }
    return 0;
}

void edit_close(struct edit *d)
{
    for (int i = 0; i < d->nplaces; i++) {
        free(d->places[i].before);
        free(d->places[i].after);
    }
    free(d->places);
    names_release(&d->nodes);
    names_release(&d->renamed);
    names_release(&d->taken);
    arena_release(&d->arena);
}

const char *edit_free_name(struct edit *d, const char *base)
{
    const char *name = base;

    for (int i = 1; names_get(&d->taken, name) != NULL; i++)
        name = arena_printf(&d->arena, "%s_%d", base, i);
    names_put(&d->taken, name, d);
    return name;
}

NodeDef *edit_new(struct edit *d, const char *op, const char *name, int nin, const char *const *in)
{
    NodeDef *p = arena_alloc(&d->arena, sizeof *p);

    tensorflow__node_def__init(p);
    p->op = (char *)op;
    p->name = (char *)name;
    p->n_input = (size_t)nin;
    p->input = nin > 0 ? arena_copy(&d->arena, in, (size_t)nin * sizeof *in) : NULL;
    return p;
}

void edit_before(struct edit *d, struct place *at, NodeDef *p)
{
    (void)d;
    GROW(at->before, at->nbefore, at->capbefore);
    at->before[at->nbefore++] = p;
}

void edit_after(struct edit *d, struct place *at, NodeDef *p)
{
    (void)d;
    GROW(at->after, at->nafter, at->capafter);
    at->after[at->nafter++] = p;
}

Tensorflow__AttrValue *edit_attr(struct edit *d, NodeDef *p, const char *key)
{
    Tensorflow__AttrValue *v = arena_alloc(&d->arena, sizeof *v);
    Tensorflow__AttrEntry *a, **grown;

    tensorflow__attr_value__init(v);
    for (size_t i = 0; i < p->n_attr; i++)
        if (p->attr[i]->key != NULL && strcmp(p->attr[i]->key, key) == 0) {
            p->attr[i]->value = v;
            return v;
        }
    a = arena_alloc(&d->arena, sizeof *a);
    tensorflow__attr_entry__init(a);
    a->key = (char *)key;
    a->value = v;
    grown = arena_alloc(&d->arena, (p->n_attr + 1) * sizeof *grown);
    if (p->n_attr > 0)
        memcpy(grown, p->attr, p->n_attr * sizeof *grown);
    grown[p->n_attr++] = a;
    p->attr = grown;
    return v;
}

void edit_attr_type(struct edit *d, NodeDef *p, const char *key, int type)
{
    Tensorflow__AttrValue *v = edit_attr(d, p, key);

    v->has_type = 1;
    v->type = type;
}

Tensorflow__TensorProto *edit_floats(struct edit *d, int type, int rank, const int64_t *dims,
                                     const float *v)
{
    enum dtype stored = type == TYPE_HALF ? DT_F16 : type == TYPE_BFLOAT16 ? DT_BF16 : DT_F32;
    struct shape shape = shape_of(rank, dims);
    size_t n = (size_t)shape_count(&shape);
    Tensorflow__TensorProto *t = arena_alloc(&d->arena, sizeof *t);

    tensorflow__tensor_proto__init(t);
    t->has_dtype = 1;
    t->dtype = type;
    t->tensor_shape = arena_alloc(&d->arena, sizeof *t->tensor_shape);
    tensorflow__tensor_shape_proto__init(t->tensor_shape);
    t->tensor_shape->n_dim = (size_t)rank;
    t->tensor_shape->dim = arena_alloc(&d->arena, (size_t)rank * sizeof *t->tensor_shape->dim);
    for (int i = 0; i < rank; i++) {
        Tensorflow__TensorShapeProto__Dim *dim = arena_alloc(&d->arena, sizeof *dim);

        tensorflow__tensor_shape_proto__dim__init(dim);
        dim->has_size = 1;
        dim->size = dims[i];
        t->tensor_shape->dim[i] = dim;
    }
    t->has_tensor_content = 1;
    t->tensor_content.len = n * dtype_size(stored);
    t->tensor_content.data = arena_alloc(&d->arena, t->tensor_content.len);
    dtype_from_f32(t->tensor_content.data, stored, v, n);
    return t;
}

NodeDef *edit_const(struct edit *d, const char *name, int rank, const int64_t *dims, const float *v)
{
    NodeDef *p = edit_new(d, "Const", edit_free_name(d, name), 0, NULL);

    edit_attr_type(d, p, "dtype", TYPE_FLOAT);
    edit_attr(d, p, "value")->tensor = edit_floats(d, TYPE_FLOAT, rank, dims, v);
    return p;
}

/* Does nothing read output k of the IdentityN that a call became? */
static bool is_idle(struct edit *d, const NodeDef *p, size_t k)
{
    const char *port = k == 0 ? p->name : arena_printf(&d->arena, "%s:%zu", p->name, k);

    if (strcmp(p->op, "IdentityN") != 0)
        return false;
    for (int i = 0; i < d->m->graph->nout; i++)
        if (strcmp(d->m->graph->out[i]->name, port) == 0)
            return false;
    for (int i = 0; i < d->nplaces; i++)
        for (size_t j = 0; j < d->places[i].p->n_input; j++)
            if (strcmp(without_port(d, d->places[i].p->input[j]), port) == 0)
                return false;
    return true;
}

/* How many inputs of the source's nodes read a node. */
static int count_readers(struct edit *d, const char *name)
{
    int n = 0;

    for (int i = 0; i < d->nplaces; i++)
        for (size_t k = 0; k < d->places[i].p->n_input; k++)
            n += strcmp(node_of(d, d->places[i].p->input[k]), name) == 0 &&
                 !is_idle(d, d->places[i].p, k);
    return n;
}

NodeDef *edit_own_const(struct edit *d, const char *tensor)
{
    for (int hops = 0; hops < d->nplaces; hops++) {
        struct place *at = names_get(&d->nodes, without_port(d, tensor));

        if (at == NULL || count_readers(d, at->p->name) != 1)
            return NULL;
        if (strcmp(at->p->op, "Const") == 0)
            return at->p;
        if ((strcmp(at->p->op, "Identity") != 0 && strcmp(at->p->op, "Enter") != 0) ||
            at->p->n_input < 1)
            return NULL;
        tensor = at->p->input[0];
    }
    return NULL;
}

void edit_redirect(struct edit *d, const char *from, const char *to)
{
    names_put(&d->renamed, from, (void *)to);
}

/* ---- carrying it out ---- */

static void redirect_node(struct edit *d, NodeDef *p)
{
    for (size_t k = 0; k < p->n_input; k++) {
        const char *to = names_get(&d->renamed, without_port(d, p->input[k]));

        if (to != NULL)
            p->input[k] = (char *)to;
    }
}

struct list {
    int n, cap;
    NodeDef **items;
};

static void push(struct list *l, NodeDef *p)
{
    GROW(l->items, l->n, l->cap);
    l->items[l->n++] = p;
}

/* Marks what the node needs. */
static void need(struct edit *d, struct names *all, struct names *needed, struct list *todo,
                 const char *tensor)
{
    const char *name = node_of(d, tensor);
    NodeDef *p = names_get(all, name);

    if (p == NULL || names_get(needed, name) != NULL)
        return;
    names_put(needed, name, p);
    push(todo, p);
}

void edit_finish(struct edit *d, const char *const *outputs, int noutputs)
{
    struct list all = { 0 }, todo = { 0 };
    struct names names = { 0 }, needed = { 0 };
    size_t kept = 0;

    for (int i = 0; i < d->nplaces; i++) {
        struct place *at = &d->places[i];

        redirect_node(d, at->p);
        for (int k = 0; k < at->nbefore; k++)
            push(&all, at->before[k]);
        push(&all, at->p);
        for (int k = 0; k < at->nafter; k++)
            push(&all, at->after[k]);
    }
    for (int i = 0; i < all.n; i++)
        names_put(&names, all.items[i]->name, all.items[i]);
    for (int i = 0; i < noutputs && outputs != NULL; i++)
        need(d, &names, &needed, &todo, outputs[i]);
    for (int i = 0; i < d->nplaces && outputs == NULL; i++)
        if (!d->places[i].read)
            need(d, &names, &needed, &todo, d->places[i].p->name);
    for (int i = 0; i < d->m->graph->nin; i++) /* an interface, read or not */
        need(d, &names, &needed, &todo, d->m->graph->in[i]->name);
    while (todo.n > 0) {
        const NodeDef *p = todo.items[--todo.n];

        for (size_t k = 0; k < p->n_input; k++)
            need(d, &names, &needed, &todo, p->input[k]);
    }
    d->graph->node = arena_alloc(&d->arena, (size_t)all.n * sizeof *d->graph->node);
    for (int i = 0; i < all.n; i++)
        if (names_get(&needed, all.items[i]->name) != NULL)
            d->graph->node[kept++] = all.items[i];
    d->graph->n_node = kept;
    free(all.items);
    free(todo.items);
    names_release(&names);
    names_release(&needed);
}

/* ---- writing ---- */

/* A reference becomes the bytes again; any message, by its descriptor. */
static int fill(const struct model *m, ProtobufCMessage *msg)
{
    const ProtobufCMessageDescriptor *d = msg->descriptor;

    if (d == &tensorflow__tensor_proto__descriptor) {
        Tensorflow__TensorProto *t = (Tensorflow__TensorProto *)msg;

        if (!t->has_datum)
            return 0;
        if (t->datum >= (uint64_t)m->ndata)
            return -1;
        t->has_datum = 0;
        t->has_tensor_content = 1;
        t->tensor_content.data = (uint8_t *)m->data[t->datum].p;
        t->tensor_content.len = m->data[t->datum].size;
        return 0;
    }
    for (unsigned i = 0; i < d->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &d->fields[i];
        char *at = (char *)msg + f->offset;

        if (f->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        if (f->label == PROTOBUF_C_LABEL_REPEATED) {
            ProtobufCMessage **list = *(ProtobufCMessage ***)(void *)at;
            size_t n = *(size_t *)(void *)((char *)msg + f->quantifier_offset);

            for (size_t k = 0; k < n; k++)
                if (fill(m, list[k]) < 0)
                    return -1;
        } else if (*(ProtobufCMessage **)(void *)at != NULL &&
                   fill(m, *(ProtobufCMessage **)(void *)at) < 0) {
            return -1;
        }
    }
    return 0;
}

struct sink {
    ProtobufCBuffer base;
    struct out *o;
};

static void sink_append(ProtobufCBuffer *b, size_t n, const uint8_t *p)
{
    out_put(((struct sink *)b)->o, p, n);
}

int edit_write(const struct edit *d, struct out *o, struct err *e)
{
    struct sink s = { { sink_append }, o };

    if (fill(d->m, &d->graph->base) < 0)
        return err_set(e, "SOURCE section is damaged");
    if (tensorflow__graph_def__get_packed_size(d->graph) > INT32_MAX)
        return err_set(e, "the graph exceeds the 2 GB that a GraphDef can have");
    tensorflow__graph_def__pack_to_buffer(d->graph, &s.base);
    return 0;
}
