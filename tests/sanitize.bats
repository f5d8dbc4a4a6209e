# The whole chain under AddressSanitizer, UndefinedBehaviorSanitizer, LeakSanitizer and ThreadSanitizer.
# SPDX-License-Identifier: Apache-2.0
load lib.bash

# build SANITIZERS: the tools with them, in build/FIRST/bin.
build() {
    make -s -C "$ROOT" SAN="$1" all >&2 || return 1
    echo "$ROOT/build/${1%%,*}/bin"
}

chain() {
    local bin=$1 as
    cp -r "$ROOT"/examples/digits/{digits.onnx,config.prototxt,calib} .
    "$bin/dopt-import" --input_shape image:1,1,28,28 -o model.dopt digits.onnx
    for i in 1 2 3; do
        "$bin/dopt-observe" -c config.prototxt -j2 --shard "$i/3" -d -o "shard$i.dopt" model.dopt
    done
    "$bin/dopt-merge" -o seen.dopt shard3.dopt shard1.dopt shard2.dopt
    for method in minmax percentile entropy mse lp; do
        "$bin/dopt-quant" -c config.prototxt --method "$method" -d -o plan.dopt model.dopt seen.dopt
    done
    for as in grid qdq; do
        "$bin/dopt-emit" --as "$as" --param param --record record -o "$as.onnx" model.dopt plan.dopt
    done
    "$bin/dopt-emit" --float -o float.onnx model.dopt
    "$bin/dopt-run" -c config.prototxt -j2 -o out.npz model.dopt plan.dopt
    "$bin/dopt-run" --compare --integer -c config.prototxt -j2 model.dopt plan.dopt
    "$bin/dopt-report" -c config.prototxt -j2 --target-sqnr 36 --html r.html model.dopt seen.dopt plan.dopt
    "$bin/dopt-show" model.dopt seen.dopt plan.dopt param >/dev/null
    printf x >calib/broken.png
    tar -c calib | "$bin/dopt-calpack" -j4 --skip-broken --from 3 --resize area --size 20x19 | cat >cal.bin
    "$bin/dopt-calpack" -j4 --shuffle 1 --skip-broken --resize cubic --size 20x19 -o cal.npy calib
    "$bin/dopt-calpack" -j3 --sheet sheet.png cal.bin cal.npy
}

@test "address and undefined behaviour: the chain, clean" {
    bin=$(build address,undefined)
    run chain "$bin"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output != *ERROR* && $output != *"runtime error"* ]]
    cmp grid.onnx <(dopt-emit model.dopt plan.dopt)
}

@test "address and undefined behaviour: real models with branches, LSTM, free dims" {
    need_shared onnx
    bin=$(build address,undefined)
    for model in silero_vad_16k_op15 dtln-2 mnist-8; do
        "$bin/dopt-import" -o m.dopt "$SHARED/data/onnx/$model.onnx"
        $PY "$ROOT/tests/inputs.py" "$model" in.npz 4
        "$bin/dopt-observe" -i in.npz -d -o r.dopt m.dopt
        "$bin/dopt-quant" -d -o p.dopt m.dopt r.dopt
        for as in grid qdq; do
            "$bin/dopt-emit" --as "$as" -o q.onnx m.dopt p.dopt
        done
    done
}

@test "threads: two workers, no race" {
    bin=$(build thread)
    export TSAN_OPTIONS=suppressions=$ROOT/tests/tsan.supp
    run chain "$bin"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output != *ThreadSanitizer* ]]
}

@test "address and undefined behaviour: every test of the ONNX suite" {
    [ -d /usr/share/libonnx-testdata/data ] || skip "needs Debian's libonnx-testdata"
    bin=$(build address,undefined)
    PATH=$bin:$PATH run -0 "$PY" "$ROOT/tests/conformance.py" -l
    [[ $output != *Sanitizer* && $output != *"runtime error"* ]]
}

@test "address and undefined behaviour: operators beyond the ONNX suite" {
    bin=$(build address,undefined)
    "$PY" "$ROOT/tests/operators.py"
    for family in $("$PY" "$ROOT/tests/operators.py" --list); do
        "$bin/dopt-import" -o m.dopt "$family.onnx"
        "$bin/dopt-run" -i "$family.npz" -o out.npz m.dopt
        "$bin/dopt-show" m.dopt >/dev/null
    done
}
