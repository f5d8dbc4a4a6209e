#!/usr/bin/env bats
# dopt-import: ONNX models of every supported opset become the IR, or say why not.
load lib

models() {
    "$PY" "$ROOT/tests/models.py" "$@"
}

# shows MODEL... TEXT: an import's text has this line.
shows() {
    dopt-show "$1.dopt" >shown
    if ! grep -qxF -- "$2" shown; then
        echo "wanted: $2"
        cat shown
        return 1
    fi
}

import() {
    for m; do
        models "$m"
        dopt-import -o "$m.dopt" "$m.onnx"
    done
}

@test "every case computes what numpy computes, imported with and without --link" {
    for c in $(models --list); do
        import "$c"
        dopt-import --link -o "$c.link.dopt" "$c.onnx"
        for d in "$c" "$c.link"; do
            dopt-run -i "$c.in.npz" -o "$d.got.npz" "$d.dopt"
            models --close "$c.want.npz" "$d.got.npz" || {
                echo "$d"
                return 1
            }
        done
    done
}

@test "a BatchNorm goes into Conv, ConvTranspose and Gemm, and what it was stays known" {
    import conv_bn conv_bn_nobias_group convt_bn convt_bn_depthwise gemm_bn
    shows conv_bn 'node conv: y[1x6x6x6] = Conv(x[1x3x8x8], w[6x3x3x3]*, b#2[6]); weight w; source 0+1; batchnorm folded'
    shows convt_bn_depthwise 'node up: y[1x4x5x5] = ConvTranspose(x[1x4x4x4], w[4x1x2x2]*, up.bias[4]) group=4; weight w; source 0+1; batchnorm folded'
    for m in conv_bn conv_bn_nobias_group convt_bn convt_bn_depthwise gemm_bn; do
        dopt-show $m.dopt | grep -q '^model from ONNX, 1 nodes'
    done
}

@test "a BatchNorm stays where folding would change another result" {
    import convt_bn_grouped bn_output_needed shared_weight
    dopt-show convt_bn_grouped.dopt | grep -q '^node bn:'
    dopt-show bn_output_needed.dopt | grep -q '^node bn:'
    shows shared_weight 'node one: y1[1x3x4x4] = Conv(x[1x3x4x4], w#2[3x3x1x1]*, one.bias[3]); weight w; source 0+1; batchnorm folded'
    shows shared_weight 'node two: y2[1x3x4x4] = Conv(x[1x3x4x4], w[3x3x1x1]); weight w; source 2'
}

@test "constants added or multiplied per channel go into the convolution, others stay" {
    import conv_mul_add_sub conv_add_map
    dopt-show conv_mul_add_sub.dopt | grep -q '^node conv: y.*; source 0+1+2+3$'
    dopt-show conv_add_map.dopt | grep -q '^node Add_1: y'
}

@test "a weight keeps its initializer's name through Identity, Transpose, DequantizeLinear" {
    import names
    dopt-show --names names.dopt >got
    printf '%s\t%s\n' conv real.weight MatMul_6 fc.weight quantized q8 MatMul_10 k >want
    diff want got
    # Dropout between a convolution and its BatchNorm is taken over as well
    shows names 'node conv: a2[1x4x4x4] = Conv(x[1x3x4x4], alias[4x3x1x1]*, conv.bias[4]); weight real.weight; source 1+2+3; batchnorm folded'
}

@test "nodes are numbered depth first over the whole model, values are unique" {
    import branches
    "$TESTS/file" places branches.onnx >got
    printf '%s\n' '0 ReduceMax ' '1 Greater ' '2 Greater ' '3 If outer' '4 If inner' '5 Identity ' '6 Add plus' \
        '7 Relu ' '8 Neg ' '9 Relu ' >want
    diff want got
    shows branches '        node plus: t#2[4] = Add(x[4], w[4]); source 6'
    shows branches '    node Neg_8: o#2[4] = Neg(r[4]); source 8'
}

@test "Softmax below opset 13 is flattened only where that makes a difference" {
    import softmax11 softmax11_last
    shows softmax11_last 'node sm: y[2x3x4] = Softmax(x[2x3x4]) axis=2; source 0'
    shows softmax11 'node sm/flatten: sm/flatten[1x12] = Flatten(x[?x3x4]) axis=1'
}

@test "everything unsupported is listed at once, with exit status 3" {
    models unsupported kernels_refuse
    fails 3 "unsupported.onnx: 5 unsupported: node text: StringNormalizer: no such operator; node conv: Conv: attribute foo; node fused: com.microsoft.Attention: no such operator; node cast: Cast: to string; node pool: AveragePool: output 1" \
        dopt-import -o out.dopt unsupported.onnx
    fails 3 "3 unsupported: node p1: AveragePool: uint8 input; node r1: Resize: mode strange; node pad: Pad: mode strange" \
        dopt-import -o out.dopt kernels_refuse.onnx
}

@test "--out_nodes takes node and tensor names and leaves the rest of the model out" {
    models two
    fails 3 'node text: StringNormalizer' dopt-import -o out.dopt two.onnx
    dopt-import --out_nodes 'plus' -o a.dopt two.onnx
    dopt-import --out_nodes ' sum ; ' -o b.dopt two.onnx
    dopt-show a.dopt | grep -q '^output sum'
    diff <(dopt-show a.dopt | tail -n +2) <(dopt-show b.dopt | tail -n +2)
    dopt-import --out_nodes 'relu' -o c.dopt two.onnx
    [ "$(dopt-show c.dopt | grep -c '^input')" -eq 1 ]
    fails 1 "two.onnx: --out_nodes: no node or tensor 'plsu'; closest: 'plus'" dopt-import --out_nodes 'plsu' -o out.dopt two.onnx
}

@test "--input_shape sets free dims, must match fixed ones, and orders the inputs" {
    models two
    dopt-import --out_nodes sum --input_shape 'offset:1；image：2，3，4，5' -o a.dopt two.onnx
    shows a 'node plus: sum[2x3x4x5] = Add(r[2x3x4x5], offset[1]); source 1'
    [ "$(dopt-show a.dopt | grep '^input' | head -1)" = 'input offset[1]' ]
    dopt-show a.dopt | grep -qxF 'history dopt-import 0.1.0 --input_shape=offset:1;image:2,3,4,5 --out_nodes=sum'
    fails 1 "--input_shape: image: 1x4x8x8 does not fit the model's ?x3x?x?" dopt-import --out_nodes sum --input_shape image:1,4,8,8 -o out.dopt two.onnx
    fails 1 "no input 'imaeg'; the model's: 'image'" dopt-import --out_nodes sum --input_shape imaeg:1,3,8,8 -o out.dopt two.onnx
    fails 1 "does not fit the model's ?x3x?x?" dopt-import --out_nodes sum --input_shape image:3,8,8 -o out.dopt two.onnx
}

@test "external data are read beside the model and nowhere else" {
    mkdir sub other
    models external
    "$PY" - <<'END'
import onnx
m = onnx.load('external.onnx')
onnx.save(m, 'sub/external.onnx', save_as_external_data=True, location='w.bin', size_threshold=100)
t = m.graph.initializer[0]
for loc, name, length in (('../sub/w.bin', 'up', None), ('w.bin', 'far', 10 ** 6), ('w.bin', 'short', 8), ('none.bin', 'none', None)):
    t.ClearField('raw_data')
    t.data_location = onnx.TensorProto.EXTERNAL
    del t.external_data[:]
    t.external_data.add(key='location', value=loc)
    if length:
        t.external_data.add(key='length', value=str(length))
    open('sub/%s.onnx' % name, 'wb').write(m.SerializeToString())
END
    dopt-import -o a.dopt external.onnx
    dopt-import -o b.dopt sub/external.onnx
    for d in a b; do
        dopt-run -i external.in.npz -o got.npz $d.dopt
        models --close external.want.npz got.npz
    done
    fails 1 "tensor w: external data '../sub/w.bin': only files in the model's own folder are read" dopt-import -o out.dopt sub/up.onnx
    fails 1 "tensor w: external data: 1000000 bytes at 0 of 'w.bin', which has 23040" dopt-import -o out.dopt sub/far.onnx
    fails 1 "tensor w: 8 bytes do not hold 160x4x3x3 of float32" dopt-import -o out.dopt sub/short.onnx
    fails 1 "tensor w: external data: sub/none.bin: cannot open: No such file" dopt-import -o out.dopt sub/none.onnx
    fails 1 "name the model file, a pipe has no folder" sh -c 'dopt-import -o out.dopt <sub/external.onnx'
}

@test "damage is an error that says where, at whatever byte the file is cut" {
    models tiny cycle dangling rank9 opset22 deep
    fails 1 "cycle.onnx: the nodes form a cycle through" dopt-import -o out.dopt cycle.onnx
    fails 1 "dangling.onnx: node add reads 'nowhere', which nothing writes" dopt-import -o out.dopt dangling.onnx
    fails 3 "input x: not a tensor of up to 8 dims" dopt-import -o out.dopt rank9.onnx
    fails 3 "opset 22: 1 to 21 are supported; export the model with opset_version=17" dopt-import -o out.dopt opset22.onnx
    fails 1 "more than 100 messages inside one another" dopt-import -o out.dopt deep.onnx
    size=$(stat -c %s tiny.onnx)
    for n in $(seq 0 $((size - 1))); do
        head -c "$n" tiny.onnx >cut.onnx
        status=0
        dopt-import -o out.dopt cut.onnx 2>err || status=$?
        if [ "$status" -ne 1 ] && [ "$status" -ne 3 ] || [ "$(wc -l <err)" -ne 1 ] || compgen -G 'out*'; then
            echo "cut at $n of $size: status $status, $(cat err)"
            return 1
        fi
    done
    head -c $((size / 2)) tiny.onnx >cut.onnx
    fails 1 "cut.onnx: byte" dopt-import -o out.dopt cut.onnx
}

@test "what is no ONNX model is named for what it is" {
    cp "$ROOT/examples/digits/digits.pb" "$ROOT/examples/digits/digits.pth" .
    fails 1 'digits.pb: is a TensorFlow GraphDef: use --framework 3' dopt-import --framework 5 -o out.dopt digits.pb
    fails 1 'digits.pth: is PyTorch weights: name the definition' dopt-import -o out.dopt digits.pth
    echo 'strategy: "Quant_INT8-8"' >text
    fails 1 'text: is a text file, not a model' dopt-import -o out.dopt text
    : >empty
    fails 1 'empty: is an empty file' dopt-import -o out.dopt empty
    fails 1 'is a directory' dopt-import -o out.dopt .
    import tiny
    fails 1 'tiny.dopt: is a dopt file already' dopt-import -o out.dopt tiny.dopt
    fails 1 'tiny.onnx: is an ONNX model: use --framework 5' dopt-import --framework 3 -o out.dopt tiny.onnx
    fails 2 '--framework 4' dopt-import --framework 4 -o out.dopt tiny.onnx
    fails 2 '--link needs -o FILE' dopt-import --link tiny.onnx
    fails 1 'nothere.onnx: cannot open: No such file' dopt-import -o out.dopt nothere.onnx
}

@test "a pipe gives the bytes that a file gives, twice the same" {
    models names
    dopt-import -o a.dopt names.onnx
    dopt-import <names.onnx >b.dopt
    cat names.onnx | dopt-import --framework 5 --weight ignored -o c.dopt -
    cmp a.dopt b.dopt
    cmp a.dopt c.dopt
    run -1 --separate-stderr sh -c 'dopt-import names.onnx >/dev/full'
    [[ $stderr == *'cannot write: No space left on device'* ]]
}

@test "the real models import, linked or not, with the shapes that they run with" {
    need_shared onnx
    for f in "$SHARED"/data/onnx/*.onnx; do
        dopt-import -o a.dopt "$f"
        dopt-import --link -o b.dopt "$f"
        diff <(dopt-show a.dopt | grep -v '^section\|digest') <(dopt-show b.dopt | grep -v '^section\|digest\|^link')
    done
    dopt-import -o a.dopt "$SHARED/data/onnx/resnet20.onnx"
    dopt-show a.dopt | grep -q '^output logits\[1x10\]'
    dopt-import --input_shape 'x:1,3,640,480' -o a.dopt "$SHARED/data/onnx/ch_PP-OCRv4_det_infer.onnx"
    dopt-show a.dopt | grep -q '^output sigmoid_0.tmp_0\[1x1x640x480\]'
    dopt-import --input_shape 'input:1,512;state:2,1,128;sr:' -o a.dopt "$SHARED/data/onnx/silero_vad_16k_op15.onnx"
    dopt-show a.dopt | grep -q '^output output\[1x1\]'
}

@test "the manual's examples run as they stand, and its synopsis is the usage" {
    cp "$ROOT"/examples/digits/digits.{onnx,py,pth} .
    examples dopt-import.1 >ex.sh
    [ "$(wc -l <ex.sh)" -eq 4 ]
    sh -e ex.sh >got
    grep -q '^model from ONNX, 20 nodes' got
    dopt-show digits.dopt | grep -qxF 'output /Flatten_output_0[1x96]'
    diff <(mandoc -T utf8 "$ROOT/man/dopt-import.1" | col -b | sed -n '/^SYNOPSIS/,/^DESC/p' | sed '1d;$d' | tr -d ' \t\n') \
        <(dopt-import -h | sed 's/^usage://' | tr -d ' \t\n')
}
