/* upgrade.h: a node of an older (or newer) opset becomes one of the IR's opset. Each function is a
 * row's `upgrade` in map.c, called when inputs, outputs and attributes are there and before the
 * node joins its graph. Returns 0, or -1 after import_fail; what is unsupported is noted.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef ONNX_UPGRADE_H
#define ONNX_UPGRADE_H

#include "onnx/context.h"

int upgrade_axes(struct import *c, struct graph *g,
                 struct node *n); /* Squeeze, Unsqueeze below 13 */
int upgrade_batchnorm(struct import *c, struct graph *g, struct node *n); /* below 7: is_test */
int upgrade_broadcast(struct import *c, struct graph *g,
                      struct node *n);                                /* below 7: broadcast, axis */
int upgrade_prelu(struct import *c, struct graph *g, struct node *n); /* below 7 */
int upgrade_concat(struct import *c, struct graph *g, struct node *n);   /* below 4 */
int upgrade_reshape(struct import *c, struct graph *g, struct node *n);  /* below 5 */
int upgrade_roialign(struct import *c, struct graph *g, struct node *n); /* below 16 */
int upgrade_dft(struct import *c, struct graph *g, struct node *n);      /* below 20 */
int upgrade_loop(struct import *c, struct graph *g, struct node *n);     /* all */
int upgrade_scan(struct import *c, struct graph *g, struct node *n);     /* 8 */
int upgrade_tile(struct import *c, struct graph *g, struct node *n);     /* below 6 */
int upgrade_topk(struct import *c, struct graph *g, struct node *n);     /* below 10 */
int upgrade_castlike(struct import *c, struct graph *g, struct node *n); /* all: becomes Cast */
int upgrade_cast(struct import *c, struct graph *g, struct node *n); /* all: types the IR lacks */
int upgrade_clip(struct import *c, struct graph *g, struct node *n); /* below 11 */
int upgrade_dropout(struct import *c, struct graph *g, struct node *n); /* all: becomes Identity */
int upgrade_pad(struct import *c, struct graph *g, struct node *n);     /* below 11 */
int upgrade_resize(struct import *c, struct graph *g, struct node *n);  /* 10 */
int upgrade_slice(struct import *c, struct graph *g, struct node *n);   /* below 10 */
int upgrade_softmax(struct import *c, struct graph *g,
                    struct node *n); /* below 13, see upgrade_late */
int upgrade_split(struct import *c, struct graph *g,
                  struct node *n); /* below 13, num_outputs of 18 */
int upgrade_upsample(struct import *c, struct graph *g,
                     struct node *n); /* 7 to 9: becomes Resize */

#endif
