#!/usr/bin/env bats
# dopt-observe and dopt-merge: what the statistics are. That no split changes them: pipeline.bats.
load lib

@test "sums, extrema and histograms equal plain loops, bit for bit" {
    run -0 "$TESTS/scan"
    [[ $output != *"not ok"* ]]
}

# Two calibration sets of the same size and shape: a.npy and b.npy, another value in the last sample.
two_sets() {
    "$PY" -c "
import numpy as np
a = np.random.RandomState(1).rand(9, 1, 28, 28).astype('<f4'); np.save('a.npy', a)
a[8, 0, 0, 0] += 1; np.save('b.npy', a)"
    dopt-import --input_shape image:1,1,28,28 -o m.dopt "$ROOT/examples/digits/digits.onnx"
}

@test "shards of two calibration sets are not merged, nor is one resumed with the other" {
    two_sets
    dopt-observe -i a.npy --shard 1/2 -d -o a1.dopt m.dopt
    dopt-observe -i a.npy --shard 2/2 -d -o a2.dopt m.dopt
    dopt-observe -i b.npy --shard 2/2 -d -o b2.dopt m.dopt
    dopt-merge -o a.dopt a1.dopt a2.dopt
    fails 1 "b2.dopt: of another calibration set than the ones before" dopt-merge -o out.dopt a1.dopt b2.dopt
    mkdir r
    cp a1.dopt r/x.dopt.part
    fails 1 "r/x.dopt.part: of another calibration set: remove it to start anew" \
        dopt-observe --resume -i b.npy -d -o r/x.dopt m.dopt
    dopt-observe --resume -i a.npy -d -o r/x.dopt m.dopt
    cmp r/x.dopt a.dopt
}

# Whole numbers, so that no order of additions shows; tensors of many blocks and of channels in rows.
@test "observed tensors have the extrema, zeros and bins that numpy finds" {
    "$PY" -c "
import numpy as np, onnx
from onnx import helper as h, numpy_helper as nh, TensorProto as T
r = np.random.RandomState(3)
x = r.randint(-8, 9, (3, 3, 90, 96)).astype('<f4')
w = {'wa': r.randint(-2, 3, (64, 3, 1, 1)), 'wb': r.randint(-2, 3, (64, 64, 1, 1)), 'wc': r.randint(-1, 2, (8, 64, 1, 1))}
nodes = [h.make_node('Conv', ['x', 'wa'], ['a']), h.make_node('Relu', ['a'], ['ar']), h.make_node('Conv', ['ar', 'wb'], ['b']),
         h.make_node('Add', ['b', 'ar'], ['c']), h.make_node('Relu', ['c'], ['cr']), h.make_node('Conv', ['cr', 'wc'], ['y'])]
g = h.make_graph(nodes, 'g', [h.make_tensor_value_info('x', T.FLOAT, [1, 3, 90, 96])], [h.make_empty_tensor_value_info('y')],
                 [nh.from_array(v.astype('f'), k) for k, v in w.items()])
onnx.save(h.make_model(g, opset_imports=[h.make_opsetid('', 13)]), 'm.onnx')
np.save('x.npy', x)
conv = lambda v, k: np.einsum('nchw,mc->nmhw', v, w[k][:, :, 0, 0].astype('f')).astype('<f4')
ar = np.maximum(conv(x, 'wa'), 0); b = conv(ar, 'wb'); cr = np.maximum(b + ar, 0)
for name, v in sorted({'x': x, 'ar': ar, 'b': b, 'cr': cr, 'y': conv(cr, 'wc')}.items()):
    v = v.astype('<f4')
    bins = len(np.unique(np.where(v == 0, np.float32(0), v).view('<u4') >> 16))
    print(f'tensor {name}: 3 steps, {v.size} values, {(v == 0).sum()} zeros, min {v.min():.9g} at {v.reshape(3, -1).min(1).argmin()}, '
          f'max {v.max():.9g} at {v.reshape(3, -1).max(1).argmax()}, {bins} bins')" >want
    dopt-import -o m.dopt m.onnx
    dopt-observe -i x.npy -d -o o.dopt m.dopt
    dopt-show o.dopt | sed -n '/^tensor/{s/, [0-9]* channels.*//;p}' >got
    diff want got
}
