#!/usr/bin/env bats
# dopt-show: stable text for every file of the pipeline.
load lib

@test "a model is one line a node" {
    dopt-import -o m.dopt "$ROOT/examples/digits/digits.onnx"
    dopt-show m.dopt >got
    [ "$(grep -c '^node ' got)" -eq 20 ]
    head -1 got | grep -qxF 'history dopt-import 0.1.0'
    grep -qxE 'model from ONNX, 20 nodes, digest [0-9a-f]{32}' got
    grep -qxF 'input image[?x1x28x28]' got
    grep -qxF 'output logits[1x10]' got
    grep -qxF 'node /fc/Gemm: logits[1x10] = Gemm(/Flatten_output_0[1x96], fc.weight[10x96], fc.bias[10]) alpha=1 beta=1 transB=1; weight fc.weight; source 26' got
    dopt-show <m.dopt | cmp - got
    dopt-show - <m.dopt | cmp - got
}

@test "--names lists node and weight of what can be quantized" {
    dopt-import -o m.dopt "$ROOT/examples/digits/digits.onnx"
    dopt-show --names m.dopt >got
    [ "$(wc -l <got)" -eq 8 ]
    [ "$(head -1 got)" = $'/stem/conv/Conv\tstem.conv.weight' ]
    fails 1 '--names needs a dopt file with a model, this is a NumPy archive' dopt-show --names "$ROOT/examples/digits/test.npz"
}

@test "bins and NumPy files show their type and dims" {
    "$PY" -c "
import numpy as np
np.save('a.npy', np.zeros((2, 3), np.float16))
np.savez('b.npz', x=np.zeros((4,), np.int64), y=np.float32(1))
h = np.array([610, 2, 3, 4], np.int32).tobytes()
open('c.bin', 'wb').write(h + np.zeros(12, np.float32).tobytes())
h = np.array([510, 1, 3, 2, 2], np.int32).tobytes()
open('d.bin', 'wb').write(h + np.zeros(12, np.float32).tobytes())"
    [ "$(dopt-show a.npy)" = 'npy float16 2x3' ]
    [ "$(dopt-show b.npz)" = $'npz x int64 4\nnpz y float32 scalar' ]
    [ "$(dopt-show c.bin)" = 'bin 610 float32 3x4' ]
    [ "$(dopt-show d.bin)" = 'bin 510 float32 1x3x2x2' ]
    dopt-show a.npy c.bin >got
    printf 'file a.npy\nnpy float16 2x3\n\nfile c.bin\nbin 610 float32 3x4\n' | diff - got
    head -c 30 c.bin >cut.bin
    fails 1 'cut.bin:' dopt-show cut.bin
}

@test "models that are not imported are named for what they are" {
    [ "$(dopt-show "$ROOT/examples/digits/digits.onnx")" = "an ONNX model, $(stat -c %s "$ROOT/examples/digits/digits.onnx") bytes" ]
    [ "$(dopt-show "$ROOT/examples/digits/digits.pb" | cut -d, -f1)" = 'a TensorFlow GraphDef' ]
    [ "$(dopt-show "$ROOT/examples/digits/digits.pth" | sed -n 2p)" = 'tensor stem.conv.weight float32 16x1x3x3' ]
    [ "$(dopt-show "$ROOT/examples/digits/digits.py" | cut -d, -f1)" = 'a PyTorch definition' ]
    head -c 100 /dev/zero >zeros
    fails 1 'zeros: is of no format that dopt knows' dopt-show zeros
    fails 1 'nothere: cannot open' dopt-show nothere
}

@test "text that cannot be written is an error" {
    run -1 --separate-stderr sh -c 'dopt-show "$1" >/dev/full' sh "$ROOT/examples/digits/digits.onnx"
    [[ $stderr == *'<stdout>: cannot write'* ]]
}

@test "the manuals' examples run as they stand, and the synopsis is the usage" {
    cp "$ROOT/examples/digits/digits.onnx" .
    examples dopt-show.1 >ex.sh
    [ "$(wc -l <ex.sh)" -eq 2 ]
    [ "$(sh -e ex.sh | wc -l)" -eq $((7 + 8)) ]
    examples dopt-file.5 >ex.sh
    [ "$(sh -e ex.sh | wc -l)" -eq 4 ]
    diff <(mandoc -T utf8 "$ROOT/man/dopt-show.1" | col -b | sed -n '/^SYNOPSIS/,/^DESC/p' | sed '1d;$d' | tr -d ' \t\n') \
        <(dopt-show -h | sed 's/^usage://' | tr -d ' \t\n')
}
