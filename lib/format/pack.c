/* pack.c: struct model to MODEL, and where its data go; see model.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/wire.h"
#include "format/model.h"
#include "model.pb-c.h"
#include "op/op.h"

enum { ALIGN = 64 };

void layout_init(struct layout *l, const struct model *m, bool linked)
{
    *l = (struct layout){ NEW_ARRAY(uint64_t, (size_t)m->ndata), NEW_ARRAY(int, (size_t)m->ndata),
                          0 };
    for (int i = 0; i < m->ndata; i++) {
        const struct datum *d = &m->data[i];

        l->link[i] = -1;
        for (int k = 0; linked && k < m->nlinks && l->link[i] < 0; k++) {
            const struct blob *b = &m->links[k].blob;

            if (d->size > 0 && d->p >= b->data && d->p < b->data + b->size) {
                l->link[i] = k;
                l->offset[i] = (uint64_t)(d->p - b->data);
            }
        }
        if (l->link[i] >= 0)
            continue;
        l->offset[i] = (l->size + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
        if (d->size > 0)
            l->size = l->offset[i] + d->size;
        else
            l->offset[i] = 0;
    }
}

void layout_release(struct layout *l)
{
    free(l->offset);
    free(l->link);
}

/* Everything packed is built in an arena: protobuf-c only reads it. */
struct packer {
    struct arena arena;
    const struct model *m;
};

#define MAKE(p, Type, init) ((Type *)arena_copy(&(p)->arena, &(Type)init, sizeof(Type)))

static uint32_t id_plus(const struct value *v)
{
    return v == NULL ? 0 : (uint32_t)v->id + 1;
}

static uint32_t *ids(struct packer *p, struct value *const *v, int n, uint32_t plus)
{
    uint32_t *out = arena_alloc(&p->arena, (size_t)n * sizeof *out);

    for (int i = 0; i < n; i++)
        out[i] = v[i] == NULL ? 0 : (uint32_t)v[i]->id + plus;
    return out;
}

static Dopt__Model__Value *pack_value(struct packer *p, const struct value *v)
{
    Dopt__Model__Value *out = MAKE(p, Dopt__Model__Value, DOPT__MODEL__VALUE__INIT);

    out->name = (char *)v->name;
    out->dtype = v->dtype;
    out->narrow = v->narrow;
    if (v->shape.rank >= 0) {
        out->shape = MAKE(p, Dopt__Model__Shape, DOPT__MODEL__SHAPE__INIT);
        out->shape->n_dim = (size_t)v->shape.rank;
        out->shape->dim = (int64_t *)v->shape.dim;
    }
    if (v->constant != NULL) {
        const struct constant *k = v->constant;
        Dopt__Model__Constant *c = MAKE(p, Dopt__Model__Constant, DOPT__MODEL__CONSTANT__INIT);

        c->datum = (uint32_t)k->datum;
        c->stored = k->stored == v->dtype ? 0 : k->stored;
        c->name = strcmp(k->name, v->name) == 0 ? c->name : (char *)k->name;
        if (k->factor != NULL) {
            c->n_factor = (size_t)v->shape.dim[k->axis];
            c->factor = (float *)k->factor;
            c->axis = (uint32_t)k->axis;
        }
        out->constant = c;
    }
    return out;
}

static Dopt__Model__Graph *pack_graph(struct packer *p, const struct graph *g);

static Dopt__Model__Attr *pack_attr(struct packer *p, const struct attr *a)
{
    Dopt__Model__Attr *out = MAKE(p, Dopt__Model__Attr, DOPT__MODEL__ATTR__INIT);

    out->name = (char *)a->name;
    out->type = a->type;
    out->i = a->i;
    out->f = a->f;
    if (a->s != NULL)
        out->s = (char *)a->s;
    out->n_ints = a->type == ATTR_INTS ? (size_t)a->n : 0;
    out->ints = (int64_t *)a->ints;
    out->n_floats = a->type == ATTR_FLOATS ? (size_t)a->n : 0;
    out->floats = (float *)a->floats;
    out->tensor = id_plus(a->tensor);
    if (a->graph != NULL)
        out->graph = pack_graph(p, a->graph);
    return out;
}

static Dopt__Model__BatchNorm *pack_batchnorm(struct packer *p, const struct batchnorm *b)
{
    Dopt__Model__BatchNorm *out = MAKE(p, Dopt__Model__BatchNorm, DOPT__MODEL__BATCH_NORM__INIT);

    out->gamma = id_plus(b->gamma);
    out->beta = id_plus(b->beta);
    out->mean = id_plus(b->mean);
    out->var = id_plus(b->var);
    out->bias = id_plus(b->bias);
    out->epsilon = b->epsilon;
    return out;
}

static Dopt__Model__Node *pack_node(struct packer *p, const struct node *n)
{
    Dopt__Model__Node *out = MAKE(p, Dopt__Model__Node, DOPT__MODEL__NODE__INIT);

    out->op = (char *)n->op->name;
    out->name = (char *)n->name;
    out->n_in = (size_t)n->nin;
    out->in = ids(p, n->in, n->nin, 1);
    out->n_out = (size_t)n->nout;
    out->out = ids(p, n->out, n->nout, 1);
    out->n_attrs = (size_t)n->nattrs;
    out->attrs = arena_alloc(&p->arena, out->n_attrs * sizeof *out->attrs);
    for (int i = 0; i < n->nattrs; i++)
        out->attrs[i] = pack_attr(p, &n->attrs[i]);
    out->source = (uint32_t)(n->source + 1);
    out->n_absorbed = (size_t)n->nabsorbed;
    out->absorbed = arena_alloc(&p->arena, out->n_absorbed * sizeof *out->absorbed);
    for (int i = 0; i < n->nabsorbed; i++)
        out->absorbed[i] = (uint32_t)(n->absorbed[i] + 1);
    if (n->bn != NULL)
        out->bn = pack_batchnorm(p, n->bn);
    return out;
}

static Dopt__Model__Graph *pack_graph(struct packer *p, const struct graph *g)
{
    Dopt__Model__Graph *out = MAKE(p, Dopt__Model__Graph, DOPT__MODEL__GRAPH__INIT);

    out->name = (char *)g->name;
    out->n_in = (size_t)g->nin;
    out->in = ids(p, g->in, g->nin, 0);
    out->n_out = (size_t)g->nout;
    out->out = ids(p, g->out, g->nout, 0);
    out->n_nodes = (size_t)g->nnodes;
    out->nodes = arena_alloc(&p->arena, out->n_nodes * sizeof *out->nodes);
    for (int i = 0; i < g->nnodes; i++)
        out->nodes[i] = pack_node(p, g->nodes[i]);
    return out;
}

/* "../data/net.onnx" for /a/data/net.onnx seen from /a/b. */
static char *relative(struct arena *a, const char *path, const char *folder)
{
    size_t same = 0;
    struct buf b = { 0 };
    char *out;

    if (path[0] != '/' || folder[0] != '/')
        return arena_strdup(a, path);
    for (size_t i = 0;; i++) { /* the longest common folder */
        bool fend = folder[i] == '\0' || folder[i] == '/', pend = path[i] == '/';

        if (fend && pend)
            same = i;
        if (folder[i] == '\0' || folder[i] != path[i])
            break;
    }
    for (const char *p = folder + same; *p != '\0'; p++)
        if (*p == '/' && p[1] != '\0')
            buf_str(&b, "../");
    buf_str(&b, path + same + 1);
    out = arena_strdup(a, (const char *)b.data);
    buf_release(&b);
    return out;
}

static void pack_data(struct packer *p, Dopt__Model__Model *out, const struct layout *l,
                      const char *folder)
{
    const struct model *m = p->m;
    int *number = arena_alloc(&p->arena, (size_t)m->nlinks * sizeof *number);

    out->data = arena_alloc(&p->arena, (size_t)m->ndata * sizeof *out->data);
    out->links = arena_alloc(&p->arena, (size_t)m->nlinks * sizeof *out->links);
    for (int i = 0; i < m->ndata; i++) {
        Dopt__Model__Datum *d = MAKE(p, Dopt__Model__Datum, DOPT__MODEL__DATUM__INIT);
        int k = l->link[i];

        d->offset = l->offset[i];
        d->size = m->data[i].size;
        out->data[out->n_data++] = d;
        if (k < 0)
            continue;
        if (number[k] == 0) { /* only files that are needed are named */
            Dopt__Model__Link *x = MAKE(p, Dopt__Model__Link, DOPT__MODEL__LINK__INIT);

            x->path = relative(&p->arena, m->links[k].path, folder);
            x->size = m->links[k].blob.size;
            x->mtime = m->links[k].blob.mtime;
            out->links[out->n_links++] = x;
            number[k] = (int)out->n_links;
        }
        d->link = (uint32_t)number[k];
    }
}

void model_pack(const struct model *m, const struct layout *l, const char *folder, struct buf *out)
{
    struct packer p = { .m = m };
    Dopt__Model__Model *model = MAKE(&p, Dopt__Model__Model, DOPT__MODEL__MODEL__INIT);

    model->framework = m->framework;
    model->opset = IR_OPSET;
    model->n_values = (size_t)m->nvalues;
    model->values = arena_alloc(&p.arena, model->n_values * sizeof *model->values);
    for (int i = 0; i < m->nvalues; i++)
        model->values[i] = pack_value(&p, m->values[i]);
    model->graph = pack_graph(&p, m->graph);
    if (l != NULL) {
        model->digest = (char *)m->digest;
        pack_data(&p, model, l, folder);
    }
    wire_pack(&model->base, out);
    arena_release(&p.arena);
}

/* A linked file is not read through: its size and time stand for its bytes. */
static void digest_data(struct digest *x, const struct model *m, bool link)
{
    struct layout l;

    layout_init(&l, m, link);
    for (int i = 0; i < m->ndata; i++) {
        uint64_t words[4] = { m->data[i].size, 0, 0, 0 };

        if (l.link[i] >= 0) {
            words[1] = m->links[l.link[i]].blob.size;
            words[2] = m->links[l.link[i]].blob.mtime;
            words[3] = l.offset[i];
        }
        digest_add(x, words, sizeof words);
        if (l.link[i] < 0)
            digest_add(x, m->data[i].p, m->data[i].size);
    }
    layout_release(&l);
}

void model_add(struct dopt_file *f, struct model *m, bool link)
{
    struct digest x;
    struct buf graph = { 0 };

    model_pack(m, NULL, NULL, &graph);
    digest_begin(&x);
    digest_add(&x, graph.data, graph.size);
    digest_data(&x, m, link);
    digest_finish(&x, m->digest);
    buf_release(&graph);
    f->model = m;
    f->fresh = true;
    f->link = link;
}
