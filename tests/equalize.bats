#!/usr/bin/env bats
# Cross-layer equalization in dopt-quant, against tests/equalize.py.
load lib

check() {
    "$PY" "$ROOT/tests/equalize.py" "$@"
}

# m.onnx, m.dopt, r.dopt of a chain with uneven channels
chain() {
    check model m.onnx x.npz
    dopt-import -o m.dopt m.onnx
    dopt-observe -i x.npz -d -o r.dopt m.dopt
}

# grid OUT OPTION...
grid() {
    local out=$1
    shift
    dopt-quant "$@" -d -o p.dopt m.dopt r.dopt
    dopt-emit -o "$out" m.dopt p.dopt
}

@test "factors are those with the least noise by numpy's sum, per channel and per tensor" {
    chain
    grid grid.onnx --no-correction
    check factors m.onnx grid.onnx x.npz
    grid grid.onnx --no-correction --per-tensor
    check factors m.onnx grid.onnx x.npz per-tensor
}

@test "one scale a layer is 20 dB better with equalization where channels are uneven" {
    chain
    grid grid.onnx --per-tensor
    grid naive.onnx --per-tensor --no-equalization
    check noise m.onnx grid.onnx naive.onnx x.npz 20
}

@test "dopt-run and the emitted Q/DQ model agree on equalized layers; --float is the source" {
    chain
    dopt-quant --per-tensor -d -o p.dopt m.dopt r.dopt
    dopt-show p.dopt | grep -q 'auto, equalized'
    dopt-emit --float -o float.onnx m.dopt
    cmp m.onnx float.onnx
    [ -d "$ROOT/build/ort/node_modules" ] || [ -n "${ORT_MODULES:-}" ] || skip "needs ONNX Runtime, see tests/ort/README"
    dopt-emit --as qdq -o q.onnx m.dopt p.dopt
    dopt-run -i x.npz -o run.npz m.dopt p.dopt
    "$ROOT/tests/ort/ort-run.js" --no-opt --step 1 -o ort.npz q.onnx x.npz
    "$PY" -c "
import numpy as np
a, b = np.load('run.npz')['p'], np.load('ort.npz')['p']
assert 10 * np.log10((a ** 2).sum() / ((a - b) ** 2).sum()) > 50"
}

@test "shards of coarse histograms merge to the bytes of one run" {
    chain
    for i in 1 2 3; do
        dopt-observe -i x.npz --shard $i/3 -d -o s$i.dopt m.dopt
    done
    dopt-merge -o merged.dopt s3.dopt s1.dopt s2.dopt
    dopt-show r.dopt >one.txt
    dopt-show merged.dopt >three.txt
    cmp one.txt three.txt
    dopt-quant -d -o one.p m.dopt r.dopt
    dopt-quant -d -o three.p m.dopt merged.dopt
    cmp one.p three.p
}
