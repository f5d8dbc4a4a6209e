/* import.c: the importer's stages in order; see import.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tf/context.h"
#include "tf/inline.h"
#include "tf/loop.h"
#include "tf/strip.h"
#include "tf/text.h"

static int index_nodes(struct import *c)
{
    for (size_t i = 0; i < c->graph->n_node; i++) {
        NodeDef *p = c->graph->node[i];

        if (p->name == NULL || *p->name == '\0' || p->op == NULL)
            return tf_fail(c, "node %zu has no name or no operator", i);
        if (names_get(&c->nodes, p->name) != NULL)
            return tf_fail(c, "two nodes are called '%s'", p->name);
        for (size_t k = 0; k < p->n_attr; k++)
            if (p->attr[k]->value == NULL)
                return tf_fail(c, "node %s: attribute %s has no value", p->name,
                               p->attr[k]->key == NULL ? "?" : p->attr[k]->key);
        names_put(&c->nodes, p->name, p);
        names_put(&c->ordinals, p->name, (void *)(uintptr_t)(i + 1));
        names_put(&c->used, p->name, c); /* what is made stays clear of it */
        names_put(&c->named, p->name, c);
    }
    return 0;
}

/* Who reads what: readers holds a node's only reader, or NULL where there are several. */
static void note_readers(struct import *c, struct names *read)
{
    for (size_t i = 0; i < c->graph->n_node; i++) {
        NodeDef *p = c->graph->node[i];

        for (size_t k = 0; k < p->n_input; k++) {
            const char *from = tf_node_of(c, p->input[k]);

            names_put(&c->readers, from, names_get(read, from) == NULL ? p : NULL);
            names_put(read, from, c);
        }
    }
}

/* ---- what is asked for ---- */

/* Nodes that nothing reads, but for those that compute nothing. */
static bool is_result(const NodeDef *p)
{
    static const char *const none[] = { "Const",
                                        "NoOp",
                                        "Assert",
                                        "Placeholder",
                                        "SaveV2",
                                        "RestoreV2",
                                        "Print",
                                        "PlaceholderWithDefault",
                                        "MergeV2Checkpoints",
                                        "TensorArrayCloseV3",
                                        "Exit" };

    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (strcmp(p->op, none[i]) == 0)
            return false;
    return true;
}

static const char **find_outputs(struct import *c, const struct out_nodes *o,
                                 const struct names *read, int *n)
{
    const char **list = NULL;
    int cap = 0;

    *n = 0;
    for (int i = 0; o != NULL && i < o->n; i++) {
        const char *name = tf_tensor_name(c, o->names[i]);

        if (names_get(&c->nodes, tf_node_of(c, name)) == NULL) {
            struct suggest s = { .wanted = name };

            for (size_t k = 0; k < c->graph->n_node; k++)
                suggest_offer(&s, c->graph->node[k]->name);
            tf_fail(c, "--out_nodes: no node '%s'%s", name, suggest_text(&s));
            free(list);
            return NULL;
        }
        for (int k = 0; k < *n; k++)
            if (strcmp(list[k], name) == 0)
                name = NULL, k = *n;
        if (name == NULL)
            continue;
        GROW(list, *n, cap);
        list[(*n)++] = name;
    }
    for (size_t i = 0; (o == NULL || o->n == 0) && i < c->graph->n_node; i++) {
        const NodeDef *p = c->graph->node[i];

        if (names_get(read, p->name) != NULL || !is_result(p))
            continue;
        GROW(list, *n, cap);
        list[(*n)++] = p->name;
    }
    if (*n == 0)
        tf_fail(c, "the graph has no outputs: name some with --out_nodes");
    return list;
}

/* ---- inputs ---- */

static struct named_shape *shape_asked(const struct import *c, const char *name)
{
    return names_get(&c->inputs, name);
}

static int merge(struct import *c, const char *name, struct shape *s, const struct shape *want)
{
    char a[200], b[200];
    bool fits = s->rank < 0 || s->rank == want->rank;

    for (int i = 0; fits && i < s->rank; i++)
        fits = s->dim[i] < 0 || want->dim[i] < 0 || s->dim[i] == want->dim[i];
    if (!fits)
        return tf_fail(c, "--input_shape: %s: %s does not fit the graph's %s", name,
                       shape_text(want, a), shape_text(s, b));
    if (s->rank < 0)
        *s = *want;
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] < 0)
            s->dim[i] = want->dim[i];
    return 0;
}

/* The graph gets an input called `name`: a Placeholder, or any tensor that --input_shape names. */
static int add_input(struct import *c, const char *name, const NodeDef *p)
{
    const struct named_shape *want = shape_asked(c, name);
    const Tensorflow__AttrValue *a = tf_attr(p, "shape");
    bool placeholder = strncmp(p->op, "Placeholder", 11) == 0;
    int type = tf_type(p, "dtype", tf_type(p, "T", 1));
    struct graph *g = c->m->graph;
    struct ref *r = arena_alloc(&c->m->arena, sizeof *r);
    struct shape s = placeholder && a != NULL ? tf_shape(a->shape) : shape_unknown();
    struct value **grown;

    c->p = p;
    if (want != NULL && merge(c, name, &s, &want->shape) < 0)
        return -1;
    if (tf_dtype(type) == DT_NONE)
        tf_issue(c, "input '%s' of type %s: cut it off with --input_shape INNER_TENSOR:DIMS", name,
                 tf_type_name(type));
    else if (s.rank < 0)
        tf_issue(c, "its shape is not known: give --input_shape %s:DIMS", name);
    for (int i = 1; i < s.rank; i++)
        if (s.dim[i] < 0) {
            char text[200];

            tf_issue(c, "its shape is %s: give --input_shape %s:DIMS", shape_text(&s, text), name);
            break;
        }
    c->free_batch |= s.rank > 0 && s.dim[0] < 0;
    r->tf = value_new(c->m, name, tf_dtype(type), s);
    if (r->tf->dtype == DT_F32 && type != 1)
        r->tf->narrow = type == 19 ? DT_F16 : DT_BF16;
    names_put(&c->used, name, c);
    grown = arena_alloc(&c->m->arena, (size_t)(g->nin + 1) * sizeof(struct value *));
    if (g->nin > 0)
        memcpy(grown, g->in, (size_t)g->nin * sizeof(struct value *));
    g->in = grown;
    g->in[g->nin++] = r->tf;
    names_put(&c->refs, name, r);
    return 0;
}

/* Every name that --input_shape gives must be a tensor; those inside the graph end it there. */
static int find_inputs(struct import *c, const struct shapes *s)
{
    for (int i = 0; s != NULL && i < s->n; i++) {
        const char *name = tf_tensor_name(c, s->items[i].name);
        const NodeDef *p = names_get(&c->nodes, tf_node_of(c, name));

        if (p == NULL) {
            struct suggest near = { .wanted = name };

            for (size_t k = 0; k < c->graph->n_node; k++)
                suggest_offer(&near, c->graph->node[k]->name);
            return tf_fail(c, "--input_shape: no node '%s'%s", name, suggest_text(&near));
        }
        if (names_get(&c->inputs, name) != NULL)
            return tf_fail(c, "--input_shape: input '%s' twice", name);
        names_put(&c->inputs, name, &s->items[i]);
    }
    for (int i = 0; s != NULL && i < s->n; i++) {
        const char *name = tf_tensor_name(c, s->items[i].name);

        if (add_input(c, name, names_get(&c->nodes, tf_node_of(c, name))) < 0)
            return -1;
    }
    return 0;
}

/* ---- nodes ---- */

static bool is_variable(const char *op)
{
    return strcmp(op, "VariableV2") == 0 || strcmp(op, "VarHandleOp") == 0 ||
           strcmp(op, "ReadVariableOp") == 0 || strcmp(op, "Variable") == 0;
}

static bool is_audio(const char *op)
{
    return strcmp(op, "DecodeWav") == 0 || strcmp(op, "AudioSpectrogram") == 0 ||
           strcmp(op, "Mfcc") == 0;
}

static int import_const(struct import *c)
{
    const Tensorflow__AttrValue *a = tf_attr(c->p, "value");
    struct ref *r;

    if (a == NULL || a->tensor == NULL)
        return tf_fail(c, "no value");
    r = arena_alloc(&c->m->arena, sizeof *r);
    names_put(&c->used, c->p->name, NULL);
    r->tf = tf_tensor(c, a->tensor, c->p->name);
    if (c->failed)
        return -1;
    if (r->tf != NULL)
        tf_alias(c, 0, r);
    return 0;
}

static int import_node(struct import *c, const NodeDef *p)
{
    const struct tf_op *row = tf_op_find(p->op);
    int n = tf_nin(p);

    c->p = p;
    c->ordinal = (int)(uintptr_t)names_get(&c->ordinals, p->name) - 1;
    if (strcmp(p->op, "Const") == 0)
        return import_const(c);
    if (strcmp(p->op, "Placeholder") == 0)
        return add_input(c, p->name, p);
    if (strcmp(p->op, "NoOp") == 0 || strcmp(p->op, "Assert") == 0)
        return 0;
    if (is_variable(p->op))
        return tf_issue(c, "a variable: the graph is not frozen; freeze it (TensorFlow: "
                           "convert_variables_to_constants)");
    if (strcmp(p->op, "If") == 0 || strcmp(p->op, "StatelessIf") == 0)
        return tf_issue(c, "a condition that only running tells");
    if (loop_inner(p))
        return tf_issue(c, "a tensor inside a loop: name what leaves the loop (Exit)");
    if (row == NULL)
        return tf_issue(c, is_audio(p->op)
                               ? "an audio front end: give what it computes as the input, "
                                 "--input_shape TENSOR:DIMS"
                               : "no such operator");
    if (n < row->minin || (row->maxin >= 0 && n > row->maxin))
        return tf_fail(c, "%d inputs", n);
    for (int i = 0; i < n; i++) {
        struct ref *r = tf_in(c, i);

        if (r == NULL)
            return -1;
        if (r->dead && strcmp(p->op, "Merge") != 0) {
            tf_alias(c, 0, r);
            return 0;
        }
        if (r->items != NULL && !tf_takes_lists(p->op))
            return tf_issue(c, "input %d (%s) is a list of tensors", i, p->input[i]);
    }
    names_put(&c->used, p->name, NULL); /* the name is this node's own */
    names_put(&c->named, p->name, NULL);
    return row->import(c, row->op);
}

/* What a name reads is known already: an input, or imported. */
static bool is_there(const struct import *c, const char *tensor)
{
    return names_get(&c->refs, tensor) != NULL;
}

/* Imports what the output needs, depth first; `state` by node name: entered, done. */
static int import_needed(struct import *c, const char *output, struct names *state)
{
    static char entered, done;
    struct visit {
        const NodeDef *p;
        int next;
        bool left; /* of an Exit: loop_next's */
    } *stack = NULL;
    int n = 0, cap = 0, rc = -1;
    const char *want = output;

    for (;;) {
        struct visit *top;

        if (want != NULL && !is_there(c, tf_tensor_name(c, want))) {
            const NodeDef *p = names_get(&c->nodes, tf_node_of(c, want));

            if (p == NULL) {
                c->p = n > 0 ? stack[n - 1].p : NULL;
                tf_fail(c, "reads '%s', which nothing writes", want);
                goto out;
            }
            if (names_get(state, p->name) == &entered) {
                c->p = p;
                tf_fail(c, "the graph has a loop through this node");
                goto out;
            }
            if (names_get(state, p->name) == NULL) {
                names_put(state, p->name, &entered);
                if (loop_enter(c, p) < 0)
                    goto out;
                GROW(stack, n, cap);
                stack[n++] = (struct visit){ .p = p };
            }
        }
        want = NULL;
        if (n == 0)
            break;
        top = &stack[n - 1];
        if (strcmp(top->p->op, "Exit") == 0) {
            if (loop_next(c, top->p, &top->left, &want) < 0)
                goto out;
            if (want != NULL)
                continue;
        } else if (top->next < tf_nin(top->p)) {
            want = top->p->input[top->next++];
            continue;
        } else if (import_node(c, top->p) < 0) {
            goto out;
        }
        names_put(state, top->p->name, &done);
        n--;
    }
    rc = 0;
out:
    free(stack);
    return rc;
}

/* The outputs in TensorFlow's order, under their own names. */
static int set_outputs(struct import *c, const char *const *names, int n)
{
    struct graph *g = c->m->graph;

    g->out = arena_alloc(&c->m->arena, (size_t)n * sizeof *g->out);
    for (int i = 0; i < n; i++) {
        struct ref *r;
        struct value *v;

        c->p = names_get(&c->nodes, tf_node_of(c, names[i]));
        r = tf_ref(c, names[i]);
        if (r == NULL)
            return -1;
        if (r->dead)
            return tf_fail(c, "the output is of a branch that is never taken");
        if (r->items != NULL)
            return tf_fail(c, "the output is a list of tensors");
        v = tf_rows(c, r);
        if (r->first && strcmp(r->cf->name, names[i]) == 0) {
            const char *inner = v->name;

            v->name = r->cf->name;
            r->cf->name = arena_printf(&c->m->arena, "%.*sNCHW", (int)strlen(inner) - 4, inner);
        } else if (strcmp(v->name, names[i]) != 0) { /* an alias of another tensor */
            struct node *id =
                node_new(c->m, &ops[OP_IDENTITY],
                         names_unique(&c->named, &c->m->arena,
                                      arena_printf(&c->m->arena, "%s/output", names[i])),
                         1, 1);

            id->in[0] = v;
            id->out[0] = value_new(c->m, names[i], v->dtype, shape_unknown());
            if (tf_insert(c, id) < 0)
                return -1;
            v = id->out[0];
        }
        g->out[g->nout++] = v;
    }
    return 0;
}

static int optimize(struct import *c, int nsource)
{
    struct model *m = c->m;

    if (fold_constants(m, c->err) < 0)
        return -1;
    fold_affine(m);
    remove_identities(m);
    model_prune(m, nsource);
    if (infer_model(m, &c->issues, c->err) < 0)
        return -1;
    fuse_gemm(m);
    model_prune(m, nsource);
    return 0;
}

static int build(struct import *c, const struct tf_options *o)
{
    int n, nsource = c->m->ndata, rc = -1;
    struct names read = { 0 }, state = { 0 };
    const char **outputs = NULL;

    if (index_nodes(c) < 0)
        goto out;
    note_readers(c, &read);
    outputs = find_outputs(c, o->out_nodes, &read, &n);
    if (c->failed || find_inputs(c, o->input_shapes) < 0)
        goto out;
    for (int i = 0; i < n; i++)
        if (import_needed(c, outputs[i], &state) < 0)
            goto out;
    if (set_outputs(c, outputs, n) < 0)
        goto out;
    model_index(c->m);
    if (c->issues.n == 0)
        rc = optimize(c, nsource);
out:
    if (c->issues.n > 0)
        rc = issues_report(&c->issues, c->err);
    free(outputs);
    names_release(&state);
    names_release(&read);
    return rc;
}

int tf_import(struct model *m, const struct blob *file, const char *path,
              const struct tf_options *o, struct err *e)
{
    struct import c = { .m = m, .err = e };
    ProtobufCAllocator allocator;
    int rc = -1;

    m->framework = FRAMEWORK_TENSORFLOW;
    if (tf_strip(m, file, path, e) < 0)
        goto out;
    allocator = tf_allocator(&c.protos);
    c.graph = tensorflow__graph_def__unpack(&allocator, m->sourcesize, m->source);
    if (c.graph == NULL) {
        err_set(e, "not a GraphDef");
        goto out;
    }
    if (tf_inline(&c.protos, c.graph, e) < 0)
        goto out;
    c.infer = infer_new(m, &c.issues, 1);
    c.other.infer = infer_new(m, &c.other.issues, 2);
    rc = build(&c, o);
out:
    arena_release(&c.protos);
    infer_free(c.infer);
    infer_free(c.other.infer);
    names_release(&c.nodes);
    names_release(&c.ordinals);
    names_release(&c.refs);
    names_release(&c.used);
    names_release(&c.named);
    names_release(&c.inputs);
    names_release(&c.readers);
    names_release(&c.clones);
    names_release(&c.loops);
    buf_release(&c.issues.text);
    buf_release(&c.other.issues.text);
    return rc < 0 ? err_at(e, "%s", path == NULL ? "<stdin>" : path) : 0;
}

int tf_import_text(struct model *m, const struct blob *file, const char *path,
                   const struct tf_options *o, struct err *e)
{
    struct buf wire = { 0 };
    struct blob bytes = { 0 };
    int rc = tf_text(&wire, path, file, e);

    bytes.data = arena_copy(&m->arena, wire.data, wire.size); /* as long as the model */
    bytes.size = wire.size;
    buf_release(&wire);
    return rc < 0 ? -1 : tf_import(m, &bytes, path, o, e);
}
