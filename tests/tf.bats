#!/usr/bin/env bats
# TensorFlow: frozen GraphDefs in and out. TensorFlow.js and OpenCV's dnn are the references.
# SPDX-License-Identifier: Apache-2.0
load lib

TF=$ROOT/tests/tf.py
DATA=$SHARED/data

tfjs() {
    [ -d "$ROOT/build/tfjs/node_modules" ] || [ -n "${TFJS_MODULES:-}" ] || skip "needs TensorFlow.js: make build/tfjs/.done"
    "$ROOT/tests/tfjs/tfjs-run.js" "$@"
}

# as_known FAMILY: every output within 1e-5 of its largest magnitude.
as_known() {
    "$PY" "$TF" "$1"
    dopt-import --out_nodes "$(tr ' ' ';' <"$1.out")" -o m.dopt "$1.pb"
    dopt-run -i "$1.npz" -o got.npz m.dopt
    # shellcheck disable=SC2046 # names without spaces
    [ -e "$1.want.npz" ] || tfjs -o "$1.want.npz" "$1.pb" "$1.npz" $(cat "$1.out")
    "$PY" "$TF" --close "$1.want.npz" got.npz 1e-5
}

@test "convolutions: padding, strides, dilations, multipliers, transposed; BatchNorm folded" {
    as_known conv
}

@test "pools, LRN, resizing in every mode" {
    as_known pool
}

@test "SpaceToBatchND and BatchToSpaceND, alone and as a dilated convolution" {
    as_known block
    dopt-show m.dopt >shown
    grep -q '^node atrous: .* dilations=2,2' shown
    grep -q '^node atrous_d: .* dilations=2,2 group=3' shown
}

@test "elementwise operators with constants of every rank, products" {
    as_known elementwise
}

@test "reductions over every kind of axes" {
    as_known reduce
}

@test "shapes, joins, pads, slices, indices" {
    as_known array
}

@test "StridedSlice with every mask" {
    as_known slices
}

@test "NCHW, groups, old spellings, constants of every form, Dequantize, FakeQuant" {
    as_known formulas
}

@test "functions, If and Switch of known conditions, fused nodes; emitted as what they became" {
    as_known calls
    dopt-observe -i calls.npz -o obs.dopt m.dopt
    dopt-quant -o plan.dopt m.dopt obs.dopt 2>/dev/null
    for as in grid qdq; do
        dopt-emit --as $as -o out.pb m.dopt plan.dopt
        dopt-import --out_nodes "$(tr ' ' ';' <calls.out)" -o again.dopt out.pb 2>/dev/null
        dopt-run -i calls.npz -o again.npz again.dopt
        "$PY" "$TF" --close calls.want.npz again.npz 0.05
    done
    dopt-emit --float -o float.pb m.dopt
    grep -q _FusedMatMul float.pb
}

@test "recurrent cells in loops with TensorArrays: dynamic_rnn's LSTM and GRU; loops of every kind" {
    as_known lstm
    as_known gru
    as_known loops
    as_known nested
    as_known whiles
    # the weight of a While is the constant that it gets
    cp got.npz float.npz
    dopt-observe -i whiles.npz -o obs.dopt m.dopt
    dopt-quant -o plan.dopt m.dopt obs.dopt 2>/dev/null
    for as in grid qdq; do
        dopt-emit --as $as -o $as.pb m.dopt plan.dopt
        dopt-import --out_nodes while:2 -o m.dopt $as.pb
        dopt-run -i whiles.npz -o $as.npz m.dopt
        "$PY" "$TF" --close float.npz $as.npz 0.01
        "$PY" "$TF" --close float.npz $as.npz 1e-4 && return 1
        dopt-import --out_nodes "$(tr ' ' ';' <whiles.out)" -o m.dopt whiles.pb
    done
}

@test "an LSTM's graph is quantized: its loop stays a loop, as ONNX it is unrolled" {
    "$PY" "$TF" lstm
    "$PY" -c 'import numpy as np; np.savez("some.npz", x=np.random.RandomState(3).uniform(-2, 2, (40, 25, 10)).astype("f4"))'
    quantized lstm.pb some.npz
    [ "$(dopt-show m.dopt | grep -c '^node .*= Gemm(.*; weight c1$')" -eq 25 ]
    dopt-run -i lstm.npz -o float.npz m.dopt
    dopt-run -i lstm.npz -o int8.npz m.dopt plan.dopt
    "$PY" "$TF" --close float.npz int8.npz 0.03
    for as in grid qdq; do
        dopt-emit --as $as -o $as.pb m.dopt plan.dopt
        dopt-import -o $as.dopt $as.pb
        dopt-run -i lstm.npz -o $as.npz $as.dopt
        # the weights are on the grid, and little else is changed
        "$PY" "$TF" --close float.npz $as.npz 0.01
        "$PY" "$TF" --close float.npz $as.npz 1e-4 && return 1
        # shellcheck disable=SC2046 # names without spaces
        tfjs -o want.npz $as.pb lstm.npz $(cat lstm.out)
        "$PY" "$TF" --close want.npz $as.npz 1e-5
    done
    grep -q NextIteration qdq.pb
    grep -q FakeQuant qdq.pb
    [ -d "$ROOT/build/ort/node_modules" ] || skip "the rest needs ONNX Runtime"
    dopt-emit --to onnx --float -o float.onnx m.dopt
    dopt-emit --to onnx --as qdq -o int8.onnx m.dopt plan.dopt
    for as in float int8; do
        "$ROOT/tests/ort/ort-run.js" -o ort.npz $as.onnx lstm.npz
        "$PY" "$TF" --close ort.npz $as.npz 1e-5
    done
}

# real GRAPH INPUT DIMS SCALE SHIFT OUTPUTS: dopt-run equals TensorFlow.js within 1e-4, and OpenCV where
# OPENCV says which of its layers the outputs are.
real() {
    need_shared "tf/$1.pb"
    "$PY" "$TF" --random in "$2" "$3" "$4" "$5"
    dopt-import --input_shape "$2:$3" -o m.dopt "$DATA/tf/$1.pb"
    dopt-run -i in.npz -o got.npz m.dopt
    if [ -n "${OPENCV:-}" ]; then
        # shellcheck disable=SC2086 # several
        "$PY" "$TF" --opencv "$DATA/tf/$1.pb" in.npz cv.npz $OPENCV
        "$PY" "$TF" --close cv.npz got.npz 1e-4
    fi
    # shellcheck disable=SC2086 # several
    tfjs -o want.npz "$DATA/tf/$1.pb" in.npz $6
    "$PY" "$TF" --close want.npz got.npz 1e-4
    dopt-emit --to onnx --float -o m.onnx m.dopt
    if [ -d "$ROOT/build/ort/node_modules" ]; then
        "$ROOT/tests/ort/ort-run.js" -o ort.npz m.onnx in.npz
        "$PY" "$TF" --close ort.npz got.npz 1e-4
    fi
}

@test "mlperf-resnet8 and mlperf-kws compute what OpenCV, TensorFlow.js and ONNX Runtime compute" {
    OPENCV=dense/Softmax=dense/Softmax real mlperf-resnet8 input_1 1,32,32,3 128 128 dense/Softmax
    OPENCV=dense/Softmax=dense/Softmax real mlperf-kws input_1 1,49,10,1 10 0 dense/Softmax
}

@test "mobilenet_v1 and emotion compute what OpenCV, TensorFlow.js and ONNX Runtime compute" {
    OPENCV=reshape_2/Reshape=reshape_2/Reshape real mobilenet_v1_025_224 input_1 1,224,224,3 1 0 reshape_2/Reshape
    OPENCV=Identity=StatefulPartitionedCall/model_1/predictions/Softmax real emotion input_1 1,64,64,1 1 0 Identity
}

@test "blazeface computes what OpenCV, TensorFlow.js and ONNX Runtime compute" {
    p=StatefulPartitionedCall/functional_1/tf_op_layer_
    OPENCV="Identity=${p}classificators_1/classificators_1 Identity_1=${p}classificators_2/classificators_2 Identity_2=${p}regressors_1/regressors_1 Identity_3=${p}regressors_2/regressors_2" \
        real blazeface input 1,256,256,3 1 0 "Identity Identity_1 Identity_2 Identity_3"
}

@test "keyword graphs with BatchNorm of several spellings, the audio front end cut off" {
    for m in arm-DS_CNN_S_cut arm-DS_CNN_S_full; do
        real $m Mfcc 1,49,10 10 0 labels_softmax
    done
    fails 3 "--input_shape" dopt-import -o out.dopt "$DATA/tf/arm-DS_CNN_S_full.pb"
}

@test "an SSD with quantized constants, a dilated convolution and no input shape" {
    real opencv_face_detector_uint8 data 1,300,300,3 120 0 "mbox_loc mbox_conf_flatten"
    dopt-show m.dopt >shown
    grep -q '^node .*Conv(.* dilations=' shown
    fails 3 "--input_shape data:DIMS" dopt-import -o out.dopt "$DATA/tf/opencv_face_detector_uint8.pb"
}

@test "no Transpose of a convolutional network copies: it changes the view alone" {
    need_shared tf/mlperf-resnet8.pb
    dopt-import -o m.dopt "$DATA/tf/mlperf-resnet8.pb"
    # what is left stands at the input, where row-major NHWC becomes a channels-last NCHW
    [ "$(dopt-show m.dopt | grep -c '^node .*= Transpose(')" -le 2 ]
    dopt-show m.dopt | grep '^node .*= Transpose(' | grep -vq 'perm=0,3,1,2\|perm=0,2,3,1' && return 1
    true
}

# quantized GRAPH CALIBRATION: plan.dopt beside m.dopt
quantized() {
    dopt-import ${3:+--input_shape "$3"} -o m.dopt "$1"
    dopt-observe -i "$2" -o obs.dopt m.dopt
    dopt-quant -o plan.dopt m.dopt obs.dopt
}

# top1 OUT.npz LABELS.npy [MAP]: percent right
top1() {
    "$PY" -c '
import sys, numpy as np
y = np.load(sys.argv[1]); y = y[y.files[0]]; t = np.load(sys.argv[2]).ravel()
p = y.reshape(len(t), -1).argmax(1)
if len(sys.argv) > 3: p = np.array([int(v) for v in sys.argv[3].split(",")])[p]
print("%.2f" % (100 * (p == t).mean()))' "$@"
}

within() { # within A B POINTS
    "$PY" -c 'import sys; a, b, d = map(float, sys.argv[1:]); sys.exit(abs(a - b) > d)' "$@"
}

# DS_CNN_S is fed with features of other settings than it was trained with: a point is 5 of 500 samples.
@test "mlperf-kws and DS_CNN_S: float as known, grid and qdq within half a point, and a point" {
    need_shared frames/mlperf-kws
    f=$DATA/frames/mlperf-kws
    "$PY" -c '
import sys, numpy as np
for k in "calib", "eval":
    x = np.load("%s/%s-input_1.npy" % (sys.argv[1], k)).astype("f4")
    np.savez(k + "-mlperf-kws.npz", input_1=x.reshape(-1, 49, 10, 1))
    np.savez(k + "-arm-DS_CNN_S_cut.npz", Mfcc=x.reshape(-1, 49, 10))' "$f"
    # DS_CNN_S has its labels in another order
    while read -r m input known points map; do
        quantized "$DATA/tf/$m.pb" "calib-$m.npz" "$input"
        dopt-run -i "eval-$m.npz" -o float.npz m.dopt
        # shellcheck disable=SC2086 # perhaps none
        [ "$(top1 float.npz "$f/eval-labels.npy" $map)" = "$known" ]
        for as in grid qdq; do
            dopt-emit --as $as -o $as.pb m.dopt plan.dopt
            dopt-import --input_shape "$input" -o $as.dopt $as.pb
            dopt-run -i "eval-$m.npz" -o $as.npz $as.dopt
            # shellcheck disable=SC2086 # perhaps none
            within "$(top1 $as.npz "$f/eval-labels.npy" $map)" "$known" "$points"
        done
    done <<END
mlperf-kws input_1:1,49,10,1 91.40 0.5
arm-DS_CNN_S_cut Mfcc:1,49,10 81.60 1 10,11,9,3,8,0,2,6,5,4,7,1
END
}

@test "mlperf-resnet8 on 10,000 pictures: float as known, qdq within half a point" {
    need_shared labelled/cifar10
    "$PY" -c '
import sys, numpy as np
for k, n in ("calib-1000-u8", 200), ("test-images-u8", 10000):
    np.savez(k[:4] + ".npz", input_1=np.load("%s/%s.npy" % (sys.argv[1], k))[:n].transpose(0, 2, 3, 1).astype("f4"))' \
        "$DATA/labelled/cifar10"
    quantized "$DATA/tf/mlperf-resnet8.pb" cali.npz
    dopt-emit --as qdq -o qdq.pb m.dopt plan.dopt
    dopt-import -o qdq.dopt qdq.pb
    dopt-run -i test.npz -o float.npz m.dopt
    dopt-run -i test.npz -o qdq.npz qdq.dopt
    [ "$(top1 float.npz "$DATA/labelled/cifar10/test-labels-u8.npy")" = 87.19 ]
    within "$(top1 qdq.npz "$DATA/labelled/cifar10/test-labels-u8.npy")" 87.19 0.5
}

@test "mobilenet_v1 gets the scales that the ONNX file of the same weights gets" {
    need_shared onnx/mobilenet_v1_025_224.onnx
    "$PY" -c '
import numpy as np
x = np.random.RandomState(3).uniform(-1, 1, (2, 224, 224, 3)).astype("f4")
np.savez("tf.npz", input_1=x); np.savez("onnx.npz", input_1=x.transpose(0, 3, 1, 2))'
    for k in tf/mobilenet_v1_025_224.pb onnx/mobilenet_v1_025_224.onnx; do
        quantized "$DATA/$k" "${k%%/*}.npz" 2>/dev/null
        dopt-emit --record "${k%%/*}.txt" -o model m.dopt plan.dopt
    done
    [ "$(grep -c scale tf.txt)" -gt 1000 ]
    cmp <(grep -v key tf.txt) <(grep -v key onnx.txt)
}

digits() {
    "$PY" -c '
import sys, numpy as np
x = np.load(sys.argv[1] + "/test.npz")["image"].reshape(-1, 28, 28, 1).astype("f4") / 127.5 - 1
np.savez("some.npz", image=x[:32]); np.savez("one.npz", image=x[40:41])' "$ROOT/examples/digits"
    quantized "$ROOT/examples/digits/digits.pb" some.npz
}

@test "the FakeQuant graph in TensorFlow.js agrees with dopt-run and the plan" {
    digits
    dopt-emit --as qdq -o qdq.pb m.dopt plan.dopt
    tfjs -o want.npz qdq.pb one.npz logits
    dopt-run -i one.npz -o got.npz m.dopt plan.dopt
    "$PY" -c '
import numpy as np
a, b = np.load("want.npz")["logits"], np.load("got.npz")["logits"]
sqnr = 10 * np.log10((a ** 2).sum() / max(((a - b) ** 2).sum(), 1e-30))
assert sqnr >= 40, sqnr'
}

@test "a single FakeQuant differs from the plan at ties alone, by one step: TensorFlow rounds them up" {
    "$PY" "$TF" single
    dopt-import -o m.dopt single.pb
    dopt-observe -i single.npz -o obs.dopt m.dopt
    dopt-quant --method minmax -o plan.dopt m.dopt obs.dopt 2>/dev/null
    dopt-emit --as qdq --chain none -o qdq.pb m.dopt plan.dopt
    tfjs -o want.npz qdq.pb single.npz "$(cat single.out)"
    dopt-run -i single.npz -o got.npz m.dopt plan.dopt
    "$PY" -c '
import numpy as np
x = np.load("single.npz")["x"] * 64.0
a, b = (np.load(k)[np.load(k).files[0]] * 64.0 for k in ("want.npz", "got.npz"))
assert np.abs(b - np.rint(x)).max() < 1e-3            # half to even
assert np.abs(a - np.floor(x + .5)).max() < 1e-3      # half up
d = np.rint(a - b)
assert np.abs(d).max() == 1 and (np.abs(x - np.floor(x) - .5)[d != 0] < 1e-3).all(), (d != 0).sum()
assert (d != 0).sum() == 128, (d != 0).sum()          # every other tie'
}

@test "FakeQuant ranges give back scale and zero point bit for bit" {
    digits
    dopt-emit --as qdq -o qdq.pb m.dopt plan.dopt
    dopt-import -o back.dopt qdq.pb
    dopt-emit --to onnx --float -o back.onnx back.dopt
    dopt-emit --to onnx --as qdq -o qdq.onnx m.dopt plan.dopt
    "$PY" -c '
import onnx, numpy as np
from onnx import numpy_helper as h
def grids(path):
    g = onnx.load(path).graph
    k = {i.name: h.to_array(i) for i in g.initializer}
    return {(k[n.input[1]].tobytes(), int(k[n.input[2]])) for n in g.node if n.op_type == "QuantizeLinear"}
a, b = grids("qdq.onnx"), grids("back.onnx")
assert len(a) >= 5 and b <= a, (len(a), b - a)
assert len(b) >= 5'
}

@test "an emitted graph keeps names, versions and unknown fields, and is the same twice" {
    digits
    # an unknown field 30 behind the source, as a later TensorFlow might have it
    { cat "$ROOT/examples/digits/digits.pb"; printf '\xf2\x01\x02hi'; } >later.pb
    dopt-import -o m.dopt later.pb
    dopt-emit --float -o back.pb m.dopt
    dopt-observe -i some.npz -o obs.dopt m.dopt
    dopt-quant -o plan.dopt m.dopt obs.dopt
    for as in grid qdq; do
        dopt-emit --as $as -o $as.pb m.dopt plan.dopt
        dopt-emit --as $as -o again.pb m.dopt plan.dopt
        cmp $as.pb again.pb
        grep -q hi $as.pb
    done
    dopt-import -o a.dopt later.pb
    dopt-import -o b.dopt back.pb
    cmp <(dopt-show a.dopt | grep '^node\|^output') <(dopt-show b.dopt | grep '^node\|^output')
    dopt-import -o g.dopt grid.pb
    cmp <(dopt-show m.dopt | grep '^output') <(dopt-show g.dopt | grep '^output')
}

@test "--out_nodes ends the graph there, in what is emitted too" {
    digits
    dopt-import --out_nodes fc/MatMul:0 -o cut.dopt "$ROOT/examples/digits/digits.pb" ||
        dopt-show m.dopt
    dopt-show cut.dopt | grep -q '^output fc/MatMul'
    dopt-emit --float -o cut.pb cut.dopt
    dopt-import -o again.dopt cut.pb
    dopt-show again.dopt | grep -q '^output fc/MatMul'
    fails 1 "closest: 'logits'" dopt-import --out_nodes logit -o out.dopt "$ROOT/examples/digits/digits.pb"
    fails 1 "--input_shape: no node 'imag'" dopt-import --input_shape imag:1 -o out.dopt "$ROOT/examples/digits/digits.pb"
    fails 1 "does not fit" dopt-import --input_shape image:1,28,28,3 -o out.dopt "$ROOT/examples/digits/digits.pb"
}

@test "broken and unsupported graphs say in one line what is wrong" {
    mkdir b
    "$PY" "$TF" --broken b
    while IFS=$'\t' read -r name status text; do
        fails "$status" "$text" dopt-import -o out.dopt "b/$name.pb"
    done <b/list
    [ "$(wc -l <b/list)" -ge 20 ]
}

@test "what is no frozen graph is recognised" {
    printf '\x08\x01\x12\x04\x0a\x02hi' >saved_model.pb
    fails 3 "freeze it into a GraphDef" dopt-import -o out.dopt saved_model.pb
    { printf '\x0a\x04\x0a\x02v1\x12\x0b\x0a\x09\x0a\x01x\x12\x04Relu'; } >model.ckpt.meta
    fails 3 "model.ckpt.meta: is a TensorFlow checkpoint's graph (.meta): freeze it" dopt-import -o out.dopt model.ckpt.meta
    { head -c 64 /dev/zero; printf '\x57\xfb\x80\x8b\x24\x75\x47\xdb'; } >model.ckpt.index
    fails 3 "model.ckpt.index: is a TensorFlow checkpoint: freeze it" dopt-import -o out.dopt model.ckpt.index
    mkdir -p folder/variables checkpoints empty
    cp saved_model.pb folder/
    fails 3 "folder: is a TensorFlow SavedModel: freeze it" dopt-import -o out.dopt folder
    fails 3 "folder/: is a TensorFlow SavedModel: freeze it" dopt-import -o out.dopt folder/
    cp model.ckpt.index checkpoints/
    fails 3 "checkpoints: is a TensorFlow checkpoint: freeze it" dopt-import -o out.dopt checkpoints
    fails 1 "empty: is a directory" dopt-import -o out.dopt empty
    echo 'strategy: "Quant_INT8"' >config.prototxt
    fails 3 "folder: is a TensorFlow SavedModel: freeze it" dopt -m 0 --framework 3 --model folder --cal_conf config.prototxt --output out.pb
    fails 1 "use --framework 3" dopt-import --framework 5 -o out.dopt "$ROOT/examples/digits/digits.pb"
}

# protobuf's own text writer is the reference; it knows no names of types, TensorFlow's does.
@test "a graph in text form is the graph" {
    command -v protoc-c >/dev/null || skip "needs protoc-c"
    for f in formulas lstm whiles; do
        "$PY" "$TF" $f
        protoc-c --proto_path="$ROOT/proto" --decode tensorflow.GraphDef tensorflow.proto <$f.pb |
            sed -E 's/\b(d?type): 1$/\1: DT_FLOAT/; s/\b(d?type): 3$/\1: DT_INT32/; s/\bb: true$/b: 1/' >$f.pbtxt
        grep -q DT_FLOAT $f.pbtxt
        for k in pb pbtxt; do
            dopt-import --out_nodes "$(tr ' ' ';' <$f.out)" -o $k.dopt $f.$k
            dopt-emit --float -o $k.pb $k.dopt
        done
        cmp pb.pb pbtxt.pb
    done
    cat >small.pbtxt <<'END'
node { name: "x", op: 'Placeholder' attr: < key: "dtype" value { type: DT_FLOAT_REF } > # a comment
    attr { key: "shape" value { shape { dim: [{ size: 2 }, { size: 0x3 }] } } } } node { name: "y" op: "R" "elu" input: ["x"] }
END
    dopt-import -o m.dopt small.pbtxt
    dopt-show m.dopt | grep -q 'y\[2x3\] = Relu(x\[2x3\])'
    while IFS=$'\t' read -r status text graph; do
        echo "$graph" >bad.pbtxt
        fails "$status" "bad.pbtxt:$text" dopt-import -o out.dopt bad.pbtxt
    done <<'END'
1	1:14: name takes a string in quotes, not '3'	node { name: 3 }
1	1:13: ':' is expected behind name, not '"x"'	node { name "x" }
1	2:1: a field's name is expected, not the end of the file	node {
3	1:18: NodeDef has no field 'colour' that dopt could keep: write the graph as a binary .pb	node { name: "x" colour: "red" }
1	1:38: type takes an integer, not 'DT_FLOT'	node { attr { key: "T" value { type: DT_FLOT } } }
1	1:26: b takes true or false, not '2'	node { attr { value { b: 2 } } }
1	1:26: i takes an integer, not '1.5'	node { attr { value { i: 1.5 } } }
1	1:7: node takes a message in braces, not '"x"'	node: "x" node {}
END
}

@test "a graph cut off at any byte gives an error, not a crash" {
    "$PY" "$TF" block
    size=$(wc -c <block.pb)
    for ((n = 1; n < size; n += 97)); do
        head -c "$n" block.pb >part.pb
        run dopt-import --out_nodes BatchToSpaceND_9 -o part.dopt part.pb
        [ "$status" -eq 1 ] || [ "$status" -eq 3 ] || [ "$status" -eq 0 ]
        [ "${#lines[@]}" -le 1 ]
    done
}
