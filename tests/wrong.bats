#!/usr/bin/env bats
# Wrong calls: one line that says what, where and what to do, the documented exit status, and nothing
# written. What is wrong with a calibration set has tests of its own (calset.bats, conf.bats), and so have
# damaged dopt files (file.bats).
load lib

DIGITS=$ROOT/examples/digits

# m.dopt, r.dopt, p.dopt of digits.
stages() {
    dopt-import -o m.dopt "$DIGITS/digits.onnx"
    dopt-observe -c "$DIGITS/config.prototxt" -d -o r.dopt m.dopt
    dopt-quant -d -o p.dopt m.dopt r.dopt
}

# another.dopt, another.r.dopt: the same network, one weight changed.
another() {
    "$PY" - "$DIGITS/digits.onnx" <<'END'
import onnx, sys
from onnx import numpy_helper as nh
m = onnx.load(sys.argv[1])
t = next(t for t in m.graph.initializer if t.name == 'fc.bias')
t.CopyFrom(nh.from_array(nh.to_array(t) + 1, 'fc.bias'))
onnx.save(m, 'another.onnx')
END
    dopt-import -o another.dopt another.onnx
    dopt-observe -c "$DIGITS/config.prototxt" -d -o another.r.dopt another.dopt
}

samples() { # NAME DIMS...: a .npy of small numbers
    "$PY" -c "
import numpy as np, sys
np.save(sys.argv[1], np.random.RandomState(1).rand(*map(int, sys.argv[2:])).astype('f4'))" "$@"
}

@test "a model that is not there" {
    fails 1 "dopt-import: none.onnx: cannot open: No such file or directory" dopt-import -o out.dopt none.onnx
    fails 1 "dopt-observe: none.dopt: cannot open: No such file or directory" \
        dopt-observe -c "$DIGITS/config.prototxt" -o out.dopt none.dopt
    fails 1 "dopt: --model none.onnx: No such file or directory" \
        dopt -m 0 --framework 5 --model none.onnx --cal_conf "$DIGITS/config.prototxt" --output out.onnx
    fails 1 "dopt: --cal_conf none.prototxt: No such file or directory" \
        dopt -m 0 --framework 5 --model "$DIGITS/digits.onnx" --cal_conf none.prototxt --output out.onnx
}

@test "a file of another kind where a model is needed" {
    fails 1 "calib: is a directory" dopt-import -o out.dopt "$DIGITS/calib"
    fails 1 "dopt-import: $DIGITS/README.md: " dopt-import -o out.dopt "$DIGITS/README.md"
    head -c 5000 /dev/urandom >noise.onnx
    fails 1 "dopt-import: noise.onnx: " dopt-import -o out.dopt noise.onnx
    fails 1 "digits.onnx" dopt-observe -c "$DIGITS/config.prototxt" -o out.dopt "$DIGITS/digits.onnx"
    : >empty
    fails 1 "empty: is an empty file" dopt-import -o out.dopt empty
    fails 1 "empty: incomplete: the stage that wrote it failed" dopt-emit -o out.onnx empty
}

@test "a truncated model" {
    for n in 3 100 40000 71000; do
        head -c $n "$DIGITS/digits.onnx" >cut.onnx
        fails 1 "dopt-import: cut.onnx: " dopt-import -o out.dopt cut.onnx
    done
}

@test "a shape that contradicts the model's" {
    fails 1 "--input_shape: image: 1x3x28x28 does not fit the model's ?x1x28x28" \
        dopt-import --input_shape image:1,3,28,28 -o out.dopt "$DIGITS/digits.onnx"
    fails 1 "image: 1x28x28 does not fit" dopt-import --input_shape image:1,28,28 -o out.dopt "$DIGITS/digits.onnx"
    fails 1 "no input 'imgae'; the model's: 'image'" dopt-import --input_shape imgae:1,1,28,28 -o out.dopt "$DIGITS/digits.onnx"
    fails 2 "--input_shape" dopt-import --input_shape image:1,one,28,28 -o out.dopt "$DIGITS/digits.onnx"
}

@test "an output that the model does not have" {
    fails 1 "--out_nodes: no node or tensor 'logit'; closest: 'logits'" \
        dopt-import --out_nodes logit -o out.dopt "$DIGITS/digits.onnx"
}

@test "operators that are not supported: status 3, and all of them" {
    "$PY" "$ROOT/tests/models.py" unsupported
    fails 3 "5 unsupported: node text: StringNormalizer: no such operator; node conv: Conv: attribute foo" \
        dopt-import -o out.dopt unsupported.onnx
}

@test "exclude_op names nothing" {
    stages
    { cat "$DIGITS/config.prototxt" && echo 'exclude_op: "fc.wieght"'; } >config.prototxt
    fails 1 "exclude_op 'fc.wieght' names no weight and no node of the model; closest: 'fc.weight'" \
        dopt-quant -c config.prototxt -o out.dopt m.dopt r.dopt
}

@test "a mean count that is not the channels', and two inputs with one block" {
    dopt-import -o m.dopt "$DIGITS/digits.onnx"
    printf 'preprocess_parameter {\n mean_value: [1, 2, 3] input_file_path: "%s/calib" }' "$DIGITS" >config.prototxt
    fails 1 "config.prototxt:2:2: 3 mean_value for the 1 channel of input 'image' of ?x1x28x28: give 1 or none" \
        dopt-observe -c config.prototxt -o out.dopt m.dopt
    "$PY" "$ROOT/tests/models.py" two
    dopt-import --out_nodes sum --input_shape 'image:1,3,8,8;offset:1' -o two.dopt two.onnx
    printf 'preprocess_parameter { input_file_path: "%s/calib" }\n' "$DIGITS" >config.prototxt
    fails 1 "config.prototxt:2:1: 1 preprocess_parameter block for 2 model inputs; one per input is needed, in order" \
        dopt-observe -c config.prototxt -o out.dopt two.dopt
}

@test "a config that is wrong says line and column" {
    dopt-import -o m.dopt "$DIGITS/digits.onnx"
    printf 'strategy: "Quant_INT4"\n' >config.prototxt
    fails 1 "config.prototxt:1:11: " dopt-observe -c config.prototxt -o out.dopt m.dopt
    printf 'preprocess_parameter {\n  image_fromat: RGB\n}' >config.prototxt
    fails 1 "config.prototxt:2:3: unknown field 'image_fromat'; closest: 'image_format'" \
        dopt-observe -c config.prototxt -o out.dopt m.dopt
    fails 1 "config.prototxt:2:3: unknown field" dopt-quant -c config.prototxt -o out.dopt m.dopt
}

@test "a folder as bin, a bin as folder, a folder in the folder, an empty one" {
    dopt-import -o m.dopt "$DIGITS/digits.onnx"
    mkdir empty deep deep/down
    samples x.npy 3 1 28 28
    set_of() {
        printf 'preprocess_parameter { %s }' "$1" >config.prototxt
        fails 1 "dopt-observe: config.prototxt:1:$3: $2" dopt-observe -c config.prototxt -o out.dopt m.dopt
    }
    set_of 'input_type: BINARY input_file_path: "deep"' 'deep: is a folder; BINARY needs one 510 or 610 file' 43
    set_of 'input_file_path: "x.npy"' 'x.npy: is a file; IMAGE needs a folder' 24
    set_of 'input_file_path: "deep"' 'deep/down: is a sub-folder; a folder of images may hold only files' 24
    set_of 'input_file_path: "empty"' 'empty: holds no image (0 other files)' 24
}

@test "an empty set, and one of another shape" {
    dopt-import -o m.dopt "$DIGITS/digits.onnx"
    "$PY" -c "
import numpy as np
np.save('none.npy', np.zeros((0, 1, 28, 28), 'f4')); np.save('wide.npy', np.zeros((2, 1, 28, 30), 'f4'))"
    fails 1 "none.npy" dopt-observe -i none.npy -o out.dopt m.dopt
    fails 1 "wide.npy holds 2x1x28x30, which does not fit input 'image' of ?x1x28x28" \
        dopt-observe -i wide.npy -o out.dopt m.dopt
}

@test "NaN and infinity are named with tensor and sample" {
    dopt-import -o m.dopt "$DIGITS/digits.onnx"
    "$PY" -c "
import numpy as np
a = np.random.RandomState(1).rand(30, 1, 28, 28).astype('f4')
for v, n in ((np.nan, 'nan'), (np.inf, 'inf')):
    b = a.copy(); b[17, 0, 3, 4] = v; np.save(n + '.npy', b)"
    for j in 1 2; do
        fails 1 "tensor image: NaN in sample nan.npy[17]" dopt-observe -j $j -i nan.npy -o out.dopt m.dopt
        fails 1 "tensor image: inf in sample inf.npy[17]" dopt-observe -j $j -i inf.npy -o out.dopt m.dopt
    done
}

@test "no space left, on a full device and on a small disk" {
    stages
    for call in "dopt-import $DIGITS/digits.onnx" "dopt-observe -c $DIGITS/config.prototxt m.dopt" \
        "dopt-quant m.dopt r.dopt" "dopt-emit m.dopt p.dopt" "dopt-merge r.dopt" \
        "dopt-run -c $DIGITS/config.prototxt m.dopt" "dopt-show m.dopt"; do
        run -1 --separate-stderr bash -c "$call >/dev/full"
        [ "${#stderr_lines[@]}" -eq 1 ]
        [[ $stderr == *': cannot write: No space left on device' ]]
    done
    mkdir small
    mount -t tmpfs -o size=16k tmpfs small 2>/dev/null || return 0
    run -1 --separate-stderr dopt-import -o small/m.dopt "$DIGITS/digits.onnx"
    found=$(ls -A small)
    umount small
    [[ $stderr == 'dopt-import: small/m.dopt: '*'No space left on device' ]]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [ -z "$found" ]
}

@test "files of two models" {
    stages
    another
    digest() {
        dopt-show "$1" | sed -n 's/.*digest \([0-9a-f]*\)$/\1/p'
    }
    a=$(digest m.dopt) b=$(digest another.dopt)
    fails 1 "the observations are of model $b, this is model $a" dopt-quant -o out.dopt m.dopt another.r.dopt
    fails 1 "the plan is of model $a, this is model $b" dopt-emit -o out.onnx another.dopt p.dopt
    fails 1 "the plan is of model $a, this is model $b" dopt-run -c "$DIGITS/config.prototxt" -o out.npz another.dopt p.dopt
    fails 1 "another.dopt: its MODEL differs from the one in m.dopt" dopt-quant -o out.dopt m.dopt another.dopt r.dopt
    fails 1 "another.r.dopt: observed on model $b, the ones before on model $a" dopt-merge -o out.dopt r.dopt another.r.dopt
}

@test "a stage is missing" {
    stages
    fails 1 "dopt-quant: " dopt-quant -o out.dopt m.dopt
    fails 1 "dopt-emit: " dopt-emit -o out.onnx m.dopt r.dopt
    fails 1 "dopt-observe: " dopt-observe -c "$DIGITS/config.prototxt" -o out.dopt r.dopt
    fails 1 "dopt-merge: " dopt-merge -o out.dopt m.dopt
}

@test "a shard twice, a shard of another set, a shard missing" {
    dopt-import -o m.dopt "$DIGITS/digits.onnx"
    for i in 1 2 3; do
        dopt-observe -c "$DIGITS/config.prototxt" --shard $i/3 -d -o $i.dopt m.dopt
    done
    fails 1 "2.dopt: steps 33 to 65 were observed twice: a shard is given twice" dopt-merge -o out.dopt 1.dopt 2.dopt 3.dopt 2.dopt
    samples x.npy 10 1 28 28
    dopt-observe -i x.npy --shard 2/2 -d -o x.dopt m.dopt
    fails 1 "x.dopt: of a calibration set of 10 steps, the ones before of 100" dopt-merge -o out.dopt 1.dopt x.dopt
    run -0 --separate-stderr dopt-merge -o two.dopt 3.dopt 1.dopt
    [ "$stderr" = 'dopt-merge: warning: 67 of 100 steps are covered: shards are missing' ]
    run -0 --separate-stderr dopt-quant -d -o p.dopt m.dopt two.dopt
    [ "$stderr" = 'dopt-quant: warning: the observations cover 67 of 100 steps: are shards missing?' ]
}

@test "options that make no sense" {
    stages
    for s in 0/4 5/4 x 3 -1/4; do
        fails 2 "--shard: '$s' is not I/N with I from 1 to N" \
            dopt-observe -c "$DIGITS/config.prototxt" --shard $s -o out.dopt m.dopt
    done
    fails 2 "--shard: '0' is not a number of at least 1" \
        dopt-observe -c "$DIGITS/config.prototxt" --shard 1/0 -o out.dopt m.dopt
    fails 2 "minmac" dopt-quant --method minmac -o out.dopt m.dopt r.dopt
    fails 2 "101" dopt-quant --percentile 101 -o out.dopt m.dopt r.dopt
    fails 2 "give either -c config.prototxt or -i NAME=FILE" dopt-observe -o out.dopt m.dopt
    fails 2 "tflite" dopt-emit --as tflite -o out.onnx m.dopt p.dopt
    fails 2 "--float writes no scales: leave --param and --record out" dopt-emit --float --param p -o out.onnx m.dopt
    fails 2 "-j: '0' is not a number of at least 1" dopt-run -j 0 -c "$DIGITS/config.prototxt" -o out.npz m.dopt
    fails 2 "--labels goes with --compare" dopt-run --labels x.npy -c "$DIGITS/config.prototxt" -o out.npz m.dopt
    fails 2 "--model is required" dopt -m 0 --framework 5 --cal_conf "$DIGITS/config.prototxt" --output out.onnx
    fails 2 "--mode: '1' is not one of 0" dopt -m 1 --framework 5
    fails 2 "--framework: '4' is not one of 3|5" dopt -m 0 --framework 4
    fails 2 "usage: dopt-quant" dopt-quant --no-such-option
}

@test "-i that fits no input" {
    dopt-import -o m.dopt "$DIGITS/digits.onnx"
    samples x.npy 3 1 28 28
    fails 2 "imgae=x.npy: the model has no input 'imgae'; closest: 'image'" dopt-observe -i imgae=x.npy -o out.dopt m.dopt
    fails 1 "none.npy: cannot open: No such file or directory" dopt-run -i image=none.npy -o out.npz m.dopt
}

@test "outputs that cannot be written" {
    stages
    mkdir dir
    fails 1 "dir: is a directory, name a file to write" dopt-emit -o out.onnx --param dir m.dopt p.dopt
    fails 1 "dir: is a directory, name a file to write" dopt-import -o dir "$DIGITS/digits.onnx"
    fails 1 "no/m.dopt: cannot create: No such file or directory" dopt-import -o no/m.dopt "$DIGITS/digits.onnx"
    fails 1 "no/param: cannot create: No such file or directory" dopt-emit -o out.onnx --param no/param m.dopt p.dopt
    fails 1 "no/rec: cannot create: No such file or directory" \
        dopt-emit -o out.onnx --param out.param --record no/rec m.dopt p.dopt
    [ -z "$(ls -A dir)" ]
}

@test "a dopt file that is damaged, cut off or of a later version" {
    stages
    for f in m r p; do
        head -c 500 $f.dopt >cut.dopt
        fails 1 "cut.dopt: incomplete: the stage that wrote it failed" dopt-emit -o out.onnx cut.dopt
    done
    cp r.dopt bad.dopt
    printf '\xff' | dd of=bad.dopt bs=1 seek=3000 conv=notrunc status=none
    fails 1 "bad.dopt: section OBSERVED: damaged (wrong checksum)" dopt-quant -o out.dopt m.dopt bad.dopt
    cp m.dopt new.dopt
    printf '\x02' | dd of=new.dopt bs=1 seek=8 conv=notrunc status=none
    fails 1 "new.dopt: version 2 is newer than this dopt, which knows 1" dopt-emit --float -o out.onnx new.dopt
}

@test "a failed stage of a pipe is not taken for an end" {
    run -1 --separate-stderr bash -o pipefail -c \
        'dopt-import none.onnx | dopt-observe -c "$1" | dopt-quant | dopt-emit --param out.param -o out.onnx' - "$DIGITS/config.prototxt"
    [[ ${stderr_lines[0]} == 'dopt-import: none.onnx: cannot open: No such file or directory' || $stderr == *none.onnx* ]]
    run ! ls out.onnx out.param
}

@test "killed in the middle leaves no output, and the old one as it was" {
    stages
    samples big.npy 3000 1 28 28
    cp p.dopt old.dopt
    dopt-observe -j 1 -i big.npy -o old.dopt m.dopt &
    pid=$!
    sleep 0.1
    kill -9 $pid
    wait $pid || true
    cmp old.dopt p.dopt
    dopt-observe -j 1 -i big.npy -o out.dopt m.dopt &
    pid=$!
    sleep 0.1
    kill -TERM $pid
    wait $pid || true
    [ ! -e out.dopt ]
}

@test "the driver's failures name the stage and leave no output" {
    cp "$DIGITS/config.prototxt" .
    mkdir calib
    fails_driver() { # STAGE TEXT OPTION...
        run -1 --separate-stderr dopt -m 0 --framework 5 --model "$DIGITS/digits.onnx" --cal_conf config.prototxt \
            --output out.onnx "${@:3}"
        [[ ${stderr_lines[0]} == *"$2"* ]]
        [ "${stderr_lines[1]}" = "dopt: stage $1 failed (exit status 1); intermediate files are kept in out.onnx.work (remove it to start anew)" ]
        [ "${#stderr_lines[@]}" -eq 2 ]
        [ ! -e out.onnx ] && [ ! -e param ]
    }
    fails_driver import "1x3x28x28 does not fit the model's" --input_shape image:1,3,28,28
    fails_driver observe 'calib: holds no image (0 other files)'
    rmdir calib
    cp -r "$DIGITS/calib" .
    fails_driver quant "exclude_op 'nothing' names no weight" --exclude nothing
    mkdir dir
    run -1 --separate-stderr dopt -m 0 --framework 5 --model "$DIGITS/digits.onnx" \
        --cal_conf config.prototxt --output out.onnx --compress_conf dir
    [ "$stderr" = 'dopt: --compress_conf dir: is a directory, name a file to write' ]
}

@test "no tool's output replaces its input, nor the source that it links to" {
    cp "$DIGITS/digits.onnx" d.onnx
    dopt-import --link -o l.dopt d.onnx
    dopt-observe -c "$DIGITS/config.prototxt" l.dopt | dopt-quant -o all.dopt
    dopt-observe -c "$DIGITS/config.prototxt" -d -o r.dopt l.dopt
    dopt-quant -d -o p.dopt l.dopt r.dopt
    sha256sum d.onnx l.dopt p.dopt all.dopt >before
    fails 2 "-o d.onnx: is the same file as the model" dopt-import --link -o d.onnx d.onnx
    fails 2 "-o d.onnx: is the same file as the model that the input links to" dopt-emit -o d.onnx l.dopt p.dopt
    fails 2 "--param all.dopt: is the same file as an input" dopt-emit --param all.dopt -o out.onnx all.dopt
    fails 2 "--record p.dopt: is the same file as an input" dopt-emit --record p.dopt -o out.onnx l.dopt p.dopt
    fails 2 "--profile out.npy: is the same file as -o" \
        dopt-run -c "$DIGITS/config.prototxt" --profile out.npy -o out.npy l.dopt
    sha256sum -c --quiet before
}

@test "labels that do not fit the samples or the classes are refused" {
    stages
    "$PY" -c "
import numpy as np
for name, a in ('few', np.zeros(7, 'i4')), ('many', np.zeros(500, 'i4')), ('real', np.zeros(100)), ('far', np.full(100, 77)):
    np.save(name + '.npy', a)"
    compare=(dopt-run --compare -c "$DIGITS/config.prototxt" -o out.txt)
    fails 1 "--labels: 7 for more samples than that" "${compare[@]}" --labels few.npy m.dopt p.dopt
    fails 1 "--labels: 500 for 100 samples" "${compare[@]}" --labels many.npy m.dopt p.dopt
    fails 1 "--labels real.npy: holds float64, integers are needed" "${compare[@]}" --labels real.npy m.dopt p.dopt
    fails 1 "--labels: entry 0 is 77, the first output has 10 classes" "${compare[@]}" --labels far.npy m.dopt p.dopt
}

@test "whatever call fails, no tool leaves half a file, hangs or says nothing" {
    command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null || skip "needs strace, and leave to trace"
    [[ $DOPT_BIN != */address/* && $DOPT_BIN != */thread/* ]] || skip "sanitizers have an allocator of their own"
    "$ROOT/tests/fault" --every 40 dopt-import dopt-observe dopt-quant dopt-emit dopt-calpack >table
    grep -q 'dopt-emit .*write' table
}

@test "a file that is cut off while it is read is an error, not a crash" {
    [[ $DOPT_BIN != */address/* && $DOPT_BIN != */thread/* ]] || skip "sanitizers report the signal themselves"
    dopt-import -o m.dopt "$ROOT/examples/digits/digits.onnx"
    for i in 1 2; do dopt-observe -c "$ROOT/examples/digits/config.prototxt" --shard $i/2 -o $i.dopt m.dopt; done
    mkfifo late
    dopt-merge -o out.dopt 1.dopt late 2>err 9>&- & # the first is mapped, the second not there yet
    local pid=$! rc
    exec 9>late
    truncate -s 4096 1.dopt
    cat 2.dopt >&9
    exec 9>&-
    rc=0
    wait "$pid" || rc=$?
    [ "$rc" -eq 1 ]
    [ "$(cat err)" = "dopt-merge: a file became shorter, or its disk failed, while it was read" ]
    [ ! -e out.dopt ]
    [ "$(ls)" = "$(printf '%s\n' 1.dopt 2.dopt err late m.dopt)" ]
}
