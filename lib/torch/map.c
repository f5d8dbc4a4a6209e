/* map.c: the operators of torch that dopt has, one row each, with their arguments as the tracer gives
 * them: all of them, in the order of torch's own schema less what only training needs.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "torch/ops.h"

/* Sorted by name (strcmp). */
static const struct torch_op rows[] = {
    { "abs", torch_unary, OP_ABS, 1 },
    { "acos", torch_unary, OP_ACOS, 1 },
    { "acosh", torch_unary, OP_ACOSH, 1 },
    { "adaptive_avg_pool1d", torch_unary, OP_GLOBALAVERAGEPOOL, 1 }, /* to 1: x, size */
    { "adaptive_avg_pool2d", torch_unary, OP_GLOBALAVERAGEPOOL, 1 },
    { "adaptive_avg_pool3d", torch_unary, OP_GLOBALAVERAGEPOOL, 1 },
    { "adaptive_max_pool1d", torch_unary, OP_GLOBALMAXPOOL, 1 },
    { "adaptive_max_pool2d", torch_unary, OP_GLOBALMAXPOOL, 1 },
    { "adaptive_max_pool3d", torch_unary, OP_GLOBALMAXPOOL, 1 },
    { "add", torch_binary, OP_ADD, 2 },
    { "amax", torch_reduce, OP_REDUCEMAX, 3 }, /* x, dims, keepdim */
    { "amin", torch_reduce, OP_REDUCEMIN, 3 },
    { "argmax", torch_arg_extreme, OP_ARGMAX, 3 }, /* x, dim, keepdim */
    { "argmin", torch_arg_extreme, OP_ARGMIN, 3 },
    { "asin", torch_unary, OP_ASIN, 1 },
    { "asinh", torch_unary, OP_ASINH, 1 },
    { "atan", torch_unary, OP_ATAN, 1 },
    { "atanh", torch_unary, OP_ATANH, 1 },
    { "avg_pool1d", torch_avg_pool, OP_AVERAGEPOOL,
      6 }, /* x, kernel, stride, padding, ceil, count_include_pad */
    { "avg_pool2d", torch_avg_pool, OP_AVERAGEPOOL, 6 },
    { "avg_pool3d", torch_avg_pool, OP_AVERAGEPOOL, 6 },
    { "batch_norm", torch_batch_norm, OP_BATCHNORMALIZATION,
      6 }, /* x, weight, bias, mean, var, eps */
    { "bitwise_and", torch_binary, OP_BITWISEAND, 2 },
    { "bitwise_not", torch_unary, OP_BITWISENOT, 1 },
    { "bitwise_or", torch_binary, OP_BITWISEOR, 2 },
    { "bitwise_xor", torch_binary, OP_BITWISEXOR, 2 },
    { "cat", torch_cat, OP_CONCAT, 2 }, /* tensors, dim */
    { "ceil", torch_unary, OP_CEIL, 1 },
    { "celu", torch_sloped, OP_CELU, 2 }, /* x, alpha */
    { "clamp", torch_clamp, OP_CLIP, 3 }, /* x, min, max */
    { "conv1d", torch_conv, OP_CONV, 7 }, /* x, weight, bias, stride, padding, dilation, groups */
    { "conv2d", torch_conv, OP_CONV, 7 },
    { "conv3d", torch_conv, OP_CONV, 7 },
    { "conv_transpose1d", torch_conv_transpose, OP_CONVTRANSPOSE,
      8 }, /* x, weight, bias, stride, padding, */
    { "conv_transpose2d", torch_conv_transpose, OP_CONVTRANSPOSE,
      8 }, /* output_padding, groups, dilation */
    { "conv_transpose3d", torch_conv_transpose, OP_CONVTRANSPOSE, 8 },
    { "cos", torch_unary, OP_COS, 1 },
    { "cosh", torch_unary, OP_COSH, 1 },
    { "cumsum", torch_cumsum, OP_CUMSUM, 2 }, /* x, dim */
    { "div", torch_binary, OP_DIV, 2 },
    { "einsum", torch_einsum, OP_EINSUM, 2 }, /* equation, tensors */
    { "elu", torch_sloped, OP_ELU, 2 },
    { "embedding", torch_embedding, OP_GATHER, 2 }, /* weight, indices */
    { "eq", torch_binary, OP_EQUAL, 2 },
    { "erf", torch_unary, OP_ERF, 1 },
    { "exp", torch_unary, OP_EXP, 1 },
    { "expand", torch_listed, OP_EXPAND, 2 }, /* x, sizes */
    { "flip", torch_flip, OP_SLICE, 2 },      /* x, dims */
    { "floor", torch_unary, OP_FLOOR, 1 },
    { "floor_divide", torch_floor_divide, OP_DIV, 2 },
    { "gather", torch_gather, OP_GATHERELEMENTS, 3 }, /* x, dim, index */
    { "ge", torch_binary, OP_GREATEROREQUAL, 2 },
    { "gelu", torch_gelu, OP_ERF, 2 }, /* x, approximate */
    { "grid_sample", torch_grid_sample, OP_GRIDSAMPLE,
      5 }, /* x, grid, mode, padding_mode, align_corners */
    { "group_norm", torch_group_norm, OP_INSTANCENORMALIZATION,
      5 },                                 /* x, groups, weight, bias, eps */
    { "gru", torch_recurrent, OP_GRU, 7 }, /* as lstm */
    { "gt", torch_binary, OP_GREATER, 2 },
    { "hardshrink", torch_shrink, OP_SHRINK, 2 }, /* x, lambda */
    { "hardsigmoid", torch_hardsigmoid, OP_HARDSIGMOID, 1 },
    { "hardswish", torch_unary, OP_HARDSWISH, 1 },
    { "index_select", torch_index_select, OP_GATHER, 3 }, /* x, dim, index of any rank */
    { "instance_norm", torch_instance_norm, OP_INSTANCENORMALIZATION,
      4 },                                              /* x, weight, bias, eps */
    { "interpolate", torch_interpolate, OP_RESIZE, 5 }, /* x, size, scales, mode, align_corners */
    { "isinf", torch_unary, OP_ISINF, 1 },
    { "isnan", torch_unary, OP_ISNAN, 1 },
    { "layer_norm", torch_layer_norm, OP_LAYERNORMALIZATION, 5 }, /* x, shape, weight, bias, eps */
    { "le", torch_binary, OP_LESSOREQUAL, 2 },
    { "leaky_relu", torch_sloped, OP_LEAKYRELU, 2 },
    { "linear", torch_linear, OP_GEMM, 3 },          /* x, weight, bias */
    { "local_response_norm", torch_lrn, OP_LRN, 5 }, /* x, size, alpha, beta, k */
    { "log", torch_unary, OP_LOG, 1 },
    { "log_softmax", torch_softmax, OP_LOGSOFTMAX, 2 }, /* x, dim */
    { "logical_and", torch_binary, OP_AND, 2 },
    { "logical_not", torch_unary, OP_NOT, 1 },
    { "logical_or", torch_binary, OP_OR, 2 },
    { "logical_xor", torch_binary, OP_XOR, 2 },
    { "logsumexp", torch_reduce, OP_REDUCELOGSUMEXP, 3 },
    { "lstm", torch_recurrent, OP_LSTM, 7 }, /* x, states, weights, has_biases, layers, */
    { "lt", torch_binary, OP_LESS, 2 },      /* bidirectional, batch_first */
    { "matmul", torch_matmul, OP_MATMUL, 2 },
    { "max_pool1d", torch_max_pool, OP_MAXPOOL,
      6 }, /* x, kernel, stride, padding, dilation, ceil */
    { "max_pool2d", torch_max_pool, OP_MAXPOOL, 6 },
    { "max_pool3d", torch_max_pool, OP_MAXPOOL, 6 },
    { "maximum", torch_binary, OP_MAX, 2 },
    { "mean", torch_reduce, OP_REDUCEMEAN, 3 },
    { "minimum", torch_binary, OP_MIN, 2 },
    { "mish", torch_mish, OP_MUL, 1 },
    { "mul", torch_binary, OP_MUL, 2 },
    { "ne", torch_not_equal, OP_EQUAL, 2 },
    { "neg", torch_unary, OP_NEG, 1 },
    { "pad", torch_pad, OP_PAD, 4 },                              /* x, pads, mode, value */
    { "permute", torch_permute, OP_TRANSPOSE, 2 },                /* x, dims */
    { "pixel_shuffle", torch_pixel_shuffle, OP_DEPTHTOSPACE, 2 }, /* x, factor */
    { "pow", torch_binary, OP_POW, 2 },
    { "prelu", torch_prelu, OP_PRELU, 2 }, /* x, weight */
    { "prod", torch_reduce, OP_REDUCEPROD, 3 },
    { "reciprocal", torch_unary, OP_RECIPROCAL, 1 },
    { "relu", torch_unary, OP_RELU, 1 },
    { "relu6", torch_relu6, OP_CLIP, 1 },
    { "remainder", torch_remainder, OP_MOD, 2 },
    { "repeat", torch_listed, OP_TILE, 2 },     /* x, repeats */
    { "reshape", torch_listed, OP_RESHAPE, 2 }, /* x, shape */
    { "rnn_relu", torch_recurrent, OP_RNN, 7 }, /* as lstm */
    { "rnn_tanh", torch_recurrent, OP_RNN, 7 },
    { "round", torch_unary, OP_ROUND, 1 },
    { "scatter", torch_scatter, OP_SCATTERELEMENTS, 4 }, /* x, dim, index, source */
    { "scatter_add", torch_scatter, OP_SCATTERELEMENTS, 4 },
    { "selu", torch_unary, OP_SELU, 1 },
    { "sigmoid", torch_unary, OP_SIGMOID, 1 },
    { "sign", torch_unary, OP_SIGN, 1 },
    { "silu", torch_silu, OP_MUL, 1 },
    { "sin", torch_unary, OP_SIN, 1 },
    { "sinh", torch_unary, OP_SINH, 1 },
    { "slice", torch_slice, OP_SLICE, 5 },                  /* x, dim, start, end, step */
    { "slice_scatter", torch_slice_scatter, OP_CONCAT, 6 }, /* x, source, dim, start, end, step */
    { "softmax", torch_softmax, OP_SOFTMAX, 2 },
    { "softplus", torch_softplus, OP_SOFTPLUS, 3 }, /* x, beta, threshold */
    { "softshrink", torch_shrink, OP_SHRINK, 2 },
    { "softsign", torch_unary, OP_SOFTSIGN, 1 },
    { "sqrt", torch_unary, OP_SQRT, 1 },
    { "sub", torch_binary, OP_SUB, 2 },
    { "sum", torch_reduce, OP_REDUCESUM, 3 },
    { "tan", torch_unary, OP_TAN, 1 },
    { "tanh", torch_unary, OP_TANH, 1 },
    { "to", torch_cast, OP_CAST, 2 },        /* x, type */
    { "topk", torch_topk, OP_TOPK, 4 },      /* x, k, dim, largest */
    { "tril", torch_triangle, OP_TRILU, 2 }, /* x, diagonal */
    { "triu", torch_triangle, OP_TRILU, 2 },
    { "where", torch_where, OP_WHERE, 3 }, /* condition, x, y */
};

static int compare(const void *name, const void *row)
{
    return strcmp(name, ((const struct torch_op *)row)->name);
}

const struct torch_op *torch_op_find(const char *name)
{
    return bsearch(name, rows, sizeof rows / sizeof *rows, sizeof *rows, compare);
}
