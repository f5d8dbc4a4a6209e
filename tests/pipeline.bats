#!/usr/bin/env bats
# The whole way from a float model to a quantized one: pipe, driver and make are the same thing.
load lib

DIGITS=$ROOT/examples/digits
SHAPE=image:1,1,28,28

# A copy of the example that a test may change.
example() {
    mkdir -p "${1:-.}"
    cp "$DIGITS/digits.onnx" "$DIGITS/config.prototxt" "${1:-.}/"
    cp -r "$DIGITS/calib" "${1:-.}/"
}

driver() { # MODEL CONFIG OUTPUT OPTION...
    dopt -m 0 --framework 5 --model "$1" --cal_conf "$2" --output "$3" --input_shape "$SHAPE" "${@:4}"
}

pipeline() { # VARIABLE=VALUE...
    make -s -f "$ROOT/pipeline.mk" MODEL=digits.onnx CAL_CONF=config.prototxt INPUT_SHAPE=$SHAPE OUTPUT=q.onnx \
        PARAM=param "$@"
}

# Sets the times of what was made an hour back, so that what is made again shows.
age() {
    touch -h -d '1 hour ago' ./*.onnx.work/* q.onnx param
    touch -d '30 minutes ago' age.mark
}

# The files that were made since.
again() {
    find q.onnx q.onnx.work param -type f -newer age.mark ! -name make.log ! -name pair -printf '%f\n' | sort | tr '\n' ' '
}

@test "a pipe, the driver and make give the same bytes, grid and qdq" {
    example
    for as in grid qdq; do
        dopt-import --input_shape $SHAPE digits.onnx | dopt-observe -c config.prototxt |
            dopt-quant -c config.prototxt | dopt-emit --as $as --param pipe.param -o pipe.onnx
        driver digits.onnx config.prototxt $as.onnx --as $as --compress_conf $as.param
        pipeline AS=$as OUTPUT=make.onnx PARAM=make.param
        cmp pipe.onnx $as.onnx
        cmp pipe.onnx make.onnx
        cmp pipe.param $as.param
        cmp pipe.param make.param
        rm -r make.onnx*
    done
    cmp grid.param qdq.param # every scale, whatever form the model is emitted in
    run ! cmp grid.onnx qdq.onnx
    "$PY" -c "
import onnx
n = {f: [x.op_type for x in onnx.load(f + '.onnx').graph.node] for f in ('grid', 'qdq')}
assert 'QuantizeLinear' in n['qdq'] and 'QuantizeLinear' not in n['grid']
onnx.checker.check_model('grid.onnx', True); onnx.checker.check_model('qdq.onnx', True)"
}

@test "self-contained and linked, detached and united files give the same bytes" {
    example
    dopt-import --input_shape $SHAPE -o a.dopt digits.onnx
    dopt-import --link --input_shape $SHAPE -o l.dopt digits.onnx
    dopt-observe -c config.prototxt -d -o r.dopt a.dopt
    dopt-observe -c config.prototxt -d -o lr.dopt l.dopt
    dopt-quant -d -o p.dopt a.dopt r.dopt
    dopt-quant -o lp.dopt lr.dopt l.dopt
    dopt-emit -o a.onnx --param a.param a.dopt p.dopt
    dopt-emit -o l.onnx --param l.param lp.dopt
    cmp a.onnx l.onnx
    cmp a.param l.param
}

@test "1, 2 and 5 threads give the same observations" {
    example
    dopt-import -o m.dopt digits.onnx
    for j in 1 2 5; do
        for all in '' --all; do
            dopt-observe $all -j $j -c config.prototxt -d -o $j$all.dopt m.dopt
        done
    done
    for j in 2 5; do
        cmp 1.dopt $j.dopt
        cmp 1--all.dopt $j--all.dopt
    done
}

@test "7 shards in any order, and merges of merges, are one run" {
    example
    dopt-import -o m.dopt digits.onnx
    dopt-observe -c config.prototxt -d -o whole.dopt m.dopt
    for i in 1 2 3 4 5 6 7; do
        dopt-observe -j $((i % 3 + 1)) -c config.prototxt --shard $i/7 -d -o $i.dopt m.dopt
    done
    dopt-merge -o a.dopt [1-7].dopt
    dopt-merge -o b.dopt 5.dopt 2.dopt 7.dopt 1.dopt 4.dopt 6.dopt 3.dopt
    dopt-merge 7.dopt 6.dopt 5.dopt 4.dopt 3.dopt 2.dopt 1.dopt >c.dopt
    dopt-merge -o left.dopt 6.dopt 1.dopt 3.dopt
    dopt-merge -o right.dopt 2.dopt 7.dopt 5.dopt 4.dopt
    dopt-merge -o d.dopt right.dopt left.dopt
    for f in a b c d; do
        cmp whole.dopt $f.dopt
    done
    # more shards than samples: some see nothing
    mkdir few
    cp calib/00[0-2]* few/
    sed 's/calib/few/' config.prototxt >few.prototxt
    dopt-observe -c few.prototxt -d -o few.dopt m.dopt
    for i in 1 2 3 4 5; do
        dopt-observe -c few.prototxt --shard $i/5 -d -o f$i.dopt m.dopt
    done
    dopt-merge -o g.dopt f[1-5].dopt
    cmp few.dopt g.dopt
}

@test "the driver's shards and jobs change no byte" {
    example
    driver digits.onnx config.prototxt a.onnx --compress_conf a.param
    driver digits.onnx config.prototxt b.onnx --compress_conf b.param --shards 7 --jobs 3
    cmp a.onnx b.onnx
    cmp a.param b.param
    cmp a.onnx.work/observed.dopt b.onnx.work/observed.dopt
    cmp a.onnx.work/plan.dopt b.onnx.work/plan.dopt
}

# One run of the driver, everything in it set back.
once() {
    example
    find . -exec touch -h -d '2 hours ago' {} +
    driver digits.onnx config.prototxt q.onnx --shards 2
    age
}

@test "a second run with nothing changed makes nothing again" {
    once
    cp q.onnx before.onnx
    run -0 driver digits.onnx config.prototxt q.onnx --shards 2
    [ "$(again)" = '' ]
    [ "${lines[-1]}" = 'Quantize model success' ]
    cmp q.onnx before.onnx
    # so with comments, spaces and quotes of the config
    { echo '# another comment'; tr '"' "'" <config.prototxt; } >c && mv c config.prototxt
    driver digits.onnx config.prototxt q.onnx --shards 2
    [ "$(again)" = '' ]
}

@test "exclude_op and the range method make the plan again and nothing before it" {
    once
    echo 'exclude_op: "fc.weight"' >>config.prototxt
    driver digits.onnx config.prototxt q.onnx --shards 2
    [ "$(again)" = 'compare.txt param plan.dopt q.onnx quant.stamp ' ]
    run ! grep -q fc.weight param
    age
    driver digits.onnx config.prototxt q.onnx --shards 2 --method minmax
    [ "$(again)" = 'compare.txt param plan.dopt q.onnx quant.stamp ' ]
    age
    driver digits.onnx config.prototxt q.onnx --shards 2 --method minmax --as qdq
    [ "$(again)" = 'emit.stamp param q.onnx ' ]
}

@test "a replaced image makes everything again but the import" {
    once
    all='calibration.stamp compare.txt observed.dopt param plan.dopt q.onnx shard-1-of-2.dopt shard-2-of-2.dopt '
    cp -p q.onnx before.onnx
    # same name, same folder time
    touch -r calib folder.time
    cp calib/005*.png picture
    cp calib/006*.png x.png && mv x.png "$(ls calib/005*.png)"
    touch -r folder.time calib
    driver digits.onnx config.prototxt q.onnx --shards 2
    [ "$(again)" = "$all" ]
    age
    # one more
    cp calib/005*.png calib/900.png
    driver digits.onnx config.prototxt q.onnx --shards 2
    [ "$(again)" = "$all" ]
    dopt-show q.onnx.work/observed.dopt | grep -q '101 of 101 steps'
    age
    # one less
    rm calib/900.png
    driver digits.onnx config.prototxt q.onnx --shards 2
    [ "$(again)" = "$all" ]
    age
    # another mean
    sed -i 's/mean_value: 127.5/mean_value: 120/' config.prototxt
    driver digits.onnx config.prototxt q.onnx --shards 2
    [ "$(again)" = "$all" ]
}

@test "a replaced model makes everything again, even if it is older" {
    once
    cp digits.onnx new.onnx
    all='compare.txt import.stamp model.dopt observed.dopt param plan.dopt q.onnx shard-1-of-2.dopt shard-2-of-2.dopt '
    "$PY" -c "
import onnx
m = onnx.load('new.onnx'); m.doc_string = 'new'; onnx.save(m, 'digits.onnx')"
    driver digits.onnx config.prototxt q.onnx --shards 2
    [ "$(again)" = "$all" ]
    age
    touch -d '3 hours ago' digits.onnx
    driver digits.onnx config.prototxt q.onnx --shards 2
    [ "$(again)" = "$all" ]
    "$PY" -c "import onnx; assert onnx.load('q.onnx').doc_string == 'new'"
}

@test "make alone: changing exclude_op leaves the observations, -j8 changes no byte" {
    example
    find . -exec touch -h -d '2 hours ago' {} +
    pipeline SHARDS=4 -j8
    cp q.onnx four.onnx
    cp param four.param
    age
    echo 'exclude_op: "fc.weight"' >>config.prototxt
    pipeline SHARDS=4 -j8
    [ "$(again)" = 'param plan.dopt q.onnx quant.stamp ' ]
    rm -r q.onnx.work q.onnx
    cp "$DIGITS/config.prototxt" .
    pipeline
    cmp q.onnx four.onnx
    cmp param four.param
    # the compare target
    pipeline compare
    grep -q '^output logits: SQNR [0-9.]* dB' q.onnx.work/compare.txt
}

@test "RUN is what starts each part of the observation, and nothing else" {
    example
    cat >on-node <<'END'
#!/bin/sh
echo "$*" >>"$LOG"
exec "$@"
END
    chmod +x on-node
    LOG=$PWD/log pipeline SHARDS=3 RUN=./on-node
    [ "$(wc -l <log)" -eq 3 ]
    [ "$(grep -c 'dopt-observe .*--shard [123]/3' log)" -eq 3 ]
    pipeline OUTPUT=plain.onnx PARAM=plain.param
    cmp q.onnx plain.onnx
}

@test "paths with blanks, quotes, dollars and non-ASCII letters" {
    dir="a b/it's \$5 50%/数据 #1"
    example "$dir"
    driver "$dir/digits.onnx" "$dir/config.prototxt" "$dir/out put.onnx" --compress_conf "$dir/pa ram" >said
    [ "$(tail -1 said)" = 'Quantize model success' ]
    example plain
    driver plain/digits.onnx plain/config.prototxt plain/q.onnx
    cmp "$dir/out put.onnx" plain/q.onnx
    cmp "$dir/pa ram" plain/param
    [ "$(find "$dir" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tr '\n' '|')" = 'calib|config.prototxt|digits.onnx|out put.onnx|out put.onnx.work|pa ram|' ]
    touch age.mark
    driver "$dir/digits.onnx" "$dir/config.prototxt" "$dir/out put.onnx" --compress_conf "$dir/pa ram"
    [ -z "$(find "$dir" -newer age.mark -name '*.dopt')" ]
}

@test "a staged installation works where it lies" {
    example
    make -s -C "$ROOT" install DESTDIR="$PWD/stage" PREFIX=/usr >/dev/null
    driver digits.onnx config.prototxt here.onnx --compress_conf here.param
    mv stage 'moved on'
    (
        PATH="$PWD/moved on/usr/bin:/usr/bin:/bin"
        driver digits.onnx config.prototxt q.onnx
        make -s -f 'moved on/usr/share/dopt/pipeline.mk' MODEL=digits.onnx CAL_CONF=config.prototxt INPUT_SHAPE=$SHAPE \
            OUTPUT=made.onnx PARAM=made.param
    )
    cmp q.onnx here.onnx
    cmp made.onnx here.onnx
    cmp made.param here.param
    for f in moved\ on/usr/share/man/man1/dopt.1 moved\ on/usr/share/man/man7/dopt-pipeline.7; do
        [ -s "$f" ] || [ -s "$f.gz" ]
    done
}

@test "--resume after a kill gives the bytes of one run" {
    example
    dopt-import -o m.dopt digits.onnx
    dopt-observe -c config.prototxt -o whole.dopt m.dopt
    dopt-observe -j 1 -c config.prototxt -o r.dopt m.dopt &
    sleep 0.02
    kill -9 $! || true
    wait $! || true
    dopt-observe --resume -c config.prototxt -o r.dopt m.dopt
    cmp r.dopt whole.dopt
    # from what a killed run had saved: the first 37 of 100 steps, or all
    for saved in 37 100; do
        for i in $(seq $saved); do
            dopt-observe -j 1 -c config.prototxt --shard $i/100 -d -o s$i.dopt m.dopt
        done
        dopt-merge -o r2.dopt.part s*.dopt 2>/dev/null
        dopt-observe --resume -c config.prototxt -o r2.dopt m.dopt
        cmp r2.dopt whole.dopt
        [ ! -e r2.dopt.part ]
        rm s*.dopt r2.dopt
    done
    # what was saved for another part is not taken up
    for shard in 1/2 3/3; do
        dopt-observe -c config.prototxt --shard $shard -d -o out.dopt.part m.dopt
        run -1 --separate-stderr dopt-observe --resume -c config.prototxt --shard 1/3 -o out.dopt m.dopt
        [ "$stderr" = 'dopt-observe: out.dopt.part: of another --shard: remove it to start anew' ]
        [ ! -e out.dopt ]
    done
}

@test "the driver ends with its five lines and success" {
    example
    run -0 --separate-stderr driver digits.onnx config.prototxt q.onnx
    [ -z "$stderr" ]
    [ "${#lines[@]}" -eq 6 ]
    [ "${lines[5]}" = 'Quantize model success' ]
    [[ $output == *' dB'* ]]
    # the param file is beside the output unless --compress_conf says otherwise
    [ -s param ]
    [ "$(dopt-show param | grep -c '^node ')" -eq 8 ]
}

@test "the driver names the stage that failed, keeps the work and goes on when mended" {
    example
    mv calib away
    run -1 --separate-stderr driver digits.onnx config.prototxt q.onnx
    [ "${#stderr_lines[@]}" -eq 2 ]
    [[ ${stderr_lines[0]} == *'config.prototxt:'*'calib'* ]]
    [[ ${stderr_lines[1]} =~ ^'dopt: stage '(config|observe)' failed (exit status 1); intermediate files are kept in q.onnx.work (remove it to start anew)'$ ]]
    [ ! -e q.onnx ]
    mv away calib
    cp digits.onnx whole.onnx
    head -c 9000 whole.onnx >digits.onnx
    run -1 --separate-stderr driver digits.onnx config.prototxt q.onnx
    [[ ${stderr_lines[0]} == 'dopt-import: digits.onnx: '* ]]
    [ "${stderr_lines[1]}" = 'dopt: stage import failed (exit status 1); intermediate files are kept in q.onnx.work (remove it to start anew)' ]
    cp whole.onnx digits.onnx
    echo 'exclude_op: "fc.wieght"' >>config.prototxt
    run -1 --separate-stderr driver digits.onnx config.prototxt q.onnx
    [[ ${stderr_lines[0]} == *"exclude_op 'fc.wieght' names no weight and no node of the model; closest: 'fc.weight'"* ]]
    [ "${stderr_lines[1]}" = 'dopt: stage quant failed (exit status 1); intermediate files are kept in q.onnx.work (remove it to start anew)' ]
    [ ! -e q.onnx ]
    sed -i s/wieght/weight/ config.prototxt
    driver digits.onnx config.prototxt q.onnx
}

@test "the TensorFlow graph of the same network gets the same scales" {
    example
    cp "$DIGITS/digits.pb" .
    driver digits.onnx config.prototxt q.onnx
    for as in grid qdq; do
        dopt -m 0 --framework 3 --model digits.pb --cal_conf config.prototxt --output $as.pb --input_format NHWC \
            --input_shape 'image: 1,28,28,1' --out_nodes logits --compress_conf $as.param --as $as
        dopt-emit --record $as.txt -o again.pb $as.pb.work/model.dopt $as.pb.work/plan.dopt
    done
    cmp grid.param qdq.param
    dopt-emit --record onnx.txt -o again.onnx q.onnx.work/model.dopt q.onnx.work/plan.dopt
    # the same network, but for names and the last bit of what training's export rounded
    cmp <(grep -c scale onnx.txt) <(grep -c scale grid.txt)
    dopt-import -o back.dopt grid.pb
    dopt-show back.dopt | grep -q '^output logits'
    dopt -m 0 --framework 3 --model digits.pb --cal_conf config.prototxt --output tf.onnx --input_format NHWC \
        --compress_conf tf.param --as qdq --to onnx
    [ "$(dopt-show tf.onnx | cut -d, -f1)" = 'an ONNX model' ]
    run -1 --separate-stderr dopt -m 0 --framework 3 --model digits.pb --cal_conf config.prototxt --output q.pb
    [[ ${stderr_lines[0]} == *'; --input_format NHWC has them last' ]]
}

@test "the original's other options are accepted" {
    example
    driver digits.onnx config.prototxt a.onnx
    dopt --mode 0 --framework 5 --model digits.onnx --cal_conf config.prototxt --output b.onnx \
        --input_format NCHW --input_shape 'image：1，1，28，28；' --out_nodes 'logits;' --compress_conf b.param --device_idx 0
    cmp a.onnx b.onnx
    sed -i s/USE_CPU/USE_GPU/ config.prototxt
    run -0 --separate-stderr driver digits.onnx config.prototxt c.onnx
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ $stderr == *warning*GPU* ]]
    cmp a.onnx c.onnx
}
