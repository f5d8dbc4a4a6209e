#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""GraphDefs for the tests, written field by field (FRAMEWORKS: github.com/tensorflow/tensorflow/core/framework).

  tf.py FAMILY            writes FAMILY.pb, FAMILY.npz (the inputs) and FAMILY.out (the outputs' names); where
                          TensorFlow.js lacks an operator also FAMILY.want.npz, by its documented formula
  tf.py --list            the families
  tf.py --random GRAPH NAME DIMS [SCALE SHIFT]   one random input as NAME in GRAPH.npz
  tf.py --opencv GRAPH.pb IN.npz OUT.npz OUTPUT=LAYER...   runs a graph in OpenCV's dnn
  tf.py --close A.npz B.npz TOLERANCE            largest difference over largest magnitude, per array of B
  tf.py --broken DIR      graphs that must be refused, one a file, and DIR/list: NAME TAB STATUS TAB TEXT
"""
import struct
import sys

import numpy as np

FLOAT, INT32, UINT8, INT64, BOOL, HALF = 1, 3, 4, 9, 10, 19
TYPE = {"f4": FLOAT, "i4": INT32, "u1": UINT8, "i8": INT64, "b1": BOOL, "f2": HALF}


def varint(v):
    v &= (1 << 64) - 1
    out = b""
    while v > 127:
        out += bytes([v & 127 | 128])
        v >>= 7
    return out + bytes([v])


def field(n, v):
    if isinstance(v, (bool, int)):
        return varint(n << 3) + varint(int(v))
    if isinstance(v, float):
        return varint(n << 3 | 5) + struct.pack("<f", v)
    v = v.encode() if isinstance(v, str) else v
    return varint(n << 3 | 2) + varint(len(v)) + v


def shape(dims):
    return b"".join(field(2, field(1, d) if d else b"") for d in dims)


def tensor(a, raw=True):
    a = np.asarray(a)
    t = field(1, TYPE[a.dtype.str[1:]]) + field(2, shape(a.shape))
    if raw:
        return t + field(4, a.tobytes())
    values = a.ravel().tolist()
    while len(values) > 1 and values[-1] == values[-2]:
        values.pop()  # TensorFlow's compressed form
    if a.dtype == np.float32:
        return t + field(5, struct.pack("<%df" % len(values), *values))
    if a.dtype == np.float16:
        return t + field(13, b"".join(varint(int(b)) for b in np.array(values, "f2").view("u2")))
    n = {"i8": 10, "b1": 11}.get(a.dtype.str[1:], 7)
    return t + field(n, b"".join(varint(int(v)) for v in values))


class Type(int):
    pass


class Shape(list):
    pass


def attr(v):
    if isinstance(v, Type):
        return field(6, int(v))
    if isinstance(v, Func):
        return field(10, field(1, v))
    if isinstance(v, Placeholder):
        return field(9, v)
    if isinstance(v, Strings):
        return field(1, b"".join(field(2, t) for t in v))
    if isinstance(v, Shape):
        return field(7, shape(v))
    if isinstance(v, bool):
        return field(5, v)
    if isinstance(v, int):
        return field(3, v)
    if isinstance(v, float):
        return field(4, v)
    if isinstance(v, str):
        return field(2, v)
    if isinstance(v, list):
        return field(1, field(3, b"".join(varint(i) for i in v)) if v else b"")
    return field(8, v)


class Func(str):
    pass


class Strings(list):
    pass


class Placeholder(str):
    pass


class Graph:
    def __init__(self):
        self.library, self.list = b"", []
        self.bytes, self.inputs, self.outputs, self.want, self.n = b"", {}, [], {}, 0
        self.rng = np.random.RandomState(7)

    def node(self, op, name, inputs=(), **attrs):
        b = field(1, name) + field(2, op)
        b += b"".join(field(3, i) for i in inputs)
        b += b"".join(field(5, field(1, k) + field(2, attr(v))) for k, v in attrs.items())
        self.bytes += field(1, b)
        self.list.append(b)
        return name

    def function(self, name, inputs, outputs, body, **ret):
        """body: a Graph; ret: result name -> "node:output:index"."""
        signature = field(1, name)
        signature += b"".join(field(2, field(1, i) + field(3, FLOAT)) for i in inputs)
        signature += b"".join(field(3, field(1, o) + field(3, FLOAT)) for o in outputs)
        nodes = b"".join(field(3, n) for n in body.list)
        nodes += b"".join(field(4, field(1, k) + field(2, v)) for k, v in ret.items())
        self.library += field(1, field(1, signature) + nodes)

    def input(self, name, a, dims=None):
        self.inputs[name] = a
        return self.node("Placeholder", name, dtype=Type(TYPE[a.dtype.str[1:]]), shape=Shape(dims or a.shape))

    def random(self, name, *dims, low=-1, high=1, dtype="f4"):
        return self.input(name, self.rng.uniform(low, high, dims).astype(dtype))

    def const(self, a, dtype=None, raw=True, name=None):
        a = np.asarray(a)
        a = a.astype(dtype or {"f8": "f4", "i8": "i4"}.get(a.dtype.str[1:], a.dtype))
        self.n += 1
        return self.node("Const", name or "c%d" % self.n, dtype=Type(TYPE[a.dtype.str[1:]]), value=tensor(a, raw))

    def weights(self, *dims, low=-1, high=1):
        return self.const(self.rng.uniform(low, high, dims).astype("f4"))

    def out(self, op, inputs, port=0, want=None, **attrs):
        self.n += 1
        name = self.node(op, "%s_%d" % (op, self.n), inputs, **{"T": Type(FLOAT), **attrs})
        result = name if port == 0 else "%s:%d" % (name, port)
        self.outputs.append(result)
        if want is not None:
            self.want[result] = want
        return name

    def write(self, path):
        with open(path + ".pb", "wb") as f:
            f.write(self.bytes + (field(2, self.library) if self.library else b"") + field(4, field(1, 27)))
        np.savez(path + ".npz", **self.inputs)
        with open(path + ".out", "w") as f:
            f.write(" ".join(self.outputs))
        if self.want:
            np.savez(path + ".want.npz", **self.want)


def window(strides=1, padding="SAME", dilations=1, nchw=False, **more):
    def four(v):
        h, w = (v, v) if isinstance(v, int) else v
        return [1, 1, h, w] if nchw else [1, h, w, 1]
    w = dict(strides=four(strides), padding=padding, data_format="NCHW" if nchw else "NHWC", **more)
    if dilations:
        w["dilations"] = four(dilations)
    return w


# ---- families; TensorFlow.js runs them


def conv(g):
    x, odd = g.random("x", 2, 8, 10, 4), g.random("odd", 1, 7, 5, 4)
    k3, k5, k1, k2 = (g.weights(k, k, 4, 6) for k in (3, 5, 1, 2))
    for f in (k3, k5, k2, k1):
        for s in (1, 2, 3):
            for p in ("SAME", "VALID"):
                g.out("Conv2D", [x, f], **window(s, p))
    g.out("Conv2D", [odd, k3], **window((1, 2), "SAME"))
    for d in (2, (2, 1)):
        for p in ("SAME", "VALID"):
            g.out("Conv2D", [x, k3], **window(1, p, d))
    g.out("Conv2D", [x, k3], **window(2, "EXPLICIT", explicit_paddings=[0, 0, 2, 1, 0, 3, 0, 0]))
    for mult in (1, 2, 3):
        f = g.weights(3, 3, 4, mult)
        for s in (1, 2):
            for p in ("SAME", "VALID"):
                g.out("DepthwiseConv2dNative", [x, f], **window(s, p))
        g.out("DepthwiseConv2dNative", [x, f], **window(1, "SAME", 2))
    for size, s, p, k in (((16, 20), 2, "SAME", 3), ((15, 19), 2, "SAME", 4), ((17, 21), 2, "VALID", 3), ((8, 10), 1, "SAME", 3)):
        f = g.weights(k, k, 5, 4)
        g.out("Conv2DBackpropInput", [g.const([2, *size, 5]), f, x], **window(s, p))
    b = g.weights(6)
    y = g.out("Conv2D", [x, k3], **window(1, "SAME"))
    y = g.out("BiasAdd", [y, b])
    y = g.out("FusedBatchNormV3", [y, g.weights(6), b, g.weights(6), g.weights(6, low=.5, high=2)],
              epsilon=0.01, is_training=False, U=Type(FLOAT))
    g.out("Relu6", [y])
    pad = g.out("Pad", [x, g.const([[0, 0], [1, 2], [3, 0], [0, 0]])], Tpaddings=Type(INT32))
    g.out("Conv2D", [pad, k3], **window(2, "VALID"))


def pool(g):
    x = g.random("x", 2, 9, 8, 3)
    for op in ("AvgPool", "MaxPool"):
        for k in (2, 3):
            for s in (1, 2, 3):
                for p in ("SAME", "VALID"):
                    g.out(op, [x], ksize=[1, k, k, 1], **window(s, p))
    g.out("LRN", [g.random("y", 1, 4, 4, 9, low=-3, high=3)], depth_radius=2, bias=1.5, alpha=.3, beta=.75)
    for op in ("ResizeBilinear", "ResizeNearestNeighbor"):
        for size in ([18, 16], [5, 11], [27, 3], [9, 8]):
            for align, half in ((False, False), (True, False), (False, True)):
                if op == "ResizeNearestNeighbor" and align:
                    continue  # ties: tfjs rounds half to even, TensorFlow away from zero
                g.out(op, [x, g.const(size)], align_corners=align, half_pixel_centers=half)
    s = g.random("s", 2, 4, 6, 8)
    g.out("DepthToSpace", [s], block_size=2, data_format="NHWC")


def block(g):
    x = g.random("x", 2, 6, 8, 3)
    g.out("SpaceToBatchND", [x, g.const([2, 3]), g.const([[1, 1], [0, 1]])], Tblock_shape=Type(INT32), Tpaddings=Type(INT32))
    y = g.random("y", 12, 2, 3, 3)
    g.out("BatchToSpaceND", [y, g.const([2, 3]), g.const([[1, 0], [0, 2]])], Tblock_shape=Type(INT32), Tcrops=Type(INT32))
    s = g.node("SpaceToBatchND", "s2b", [x, g.const([2, 2]), g.const([[2, 2], [2, 2]])], T=Type(FLOAT))
    c = g.node("Conv2D", "atrous", [s, g.weights(3, 3, 3, 5)], T=Type(FLOAT), **window(1, "VALID"))
    c = g.node("Relu", "atrous/relu", [g.node("BiasAdd", "atrous/bias", [c, g.weights(5)], T=Type(FLOAT))], T=Type(FLOAT))
    g.out("BatchToSpaceND", [c, g.const([2, 2]), g.const([[0, 0], [0, 0]])])
    s = g.node("SpaceToBatchND", "s2b_crop", [x, g.const([2, 2]), g.const([[3, 3], [2, 4]])], T=Type(FLOAT))
    c = g.node("DepthwiseConv2dNative", "atrous_d", [s, g.weights(3, 3, 3, 2)], T=Type(FLOAT), **window(1, "VALID"))
    g.out("BatchToSpaceND", [c, g.const([2, 2]), g.const([[1, 0], [0, 2]])])


def elementwise(g):
    x, y = g.random("x", 2, 3, 4, 5, low=-3, high=3), g.random("y", 4, 5, low=.5, high=2)
    p = g.random("p", 3, 5, low=.1, high=.9)
    for op in ("Abs Neg Exp Floor Ceil Sign Relu Relu6 Elu Selu Sigmoid Tanh Softplus Square Sin Cos Erf Atan Sinh "
               "Cosh Round Softmax ZerosLike").split():
        g.out(op, [x])
    for op in "Sqrt Rsqrt Log Reciprocal LogSoftmax Asin Acos Atanh".split():
        g.out(op, [p])
    g.out("LeakyRelu", [x], alpha=.3)
    g.out("LeakyRelu", [x])
    for op in "Add AddV2 Sub Mul RealDiv Div Maximum Minimum SquaredDifference FloorDiv DivNoNan".split():
        g.out(op, [x, y])
    g.out("Pow", [p, g.const(2.5)])
    for op in "Greater GreaterEqual Less LessEqual Equal NotEqual".split():
        g.out(op, [x, g.const(0.5)])
    g.out("AddN", [x, x, x], N=3)
    g.out("ClipByValue", [x, g.const(-1.0), g.const(2.0)])
    # a convolution's result is channels first inside: constants of every rank against it
    c = g.out("Conv2D", [x, g.weights(1, 1, 5, 4)], **window(1, "VALID"))
    for dims in ((4,), (1,), (4, 1), (4, 4), (3, 4, 4), (2, 3, 4, 4), ()):
        g.out("Mul", [c, g.weights(*dims)])
    g.out("Sub", [g.weights(4), c])
    g.out("AddV2", [c, g.random("z", 4, 4)])
    a = g.out("Greater", [c, g.const(0.0)])
    b = g.out("Less", [c, g.const(0.3)])
    g.out("LogicalAnd", [a, b])
    g.out("LogicalOr", [a, b])
    g.out("LogicalNot", [a])
    g.out("SelectV2", [a, c, g.const(0.0)])
    g.out("Select", [a, c, c])
    i = g.out("Cast", [x], SrcT=Type(FLOAT), DstT=Type(INT32))
    g.out("Mul", [i, g.const(3)], T=Type(INT32))
    g.out("FloorMod", [x, y])
    g.out("MatMul", [p, g.weights(5, 2)], transpose_a=False, transpose_b=False)
    g.out("MatMul", [p, g.weights(4, 3)], transpose_a=True, transpose_b=True)
    g.out("BatchMatMulV2", [x, g.weights(2, 3, 5, 2)], adj_x=False, adj_y=False)
    g.out("BatchMatMul", [x, g.weights(2, 3, 4, 6)], adj_x=True, adj_y=False)
    g.out("Einsum", [p, g.weights(5, 4)], equation="ij,jk->ki", N=2)


def reduce(g):
    x = g.random("x", 2, 3, 4, 5)
    c = g.out("Conv2D", [x, g.weights(1, 1, 5, 4)], **window(1, "VALID"))
    for op in "Mean Sum Max Min Prod".split():
        for axes in ([1, 2], [3], [-1, 0], [0, 1, 2, 3], 1):
            for keep in (False, True):
                g.out(op, [c, g.const(axes)], keep_dims=keep, Tidx=Type(INT32))
    g.out("ArgMax", [c, g.const(3)], output_type=Type(INT32))
    g.out("ArgMin", [c, g.const(1)], output_type=Type(INT32))
    b = g.out("Greater", [c, g.const(0.0)])
    g.out("All", [b, g.const([1])], keep_dims=False)
    g.out("Any", [b, g.const([2, 3])], keep_dims=True)
    g.out("Cumsum", [x, g.const(1)], exclusive=True, reverse=True)
    g.out("Cumsum", [x, g.const(2)], exclusive=False, reverse=False)
    t = g.out("TopKV2", [x, g.const(3)], sorted=True)
    g.outputs.append(t + ":1")


def array(g):
    x = g.random("x", 2, 3, 4, 5)
    c = g.out("Conv2D", [x, g.weights(1, 1, 5, 4)], **window(1, "VALID"))
    g.out("Reshape", [c, g.const([2, -1])], Tshape=Type(INT32))
    g.out("Reshape", [c, g.const([4, 3, 2, 4])], Tshape=Type(INT32))
    r = g.out("Reshape", [c, g.const([2, 48])], Tshape=Type(INT32))
    g.out("MatMul", [r, g.weights(48, 3)], transpose_a=False, transpose_b=False)
    for axis in (0, 1, 2, 3, -1):
        g.out("ConcatV2", [c, c, g.const(axis)], N=2, Tidx=Type(INT32))
    g.out("Concat", [g.const(3), c, x], N=2)
    for op, extra in (("Pad", []), ("PadV2", [g.const(2.5)])):
        g.out(op, [c, g.const([[0, 1], [2, 0], [1, 1], [3, 0]])] + extra, Tpaddings=Type(INT32))
    for mode in ("REFLECT", "SYMMETRIC"):
        g.out("MirrorPad", [c, g.const([[0, 0], [2, 1], [1, 2], [0, 0]])], mode=mode, Tpaddings=Type(INT32))
    g.out("Slice", [c, g.const([0, 1, 0, 2]), g.const([-1, 2, 3, 1])], Index=Type(INT32))
    for perm in ([0, 3, 1, 2], [0, 2, 1, 3], [3, 2, 1, 0]):
        g.out("Transpose", [c, g.const(perm)], Tperm=Type(INT32))
    g.out("Tile", [c, g.const([1, 2, 1, 3])], Tmultiples=Type(INT32))
    g.out("ExpandDims", [r, g.const(1)], Tdim=Type(INT32))
    g.out("ExpandDims", [r, g.const(-1)], Tdim=Type(INT32))
    m = g.out("Mean", [c, g.const([1, 2])], keep_dims=True)
    g.out("Squeeze", [m], squeeze_dims=[1, 2])
    g.out("Squeeze", [m])
    for port in range(2):
        g.out("Split", [g.const(3), c], port, num_split=2)
    for port in range(3):
        g.out("SplitV", [c, g.const([1, -1, 1]), g.const(2)], port, num_split=3, Tlen=Type(INT32))
    g.out("Pack", [c, c], N=2, axis=1)
    for port in range(3):
        g.out("Unpack", [c], port, num=3, axis=1)
    g.out("GatherV2", [c, g.const([2, 0]), g.const(1)], Tindices=Type(INT32), Taxis=Type(INT32))
    g.out("GatherNd", [c, g.const([[0, 1], [1, 2]])], Tindices=Type(INT32))
    g.out("ReverseV2", [c, g.const([1, 3])], Tidx=Type(INT32))
    g.out("Fill", [g.const([2, 3]), g.const(1.5)], index_type=Type(INT32))
    g.out("Range", [g.const(2), g.const(11), g.const(3)], Tidx=Type(INT32))
    g.out("OneHot", [g.const([1, 0, 3]), g.const(4), g.const(2.0), g.const(-1.0)], axis=-1)
    s = g.out("Shape", [c], out_type=Type(INT32))
    g.out("Size", [c], out_type=Type(INT32))
    g.out("Rank", [c])
    d = g.node("StridedSlice", "first", [s, g.const([0]), g.const([1]), g.const([1])], shrink_axis_mask=1)
    g.out("Reshape", [c, g.node("Pack", "flat", [d, g.const(-1)], N=2, axis=0)])


# ---- families that numpy answers


def slices(g):
    """Every mask of StridedSlice, of a tensor that is channels first inside; numpy's own indexing says what comes out."""
    x = g.random("x", 2, 3, 4, 5)
    a = g.inputs["x"]
    c = g.out("MaxPool", [x], ksize=[1, 1, 1, 1], want=a, **window(1, "VALID", None))

    def cut(want, first, last, step, **masks):
        g.out("StridedSlice", [c, g.const(first), g.const(last), g.const(step)], want=want,
              Index=Type(INT32), **{k + "_mask": v for k, v in masks.items()})

    cut(a[1:2, 0:2, 1:4:2], [1, 0, 1], [2, 2, 4], [1, 1, 2])
    cut(a[:2, 1:2, :4:2], [1, 1, 1], [2, 2, 4], [1, 1, 2], begin=5)
    cut(a[1:2, 0:, 1::2], [1, 0, 1], [2, 1, 2], [1, 1, 2], end=6)
    cut(a[1:2, 2, 1:4], [1, 2, 1], [2, 0, 4], [1, 1, 1], shrink_axis=2)
    cut(a[:, :, -1, 1:3], [1, 1, -1, 1], [1, 1, 0, 3], [1, 1, 1, 1], begin=3, end=3, shrink_axis=4)
    cut(a[0:2, 2:0:-1, -1:-4:-2], [0, 2, -1], [2, 0, -4], [1, -1, -2])
    cut(a[:, ::-1, :, ::-2], [0, 0, 0, 0], [0, 0, 0, 0], [1, -1, 1, -2], begin=15, end=15)
    cut(a[0, ..., 1:3], [0, 0, 1], [0, 0, 3], [1, 1, 1], ellipsis=2, shrink_axis=1)
    cut(a[..., 2], [0, 2], [0, 3], [1, 1], ellipsis=1, shrink_axis=2)
    cut(a[:, None, 1:3, ..., None], [0, 0, 1, 0, 0], [0, 0, 3, 0, 0], [1, 1, 1, 1, 1], begin=1, end=1, new_axis=18, ellipsis=8)
    cut(a[-2:-1, -3:100], [-2, -3], [-1, 100], [1, 1])
    cut(a[1, 2, 3, 4], [1, 2, 3, 4], [2, 3, 4, 5], [1, 1, 1, 1], shrink_axis=15)


def formulas(g):
    """What TensorFlow.js lacks: NCHW, groups, odd types, old spellings, FakeQuant."""
    x = g.random("x", 1, 4, 6, 6)  # NCHW
    a = g.inputs["x"]
    f = g.rng.uniform(-1, 1, (3, 3, 2, 6)).astype("f4")  # two groups

    def direct(v, w, groups, pad):
        v = np.pad(v, ((0, 0), (0, 0), (pad, pad), (pad, pad))).astype("f8")
        n, cin, h, ww = v.shape
        kh, kw, ci, co = w.shape
        out = np.zeros((n, co, h - kh + 1, ww - kw + 1))
        for o in range(co):
            first = o // (co // groups) * ci
            for i in range(ci):
                for r in range(kh):
                    for s in range(kw):
                        out[:, o] += v[:, first + i, r:r + out.shape[2], s:s + out.shape[3]] * float(w[r, s, i, o])
        return out.astype("f4")

    y = direct(a, f, 2, 1)
    c = g.out("Conv2D", [x, g.const(f)], want=y, **window(1, "SAME", nchw=True))
    b = np.arange(6, dtype="f4")
    g.out("BiasAdd", [c, g.const(b)], want=y + b[:, None, None], data_format="NCHW")
    m, v = np.linspace(-1, 1, 6).astype("f4"), np.linspace(.5, 2, 6).astype("f4")
    bn = (y - m[:, None, None]) / np.sqrt(v + np.float32(1e-4))[:, None, None] * b[:, None, None] + 1
    g.out("FusedBatchNorm", [c, g.const(b), g.const(np.ones(6, "f4")), g.const(m), g.const(v)], want=bn.astype("f4"),
          is_training=False, data_format="NCHW")
    g.out("MaxPool", [x], ksize=[1, 1, 2, 2], want=a.reshape(1, 4, 3, 2, 3, 2).max((3, 5)), **window(2, "VALID", None, nchw=True))
    n = g.random("n", 2, 3, 3, 4)
    z = g.inputs["n"]
    q = [np.linspace(lo, hi, 4).astype("f4") for lo, hi in ((-1, 1), (.5, 2), (0, 3), (1, 2))]
    g.out("BatchNormWithGlobalNormalization", [n] + [g.const(t) for t in q], variance_epsilon=.01, scale_after_normalization=True,
          want=((z - q[0]) / np.sqrt(q[1] + np.float32(.01)) * q[3] + q[2]).astype("f4"))
    g.out("BatchNormWithGlobalNormalization", [n] + [g.const(t) for t in q], variance_epsilon=.01, scale_after_normalization=False,
          want=((z - q[0]) / np.sqrt(q[1] + np.float32(.01)) + q[2]).astype("f4"))
    s = z.reshape(2, 3, 3, 4)
    g.out("ResizeNearestNeighbor", [n, g.const([5, 2])], align_corners=True, half_pixel_centers=False,
          want=s[:, np.floor(np.arange(5) * .5 + .5).astype(int)][:, :, [0, 2]])
    e = g.random("e", 1, 4, 6, 2)
    g.out("SpaceToDepth", [e], block_size=2, data_format="NHWC",
          want=g.inputs["e"].reshape(1, 2, 2, 3, 2, 2).transpose(0, 1, 3, 2, 4, 5).reshape(1, 2, 3, 8))
    for raw in (True, False):  # constants of every form
        for t in ("f4", "f2", "u1", "i8"):
            k = (np.arange(6).reshape(2, 3) * .5 + 1).astype(t)
            k[1, 1:] = k[1, 1]
            name = g.const(k, t, raw)
            cast = g.node("Cast", "cast_%s_%d" % (t, raw), [name], SrcT=Type(TYPE[t]), DstT=Type(FLOAT))
            g.out("Mul", [cast, g.const(2.0)], want=k.astype("f4") * 2)
    u = np.arange(12).reshape(3, 4).astype("u1") * 23
    lo, hi = np.float32(-1.37), np.float32(2.4)
    qu = g.node("Const", "quint8", dtype=Type(12), value=field(1, 12) + field(2, shape(u.shape)) + field(4, u.tobytes()))
    step = (float(hi) - float(lo)) / 255
    g.out("Dequantize", [qu, g.const(lo), g.const(hi)], mode="MIN_FIRST", want=(u * step + np.rint(lo / step) * step).astype("f4"))
    g.out("Dequantize", [qu, g.const(lo), g.const(hi)], mode="MIN_COMBINED", want=(u * step + lo).astype("f4"))
    g.out("Dequantize", [qu, g.const(lo), g.const(hi)], mode="SCALED", want=(u * (hi / 255)).astype("f4"))
    w = g.input("w", np.array([[-3, -1.004, -.31, 0, .11, .777, 1.9, 5]], "f4"))
    for narrow in (False, True):
        s8 = np.float32(3) / np.float32(254 if narrow else 255)
        zp = np.rint((1 if narrow else 0) + 1 / s8)
        grid = (np.clip(np.floor(g.inputs["w"] / s8 + zp + .5), narrow, 255) - zp) * s8
        g.out("FakeQuantWithMinMaxVars", [w, g.const(-1.0), g.const(2.0)], num_bits=8, narrow_range=narrow, want=grid.astype("f4"))
        g.out("FakeQuantWithMinMaxArgs", [w], min=-1.0, max=2.0, num_bits=8, narrow_range=narrow, want=grid.astype("f4"))
    p = g.node("PlaceholderWithDefault", "default", [g.const([[1.0, 2.0]])], dtype=Type(FLOAT), shape=Shape([1, 2]))
    g.out("IdentityN", [p, w], want=np.array([[1, 2]], "f4"))
    g.out("Mul", [p + ":0", g.const(3.0), "^w"], want=np.array([[3, 6]], "f4"))


def calls(g):
    """Functions, If and Switch of known conditions, fused nodes."""
    x = g.random("x", 2, 3, 4, 5)
    a = g.inputs["x"]
    w, b = g.rng.uniform(-1, 1, (5, 6)).astype("f4"), np.linspace(-1, 1, 6).astype("f4")
    y = (a.astype("f8") @ w + b).astype("f4")
    inner = Graph()
    inner.node("Neg", "n", ["p"], T=Placeholder("T"))
    g.function("negated", ["p"], ["r"], inner, r="n:y:0")
    body = Graph()
    body.node("Split", "parts", ["axis", "v"], num_split=2, T=Type(FLOAT))
    body.node("Const", "axis", dtype=Type(INT32), value=tensor(np.int32(2)))
    body.node("PartitionedCall", "minus", ["parts:output:1"], f=Func("negated"), T=Type(FLOAT))
    body.node("Add", "sum", ["parts:output:0", "minus:output:0"], T=Type(FLOAT))
    g.function("halves", ["v"], ["first", "sum"], body, first="parts:output:0", sum="sum:z:0")
    call = g.out("StatefulPartitionedCall", [x], f=Func("halves"), want=a[:, :, :2])
    g.outputs.append(call + ":1")
    g.want[call + ":1"] = a[:, :, :2] - a[:, :, 2:]
    g.out("negated", [x], want=-a)
    twice = Graph()
    twice.node("Add", "s", ["q", "q"], T=Type(FLOAT))
    g.function("twice", ["q"], ["r"], twice, r="s:z:0")
    for cond, want in ((True, 2 * a), (False, -a)):
        c = g.const(np.bool_(cond))
        g.out("StatelessIf", [c, x], then_branch=Func("twice"), else_branch=Func("negated"), want=want)
        p = g.node("PlaceholderWithDefault", "phase_%d" % cond, [c], dtype=Type(BOOL), shape=Shape([]))
        s = g.node("Switch", "switch_%d" % cond, [x, p], T=Type(FLOAT))
        off = g.node("Neg", "off_%d" % cond, [s], T=Type(FLOAT))
        on = g.node("Add", "on_%d" % cond, [s + ":1", s + ":1"], T=Type(FLOAT))
        m = g.out("Merge", [off, on], N=2, want=want)
    f = g.const(w.reshape(1, 1, 5, 6))
    for ops, want in ((["BiasAdd"], y), (["BiasAdd", "Relu"], np.maximum(y, 0))):
        g.out("_FusedConv2D", [x, f, g.const(b)], fused_ops=Strings(ops), num_args=1, want=want, **window(1, "VALID"))
    q = [np.linspace(lo, hi, 6).astype("f4") for lo, hi in ((.5, 2), (-1, 1), (0, 1), (1, 2))]
    bn = (y - b - q[2]) / np.sqrt(q[3] + np.float32(.01)) * q[0] + q[1]
    g.out("_FusedConv2D", [x, f] + [g.const(t) for t in q], fused_ops=Strings(["FusedBatchNorm", "Relu6"]), num_args=4,
          epsilon=.01, want=np.clip(bn, 0, 6).astype("f4"), **window(1, "VALID"))
    r = g.out("Reshape", [x, g.const([24, 5])], want=a.reshape(24, 5))
    g.out("_FusedMatMul", [r, g.const(w), g.const(b)], fused_ops=Strings(["BiasAdd", "Tanh"]), num_args=1,
          want=np.tanh(y).reshape(24, 6))


def single(g):
    """A product with the unit matrix: all that quantizing changes is x, whose scale is 1/64: 0 to 255/64, with every tie."""
    x = np.concatenate((np.arange(256) / 64, np.arange(255) / 64 + 1 / 128, [0], g.rng.uniform(0, 4, 512) * 255 / 256)).astype("f4")
    g.out("MatMul", [g.input("x", x.reshape(-1, 32)), g.const(np.eye(32))])


# ---- loops


def loop(g, frame, start, cond, body, fixed=()):
    """A frame as TensorFlow writes it: start: the variables' first values; cond(variables, fixed) -> a name,
    body(variables, fixed) -> as many names as there are variables. Returns what leaves the loop."""
    def part(op, i, *inputs, **attrs):
        return g.node(op, "%s/%s_%s" % (frame, op, i), inputs, T=Type(FLOAT), **attrs)

    enter = [part("Enter", i, v, frame_name=frame, is_constant=False) for i, v in enumerate(start)]
    fixed = [part("Enter", "fixed_%d" % i, v, frame_name=frame, is_constant=True) for i, v in enumerate(fixed)]
    merge = [part("Merge", i, v, "%s/NextIteration_%d" % (frame, i), N=2) for i, v in enumerate(enter)]
    go = g.node("LoopCond", frame + "/LoopCond", [cond(merge, fixed)])
    switch = [part("Switch", i, v, go) for i, v in enumerate(merge)]
    inside = [part("Identity", i, v + ":1") for i, v in enumerate(switch)]
    for i, v in enumerate(body(inside, fixed)):
        part("NextIteration", i, v)
    return [part("Exit", i, v) for i, v in enumerate(switch)]


def scope(g, name, t=FLOAT):
    return lambda op, what, *inputs, **attrs: g.node(op, "%s/%s" % (name, what), inputs, **{"T": Type(t), **attrs})


def lstm_cell(g, n, units):
    """BasicLSTMCell: gates i, j, f, o of one product."""
    def cell(f, x, state, fixed):
        c, h = state
        y = f("BiasAdd", "BiasAdd", f("MatMul", "MatMul", f("ConcatV2", "concat", x, h, g.const(1), N=2, Tidx=Type(INT32)), fixed[0]), fixed[1])
        i = f("Split", "split", g.const(1), y, num_split=4)
        forget = f("Sigmoid", "forget", f("AddV2", "forget_add", i + ":2", g.const(1.0)))
        new = f("AddV2", "c", f("Mul", "keep", c, forget), f("Mul", "add", f("Sigmoid", "in", i), f("Tanh", "j", i + ":1")))
        return [new, f("Mul", "h", f("Tanh", "tanh_c", new), f("Sigmoid", "out", i + ":3"))]
    weights = [g.weights(n + units, 4 * units, low=-.4, high=.4), g.weights(4 * units)]
    return cell, weights, [g.const(np.zeros((1, units))) for _ in range(2)]


def gru_cell(g, n, units):
    def cell(f, x, state, fixed):
        h, = state
        gates = f("Sigmoid", "gates", f("BiasAdd", "gates/BiasAdd", f("MatMul", "gates/MatMul", f(
            "ConcatV2", "concat", x, h, g.const(1), N=2, Tidx=Type(INT32)), fixed[0]), fixed[1]))
        r = f("Split", "split", g.const(1), gates, num_split=2)
        new = f("Tanh", "candidate", f("BiasAdd", "candidate/BiasAdd", f("MatMul", "candidate/MatMul", f(
            "ConcatV2", "candidate/concat", x, f("Mul", "reset", r, h), g.const(1), N=2, Tidx=Type(INT32)), fixed[2]), fixed[3]))
        return [f("AddV2", "h", f("Mul", "keep", r + ":1", h), f("Mul", "take", f("Sub", "rest", g.const(1.0), r + ":1"), new))]
    weights = [g.weights(n + units, 2 * units, low=-.4, high=.4), g.weights(2 * units),
               g.weights(n + units, units, low=-.4, high=.4), g.weights(units)]
    return cell, weights, [g.const(np.zeros((1, units)))]


def rnn(g, make, steps=25, n=10, units=12):
    """dynamic_rnn and a dense head, as Arm's keyword graphs have them."""
    x = g.random("x", 1, steps, n, low=-2, high=2)
    cell, weights, zero = make(g, n, units)
    f = scope(g, "rnn")
    major = f("Transpose", "transpose", x, g.const([1, 0, 2]), Tperm=Type(INT32))
    length = f("StridedSlice", "steps", f("Shape", "shape", major, out_type=Type(INT32)), g.const([0]), g.const([1]),
               g.const([1]), shrink_axis_mask=1, Index=Type(INT32))
    ta = [f("TensorArrayV3", t, length, dtype=Type(FLOAT), dynamic_size=False, element_shape=Shape([1, d]),
            clear_after_read=True, identical_element_shapes=True, tensor_array_name=t) for t, d in (("out", units), ("in", n))]
    flow = f("TensorArrayScatterV3", "scatter", ta[1], f("Range", "range", g.const(0), length, g.const(1), Tidx=Type(INT32)),
             major, ta[1] + ":1")
    b = scope(g, "rnn/while/cell")
    k = scope(g, "rnn/while", INT32)

    def go(v, fixed):
        return k("LogicalAnd", "LogicalAnd", k("Less", "Less", v[0], fixed[0]), k("Less", "Less_1", v[1], fixed[0]))

    def body(v, fixed):
        xt = k("TensorArrayReadV3", "read", fixed[2], v[1], fixed[3], dtype=Type(FLOAT))
        state = cell(b, xt, v[3:], fixed[4:])
        out = k("TensorArrayWriteV3", "write", fixed[1], v[1], state[-1], v[2])
        return [k("AddV2", "add", v[0], g.const(1)), k("AddV2", "add_1", v[1], g.const(1)), out] + state

    done = loop(g, "rnn/while/context", [g.const(0), g.const(0), ta[0] + ":1"] + zero, go, body, [length, ta[0], ta[1], flow] + weights)
    size = f("TensorArraySizeV3", "size", ta[0], done[2])
    all = f("TensorArrayGatherV3", "gather", ta[0], f("Range", "range_1", g.const(0), size, g.const(1), Tidx=Type(INT32)), done[2],
            dtype=Type(FLOAT), element_shape=Shape([1, units]))
    g.node("TensorArrayCloseV3", "close", [ta[1]])
    g.out("Transpose", [all, g.const([1, 0, 2])], Tperm=Type(INT32))
    g.out("Softmax", [f("BiasAdd", "dense/BiasAdd", f("MatMul", "dense/MatMul", done[-1], g.weights(units, 6)), g.weights(6))])


def lstm(g):
    rnn(g, lstm_cell)


def gru(g):
    rnn(g, gru_cell)


def branch(f, k, number, v):
    """Twice v where the number is even, else -v."""
    taken = k("Less", "even", k("FloorMod", "mod", number, "two"), "one")
    s = f("Switch", "branch", v, taken)
    return f("Merge", "merge", f("Neg", "neg", s), f("Mul", "twice", s + ":1", "2.0"), N=2)


def loops(g):
    """A counter, a condition within, a loop that never runs; TensorArrays that grow, are split and joined."""
    x = g.random("x", 3, 4)
    k, f = scope(g, "count", INT32), scope(g, "count")
    for name, v in (("one", 1), ("two", 2), ("2.0", 2.0)):
        g.const(v, name=name)
    g.outputs += loop(g, "count", [g.const(0), x], lambda v, _: k("Less", "Less", v[0], g.const(5)), lambda v, c: [
        k("AddV2", "add", v[0], "two"), f("Mul", "mul", v[1], c[0])], [g.weights(4)])
    kb, fb = scope(g, "b", INT32), scope(g, "b")
    g.outputs += loop(g, "b", [g.const(0), x], lambda v, _: kb("Less", "Less", v[0], g.const(3)), lambda v, c: [
        kb("AddV2", "add", v[0], "one"), fb("AddV2", "sum", branch(fb, kb, v[0], v[1]), c[0])], [x])
    g.outputs += loop(g, "never", [g.const(9), x], lambda v, _: k("Less", "never", v[0], g.const(5)), lambda v, _: [
        v[0], f("Neg", "neg", v[1])])
    array = dict(dtype=Type(FLOAT), element_shape=Shape([-1, 4]), clear_after_read=False, identical_element_shapes=False)
    ta = f("TensorArrayV3", "ta", g.const(0), dynamic_size=True, tensor_array_name="ta", **array)
    flow = f("TensorArrayWriteV3", "w0", ta, g.const(0), x, ta + ":1")
    flow = f("TensorArrayWriteV3", "w1", ta, g.const(1), f("Neg", "minus", x), flow)
    g.out("TensorArrayConcatV3", [ta, flow], dtype=Type(FLOAT))
    g.out("TensorArrayGatherV3", [ta, g.const([1, 0]), flow], dtype=Type(FLOAT), element_shape=Shape([3, 4]))
    tb = f("TensorArrayV3", "tb", g.const(2), dynamic_size=False, tensor_array_name="tb", **array)
    flow = f("TensorArraySplitV3", "split", tb, x, g.const([1, 2], "i4"), tb + ":1")
    g.out("TensorArrayReadV3", [tb, g.const(1), flow], dtype=Type(FLOAT))


def nested(g):
    """A loop within a loop, whose number of iterations the outer one counts; tfjs cannot run it."""
    x = g.random("x", 3, 4)
    ki, fi, ko, fo = scope(g, "inner", INT32), scope(g, "inner"), scope(g, "outer", INT32), scope(g, "outer")
    for name, v in (("one", 1), ("two", 2), ("2.0", 2.0)):
        g.const(v, name=name)

    def outer(v, c):
        i = loop(g, "inner", [g.const(0), v[1]], lambda w, d: ki("Less", "Less", w[0], d[0]),
                 lambda w, d: [ki("AddV2", "add", w[0], "one"), fi("AddV2", "sum", w[1], d[1])], [v[0], c[0]])
        return [ko("AddV2", "add", v[0], "one"), fo("Sub", "sub", branch(fo, ko, v[0], i[1]), c[0])]

    g.outputs += loop(g, "outer", [g.const(1), x], lambda v, _: ko("Less", "Less", v[0], g.const(4)), outer, [x])
    a = y = g.inputs["x"]
    for i in (1, 2, 3):
        y = (y + i * a) * (2 if i % 2 == 0 else -1) - a
    g.want = dict(zip(g.outputs, (np.int32(4), y)))


def whiles(g):
    """While with functions; lists of tensors that are made, read, set, pushed to, split and joined."""
    x = g.random("x", 5, 1, 3)
    a, w = g.inputs["x"], g.rng.uniform(-1, 1, (3, 3)).astype("f4")
    cond, body = Graph(), Graph()
    cond.node("Less", "less", ["i", "n"], T=Type(INT32))
    g.function("going", ["i", "n", "h", "from", "to", "w"], ["r"], cond, r="less:z:0")
    body.node("Const", "one", dtype=Type(INT32), value=tensor(np.int32(1)))
    body.node("Const", "shape", dtype=Type(INT32), value=tensor(np.int32([1, 3])))
    body.node("AddV2", "next", ["i", "one:output:0"], T=Type(INT32))
    body.node("TensorListGetItem", "x", ["from", "i", "shape:output:0"], element_dtype=Type(FLOAT))
    body.node("MatMul", "product", ["h", "w"], T=Type(FLOAT))
    body.node("AddV2", "sum", ["product:product:0", "x:item:0"], T=Type(FLOAT))
    body.node("Tanh", "state", ["sum:z:0"], T=Type(FLOAT))
    body.node("TensorListSetItem", "list", ["to", "i", "state:y:0"], element_dtype=Type(FLOAT))
    g.function("step", ["i", "n", "h", "from", "to", "w"], ["i1", "n1", "h1", "f1", "t1", "w1"], body, i1="next:z:0", n1="n",
               h1="state:y:0", f1="from", t1="list:output_handle:0", w1="w")
    f = scope(g, "list")
    length, dims = g.const(5), g.const([1, 3])
    start = f("TensorListFromTensor", "from", x, dims, element_dtype=Type(FLOAT))
    into = f("TensorListReserve", "reserve", dims, length, element_dtype=Type(FLOAT))
    h, rows = np.zeros((1, 3), "f4"), []
    for i in range(5):
        h = np.tanh(h @ w + a[i])
        rows.append(h)
    for op in ("While", "StatelessWhile"):
        loop = g.node(op, op.lower(), [g.const(0), length, g.const(np.zeros((1, 3))), start, into, g.const(w)],
                      cond=Func("going"), body=Func("step"))
        g.outputs.append(loop + ":2")
        g.want[loop + ":2"] = h
        g.out("TensorListStack", [loop + ":4", dims], element_dtype=Type(FLOAT), num_elements=-1, want=np.stack(rows))
    g.out("TensorListStack", [start, dims], element_dtype=Type(FLOAT), num_elements=-1, want=a)
    g.out("TensorListLength", [start], want=np.int32(5))
    g.out("TensorListGather", [start, g.const([3, 1]), dims], element_dtype=Type(FLOAT), want=a[[3, 1]])
    empty = f("EmptyTensorList", "empty", dims, g.const(-1), element_dtype=Type(FLOAT))
    one = f("TensorListPushBack", "push", empty, x, element_dtype=Type(FLOAT))
    two = f("TensorListPushBack", "again", one, f("Neg", "neg", x), element_dtype=Type(FLOAT))
    c = g.out("TensorListConcatV2", [two, dims, g.const([], "i8")], element_dtype=Type(FLOAT), want=np.concatenate((a, -a)))
    g.outputs.append(c + ":1")
    g.want[c + ":1"] = np.array([5, 5], "i8")
    g.out("TensorListLength", [one], want=np.int32(1))
    parts = f("TensorListSplit", "parts", x, dims, g.const([2, 3]), element_dtype=Type(FLOAT))
    g.out("TensorListGetItem", [parts, g.const(1), dims], element_dtype=Type(FLOAT), want=a[2:])


FAMILIES = dict(single=single, lstm=lstm, gru=gru, loops=loops, nested=nested, whiles=whiles, calls=calls, conv=conv, pool=pool, block=block, elementwise=elementwise, reduce=reduce, array=array, slices=slices, formulas=formulas)


def broken(folder):
    listed = []

    def add(name, status, text, b):
        with open("%s/%s.pb" % (folder, name), "wb") as f:
            f.write(b)
        listed.append("%s\t%d\t%s\n" % (name, status, text))

    def one(name, status, text, make):
        g = Graph()
        make(g)
        add(name, status, text, g.bytes)

    def x(g, *dims):
        return g.random("x", *(dims or (1, 4, 4, 3)))

    good = Graph()
    good.node("Relu", "y", [x(good)], T=Type(FLOAT))
    add("cut", 1, "byte", good.bytes[:-3])
    one("nothing_writes", 1, "reads 'ghost', which nothing writes", lambda g: g.node("Relu", "y", ["ghost"]))
    one("twice", 1, "two nodes are called 'y'", lambda g: (g.node("Relu", "y", [x(g)]), g.node("Relu", "y", ["x"])))
    one("loop", 1, "a loop", lambda g: (g.node("Add", "y", ["z", x(g)]), g.node("Relu", "z", ["y"]), g.node("Relu", "o", ["z"])))
    one("unknown", 3, "node y: FooBar: no such operator", lambda g: g.node("FooBar", "y", [x(g)]))
    one("two_unknown", 3, "2 unsupported", lambda g: (g.node("Foo", "y", [x(g)]), g.node("Bar", "z", ["y"])))
    one("variable", 3, "not frozen", lambda g: g.node("Relu", "y", [g.node("VariableV2", "v", dtype=Type(FLOAT))]))
    one("resource", 3, "not frozen", lambda g: g.node("ReadVariableOp", "y", [g.node("VarHandleOp", "v")]))
    one("audio", 3, "--input_shape", lambda g: g.node("DecodeWav", "y", [g.node("Placeholder", "wav", dtype=Type(7), shape=Shape([]))]))
    one("no_shape", 3, "--input_shape x:DIMS", lambda g: g.node("Relu", "y", [g.node("Placeholder", "x", dtype=Type(FLOAT))]))
    one("inputs", 1, "node y: Add: 1 inputs", lambda g: g.node("Add", "y", [x(g)]))
    one("const", 1, "do not hold", lambda g: g.node("Relu", "y", [g.node("Const", "k", value=field(1, 1) + field(2, shape([4])) + field(4, b"12345"))]))
    one("no_value", 1, "node k: Const: no value", lambda g: g.node("Relu", "y", [g.node("Const", "k")]))
    one("strings", 3, "of type string", lambda g: g.node("Relu", "y", [g.node("Const", "k", value=field(1, 7) + field(2, shape([])) + field(8, b"a"))]))
    one("filter", 1, "has not 4 known dims", lambda g: g.node("Conv2D", "y", [x(g), g.weights(3, 3)], **window()))
    one("channels", 1, "3 input channels, but a filter for 5", lambda g: g.node("Conv2D", "y", [x(g), g.weights(3, 3, 5, 2)], **window()))
    one("padding", 1, "padding is none of", lambda g: g.node("Conv2D", "y", [x(g), g.weights(3, 3, 3, 2)], **window(padding="HALF")))
    one("strides", 1, "strides has 3 entries", lambda g: g.node("Conv2D", "y", [x(g), g.weights(3, 3, 3, 2)], strides=[1, 1, 1], padding="SAME"))
    one("axis", 1, "axis 9 of a tensor of rank 4", lambda g: g.node("Mean", "y", [x(g), g.const([9])]))
    one("dynamic", 3, "is not known before the graph runs", lambda g: g.node("Mean", "y", [x(g), g.input("axes", np.array([1], "i4"))]))
    one("training", 3, "export the graph for inference", lambda g: g.node("FusedBatchNorm", "y", [x(g)] + [g.weights(3), g.weights(3), g.weights(0), g.weights(0)], is_training=True))
    one("ours", 1, "not TensorFlow's", lambda g: g.node("Relu", "y", [g.node("Const", "k", value=field(1, 1) + field(536870000, 0))]))
    def recursive(g):
        body = Graph()
        body.node("again", "n", ["p"])
        g.function("again", ["p"], ["r"], body, r="n:r:0")
        g.node("again", "y", [x(g)])
        g.bytes += field(2, g.library)

    one("recursive", 1, "function again has no end", recursive)
    one("switch", 3, "is not known before the graph runs", lambda g: g.node("Merge", "y", [g.node(
        "Switch", "s", [x(g), g.input("p", np.array(True))]), "s:1"]))
    one("shapes", 1, "node y", lambda g: g.node("Add", "y", [x(g), g.weights(7)]))
    number = lambda g: scope(g, "l", INT32)
    one("endless", 3, "node l/Exit_0: Exit: more than 4096 iterations", lambda g: g.node("Identity", "y", loop(
        g, "l", [g.const(0)], lambda v, _: number(g)("Less", "less", v[0], g.const(5)), lambda v, _: v)))
    one("unknown_end", 3, "a loop whose condition only running tells (it reads 'l/less')", lambda g: g.node("Identity", "y", loop(
        g, "l", [x(g)], lambda v, _: number(g)("Less", "less", number(g)("Max", "max", v[0], g.const([0, 1, 2, 3])), g.const(1.0)), lambda v, _: v)))

    def free_steps(g):
        v = g.input("x", np.zeros((7, 4), "f4"), dims=(-1, 4))
        f = scope(g, "f", INT32)
        n = f("Max", "n", f("Shape", "s", v, out_type=Type(INT32)), g.const(0))  # 4 as long as there are at most 4
        m = f("Min", "m", f("Shape", "t", v, out_type=Type(INT32)), g.const(0))
        for end in (n, m):
            g.node("Identity", end + "y", loop(g, end, [g.const(0)], lambda w, c: f("Less", end[2:] + "less", w[0], c[0]), lambda w, c: [
                f("AddV2", end[2:] + "add", w[0], g.const(1))], [end]))

    one("free_steps", 3, "1 unsupported: node f/m/Exit_0: Exit: a loop whose condition only running tells", free_steps)
    one("inside", 3, "node l/Enter_0: Enter: a tensor inside a loop", lambda g: loop(
        g, "l", [g.const(0)], lambda v, _: number(g)("Less", "less", v[0], g.const(5)), lambda v, _: v) and g.node("LogicalNot", "y", ["l/LoopCond"]))
    one("own_end", 1, "Exit: loop 'l' reads what it ends with", lambda g: g.node("Identity", "y", loop(
        g, "l", [g.const(0)], lambda v, _: number(g)("Less", "less", v[0], "l/Exit_0"), lambda v, _: v)))
    one("no_loop", 1, "node y: Exit: it leaves no loop", lambda g: g.node("Relu", "z", [g.node("Exit", "y", [x(g)])]))
    one("no_frame", 1, "node e: Enter: a node of loop 'l' reads it", lambda g: g.node("Identity", "y", loop(
        g, "l", [g.const(0)], lambda v, _: number(g)("Less", "less", v[0], g.node("Enter", "e", [g.const(3)], frame_name="m")), lambda v, _: v)))

    def array(g, *more):
        f = scope(g, "f")
        ta = f("TensorArrayV3", "ta", g.const(2), dtype=Type(FLOAT))
        return f, ta, f("TensorArrayWriteV3", "w", ta, g.const(0), x(g), ta + ":1")

    def read(i):
        def make(g):
            f, ta, flow = array(g)
            f("TensorArrayReadV3", "r", ta, g.const(i), flow)
        return make

    one("unwritten", 3, "node f/r: TensorArrayReadV3: item 1 was never written", read(1))
    one("beyond", 1, "node f/r: TensorArrayReadV3: item 2 of a list of 2", read(2))
    one("list_out", 1, "node f/w: TensorArrayWriteV3: the output is a list of tensors", array)
    one("list_in", 3, "node y: Relu: input 0 (f/w) is a list of tensors", lambda g: g.node("Relu", "y", array(g)[2:]))
    one("no_list", 3, "node y: TensorListLength: a list that import cannot follow", lambda g: g.node("TensorListLength", "y", [x(g)]))
    with open(folder + "/list", "w") as f:
        f.writelines(listed)


def close(a, b, tolerance):
    a, b = np.load(a), np.load(b)
    bad = 0
    for k in b.files:
        if k not in a.files or (a[k].shape or (1,)) != b[k].shape:  # a scalar is one entry a sample
            print(k, "is", b[k].shape, "not", a[k].shape if k in a.files else "there")
            bad = 1
            continue
        x, y = a[k].astype("f8"), b[k].astype("f8")
        d = np.abs(x - y).max() / max(np.abs(x).max(), 1e-30) if x.size else 0
        if not d <= tolerance:
            print("%s: %g" % (k, d))
            bad = 1
    if not b.files:
        bad = 1
    return bad


def opencv(graph, given, out, pairs):
    import cv2
    net = cv2.dnn.readNetFromTensorflow(graph)
    for k, v in np.load(given).items():
        net.setInput(np.ascontiguousarray(v.transpose(0, 3, 1, 2)) if v.ndim == 4 else v)
    pairs = [p.split("=") for p in pairs]
    y = net.forward([layer for _, layer in pairs])
    np.savez(out, **{name: v for (name, _), v in zip(pairs, y)})


def main(argv):
    if argv[0] == "--list":
        print("\n".join(FAMILIES))
    elif argv[0] == "--random":
        dims = [int(d) for d in argv[3].split(",")]
        scale, shift = (float(v) for v in (argv[4:6] or (1, 0)))
        v = np.random.RandomState(0).uniform(-1, 1, dims) * scale + shift
        np.savez(argv[1] + ".npz", **{argv[2]: v.astype("f4")})
    elif argv[0] == "--opencv":
        opencv(argv[1], argv[2], argv[3], argv[4:])
    elif argv[0] == "--close":
        return close(argv[1], argv[2], float(argv[3]))
    elif argv[0] == "--broken":
        broken(argv[1])
    else:
        g = Graph()
        FAMILIES[argv[0]](g)
        g.write(argv[0])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
