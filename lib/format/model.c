/* model.c: MODEL, SOURCE and DATA to struct model; see model.h. Every index is checked: whatever
 * the checksums let through gives an error here, not a crash later.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "format/model.h"
#include "model.pb-c.h"
#include "op/op.h"

struct reader {
    struct model *m;
    struct dopt_file *f;
    const Dopt__Model__Model *p;
    bool *written; /* by value id: an input, a constant, or the output of a node before */
    struct err *err;
};

static int bad(const struct reader *r, const char *what)
{
    return err_set(r->err, "MODEL: %s", what);
}

/* The file that a link names, next to the dopt file it stands in. */
static int read_link(struct reader *r, const Dopt__Model__Link *x, const char *file)
{
    const char *slash = strrchr(file, '/');
    char *path = x->path[0] == '/' || slash == NULL
                     ? mem_strdup(x->path)
                     : mem_printf("%.*s%s", (int)(slash + 1 - file), file, x->path);
    struct blob b;
    int rc = -1;

    if (blob_open(&b, path, r->err) < 0) {
        err_at(r->err, "its data (imported with --link)");
        goto out;
    }
    link_add(r->m, path, &b, true);
    if (b.size != x->size || b.mtime != x->mtime)
        err_set(r->err, "%s has changed since it was imported with --link: run dopt-import again",
                path);
    else
        rc = 0;
out:
    free(path);
    return rc;
}

static int read_data(struct reader *r, const char *file)
{
    const struct section *data = dopt_find(r->f, "DATA");
    static const uint8_t none[64];

    for (size_t i = 0; i < r->p->n_links; i++)
        if (read_link(r, r->p->links[i], file) < 0)
            return -1;
    for (size_t i = 0; i < r->p->n_data; i++) {
        const Dopt__Model__Datum *d = r->p->data[i];
        const uint8_t *p = data == NULL ? NULL : data->p;
        uint64_t size = data == NULL ? 0 : data->size;

        if (d->link > r->p->n_links || (d->link == 0 && d->offset % 64 != 0))
            return bad(r, "data at an impossible place");
        if (d->link > 0) {
            p = r->m->links[d->link - 1].blob.data;
            size = r->m->links[d->link - 1].blob.size;
        }
        if (d->size > 0 && (p == NULL || d->offset > size || d->size > size - d->offset))
            return bad(r, data == NULL && d->link == 0 ? "its DATA are missing"
                                                       : "data beyond the end");
        datum_add(r->m, d->size > 0 ? p + d->offset : none, d->size);
    }
    return 0;
}

static int read_constant(struct reader *r, struct value *v, const Dopt__Model__Constant *p)
{
    struct constant *k = arena_alloc(&r->m->arena, sizeof *k);
    int64_t count = shape_count(&v->shape);

    *k = (struct constant){ .datum = (int)p->datum,
                            .axis = (int)p->axis,
                            .stored = p->stored == 0 ? v->dtype : (enum dtype)p->stored,
                            .name = p->name[0] == '\0' ? v->name
                                                       : arena_strdup(&r->m->arena, p->name) };
    if (p->datum >= (uint32_t)r->m->ndata || count < 0 || dtype_size(k->stored) == 0 ||
        r->m->data[p->datum].size != (uint64_t)count * dtype_size(k->stored))
        return bad(r, "a constant without its data");
    if (k->stored != v->dtype &&
        (v->dtype != DT_F32 || (k->stored != DT_F16 && k->stored != DT_BF16)))
        return bad(r, "a constant stored as another type");
    if (p->n_factor > 0) {
        if (v->dtype != DT_F32 || p->axis >= (uint32_t)v->shape.rank ||
            (int64_t)p->n_factor != v->shape.dim[p->axis])
            return bad(r, "factors that do not fit their constant");
        k->factor = arena_copy(&r->m->arena, p->factor, p->n_factor * sizeof *p->factor);
    }
    v->constant = k;
    r->written[v->id] = true;
    return 0;
}

static int read_values(struct reader *r)
{
    r->written = NEW_ARRAY(bool, r->p->n_values);
    for (size_t i = 0; i < r->p->n_values; i++) {
        const Dopt__Model__Value *p = r->p->values[i];
        struct shape s = shape_unknown();
        struct value *v;

        if (p->shape != NULL && p->shape->n_dim > RANK_MAX)
            return bad(r, "a rank that is too high");
        if (p->shape != NULL)
            s = shape_of((int)p->shape->n_dim, p->shape->dim);
        for (int k = 0; k < s.rank; k++)
            if (s.dim[k] < -1)
                return bad(r, "a negative dim");
        v = value_new(r->m, p->name, (enum dtype)p->dtype, s);
        if (p->narrow == DT_F16 || p->narrow == DT_BF16)
            v->narrow = (enum dtype)p->narrow;
        if (p->constant != NULL && read_constant(r, v, p->constant) < 0)
            return err_at(r->err, "value %s", v->name);
    }
    return 0;
}

/* A value by its id plus 1; 0 is NULL. *ok turns false on nonsense. */
static struct value *value_at(const struct reader *r, uint32_t id, bool *ok)
{
    if (id > (uint32_t)r->m->nvalues)
        *ok = false;
    return id == 0 || id > (uint32_t)r->m->nvalues ? NULL : r->m->values[id - 1];
}

static struct value *constant_at(const struct reader *r, uint32_t id, bool *ok)
{
    struct value *v = value_at(r, id, ok);

    *ok &= v == NULL || v->constant != NULL;
    return v;
}

static int read_graph(struct reader *r, struct graph *g, const Dopt__Model__Graph *p);

static int read_attr(struct reader *r, struct node *n, const Dopt__Model__Attr *p)
{
    struct attr *a = attr_add(r->m, n, p->name, (enum attr_type)p->type);
    bool ok = p->type <= ATTR_GRAPH;

    a->i = p->i;
    a->f = p->f;
    a->s = arena_strdup(&r->m->arena, p->s);
    a->n = p->type == ATTR_INTS ? (int)p->n_ints : p->type == ATTR_FLOATS ? (int)p->n_floats : 0;
    a->ints = arena_copy(&r->m->arena, p->ints, p->n_ints * sizeof *p->ints);
    a->floats = arena_copy(&r->m->arena, p->floats, p->n_floats * sizeof *p->floats);
    a->tensor = constant_at(r, p->tensor, &ok);
    if (!ok || (p->type == ATTR_GRAPH && p->graph == NULL) ||
        (p->type == ATTR_TENSOR && a->tensor == NULL))
        return bad(r, "a damaged attribute");
    if (p->type == ATTR_GRAPH) {
        struct graph *g = graph_new(r->m, p->graph->name);

        a->graph = g;
        return read_graph(r, g, p->graph);
    }
    return 0;
}

static int read_batchnorm(struct reader *r, struct node *n, const Dopt__Model__BatchNorm *p)
{
    bool ok = true;

    n->bn = arena_alloc(&r->m->arena, sizeof *n->bn);
    *n->bn = (struct batchnorm){ constant_at(r, p->gamma, &ok), constant_at(r, p->beta, &ok),
                                 constant_at(r, p->mean, &ok),  constant_at(r, p->var, &ok),
                                 constant_at(r, p->bias, &ok),  p->epsilon };
    if (!ok || n->bn->gamma == NULL || n->bn->beta == NULL || n->bn->mean == NULL ||
        n->bn->var == NULL)
        return bad(r, "a damaged BatchNorm");
    return 0;
}

static int read_edges(struct reader *r, struct node *n, const Dopt__Model__Node *p)
{
    bool ok = true;
    char why[200];

    for (int i = 0; i < n->nin; i++) {
        n->in[i] = value_at(r, p->in[i], &ok);
        if (n->in[i] != NULL && !r->written[n->in[i]->id])
            return bad(r, "a value is read before it is written");
    }
    for (int i = 0; i < n->nout; i++) {
        n->out[i] = value_at(r, p->out[i], &ok);
        if (n->out[i] != NULL && r->written[n->out[i]->id])
            return bad(r, "a value is written twice");
    }
    if (!ok)
        return bad(r, "a value that is not there");
    if (!node_arity(n, why))
        return bad(r, why);
    return 0;
}

static int read_node(struct reader *r, struct graph *g, const Dopt__Model__Node *p)
{
    const struct op *op = op_find(p->op);
    struct node *n;

    if (op == NULL)
        return err_set(r->err, "MODEL: this dopt does not know operator '%.100s'", p->op);
    n = node_new(r->m, op, p->name, (int)p->n_in, (int)p->n_out);
    n->source = (int)p->source - 1;
    n->nabsorbed = (int)p->n_absorbed;
    n->absorbed = arena_alloc(&r->m->arena, p->n_absorbed * sizeof *n->absorbed);
    for (size_t i = 0; i < p->n_absorbed; i++)
        n->absorbed[i] = (int)p->absorbed[i] - 1;
    if (read_edges(r, n, p) < 0)
        return err_at(r->err, "node %s", n->name);
    for (size_t i = 0; i < p->n_attrs; i++)
        if (read_attr(r, n, p->attrs[i]) < 0)
            return err_at(r->err, "node %s", n->name);
    if (p->bn != NULL && read_batchnorm(r, n, p->bn) < 0)
        return err_at(r->err, "node %s", n->name);
    for (int i = 0; i < n->nout; i++)
        if (n->out[i] != NULL)
            r->written[n->out[i]->id] = true;
    graph_add(r->m, g, n);
    return 0;
}

static int read_list(struct reader *r, struct value ***list, int *n, const uint32_t *p,
                     size_t count, bool outputs)
{
    *list = arena_alloc(&r->m->arena, count * sizeof **list);
    for (size_t i = 0; i < count; i++) {
        if (p[i] >= (uint32_t)r->m->nvalues || r->written[p[i]] != outputs)
            return bad(r, outputs ? "an output that nothing writes"
                                  : "an input that is something else too");
        (*list)[(*n)++] = r->m->values[p[i]];
        r->written[p[i]] = true;
    }
    return 0;
}

static int read_graph(struct reader *r, struct graph *g, const Dopt__Model__Graph *p)
{
    if (read_list(r, &g->in, &g->nin, p->in, p->n_in, false) < 0)
        return -1;
    for (size_t i = 0; i < p->n_nodes; i++)
        if (read_node(r, g, p->nodes[i]) < 0)
            return -1;
    return read_list(r, &g->out, &g->nout, p->out, p->n_out, true);
}

int model_read(struct model *m, struct dopt_file *f, struct err *e)
{
    const struct section *s = dopt_find(f, "MODEL"), *source = dopt_find(f, "SOURCE");
    Dopt__Model__Model *p;
    struct reader r = { .m = m, .f = f, .err = e };
    int rc = -1;

    if (s == NULL)
        return err_set(e, "%s: holds no model: name the file that dopt-import wrote too",
                       f->nsections > 0 ? f->sections[0].file : "<stdin>");
    p = wire_unpack(&dopt__model__model__descriptor, s->p, s->size, e);
    if (p == NULL) {
        err_at(e, "MODEL");
        goto out;
    }
    r.p = p;
    if (p->graph == NULL || strlen(p->digest) != 32) {
        bad(&r, "it has no graph");
        goto out;
    }
    m->framework = (enum framework)p->framework;
    memcpy(m->digest, p->digest, sizeof m->digest);
    if (source != NULL) {
        m->source = source->p;
        m->sourcesize = source->size;
    }
    if (read_data(&r, s->file) < 0 || read_values(&r) < 0 || read_graph(&r, m->graph, p->graph) < 0)
        goto out;
    model_index(m);
    f->model = m;
    f->linked = p->n_links > 0;
    rc = 0;
out:
    if (p != NULL)
        dopt__model__model__free_unpacked(p, NULL);
    free(r.written);
    return rc < 0 ? err_at(e, "%s", s->file) : 0;
}
