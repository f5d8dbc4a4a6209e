#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Writes the trained Digits (digits.pth) as digits.pb, a frozen TensorFlow
# GraphDef, NHWC, without TensorFlow: a GraphDef is a protobuf message of
# nodes, and the wire format needs only varints, 32-bit floats and
# length-delimited fields. Field numbers are those of TensorFlow's
# graph.proto, node_def.proto, attr_value.proto and tensor.proto.
# needs: python3-torch
import struct

import numpy as np
import torch

FLOAT, INT32 = 1, 3             # DataType


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def real(field, x):
    return varint(field << 3 | 5) + struct.pack("<f", x)


def data(field, b):
    return varint(field << 3 | 2) + varint(len(b)) + b


def shape(dims):                # TensorShapeProto, -1 = unknown
    return b"".join(data(2, number(1, d)) for d in dims)


# AttrValue, one function per kind
def a_string(s):
    return data(2, s.encode())


def a_float(x):
    return real(4, x)


def a_bool(b):
    return number(5, int(b))


def a_type(t):
    return number(6, t)


def a_shape(dims):
    return data(7, shape(dims))


def a_ints(values):
    packed = b"".join(varint(v) for v in values)
    return data(1, data(3, packed) if packed else b"")


def a_tensor(array):
    dtype = INT32 if array.dtype == np.int32 else FLOAT
    content = array.astype(array.dtype.newbyteorder("<")).tobytes()
    return data(8, number(1, dtype) + data(2, shape(array.shape)) +
                data(4, content))


nodes = []


def node(name, op, inputs=(), **attrs):
    b = data(1, name.encode()) + data(2, op.encode())
    for i in inputs:
        b += data(3, i.encode())
    for key in sorted(attrs):
        b += data(5, data(1, key.encode()) + data(2, attrs[key]))
    nodes.append(data(1, b))
    return name


def const(name, array):
    array = np.ascontiguousarray(array)
    dtype = INT32 if array.dtype == np.int32 else FLOAT
    return node(name, "Const", dtype=a_type(dtype), value=a_tensor(array))


weights = {k: v.numpy() for k, v in
           torch.load("digits.pth", map_location="cpu").items()}
NHWC = {"data_format": a_string("NHWC")}
T = {"T": a_type(FLOAT)}


def convbn(name, x, relu=True):
    w = weights[name + ".conv.weight"]          # (Cout, Cin/groups, kh, kw)
    geometry = dict(strides=a_ints([1, 1, 1, 1]), dilations=a_ints([1, 1, 1, 1]),
                    padding=a_string("SAME"), explicit_paddings=a_ints([]))
    if w.shape[1] == 1 and w.shape[0] > 1 and name.startswith("depthwise"):
        f = const(name + "/depthwise_kernel", w.transpose(2, 3, 0, 1))
        x = node(name + "/depthwise", "DepthwiseConv2dNative", [x, f],
                 **geometry, **NHWC, **T)
    else:
        f = const(name + "/kernel", w.transpose(2, 3, 1, 0))
        x = node(name + "/Conv2D", "Conv2D", [x, f],
                 use_cudnn_on_gpu=a_bool(True), **geometry, **NHWC, **T)
    bn = [const(name + "/bn/" + tf, weights[name + ".bn." + pt])
          for tf, pt in (("gamma", "weight"), ("beta", "bias"),
                         ("moving_mean", "running_mean"),
                         ("moving_variance", "running_var"))]
    x = node(name + "/bn/FusedBatchNormV3", "FusedBatchNormV3", [x] + bn,
             U=a_type(FLOAT), epsilon=a_float(1e-5), is_training=a_bool(False),
             exponential_avg_factor=a_float(1.0), **NHWC, **T)
    return node(name + "/Relu", "Relu", [x], **T) if relu else x


def pool2(name, op, x):
    return node(name, op, [x], ksize=a_ints([1, 2, 2, 1]),
                strides=a_ints([1, 2, 2, 1]), padding=a_string("VALID"),
                **NHWC, **T)


x = node("image", "Placeholder", dtype=a_type(FLOAT),
         shape=a_shape([-1, 28, 28, 1]))
x = pool2("maxpool", "MaxPool", convbn("stem", x))
x = convbn("depthwise", x)
x = pool2("avgpool", "AvgPool", convbn("pointwise", x))
y = convbn("branch2", convbn("branch1", x), relu=False)
x = node("add/Relu", "Relu", [node("add", "AddV2", [x, y], **T)], **T)
x = convbn("pointwise2", convbn("depthwise2", x))
axes = const("pool/axes", np.array([1, 2], dtype=np.int32))
x = node("pool/Mean", "Mean", [x, axes], keep_dims=a_bool(False),
         Tidx=a_type(INT32), **T)
k = const("fc/kernel", weights["fc.weight"].T)
x = node("fc/MatMul", "MatMul", [x, k], transpose_a=a_bool(False),
         transpose_b=a_bool(False), **T)
node("logits", "BiasAdd", [x, const("fc/bias", weights["fc.bias"])], **NHWC, **T)

with open("digits.pb", "wb") as out:
    out.write(b"".join(nodes) + data(4, number(1, 1286)))   # producer: 2.11
