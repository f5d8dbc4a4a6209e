/* script.h: a TorchScript archive being made: a Trace with attributes of its own (the weights) and changes
 * to its calls. emit.c decides, spell.c writes forward(), module.c classes and the pickled module.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TORCH_SCRIPT_H
#define TORCH_SCRIPT_H

#include "base/names.h"
#include "ir/ir.h"
#include "op/op.h"
#include "quant/emit.h"
#include "torch/source.h"

/* An attribute of the module, by its name in the state dict. */
struct slot {
    const char *name;
    enum dtype dtype;
    struct shape shape;
    bool parameter, kept;
    enum { SLOT_DATUM, SLOT_FLOATS, SLOT_GRID, SLOT_INT8 } kind;
    int datum; /* SLOT_DATUM: of the model's data, of type `stored` */
    enum dtype stored;
    const float *floats;        /* SLOT_FLOATS */
    const struct plan_node *pn; /* SLOT_GRID, SLOT_INT8 */
    struct weight_view view;
};

/* What becomes of a call. */
struct change {
    bool live, absorbed;
    int into;                /* absorbed: the call that does its work */
    const struct node *node; /* planned: its weight and bias are these … */
    const struct plan_node *pn;
    int weight, bias;                /* … slots; -1: as the call has it */
    const struct plan_tensor *input; /* quantized on the way in */
    const struct plan_tensor *inner; /* the sigmoid inside a silu */
};

struct script {
    struct arena arena;
    const struct model *m;
    const Trace *t;
    struct slot *slots;
    int nslots, capslots;
    int *slot_of;                     /* by value; -1: no weight */
    struct change *changes;           /* by call */
    const struct plan_tensor **carry; /* by value: quantized once it is known */
    const char **inputs;              /* by value: what forward() calls it */
    const char *prefix;               /* of the other values' names */
    int *constants, nconstants;       /* by value: a literal's place in CONSTANTS, -1 */
    const char *class;
    struct err *err;
};

/* ---- spell.c ---- */

/* forward()'s lines, after its head. Operators without a spelling are noted. */
void spell_calls(struct script *s, struct buf *out, struct issues *issues);
/* The name, weight or constant that the value is. */
void spell_value(const struct script *s, uint32_t value, struct buf *out);
bool spell_is_name(const char *s); /* an identifier and no keyword */
/* self.a.b, or getattr() where a name is none. */
void spell_path(struct buf *out, const char *path);

/* ---- module.c ---- */

/* Puts all members of the archive. `forward` is the method's text. */
int module_write(struct script *s, const struct buf *forward, struct out *o);

#endif
