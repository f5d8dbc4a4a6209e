"""models.py: small ONNX models for the tests, each with an input and what numpy says comes out.

    models.py CASE...     CASE.onnx, and where it computes something CASE.in.npz, CASE.want.npz
    models.py --list      the cases that compute something
    models.py --same A B  whether two models have the same tensors and nodes
    models.py --close WANT.npz GOT.npz
SPDX-License-Identifier: Apache-2.0
"""
import sys
import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

cases, plain = {}, {}
rng = np.random.RandomState(7)


def case(f):
    cases[f.__name__] = f
    return f


def shape_only(f):
    plain[f.__name__] = f
    return f


def rand(*dims):
    return rng.randn(*dims).astype(np.float32)


def model(nodes, inputs, outputs, inits=(), opset=13, **kw):
    """inputs: name -> dims or (type, dims); outputs: names; inits: name -> array or TensorProto."""
    def info(name, v):
        t, dims = v if isinstance(v, tuple) else (T.FLOAT, v)
        return h.make_tensor_value_info(name, t, dims)
    outs = [o if not isinstance(o, str) else h.make_empty_tensor_value_info(o) for o in outputs]
    g = h.make_graph(nodes, 'g', [info(n, v) for n, v in inputs.items()], outs,
                     [v if isinstance(v, T) else nh.from_array(v, n) for n, v in dict(inits).items()], **kw)
    return h.make_model(g, opset_imports=[h.make_opsetid('', opset)], producer_name='models.py')


def conv(x, w, b=None, stride=1, pad=0, group=1):
    n, c, hh, ww = x.shape
    m, cg, kh, kw = w.shape
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad))).astype(np.float64)
    oh, ow = (x.shape[2] - kh) // stride + 1, (x.shape[3] - kw) // stride + 1
    y = np.zeros((n, m, oh, ow))
    for k in range(m):
        g = k // (m // group)
        for i in range(oh):
            for j in range(ow):
                patch = x[:, g * cg:(g + 1) * cg, i * stride:i * stride + kh, j * stride:j * stride + kw]
                y[:, k, i, j] = (patch * w[k]).sum(axis=(1, 2, 3))
    return y + (0 if b is None else b.reshape(1, -1, 1, 1))


def convt(x, w, group=1):
    n, c, hh, ww = x.shape
    _, mg, kh, kw = w.shape
    y = np.zeros((n, mg * group, hh + kh - 1, ww + kw - 1))
    for k in range(c):
        g = k // (c // group)
        for i in range(hh):
            for j in range(ww):
                for m in range(mg):
                    y[:, g * mg + m, i:i + kh, j:j + kw] += x[:, k, i, j].reshape(-1, 1, 1) * w[k, m]
    return y


def bn(x, p, eps=1e-5):
    s = [v.reshape(1, -1, *[1] * (x.ndim - 2)).astype(np.float64) for v in p]
    return (x - s[2]) / np.sqrt(s[3] + eps) * s[0] + s[1]


def bn_params(c):
    return [rand(c), rand(c), rand(c), np.abs(rand(c)) + 0.1]


def bn_inits(p, prefix='bn'):
    return {prefix + '.' + k: v for k, v in zip(('gamma', 'beta', 'mean', 'var'), p)}


def bn_node(x, y, prefix='bn', **kw):
    return h.make_node('BatchNormalization', [x] + [prefix + '.' + k for k in ('gamma', 'beta', 'mean', 'var')],
                       [y], name=prefix, **kw)


# ---- folding -------------------------------------------------------------------------------

@case
def conv_bn():
    w, b, p, x = rand(6, 3, 3, 3), rand(6), bn_params(6), rand(1, 3, 8, 8)
    m = model([h.make_node('Conv', ['x', 'w', 'b'], ['c'], name='conv'), bn_node('c', 'y')],
              {'x': [1, 3, 8, 8]}, ['y'], {'w': w, 'b': b, **bn_inits(p)})
    return m, {'x': x}, {'y': bn(conv(x, w, b), p)}


@case
def conv_bn_nobias_group():
    w, p, x = rand(6, 2, 3, 3), bn_params(6), rand(1, 4, 8, 8)
    m = model([h.make_node('Conv', ['x', 'w'], ['c'], name='conv', group=2), bn_node('c', 'y', epsilon=0.01)],
              {'x': [1, 4, 8, 8]}, ['y'], {'w': w, **bn_inits(p)})
    return m, {'x': x}, {'y': bn(conv(x, w, group=2), p, 0.01)}


@case
def convt_bn():
    w, p, x = rand(3, 5, 2, 2), bn_params(5), rand(1, 3, 4, 4)
    m = model([h.make_node('ConvTranspose', ['x', 'w'], ['c'], name='up'), bn_node('c', 'y')],
              {'x': [1, 3, 4, 4]}, ['y'], {'w': w, **bn_inits(p)})
    return m, {'x': x}, {'y': bn(convt(x, w), p)}


@case
def convt_bn_depthwise():
    w, p, x = rand(4, 1, 2, 2), bn_params(4), rand(1, 4, 4, 4)
    m = model([h.make_node('ConvTranspose', ['x', 'w'], ['c'], name='up', group=4), bn_node('c', 'y')],
              {'x': [1, 4, 4, 4]}, ['y'], {'w': w, **bn_inits(p)})
    return m, {'x': x}, {'y': bn(convt(x, w, 4), p)}


@case
def convt_bn_grouped():
    """Four rows a group: one factor per output channel does not run along one axis; stays."""
    w, p, x = rand(4, 3, 2, 2), bn_params(6), rand(1, 4, 4, 4)
    m = model([h.make_node('ConvTranspose', ['x', 'w'], ['c'], name='up', group=2), bn_node('c', 'y')],
              {'x': [1, 4, 4, 4]}, ['y'], {'w': w, **bn_inits(p)})
    return m, {'x': x}, {'y': bn(convt(x, w, 2), p)}


@case
def gemm_bn():
    w, b, p, x = rand(5, 7), rand(5), bn_params(5), rand(2, 7)
    m = model([h.make_node('Gemm', ['x', 'w', 'b'], ['c'], name='fc', transB=1, alpha=0.5), bn_node('c', 'y')],
              {'x': [2, 7]}, ['y'], {'w': w, 'b': b, **bn_inits(p)})
    return m, {'x': x}, {'y': bn(0.5 * x @ w.T + b, p)}


@case
def conv_mul_add_sub():
    w, s, t, u, x = rand(4, 3, 1, 1), rand(4, 1, 1), rand(1, 4, 1, 1), np.float32(0.75), rand(1, 3, 5, 5)
    m = model([h.make_node('Conv', ['x', 'w'], ['a'], name='conv'), h.make_node('Mul', ['s', 'a'], ['b']),
               h.make_node('Add', ['b', 't'], ['c']), h.make_node('Sub', ['c', 'u'], ['y'])],
              {'x': [1, 3, 5, 5]}, ['y'], {'w': w, 's': s, 't': t, 'u': np.array(u)})
    return m, {'x': x}, {'y': conv(x, w) * s + t - u}


@case
def conv_add_map():
    """Not per channel: stays an Add."""
    w, t, x = rand(4, 3, 1, 1), rand(5, 1), rand(1, 3, 5, 5)
    m = model([h.make_node('Conv', ['x', 'w'], ['a'], name='conv'), h.make_node('Add', ['a', 't'], ['y'])],
              {'x': [1, 3, 5, 5]}, ['y'], {'w': w, 't': t})
    return m, {'x': x}, {'y': conv(x, w) + t}


@case
def shared_weight():
    """One weight, two convolutions, a BatchNorm behind one of them."""
    w, p, x = rand(3, 3, 1, 1), bn_params(3), rand(1, 3, 4, 4)
    m = model([h.make_node('Conv', ['x', 'w'], ['a'], name='one'), bn_node('a', 'y1'),
               h.make_node('Conv', ['x', 'w'], ['y2'], name='two')],
              {'x': [1, 3, 4, 4]}, ['y1', 'y2'], {'w': w, **bn_inits(p)})
    return m, {'x': x}, {'y1': bn(conv(x, w), p), 'y2': conv(x, w)}


@case
def bn_output_needed():
    """What lies before the BatchNorm is an output itself: nothing is folded."""
    w, p, x = rand(3, 3, 1, 1), bn_params(3), rand(1, 3, 4, 4)
    m = model([h.make_node('Conv', ['x', 'w'], ['a'], name='conv'), bn_node('a', 'y')],
              {'x': [1, 3, 4, 4]}, ['y', 'a'], {'w': w, **bn_inits(p)})
    return m, {'x': x}, {'y': bn(conv(x, w), p), 'a': conv(x, w)}


@case
def names():
    """Weights behind Identity, Transpose, DequantizeLinear, in Constant nodes; Dropout between."""
    w, v, x = rand(4, 3, 1, 1), rand(5, 64), rand(1, 3, 4, 4)
    q, s, p = rng.randint(-127, 128, (6, 5)).astype(np.int8), np.float32(0.125), bn_params(4)
    k = rand(6, 2)
    m = model([h.make_node('Identity', ['real.weight'], ['alias']),
               h.make_node('Conv', ['x', 'alias'], ['a'], name='conv'), h.make_node('Dropout', ['a'], ['a1', 'mask']),
               bn_node('a1', 'a2'), h.make_node('Flatten', ['a2'], ['f']),
               h.make_node('Transpose', ['fc.weight'], ['t'], perm=[1, 0]),
               h.make_node('MatMul', ['f', 't'], ['b']),
               h.make_node('DequantizeLinear', ['q8', 's'], ['dq']),
               h.make_node('Gemm', ['b', 'dq'], ['c'], name='quantized', transB=1),
               h.make_node('Constant', [], ['k'], value=nh.from_array(k)),
               h.make_node('MatMul', ['c', 'k'], ['d']), h.make_node('Identity', ['d'], ['y'])],
              {'x': [1, 3, 4, 4]}, ['y'], {'real.weight': w, 'fc.weight': v, 'q8': q, 's': np.array(s), **bn_inits(p)})
    a = bn(conv(x, w), p).reshape(1, -1)
    return m, {'x': x}, {'y': a @ v.T @ (q * s).T @ k}


# ---- what runs as one step -----------------------------------------------------------------

def gate(name, inner, f, **more):
    """x W through inner nodes from 'c' to 'y', beside f of numpy's convolution."""
    def make():
        w, x = rand(8, 3, 3, 3), rand(2, 3, 9, 9)
        m = model([h.make_node('Conv', ['x', 'w'], ['c'], name='conv')] + inner, {'x': [2, 3, 9, 9]}, ['y'],
                  {'w': w, 'three': np.float32(3), 'six': np.float32(6), 'sixth': np.float32(1 / 6),
                   'zero': np.float32(0), 'seven': np.float32(7), **more})
        return m, {'x': x}, {'y': f(conv(x, w))}
    make.__name__ = name
    case(make)


def node(op, ins, out, **kw):
    return h.make_node(op, ins.split(), [out], name=out, **kw)


def hardswish(v):
    return v * np.clip(v + 3, 0, 6) / 6


gate('swish', [node('Sigmoid', 'c', 's'), node('Mul', 's c', 'y')], lambda v: v / (1 + np.exp(-v)))
gate('hswish', [node('HardSigmoid', 'c', 's', alpha=1 / 6), node('Mul', 'c s', 'y')], hardswish)
gate('hswish_spelled', [node('Add', 'c three', 'a'), node('Clip', 'a zero six', 'b'), node('Mul', 'c b', 'm'),
                        node('Div', 'm six', 'y')], hardswish)
gate('hswish_early', [node('Add', 'three c', 'a'), node('Clip', 'a zero six', 'b'), node('Mul', 'b sixth', 's'),
                      node('Mul', 's c', 'y')], hardswish)
# the same spelling with other numbers, or read once more, is no such gate
gate('no_hswish', [node('Add', 'c three', 'a'), node('Clip', 'a zero seven', 'b'), node('Mul', 'c b', 'm'),
                   node('Div', 'm six', 'y')], lambda v: v * np.clip(v + 3, 0, 7) / 6)
gate('gate_read_again', [node('Sigmoid', 'c', 's'), node('Mul', 'c s', 'm'), node('Add', 'm s', 'y')],
     lambda v: v / (1 + np.exp(-v)) + 1 / (1 + np.exp(-v)))


@case
def shuffle():
    """Channel shuffle of 2 and of 3 groups between convolutions."""
    x, a, b, c = rand(2, 3, 5, 6), rand(12, 3, 1, 1), rand(12, 12, 1, 1), rand(4, 12, 1, 1)

    def nodes(x, y, g, p):
        return [h.make_node('Reshape', [x, p + 'five'], [p + 'r'], name=p + 'r'),
                h.make_node('Transpose', [p + 'r'], [p + 't'], name=p + 't', perm=[0, 2, 1, 3, 4]),
                h.make_node('Reshape', [p + 't', 'four'], [y], name=p + 'j')]

    def shuffled(v, g):
        return v.reshape(2, g, 12 // g, 5, 6).swapaxes(1, 2).reshape(2, 12, 5, 6)
    m = model([node('Conv', 'x a', 'u')] + nodes('u', 'v', 2, 'p') + [node('Conv', 'v b', 'w')] +
              nodes('w', 'z', 3, 'q') + [node('Conv', 'z c', 'y')], {'x': [2, 3, 5, 6]}, ['y'],
              {'a': a, 'b': b, 'c': c, 'pfive': np.int64([2, 2, 6, 5, 6]), 'qfive': np.int64([2, 3, 4, 5, 6]),
               'four': np.int64([2, 12, 5, 6])})
    return m, {'x': x}, {'y': conv(shuffled(conv(shuffled(conv(x, a), 2), b), 3), c)}


@case
def tiles():
    """ConvTranspose whose kernel is its stride, with bias and Relu; and one of one output channel."""
    x, a, b, c = rand(2, 5, 4, 7), rand(5, 6, 2, 3), rand(6), rand(6, 1, 2, 2)

    def tiled(x, w):
        y = np.einsum('nchw,cmij->nmhiwj', x.astype(np.float64), w)
        n, m, hh, kh, ww, kw = y.shape
        return y.reshape(n, m, hh * kh, ww * kw)
    m = model([h.make_node('ConvTranspose', ['x', 'a', 'b'], ['u'], name='up', strides=[2, 3]),
               node('Relu', 'u', 'v'), h.make_node('ConvTranspose', ['v', 'c'], ['y'], name='out', strides=[2, 2])],
              {'x': [2, 5, 4, 7]}, ['y'], {'a': a, 'b': b, 'c': c})
    return m, {'x': x}, {'y': tiled(np.maximum(tiled(x, a) + b.reshape(1, -1, 1, 1), 0), c)}


@case
def activations_behind():
    """BatchNorm, Add and Mul with the activation that follows them, channels-last and row-major."""
    x, w, p, k = rand(2, 3, 20, 20), rand(20, 3, 1, 1), bn_params(43), rand(43, 1, 1)
    m = model([node('Conv', 'x w', 'c'), node('Sigmoid', 'c', 's'),
               h.make_node('Concat', ['c', 's', 'x'], ['j'], name='j', axis=1), bn_node('j', 'n'), node('Relu', 'n', 'r'),
               node('Mul', 'r k', 'm'), h.make_node('LeakyRelu', ['m'], ['l'], name='l', alpha=0.1),
               node('Add', 'l j', 'a'), node('Tanh', 'a', 'y'), node('Add', 'x x', 'b'), node('Relu', 'b', 'z')],
              {'x': [2, 3, 20, 20]}, ['y', 'z'], {'w': w, 'k': k, **bn_inits(p)})
    c = conv(x, w)
    j = np.concatenate([c, 1 / (1 + np.exp(-c)), x], 1)
    v = np.maximum(bn(j, p), 0) * k
    return m, {'x': x}, {'y': np.tanh(np.where(v < 0, 0.1 * v, v) + j), 'z': np.maximum(2 * x, 0)}


@case
def mixed_power():
    """A float base to an integer power, and the activation behind it."""
    x = rand(3, 5)
    m = model([node('Pow', 'x p', 'a'), node('Tanh', 'a', 'y')], {'x': [3, 5]}, ['y'], {'p': np.int64([3])})
    return m, {'x': x}, {'y': np.tanh(x.astype(np.float64) ** 3)}


@case
def tiles_computed():
    """Tile-wise ConvTranspose whose bias is another one at every run: two samples."""
    x, k, a = rand(2, 5, 3, 4), rand(2, 6), rand(5, 6, 2, 2)
    m = model([node('Add', 'k k', 'b'), node('Reshape', 'b flat', 'c'),
               h.make_node('ConvTranspose', ['x', 'a', 'c'], ['y'], name='up', strides=[2, 2])],
              {'x': [1, 5, 3, 4], 'k': [1, 6]}, ['y'], {'a': a, 'flat': np.int64([6])})
    y = np.einsum('nchw,cmij->nmhiwj', x.astype(np.float64), a).reshape(2, 6, 6, 8)
    return m, {'x': x, 'k': k}, {'y': y + 2 * k.reshape(2, 6, 1, 1)}


@case
def read_twice():
    """Operators that read one value twice do not write over it."""
    x, i = rand(4, 4), np.int64([[3, 0, 1, 2]] * 4)
    m = model([node('Relu', 'x', 'a'), h.make_node('ScatterElements', ['a', 'i', 'a'], ['s'], name='s', axis=1),
               node('Neg', 's', 'b'), h.make_node('LayerNormalization', ['b', 'b'], ['y'], name='y', axis=0)],
              {'x': [4, 4]}, ['y'], {'i': i}, opset=17)
    a = np.maximum(x, 0).astype(np.float64)
    s = np.zeros_like(a)
    np.put_along_axis(s, i, a, 1)
    b = -s
    return m, {'x': x}, {'y': (b - b.mean()) / np.sqrt(b.var() + 1e-5) * b}


gate('gate_widened', [node('Add', 'c wide', 'a'), node('Clip', 'a zero six', 'b'), node('Mul', 'c b', 'm'),
                      node('Div', 'm six', 'y')], lambda v: hardswish(v)[None], wide=np.full((1, 1, 1, 1, 1), 3, np.float32))


@case
def norm_by_rows():
    """LayerNorm with a scale for each row, as many as a row is long; and one whose statistics alone are wanted."""
    x, g = rand(1, 4, 4), rand(4, 1)
    m = model([h.make_node('LayerNormalization', ['x', 'g'], ['y'], name='y'),
               h.make_node('LayerNormalization', ['x', 'one'], ['', 'mean'], name='m')],
              {'x': [1, 4, 4]}, ['y', 'mean'], {'g': g, 'one': np.ones(4, np.float32)}, opset=17)
    v = x.astype(np.float64)
    n = (v - v.mean(-1, keepdims=True)) / np.sqrt(v.var(-1, keepdims=True) + 1e-5)
    return m, {'x': x}, {'y': n * g, 'mean': v.mean(-1, keepdims=True)}


@case
def empty_sums():
    """A MatMul over nothing, and what is fused behind it."""
    z = rand(3, 5)
    m = model([node('MatMul', 'x w', 'p'), node('Sigmoid', 'p', 's'), node('Add', 's z', 'a'), node('Relu', 'a', 'y')],
              {'x': [3, 0], 'z': [3, 5]}, ['y'], {'w': np.zeros((0, 5), np.float32)})
    return m, {'x': np.zeros((3, 0), np.float32), 'z': z}, {'y': np.maximum(0.5 + z, 0)}


# ---- tensors -------------------------------------------------------------------------------

@case
def halves():
    w, b, x = rand(24, 3, 3, 3).astype(np.float16), rand(24).astype(np.float16), rand(1, 3, 6, 6)
    m = model([h.make_node('Conv', ['x', 'w', 'b'], ['y'], name='conv')], {'x': (T.FLOAT16, [1, 3, 6, 6])}, ['y'],
              {'w': w, 'b': b})
    x = x.astype(np.float16).astype(np.float32)
    return m, {'x': x}, {'y': conv(x, w.astype(np.float32), b.astype(np.float32))}


@case
def half_outputs():
    """A float16 constant that is an output itself is widened like any other."""
    c = rand(3, 4).astype(np.float16)
    m = model([h.make_node('Identity', ['x'], ['y'], name='i')], {'x': (T.FLOAT16, [2])}, ['y', 'c'], {'c': c})
    x = rand(2).astype(np.float16).astype(np.float32)
    return m, {'x': x}, {'y': x, 'c': c.astype(np.float32)}


@case
def typed():
    """Every typed list of TensorProto instead of raw_data."""
    def t(name, kind, dims, v):
        return h.make_tensor(name, kind, dims, v)
    m = model([h.make_node('Reshape', ['x', 'shape'], ['r']), h.make_node('Add', ['r', 'f'], ['a']),
               h.make_node('Cast', ['d'], ['d32'], to=T.FLOAT), h.make_node('Add', ['a', 'd32'], ['b']),
               h.make_node('Add', ['b', 'half'], ['c']), h.make_node('Where', ['mask', 'c', 'f'], ['e']),
               h.make_node('Cast', ['i'], ['if'], to=T.FLOAT), h.make_node('Add', ['e', 'if'], ['y'])],
              {'x': [4]}, ['y'],
              {'shape': t('shape', T.INT64, [2], [2, -1]), 'f': t('f', T.FLOAT, [2, 2], [1, 2, 3, 4]),
               'd': t('d', T.DOUBLE, [2], [.25, .5]), 'half': t('half', T.FLOAT16, [2], [1.5, -2]),
               'mask': t('mask', T.BOOL, [2, 1], [1, 0]), 'i': t('i', T.INT32, [2], [-3, 7])})
    x = rand(4)
    f = np.array([[1, 2], [3, 4]])
    y = np.where([[True], [False]], x.reshape(2, 2) + f + [.25, .5] + [1.5, -2], f) + [-3, 7]
    return m, {'x': x}, {'y': y}


@case
def constants():
    """Constant's other forms, and an initializer that is listed as an input."""
    m = model([h.make_node('Constant', [], ['two'], value_float=2.0),
               h.make_node('Constant', [], ['v'], value_floats=[1.0, 2.0, 3.0]),
               h.make_node('Constant', [], ['axis'], value_ints=[0]),
               h.make_node('Constant', [], ['one'], value_int=1),
               h.make_node('Mul', ['x', 'two'], ['a']), h.make_node('Add', ['a', 'v'], ['b']),
               h.make_node('Mul', ['b', 'w'], ['c']), h.make_node('Unsqueeze', ['c', 'axis'], ['d']),
               h.make_node('Gather', ['d', 'one'], ['y'], axis=1)],
              {'x': [3], 'w': [3]}, ['y'], {'w': np.array([1, 10, 100], np.float32)})
    x = rand(3)
    return m, {'x': x}, {'y': ((x * 2 + [1, 2, 3]) * [1, 10, 100])[1:2]}


@case
def external():
    m, i, o = conv_bn_nobias_group()
    w = rand(160, 4, 3, 3)
    m = model([h.make_node('Conv', ['x', 'w'], ['y'], name='conv')], {'x': [1, 4, 8, 8]}, ['y'], {'w': w})
    return m, i, {'y': conv(i['x'], w)}


# ---- graphs --------------------------------------------------------------------------------

@case
def branches():
    """If inside If, captured values, equal names in both branches, ordinals."""
    def graph(nodes, out):
        return h.make_graph(nodes, out, [], [h.make_empty_tensor_value_info(out)])
    inner = h.make_node('If', ['p'], ['o'], name='inner',
                        then_branch=graph([h.make_node('Add', ['x', 'w'], ['t'], name='plus')], 't'),
                        else_branch=graph([h.make_node('Identity', ['x'], ['t'])], 't'))
    outer = h.make_node('If', ['q'], ['y'], name='outer',
                        then_branch=graph([h.make_node('Relu', ['x'], ['r']), h.make_node('Neg', ['r'], ['o'])], 'o'),
                        else_branch=graph([inner], 'o'))
    m = model([h.make_node('ReduceMax', ['x'], ['m'], keepdims=0), h.make_node('Greater', ['m', 'big'], ['q']),
               h.make_node('Greater', ['m', 'mid'], ['p']), outer, h.make_node('Relu', ['y'], ['z'])],
              {'x': [4]}, ['z'], {'w': np.array([10, 20, 30, 40], np.float32), 'big': np.array(100, np.float32),
                                  'mid': np.array(1, np.float32)})
    x = np.array([0, -2, 3, 4], np.float32)
    return m, {'x': x}, {'z': np.maximum(x + [10, 20, 30, 40], 0)}


@case
def unsorted():
    m = model([h.make_node('Neg', ['b'], ['y']), h.make_node('Abs', ['a'], ['b']), h.make_node('Relu', ['x'], ['a'])],
              {'x': [4]}, ['y'])
    x = rand(4)
    return m, {'x': x}, {'y': -np.maximum(x, 0)}


# ---- opsets --------------------------------------------------------------------------------

@case
def squeeze11():
    m = model([h.make_node('Unsqueeze', ['x'], ['a'], axes=[0, 3]), h.make_node('Squeeze', ['a'], ['y'], axes=[0])],
              {'x': [2, 3]}, ['y'], opset=11)
    x = rand(2, 3)
    return m, {'x': x}, {'y': x[:, :, None]}


@case
def reduce11():
    m = model([h.make_node('ReduceSum', ['x'], ['a'], axes=[1], keepdims=0), h.make_node('ReduceMean', ['a'], ['y'], axes=[-1])],
              {'x': [2, 3, 4]}, ['y'], opset=11)
    x = rand(2, 3, 4)
    return m, {'x': x}, {'y': x.sum(axis=1).mean(axis=-1, keepdims=True)}


@case
def reduce18():
    m = model([h.make_node('ReduceMean', ['x', 'axes'], ['y'], keepdims=0)], {'x': [2, 3, 4]}, ['y'],
              {'axes': np.array([0, 2])}, opset=18)
    x = rand(2, 3, 4)
    return m, {'x': x}, {'y': x.mean(axis=(0, 2))}


@case
def slice9():
    m = model([h.make_node('Slice', ['x'], ['y'], starts=[1, -2], ends=[9, 10], axes=[0, 2])], {'x': [4, 3, 5]}, ['y'], opset=9)
    x = rand(4, 3, 5)
    return m, {'x': x}, {'y': x[1:9, :, -2:10]}


@case
def pad10():
    m = model([h.make_node('Pad', ['x'], ['y'], pads=[0, 1, 2, 0], value=1.5)], {'x': [2, 3]}, ['y'], opset=10)
    x = rand(2, 3)
    return m, {'x': x}, {'y': np.pad(x, ((0, 2), (1, 0)), constant_values=1.5)}


@case
def clip7():
    m = model([h.make_node('Clip', ['x'], ['a'], min=-0.5), h.make_node('Clip', ['a'], ['y'], max=0.25)], {'x': [20]}, ['y'], opset=7)
    x = rand(20)
    return m, {'x': x}, {'y': np.clip(x, -0.5, 0.25)}


def doubled(x, f=(2, 3)):
    return x.repeat(f[0], axis=2).repeat(f[1], axis=3)


@case
def upsample7():
    m = model([h.make_node('Upsample', ['x'], ['y'], scales=[1., 1., 2., 3.], mode='nearest')], {'x': [1, 2, 3, 4]}, ['y'], opset=7)
    x = rand(1, 2, 3, 4)
    return m, {'x': x}, {'y': doubled(x)}


@case
def upsample9():
    m = model([h.make_node('Upsample', ['x', 's'], ['y'], mode='linear')], {'x': [1, 1, 1, 3]}, ['y'],
              {'s': np.array([1, 1, 1, 2], np.float32)}, opset=9)
    x = rand(1, 1, 1, 3)
    a = x[0, 0, 0]
    y = np.array([a[0], (a[0] + a[1]) / 2, a[1], (a[1] + a[2]) / 2, a[2], a[2]])
    return m, {'x': x}, {'y': y.reshape(1, 1, 1, 6)}


@case
def resize10():
    m = model([h.make_node('Resize', ['x', 's'], ['y'], mode='nearest')], {'x': [1, 2, 3, 4]}, ['y'],
              {'s': np.array([1, 1, 2, 3], np.float32)}, opset=10)
    x = rand(1, 2, 3, 4)
    return m, {'x': x}, {'y': doubled(x)}


@case
def resize13():
    m = model([h.make_node('Resize', ['x', '', '', 'sizes'], ['y'], mode='nearest', nearest_mode='floor',
                           coordinate_transformation_mode='asymmetric')], {'x': [1, 2, 3, 4]}, ['y'],
              {'sizes': np.array([1, 2, 6, 12])})
    x = rand(1, 2, 3, 4)
    return m, {'x': x}, {'y': doubled(x)}


def softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


@case
def softmax11():
    """Flattened at axis 1: not what axis 1 means since opset 13."""
    m = model([h.make_node('Softmax', ['x'], ['y'], name='sm')], {'x': ['N', 3, 4]}, ['y'], opset=11)
    x = rand(2, 3, 4)
    return m, {'x': x}, {'y': softmax(x.reshape(2, 12), 1).reshape(2, 3, 4)}


@case
def softmax11_last():
    m = model([h.make_node('Softmax', ['x'], ['y'], name='sm', axis=2)], {'x': [2, 3, 4]}, ['y'], opset=11)
    x = rand(2, 3, 4)
    return m, {'x': x}, {'y': softmax(x, 2)}


@case
def logsoftmax12():
    m = model([h.make_node('LogSoftmax', ['x'], ['y'], axis=-2)], {'x': [2, 3, 4]}, ['y'], opset=12)
    x = rand(2, 3, 4)
    return m, {'x': x}, {'y': np.log(softmax(x.reshape(2, 12), 1)).reshape(2, 3, 4)}


@case
def softmax13():
    m = model([h.make_node('Softmax', ['x'], ['y'], axis=1)], {'x': [2, 3, 4]}, ['y'])
    x = rand(2, 3, 4)
    return m, {'x': x}, {'y': softmax(x, 1)}


@case
def split11():
    m = model([h.make_node('Split', ['x'], ['', 'y'], split=[1, 3], axis=1)], {'x': [2, 4]}, ['y'], opset=11)
    x = rand(2, 4)
    return m, {'x': x}, {'y': x[:, 1:]}


@case
def split18():
    m = model([h.make_node('Split', ['x'], ['a', 'b', 'y'], num_outputs=3, axis=1)], {'x': [2, 7]}, ['y', 'a'], opset=18)
    x = rand(2, 7)
    return m, {'x': x}, {'y': x[:, 6:], 'a': x[:, :3]}


@case
def dropout7():
    m = model([h.make_node('Relu', ['x'], ['a']), h.make_node('Dropout', ['a'], ['b', 'mask'], ratio=0.5),
               h.make_node('Neg', ['b'], ['y'])], {'x': [4]}, ['y'], opset=7)
    x = rand(4)
    return m, {'x': x}, {'y': -np.maximum(x, 0)}


@case
def dropout12():
    m = model([h.make_node('Dropout', ['x', 'r', 't'], ['b']), h.make_node('Neg', ['b'], ['y'])], {'x': [4]}, ['y'],
              {'r': np.array(0.5, np.float32), 't': np.array(False)}, opset=12)
    x = rand(4)
    return m, {'x': x}, {'y': -x}


@case
def bn8():
    p, x = bn_params(3), rand(1, 3, 2, 2)
    m = model([bn_node('x', 'y', spatial=1, momentum=0.9)], {'x': [1, 3, 2, 2]}, ['y'], bn_inits(p), opset=8)
    return m, {'x': x}, {'y': bn(x, p)}


@case
def cast21():
    m = model([h.make_node('Cast', ['x'], ['a'], to=T.INT32, saturate=1), h.make_node('Cast', ['a'], ['b'], to=T.FLOAT),
               h.make_node('Identity', ['b'], ['c']), h.make_node('Reshape', ['c', 's'], ['y'], allowzero=0)],
              {'x': [4]}, ['y'], {'s': np.array([2, 2])}, opset=21)
    x = 10 * rand(4)
    return m, {'x': x}, {'y': np.trunc(x).reshape(2, 2)}


@case
def gelu20():
    m = model([h.make_node('Gelu', ['x'], ['y'], approximate='tanh')], {'x': [9]}, ['y'], opset=20)
    x = rand(9)
    return m, {'x': x}, {'y': x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))}


@case
def pool7():
    m = model([h.make_node('AveragePool', ['x'], ['y'], kernel_shape=[2, 2], strides=[2, 2])], {'x': [1, 1, 4, 4]}, ['y'], opset=7)
    x = rand(1, 1, 4, 4)
    return m, {'x': x}, {'y': x.reshape(1, 1, 2, 2, 2, 2).mean(axis=(3, 5))}


# ---- models that are looked at, not run --------------------------------------------------------

@shape_only
def unsupported():
    return model([h.make_node('StringNormalizer', ['x'], ['a'], name='text'),
                  h.make_node('Conv', ['x', 'w'], ['b'], name='conv', foo=1),
                  h.make_node('Attention', ['x', 'w'], ['c'], name='fused', domain='com.microsoft'),
                  h.make_node('Cast', ['x'], ['d'], name='cast', to=T.STRING),
                  h.make_node('AveragePool', ['x'], ['e', 'idx'], name='pool', kernel_shape=[2, 2]),
                  h.make_node('GridSample', ['x', 'x'], ['unused'], name='dead')],
                 {'x': [1, 3, 8, 8]}, ['a', 'b', 'c', 'd', 'e', 'idx'], {'w': rand(3, 3, 1, 1)})


@shape_only
def kernels_refuse():
    """Only the kernels know that these are unsupported: all are listed."""
    return model([h.make_node('AveragePool', ['u'], ['a'], name='p1', kernel_shape=[2, 2]),
                  h.make_node('Resize', ['x', '', 's'], ['b'], name='r1', mode='strange'),
                  h.make_node('Pad', ['x', 'pads'], ['c'], name='pad', mode='strange')],
                 {'u': (T.UINT8, [1, 1, 4, 4]), 'x': [1, 1, 4, 4]}, ['a', 'b', 'c'],
                 {'s': np.array([2, 1, 1, 1], np.float32), 'pads': np.zeros(8, np.int64)})


@shape_only
def two():
    """Two inputs with free dims, two outputs, one unsupported operator off the way."""
    return model([h.make_node('Relu', ['image'], ['r'], name='relu'),
                  h.make_node('Add', ['r', 'offset'], ['sum'], name='plus'),
                  h.make_node('StringNormalizer', ['sum'], ['boxes'], name='text')],
                 {'image': ['N', 3, 'H', 'W'], 'offset': [1]}, ['sum', 'boxes'])


@shape_only
def cycle():
    return model([h.make_node('Add', ['x', 'b'], ['a']), h.make_node('Relu', ['a'], ['b'])], {'x': [1]}, ['b'])


@shape_only
def dangling():
    return model([h.make_node('Add', ['x', 'nowhere'], ['y'], name='add')], {'x': [1]}, ['y'])


@shape_only
def rank9():
    return model([h.make_node('Relu', ['x'], ['y'])], {'x': [1] * 9}, ['y'])


@shape_only
def opset22():
    return model([h.make_node('Relu', ['x'], ['y'])], {'x': [1]}, ['y'], opset=22)


@shape_only
def deep():
    g = h.make_graph([h.make_node('Identity', ['x'], ['o0'])], 'g', [], [h.make_empty_tensor_value_info('o0')])
    for i in range(1, 60):
        n = h.make_node('If', ['c'], ['o%d' % i], then_branch=g, else_branch=h.make_graph([], 'e', [], []))
        g = h.make_graph([n], 'g', [], [h.make_empty_tensor_value_info('o%d' % i)])
    m = model([h.make_node('Relu', ['x'], ['y'])], {'x': [1], 'c': (T.BOOL, [])}, ['o59'])
    del m.graph.node[:]
    m.graph.node.extend(g.node)
    return m


@shape_only
def tiny():
    m = model([h.make_node('Conv', ['x', 'w', 'b'], ['c'], name='c1'), h.make_node('Relu', ['c'], ['y'])],
              {'x': [1, 1, 4, 4]}, ['y'], {'w': rand(1, 1, 2, 2), 'b': rand(1)})
    return m


@shape_only
def large():
    """500 MB of weights."""
    w = np.zeros((4096, 4096), np.float32)
    raw = w.tobytes()
    nodes, inits, x = [], [], 'x'
    for i in range(8):
        t = T(name='w%d' % i, data_type=T.FLOAT, dims=[4096, 4096])
        t.raw_data = np.full(4096 * 4096 // 2, i + 1, np.uint64).tobytes() if i else raw
        inits.append(t)
        nodes.append(h.make_node('MatMul', [x, 'w%d' % i], ['h%d' % i], name='fc%d' % i))
        x = 'h%d' % i
    return model(nodes, {'x': [1, 4096]}, [x], {t.name: t for t in inits})


def strip_tensor(t):
    a = nh.to_array(t)
    return (t.name, a.dtype.str, a.shape, a.tobytes())


def summary(g):
    out = [strip_tensor(t) for t in g.initializer] + [i.SerializeToString() for i in g.input]
    for n in g.node:
        attrs = []
        for a in n.attribute:
            attrs.append(summary(a.g) if a.HasField('g') else strip_tensor(a.t) if a.HasField('t') else a.SerializeToString())
        out.append((n.op_type, n.name, list(n.input), list(n.output), n.domain, attrs))
    return out


def main(args):
    if args[0] == '--list':
        print('\n'.join(cases))
    elif args[0] == '--same':
        a, b = (onnx.load(f) for f in args[1:])
        assert summary(a.graph) == summary(b.graph)
        for m in (a, b):
            m.ClearField('graph')
        assert a == b
    elif args[0] == '--close':
        want, got = (np.load(f) for f in args[1:])
        assert set(want.files) == set(got.files), (want.files, got.files)
        for n in want.files:
            w, g = want[n], got[n]
            assert w.size == g.size and g.shape[-w.ndim:] == w.shape[-w.ndim:] or w.ndim == 0, (n, w.shape, g.shape)
            g = g.reshape(w.shape)
            worst = np.abs(w - g).max() / max(np.abs(w).max(), 1e-30)
            assert worst < 1e-5, (n, worst)
    else:
        for name in args:
            rng.seed(7)
            if name in plain:
                onnx.save(plain[name](), name + '.onnx')
                continue
            m, i, o = cases[name]()
            onnx.save(m, name + '.onnx')
            np.savez(name + '.in.npz', **i)
            np.savez(name + '.want.npz', **o)


main(sys.argv[1:])
