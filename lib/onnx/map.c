/* map.c: ONNX operator names, one row each: the IR's operator, how many outputs are taken, and
 * which attributes any opset gives it. An operator without a row is unsupported.
 * github.com/onnx/onnx/docs/Changelog.md
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "onnx/context.h"
#include "onnx/expand.h"
#include "onnx/upgrade.h"
#include "op/op.h"

#define WINDOW "auto_pad:s dilations:I kernel_shape:I pads:I strides:I "
#define REDUCE "axes:I keepdims:i noop_with_empty_axes:i"
#define RNN                                                                                        \
    "activation_alpha:F activation_beta:F activations:S clip:f direction:s hidden_size:i "         \
    "layout:i output_sequence:i "

static const struct onnx_op rows[] = {
    { "Abs", OP_ABS, 1, "", NULL },
    { "Acos", OP_ACOS, 1, "", NULL },
    { "Acosh", OP_ACOSH, 1, "", NULL },
    { "Add", OP_ADD, 1, "axis:i broadcast:i", upgrade_broadcast },
    { "AffineGrid", OP_AFFINEGRID, 1, "align_corners:i", NULL },
    { "And", OP_AND, 1, "axis:i broadcast:i", upgrade_broadcast },
    { "ArgMax", OP_ARGMAX, 1, "axis:i keepdims:i select_last_index:i", NULL },
    { "ArgMin", OP_ARGMIN, 1, "axis:i keepdims:i select_last_index:i", NULL },
    { "Asin", OP_ASIN, 1, "", NULL },
    { "Asinh", OP_ASINH, 1, "", NULL },
    { "Atan", OP_ATAN, 1, "", NULL },
    { "Atanh", OP_ATANH, 1, "", NULL },
    { "AveragePool", OP_AVERAGEPOOL, 1, WINDOW "ceil_mode:i count_include_pad:i", NULL },
    { "BatchNormalization", OP_BATCHNORMALIZATION, 3,
      "epsilon:f is_test:i momentum:f spatial:i=1 training_mode:i", upgrade_batchnorm },
    { "Bernoulli", OP_BERNOULLI, 1, "dtype:i seed:f", NULL },
    { "BitShift", OP_BITSHIFT, 1, "direction:s", NULL },
    { "BitwiseAnd", OP_BITWISEAND, 1, "", NULL },
    { "BitwiseNot", OP_BITWISENOT, 1, "", NULL },
    { "BitwiseOr", OP_BITWISEOR, 1, "", NULL },
    { "BitwiseXor", OP_BITWISEXOR, 1, "", NULL },
    { "BlackmanWindow", OP_BLACKMANWINDOW, 1, "output_datatype:i periodic:i", NULL },
    { "Cast", OP_CAST, 1, "to:is saturate:i", upgrade_cast },
    { "CastLike", OP_CAST, 1, "saturate:i", upgrade_castlike },
    { "Ceil", OP_CEIL, 1, "", NULL },
    { "Celu", OP_CELU, 1, "alpha:f", NULL },
    { "Clip", OP_CLIP, 1, "min:f max:f", upgrade_clip },
    { "Compress", OP_COMPRESS, 1, "axis:i", NULL },
    { "Concat", OP_CONCAT, 1, "axis:i", upgrade_concat },
    { "ConstantOfShape", OP_CONSTANTOFSHAPE, 1, "value:t", NULL },
    { "Conv", OP_CONV, 1, WINDOW "group:i", NULL },
    { "ConvInteger", OP_CONVINTEGER, 1, WINDOW "group:i", NULL },
    { "ConvTranspose", OP_CONVTRANSPOSE, 1, WINDOW "group:i output_padding:I output_shape:I",
      NULL },
    { "Cos", OP_COS, 1, "", NULL },
    { "Cosh", OP_COSH, 1, "", NULL },
    { "CumSum", OP_CUMSUM, 1, "exclusive:i reverse:i", NULL },
    { "DFT", OP_DFT, 1, "axis:i inverse:i onesided:i", upgrade_dft },
    { "DepthToSpace", OP_DEPTHTOSPACE, 1, "blocksize:i mode:s", NULL },
    { "DequantizeLinear", OP_DEQUANTIZELINEAR, 1, "axis:i block_size:i=0", NULL },
    { "Det", OP_DET, 1, "", NULL },
    { "Div", OP_DIV, 1, "axis:i broadcast:i", upgrade_broadcast },
    { "Dropout", OP_IDENTITY, 2, "is_test:i ratio:f seed:i", upgrade_dropout },
    { "DynamicQuantizeLinear", OP_DYNAMICQUANTIZELINEAR, 3, "", NULL },
    { "Einsum", OP_EINSUM, 1, "equation:s", NULL },
    { "Elu", OP_ELU, 1, "alpha:f", NULL },
    { "Equal", OP_EQUAL, 1, "axis:i broadcast:i", upgrade_broadcast },
    { "Erf", OP_ERF, 1, "", NULL },
    { "Exp", OP_EXP, 1, "", NULL },
    { "Expand", OP_EXPAND, 1, "", NULL },
    { "EyeLike", OP_EYELIKE, 1, "dtype:i k:i", NULL },
    { "Flatten", OP_FLATTEN, 1, "axis:i", NULL },
    { "Floor", OP_FLOOR, 1, "", NULL },
    { "GRU", OP_GRU, 2, RNN "linear_before_reset:i", NULL },
    { "Gather", OP_GATHER, 1, "axis:i", NULL },
    { "GatherElements", OP_GATHERELEMENTS, 1, "axis:i", NULL },
    { "GatherND", OP_GATHERND, 1, "batch_dims:i", NULL },
    { "Gelu", OP_GELU, 1, "approximate:s", NULL },
    { "Gemm", OP_GEMM, 1, "alpha:f beta:f broadcast:i transA:i transB:i", NULL },
    { "GlobalAveragePool", OP_GLOBALAVERAGEPOOL, 1, "", NULL },
    { "GlobalLpPool", OP_GLOBALLPPOOL, 1, "p:if", NULL },
    { "GlobalMaxPool", OP_GLOBALMAXPOOL, 1, "", NULL },
    { "Greater", OP_GREATER, 1, "axis:i broadcast:i", upgrade_broadcast },
    { "GreaterOrEqual", OP_GREATEROREQUAL, 1, "", NULL },
    { "GridSample", OP_GRIDSAMPLE, 1, "align_corners:i mode:s padding_mode:s", NULL },
    { "GroupNormalization", OP_GROUPNORMALIZATION, 1, "epsilon:f num_groups:i stash_type:i", NULL },
    { "HammingWindow", OP_HAMMINGWINDOW, 1, "output_datatype:i periodic:i", NULL },
    { "HannWindow", OP_HANNWINDOW, 1, "output_datatype:i periodic:i", NULL },
    { "HardSigmoid", OP_HARDSIGMOID, 1, "alpha:f beta:f", NULL },
    { "HardSwish", OP_HARDSWISH, 1, "", NULL },
    { "Hardmax", OP_HARDMAX, 1, "axis:i", upgrade_softmax },
    { "Identity", OP_IDENTITY, 1, "", NULL },
    { "If", OP_IF, 1 << 20, "then_branch:g else_branch:g", NULL },
    { "InstanceNormalization", OP_INSTANCENORMALIZATION, 1, "epsilon:f", NULL },
    { "IsInf", OP_ISINF, 1, "detect_negative:i detect_positive:i", NULL },
    { "IsNaN", OP_ISNAN, 1, "", NULL },
    { "LRN", OP_LRN, 1, "alpha:f beta:f bias:f size:i", NULL },
    { "LSTM", OP_LSTM, 3, RNN "input_forget:i", NULL },
    { "LayerNormalization", OP_LAYERNORMALIZATION, 3, "axis:i epsilon:f stash_type:i", NULL },
    { "LeakyRelu", OP_LEAKYRELU, 1, "alpha:f", NULL },
    { "Less", OP_LESS, 1, "axis:i broadcast:i", upgrade_broadcast },
    { "LessOrEqual", OP_LESSOREQUAL, 1, "", NULL },
    { "Log", OP_LOG, 1, "", NULL },
    { "LogSoftmax", OP_LOGSOFTMAX, 1, "axis:i", upgrade_softmax },
    { "Loop", OP_LOOP, 1 << 20, "body:g", NULL },
    { "LpNormalization", OP_LPNORMALIZATION, 1, "axis:i p:i", NULL },
    { "LpPool", OP_LPPOOL, 1, WINDOW "ceil_mode:i p:if", NULL },
    { "MatMul", OP_MATMUL, 1, "", NULL },
    { "MatMulInteger", OP_MATMULINTEGER, 1, "", NULL },
    { "Max", OP_MAX, 1, "", NULL },
    { "MaxPool", OP_MAXPOOL, 2, WINDOW "ceil_mode:i storage_order:i", NULL },
    { "MaxRoiPool", OP_MAXROIPOOL, 1, "pooled_shape:I spatial_scale:f", NULL },
    { "MaxUnpool", OP_MAXUNPOOL, 1, "kernel_shape:I pads:I strides:I", NULL },
    { "Mean", OP_MEAN, 1, "", NULL },
    { "MeanVarianceNormalization", OP_DIV, 1, "axes:I", expand_mvn },
    { "MelWeightMatrix", OP_MELWEIGHTMATRIX, 1, "output_datatype:i", NULL },
    { "Min", OP_MIN, 1, "", NULL },
    { "Mish", OP_MISH, 1, "", NULL },
    { "Mod", OP_MOD, 1, "fmod:i", NULL },
    { "Mul", OP_MUL, 1, "axis:i broadcast:i", upgrade_broadcast },
    { "Multinomial", OP_MULTINOMIAL, 1, "dtype:i sample_size:i seed:f", NULL },
    { "Neg", OP_NEG, 1, "", NULL },
    { "NegativeLogLikelihoodLoss", OP_NLLLOSS, 1, "ignore_index:i reduction:s", NULL },
    { "NonMaxSuppression", OP_NONMAXSUPPRESSION, 1, "center_point_box:i", NULL },
    { "NonZero", OP_NONZERO, 1, "", NULL },
    { "Not", OP_NOT, 1, "", NULL },
    { "OneHot", OP_ONEHOT, 1, "axis:i", NULL },
    { "Or", OP_OR, 1, "axis:i broadcast:i", upgrade_broadcast },
    { "PRelu", OP_PRELU, 1, "", upgrade_prelu },
    { "Pad", OP_PAD, 1, "mode:s paddings:I pads:I value:f", upgrade_pad },
    { "Pow", OP_POW, 1, "axis:i broadcast:i", upgrade_broadcast },
    { "QLinearConv", OP_CONV, 1, WINDOW "group:i", expand_qlinearconv },
    { "QLinearMatMul", OP_MATMUL, 1, "", expand_qlinearmatmul },
    { "QuantizeLinear", OP_QUANTIZELINEAR, 1, "axis:i saturate:i block_size:i=0 output_dtype:i=0",
      NULL },
    { "RNN", OP_RNN, 2, RNN, NULL },
    { "RandomNormal", OP_RANDOMNORMAL, 1, "dtype:i mean:f scale:f seed:f shape:I", NULL },
    { "RandomNormalLike", OP_RANDOMNORMALLIKE, 1, "dtype:i mean:f scale:f seed:f", NULL },
    { "RandomUniform", OP_RANDOMUNIFORM, 1, "dtype:i high:f low:f seed:f shape:I", NULL },
    { "RandomUniformLike", OP_RANDOMUNIFORMLIKE, 1, "dtype:i high:f low:f seed:f", NULL },
    { "Range", OP_RANGE, 1, "", NULL },
    { "Reciprocal", OP_RECIPROCAL, 1, "", NULL },
    { "ReduceL1", OP_REDUCEL1, 1, REDUCE, NULL },
    { "ReduceL2", OP_REDUCEL2, 1, REDUCE, NULL },
    { "ReduceLogSum", OP_REDUCELOGSUM, 1, REDUCE, NULL },
    { "ReduceLogSumExp", OP_REDUCELOGSUMEXP, 1, REDUCE, NULL },
    { "ReduceMax", OP_REDUCEMAX, 1, REDUCE, NULL },
    { "ReduceMean", OP_REDUCEMEAN, 1, REDUCE, NULL },
    { "ReduceMin", OP_REDUCEMIN, 1, REDUCE, NULL },
    { "ReduceProd", OP_REDUCEPROD, 1, REDUCE, NULL },
    { "ReduceSum", OP_REDUCESUM, 1, REDUCE, NULL },
    { "ReduceSumSquare", OP_REDUCESUMSQUARE, 1, REDUCE, NULL },
    { "Relu", OP_RELU, 1, "", NULL },
    { "Reshape", OP_RESHAPE, 1, "allowzero:i shape:I", upgrade_reshape },
    { "Resize", OP_RESIZE, 1,
      "antialias:i axes:I coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i "
      "extrapolation_value:f keep_aspect_ratio_policy:s mode:s nearest_mode:s",
      upgrade_resize },
    { "ReverseSequence", OP_REVERSESEQUENCE, 1, "batch_axis:i time_axis:i", NULL },
    { "RoiAlign", OP_ROIALIGN, 1, "coordinate_transformation_mode:s mode:s output_height:i output_width:i sampling_ratio:i "
      "spatial_scale:f", upgrade_roialign },
    { "Round", OP_ROUND, 1, "", NULL },
    { "STFT", OP_STFT, 1, "onesided:i", NULL },
    { "Scan", OP_SCAN, 1 << 20, "body:g directions:I num_scan_inputs:i scan_input_axes:I scan_input_directions:I "
      "scan_output_axes:I scan_output_directions:I", upgrade_scan },
    { "Scatter", OP_SCATTERELEMENTS, 1, "axis:i", NULL },
    { "ScatterElements", OP_SCATTERELEMENTS, 1, "axis:i reduction:s", NULL },
    { "ScatterND", OP_SCATTERND, 1, "reduction:s", NULL },
    { "Selu", OP_SELU, 1, "alpha:f gamma:f", NULL },
    { "Shape", OP_SHAPE, 1, "start:i end:i", NULL },
    { "Shrink", OP_SHRINK, 1, "bias:f lambd:f", NULL },
    { "Sigmoid", OP_SIGMOID, 1, "", NULL },
    { "Sign", OP_SIGN, 1, "", NULL },
    { "Sin", OP_SIN, 1, "", NULL },
    { "Sinh", OP_SINH, 1, "", NULL },
    { "Size", OP_SIZE, 1, "", NULL },
    { "Slice", OP_SLICE, 1, "axes:I ends:I starts:I", upgrade_slice },
    { "Softmax", OP_SOFTMAX, 1, "axis:i", upgrade_softmax },
    { "SoftmaxCrossEntropyLoss", OP_CROSSENTROPY, 2, "ignore_index:i reduction:s", NULL },
    { "Softplus", OP_SOFTPLUS, 1, "", NULL },
    { "Softsign", OP_SOFTSIGN, 1, "", NULL },
    { "SpaceToDepth", OP_SPACETODEPTH, 1, "blocksize:i", NULL },
    { "Split", OP_SPLIT, 1 << 20, "axis:i split:I num_outputs:i", upgrade_split },
    { "Sqrt", OP_SQRT, 1, "", NULL },
    { "Squeeze", OP_SQUEEZE, 1, "axes:I", upgrade_axes },
    { "Sub", OP_SUB, 1, "axis:i broadcast:i", upgrade_broadcast },
    { "Sum", OP_SUM, 1, "", NULL },
    { "Tan", OP_TAN, 1, "", NULL },
    { "Tanh", OP_TANH, 1, "", NULL },
    { "TfIdfVectorizer", OP_TFIDFVECTORIZER, 1, "max_gram_length:i max_skip_count:i min_gram_length:i mode:s ngram_counts:I ngram_indexes:I "
      "pool_int64s:I weights:F", NULL },
    { "ThresholdedRelu", OP_THRESHOLDEDRELU, 1, "alpha:f", NULL },
    { "Tile", OP_TILE, 1, "", NULL },
    { "TopK", OP_TOPK, 2, "axis:i k:i largest:i sorted:i", upgrade_topk },
    { "Transpose", OP_TRANSPOSE, 1, "perm:I", NULL },
    { "Trilu", OP_TRILU, 1, "upper:i", NULL },
    { "Unique", OP_UNIQUE, 4, "axis:i sorted:i", NULL },
    { "Unsqueeze", OP_UNSQUEEZE, 1, "axes:I", upgrade_axes },
    { "Upsample", OP_RESIZE, 1, "height_scale:f mode:s scales:F width_scale:f", upgrade_upsample },
    { "Where", OP_WHERE, 1, "", NULL },
    { "Xor", OP_XOR, 1, "axis:i broadcast:i", upgrade_broadcast },
    { "com.microsoft.BiasGelu", OP_GELU, 1, "", expand_biasgelu },
    { "com.microsoft.DequantizeLinear", OP_DEQUANTIZELINEAR, 1, "axis:i", NULL },
    { "com.microsoft.FastGelu", OP_GELU, 1, "", expand_fastgelu },
    { "com.microsoft.FusedConv", OP_CONV, 1, WINDOW "activation:s activation_params:F group:i", expand_fusedconv },
    { "com.microsoft.FusedMatMul", OP_MATMUL, 1, "alpha:f transA:i transB:i transBatchA:i=0 transBatchB:i=0", expand_fusedmatmul },
    { "com.microsoft.Gelu", OP_GELU, 1, "", NULL },
    { "com.microsoft.QLinearAdd", OP_ADD, 1, "", expand_qlinearadd },
    { "com.microsoft.QLinearAveragePool", OP_AVERAGEPOOL, 1, WINDOW "ceil_mode:i channels_last:i count_include_pad:i", expand_qlinearunary },
    { "com.microsoft.QLinearConcat", OP_CONCAT, 1, "axis:i", expand_qlinearconcat },
    { "com.microsoft.QLinearGlobalAveragePool", OP_GLOBALAVERAGEPOOL, 1, "channels_last:i", expand_qlinearunary },
    { "com.microsoft.QLinearLeakyRelu", OP_LEAKYRELU, 1, "alpha:f", expand_qlinearunary },
    { "com.microsoft.QLinearMul", OP_MUL, 1, "", expand_qlinearmul },
    { "com.microsoft.QLinearSigmoid", OP_SIGMOID, 1, "", expand_qlinearunary },
    { "com.microsoft.QLinearSoftmax", OP_SOFTMAX, 1, "axis:i opset:i", expand_qlinearunary },
    { "com.microsoft.QuantizeLinear", OP_QUANTIZELINEAR, 1, "axis:i", NULL },
    { "com.microsoft.QuickGelu", OP_MUL, 1, "alpha:f", expand_quickgelu },
    { "com.microsoft.SkipLayerNormalization", OP_LAYERNORMALIZATION, 4, "epsilon:f", expand_skiplayernorm },
};

bool onnx_standard(const char *domain)
{
    return domain == NULL || *domain == '\0' || strcmp(domain, "ai.onnx") == 0;
}

const struct onnx_op *onnx_op_find(const char *domain, const char *name)
{
    size_t lo = 0, hi = sizeof rows / sizeof *rows;
    char full[200];

    if (name == NULL)
        return NULL;
    snprintf(full, sizeof full, "%s%s%s", onnx_standard(domain) ? "" : domain,
             onnx_standard(domain) ? "" : ".", name);
    while (lo < hi) { /* sorted bytewise */
        size_t mid = (lo + hi) / 2;
        int order = strcmp(full, rows[mid].name);

        if (order == 0)
            return &rows[mid];
        *(order < 0 ? &hi : &lo) = order < 0 ? mid : mid + 1;
    }
    return NULL;
}
