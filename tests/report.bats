#!/usr/bin/env bats
# dopt-report: figures against numpy and ONNX Runtime, the fault that is found, lists that work, the page.
load lib

ORT=$ROOT/tests/ort/ort-run.js
DIGITS=$ROOT/examples/digits

check() {
    "$PY" "$ROOT/tests/report.py" "$@"
}

need_ort() {
    [ -d "$ROOT/build/ort/node_modules" ] || [ -n "${ORT_MODULES:-}" ] || skip "needs ONNX Runtime, see tests/ort/README"
}

# m.dopt, r.dopt, p.dopt of digits (quantized with OPTION...), and calib.npz: its calibration set.
digits() {
    dopt-import -o m.dopt "$DIGITS/digits.onnx"
    dopt-observe -c "$DIGITS/config.prototxt" -d -o r.dopt m.dopt
    dopt-quant "$@" -d -o p.dopt m.dopt r.dopt
    "$PY" "$ROOT/tests/quant.py" calib "$DIGITS/calib" calib.npz
}

report() {
    dopt-report -i calib.npz "$@"
}

@test "weights: SQNR, spread of channels and pairs that saturate are numpy's" {
    digits --no-equalization
    report --json r.json m.dopt r.dopt p.dopt >/dev/null
    dopt-emit --as qdq -o q.onnx m.dopt p.dopt
    check weights r.json "$DIGITS/digits.onnx" q.onnx
}

@test "leaving one out, both ways, is what ONNX Runtime makes of the emitted models" {
    need_ort
    digits --no-equalization
    report --json r.json m.dopt r.dopt p.dopt >/dev/null
    check spread calib.npz eight.npz 8
    check leave_one_out r.json "$DIGITS/digits.onnx" eight.npz
}

@test "inputs on their grids are numpy's, from what ONNX Runtime computes" {
    need_ort
    digits --no-equalization
    report --json r.json m.dopt r.dopt p.dopt >/dev/null
    check spread calib.npz eight.npz 8
    check inputs r.json "$DIGITS/digits.onnx" eight.npz
}

@test "the report's output SQNR is dopt-run --compare's, equalized or not" {
    for options in '' --no-equalization --per-tensor; do
        digits $options
        report m.dopt r.dopt p.dopt >said
        dopt-run --compare --spread 8 -i calib.npz m.dopt p.dopt >compared
        grep -qF "output keeps $(sed -n 's/.*SQNR \(.*\) dB, cos.*/\1/p' compared) dB" said
    done
}

@test "each layer of an equalized plan alone costs less than all of them" {
    digits
    dopt-show p.dopt | grep -q equalized
    report --json r.json m.dopt r.dopt p.dopt >/dev/null
    "$PY" -c "
import json
r = json.load(open('r.json'))
assert all(l['only_sqnr'] > r['output_sqnr'] for l in r['layers'])
assert any('equalized' in l['range_method'] for l in r['layers'])
assert all(l['weight_sqnr'] > 30 for l in r['layers'])"
}

@test "an equalized plan of a net without known shapes is taken apart too" {
    need_shared onnx
    "$PY" "$ROOT/tests/inputs.py" ch_ppocr_mobile_v2.0_cls_infer in.npz 5
    dopt-import --link -o m.dopt "$SHARED/data/onnx/ch_ppocr_mobile_v2.0_cls_infer.onnx"
    dopt-observe -i in.npz -d -o r.dopt m.dopt
    dopt-quant -d -o p.dopt m.dopt r.dopt 2>/dev/null
    dopt-report -i in.npz --json r.json m.dopt r.dopt p.dopt >/dev/null
    "$PY" -c "
import json
r = json.load(open('r.json'))
assert any('equalized' in l['range_method'] for l in r['layers'])
assert all(l['weight_sqnr'] > 30 and l['only_sqnr'] > 15 for l in r['layers'])" # in other units than the plan a weight has 5 dB
}

@test "a layer with a range ten times too wide is the first, excluding it restores the SQNR" {
    digits --no-equalization
    report --json clean.json m.dopt r.dopt p.dopt >/dev/null
    for node in /depthwise/conv/Conv /pointwise/conv/Conv /branch1/conv/Conv /branch2/conv/Conv; do
        check fault p.dopt fault.dopt $node 10
        target=$("$PY" -c "
import json
print(next(l['without_sqnr'] for l in json.load(open('clean.json'))['layers'] if l['name'] == '$node') - 0.2)")
        report --json r.json --target-sqnr "$target" --exclude-list list.txt m.dopt r.dopt fault.dopt >said
        check first r.json $node 0.5
        check target r.json - - $node
        # the list in the config, as it is
        { cat "$DIGITS/config.prototxt" && cat list.txt; } >with.prototxt
        (cd "$DIGITS" && dopt-quant --no-equalization -c "$OLDPWD/with.prototxt" -d -o "$OLDPWD/with.dopt" "$OLDPWD/m.dopt" "$OLDPWD/r.dopt")
        dopt-show with.dopt | grep -q "^float $node: .*excluded"
        dopt-run --compare --spread 8 -i calib.npz m.dopt with.dopt >with
        "$PY" - <<'END'
import json, re
clean, after = json.load(open('clean.json'))['output_sqnr'], float(re.search('SQNR (.*) dB', open('with').read())[1])
t = json.load(open('r.json'))['target']
assert t['before'] < clean - 4 and t['after'] - t['before'] > 0.75 * (clean - t['before']), (t, clean)
assert abs(t['after'] - after) < 0.1, (t, after) # without the layer the fault is gone
END
    done
}

@test "the list reaches the target, and no layer of it can be spared" {
    digits
    report --json r.json --target-sqnr 38 --exclude-list list.txt m.dopt r.dopt p.dopt >/dev/null
    [ "$(grep -c '^exclude_op: "' list.txt)" -ge 2 ]
    reach() { # the SQNR with this list
        dopt-quant --exclude "$1" -d -o x.dopt m.dopt r.dopt
        dopt-run --compare --spread 8 -i calib.npz m.dopt x.dopt | sed -n 's/.*SQNR \(.*\) dB, cos.*/\1/p'
    }
    list=$(sed -n 's/^exclude_op: "\(.*\)"$/\1/p' list.txt | paste -sd';')
    check target r.json - "$(reach "$list")"
    "$PY" -c "assert $(reach "$list") >= 38"
    digits --no-equalization
    report --target-sqnr 38 --exclude-list list.txt m.dopt r.dopt p.dopt >/dev/null
    while read -r name; do
        fewer=$(sed -n 's/^exclude_op: "\(.*\)"$/\1/p' list.txt | grep -vxF "$name" | paste -sd';')
        dopt-quant --no-equalization --exclude "$fewer" -d -o x.dopt m.dopt r.dopt
        dopt-run --compare --spread 8 -i calib.npz m.dopt x.dopt >compared
        "$PY" -c "
import re
assert float(re.search('SQNR (.*) dB', open('compared').read())[1]) < 38.05, '$name'"
    done < <(sed -n 's/^exclude_op: "\(.*\)"$/\1/p' list.txt)
}

@test "a command judges emitted models: by argument or DOPT_MODEL, the last number counts" {
    need_ort
    digits --no-equalization
    "$ORT" --no-opt -o y.npz "$DIGITS/digits.onnx" calib.npz
    cat >judge.sh <<END
"$ORT" --no-opt -o q.npz "\$1" calib.npz && echo "of 100 samples" &&
"$PY" -c "
import numpy as np
y, q = np.load('y.npz')['logits'].astype('f8'), np.load('q.npz')['logits'].astype('f8')
print('SQNR: %.3f' % (10 * np.log10((y ** 2).sum() / ((y - q) ** 2).sum())))"
END
    report --json r.json --target 34 --command 'sh judge.sh' --exclude-list list.txt m.dopt r.dopt p.dopt >/dev/null
    dopt-quant --no-equalization --exclude "$(sed -n 's/^exclude_op: "\(.*\)"$/\1/p' list.txt | paste -sd';')" -d -o x.dopt m.dopt r.dopt
    dopt-emit --as qdq -o x.onnx m.dopt x.dopt
    check target r.json - "$(sh judge.sh x.onnx | sed -n 's/SQNR: //p')"
    report --json r.json --target 1 --command 'test -s "$DOPT_MODEL" && echo 1.5 2%' m.dopt r.dopt p.dopt >/dev/null
    check target r.json 2 2
    fails 1 '--command false: ended with status 1' report --target 1 --command false -o out m.dopt r.dopt p.dopt
    fails 1 'printed no number' report --target 1 --command 'echo none #' -o out m.dopt r.dopt p.dopt
    export TMPDIR=$PWD/tmp
    mkdir tmp
    report --target 1 --command 'echo 1' m.dopt r.dopt p.dopt >/dev/null
    [ -z "$(ls tmp)" ]
    report --target 3 --command 'echo 2' m.dopt r.dopt p.dopt | grep -qF 'is out of reach: all float gives 2.'
}

@test "without samples the report ranks by what was observed, and says so" {
    digits --no-equalization
    dopt-report --json r.json m.dopt r.dopt p.dopt >said
    grep -q 'No samples were given' said
    "$PY" -c "
import json
r = json.load(open('r.json'))
assert r['samples'] == 0 and r['output_sqnr'] is None and r['layers'][0]['only_sqnr'] is None
seen = [l['input_sqnr_observed'] for l in r['layers']]
assert seen == sorted(seen)"
}

@test "any number of threads gives the same report, and a pipe what files give" {
    digits
    report -j 1 --json one.json m.dopt r.dopt p.dopt >one
    report -j 3 --json three.json m.dopt r.dopt p.dopt >three
    cmp one three
    cmp one.json three.json
    dopt-quant -o all.dopt m.dopt r.dopt
    report <all.dopt >pipe
    cmp one pipe
}

@test "warnings of the calibration set are in the report, not on stderr" {
    digits
    "$PY" -c "
import numpy as np
np.savez('few.npz', image=np.load('calib.npz')['image'][:3])"
    dopt-observe -i few.npz -d -o r.dopt m.dopt
    dopt-quant -d -o p.dopt m.dopt r.dopt 2>/dev/null
    run -0 --separate-stderr dopt-report -i few.npz --html r.html m.dopt r.dopt p.dopt
    [ -z "$stderr" ]
    [[ $output == *'warning: only 3 steps of the calibration set'* ]]
    grep -q '<p class="warning">only 3 steps' r.html
}

@test "the page loads in Chromium, sorts by every column on a click, and logs no error" {
    command -v chromium >/dev/null || skip "needs chromium"
    digits
    report --html r.html --json r.json m.dopt r.dopt p.dopt >/dev/null
    check page r.html sorted.html
    export HOME=$PWD XDG_CONFIG_HOME=$PWD XDG_CACHE_HOME=$PWD
    for page in r sorted; do
        timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --enable-logging=stderr \
            --user-data-dir="$PWD/$page" --virtual-time-budget=5000 --dump-dom "file://$PWD/$page.html" >$page.dump 2>$page.log
        ! grep -i ':CONSOLE' $page.log
    done
    check sorted_page sorted.dump r.json
    [ "$(grep -o '<svg' r.dump | wc -l)" -eq "$("$PY" -c "import json; print(len(json.load(open('r.json'))['layers']))")" ]
}

@test "names are escaped in the page, in JSON and in the list" {
    "$PY" - <<'END'
import numpy as np
from onnx import TensorProto as T, helper as h, numpy_helper as nh, save
rng = np.random.RandomState(0)
nodes = [h.make_node('Conv', ['x', '<w "1"\\&>'], ['y'], name='<b>"node"\\&'), h.make_node('Conv', ['y', 'v'], ['z'], name='a;b')]
g = h.make_graph(nodes, 'g', [h.make_tensor_value_info('x', T.FLOAT, (1, 3, 8, 8))], [h.make_tensor_value_info('z', T.FLOAT, None)],
                 [nh.from_array(rng.randn(4, 3, 3, 3).astype('f4'), '<w "1"\\&>'), nh.from_array(rng.randn(4, 4, 3, 3).astype('f4'), 'v')])
save(h.make_model(g, opset_imports=[h.make_opsetid('', 13)], ir_version=8), 'n.onnx')
np.savez('x.npz', x=rng.randn(12, 3, 8, 8).astype('f4'))
END
    dopt-import n.onnx | dopt-observe -i x.npz | dopt-quant -o all.dopt
    dopt-report -i x.npz --html r.html --json r.json --target-sqnr 200 --exclude-list list.txt all.dopt >/dev/null
    ! grep -q '<b>"' r.html
    grep -qF '&lt;b>&quot;node&quot;\&amp;' r.html
    "$PY" -c "
import json
r = json.load(open('r.json'))
assert sorted(r['exclude']) == ['<b>\"node\"\\\\&', 'v'], r['exclude']"
    printf 'preprocess_parameter { input_type: BINARY input_file_path: "none.bin" }\n' | cat - list.txt >c.prototxt
    dopt-quant -c c.prototxt -d -o p.dopt all.dopt
    [ "$(dopt-show p.dopt | grep -c '^float .*excluded')" -eq 2 ]
}

@test "what makes no sense is refused" {
    digits
    fails 2 'one target only' report --target-sqnr 3 --target 4 --command x m.dopt r.dopt p.dopt
    fails 2 '--target VALUE needs --command CMD' report --target 4 m.dopt r.dopt p.dopt
    fails 2 '--command needs --target VALUE' report --command x m.dopt r.dopt p.dopt
    fails 2 '--exclude-list needs a target' report --exclude-list out m.dopt r.dopt p.dopt
    fails 2 'a target needs samples' dopt-report --target-sqnr 3 m.dopt r.dopt p.dopt
    fails 2 "--target-sqnr: 'much' is not a number" report --target-sqnr much m.dopt r.dopt p.dopt
    fails 1 'holds no OBSERVED section' report -o out m.dopt p.dopt
    fails 1 'holds no PLAN section' report -o out m.dopt r.dopt
    dopt-import --input_shape image:2,1,28,28 -o other.dopt "$DIGITS/digits.onnx"
    fails 1 'of model' report -o out other.dopt r.dopt p.dopt
    fails 1 'No space left on device' report --html /dev/full -o out m.dopt r.dopt p.dopt
}
