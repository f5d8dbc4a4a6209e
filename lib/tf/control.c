/* control.c: Switch and Merge of a predicate that is known before the graph runs: the branch not taken is
 * dead, and so is what reads it, up to the Merge.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tf/ops.h"

/* Output 0 where the predicate is false, 1 where it is true. */
int tf_switch(struct import *c, int op)
{
    static const struct ref dead = { .dead = true };
    struct ref *data = tf_in(c, 0);
    int64_t taken;
    int n;

    (void)op;
    if (data == NULL)
        return -1;
    if (!tf_ints(c, 1, &taken, 1, &n))
        return c->failed ? -1 : 0;
    tf_alias(c, taken != 0, data);
    tf_alias(c, taken == 0, &dead);
    return 0;
}

/* (value, its index) of the input that is alive. */
int tf_merge(struct import *c, int op)
{
    for (int i = 0; i < tf_nin(c->p); i++) {
        struct ref *r = tf_in(c, i), *index;
        int32_t at = i;

        (void)op;
        if (r == NULL)
            return -1;
        if (r->dead)
            continue;
        tf_alias(c, 0, r);
        index = arena_alloc(&c->m->arena, sizeof *index);
        index->tf = constant_new(c->m,
                                 names_unique(&c->used, &c->m->arena,
                                              arena_printf(&c->m->arena, "%s/index", c->p->name)),
                                 DT_I32, shape_of(0, NULL), &at);
        tf_alias(c, 1, index);
        return 0;
    }
    return tf_fail(c, "none of its inputs is ever written");
}
