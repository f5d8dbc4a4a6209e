/* edit.h: a GraphDef being changed: nodes by ordinal, insertions, new constants.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TF_EDIT_H
#define TF_EDIT_H

#include "base/file.h"
#include "base/names.h"
#include "ir/ir.h"
#include "tensorflow.pb-c.h"

typedef Tensorflow__NodeDef NodeDef; /* protobuf-c's name for it */

/* A node of the source and what is put around it. */
struct place {
    NodeDef *p;
    const char *name; /* in the source */
    NodeDef *writer;  /* what writes the tensor of that name by now */
    int nbefore, nafter, capbefore, capafter;
    NodeDef **before, **after;
    bool read; /* by another node of the source */
};

struct edit {
    struct arena arena; /* holds the whole proto */
    const struct model *m;
    Tensorflow__GraphDef *graph;
    int nplaces; /* nodes of the source; the position is the ordinal */
    struct place *places;
    struct names nodes;   /* -> struct place of the source's nodes */
    struct names renamed; /* tensor name -> the name its readers read now */
    struct names taken;   /* every node name */
};

/* as_it_came: calls and fused nodes stay (tf/inline.h); then nothing may be edited by ordinal. */
int edit_open(struct edit *d, const struct model *m, bool as_it_came, struct err *e);
void edit_close(struct edit *d);
/* A name that no node has: base, base_1, … */
const char *edit_free_name(struct edit *d, const char *base);
/* A node with explicit attributes to come; borrowed strings. */
NodeDef *edit_new(struct edit *d, const char *op, const char *name, int nin, const char *const *in);
void edit_before(struct edit *d, struct place *at, NodeDef *p);
void edit_after(struct edit *d, struct place *at, NodeDef *p);
/* Adds or replaces an attribute. */
Tensorflow__AttrValue *edit_attr(struct edit *d, NodeDef *p, const char *key);
void edit_attr_type(struct edit *d, NodeDef *p, const char *key, int type);
/* Float contents: [rank] dims, n elements copied, stored as `type` (float32, float16, bfloat16). */
Tensorflow__TensorProto *edit_floats(struct edit *d, int type, int rank, const int64_t *dims,
                                     const float *v);
/* A Const node of float32. */
NodeDef *edit_const(struct edit *d, const char *name, int rank, const int64_t *dims,
                    const float *v);
/* The Const behind a tensor name, Identity and Enter passed over, if nothing else reads any of them. */
NodeDef *edit_own_const(struct edit *d, const char *tensor);
/* Every reader of `from` reads `to`, but for those that edit_after puts behind its node. */
void edit_redirect(struct edit *d, const char *from, const char *to);
/* Carries everything out; nodes that the edit left without a reader go, and, if `outputs` is not NULL,
 * everything that those tensors do not need. */
void edit_finish(struct edit *d, const char *const *outputs, int noutputs);
/* Writes the graph with the model's data in place of references. */
int edit_write(const struct edit *d, struct out *o, struct err *e);

#endif
