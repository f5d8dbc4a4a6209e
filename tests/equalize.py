"""equalize.py: what cross-layer equalization does to weights, against numpy.

    equalize.py model M.onnx X.npz             a chain conv, Relu, depthwise conv, Clip, conv with uneven channels
    equalize.py factors M.onnx GRID.onnx X.npz [per-tensor]    GRID's weights are M's with factors of least noise
    equalize.py noise M.onnx GRID.onnx NAIVE.onnx X.npz DB     GRID is DB decibels nearer to M than NAIVE
SPDX-License-Identifier: Apache-2.0
"""
import sys
import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

C = 8


def model(path, samples):
    r = np.random.RandomState(5)
    uneven = 2.0 ** r.uniform(-4, 4, C)
    w = {'a.w': r.randn(C, 3, 3, 3) * uneven[:, None, None, None] / 5, 'a.b': r.rand(C) * uneven,
         'd.w': r.randn(C, 1, 3, 3) / uneven[:, None, None, None] * 2.0 ** r.uniform(-3, 1, C)[:, None, None, None] / 2,
         'd.b': r.rand(C), 'p.w': r.randn(6, C, 1, 1), 'p.b': r.randn(6), 'low': np.float32(0), 'high': np.float32(6)}
    node = h.make_node
    graph = h.make_graph(
        [node('Conv', ['x', 'a.w', 'a.b'], ['a'], 'a', pads=[1, 1, 1, 1]), node('Relu', ['a'], ['ar'], 'ar'),
         node('Conv', ['ar', 'd.w', 'd.b'], ['d'], 'd', group=C, pads=[1, 1, 1, 1]),
         node('Clip', ['d', 'low', 'high'], ['dr'], 'dr'), node('Conv', ['dr', 'p.w', 'p.b'], ['p'], 'p')], 'chain',
        [h.make_tensor_value_info('x', T.FLOAT, [1, 3, 12, 12])], [h.make_tensor_value_info('p', T.FLOAT, [1, 6, 12, 12])],
        [nh.from_array(np.asarray(v, np.float32), k) for k, v in w.items()])
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid('', 13)], ir_version=7), path)
    np.savez(samples, x=r.randn(40, 3, 12, 12).astype(np.float32))


def weights(path):
    """By node, whatever the initializers are called now."""
    m = onnx.load(path)
    c = {i.name: nh.to_array(i).astype(np.float64) for i in m.graph.initializer}
    return {n.name: (c[n.input[1]], c[n.input[2]]) for n in m.graph.node if n.op_type == 'Conv'}


def conv(x, wb, group=1):
    w, b = wb
    k = w.shape[2] // 2
    win = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (0, 0), (k, k), (k, k))), w.shape[2:], (2, 3))
    y = np.einsum('nchwij,cij->nchw', win, w[:, 0]) if group > 1 else np.einsum('nchwij,ocij->nohw', win, w)
    return y + b[:, None, None]


def run(w, x):
    a = np.maximum(conv(x, w['a']), 0)
    d = np.clip(conv(a, w['d'], C), 0, 6)
    return a, d, conv(d, w['p'])


def eighths(ratio):
    return np.round(8 * np.log2(ratio))


def square(v):
    """The square of the norm to the power of 24."""
    top = v.max()
    return top ** 2 * ((v / top) ** 24).sum() ** (2 / 24)


def noise(w, x, acts, s1, s2, per_tensor):
    """The sum of equalize.c for both pairs, from the raw activations."""
    (a, d), W1, D, W2 = acts, w['a'][0], w['d'][0], w['p'][0]
    total = 0
    live = [np.mean(v > 0, axis=(0, 2, 3)) for v in (a, d)]
    energy = [np.mean(v ** 2, axis=(0, 2, 3)) for v in (x, a, d)]
    cost2 = (W2 ** 2).sum((0, 2, 3))
    cost1 = (D ** 2).sum((1, 2, 3)) * cost2 * live[1]
    # a, between conv and depthwise conv
    total += square(a.max((0, 2, 3)) / s1) / 255 ** 2 * (cost1 * live[0] * s1 ** 2).sum()
    if per_tensor:
        column = abs(D).max((1, 2, 3)) * s1 / s2
        total += square(column) / 127 ** 2 * (9 * cost2 * live[1] * s2 ** 2 * energy[1] / s1 ** 2).sum()
        total += square(abs(W1).max((1, 2, 3)) / s1) / 127 ** 2 * (cost1 * live[0] * s1 ** 2).sum() * 9 * energy[0].sum()
    # d, between depthwise conv and conv
    total += square(d.max((0, 2, 3)) / s2) / 255 ** 2 * (cost2 * live[1] * s2 ** 2).sum()
    peak = abs(W2[:, :, 0, 0])
    scale = np.full(6, peak.max()) if per_tensor else peak.max(1)
    total += square((peak / scale[:, None]).max(0) * s2) / 127 ** 2 * (scale ** 2).sum() * (energy[2] / s2 ** 2).sum()
    over = np.where(s2 < 1, np.maximum(d - 6 * np.minimum(s2, 1)[:, None, None], 0).transpose(0, 2, 3, 1) ** 2 @ np.diag(s2 < 1),
                    (d.transpose(0, 2, 3, 1) >= 6) * 36 * (s2 - 1) ** 2 * (s2 > 1))
    return total + 36 * (cost2 * over.mean((0, 1, 2))).sum()


def factors(source, grid, samples, kind='per-channel'):
    w, g, x = weights(source), weights(grid), np.load(samples)['x'].astype(np.float64)
    s1, s2 = (2 ** (eighths(w[k][1] / g[k][1]) / 8) for k in 'ad')  # biases are divided as the rows of weights
    assert max(s1) / min(s1) > 4 and (kind == 'per-channel' or max(s2) / min(s2) > 1.5), (s1, s2)
    for name, want in ('a', w['a'][0] / s1[:, None, None, None]), ('d', w['d'][0] * (s1 / s2)[:, None, None, None]), \
            ('p', w['p'][0] * s2[:, None, None]):
        peak = abs(want).max() if kind == 'per-tensor' else abs(want).max((1, 2, 3), keepdims=True)
        assert (abs(g[name][0] - want) <= peak / 127 * (1.0001 if kind == 'per-tensor' else 0.5001)).all(), name  # kernels as a whole
    a, d, _ = run(w, x)
    found = noise(w, x, (a, d), s1, s2, kind == 'per-tensor')
    one = noise(w, x, (a, d), s1 ** 0, s2 ** 0, kind == 'per-tensor')
    print('noise %.4g with factors, %.4g without' % (found, one))
    assert found < 0.5 * one
    for s in (s1, s2) if max(s2) > min(s2) else (s1,):  # pairs that would gain little are left alone
        for c in range(C):
            for step in 2 ** -0.25, 2 ** 0.25:
                s[c] *= step
                assert noise(w, x, (a, d), s1, s2, kind == 'per-tensor') > 0.98 * found, c
                s[c] /= step


def measured(source, grid, naive, samples, least):
    x = np.load(samples)['x'].astype(np.float64)
    y, g, n = (run(weights(f), x)[2] for f in (source, grid, naive))
    gain = 10 * np.log10(((y - n) ** 2).sum() / ((y - g) ** 2).sum())
    print('%.1f dB' % gain)
    assert gain >= float(least)


if __name__ == '__main__':
    {'model': model, 'factors': factors, 'noise': measured}[sys.argv[1]](*sys.argv[2:])
