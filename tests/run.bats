#!/usr/bin/env bats
# dopt-run: what ONNX Runtime computes, from any kind of input, for any number of threads.
load lib

ORT=$ROOT/tests/ort/ort-run.js
DIGITS=$ROOT/examples/digits

real() {
    "$PY" "$ROOT/tests/inputs.py" "$@"
}

need_ort() {
    [ -d "$ROOT/build/ort/node_modules" ] || [ -n "${ORT_MODULES:-}" ] || skip "needs ONNX Runtime, see tests/ort/README"
}

# test.bin, test.npy, test.npz: the pictures of digits as the network takes them.
pictures() {
    dopt-calpack --mean 127.5 --std 127.5 -o test.bin "$DIGITS/test.npz:image"
    dopt-calpack --to-npy -o test.npy test.bin
    "$PY" -c "
import numpy as np
np.savez_compressed('test.npz', image=np.load('test.npy'))"
}

# equals MODEL.onnx IN.npz [VERSION]: within 1e-4 of ONNX Runtime, and the same bytes with 1 and 2 threads.
equals() {
    "$ORT" --ort "${3:-current}" -o want.npz "$1" "$2"
    dopt-import --link -o m.dopt "$1"
    dopt-run -j 1 -i "$2" -o got.npz m.dopt
    dopt-run -j 2 -i "$2" -o two.npz m.dopt
    cmp got.npz two.npz
    real --close want.npz got.npz
}

@test "digits is what both versions of ONNX Runtime compute" {
    need_ort
    pictures
    equals "$DIGITS/digits.onnx" test.npz 1.15
    equals "$DIGITS/digits.onnx" test.npz
}

# One of the data's models on its real samples.
model() {
    need_ort
    need_shared onnx
    real "$1" in.npz
    equals "$SHARED/data/onnx/$1.onnx" in.npz
}

@test "mnist-8 is what ONNX Runtime computes" {
    model mnist-8
}

@test "resnet20 is what ONNX Runtime computes" {
    model resnet20
}

@test "mlperf-resnet8 is what ONNX Runtime computes" {
    model mlperf-resnet8
}

@test "mobilenet_v1_025_224 is what ONNX Runtime computes" {
    model mobilenet_v1_025_224
}

@test "mlperf-kws is what ONNX Runtime computes" {
    model mlperf-kws
}

@test "mlperf-vww96 is what ONNX Runtime computes" {
    model mlperf-vww96
}

@test "lprnet is what ONNX Runtime computes" {
    model lprnet
}

@test "ultraface-RFB-320 is what ONNX Runtime computes" {
    model ultraface-RFB-320
}

@test "super-resolution-10 is what ONNX Runtime computes" {
    model super-resolution-10
}

@test "silero_vad_16k_op15 is what ONNX Runtime computes" {
    model silero_vad_16k_op15
}

@test "dtln-1 is what ONNX Runtime computes" {
    model dtln-1
}

@test "dtln-2 is what ONNX Runtime computes" {
    model dtln-2
}

@test "ch_PP-OCRv4_det_infer is what ONNX Runtime computes" {
    model ch_PP-OCRv4_det_infer
}

@test "ch_ppocr_mobile_v2.0_cls_infer is what ONNX Runtime computes" {
    model ch_ppocr_mobile_v2.0_cls_infer
}

@test ".npy, .npz, 510 and 610 bins and the config's bin give the same outputs" {
    pictures
    dopt-import -o m.dopt "$DIGITS/digits.onnx"
    dopt-calpack --format 610 -o six.bin test.npy
    printf 'preprocess_parameter { input_type: BINARY input_file_path: "six.bin" }' >config.prototxt
    [ "$(dopt-show test.bin | cut -d' ' -f2) $(dopt-show six.bin | cut -d' ' -f2)" = '510 610' ]
    dopt-run -i image=test.npy -o npy.npz m.dopt
    dopt-run -i test.npz -o npz.npz m.dopt
    dopt-run -i image=test.bin -o 510.npz m.dopt
    dopt-run -i six.bin -o 610.npz m.dopt
    dopt-run -c config.prototxt -o conf.npz m.dopt
    dopt-run -i test.npz <m.dopt >pipe.npz
    for f in npz 510 610 conf pipe; do
        cmp npy.npz $f.npz
    done
    dopt-run -i test.npz -o y.npy m.dopt
    "$PY" -c "
import numpy as np
z, y = np.load('npy.npz'), np.load('y.npy')
assert z.files == ['logits'] and z['logits'].shape == (1000, 10) and z['logits'].dtype == np.float32
assert (z['logits'] == y).all() and y.flags['C_CONTIGUOUS']"
}

@test "images by config are what OpenCV reads, normalized and run in ONNX Runtime" {
    need_ort
    "$PY" - "$DIGITS/calib" <<'END'
import glob, sys
import cv2, numpy as np
a = np.stack([cv2.imread(f, 0) for f in sorted(glob.glob(sys.argv[1] + '/*.png'))])[:, None]
np.savez('in.npz', image=((a.astype('f4') - 127.5) / np.float32(127.5)).astype('f4'))
import glob, sys
import cv2, numpy as np
a = np.stack([cv2.imread(f, 0) for f in sorted(glob.glob(sys.argv[1] + '/*.png'))])[:, None]
np.savez('in.npz', image=((a.astype('f4') - 127.5) / np.float32(127.5)).astype('f4'))
END
    dopt-import -o m.dopt "$DIGITS/digits.onnx"
    "$ORT" -o want.npz "$DIGITS/digits.onnx" in.npz
    dopt-run -c "$DIGITS/config.prototxt" -o image.npz m.dopt
    dopt-run -i in.npz -o array.npz m.dopt
    cmp image.npz array.npz
    real --close want.npz image.npz
}

@test "--limit runs the first steps" {
    pictures
    dopt-import -o m.dopt "$DIGITS/digits.onnx"
    dopt-run -i test.npz -o all.npy m.dopt
    dopt-run -i test.npz --limit 7 -o few.npy m.dopt
    "$PY" -c "
import numpy as np
a, b = np.load('all.npy'), np.load('few.npy')
assert b.shape == (7, 10) and (a[:7] == b).all()"
}

@test "--compare says the SQNR, cosine, agreement and accuracies that numpy counts" {
    pictures
    dopt-import -o m.dopt "$DIGITS/digits.onnx"
    dopt-observe -c "$DIGITS/config.prototxt" m.dopt | dopt-quant -o all.dopt
    dopt-run --compare --labels "$DIGITS/test.npz:label" -i test.npz all.dopt >said
    dopt-run -i test.npz -o y.npy m.dopt
    dopt-run -i test.npz -o q.npy all.dopt
    "$PY" - "$DIGITS/test.npz" <<'END'
import sys
import numpy as np
y, q, label = np.load('y.npy').astype('f8'), np.load('q.npy').astype('f8'), np.load(sys.argv[1])['label']
sqnr = 10 * np.log10((y ** 2).sum() / ((y - q) ** 2).sum())
cosine = (y * q).sum() / np.sqrt((y ** 2).sum() * (q ** 2).sum())
right = [100 * (a.argmax(1) == label).mean() for a in (y, q)]
best = y.argmax(1)
five = 100 * (np.argsort(-q, 1)[:, :5] == best[:, None]).any(1).mean()
want = ('output logits: SQNR %.1f dB, cosine %.6f\nagreement: top-1 %.2f %%, top-5 %.2f %% (1000 samples)\n'
        'accuracy: float %.2f %%, int8 %.2f %% (1000 samples)\n'
        % (sqnr, cosine, 100 * (best == q.argmax(1)).mean(), five, *right))
assert open('said').read() == want, (open('said').read(), want)
assert min(right) > 97 and sqnr > 25, want
END
}

# agrees MODEL SAMPLES OPTION...: dopt-run with a plan, beside ONNX Runtime on the emitted model.
agrees() {
    need_ort
    "$PY" "$ROOT/tests/agree.py" "$@"
}

@test "the quantized digits is run as ONNX Runtime runs the emitted QDQ model" {
    pictures
    agrees "$DIGITS/digits.onnx" test.npz
    agrees "$DIGITS/digits.onnx" test.npz --activations int8
    agrees "$DIGITS/digits.onnx" test.npz --per-tensor --exclude /stem/conv/Conv
}

@test "every quantized net of the data is run as ONNX Runtime runs the emitted QDQ model" {
    need_shared onnx
    while read -r model; do
        real "$model" in.npz 6
        agrees "$SHARED/data/onnx/$model.onnx" in.npz
    done < <("$PY" "$ROOT/tests/inputs.py" --list)
}

@test "integer kernels of every kind are ONNX Runtime's, and the plain loops'" {
    "$PY" - <<'END'
import numpy as np
from onnx import TensorProto as T, helper as h, numpy_helper as nh, save
rng = np.random.RandomState(0)
cases = {
    'conv1d': ((2, 4, 17), ('Conv', (6, 2, 3), dict(group=2, strides=[2], pads=[1, 2], dilations=[2]))),
    'conv2d': ((1, 3, 9, 11), ('Conv', (8, 3, 3, 2), dict(pads=[1, 0, 2, 1], strides=[1, 2]))),
    'depthwise': ((1, 16, 8, 8), ('Conv', (16, 1, 3, 3), dict(group=16, pads=[1, 1, 1, 1]))),
    'conv3d': ((1, 2, 5, 6, 7), ('Conv', (4, 2, 2, 3, 3), dict(pads=[0, 1, 1, 0, 1, 1]))),
    'up2d': ((1, 4, 5, 6), ('ConvTranspose', (4, 5, 3, 3), dict(strides=[2, 2], pads=[1, 0, 1, 1], output_padding=[1, 0]))),
    'upgroup': ((1, 4, 5, 6), ('ConvTranspose', (4, 3, 3, 2), dict(group=2, strides=[2, 1], dilations=[1, 2]))),
    'gemm': ((3, 20), ('Gemm', (20, 7), {})),
    'gemmt': ((3, 20), ('Gemm', (7, 20), dict(transB=1, alpha=1.0, beta=0.5))),
    'alpha': ((3, 20), ('Gemm', (7, 20), dict(transB=1, alpha=0.5))),
    'matmul': ((2, 3, 20), ('MatMul', (20, 7), {})),
    'batch': ((2, 3, 20), ('MatMul', (2, 20, 7), {})),
}
for name, (shape, (op, weight, attrs)) in cases.items():
    channels = weight[1] * attrs.get('group', 1) if op == 'ConvTranspose' else weight[-1] if op == 'MatMul' else \
        weight[0] if op == 'Conv' or attrs.get('transB') else weight[1]
    w = rng.randn(*weight).astype('f4') * rng.uniform(.1, 2, weight).astype('f4')
    ins, bias = ['a', 'w'], [] if op == 'MatMul' else [nh.from_array(rng.randn(channels).astype('f4'), 'b')]
    rank = len(shape)
    nodes = [h.make_node('Add', ['x', 'c'], ['a'], name='add'),
             h.make_node(op, ins + ['b'] * len(bias), ['y'], name='n', **attrs),
             h.make_node('Relu', ['y'], ['z'], name='relu')]
    inits = [nh.from_array(w, 'w'), nh.from_array(np.full([1] * rank, .3, 'f4'), 'c')] + bias
    g = h.make_graph(nodes, name, [h.make_tensor_value_info('x', T.FLOAT, shape)],
                     [h.make_tensor_value_info('z', T.FLOAT, [None] * rank)], inits)
    save(h.make_model(g, opset_imports=[h.make_opsetid('', 13)], ir_version=8), name + '.onnx')
    np.savez(name + '.npz', x=rng.randn(*((12 * shape[0],) + shape[1:])).astype('f4'))
END
    for net in conv1d conv2d depthwise conv3d up2d upgroup gemm gemmt alpha matmul batch; do
        agrees $net.onnx $net.npz
        [[ $net == alpha || $net == batch ]] || cmp integer.npz plain.npz # those two stay in float
        agrees $net.onnx $net.npz --activations int8
    done
    fails 2 '--integer needs a plan' dopt-run --integer -i conv2d.npz -o out.npz m.dopt
}

@test "exp, logistic, tanh and erf are the C library's to a few units" {
    run -0 "$TESTS/vmath"
    [[ $output != *"not ok"* ]]
}

@test "--profile accounts for the run, as a table and as a trace" {
    cp "$ROOT/examples/digits/digits.onnx" .
    dopt-import --input_shape image:1,1,28,28 -o m.dopt digits.onnx
    "$PY" -c "import numpy as np; np.save('x.npy', np.random.RandomState(0).rand(6, 1, 28, 28).astype('f4'))"
    dopt-run -j 1 -i x.npy --profile p.txt -o y.npy m.dopt
    dopt-run -j 2 -i x.npy --profile p.json -o z.npy m.dopt
    cmp y.npy z.npy
    "$PY" - <<'END'
import json, re
import onnx
nodes = {n.name: n.op_type for n in onnx.load('digits.onnx').graph.node}
lines = open('p.txt').read().split('\n')
assert re.match(r'6 samples, 1 threads, peak of a core [0-9.]+ GFLOP/s', lines[0])
types, rows = [[l.split() for l in t.split('\n')[1:] if l] for t in '\n'.join(lines[1:]).split('\n\n')]
assert types[0][:2] == ['all', str(sum(int(r[1]) for r in types[1:]))]
assert sum(float(r[3]) for r in types[1:]) > 99 and sum(float(r[3]) for r in rows) > 95
for r in rows:
    assert nodes[r[-1]] == r[0] and r[1] == '6', r
convs = [r for r in rows if r[0] == 'Conv']
assert convs and all(float(r[5]) > 0 for r in convs)
events = json.load(open('p.json'))['traceEvents']
assert len(events) == 6 * len(rows) and {e['tid'] for e in events} <= {1, 2}
assert all(e['ph'] == 'X' and e['dur'] >= 0 and nodes[e['name']] == e['cat'] for e in events)
END
}
