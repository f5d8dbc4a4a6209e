/* inline.c: see inline.h. Inside a function an input reads "argument" or "node:output:index".
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "tf/inline.h"

typedef Tensorflow__NodeDef NodeDef;
typedef Tensorflow__FunctionDef FunctionDef;
typedef Tensorflow__AttrValue AttrValue;

/* Functions that call themselves have no end. */
enum { NODES_MAX = 1 << 17, NAME_MAX_SIZE = 1000 };

struct inliner {
    struct arena *a;
    Tensorflow__GraphDef *g;
    struct names functions; /* -> FunctionDef */
    struct names nodes;     /* -> NodeDef */
    size_t cap;
    int changed;
    struct err *err;
};

static void *proto_alloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void proto_free(void *arena, void *p)
{
    (void)arena;
    (void)p;
}

ProtobufCAllocator tf_allocator(struct arena *a)
{
    return (ProtobufCAllocator){ proto_alloc, proto_free, a };
}

static AttrValue *attr(const NodeDef *p, const char *key)
{
    for (size_t i = 0; i < p->n_attr; i++)
        if (p->attr[i]->key != NULL && strcmp(p->attr[i]->key, key) == 0)
            return p->attr[i]->value;
    return NULL;
}

static NodeDef *add_node(struct inliner *x, const char *name, const char *op, size_t nin)
{
    NodeDef *p = arena_alloc(x->a, sizeof *p);

    tensorflow__node_def__init(p);
    p->name = arena_strdup(x->a, name);
    p->op = arena_strdup(x->a, op);
    p->n_input = nin;
    p->input = arena_alloc(x->a, (nin + 1) * sizeof *p->input);
    if (x->g->n_node == x->cap) {
        NodeDef **grown;

        x->cap = 2 * x->cap + 8;
        grown = arena_alloc(x->a, x->cap * sizeof(NodeDef *));
        if (x->g->n_node > 0)
            memcpy(grown, x->g->node, x->g->n_node * sizeof(NodeDef *));
        x->g->node = grown;
    }
    x->g->node[x->g->n_node++] = p;
    names_put(&x->nodes, p->name, p);
    return p;
}

/* ---- functions ---- */

/* Where an operator's outputs of that name begin; those of every other name do at 0. */
static int first_port(const char *output)
{
    static const struct {
        const char *name;
        int port;
    } later[] = { { "indices", 1 },    { "output_true", 1 },    { "value_index", 1 },
                  { "batch_mean", 1 }, { "batch_variance", 2 }, { "idx", 1 },
                  { "flow", 1 },       { "lengths", 1 },        { "reserve_space_1", 3 } };

    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (strcmp(later[i].name, output) == 0)
            return later[i].port;
    return 0;
}

/* What `in`, read inside the function that `call` calls, is outside; NULL for a control input. */
static char *outside(struct inliner *x, const NodeDef *call, const FunctionDef *f, size_t skip,
                     const char *in)
{
    const char *colon = strchr(in, ':'), *last = strrchr(in, ':');
    char *node, *output;
    int port;

    if (*in == '^')
        return NULL;
    for (size_t i = 0; i < f->signature->n_input_arg && colon == NULL; i++)
        if (f->signature->input_arg[i]->name != NULL &&
            strcmp(f->signature->input_arg[i]->name, in) == 0 && skip + i < call->n_input)
            return call->input[skip + i];
    node = arena_strndup(x->a, in, colon == NULL ? strlen(in) : (size_t)(colon - in));
    if (colon == NULL || last == colon) /* "node", "node:0" */
        return arena_printf(x->a, "%s/%s%s", call->name, node, colon == NULL ? "" : colon);
    output = arena_strndup(x->a, colon + 1, (size_t)(last - colon - 1));
    port = first_port(output) + atoi(last + 1);
    return port == 0 ? arena_printf(x->a, "%s/%s", call->name, node)
                     : arena_printf(x->a, "%s/%s:%d", call->name, node, port);
}

/* An attribute may stand for one of the call. */
static void copy_attrs(struct inliner *x, NodeDef *to, const NodeDef *from, const NodeDef *call)
{
    to->n_attr = from->n_attr;
    to->attr = arena_alloc(x->a, (from->n_attr + 1) * sizeof *to->attr);
    for (size_t i = 0; i < from->n_attr; i++) {
        const AttrValue *v = from->attr[i]->value;
        AttrValue *outer = v == NULL || v->placeholder == NULL ? NULL : attr(call, v->placeholder);

        to->attr[i] = arena_copy(x->a, from->attr[i], sizeof *to->attr[i]);
        if (outer != NULL)
            to->attr[i]->value = outer;
    }
}

/* What function f returns as result i. */
static const char *returned(const FunctionDef *f, size_t i)
{
    for (size_t k = 0; k < f->n_ret; k++)
        if (f->ret[k]->key != NULL && f->signature->output_arg[i]->name != NULL &&
            strcmp(f->ret[k]->key, f->signature->output_arg[i]->name) == 0)
            return f->ret[k]->value;
    return NULL;
}

/* `skip`: inputs of the call that are not arguments. */
static int expand_call(struct inliner *x, NodeDef *call, const FunctionDef *f, size_t skip)
{
    size_t nout = f->signature->n_output_arg;
    char **results = arena_alloc(x->a, (nout + 1) * sizeof *results);

    for (size_t i = 0; i < nout; i++) {
        const char *ret = returned(f, i);

        results[i] = ret == NULL ? NULL : outside(x, call, f, skip, ret);
        if (results[i] == NULL)
            return err_set(x->err, "node %s: function %s has no result %zu", call->name,
                           f->signature->name, i);
    }
    for (size_t i = 0; i < f->n_node_def; i++) {
        const NodeDef *q = f->node_def[i];
        NodeDef *p;

        if (q->name == NULL || q->op == NULL)
            return err_set(x->err, "function %s: node %zu has no name or no operator",
                           f->signature->name, i);
        if (x->g->n_node >= NODES_MAX || strlen(call->name) > NAME_MAX_SIZE)
            return err_set(x->err, "node %.60s…: function %s has no end, or more than %d nodes",
                           call->name, f->signature->name, NODES_MAX);
        p = add_node(x, arena_printf(x->a, "%s/%s", call->name, q->name), q->op, q->n_input);
        p->n_input = 0;
        for (size_t k = 0; k < q->n_input; k++) {
            char *in = outside(x, call, f, skip, q->input[k]);

            if (in != NULL)
                p->input[p->n_input++] = in;
        }
        copy_attrs(x, p, q, call);
    }
    call->op = arena_strdup(x->a, "IdentityN");
    call->input = results;
    call->n_input = nout;
    for (size_t i = 0; i < call->n_attr; i++) /* its types, under IdentityN's name */
        if (call->attr[i]->key != NULL && strcmp(call->attr[i]->key, "Tout") == 0) {
            call->attr[0] = call->attr[i];
            call->attr[0]->key = arena_strdup(x->a, "T");
            call->n_attr = 1;
        }
    x->changed = 1;
    return 0;
}

/* 1 or 0 where the tensor is a constant condition, -1 where it is none. */
static int condition(const struct inliner *x, const char *tensor)
{
    for (int hops = 0; hops < 32; hops++) {
        const NodeDef *p = names_get(&x->nodes, tensor);
        const AttrValue *v = p == NULL ? NULL : attr(p, "value");

        if (p == NULL)
            return -1;
        if (strcmp(p->op, "Const") == 0) {
            const Tensorflow__TensorProto *t = v == NULL ? NULL : v->tensor;

            if (t == NULL || t->dtype != 10)
                return -1;
            if (t->has_tensor_content && t->tensor_content.len > 0)
                return t->tensor_content.data[0] != 0;
            return t->n_bool_val > 0 && t->bool_val[0];
        }
        if (p->n_input < 1 ||
            (strcmp(p->op, "Identity") != 0 && strcmp(p->op, "PlaceholderWithDefault") != 0))
            return -1;
        tensor = p->input[0];
    }
    return -1;
}

static FunctionDef *function_named(const struct inliner *x, const NodeDef *p, const char *key)
{
    const AttrValue *v = attr(p, key);

    return v == NULL || v->func == NULL || v->func->name == NULL
               ? NULL
               : names_get(&x->functions, v->func->name);
}

/* Sets an attribute that p has not. */
static AttrValue *add_attr(struct inliner *x, NodeDef *p, const char *key)
{
    Tensorflow__AttrEntry **grown = arena_alloc(x->a, (p->n_attr + 1) * sizeof *grown),
                          *entry = arena_alloc(x->a, sizeof *entry);

    tensorflow__attr_entry__init(entry);
    entry->key = arena_strdup(x->a, key);
    entry->value = arena_alloc(x->a, sizeof *entry->value);
    tensorflow__attr_value__init(entry->value);
    if (p->n_attr > 0)
        memcpy(grown, p->attr, p->n_attr * sizeof *grown);
    grown[p->n_attr++] = entry;
    p->attr = grown;
    return entry->value;
}

static void add_string(struct inliner *x, NodeDef *p, const char *key, const char *value)
{
    AttrValue *v = add_attr(x, p, key);

    v->has_s = 1;
    v->s.len = strlen(value);
    v->s.data = (uint8_t *)arena_strdup(x->a, value);
}

/* A node CALL/what of variable i, whose type it gets, or of none (-1). */
static NodeDef *add_part(struct inliner *x, const NodeDef *call, const char *op, const char *what,
                         int i, size_t nin, const char *first, const char *second)
{
    const char *name = i < 0 ? arena_printf(x->a, "%s/%s", call->name, what)
                             : arena_printf(x->a, "%s/%s_%d", call->name, what, i);
    NodeDef *p = add_node(x, name, op, nin);
    const AttrValue *types = attr(call, "T");

    if (nin > 0)
        p->input[0] = arena_strdup(x->a, first);
    if (nin > 1)
        p->input[1] = arena_strdup(x->a, second);
    if (i >= 0 && types != NULL && types->list != NULL && (size_t)i < types->list->n_type) {
        AttrValue *t = add_attr(x, p, "T");

        t->has_type = 1;
        t->type = types->list->type[i];
    }
    return p;
}

/* Does the body hand variable i on as it came? */
static bool invariant(const FunctionDef *f, size_t i)
{
    const char *at = returned(f, i);

    for (size_t k = 0; k < f->n_node_def && at != NULL; k++) { /* through one Identity */
        const NodeDef *q = f->node_def[k];
        size_t n = q->name == NULL ? 0 : strlen(q->name);

        if (n > 0 && strncmp(at, q->name, n) == 0 && at[n] == ':' && q->op != NULL &&
            strcmp(q->op, "Identity") == 0 && q->n_input > 0)
            at = q->input[0];
    }
    return at != NULL && i < f->signature->n_input_arg &&
           f->signature->input_arg[i]->name != NULL &&
           strcmp(at, f->signature->input_arg[i]->name) == 0;
}

/* A call of `key`'s function with the n variables as they are in the loop: CALL/from_i at that port. */
static void add_call(struct inliner *x, const NodeDef *loop, const FunctionDef *body,
                     const char *key, const char *from, const char *port, size_t n)
{
    NodeDef *p = add_part(x, loop, "PartitionedCall", key, -1, 0, NULL, NULL);

    p->n_input = n;
    p->input = arena_alloc(x->a, n * sizeof *p->input);
    for (size_t i = 0; i < n; i++)
        p->input[i] = invariant(body, i)
                          ? arena_printf(x->a, "%s/enter_%zu", loop->name, i)
                          : arena_printf(x->a, "%s/%s_%zu%s", loop->name, from, i, port);
    *add_attr(x, p, "f") = *attr(loop, key);
}

/* While: as TensorFlow itself lowers it. */
static int expand_while(struct inliner *x, NodeDef *p)
{
    const FunctionDef *cond = function_named(x, p, "cond"), *body = function_named(x, p, "body");
    size_t n = 0;
    char **results;

    while (n < p->n_input && p->input[n][0] != '^')
        n++;
    if (cond == NULL || body == NULL)
        return 0;
    if (cond->signature->n_output_arg != 1 || body->signature->n_output_arg != n || n == 0)
        return err_set(x->err, "node %s: %s: %zu variables, of which function %s returns %zu",
                       p->name, p->op, n, body->signature->name, body->signature->n_output_arg);
    if (x->g->n_node + 5 * n + 3 > NODES_MAX)
        return err_set(x->err, "node %.60s: more than %d nodes", p->name, NODES_MAX);
    results = arena_alloc(x->a, n * sizeof *results);
    for (size_t i = 0; i < n; i++) {
        const char *at = arena_printf(x->a, "%s/", p->name);
        NodeDef *enter = add_part(x, p, "Enter", "enter", (int)i, 1, p->input[i], NULL);
        int k = (int)i;

        add_string(x, enter, "frame_name", p->name);
        add_attr(x, enter, "is_constant")->has_b = 1;
        if (invariant(body, i)) {
            enter->attr[enter->n_attr - 1]->value->b = 1;
            results[i] = p->input[i];
            continue;
        }
        add_part(x, p, "Merge", "merge", k, 2, arena_printf(x->a, "%senter_%d", at, k),
                 arena_printf(x->a, "%snext_%d", at, k));
        add_part(x, p, "Switch", "switch", k, 2, arena_printf(x->a, "%smerge_%d", at, k),
                 arena_printf(x->a, "%sgoes_on", at));
        add_part(x, p, "NextIteration", "next", k, 1,
                 k == 0 ? arena_printf(x->a, "%sbody", at) : arena_printf(x->a, "%sbody:%d", at, k),
                 NULL);
        results[i] =
            add_part(x, p, "Exit", "exit", k, 1, arena_printf(x->a, "%sswitch_%d", at, k), NULL)
                ->name;
    }
    add_call(x, p, body, "cond", "merge", "", n);
    add_call(x, p, body, "body", "switch", ":1", n);
    add_part(x, p, "LoopCond", "goes_on", -1, 1, arena_printf(x->a, "%s/cond", p->name), NULL);
    p->op = arena_strdup(x->a, "IdentityN");
    p->input = results;
    p->n_input = n;
    x->changed = 1;
    return 0;
}

static int expand_function(struct inliner *x, NodeDef *p)
{
    FunctionDef *f = names_get(&x->functions, p->op);

    if (f != NULL)
        return expand_call(x, p, f, 0);
    if (strcmp(p->op, "PartitionedCall") == 0 || strcmp(p->op, "StatefulPartitionedCall") == 0) {
        f = function_named(x, p, "f");
        return f == NULL ? 0 : expand_call(x, p, f, 0);
    }
    if (strcmp(p->op, "While") == 0 || strcmp(p->op, "StatelessWhile") == 0)
        return expand_while(x, p);
    if (strcmp(p->op, "If") == 0 || strcmp(p->op, "StatelessIf") == 0) {
        int taken = p->n_input < 1 ? -1 : condition(x, p->input[0]);

        f = taken < 0 ? NULL : function_named(x, p, taken ? "then_branch" : "else_branch");
        return f == NULL ? 0 : expand_call(x, p, f, 1);
    }
    return 0;
}

/* ---- fused nodes ---- */

static bool fused_is(const AttrValue *ops, size_t i, const char *name)
{
    return ops->list->s[i].len == strlen(name) &&
           memcmp(ops->list->s[i].data, name, strlen(name)) == 0;
}

/* (x, w, arguments…) with fused_ops: BiasAdd and FusedBatchNorm take arguments, activations none. The
 * last one keeps the node's name. */
static int expand_fused(struct inliner *x, NodeDef *p)
{
    static const struct {
        const char *fused, *plain;
    } kinds[] = { { "_FusedConv2D", "Conv2D" },
                  { "_FusedDepthwiseConv2dNative", "DepthwiseConv2dNative" },
                  { "_FusedMatMul", "MatMul" } };
    const AttrValue *ops = attr(p, "fused_ops");
    const char *plain = NULL, *from;
    size_t next = 2, n;
    NodeDef *q;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(p->op, kinds[i].fused) == 0)
            plain = kinds[i].plain;
    if (plain == NULL || ops == NULL || ops->list == NULL || ops->list->n_s == 0 || p->n_input < 2)
        return 0;
    n = ops->list->n_s;
    q = add_node(x, arena_printf(x->a, "%s/%s", p->name, plain), plain, 2);
    memcpy(q->input, p->input, 2 * sizeof *q->input);
    copy_attrs(x, q, p, p);
    from = q->name;
    for (size_t i = 0; i < n; i++) {
        bool bias = fused_is(ops, i, "BiasAdd"), norm = fused_is(ops, i, "FusedBatchNorm");
        size_t more = bias ? 1 : norm ? 4 : 0;
        char *op = arena_strndup(x->a, (const char *)ops->list->s[i].data, ops->list->s[i].len);
        char **in = arena_alloc(x->a, (1 + more) * sizeof *in);

        if (next + more > p->n_input)
            return err_set(x->err, "node %s: %s: %zu inputs", p->name, p->op, p->n_input);
        q = i + 1 == n ? p : add_node(x, arena_printf(x->a, "%s/%s", p->name, op), op, 1 + more);
        in[0] = (char *)from;
        memcpy(in + 1, p->input + next, more * sizeof *in);
        next += more;
        if (q != p)
            copy_attrs(x, q, p, p);
        if (norm && attr(q, "is_training") == NULL) /* of a graph for inference */
            add_attr(x, q, "is_training")->has_b = 1;
        q->op = op;
        q->n_input = 1 + more;
        if (q != p) {
            q->input = in;
            from = q->name;
            continue;
        }
        p->input = in;
    }
    x->changed = 1;
    return 0;
}

int tf_inline(struct arena *a, Tensorflow__GraphDef *g, struct err *e)
{
    struct inliner x = { .a = a, .g = g, .cap = g->n_node, .err = e };
    int rc = -1;

    for (size_t i = 0; g->library != NULL && i < g->library->n_function; i++) {
        FunctionDef *f = g->library->function[i];

        if (f->signature != NULL && f->signature->name != NULL)
            names_put(&x.functions, f->signature->name, f);
    }
    for (size_t i = 0; i < g->n_node; i++)
        if (g->node[i]->name != NULL && g->node[i]->op != NULL)
            names_put(&x.nodes, g->node[i]->name, g->node[i]);
    for (size_t i = 0; i < g->n_node; i++) { /* what is added is looked at in its turn */
        NodeDef *p = g->node[i];

        if (p->name == NULL || p->op == NULL)
            continue;
        if (expand_function(&x, p) < 0 || expand_fused(&x, p) < 0)
            goto out;
    }
    rc = x.changed;
out:
    names_release(&x.functions);
    names_release(&x.nodes);
    return rc;
}
