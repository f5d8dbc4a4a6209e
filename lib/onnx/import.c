/* import.c: the importer's stages in order; see import.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "onnx/context.h"
#include "onnx/order.h"
#include "onnx/strip.h"
#include "op/op.h"

static int find_opset(struct import *c)
{
    c->opset = 1; /* what a file without one means, below IR version 3 */
    if (c->model->n_opset_import == 0 && c->model->ir_version >= 3)
        return err_set(c->err, "no opset_import: the file is incomplete");
    for (size_t i = 0; i < c->model->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *o = c->model->opset_import[i];

        if (o->domain == NULL || *o->domain == '\0' || strcmp(o->domain, "ai.onnx") == 0)
            c->opset = o->version;
    }
    if (c->opset >= ONNX_OPSET_MIN && c->opset <= ONNX_OPSET_MAX)
        return 0;
    return err_unsupported(
        c->err, "opset %lld: %d to %d are supported; export the model with opset_version=%d",
        (long long)c->opset, ONNX_OPSET_MIN, ONNX_OPSET_MAX, IR_OPSET);
}

static void note_read(const char *name, void *ctx)
{
    struct import *c = ctx;

    names_put(&c->read, name, c);
}

/* Which names anything reads: an output that nobody reads is not made. */
static void note_reads(struct import *c, const char *const *outputs, int noutputs)
{
    int n;
    struct onnx_place *places = onnx_places(c->model->graph, &n);

    for (int i = 0; i < n; i++) {
        onnx_reads(places[i].node, note_read, c);
        for (size_t k = 0; k < places[i].graph->n_output; k++)
            if (places[i].graph != c->model->graph && places[i].graph->output[k]->name != NULL)
                note_read(places[i].graph->output[k]->name, c);
    }
    for (int i = 0; i < noutputs; i++)
        note_read(outputs[i], c);
    free(places);
}

/* With --out_nodes an input may have no reader left; without, the model's interface stays. */
static void drop_inputs(struct model *m)
{
    int *uses = model_uses(m), kept = 0;

    for (int i = 0; i < m->graph->nin; i++)
        if (uses[m->graph->in[i]->id] > 0)
            m->graph->in[kept++] = m->graph->in[i];
    m->graph->nin = kept;
    free(uses);
}

static int optimize(struct import *c, int nsource, bool chosen)
{
    struct model *m = c->m;

    if (c->late) {
        if (infer_model(m, &c->issues, c->err) < 0)
            return -1;
        upgrade_late(c);
    }
    if (fold_constants(m, c->err) < 0)
        return -1;
    fold_affine(m);
    remove_identities(m);
    model_prune(m, nsource);
    if (chosen)
        drop_inputs(m);
    if (infer_model(m, &c->issues, c->err) < 0)
        return -1;
    fuse_gemm(m);
    model_prune(m, nsource);
    return 0;
}

static int build(struct import *c, const struct import_options *o)
{
    bool chosen = o != NULL && o->out_nodes != NULL && o->out_nodes->n > 0;
    int noutputs, nsource = c->m->ndata, rc = -1;
    const char **outputs;

    if (find_opset(c) < 0)
        return -1;
    if (c->model->graph == NULL)
        return err_set(c->err, "no graph: not an ONNX model");
    outputs = select_outputs(c, o == NULL ? NULL : o->out_nodes, &noutputs);
    if (outputs == NULL)
        return -1;
    note_reads(c, outputs, noutputs);
    if (import_graph(c, c->m->graph, c->model->graph, NULL, outputs, noutputs) < 0)
        goto out;
    model_index(c->m);
    if (select_shapes(c, o == NULL ? NULL : o->input_shapes) < 0)
        goto out;
    if (c->issues.n == 0)
        rc = optimize(c, nsource, chosen);
    else
        infer_model(c->m, &c->issues, c->err); /* the kernels may have more to say about the rest */
    if (c->issues.n > 0)
        rc = issues_report(&c->issues, c->err);
out:
    free(outputs);
    return rc;
}

int onnx_import(struct model *m, const struct blob *file, const char *path,
                const struct import_options *o, struct err *e)
{
    struct import c = { .m = m, .err = e };
    int rc = -1;

    m->framework = FRAMEWORK_ONNX;
    if (onnx_strip(m, file, path, e) < 0)
        goto out;
    c.model = wire_unpack(&onnx__model_proto__descriptor, m->source, m->sourcesize, e);
    if (c.model == NULL)
        goto out;
    rc = build(&c, o);
out:
    if (c.model != NULL)
        onnx__model_proto__free_unpacked(c.model, NULL);
    names_release(&c.used);
    names_release(&c.nodes);
    names_release(&c.read);
    free(c.sequences);
    buf_release(&c.issues.text);
    return rc < 0 ? err_at(e, "%s", path == NULL ? "<stdin>" : path) : 0;
}
