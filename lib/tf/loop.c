/* loop.c: frames of Enter, Merge, Switch, LoopCond, NextIteration and Exit, iteration by iteration; see
 * loop.h. In iteration 0 Merge is what Enter reads, in iteration K what NextIteration reads in iteration
 * K-1; Switch is what it reads, and so is Enter, whose reader lies inside.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tf/loop.h"

/* Of one loop; of all (dopt-import.1); loops inside one another. */
enum { ITERATIONS_MAX = 4096, CLONES_MAX = 1 << 18, DEPTH_MAX = 64 };

/* Where a name is read: in iteration `at` of a loop, or outside of all. */
struct scope {
    struct loop *loop;
    int at;
};

/* One run through the iterations of a frame. */
struct loop {
    const char *frame;
    struct scope outer;
    const char *condition; /* what LoopCond reads */
    int at;                /* the iteration whose condition is looked at */
    bool asked, done, stuck;
    struct ref *dead; /* of a branch that is not taken, as the condition is */
};

struct clone {
    NodeDef made;
    const NodeDef *source;
    struct scope in;
};

static bool op_is(const NodeDef *p, const char *op)
{
    return p != NULL && strcmp(p->op, op) == 0;
}

bool loop_inner(const NodeDef *p)
{
    return op_is(p, "Enter") || op_is(p, "NextIteration") || op_is(p, "LoopCond");
}

static const NodeDef *writer_of(struct import *c, const char *tensor)
{
    return names_get(&c->nodes, tf_node_of(c, tensor));
}

/* What writes data input i of p; NULL if nothing does. */
static const NodeDef *input_of(struct import *c, const NodeDef *p, int i)
{
    return p != NULL && i < tf_nin(p) ? writer_of(c, p->input[i]) : NULL;
}

/* The node of that operator that a Merge reads, or NULL. */
static const NodeDef *merged(struct import *c, const NodeDef *p, const char *op)
{
    for (int i = 0; op_is(p, "Merge") && i < tf_nin(p); i++)
        if (op_is(input_of(c, p, i), op) && tf_nin(input_of(c, p, i)) == 1)
            return input_of(c, p, i);
    return NULL;
}

/* "/iJ/iK" */
static const char *suffix(struct import *c, struct scope s)
{
    return s.loop == NULL ? "" : arena_printf(&c->protos, "%s/i%d", suffix(c, s.loop->outer), s.at);
}

/* The node p of that iteration, made if it is not there; its inputs come with loop_enter. */
static const char *clone(struct import *c, const NodeDef *p, struct scope in)
{
    const char *name = arena_printf(&c->protos, "%s%s", p->name, suffix(c, in));
    const struct clone *known = names_get(&c->clones, name);
    struct clone *k;

    if (known != NULL)
        return name;
    c->p = p;
    if (names_get(&c->nodes, name) != NULL) {
        tf_fail(c, "the name of its copy %s is taken", name);
        return NULL;
    }
    if (c->clones.n >= CLONES_MAX) {
        tf_fail(c, "its loop has more than %d nodes when it is unrolled", CLONES_MAX);
        c->err->status = ERR_UNSUPPORTED;
        return NULL;
    }
    k = arena_alloc(&c->protos, sizeof *k);
    k->made = *p;
    k->made.name = (char *)name;
    k->source = p;
    k->in = in;
    names_put(&c->clones, name, k);
    names_put(&c->nodes, name, &k->made);
    return name;
}

/* What a tensor that is read in that scope is called; NULL after tf_fail. */
static const char *tensor_in(struct import *c, struct scope s, const char *tensor)
{
    const NodeDef *p;
    const char *colon, *name;

    for (;;) {
        p = writer_of(c, tensor);
        if (s.loop == NULL || p == NULL || tf_nin(p) == 0 ||
            names_get(&c->inputs, tf_tensor_name(c, tensor)) != NULL)
            return tensor;
        if (!op_is(p, "Enter"))
            break;
        if (!tf_is(p, "frame_name", s.loop->frame, "")) {
            c->p = p;
            tf_fail(c, "a node of loop '%s' reads it", s.loop->frame);
            return NULL;
        }
        s = s.loop->outer;
        tensor = p->input[0];
    }
    name = clone(c, p, s);
    colon = strrchr(tensor, ':');
    return name == NULL || colon == NULL ? name : arena_printf(&c->protos, "%s%s", name, colon);
}

/* Passes on what it reads. */
static bool passes(const NodeDef *p)
{
    return loop_inner(p) || op_is(p, "Identity");
}

int loop_enter(struct import *c, const NodeDef *p)
{
    struct clone *k = names_get(&c->clones, p->name);
    const NodeDef *source = k == NULL ? NULL : k->source, *enter, *next;
    struct scope before;
    size_t n;

    if (source == NULL || op_is(source, "Exit"))
        return 0;
    n = (size_t)tf_nin(source);
    k->made.n_input = n;
    k->made.input = arena_alloc(&c->protos, n * sizeof *k->made.input);
    enter = merged(c, source, "Enter");
    next = merged(c, source, "NextIteration");
    if (enter != NULL && next != NULL) {
        before = (struct scope){ k->in.loop, k->in.at - 1 };
        k->made.op = (char *)"IdentityN";
        k->made.n_input = 1;
        k->made.input[0] = (char *)(k->in.at == 0 ? tensor_in(c, k->in, enter->name)
                                                  : tensor_in(c, before, next->input[0]));
        return k->made.input[0] == NULL ? -1 : 0;
    }
    for (size_t i = 0; i < n; i++)
        if ((k->made.input[i] = (char *)tensor_in(c, k->in, source->input[i])) == NULL)
            return -1;
    if (op_is(source, "Switch") && op_is(input_of(c, source, 1), "LoopCond")) {
        k->made.op = (char *)"IdentityN"; /* both ways out */
        k->made.input[1] = k->made.input[0];
    } else if (passes(source)) {
        k->made.op = (char *)"IdentityN";
    }
    return 0;
}

/* The loop of that frame in that scope; the first who asks starts it. NULL after tf_fail. */
static struct loop *loop_of(struct import *c, const NodeDef *enter, struct scope outer,
                            const char *condition)
{
    const Tensorflow__AttrValue *a = tf_attr(enter, "frame_name");
    const char *frame =
        a == NULL || !a->has_s ? "" : arena_strndup(&c->protos, (const char *)a->s.data, a->s.len);
    const char *key = arena_printf(&c->protos, "%s\n%s", frame, suffix(c, outer));
    struct loop *l = names_get(&c->loops, key);
    int depth = 0;

    for (struct scope s = outer; s.loop != NULL; s = s.loop->outer, depth++)
        if (depth == DEPTH_MAX || strcmp(s.loop->frame, frame) == 0) {
            tf_fail(c,
                    depth == DEPTH_MAX ? "loop '%s' is too deep inside others"
                                       : "loop '%s' reads what it ends with",
                    frame);
            return NULL;
        }
    if (l == NULL) {
        l = arena_alloc(&c->protos, sizeof *l);
        *l = (struct loop){ .frame = frame, .outer = outer, .condition = condition };
        names_put(&c->loops, key, l);
    }
    return l;
}

/* Does iteration l->at take place? */
static int judge(struct import *c, struct loop *l, struct ref *r)
{
    const struct tensor *t = r->dead || r->tf == NULL ? NULL : infer_known(c->infer, r->tf);

    l->asked = false;
    if (r->dead) {
        l->dead = r;
        l->done = true;
    } else if (t == NULL || !tf_certain(c, r->tf) || shape_count(&t->shape) != 1) {
        l->done = l->stuck = true;
        return tf_issue(c,
                        "a loop whose condition only running tells (it reads '%s'): give the "
                        "inputs fixed shapes with --input_shape, or end the graph before it "
                        "with --out_nodes",
                        l->condition);
    } else if (tensor_get_int(t, 0) == 0) {
        l->done = true;
    } else if (l->at == ITERATIONS_MAX) {
        l->done = l->stuck = true;
        return tf_issue(c, "more than %d iterations", ITERATIONS_MAX);
    } else {
        l->at++;
    }
    return 0;
}

int loop_next(struct import *c, const NodeDef *p, bool *left, const char **want)
{
    const struct clone *k = names_get(&c->clones, p->name);
    const NodeDef *source = k == NULL ? p : k->source, *branch = input_of(c, source, 0),
                  *merge = input_of(c, branch, 0), *cond = input_of(c, branch, 1),
                  *enter = merged(c, merge, "Enter");
    struct loop *l;
    struct ref *r;

    *want = NULL;
    c->p = p;
    if (!op_is(branch, "Switch") || !op_is(cond, "LoopCond") || tf_nin(cond) != 1 ||
        enter == NULL || merged(c, merge, "NextIteration") == NULL)
        return tf_fail(c, "it leaves no loop");
    l = loop_of(c, enter, k == NULL ? (struct scope){ 0 } : k->in, cond->input[0]);
    if (l == NULL)
        return -1;
    while (!l->done) {
        const char *name = tensor_in(c, (struct scope){ l, l->at }, l->condition);

        if (name == NULL)
            return -1;
        if (!l->asked) {
            l->asked = true;
            *want = name;
            return 0;
        }
        c->p = p;
        r = tf_ref(c, name);
        if (r == NULL || judge(c, l, r) < 0)
            return -1;
    }
    if (l->stuck)
        return 0;
    if (l->dead == NULL && !*left) {
        *left = true;
        *want = tensor_in(c, (struct scope){ l, l->at }, merge->name);
        return *want == NULL ? -1 : 0;
    }
    r = l->dead != NULL ? l->dead : tf_ref(c, clone(c, merge, (struct scope){ l, l->at }));
    c->p = p;
    if (r != NULL)
        tf_alias(c, 0, r);
    return r == NULL ? -1 : 0;
}
