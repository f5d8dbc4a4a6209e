"""operators.py: operators that the ONNX suite's release does not have or hardly tries: opsets 18 to 21,
types, attributes, and ONNX Runtime's own domain. One model a family, one output an operator.

    operators.py [FAMILY...]    writes FAMILY.onnx and FAMILY.npz for each (default: all; --list: the names)
    operators.py --refused      writes what is refused: NAME.onnx, NAME.npz and, line by line in refused.txt,
                                NAME, the tool that does, its exit status, what it says
SPDX-License-Identifier: Apache-2.0
"""
import sys
import numpy as np
from onnx import TensorProto as T, helper as h, numpy_helper

f32, f64, i64 = np.float32, np.float64, np.int64
FAMILIES, REFUSED = {}, {}
TYPES = {np.dtype(k): v for k, v in ((f32, T.FLOAT), (f64, T.DOUBLE), (np.float16, T.FLOAT16), (i64, T.INT64), (bool, T.BOOL), (np.int32, T.INT32),
                                     (np.uint8, T.UINT8), (np.int8, T.INT8), (np.uint16, T.UINT16), (np.int16, T.INT16),
                                     (np.uint32, T.UINT32), (np.uint64, T.UINT64))}


class Builder:
    def __init__(self, opset):
        self.opset, self.nodes, self.inputs, self.inits, self.outputs = opset, [], {}, [], []
        self.out_type = None  # inferred
        self.want = {}  # outputs, where no other implementation is asked

    def input(self, array):
        name = 'in%d' % len(self.inputs)
        self.inputs[name] = np.ascontiguousarray(array)
        return name

    def const(self, array):
        name = 'c%d' % len(self.inits)
        self.inits.append(numpy_helper.from_array(np.array(array, order='C'), name))
        return name

    def op(self, op_type, *ins, out=1, keep=True, **attrs):
        names = ['%s_%d_%d' % (op_type, len(self.nodes), i) for i in range(out)]
        self.nodes.append(h.make_node(op_type, list(ins), names, name='n%d' % len(self.nodes), **attrs))
        if keep:
            self.outputs += names
        return names[0] if out == 1 else names

    def save(self, path):
        ins = [h.make_tensor_value_info(k, TYPES[v.dtype], v.shape) for k, v in self.inputs.items()]
        outs = [h.make_tensor_value_info(n, self.out_type, None) if self.out_type else h.ValueInfoProto(name=n) for n in self.outputs]
        g = h.make_graph(self.nodes, 'operators', ins, outs, self.inits)
        m = h.make_model(g, opset_imports=[h.make_opsetid('', self.opset), h.make_opsetid('com.microsoft', 1)])
        m.ir_version = 8
        with open(path + '.onnx', 'wb') as f:
            f.write(m.SerializeToString())
        np.savez(path + '.npz', **self.inputs)
        if self.want:
            np.savez(path + '.want.npz', **self.want)


def family(opset):
    def add(f):
        FAMILIES[f.__name__] = (f, opset)
        return f
    return add


def rng(f):
    return np.random.default_rng(sum(map(ord, f)))


def x(*dims, seed='x', dtype=f32):
    return rng(seed).standard_normal(dims).astype(dtype)


@family(18)
def bits(b):
    for t in (np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint32, i64, np.uint64):
        r = rng(str(t))
        a, c = (b.input(r.integers(0, 100, (4, 5)).astype(t)) for _ in 'ab')
        for op in ('BitwiseAnd', 'BitwiseOr', 'BitwiseXor'):
            b.op(op, a, c)
        b.op('BitwiseNot', a)


@family(17)
def doubles(b):
    a, c = b.input(x(3, 4, 5, dtype=f64)), b.input(np.abs(x(3, 4, 5, seed='c', dtype=f64)) + .1)
    for op in ('Add', 'Sub', 'Mul', 'Div', 'Less', 'Greater', 'Equal'):
        b.op(op, a, c)
    for op in ('Abs', 'Neg', 'Exp', 'Sqrt', 'Log', 'Ceil', 'Floor', 'Reciprocal', 'Relu', 'Tanh', 'Sigmoid', 'Sign', 'Sin', 'Erf'):
        if op not in ('Erf',):
            b.op(op, c)
    for op in ('ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceL2', 'ReduceLogSumExp'):
        b.op(op, a, axes=[1])
    b.op('Softmax', a, axis=1)
    m, n = b.input(x(4, 6, dtype=f64)), b.input(x(6, 3, seed='n', dtype=f64))
    b.op('MatMul', m, n)
    b.op('Gemm', m, n, b.const(x(3, seed='g', dtype=f64)), alpha=.5, beta=2.)
    b.op('Clip', a, b.const(f64(-.5)), b.const(f64(.5)))


@family(17)
def integers(b):
    for t in (np.int32, i64, np.uint32, np.uint64):
        r = rng(str(t))
        a, c = b.input(r.integers(1, 50, (2, 3, 4)).astype(t)), b.input(r.integers(1, 50, (2, 4, 3)).astype(t))
        b.op('MatMul', a, c)
    for t in (np.int32, i64):
        a = b.input(rng('r' + str(t)).integers(-50, 50, (3, 4)).astype(t))
        for op in ('ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceL1', 'ReduceSumSquare', 'ReduceMean'):
            b.op(op, a, axes=[1])
        b.op('ReduceSum', a, b.const(np.array([0])))
        b.op('CumSum', a, b.const(np.array(1)))
        b.op('Clip', a, b.const(np.array(-7, t)), b.const(np.array(9, t)))
        b.op('TopK', a, b.const(np.array([2])), out=2)
        b.op('Pow', a, b.const(np.array(3, t)))
    q = b.input(rng('q').integers(0, 255, (1, 2, 6, 6)).astype(np.uint8))
    b.op('MaxPool', q, kernel_shape=[3, 3], strides=[2, 2])
    b.op('MaxPool', b.input(np.array([[[5, 7]]], np.int8)), kernel_shape=[2], dilations=[3], pads=[1, 1])  # between the taps
    b.op('Mod', b.input(np.array([7, -7, 8], i64)), b.const(np.array([3, 3, -3], i64)))
    b.op('Div', b.input(np.array([7, -7, 9], i64)), b.const(np.array([3, 3, -4], i64)))


@family(20)
def sampling(b):
    a = b.input(x(2, 3, 5, 6))
    g = b.input(np.clip(x(2, 4, 4, 2, seed='g'), -1.4, 1.4))
    for mode in ('linear', 'nearest', 'cubic'):
        for pad in ('zeros', 'border', 'reflection'):
            for align in (0, 1):
                b.op('GridSample', a, g, mode=mode, padding_mode=pad, align_corners=align)
    v, p = b.input(x(1, 2, 3, 4, 5, seed='v')), b.input(x(1, 2, 3, 2, 3, seed='p'))
    b.op('GridSample', v, p, mode='linear', padding_mode='border')
    b.op('AffineGrid', b.input(x(2, 2, 3, seed='t')), b.const(np.array([2, 3, 4, 5])), align_corners=0)
    b.op('AffineGrid', b.input(x(1, 3, 4, seed='u')), b.const(np.array([1, 2, 2, 3, 4])), align_corners=1)


@family(19)
def resizing(b):
    a = b.input(x(1, 2, 6, 7))
    roi, empty = b.const(np.array([0, 0, .1, .2, 1, 1, .8, .9], f32)), ''
    up, down = b.const(np.array([1, 1, 1.7, 2.3], f32)), b.const(np.array([1, 1, .55, .6], f32))
    size = b.const(np.array([1, 2, 9, 4]))
    for mode in ('nearest', 'linear', 'cubic'):
        for c in ('half_pixel', 'asymmetric', 'align_corners', 'pytorch_half_pixel', 'half_pixel_symmetric'):
            b.op('Resize', a, empty, empty, size, mode=mode, coordinate_transformation_mode=c)
            b.op('Resize', a, empty, b.const(np.array([1, 1, 2, 3], f32)), mode=mode, coordinate_transformation_mode=c)
    for mode in ('linear', 'cubic'):
        b.op('Resize', a, empty, down, mode=mode, antialias=1)
        b.op('Resize', a, empty, empty, size, mode=mode, antialias=1)
    b.op('Resize', a, empty, up, mode='cubic', exclude_outside=1, cubic_coeff_a=-.5)
    b.op('Resize', a, empty, empty, b.const(np.array([12, 5])), mode='linear', axes=[2, 3])
    for policy in ('not_larger', 'not_smaller'):
        b.op('Resize', a, empty, empty, b.const(np.array([12, 5])), mode='linear', axes=[2, 3], keep_aspect_ratio_policy=policy)
    for how in ('floor', 'ceil', 'round_prefer_floor', 'round_prefer_ceil'):
        b.op('Resize', a, empty, up, mode='nearest', nearest_mode=how)
    b.op('Resize', a, roi, empty, size, mode='linear', coordinate_transformation_mode='tf_crop_and_resize', extrapolation_value=7.)
    b.op('Resize', b.input(x(5, 4, seed='m')), empty, empty, b.const(np.array([3, 9])), mode='linear')


@family(17)
def recurrent(b):
    t, n, i, hidden = 4, 2, 3, 5
    data = b.input(x(t, n, i))
    lengths = b.input(np.array([3, 4], np.int32))
    for op, gates in (('RNN', 1), ('GRU', 3), ('LSTM', 4)):
        for direction, d in (('forward', 1), ('reverse', 1), ('bidirectional', 2)):
            w = [b.const(x(d, gates * hidden, k, seed=op + direction + str(k)) * f32(.5)) for k in (i, hidden)]
            bias = b.const(x(d, 2 * gates * hidden, seed='b' + op))
            h0 = b.const(x(d, n, hidden, seed='h'))
            more = [b.const(x(d, n, hidden, seed='cell')), b.const(x(d, 3 * hidden, seed='peep'))] if op == 'LSTM' else []
            kw = {'linear_before_reset': 1} if op == 'GRU' and d == 2 else {}
            b.op(op, data, *w, bias, lengths, h0, *more, out=3 if op == 'LSTM' else 2, hidden_size=hidden, direction=direction, **kw)
            b.op(op, data, *w, bias, out=2, hidden_size=hidden, direction=direction, clip=.7)
    w = [b.const(x(1, hidden, k, seed='a' + str(k))) for k in (i, hidden)]
    for name in ('Relu', 'Sigmoid', 'Affine', 'LeakyRelu', 'ThresholdedRelu', 'ScaledTanh', 'HardSigmoid', 'Elu', 'Softsign', 'Softplus'):
        kw = {'activation_alpha': [.3]} if name in ('Affine', 'LeakyRelu', 'ThresholdedRelu', 'ScaledTanh', 'HardSigmoid', 'Elu') else {}
        kw.update({'activation_beta': [.4]} if name in ('Affine', 'ScaledTanh', 'HardSigmoid') else {})
        b.op('RNN', data, *w, out=2, hidden_size=hidden, activations=[name], **kw)
    w = [b.const(x(1, 4 * hidden, k, seed='l' + str(k))) for k in (i, hidden)]
    b.op('LSTM', data, *w, out=2, hidden_size=hidden, activations=['HardSigmoid', 'Relu', 'Softsign'], activation_alpha=[.25], activation_beta=[.45])


@family(18)
def scattering(b):
    a = b.input(x(4, 5))
    idx = b.input(np.array([[0, 1], [3, 2]]))
    u = b.input(x(2, 2, seed='u'))
    for r in ('none', 'add', 'mul', 'min', 'max'):
        b.op('ScatterElements', a, idx, u, axis=1, reduction=r)
        b.op('ScatterND', a, b.const(np.array([[0, 1], [0, 1], [3, 4]])) if r != 'none' else b.const(np.array([[0, 1], [2, 1], [3, 4]])),
             b.const(x(3, seed='w')), reduction=r)
    b.op('GatherND', b.input(x(2, 3, 4, seed='g')), b.const(np.array([[[1], [0]], [[2], [2]]])), batch_dims=1)
    b.op('Unique', b.input(np.array([3, 1, 1, 2, 3], f32)), out=4, sorted=0)
    b.op('TopK', a, b.const(np.array([3])), out=2, largest=0, axis=0)
    b.op('Trilu', b.input(x(2, 3, 4, seed='tri')), b.const(np.array(1)), upper=0)
    b.op('Compress', a, b.input(np.array([True, False, True])), axis=1)
    b.op('NonZero', b.input(np.array([[1, 0], [0, 2]], f32)))


@family(17)
def einsum(b):
    a, c, d = b.input(x(2, 3, 4)), b.input(x(2, 4, 5, seed='c')), b.input(x(5, 6, seed='d'))
    for eq, ins in (('bij,bjk->bik', (a, c)), ('bij,bjk', (a, c)), ('...ij,...jk->...ik', (a, c)), ('bij,bjk,kl->bl', (a, c, d)),
                    ('bij,kj->kbi', (a, b.input(x(7, 4, seed='k')))), ('bij,bij->bi', (a, a)), ('bij,i->jb', (a, b.input(x(3, seed='i')))),
                    ('i,j->ji', (b.input(x(4, seed='v')), b.input(x(5, seed='u')))), ('ii,i->i', (b.input(x(3, 3, seed='sq')), b.input(x(3, seed='w')))),
                    ('bij->jb', (a,)), ('bij->', (a,)), ('...ij->...ji', (a,)), ('ij,kl->ikl', (d, d)), (' b i j , b j k -> k b', (a, c))):
        b.op('Einsum', *ins, equation=eq)


@family(21)
def functions(b):
    a = b.input(x(2, 6, 4, 4))
    b.op('GroupNormalization', a, b.const(x(6, seed='g')), b.const(x(6, seed='h')), num_groups=3)
    b.op('Mish', a)
    b.op('Gelu', a)
    b.op('Gelu', a, approximate='tanh')
    b.op('MeanVarianceNormalization', a)
    b.op('LayerNormalization', a, b.const(x(4, seed='g')), b.const(x(4, seed='h')), axis=-1)
    b.op('LpPool', a, kernel_shape=[2, 2], p=3)
    b.op('AveragePool', a, kernel_shape=[2, 2], dilations=[2, 1])
    b.op('GlobalLpPool', a, p=2)
    b.op('MaxPool', a, out=2, kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 0], ceil_mode=1)
    b.op('MaxPool', a, out=2, kernel_shape=[2, 2], storage_order=1)
    b.op('ReduceMax', b.input(np.array([[True, False], [False, False]])), b.const(np.array([1])))
    b.op('DepthToSpace', b.input(x(1, 8, 2, 2, seed='d')), blocksize=2)


def body(nodes, ins, outs, inits=()):
    info = lambda names: [h.make_tensor_value_info(n, t, [] if n in 'ic' else None) for n, t in names]
    return h.make_graph(nodes, 'body', info(ins), info(outs), [numpy_helper.from_array(np.array(v), n) for n, v in inits])


@family(17)
def control(b):
    """Bodies that pass inputs through, swap states, run never, walk other axes and backwards."""
    a, most, never = b.input(x(2, 3)), b.const(np.array(4)), b.const(np.array(0))
    yes = b.const(np.array(True))
    add = h.make_node('Add', ['s', 'one'], ['s2'])
    loop = body([h.make_node('Identity', ['c'], ['going']), add, h.make_node('Identity', ['i'], ['i2']), h.make_node('Identity', ['i'], ['row']),
                 h.make_node('Identity', ['p'], ['q2']), h.make_node('Identity', ['q'], ['p2']), h.make_node('ReduceSum', ['s2'], ['sum'], keepdims=0)],
                [('i', T.INT64), ('c', T.BOOL), ('s', T.FLOAT), ('k', T.INT64), ('p', T.FLOAT), ('q', T.FLOAT)],
                [('going', T.BOOL), ('s2', T.FLOAT), ('i2', T.INT64), ('p2', T.FLOAT), ('q2', T.FLOAT), ('row', T.INT64), ('sum', T.FLOAT)],
                [('one', f32(1))])
    b.op('Loop', most, yes, a, never, a, b.input(x(2, 3, seed='q')), out=6, body=loop)
    b.op('Loop', b.const(np.array(3)), yes, a, never, a, b.input(x(2, 3, seed='q')), out=6, body=loop)
    until = body([h.make_node('Mul', ['s', 'two'], ['s2']), h.make_node('ReduceMax', ['s2'], ['top'], keepdims=0), h.make_node('Less', ['top', 'end'], ['going'])],
                 [('i', T.INT64), ('c', T.BOOL), ('s', T.FLOAT)], [('going', T.BOOL), ('s2', T.FLOAT)], [('two', f32(2)), ('end', f32(100))])
    b.op('Loop', '', yes, b.input(np.abs(x(4))), body=until)
    rows = body([h.make_node('Identity', ['c'], ['going']), h.make_node('Mul', ['i', 'i'], ['row'])], [('i', T.INT64), ('c', T.BOOL)],
                [('going', T.BOOL), ('row', T.INT64)])
    b.op('Loop', most, '', body=rows)
    scan = body([h.make_node('Add', ['s', 'v'], ['s2']), h.make_node('Mul', ['v', 'w'], ['y']), h.make_node('Identity', ['v'], ['z'])],
                [('s', T.FLOAT), ('v', T.FLOAT), ('w', T.FLOAT)], [('s2', T.FLOAT), ('y', T.FLOAT), ('z', T.FLOAT)])
    s, v, w = b.input(x(2, 3, seed='s')), b.input(x(5, 2, 3, seed='v')), b.input(x(2, 5, 3, seed='w'))
    b.op('Scan', s, v, w, out=3, body=scan, num_scan_inputs=2, scan_input_axes=[0, 1])
    b.op('Scan', s, v, w, out=3, body=scan, num_scan_inputs=2, scan_input_axes=[0, 1], scan_input_directions=[1, 0],
         scan_output_axes=[-1, 1], scan_output_directions=[0, 1])
    flag = b.input(np.array([True]))
    branch = lambda op: body([h.make_node(op, [a], ['r'])], [], [('r', T.FLOAT)])
    b.op('If', flag, then_branch=branch('Relu'), else_branch=branch('Neg'))


@family(19)
def windows(b):
    b.op('Col2Im', b.input(x(2, 12, 12)), b.const(np.array([4, 5])), b.const(np.array([2, 2])))
    b.op('Col2Im', b.input(x(1, 18, 9, seed='c')), b.const(np.array([6, 6])), b.const(np.array([3, 3])), strides=[2, 2], pads=[1, 0, 0, 1])
    for dims in ([3, 7], [8, 2], [9, 9]):
        b.op('CenterCropPad', b.input(x(1, 2, 5, 6)), b.const(np.array(dims)), axes=[2, 3])
    a, w, bias = b.input(x(2, 4, 6, 6)), b.const(x(6, 2, 3, 3, seed='w')), b.const(x(6, seed='b'))
    off, mask = b.input(x(2, 36, 6, 6, seed='o')), b.input(np.abs(x(2, 18, 6, 6, seed='m')))
    b.op('DeformConv', a, w, off, bias, mask, group=2, offset_group=2, pads=[1] * 4)
    b.op('DeformConv', a, w, off, group=2, offset_group=2, pads=[1] * 4, kernel_shape=[3, 3])


@family(17)
def detecting(b):
    a = b.input(x(2, 3, 8, 9))
    rois = b.const(np.array([[1, 1, 6, 5], [0, 2, 3.5, 7], [2, 0, 8, 8]], f32))
    at = b.const(np.array([0, 1, 1]))
    for mode in ('avg', 'max'):
        for how in ('half_pixel', 'output_half_pixel'):
            b.op('RoiAlign', a, rois, at, mode=mode, coordinate_transformation_mode=how, output_height=3, output_width=2,
                 sampling_ratio=2, spatial_scale=.9)
    b.op('RoiAlign', a, rois, at, output_height=2, output_width=2)
    b.op('MaxRoiPool', a, b.const(np.array([[0, 1, 1, 6, 5], [1, 0, 2, 3, 7]], f32)), pooled_shape=[2, 3], spatial_scale=.9)
    boxes = np.abs(x(2, 12, 4, seed='boxes'))
    boxes[..., 2:] += boxes[..., :2]
    b.op('NonMaxSuppression', b.input(boxes), b.input(np.abs(x(2, 3, 12, seed='scores'))), b.const(np.array(4)),
         b.const(np.array(.3, f32)), b.const(np.array(.2, f32)))


@family(17)
def spectra(b):
    s = b.input(x(2, 48, 1))
    b.op('DFT', s, axis=1)
    b.op('DFT', s, axis=1, onesided=1)
    b.op('DFT', b.input(x(1, 12, 2, seed='z')), axis=1, inverse=1)
    w = b.op('HannWindow', b.const(np.array(16)), keep=False)
    b.op('STFT', b.input(x(2, 48, seed='s')), b.const(np.array(8)), w)
    for op in ('HannWindow', 'HammingWindow', 'BlackmanWindow'):
        b.op(op, b.const(np.array(10)), periodic=0)
    b.op('MelWeightMatrix', b.const(np.array(8)), b.const(np.array(64)), b.const(np.array(8000)), b.const(f32(20)), b.const(f32(3000)))


@family(17)
def microsoft(b):
    ms = {'domain': 'com.microsoft'}
    a, bias = b.input(x(2, 3, 8)), b.const(x(8, seed='b'))
    b.op('Gelu', a, **ms)
    b.op('BiasGelu', a, bias, **ms)
    b.op('FastGelu', a, bias, **ms)
    b.op('FastGelu', a, **ms)
    b.op('QuickGelu', a, alpha=1.5, **ms)
    b.op('SkipLayerNormalization', a, b.input(x(2, 3, 8, seed='s')), b.const(x(8, seed='g')), b.const(x(8, seed='h')), bias, epsilon=1e-5, **ms)
    b.op('FusedMatMul', a, b.input(x(2, 5, 8, seed='m')), transB=1, alpha=.125, **ms)
    im, w, wb = b.input(x(1, 3, 6, 6, seed='i')), b.const(x(4, 3, 3, 3, seed='w')), b.const(x(4, seed='c'))
    b.op('FusedConv', im, w, wb, activation='Relu', pads=[1, 1, 1, 1], **ms)
    b.op('FusedConv', im, w, wb, b.input(x(1, 4, 6, 6, seed='z')), activation='Relu', pads=[1, 1, 1, 1], **ms)
    b.op('FusedConv', im, w, wb, activation='LeakyRelu', activation_params=[.2], **ms)
    b.op('FusedConv', im, w, wb, activation='HardSigmoid', activation_params=[.25, .4], **ms)


def q8(dims, seed, t=np.uint8):
    i = np.iinfo(t)
    return rng(seed).integers(i.min, i.max + 1, dims).astype(t)


@family(17)
def quantized(b):
    ms = {'domain': 'com.microsoft'}
    s = lambda v: b.const(f32(v))
    z = lambda v, t=np.uint8: b.const(np.array(v, t))
    p, q = b.input(q8((1, 4, 6, 6), 'p')), b.input(q8((1, 4, 6, 6), 'q'))
    ps, qs, ys = (s(.02), z(120)), (s(.03), z(131)), (s(.05), z(127))
    b.op('QLinearAdd', p, *ps, q, *qs, *ys, **ms)
    b.op('QLinearMul', p, *ps, q, *qs, *ys, **ms)
    b.op('QLinearSigmoid', p, *ps, s(1 / 256), z(0), **ms)
    b.op('QLinearLeakyRelu', p, *ps, *ys, alpha=.1, **ms)
    b.op('QLinearGlobalAveragePool', p, *ps, *ys, **ms)
    b.op('QLinearConcat', *ys, p, *ps, q, *qs, axis=1, **ms)
    w, ws = b.const(q8((5, 4, 3, 3), 'w', np.int8)), b.const(np.linspace(.001, .004, 5).astype(f32))
    b.op('QLinearConv', p, *ps, w, ws, b.const(np.zeros(5, np.int8)), s(.1), z(128), b.const(rng('b').integers(-3000, 3000, 5).astype(np.int32)), pads=[1] * 4)
    m, n = b.input(q8((2, 3, 7), 'm')), b.const(q8((7, 4), 'n', np.int8))
    b.op('QLinearMatMul', m, *ps, n, s(.004), z(0, np.int8), s(.1), z(128))
    b.op('MatMulInteger', m, n, z(120), z(3, np.int8))
    b.op('ConvInteger', p, b.const(q8((5, 4, 3, 3), 'v')), z(120), pads=[1] * 4)
    f = b.input(x(4, 6))
    b.op('DynamicQuantizeLinear', f, out=3)
    for t in (np.uint8, np.int8):
        y = b.op('QuantizeLinear', f, s(.02), z(3, t))
        b.op('DequantizeLinear', y, s(.02), z(3, t))
        y = b.op('QuantizeLinear', f, b.const(np.linspace(.01, .06, 6).astype(f32)), b.const(np.arange(6).astype(t)), axis=1)
        b.op('DequantizeLinear', y, b.const(np.linspace(.01, .06, 6).astype(f32)), b.const(np.arange(6).astype(t)), axis=1)


@family(21)
def blocks(b):
    f = b.input(x(4, 6))
    sc = b.const(np.abs(x(4, 2, seed='s')) + f32(.01))
    for t in (np.int16, np.uint16, np.int8):
        zp = b.const(np.array([[1, 2]] * 4, t))
        y = b.op('QuantizeLinear', f, sc, zp, axis=1, block_size=3)
        b.op('DequantizeLinear', y, sc, zp, axis=1, block_size=3)


@family(18)
def halfnet(b):
    """float16 weights, and what opset 18 spells in its own way."""
    b.out_type = T.FLOAT16
    y = b.op('Conv', b.input(x(1, 3, 8, 8).astype(np.float16)), b.const(x(4, 3, 3, 3, seed='w').astype(np.float16)), keep=False, pads=[1] * 4)
    y = b.op('Mish', y, keep=False)
    parts = b.op('Split', y, out=2, keep=False, axis=1, num_outputs=2)
    y = b.op('Mul', *parts, keep=False)
    b.op('ReduceMean', y, b.const(np.array([2, 3])), keepdims=0)
    b.op('ReduceSum', y, b.const(np.array([1])))


@family(21)
def edges(b):
    """Values known by hand."""
    def want(array, *args, **attrs):
        y = b.op(*args, **attrs)
        b.want[y if isinstance(y, str) else y[0]] = array

    big = 2 ** 63 - 1
    a = b.input(np.array([[[1, 2]]], f32))
    y, at = b.op('MaxPool', a, out=2, kernel_shape=[2], dilations=[3], pads=[1, 1])
    b.want[y], b.want[at] = np.full((1, 1, 1), -np.inf, f32), np.zeros((1, 1, 1), i64)
    want(np.array([2 ** 63 + 5], np.uint64), 'ReduceL1', b.input(np.array([2 ** 63 + 4, 1], np.uint64)))
    want(np.array([[2, 4], [9, 12]], f32), 'DequantizeLinear', b.input(np.array([[1, 2], [3, 4]], np.int8)), b.const(np.array([[2], [3]], f32)),
         axis=1, block_size=big)
    parts = b.op('SplitToSequence', a, b.const(np.array(big)), keep=False, axis=2)
    want(np.array([[[1, 2]]], f32), 'SequenceAt', parts, b.const(np.array(0)))


def refused(status, text, tool='import', opset=17):
    def add(f):
        REFUSED[f.__name__] = (f, opset, tool, status, text)
        return f
    return add


@refused(1, 'the body does not fit the inputs')
def loop_without_condition(b):
    b.op('Loop', b.const(np.array(3)), body=body([h.make_node('Less', ['i', 'i'], ['c']), h.make_node('Neg', ['i'], ['row'])], [('i', T.INT64)],
                                                 [('c', T.BOOL), ('row', T.INT64)]))


def typed(of, name, to, declared):
    out = h.make_tensor_value_info(name, to, None) if declared else h.ValueInfoProto(name=name)
    return h.make_graph([h.make_node('Cast', [of], [name], to=to)], name, [], [out])


def either(b, declared):
    choose = [h.make_node('Less', ['i', 'one'], ['first']),
              h.make_node('If', ['first'], ['row'], then_branch=typed('i', 'p', T.FLOAT, declared), else_branch=typed('i', 'q', T.DOUBLE, declared)),
              h.make_node('Identity', ['c'], ['going'])]
    b.op('Loop', b.const(np.array(3)), b.const(np.array(True)),
         body=h.make_graph(choose, 'body', [h.make_tensor_value_info('i', T.INT64, []), h.make_tensor_value_info('c', T.BOOL, [])],
                           [h.make_tensor_value_info('going', T.BOOL, []), h.ValueInfoProto(name='row')],
                           [numpy_helper.from_array(np.array(1), 'one')]))
    b.op('Relu', b.input(x(1)))


@refused(1, 'If: output 0 is float32 in one branch and float64 in the other')
def branches_of_two_types(b):
    flag = b.input(np.array(True))
    b.op('If', flag, then_branch=typed(flag, 'p', T.FLOAT, False), else_branch=typed(flag, 'q', T.DOUBLE, False))


@refused(1, 'output 0 is float32 in one branch and float64 in the other', 'run')
def declared_types_in_a_loop(b):
    either(b, True)


@refused(1, 'scan output 0 changes its shape or type', 'run')
def types_in_a_loop(b):
    either(b, False)


def scan8(b, state, v, shape):
    add = [h.make_node('Add', ['s', 'v'], ['s2']), h.make_node('Reshape', ['s2', 'shape'], ['row'])]
    b.inits.append(numpy_helper.from_array(np.array(shape), 'shape'))
    b.op('Scan', '', b.input(state), b.input(v), out=2, num_scan_inputs=1,
         body=body(add, [('s', T.FLOAT), ('v', T.FLOAT)], [('s2', T.FLOAT), ('row', T.FLOAT)]))


@refused(1, 'Scan: batches of 1 and 4', 'run', 8)
def batches(b):
    scan8(b, x(1, 2), x(4, 3, 2), [2])


@refused(3, 'Scan: a scan output of rank 9', opset=8)
def scan_rank(b):
    scan8(b, x(1, 2), x(1, 3, 2), [1] * 6 + [2])


@refused(1, 'Gemm: C does not broadcast to the result')
def gemm_rows(b):
    b.op('Gemm', b.input(x(2, 4)), b.const(x(4, 5, seed='w')), b.const(x(2, seed='c')))


@refused(1, 'Gemm: C does not broadcast to the result')
def gemm_transposed(b):
    b.op('Gemm', b.input(x(2, 4)), b.const(x(4, 5, seed='w')), b.const(x(5, 2, seed='c')))


@refused(1, 'Gemm: C does not broadcast to the result')
def gemm_double(b):
    b.op('Gemm', b.input(x(2, 4, dtype=f64)), b.const(x(4, 5, seed='w', dtype=f64)), b.const(x(2, seed='c', dtype=f64)))


@refused(1, 'taps do not fit the input', opset=18)
def col2im(b):
    b.op('Col2Im', b.input(x(1, 4, 4)), b.const(np.full(4, 1 << 20)), b.const(np.array([1 << 20] * 3 + [16])))


@refused(1, 'an empty input has neither border nor reflection')
def grid_of_nothing(b):
    b.op('GridSample', b.input(x(1, 1, 0, 4)), b.input(x(1, 2, 2, 2)), padding_mode='border')


@refused(1, 'axis 7 is outside a tensor of rank 3', opset=18)
def axis_of_dft(b):
    b.op('DFT', b.input(x(2, 4, 1)), axis=7)


@refused(1, 'axis 7 is outside a tensor of rank 2')
def axis_of_split(b):
    b.op('Split', b.input(x(2, 4)), out=2, axis=7)


@refused(1, 'axis 7 is outside a tensor of rank 2', opset=18)
def axis_of_centercroppad(b):
    b.op('CenterCropPad', b.input(x(2, 4)), b.const(np.array([3])), axes=[7])


@refused(3, '3 unsupported: node n0: BitwiseNot: float32 input; node n1: Not: float32 input; node n2: Exp: int32 input', opset=18)
def unary_types(b):
    a = b.input(x(2))
    b.op('BitwiseNot', a)
    b.op('Not', a)
    b.op('Exp', b.input(np.array([1, 2], np.int32)))


@refused(3, '8 unsupported: node n0: Resize: nearest_mode up; node n1: Resize: keep_aspect_ratio_policy up; node n2: GridSample: padding_mode up; '
            'node n3: RoiAlign: mode up; node n4: RoiAlign: coordinate_transformation_mode up; node n5: GRU: direction up; '
            'node n6: NegativeLogLikelihoodLoss: reduction up; node n7: SoftmaxCrossEntropyLoss: reduction up', opset=18)
def words(b):
    im, labels = b.input(x(1, 2, 4, 4)), b.const(np.array([1]))
    boxes = b.const(np.array([[0, 0, 2, 2]], f32)), b.const(np.array([0]))
    b.op('Resize', im, '', b.const(np.array([1, 1, 2, 2], f32)), mode='nearest', nearest_mode='up')
    b.op('Resize', im, '', '', b.const(np.array([1, 2, 8, 8])), keep_aspect_ratio_policy='up')
    b.op('GridSample', im, b.input(x(1, 2, 2, 2)), padding_mode='up')
    b.op('RoiAlign', im, *boxes, mode='up')
    b.op('RoiAlign', im, *boxes, coordinate_transformation_mode='up')
    b.op('GRU', b.input(x(3, 1, 2)), b.const(x(1, 6, 2)), b.const(x(1, 6, 2)), out=2, hidden_size=2, direction='up')
    for op in ('NegativeLogLikelihoodLoss', 'SoftmaxCrossEntropyLoss'):
        b.op(op, b.input(x(1, 3)), labels, reduction='up')


@family(18)
def dropping(b):
    """Training: the seed is an integer."""
    a, half, on = b.input(np.ones((1, 64), f32)), b.const(f32(.5)), b.const(np.array(True))
    for seed in (1, 2, 1):
        b.op('Dropout', a, half, on, seed=seed)


@family(17)
def newer(b):
    """Gelu brings opset 20, where DFT's axis is an input."""
    im, w = b.input(x(1, 1, 4, 1)), b.const(np.ones((1, 1, 1, 1), f32))
    y = b.op('FusedConv', im, w, keep=False, activation='Relu', domain='com.microsoft')
    y = b.op('BiasGelu', y, b.const(f32([.5])), keep=False, domain='com.microsoft')
    b.op('DFT', y, axis=2)


def main(args):
    if args[:1] == ['--list']:
        print('\n'.join(FAMILIES))
        return
    if args[:1] == ['--refused']:
        with open('refused.txt', 'w') as f:
            for name, (make, opset, tool, status, text) in REFUSED.items():
                b = Builder(opset)
                make(b)
                b.save(name)
                print(name, tool, status, text, file=f)
        return
    for name in args or FAMILIES:
        f, opset = FAMILIES[name]
        b = Builder(opset)
        f(b)
        b.save(name)


if __name__ == '__main__':
    main(sys.argv[1:])
