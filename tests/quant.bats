#!/usr/bin/env bats
# dopt-quant and dopt-emit: scales, weights and biases against numpy, in tests/quant.py.
load lib

ORT=$ROOT/tests/ort/ort-run.js
DIGITS=$ROOT/examples/digits

check() {
    "$PY" "$ROOT/tests/quant.py" "$@"
}

# m.dopt, r.dopt of a digits that has been observed everywhere.
observed() {
    dopt-import -o m.dopt "$DIGITS/digits.onnx"
    dopt-observe --all -c "$DIGITS/config.prototxt" -d -o r.dopt m.dopt
}

# inner.npz: what ONNX Runtime computes for every tensor of digits on the calibration set.
inner() {
    [ -d "$ROOT/build/ort/node_modules" ] || [ -n "${ORT_MODULES:-}" ] || skip "needs ONNX Runtime, see tests/ort/README"
    check expose "$DIGITS/digits.onnx" all.onnx
    check calib "$DIGITS/calib" calib.npz
    "$ORT" --no-opt --step 1 -o inner.npz all.onnx calib.npz
}

# plan OPTION...: p.dopt, plan.txt and param of m.dopt and r.dopt, channels scaled as they are.
plan() {
    dopt-quant --no-equalization "$@" -d -o p.dopt m.dopt r.dopt
    dopt-show p.dopt >plan.txt
    dopt-emit --param param -o grid.onnx m.dopt p.dopt
    dopt-show param >param.txt
}

@test "observations are numpy's extrema and counts of what ONNX Runtime computes" {
    inner
    observed
    dopt-show r.dopt >seen.txt
    check extrema seen.txt inner.npz calib.npz
}

@test "minmax is (max - min) / 255 of the range with 0 in it" {
    observed
    dopt-show r.dopt >seen.txt
    plan --method minmax
    check minmax plan.txt seen.txt
}

@test "percentile cuts what numpy's quantiles cut" {
    inner
    observed
    for p in 99.999 99.9 99; do
        plan --method percentile --percentile $p
        check percentile plan.txt inner.npz calib.npz $p
    done
}

@test "mse and lp are as good as the best range of a search over the raw values" {
    inner
    observed
    for method in mse lp; do
        plan --method $method
        check search plan.txt inner.npz calib.npz $method
    done
}

@test "mean, ifmr and l2 are what numpy finds by their formulas" {
    inner
    observed
    for method in mean ifmr l2; do
        plan --method $method
        check $method plan.txt inner.npz calib.npz
    done
}

@test "entropy stays inside what was seen and clips little" {
    inner
    observed
    plan --method entropy
    check entropy plan.txt inner.npz calib.npz
}

@test "weight scales are the largest magnitude / 127, biases int32 in their units" {
    observed
    for method in minmax lp; do
        plan --method $method
        dopt-emit --as qdq -o q.onnx m.dopt p.dopt
        check weights "$DIGITS/digits.onnx" param grid.onnx q.onnx
    done
}

@test "--per-tensor, --symmetric and int8 activations are what they say" {
    observed
    dopt-show r.dopt >seen.txt
    plan --per-tensor
    [ "$(grep -c '^  weights int8 scale [0-9.e-]*$' param.txt)" -eq 8 ]
    plan --method minmax --activations int8
    check minmax plan.txt seen.txt int8
    plan --method minmax --activations int8 --symmetric
    check minmax plan.txt seen.txt int8 symmetric
}

@test "one weight scale an operator: rounding by kernels is what numpy finds" {
    observed
    plan --per-tensor
    dopt-emit --as qdq -o q.onnx m.dopt p.dopt
    check kernels "$DIGITS/digits.onnx" param q.onnx
}

@test "presets are the options they name" {
    observed
    dopt-quant --preset fast -d -o fast.dopt m.dopt r.dopt
    dopt-quant --method minmax --no-equalization -d -o same.dopt m.dopt r.dopt
    cmp fast.dopt same.dopt
    dopt-quant --method l2 --preset fast -d -o mixed.dopt m.dopt r.dopt
    dopt-quant --no-equalization --method l2 -d -o same.dopt m.dopt r.dopt
    cmp mixed.dopt same.dopt
    dopt-quant -d -o plain.dopt m.dopt r.dopt
    for preset in balanced best; do
        dopt-quant --preset $preset -d -o same.dopt m.dopt r.dopt
        cmp plain.dopt same.dopt
    done
    fails 2 "--preset: 'slow' is not one of fast|balanced|best" dopt-quant --preset slow m.dopt r.dopt
}

@test "bias correction takes out the mean shift of rounded weights and inputs" {
    inner
    observed
    plan --method lp
    dopt-emit --as qdq -o q.onnx m.dopt p.dopt
    check correction "$DIGITS/digits.onnx" param q.onnx inner.npz calib.npz
}

@test "every channel of grid's weights is integers times the scale that param holds" {
    observed
    for method in minmax lp; do
        plan --method $method
        check grid grid.onnx param
    done
}

@test "grid's weights of real models are integers times their scales" {
    need_shared onnx
    while read -r model; do
        "$PY" "$ROOT/tests/inputs.py" "$model" in.npz 8
        dopt-import --link -o m.dopt "$SHARED/data/onnx/$model.onnx"
        dopt-observe -i in.npz -d -o r.dopt m.dopt
        dopt-quant -d -o p.dopt m.dopt r.dopt
        dopt-emit --param param -o grid.onnx m.dopt p.dopt
        check grid grid.onnx param
        check same-graph "$SHARED/data/onnx/$model.onnx" grid.onnx
    done < <("$PY" "$ROOT/tests/inputs.py" --list)
}

@test "a channel of zero weights and a finite bias gets a scale that fits the bias" {
    check zeros zeros.onnx zeros.npz
    dopt-import -o m.dopt zeros.onnx
    dopt-observe -i zeros.npz -d -o r.dopt m.dopt
    run -0 --separate-stderr dopt-quant --method minmax -d -o p.dopt m.dopt r.dopt
    [[ $stderr == *'2 channels have a bias that is huge beside their weights'* ]]
    [ "${#stderr_lines[@]}" -eq 1 ]
    dopt-emit --param param --as qdq -o q.onnx m.dopt p.dopt
    check raised zeros.onnx param q.onnx
    [ -d "$ROOT/build/ort/node_modules" ] || return 0
    "$ORT" -o y.npz zeros.onnx zeros.npz
    "$ORT" -o q.npz q.onnx zeros.npz
    "$PY" "$ROOT/tests/inputs.py" --close y.npz q.npz 0.02
}

@test "nodes that share a weight share its scales, which fit the bias of each" {
    check shared shared.onnx shared.npz
    dopt-import -o m.dopt shared.onnx
    dopt-observe -i shared.npz -d -o r.dopt m.dopt
    dopt-quant -d -o p.dopt m.dopt r.dopt 2>/dev/null
    dopt-emit --param param --as grid -o grid.onnx m.dopt p.dopt
    dopt-emit --as qdq -o qdq.onnx m.dopt p.dopt
    check one_scale shared.onnx param grid.onnx qdq.onnx
}

@test "an excluded layer stays as in the source, its BatchNorm unfolded" {
    observed
    dopt-quant --exclude '/stem/conv/Conv; branch2.conv.weight' -d -o p.dopt m.dopt r.dopt
    dopt-show p.dopt | grep -q '^float /stem/conv/Conv: .*excluded'
    for as in grid qdq; do
        dopt-emit --as $as --param param -o $as.onnx m.dopt p.dopt
        [ "$(dopt-show param | grep -c '^node ')" -eq 6 ]
        run ! grep -q 'stem' param
        check excluded "$DIGITS/digits.onnx" $as.onnx /stem/conv/Conv /branch2/conv/Conv
    done
}

@test "an unknown name is refused with the closest, a float node's is warned about" {
    observed
    fails 1 "exclude_op 'stem.conv.wieght' names no weight and no node of the model; closest: 'stem.conv.weight'" \
        dopt-quant --exclude stem.conv.wieght -d -o out m.dopt r.dopt
    run -0 --separate-stderr dopt-quant --exclude /relu/Relu -d -o p.dopt m.dopt r.dopt
    [ "$stderr" = "dopt-quant: warning: exclude_op '/relu/Relu' is a node that is float anyway" ]
}

@test "a branch that was never taken stays float, with a warning" {
    check branch branch.onnx branch.npz
    dopt-import -o m.dopt branch.onnx
    dopt-observe -i branch.npz -d -o r.dopt m.dopt
    run -0 --separate-stderr dopt-quant --method minmax -d -o p.dopt m.dopt r.dopt
    [ "$stderr" = 'dopt-quant: warning: node never stays float: its input s was never observed' ]
    dopt-show p.dopt | grep -q 'never.*its input was never observed'
    dopt-emit --param param -o grid.onnx m.dopt p.dopt
    dopt-emit --as qdq -o qdq.onnx m.dopt p.dopt
    [ "$(dopt-show param | grep '^node ')" = 'node taken' ]
    [ -d "$ROOT/build/ort/node_modules" ] || return 0
    "$ORT" -o y.npz branch.onnx branch.npz
    for f in grid qdq; do
        "$ORT" -o q.npz $f.onnx branch.npz
        "$PY" "$ROOT/tests/inputs.py" --close y.npz q.npz 0.02
    done
}

@test "a model of float16 weights is quantized in float16" {
    "$PY" "$ROOT/tests/models.py" halves
    "$PY" -c "
import numpy as np
np.savez('in.npz', x=np.load('halves.in.npz')['x'].astype('f2'))"
    dopt-import -o m.dopt halves.onnx
    dopt-observe -i in.npz -d -o r.dopt m.dopt
    dopt-quant -d -o p.dopt m.dopt r.dopt
    dopt-emit --param param -o grid.onnx m.dopt p.dopt
    check halves halves.onnx grid.onnx param
    dopt-import -o g.dopt grid.onnx
    dopt-run -i in.npz -o y.npz m.dopt
    dopt-run -i in.npz -o q.npz g.dopt
    "$PY" "$ROOT/tests/inputs.py" --close y.npz q.npz 0.02
}

@test "operators whose input keeps little in 8 bits are warned about, the worst by name" {
    "$PY" -c "
import numpy as np
x = np.random.RandomState(0).rand(100, 1, 28, 28).astype('f4') * 0.01
np.savez('fine.npz', image=x)
x[7, 0, 0, 0] = 2  # one value sets the range
np.savez('in.npz', image=x)
y = (x.astype('f8') ** 2).sum(), ((np.rint(x / 2 * 255) / 255 * 2 - x) ** 2).sum()
open('db', 'w').write('%.1f' % (10 * np.log10(y[0] / y[1])))"
    dopt-import -o m.dopt "$DIGITS/digits.onnx"
    dopt-observe -i in.npz -d -o r.dopt m.dopt
    run -0 --separate-stderr dopt-quant --method minmax -d -o p.dopt m.dopt r.dopt
    [[ $stderr == *"1 operator reads a tensor that keeps less than 15 dB in 8 bits (node /stem/conv/Conv: $(cat db) dB)"* ]]
    dopt-observe -i fine.npz -d -o r.dopt m.dopt
    run -0 --separate-stderr dopt-quant --method minmax -d -o p.dopt m.dopt r.dopt
    [ -z "$stderr" ]
}

@test "a tensor that is always 0 gets scale 1 and a warning" {
    "$PY" -c "
import numpy as np
np.savez('in.npz', image=np.zeros((3, 1, 28, 28), 'f4'))"
    dopt-import -o m.dopt "$DIGITS/digits.onnx"
    dopt-observe -i in.npz -d -o r.dopt m.dopt
    run -0 --separate-stderr dopt-quant -d -o p.dopt m.dopt r.dopt
    [[ $stderr == *'tensor image is always 0 on this calibration set: its scale is 1'* ]]
    dopt-show p.dopt | grep -q '^tensor image: uint8 scale 1 zero_point 0'
}

@test "--float gives back the model: the same outputs in ONNX Runtime" {
    [ -d "$ROOT/build/ort/node_modules" ] || [ -n "${ORT_MODULES:-}" ] || skip "needs ONNX Runtime, see tests/ort/README"
    dopt-import -o m.dopt "$DIGITS/digits.onnx"
    dopt-emit --float -o f.onnx m.dopt
    check calib "$DIGITS/calib" calib.npz
    for v in 1.15 current; do
        "$ORT" --ort $v -o y.npz "$DIGITS/digits.onnx" calib.npz
        "$ORT" --ort $v -o f.npz f.onnx calib.npz
        "$PY" "$ROOT/tests/inputs.py" --close y.npz f.npz 1e-5
    done
}

@test "--float gives back real models: the same outputs in ONNX Runtime" {
    [ -d "$ROOT/build/ort/node_modules" ] || [ -n "${ORT_MODULES:-}" ] || skip "needs ONNX Runtime, see tests/ort/README"
    need_shared onnx
    while read -r model; do
        echo "$model"
        "$PY" "$ROOT/tests/inputs.py" "$model" in.npz 8
        dopt-import --link -o m.dopt "$SHARED/data/onnx/$model.onnx"
        dopt-emit --float -o f.onnx m.dopt
        "$ORT" -o y.npz "$SHARED/data/onnx/$model.onnx" in.npz
        "$ORT" -o f.npz f.onnx in.npz
        "$PY" "$ROOT/tests/inputs.py" --close y.npz f.npz
    done < <("$PY" "$ROOT/tests/inputs.py" --list)
}

@test "grid keeps opset, nodes, names and the order of inputs and outputs" {
    observed
    plan
    check same-graph "$DIGITS/digits.onnx" grid.onnx
}

@test "a part of a tensor has its own range where that is much finer, else the whole's" {
    "$PY" - <<'END'
import numpy as np
from onnx import TensorProto as T, helper as h, numpy_helper as nh, save
r = np.random.RandomState(3)
w = nh.from_array(r.randn(4, 5).astype('f4'), 'w')
n = [h.make_node('Relu', ['x'], ['x1'], name='r'),
     h.make_node('Split', ['x1'], ['small', 'large'], name='split', axis=1),
     h.make_node('MatMul', ['small', 'w'], ['a'], name='ma'), h.make_node('MatMul', ['large', 'w'], ['b'], name='mb'),
     h.make_node('Add', ['a', 'b'], ['y'], name='y')]
save(h.make_model(h.make_graph(n, 'g', [h.make_tensor_value_info('x', T.FLOAT, [1, 8])],
                               [h.make_tensor_value_info('y', T.FLOAT, [1, 5])], [w]),
                  opset_imports=[h.make_opsetid('', 13)]), 'm.onnx')
x = np.abs(r.randn(200, 8)).astype('f4')
x[:, 4:] *= 100
np.save('x.npy', x)
END
    dopt-import -o m.dopt m.onnx
    dopt-observe -i x.npy -d -o r.dopt m.dopt
    dopt-quant --method minmax -d -o p.dopt m.dopt r.dopt
    dopt-show p.dopt >plan
    "$PY" - <<'END'
import re
import numpy as np
x = np.load('x.npy')
t = {m[1]: (float(m[2]), m[3]) for m in re.finditer(r'tensor (\S+): uint8 scale (\S+) .*\((.+), [-0-9.e]+% clipped', open('plan').read())}
assert abs(t['small'][0] / (x[:, :4].max() / 255) - 1) < 2e-5 and t['small'][1] == 'minmax', t
assert t['large'] == (t['x1'][0], 'as x1') and abs(t['x1'][0] / (x.max() / 255) - 1) < 2e-5, t
END
}

@test "a calibration set that is small, constant or set by one sample is doubted, in a line each" {
    "$PY" - <<'END'
import numpy as np
from onnx import TensorProto as T, helper as h, numpy_helper as nh, save
r = np.random.RandomState(5)
n = [h.make_node('Conv', ['x', 'w'], ['c'], name='conv'), h.make_node('Relu', ['c'], ['d'], name='relu'),
     h.make_node('Conv', ['d', 'v'], ['y'], name='last')]
save(h.make_model(h.make_graph(n, 'g', [h.make_tensor_value_info('x', T.FLOAT, [1, 2, 6, 6])],
                               [h.make_tensor_value_info('y', T.FLOAT, [1, 3, 6, 6])],
                               [nh.from_array(r.randn(4, 2, 1, 1).astype('f4'), 'w'),
                                nh.from_array(r.randn(3, 4, 1, 1).astype('f4'), 'v')]),
                  opset_imports=[h.make_opsetid('', 13)]), 'm.onnx')
x = r.randn(40, 2, 6, 6).astype('f4')
np.save('good.npy', x)
np.save('few.npy', x[:4])
np.save('flat.npy', np.full_like(x, 0.5))
x[17] *= 50
np.save('far.npy', x)
END
    dopt-import -o m.dopt m.onnx
    for set in good few flat far; do
        dopt-observe -i $set.npy -d -o r.dopt m.dopt
        dopt-quant -d -o p.dopt m.dopt r.dopt 2>$set.err
    done
    [ ! -s good.err ]
    [ "$(cat few.err)" = 'dopt-quant: warning: only 4 steps of the calibration set: ranges may not hold for other samples' ]
    grep -q '^dopt-quant: warning: 1 tensor has the same value everywhere on this calibration set (x)$' flat.err
    grep -qE '^dopt-quant: warning: step 17 of the calibration set alone sets the range of [23] of 3 tensors, on average [0-9]+ times' far.err
    [ "$(wc -l <far.err)" -eq 1 ]
}

# odd MODEL: odd.py's model as MODEL.onnx and MODEL.npz, quantized to MODEL.grid.onnx and MODEL.qdq.onnx.
odd() {
    "$PY" - "$1" <<'END'
import sys
import numpy as np
from onnx import TensorProto as T, helper as h, numpy_helper as nh, save
r = np.random.RandomState(8)
f = lambda *d: r.randn(*d).astype('f4')
def info(name, dims, t=T.FLOAT): return h.make_tensor_value_info(name, t, dims)
kind, half, constants = sys.argv[1], T.FLOAT, False
if kind == 'computed':     # a bias that is computed, and one that is an input
    n = [h.make_node('Add', ['k', 'k'], ['b'], name='twice'), h.make_node('Conv', ['x', 'w', 'b'], ['c'], name='conv'),
         h.make_node('Conv', ['c', 'v', 'k'], ['y'], name='last')]
    i, w, y = {'x': f(20, 3, 6, 6), 'k': f(20, 4)}, {'w': f(4, 3, 3, 3), 'v': f(4, 4, 1, 1)}, [1, 4, 4, 4]
    ins = [info('x', [1, 3, 6, 6]), info('k', [4])]
elif kind == 'half':       # float16 throughout
    n = [h.make_node('Conv', ['x', 'w', 'b'], ['c'], name='conv'), h.make_node('Conv', ['c', 'v'], ['y'], name='last')]
    i, w, y, half = {'x': f(20, 3, 6, 6)}, {'w': f(4, 3, 3, 3), 'b': f(4), 'v': f(4, 4, 1, 1)}, [1, 4, 4, 4], T.FLOAT16
    ins = [info('x', [1, 3, 6, 6], half)]
elif kind == 'stack':      # a MatMul by a stack of matrices
    n = [h.make_node('MatMul', ['x', 'w'], ['y'], name='mm')]
    i, w, y, ins = {'x': f(40, 3, 4)}, {'w': f(2, 4, 5)}, [2, 3, 5], [info('x', [2, 3, 4])]
else:                      # weights as Constant nodes, one behind an Identity
    n = [h.make_node('Identity', ['w'], ['u'], name='same'), h.make_node('Conv', ['x', 'u'], ['c'], name='conv'),
         h.make_node('Conv', ['c', 'v'], ['y'], name='last')]
    i, w, y, constants = {'x': f(20, 3, 6, 6)}, {'w': f(40, 3, 3, 3), 'v': f(4, 40, 1, 1)}, [1, 4, 4, 4], True
    ins = [info('x', [1, 3, 6, 6])]
if half == T.FLOAT16:
    w, i = ({k: v.astype('f2') for k, v in d.items()} for d in (w, i))
if constants:
    n = [h.make_node('Constant', [], [k], name='const_' + k, value=nh.from_array(v)) for k, v in w.items()] + n
    w = {}
save(h.make_model(h.make_graph(n, 'g', ins, [info('y', y, half)], [nh.from_array(v, k) for k, v in w.items()]),
                  opset_imports=[h.make_opsetid('', 13)]), kind + '.onnx')
np.savez(kind + '.npz', **i)
END
    dopt-import -o m.dopt "$1.onnx"
    dopt-observe -i "$1.npz" -d -o r.dopt m.dopt
    dopt-quant -d -o p.dopt m.dopt r.dopt
    for as in grid qdq; do
        dopt-emit --as $as -o "$1.$as.onnx" m.dopt p.dopt
    done
}

@test "computed biases, float16, stacks of matrices and Constant weights: what is emitted runs, close to float" {
    [ -d "$ROOT/build/ort/node_modules" ] || [ -n "${ORT_MODULES:-}" ] || skip "needs ONNX Runtime, see tests/ort/README"
    for m in computed half stack constants; do
        odd $m
        "$ORT" --step 1 -o y.npz $m.onnx $m.npz
        for as in grid qdq; do
            in=$m.npz
            if [ $m = half ] && [ $as = qdq ]; then # written in float32
                "$PY" -c "
import numpy as np
np.savez('wide.npz', **{k: v.astype('f4') for k, v in np.load('half.npz').items()})"
                in=wide.npz
            fi
            for v in 1.15 current; do
                [ $v$m$as != 1.15halfgrid ] || continue # its binding has no float16
                "$ORT" --ort $v --step 1 -o q.npz $m.$as.onnx $in
                "$PY" - "$m $as" <<'END'
import sys
import numpy as np
y, q = (np.load(f)['y'].astype('f8') for f in ('y.npz', 'q.npz'))
db = 10 * np.log10((y ** 2).sum() / ((y - q) ** 2).sum())
assert db > 30, (sys.argv[1], db)
END
            done
        done
    done
    [ "$(stat -c %s constants.grid.onnx)" -le "$(($(stat -c %s constants.onnx) + 300))" ]
    "$PY" -c "
import onnx
assert {t.data_type for t in onnx.load('half.grid.onnx').graph.initializer} == {10}"
}
