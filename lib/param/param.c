/* param.c: see param.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/wire.h"
#include "param.pb-c.h"
#include "param/param.h"

struct lists {
    float *bias;
    int32_t *zeros;
    float input_scale;
    int32_t input_offset;
};

static void pack_node(const struct plan *p, const struct plan_node *n, Dopt__Param__Node *m,
                      struct lists *l)
{
    const struct plan_tensor *t = &p->tensors[n->tensor];

    dopt__param__node__init(m);
    m->name = (char *)n->name;
    m->weight_name = (char *)n->weight_name;
    m->input_type = t->is_signed ? DOPT__PARAM__DATA_TYPE__INT8 : DOPT__PARAM__DATA_TYPE__UINT8;
    m->weight_type = DOPT__PARAM__DATA_TYPE__INT8;
    l->input_scale = t->scale;
    l->input_offset = t->zero_point;
    m->n_input_scale = m->n_input_offset = 1;
    m->input_scale = &l->input_scale;
    m->input_offset = &l->input_offset;
    m->n_weight_scale = m->n_weight_offset = (size_t)n->nscales;
    m->weight_scale = (float *)n->scales;
    l->zeros = NEW_ARRAY(int32_t, m->n_weight_offset);
    m->weight_offset = l->zeros;
    if (n->nbias == 0)
        return;
    l->bias = NEW_ARRAY(float, (size_t)n->nscales);
    for (int i = 0; i < n->nscales; i++)
        l->bias[i] = t->scale * n->scales[i];
    m->n_bias_scale = (size_t)n->nscales;
    m->bias_scale = l->bias;
}

/* Tells quantized models apart: of every node's name, scales, int8 weight and int32 bias. */
static void model_digest(const struct plan *p, char hex[static 33])
{
    struct digest d;

    digest_begin(&d);
    for (int i = 0; i < p->nnodes; i++) {
        const struct plan_node *n = &p->nodes[i];

        digest_add(&d, n->name, strlen(n->name) + 1);
        digest_add(&d, n->scales, (size_t)n->nscales * sizeof *n->scales);
        digest_add(&d, n->weight, n->nweights);
        digest_add(&d, n->bias, n->nbias * sizeof *n->bias);
    }
    digest_finish(&d, hex);
}

void param_pack(const struct plan *p, struct buf *out)
{
    char digest[33];
    size_t n = (size_t)p->nnodes;
    Dopt__Param__Param msg = DOPT__PARAM__PARAM__INIT;
    Dopt__Param__Node *nodes = NEW_ARRAY(Dopt__Param__Node, n),
                      **pnodes = NEW_ARRAY(Dopt__Param__Node *, n);
    struct lists *lists = NEW_ARRAY(struct lists, n);

    for (size_t i = 0; i < n; i++) {
        pack_node(p, &p->nodes[i], &nodes[i], &lists[i]);
        pnodes[i] = &nodes[i];
    }
    msg.version = 1;
    msg.strategy = (char *)"Quant_INT8-8";
    model_digest(p, digest);
    msg.model_digest = digest;
    msg.config_digest = (char *)p->config;
    msg.n_node = n;
    msg.node = pnodes;
    wire_pack(&msg.base, out);
    for (size_t i = 0; i < n; i++) {
        free(lists[i].bias);
        free(lists[i].zeros);
    }
    free(lists);
    free(nodes);
    free(pnodes);
}

/* A name inside double quotes. */
static void quoted(struct buf *out, const char *s)
{
    buf_str(out, "\"");
    for (; *s != '\0'; s++)
        buf_printf(out, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
    buf_str(out, "\"");
}

void param_record(const struct plan *p, struct buf *out)
{
    for (int i = 0; i < p->nnodes; i++) {
        const struct plan_node *n = &p->nodes[i];
        const struct plan_tensor *t = &p->tensors[n->tensor];

        buf_str(out, "record {\n  key: ");
        quoted(out, n->name);
        buf_printf(out, "\n  value {\n    scale_d: %.9g\n    offset_d: %d\n", (double)t->scale,
                   t->zero_point);
        for (int k = 0; k < n->nscales; k++)
            buf_printf(out, "    scale_w: %.9g\n", (double)n->scales[k]);
        for (int k = 0; k < n->nscales; k++)
            buf_str(out, "    offset_w: 0\n");
        buf_str(out, "  }\n}\n");
    }
}

static const char *type_name(Dopt__Param__DataType t)
{
    return t == DOPT__PARAM__DATA_TYPE__UINT8   ? "uint8"
           : t == DOPT__PARAM__DATA_TYPE__INT8  ? "int8"
           : t == DOPT__PARAM__DATA_TYPE__INT32 ? "int32"
                                                : "undefined";
}

int param_show(const void *bytes, size_t size, struct buf *out, struct err *e)
{
    Dopt__Param__Param *m = wire_unpack(&dopt__param__param__descriptor, bytes, size, e);

    if (m == NULL)
        return err_set(e, "not a param file, or damaged");
    if (m->version != 1) {
        if (m->version == 0)
            err_set(e, "not a param file, or damaged");
        else
            err_set(e, "param file of version %u, this program reads version 1", m->version);
        dopt__param__param__free_unpacked(m, NULL);
        return -1;
    }
    buf_printf(out, "param %s, model %s, config %s, %zu nodes\n", m->strategy, m->model_digest,
               m->config_digest, m->n_node);
    for (size_t i = 0; i < m->n_node; i++) {
        const Dopt__Param__Node *n = m->node[i];

        buf_printf(out, "node %s\n  weight %s\n", n->name, n->weight_name);
        buf_printf(out, "  input %s scale %.9g offset %d\n", type_name(n->input_type),
                   n->n_input_scale > 0 ? (double)n->input_scale[0] : 0,
                   n->n_input_offset > 0 ? n->input_offset[0] : 0);
        buf_printf(out, "  weights %s scale", type_name(n->weight_type));
        for (size_t k = 0; k < n->n_weight_scale; k++)
            buf_printf(out, " %.9g", (double)n->weight_scale[k]);
        if (n->n_bias_scale > 0)
            buf_printf(out, "\n  bias int32 scale");
        for (size_t k = 0; k < n->n_bias_scale; k++)
            buf_printf(out, " %.9g", (double)n->bias_scale[k]);
        buf_printf(out, "\n");
    }
    dopt__param__param__free_unpacked(m, NULL);
    return 0;
}
