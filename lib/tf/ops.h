/* ops.h: the functions of map.c's rows.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TF_OPS_H
#define TF_OPS_H

#include "tf/context.h"

/* conv.c */
int tf_conv(struct import *c, int depthwise);
int tf_conv_transposed(struct import *c, int op);
int tf_pool(struct import *c, int op);
int tf_bias(struct import *c, int op);
int tf_batchnorm(struct import *c, int op);
int tf_old_batchnorm(struct import *c, int op);
int tf_lrn(struct import *c, int op);
int tf_resize(struct import *c, int nearest);

/* math.c */
int tf_unary(struct import *c, int op);
int tf_pass(struct import *c, int op);
int tf_pass_all(struct import *c, int op);
int tf_leaky(struct import *c, int op);
int tf_relu6(struct import *c, int op);
int tf_binary(struct import *c, int op);
int tf_negated(struct import *c, int op);
int tf_addn(struct import *c, int op);
int tf_square(struct import *c, int op);
int tf_squared_difference(struct import *c, int op);
int tf_rsqrt(struct import *c, int op);
int tf_div_no_nan(struct import *c, int op);
int tf_floor_div(struct import *c, int op);
int tf_floor_mod(struct import *c, int op);
int tf_clip(struct import *c, int op);
int tf_cast(struct import *c, int op);
int tf_select(struct import *c, int op);
int tf_zeros_like(struct import *c, int op);
int tf_softmax(struct import *c, int op);
int tf_reduce(struct import *c, int op);
int tf_reduce_bool(struct import *c, int op);
int tf_arg_extreme(struct import *c, int op);
int tf_matmul(struct import *c, int op);
int tf_einsum(struct import *c, int op);
int tf_cumsum(struct import *c, int op);

/* array.c */
int tf_reshape(struct import *c, int op);
int tf_squeeze(struct import *c, int op);
int tf_expand_dims(struct import *c, int op);
int tf_concat(struct import *c, int op);
int tf_split(struct import *c, int op);
int tf_pack(struct import *c, int op);
/* The current node becomes n tensors stacked along a new axis. */
int tf_stacked(struct import *c, int n, struct value *const *v, int64_t axis);
int tf_unpack(struct import *c, int op);
int tf_listed(struct import *c, int op);
int tf_transpose(struct import *c, int op);
int tf_gather(struct import *c, int op);
int tf_gather_nd(struct import *c, int op);
int tf_fill(struct import *c, int op);
int tf_range(struct import *c, int op);
int tf_shape_of(struct import *c, int op);
int tf_rank_of(struct import *c, int op);
int tf_one_hot(struct import *c, int op);
int tf_topk(struct import *c, int op);
int tf_where(struct import *c, int op);
int tf_depth(struct import *c, int op);

/* slice.c */
int tf_pad(struct import *c, int op);
int tf_slice(struct import *c, int op);
int tf_strided_slice(struct import *c, int op);
int tf_reverse(struct import *c, int op);

/* block.c */
int tf_space_to_batch(struct import *c, int op);
int tf_batch_to_space(struct import *c, int op);

/* list.c */
int tf_list_new(struct import *c, int size);
int tf_list_from(struct import *c, int list);
int tf_list_read(struct import *c, int list);
int tf_list_write(struct import *c, int list);
int tf_list_push(struct import *c, int list);
int tf_list_stack(struct import *c, int list);
int tf_list_size(struct import *c, int list);
int tf_list_concat(struct import *c, int list);
int tf_list_split(struct import *c, int list);
int tf_list_close(struct import *c, int op);

/* control.c */
int tf_switch(struct import *c, int op);
int tf_merge(struct import *c, int op);

/* quantized.c */
int tf_dequantize(struct import *c, int op);
int tf_fake_quant(struct import *c, int op);

#endif
