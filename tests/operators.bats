#!/usr/bin/env bats
# Operators beyond the ONNX suite: newer opsets, types, attributes, ONNX Runtime's own domain. operators.py
# makes the models; ONNX Runtime says what comes out.
# SPDX-License-Identifier: Apache-2.0
load lib

# as_ort FAMILY [TOLERANCE]: every output within 2e-5 of its largest magnitude; integers equal.
as_ort() {
    [ -d "$ROOT/build/ort/node_modules" ] || [ -n "${ORT_MODULES:-}" ] || skip "needs ONNX Runtime, see tests/ort/README"
    "$PY" "$ROOT/tests/operators.py" "$1"
    "$ROOT/tests/ort/ort-run.js" -o want.npz "$1.onnx" "$1.npz"
    dopt-import -o m.dopt "$1.onnx"
    dopt-run -i "$1.npz" -o got.npz m.dopt
    "$PY" "$ROOT/tests/inputs.py" --close want.npz got.npz "${2:-2e-5}"
}

@test "bitwise operators, of every integer type" {
    as_ort bits
}

@test "operators of double" {
    as_ort doubles
}

@test "products, sums, extrema and pools of integers" {
    as_ort integers
}

@test "GridSample in every mode, AffineGrid" {
    as_ort sampling
}

@test "Resize in every mode" {
    as_ort resizing
}

@test "RNN, GRU, LSTM: directions, activations, peepholes, states, lengths" {
    as_ort recurrent
}

@test "reading and writing by index, with reductions" {
    as_ort scattering
}

@test "Einsum" {
    as_ort einsum
}

@test "normalizations, activations and pools of newer opsets" {
    as_ort functions
}

@test "Loop, Scan and If" {
    as_ort control
}

@test "Col2Im, CenterCropPad, DeformConv" {
    as_ort windows
}

@test "RoiAlign, MaxRoiPool, NonMaxSuppression" {
    as_ort detecting
}

@test "DFT, STFT, windows, MelWeightMatrix" {
    as_ort spectra
}

@test "fused operators of com.microsoft" {
    as_ort microsoft
}

@test "QLinear, integer and quantizing operators" {
    as_ort quantized
}

@test "scales of blocks" {
    as_ort blocks
}

# emitted FAMILY AS: what dopt-emit writes of it runs in ONNX Runtime, near the float model.
emitted() {
    dopt-observe -i "$1.npz" -d -o r.dopt m.dopt
    dopt-quant -d -o p.dopt m.dopt r.dopt
    dopt-emit --as "$2" --param param -o "q-$2.onnx" m.dopt p.dopt
    "$ROOT/tests/ort/ort-run.js" -o q.npz "q-$2.onnx" "${3:-$1.npz}"
    "$PY" "$ROOT/tests/inputs.py" --close want.npz q.npz 0.1
}

@test "operators that import spelled out are emitted as what they became" {
    for family in microsoft quantized; do
        as_ort "$family"
        emitted "$family" grid
        emitted "$family" qdq
    done
}

@test "float16 in, float16 out, and opset 18 where the model is written anew" {
    as_ort halfnet 2e-3
    dopt-show m.dopt | grep -q 'input in0\[1x3x8x8\]'
    "$PY" -c "
import numpy as np
assert all(a.dtype == np.float16 for a in np.load('got.npz').values())
np.savez('wide.npz', **{k: v.astype('f4') for k, v in np.load('halfnet.npz').items()})
np.savez('want.npz', **{k: v.astype('f4') for k, v in np.load('got.npz').items()})"
    emitted halfnet qdq wide.npz
}

@test "a quantized model is read with a warning, and dopt-show prints its scales" {
    "$PY" "$ROOT/tests/operators.py" quantized functions
    run -0 --separate-stderr dopt-import -o q.dopt quantized.onnx
    [[ $stderr == *'quantized.onnx: is quantized already: 14 tensors have scales'* ]]
    run -0 dopt-show q.dopt
    grep -qx 'quantized QLinearAdd_0_0: uint8 scale 0.0500000007 zero_point 127 (QLinearAdd)' <<<"$output"
    grep -qx 'quantized c8: int8 5 scales 0.00100000005 to 0.00400000019 zero_point 0 (QLinearConv)' <<<"$output"
    run -0 --separate-stderr dopt-import -o f.dopt functions.onnx
    [ -z "$stderr" ]
}

@test "a sequence that only running could follow is unsupported" {
    "$PY" - <<'END'
from onnx import TensorProto as T, helper as h
i = [h.make_tensor_value_info('x', T.FLOAT, [2, 3]), h.make_tensor_value_info('at', T.INT64, [])]
g = h.make_graph([h.make_node('SequenceConstruct', ['x', 'x'], ['s']), h.make_node('SequenceAt', ['s', 'at'], ['y'], name='which'),
                  h.make_node('Relu', ['s'], ['z'], name='relu')], 'g', i, [h.make_tensor_value_info(n, T.FLOAT, None) for n in 'yz'])
open('s.onnx', 'wb').write(h.make_model(g, opset_imports=[h.make_opsetid('', 17)]).SerializeToString())
END
    fails 3 "2 unsupported: node which: SequenceAt: a position that is computed; node relu: Relu: reads a sequence" \
        dopt-import -o out.dopt s.onnx
}

@test "extremes: a window in the pads, the largest blocks, parts and absolute values" {
    "$PY" "$ROOT/tests/operators.py" edges
    dopt-import -o m.dopt edges.onnx
    dopt-run -i edges.npz -o got.npz m.dopt
    "$PY" "$ROOT/tests/inputs.py" --same edges.want.npz got.npz
}

@test "what would read past a tensor, or mean nothing, is refused" {
    "$PY" "$ROOT/tests/operators.py" --refused
    while read -r name tool status text <&3; do
        if [ "$tool" = import ]; then
            fails "$status" "$text" dopt-import -o out.dopt "$name.onnx"
        else
            dopt-import -o m.dopt "$name.onnx"
            fails "$status" "$text" dopt-run -i "$name.npz" -o out.npz m.dopt
        fi
    done 3<refused.txt
}

@test "the seed of Dropout in training says which are dropped" {
    "$PY" "$ROOT/tests/operators.py" dropping
    dopt-import -o m.dopt dropping.onnx
    dopt-run -i dropping.npz -o got.npz m.dopt
    "$PY" -c "
import numpy as np
a, b, c = np.load('got.npz').values()
assert (a == c).all() and (a != b).any() and {0, 2} == set(a.flat)"
}

@test "a model written at opset 20 has the axis of DFT as an input" {
    as_ort newer
    emitted newer qdq
    "$PY" -c "
import onnx
m = onnx.load('q-qdq.onnx')
dft, = (n for n in m.graph.node if n.op_type == 'DFT')
assert m.opset_import[0].version == 20 and len(dft.input) == 3 and not dft.attribute, dft"
}
