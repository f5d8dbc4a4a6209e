# The driver: nothing of the user's is lost, two runs do not mix, and the environment stays outside.
# SPDX-License-Identifier: Apache-2.0
load lib.bash

digits() {
    cp -r "$ROOT"/examples/digits/{digits.onnx,config.prototxt,calib} .
}

quantize() {
    dopt -m 0 --framework 5 --model digits.onnx --cal_conf config.prototxt --input_shape image:1,1,28,28 "$@"
}

@test "an output that is one of the inputs is refused before anything runs" {
    digits
    before=$(find digits.onnx config.prototxt calib -type f -exec sha256sum {} + | sort)
    for call in "--output digits.onnx" "--output ./calib/../digits.onnx" "--output config.prototxt" \
        "--output o.onnx --compress_conf o.onnx" "--output o.onnx --compress_conf digits.onnx" \
        "--output calib/o.onnx" "--output calib" "--output o.onnx --work calib"; do
        # shellcheck disable=SC2086
        fails 2 "name another" quantize $call || fails 1 "name a file to write" quantize $call
    done
    [ "$(find digits.onnx config.prototxt calib -type f -exec sha256sum {} + | sort)" = "$before" ]
}

@test "dopt-emit refuses two outputs of one name" {
    digits
    dopt-import digits.onnx | dopt-observe -c config.prototxt | dopt-quant -o all.dopt
    fails 2 "is the same file as -o" dopt-emit --param out -o out all.dopt
    fails 2 "is the same file as --param" dopt-emit --param outp --record outp -o out all.dopt
}

@test "a failed emit leaves the last good output and param" {
    digits
    quantize --output good.onnx --compress_conf param
    before=$(sha256sum good.onnx param)
    run quantize --output /dev/full --compress_conf param --work w2
    [ "$status" -eq 1 ]
    [ "$(sha256sum good.onnx param)" = "$before" ]
}

@test "a param that belongs to another model by now, or a damaged output, is written anew" {
    digits
    quantize --output a.onnx
    before=$(sha256sum a.onnx param)
    quantize --output b.onnx --as qdq --exclude stem.conv.weight
    quantize --output a.onnx
    [ "$(sha256sum a.onnx param)" = "$before" ]
    : >a.onnx
    quantize --output a.onnx
    [ "$(sha256sum a.onnx param)" = "$before" ]
}

@test "two runs do not share a work folder at once" {
    digits
    mkdir w
    exec 7>w/lock
    flock 7
    fails 1 "w: another dopt works in it" quantize --output o.onnx --work w
    exec 7>&-
    quantize --output o.onnx --work w
}

@test "variables of the environment do not change the result" {
    digits
    quantize --output a.onnx --compress_conf pa
    QUANT_FLAGS=--per-tensor RUN=false THREADS=x WEIGHT=none EMIT_FLAGS=--float MAKEFLAGS=n METHOD=minmax \
        quantize --output b.onnx --compress_conf pb
    cmp a.onnx b.onnx
    cmp pa pb
}

@test "SIGTERM to the driver ends the stages, and a second call completes" {
    digits
    dopt -m 0 --framework 5 --model digits.onnx --cal_conf config.prototxt --input_shape image:1,1,28,28 \
        --output o.onnx --shards 50 >log 2>&1 &
    pid=$!
    sleep 0.3
    kill -TERM "$pid"
    run wait "$pid"
    [ "$status" -ne 0 ]
    ! pgrep -f "$PWD/o.onnx" || false
    quantize --output o.onnx --shards 50
    quantize --output p.onnx --compress_conf pp
    cmp o.onnx p.onnx
}

@test "--out_nodes ends the emitted model there, in every form" {
    digits
    dopt-import --out_nodes /relu_6/Relu_output_0 -o m.dopt digits.onnx
    dopt-observe -c config.prototxt -d -o r.dopt m.dopt
    dopt-quant -d -o p.dopt m.dopt r.dopt
    dopt-emit --float -o float.onnx m.dopt
    dopt-emit -o grid.onnx m.dopt p.dopt
    dopt-emit --as qdq -o qdq.onnx m.dopt p.dopt
    $PY - <<'END'
import onnx
for name in ('float.onnx', 'grid.onnx', 'qdq.onnx'):
    m = onnx.load(name)
    onnx.checker.check_model(m)
    assert [o.name for o in m.graph.output] == ['/relu_6/Relu_output_0'], name
    assert not [n for n in m.graph.node if n.op_type in ('GlobalAveragePool', 'Gemm')], name
END
}

@test "SIGTERM to the driver alone ends a stage in the middle, and says so" {
    digits
    "$PY" -c "
import numpy as np
with open('long.bin', 'wb') as f:
    f.write(np.array([510, 60000, 1, 28, 28], '<i4').tobytes())
    f.write(np.zeros(60000 * 784, '<f4').tobytes())"
    printf 'preprocess_parameter { input_type: BINARY input_file_path: "long.bin" }' >config.prototxt
    dopt -m 0 --framework 5 --model digits.onnx --cal_conf config.prototxt --input_shape image:1,1,28,28 \
        --output o.onnx 2>log &
    pid=$!
    for i in $(seq 200); do
        pgrep -f 'dopt-observe.*o\.onnx\.work' >/dev/null && break
        sleep 0.02
    done
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 1 ]
    grep -q '^dopt: stopped by signal 15 (Terminated); intermediate files are kept in o.onnx.work, a second call goes on from there$' log
    for i in $(seq 50); do # the stage has been told; it needs a moment
        pgrep -f 'dopt-observe.*o\.onnx\.work' >/dev/null || break
        sleep 0.1
    done
    ! pgrep -f 'dopt-observe.*o\.onnx\.work' || false
    [ ! -e o.onnx ]
}

@test "--device_idx is accepted with one line" {
    digits
    quantize --output o.onnx --device_idx 3 2>log
    [ "$(cat log)" = 'dopt: warning: --device_idx 3: there is no GPU backend yet, this runs on the CPU' ]
}
