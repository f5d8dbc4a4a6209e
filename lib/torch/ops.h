/* ops.h: the functions of map.c's rows. The comments of map.c have the arguments.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TORCH_OPS_H
#define TORCH_OPS_H

#include "torch/context.h"

/* window.c */
int torch_conv(struct import *c, int op);
int torch_conv_transpose(struct import *c, int op);
int torch_max_pool(struct import *c, int op);
int torch_avg_pool(struct import *c, int op);
int torch_interpolate(struct import *c, int op);
int torch_pad(struct import *c, int op);
int torch_pixel_shuffle(struct import *c, int op);
int torch_grid_sample(struct import *c, int op);

/* norm.c */
int torch_batch_norm(struct import *c, int op);
int torch_instance_norm(struct import *c, int op);
int torch_layer_norm(struct import *c, int op);
int torch_group_norm(struct import *c, int op);
int torch_lrn(struct import *c, int op);
int torch_softmax(struct import *c, int op);

/* act.c */
int torch_hardsigmoid(struct import *c, int op);
int torch_relu6(struct import *c, int op);
int torch_silu(struct import *c, int op);
int torch_mish(struct import *c, int op);
int torch_gelu(struct import *c, int op);
int torch_sloped(struct import *c, int op);
int torch_softplus(struct import *c, int op);
int torch_shrink(struct import *c, int op);
int torch_prelu(struct import *c, int op);

/* math.c */
int torch_unary(struct import *c, int op);
int torch_binary(struct import *c, int op);
int torch_not_equal(struct import *c, int op);
int torch_remainder(struct import *c, int op);
int torch_floor_divide(struct import *c, int op);
int torch_cast(struct import *c, int op);
int torch_where(struct import *c, int op);
int torch_clamp(struct import *c, int op);
int torch_reduce(struct import *c, int op);
int torch_arg_extreme(struct import *c, int op);
int torch_cumsum(struct import *c, int op);
int torch_topk(struct import *c, int op);
int torch_matmul(struct import *c, int op);
int torch_linear(struct import *c, int op);
int torch_einsum(struct import *c, int op);

/* array.c */
int torch_listed(struct import *c, int op);
int torch_permute(struct import *c, int op);
int torch_slice(struct import *c, int op);
int torch_flip(struct import *c, int op);
int torch_cat(struct import *c, int op);
int torch_slice_scatter(struct import *c, int op);
int torch_triangle(struct import *c, int op);
int torch_index_select(struct import *c, int op);
int torch_embedding(struct import *c, int op);
int torch_gather(struct import *c, int op);
int torch_scatter(struct import *c, int op);

/* rnn.c */
int torch_recurrent(struct import *c, int op);

#endif
