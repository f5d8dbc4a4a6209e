/* upgrade.c: see upgrade.h. What older opsets wrote as attributes are inputs now; the attribute's
 * presence decides, not the opset. github.com/onnx/onnx/docs/Changelog.md
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "onnx/upgrade.h"
#include "op/op.h"

struct node *import_made(struct import *c, int op, const struct node *by, const char *what, int nin)
{
    const char *name =
        names_unique(&c->nodes, &c->m->arena, arena_printf(&c->m->arena, "%s/%s", by->name, what));
    struct node *n = node_new(c->m, &ops[op], name, nin, 1);

    n->out[0] = import_value(c, name, DT_NONE, shape_unknown());
    return n;
}

/* Moves an attribute of integers to input i, unless the input is there already. */
static void ints_to_input(struct import *c, struct node *n, const char *name, int i)
{
    const struct attr *a = attr_find(n, name);

    if (a == NULL)
        return;
    if (i >= n->nin || n->in[i] == NULL) {
        while (n->nin < i)
            node_set_in(c->m, n, n->nin, NULL);
        node_set_in(c->m, n, i, import_ints(c, n, name, a->ints, a->n));
    }
    attr_drop(n, name);
}

static void float_to_input(struct import *c, struct node *n, const char *name, int i)
{
    const struct attr *a = attr_find(n, name);

    if (a == NULL)
        return;
    if (i >= n->nin || n->in[i] == NULL) {
        while (n->nin < i)
            node_set_in(c->m, n, n->nin, NULL);
        node_set_in(c->m, n, i, import_float(c, n, name, a->f));
    }
    attr_drop(n, name);
}

int upgrade_axes(struct import *c, struct graph *g, struct node *n)
{
    (void)g;
    ints_to_input(c, n, "axes", 1);
    return 0;
}

int upgrade_batchnorm(struct import *c, struct graph *g, struct node *n)
{
    (void)g;
    if (c->opset < 7 && attr_int(n, "is_test", 0) == 0)
        attr_set_int(c->m, n, "training_mode", 1);
    attr_drop(n, "is_test");
    return 0;
}

/* The dims of the second operand lie in the first's from `axis` on; without axis, at its end. Where
 * they lie is spelled out by upgrade_late, once the ranks are known. */
int upgrade_broadcast(struct import *c, struct graph *g, struct node *n)
{
    int64_t axis = attr_int(n, "axis", -1);

    (void)g;
    if (c->opset < 7 && attr_int(n, "broadcast", 0) != 0 && attr_find(n, "axis") != NULL) {
        attr_set_int(c->m, n, "broadcast_axis", axis);
        c->late = true;
    }
    attr_drop(n, "axis");
    attr_drop(n, "broadcast");
    return 0;
}

/* A slope per channel was one dim. */
int upgrade_prelu(struct import *c, struct graph *g, struct node *n)
{
    (void)g;
    if (c->opset < 7 && n->nin > 1 && n->in[1] != NULL && n->in[1]->shape.rank == 1 &&
        n->in[1]->shape.dim[0] != 1) {
        attr_set_int(c->m, n, "broadcast_axis", 1);
        c->late = true;
    }
    return 0;
}

int upgrade_concat(struct import *c, struct graph *g, struct node *n)
{
    (void)g;
    if (c->opset < 4 && attr_find(n, "axis") == NULL)
        attr_set_int(c->m, n, "axis", 1);
    return 0;
}

int upgrade_reshape(struct import *c, struct graph *g, struct node *n)
{
    (void)g;
    ints_to_input(c, n, "shape", 1);
    return 0;
}

int upgrade_topk(struct import *c, struct graph *g, struct node *n)
{
    int64_t k = attr_int(n, "k", 0);

    (void)g;
    if (attr_find(n, "k") != NULL && n->nin == 1)
        node_set_in(c->m, n, 1, import_ints(c, n, "k", &k, 1));
    attr_drop(n, "k");
    return 0;
}

/* Below opset 6: how often, along which axis. */
int upgrade_tile(struct import *c, struct graph *g, struct node *n)
{
    (void)g;
    if (c->opset < 6 && n->nin == 3) {
        issues_add(&c->issues, "node %s: Tile: as opset %lld has it", n->name, (long long)c->opset);
        n->nin = 2;
    }
    return 0;
}

int upgrade_castlike(struct import *c, struct graph *g, struct node *n)
{
    const struct value *like = n->nin > 1 ? n->in[1] : NULL;
    enum dtype to = like == NULL ? DT_NONE : like->narrow != DT_NONE ? like->narrow : like->dtype;

    (void)g;
    attr_drop(n, "saturate");
    if (to == DT_NONE) /* of a value that no declaration names: import_late asks inference */
        c->late = true;
    else
        attr_set_int(c->m, n, "to", to);
    if (to != DT_NONE)
        n->nin = 1;
    return 0;
}

int upgrade_cast(struct import *c, struct graph *g, struct node *n)
{
    static const char *const names[] = { "FLOAT",  "UINT8",  "INT8",   "UINT16", "INT16",
                                         "INT32",  "INT64",  "STRING", "BOOL",   "FLOAT16",
                                         "DOUBLE", "UINT32", "UINT64" };
    const struct attr *named = attr_find(n, "to");
    int64_t to;

    if (named != NULL && named->type == ATTR_STRING) /* below opset 6; in the enum's order */
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (strcmp(named->s, names[i]) == 0) {
                attr_set_int(c->m, n, "to", (int64_t)i + 1);
                break;
            }
    to = attr_int(n, "to", 0);

    (void)g;
    if (import_dtype((int32_t)to) == DT_NONE) {
        issues_add(&c->issues, "node %s: Cast: to %s", n->name, import_type_name((int32_t)to));
        attr_set_int(c->m, n, "to", DT_F32);
    }
    attr_drop(n, "saturate"); /* says something about 8-bit floats only */
    return 0;
}

int upgrade_clip(struct import *c, struct graph *g, struct node *n)
{
    (void)g;
    float_to_input(c, n, "min", 1);
    float_to_input(c, n, "max", 2);
    return 0;
}

/* Nothing is dropped when a trained network runs. The mask says so: all true (ones, below opset 10). */
static void dropout_mask(struct import *c, struct graph *g, struct node *n)
{
    struct node *shape = import_made(c, OP_SHAPE, n, "shape", 1),
                *mask = import_made(c, OP_CONSTANTOFSHAPE, n, "mask", 1);
    bool flags = c->opset >= 10;

    shape->in[0] = n->in[0];
    shape->out[0]->dtype = DT_I64;
    mask->in[0] = shape->out[0];
    mask->out[0] = n->out[1];
    attr_add(c->m, mask, "value", ATTR_TENSOR)->tensor = constant_new(
        c->m, names_unique(&c->used, &c->m->arena, arena_printf(&c->m->arena, "%s/one", n->name)),
        flags ? DT_BOOL : DT_F32, shape_of(1, (int64_t[]){ 1 }),
        flags ? (const void *)&(uint8_t){ 1 } : (const void *)&(float){ 1 });
    graph_add(c->m, g, shape);
    graph_add(c->m, g, mask);
}

/* Dropout is Identity, unless its training_mode is computed or true. */
int upgrade_dropout(struct import *c, struct graph *g, struct node *n)
{
    const struct value *training = n->nin > 2 ? n->in[2] : NULL;
    int64_t on = 0;
    int count;

    if (training != NULL && (!constant_ints(c->m, training, &on, 1, &count) || on != 0)) {
        float ratio = attr_float(n, "ratio", 0.5f);

        n->op = &ops[OP_DROPOUT];
        if (n->in[1] == NULL)
            n->in[1] = import_float(c, n, "ratio", ratio);
        return 0;
    }
    n->nin = n->nin > 1 ? 1 : n->nin;
    n->nattrs = 0;
    if (n->nout > 1 && n->out[1] != NULL && n->nin > 0 && n->in[0] != NULL)
        dropout_mask(c, g, n);
    n->nout = n->nout > 1 ? 1 : n->nout;
    return 0;
}

int upgrade_pad(struct import *c, struct graph *g, struct node *n)
{
    (void)g;
    ints_to_input(c, n, "paddings", 1); /* opset 1 */
    ints_to_input(c, n, "pads", 1);
    float_to_input(c, n, "value", 2);
    return 0;
}

int upgrade_resize(struct import *c, struct graph *g, struct node *n)
{
    return c->opset < 11 ? upgrade_upsample(c, g, n) : 0;
}

int upgrade_roialign(struct import *c, struct graph *g, struct node *n)
{
    (void)g;
    if (c->opset < 16)
        attr_set_string(c->m, n, "coordinate_transformation_mode", "output_half_pixel");
    return 0;
}

int upgrade_dft(struct import *c, struct graph *g, struct node *n)
{
    int64_t axis = attr_int(n, "axis", c->opset < 20 ? 1 : -2);

    (void)g;
    if (n->nin < 3)
        attr_set_int(c->m, n, "axis", axis);
    return 0;
}

int upgrade_scan(struct import *c, struct graph *g, struct node *n)
{
    (void)g;
    if (c->opset < 9 && n->nin > 0) { /* sequence_lens, then everything with a batch dim in front */
        if (n->in[0] != NULL)
            issues_add(&c->issues, "node %s: Scan: sequence_lens", n->name);
        n->in++;
        n->nin--;
        attr_set_int(c->m, n, "batched", 1);
    }
    return 0;
}

/* Trip count and condition may both be left out, and are inputs 0 and 1 all the same. */
int upgrade_loop(struct import *c, struct graph *g, struct node *n)
{
    (void)g;
    while (n->nin < 2)
        node_set_in(c->m, n, n->nin, NULL);
    return 0;
}

int upgrade_slice(struct import *c, struct graph *g, struct node *n)
{
    (void)g;
    ints_to_input(c, n, "starts", 1);
    ints_to_input(c, n, "ends", 2);
    ints_to_input(c, n, "axes", 3);
    return 0;
}

/* Until opset 12 Softmax looked at its input as a matrix, flattened at `axis`. */
int upgrade_softmax(struct import *c, struct graph *g, struct node *n)
{
    int64_t axis = attr_int(n, "axis", c->opset < 13 ? 1 : -1);

    (void)g;
    if (c->opset >= 13 || axis == -1)
        return 0;
    attr_drop(n, "axis");
    attr_set_int(c->m, n, "flatten_axis", axis);
    c->late = true;
    return 0;
}

int upgrade_split(struct import *c, struct graph *g, struct node *n)
{
    (void)g;
    ints_to_input(c, n, "split", 1);
    if (attr_int(n, "num_outputs", n->nout) != n->nout)
        return import_fail(c, "node %s: Split: num_outputs %lld, but %d outputs", n->name,
                           (long long)attr_int(n, "num_outputs", 0), n->nout);
    attr_drop(n, "num_outputs");
    return 0;
}

/* x, scales -> x, roi, scales; indices are truncated products, as in Resize's "asymmetric". */
int upgrade_upsample(struct import *c, struct graph *g, struct node *n)
{
    const struct attr *scales = attr_find(n, "scales");
    const char *mode = attr_string(n, "mode", "nearest");
    struct value *v = n->nin > 1 ? n->in[1] : NULL;

    (void)g;
    if (scales != NULL) {
        struct shape s = shape_of(1, (int64_t[]){ scales->n });

        v = constant_new(
            c->m,
            names_unique(&c->used, &c->m->arena, arena_printf(&c->m->arena, "%s/scales", n->name)),
            DT_F32, s, scales->floats);
        attr_drop(n, "scales");
    }
    if (attr_find(n, "height_scale") != NULL) { /* opset 1: of a feature map */
        float s[4] = { 1, 1, attr_float(n, "height_scale", 1), attr_float(n, "width_scale", 1) };

        v = constant_new(
            c->m,
            names_unique(&c->used, &c->m->arena, arena_printf(&c->m->arena, "%s/scales", n->name)),
            DT_F32, shape_of(1, (int64_t[]){ 4 }), s);
        attr_drop(n, "height_scale");
        attr_drop(n, "width_scale");
    }
    if (v == NULL)
        return import_fail(c, "node %s: no scales", n->name);
    n->nin = 1;
    node_set_in(c->m, n, 1, NULL);
    node_set_in(c->m, n, 2, v);
    if (strcmp(mode, "bilinear") == 0)
        attr_set_string(c->m, n, "mode", "linear");
    else if (strcmp(mode, "nearest") != 0 && strcmp(mode, "linear") != 0)
        issues_add(&c->issues, "node %s: Upsample: mode %s", n->name, mode);
    attr_set_string(c->m, n, "coordinate_transformation_mode", "asymmetric");
    attr_set_string(c->m, n, "nearest_mode", "floor");
    return 0;
}

/* Flatten -> Softmax -> Reshape to the Shape of the input, with `n` in the middle. */
static void flatten_around(struct import *c, struct graph *g, struct node *n, int64_t axis)
{
    struct node *shape = import_made(c, OP_SHAPE, n, "shape", 1),
                *flat = import_made(c, OP_FLATTEN, n, "flatten", 1);
    struct node *back = import_made(c, OP_RESHAPE, n, "reshape", 2);
    struct value *out = n->out[0];

    shape->in[0] = flat->in[0] = n->in[0];
    shape->out[0]->dtype = DT_I64;
    flat->out[0]->dtype = out->dtype;
    attr_set_int(c->m, flat, "axis", axis);
    n->in[0] = flat->out[0];
    n->out[0] = import_value(c, arena_printf(&c->m->arena, "%s/rows", n->name), out->dtype,
                             shape_unknown());
    back->in[0] = n->out[0];
    back->in[1] = shape->out[0];
    back->out[0] = out;
    graph_add(c->m, g, shape);
    graph_add(c->m, g, flat);
    graph_add(c->m, g, n);
    graph_add(c->m, g, back);
}

/* Gives the second operand of an old elementwise node the ones behind its dims that its axis means. */
static void place_operand(struct import *c, struct graph *g, struct node *n)
{
    int64_t axis = attr_int(n, "broadcast_axis", -1), axes[RANK_MAX];
    const struct shape *a = &n->in[0]->shape, *b = &n->in[1]->shape;
    struct node *ones;
    int count = 0;

    if (axis < 0 && a->rank >= 0)
        axis += a->rank;
    for (int64_t r = axis + b->rank; a->rank >= 0 && b->rank >= 0 && axis >= 0 && r < a->rank; r++)
        axes[count++] = r - axis;
    if (a->rank < 0 || b->rank < 0)
        issues_add(&c->issues, "node %s: %s: broadcast with an axis among unknown ranks", n->name,
                   n->op->name);
    attr_drop(n, "broadcast_axis");
    if (count > 0) {
        ones = import_made(c, OP_UNSQUEEZE, n, "unsqueeze", 2);
        ones->in[0] = n->in[1];
        ones->in[1] = import_ints(c, n, "axes", axes, count);
        ones->out[0]->dtype = n->in[1]->dtype;
        n->in[1] = ones->out[0];
        graph_add(c->m, g, ones);
    }
    graph_add(c->m, g, n);
}

/* CastLike whose second input had no declared type. */
static void cast_like(struct import *c, struct node *n)
{
    if (n->in[1]->dtype == DT_NONE)
        issues_add(&c->issues, "node %s: CastLike: to a type that only running tells", n->name);
    attr_set_int(c->m, n, "to", n->in[1]->dtype);
    n->nin = 1;
}

static void late_graph(struct graph *g, void *ctx)
{
    struct import *c = ctx;
    struct node **nodes = g->nodes;
    int nnodes = g->nnodes;

    g->nodes = NULL;
    g->nnodes = g->capnodes = 0;
    for (int i = 0; i < nnodes; i++) {
        struct node *n = nodes[i];
        const struct shape *s = n->nin > 0 && n->in[0] != NULL ? &n->in[0]->shape : NULL;
        int64_t axis = attr_int(n, "flatten_axis", -1), from;
        bool alone = s != NULL && s->rank >= 0;

        if (attr_find(n, "broadcast_axis") != NULL) {
            place_operand(c, g, n);
            continue;
        }
        if (node_is(n, OP_CAST) && n->nin > 1)
            cast_like(c, n);
        if (attr_find(n, "flatten_axis") == NULL) {
            graph_add(c->m, g, n);
            continue;
        }
        attr_drop(n, "flatten_axis");
        from = axis < 0 && alone ? axis + s->rank : axis;
        for (int64_t d = from + 1; alone && d >= 0 && d < s->rank; d++)
            alone = s->dim[d] == 1;
        if (alone && from >= 0) {
            attr_set_int(c->m, n, "axis", from);
            graph_add(c->m, g, n);
        } else {
            flatten_around(c, g, n, axis);
        }
    }
}

void upgrade_late(struct import *c)
{
    graph_each(c->m->graph, late_graph, c);
    model_index(c->m);
}
