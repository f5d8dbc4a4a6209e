#!/usr/bin/env bats
# PyTorch: weights, definitions, ONNX out. Debian's torch is the reference and no part of the product.
# SPDX-License-Identifier: Apache-2.0
load lib

TORCH=$ROOT/tests/pytorch.py

@test "weights of every kind that torch.save writes, values and all" {
    mkdir kinds
    "$PY" "$TORCH" variants kinds
    n=0
    for f in kinds/*.pth; do
        "$TESTS/pth" "$f" got.npz
        "$PY" "$TORCH" same "${f%.pth}.npz" got.npz || { echo "$f"; false; }
        dopt-show "$f" >shown
        [ "$f" = kinds/script.pth ] || grep -q '^tensor ' shown
        n=$((n + 1))
    done
    [ "$n" -ge 30 ]
    dopt-show kinds/checkpoint.pth >shown
    grep -qx 'weights state_dict: 10 tensors' shown
    grep -qx 'tensor conv.weight float32 4x3x3x3' shown
    ! grep -q exp_avg shown
}

limit() { # memory; the sanitizer reserves much more
    [[ $DOPT_BIN == */address/* ]] || ulimit -v 3000000
}

@test "weights that are broken or malicious: one line, and nothing of them runs" {
    mkdir bad
    [ "$("$PY" "$TORCH" hostile bad)" -ge 40 ]
    for f in bad/*.pth; do
        status=0
        (limit && timeout 20 dopt-show "$f") >out 2>err || status=$?
        echo "$f: $status $(cat err)"
        [ "$status" -eq 1 ] || [ "$status" -eq 3 ]
        [ "$(wc -l <err)" -eq 1 ] && [ ! -s out ]
        grep -q "^dopt-show: $f: " err
        [ ! -e ran ]
    done
}

# as_torch FILE:EXPRESSION NAME SHAPES: dopt-run equals torch within 1e-4 of the largest magnitude.
as_torch() {
    dopt-import --weight "$2.pth" --input_shape "$3" -o "$2.dopt" "$1"
    dopt-run -i "$2.in.npz" -o got.npz "$2.dopt"
    "$PY" "$TORCH" close "$2.want.npz" got.npz 1e-4
}

# defined NAME...: what tests/definitions.py says of it.
defined() {
    for name in "$@"; do
        args=$(sed -nE "s/^(class|def) $name\(.*\):  # (.*)/\2/p" "$ROOT/tests/definitions.py")
        # shellcheck disable=SC2086 # one word an argument
        "$PY" "$TORCH" model "$ROOT/tests/definitions.py:$name" "$name" $args
        as_torch "$ROOT/tests/definitions.py:$name" "$name" "${args// /;}"
    done
}

@test "definitions: U-Net, two inputs, YOLO head with slices assigned, super-resolution" {
    defined UNet Siamese Yolo SuperResolution
}

@test "definitions: transformer with mask, LSTM classifier, GRU encoder with attention" {
    defined MaskedTransformer LSTMClassifier GRUEncoder
    dopt-show LSTMClassifier.dopt >shown
    grep -qx 'input i_tokens:int64\[3x11\]' shown
    [ "$(grep -c '^node lstm.* = LSTM(' shown)" -eq 2 ]
}

@test "definitions: dicts and lists of modules and outputs, functions only, shared weights, a factory" {
    defined Detector Functional Tied scaled
    dopt-show Detector.dopt | grep '^output' | cut -d[ -f1 | diff - <(printf 'output %s\n' features.stem features.next heads.boxes heads.scores)
    dopt-show --names Tied.dopt | grep -qx $'out\tembed.weight'
}

@test "definitions: views written to, every pool and resizing, functions by the dozen" {
    defined InPlace Pools Maths
}

# vision FILE EXPRESSION DIMS ...: torchvision's own definitions, random weights by torch.
vision() {
    folder=/usr/lib/python3/dist-packages/torchvision/models
    [ -e "$folder" ] || skip "needs python3-torchvision"
    nets=()
    for ((i = 1; i < $#; i += 3)); do nets+=("${@:i+1:2}"); done
    "$PY" "$TORCH" vision "${nets[@]}" 2>/dev/null
    for (( ; $# > 0; )); do
        as_torch "$folder/$1.py:$2" "${2%%(*}" "x:$3"
        shift 3
    done
}

@test "torchvision: alexnet, vgg, squeezenet, densenet, mnasnet" {
    vision alexnet 'alexnet()' 1,3,64,64 \
        vgg 'vgg11_bn()' 1,3,32,32 \
        squeezenet 'squeezenet1_0()' 1,3,64,64 \
        squeezenet 'squeezenet1_1()' 1,3,64,64 \
        densenet 'densenet121()' 1,3,64,64 \
        mnasnet 'mnasnet1_0()' 1,3,64,64
}

@test "torchvision: resnet, resnext, wide_resnet, regnet, shufflenet" {
    vision resnet 'resnet18()' 1,3,64,64 \
        resnet 'resnext50_32x4d()' 1,3,64,64 \
        resnet 'wide_resnet50_2()' 1,3,64,64 \
        regnet 'regnet_y_400mf()' 1,3,64,64 \
        regnet 'regnet_x_400mf()' 1,3,64,64 \
        shufflenetv2 'shufflenet_v2_x1_0()' 1,3,64,64
}

@test "torchvision: googlenet, inception, mobilenet v2 and v3, efficientnet v1 and v2" {
    vision googlenet 'googlenet(init_weights=False)' 1,3,64,64 \
        inception 'inception_v3(init_weights=False)' 1,3,96,96 \
        mobilenetv2 'mobilenet_v2()' 1,3,64,64 \
        mobilenetv3 'mobilenet_v3_small()' 1,3,64,64 \
        mobilenetv3 'mobilenet_v3_large()' 1,3,64,64 \
        efficientnet 'efficientnet_b0()' 1,3,64,64 \
        efficientnet 'efficientnet_v2_s()' 1,3,64,64
}

@test "torchvision: convnext, vit, swin v1 and v2, maxvit" {
    vision convnext 'convnext_tiny()' 1,3,64,64 \
        vision_transformer 'vit_b_32(image_size=64)' 1,3,64,64 \
        swin_transformer 'swin_t()' 1,3,64,64 \
        swin_transformer 'swin_v2_t()' 1,3,64,64 \
        maxvit 'maxvit_t()' 1,3,224,224
}

@test "torchvision: segmentation by fcn, deeplabv3, lraspp" {
    vision segmentation/fcn 'fcn_resnet50(weights_backbone=None,aux_loss=True)' 1,3,64,64 \
        segmentation/deeplabv3 'deeplabv3_mobilenet_v3_large(weights_backbone=None)' 1,3,64,64 \
        segmentation/lraspp 'lraspp_mobilenet_v3_large(weights_backbone=None)' 1,3,64,64
}

@test "the entry is found by the weights, among nine factories and three classes" {
    folder=/usr/lib/python3/dist-packages/torchvision/models
    [ -e $folder/resnet.py ] || skip "needs python3-torchvision"
    "$PY" "$TORCH" vision 'resnet18()' 1,3,32,32 2>/dev/null
    as_torch $folder/resnet.py resnet18 x:1,3,32,32
    need_shared torch
    for net in pnet:44x44 rnet:24x24 onet:48x48; do
        size=${net#*:}
        dopt-import --weight "$SHARED/data/torch/${net%:*}.pt" --input_shape "x:1,3,${size/x/,}" -o m.dopt "$SHARED/data/torch/mtcnn.py"
    done
}

# known FILE:CLASS WEIGHTS INPUT DIMS: real weights, as torch computes them.
known() {
    need_shared torch
    "$PY" "$TORCH" trained "$SHARED/data/torch/$1" "$SHARED/data/torch/$2" "$3:$4"
    dopt-import --weight "$SHARED/data/torch/$2" --input_shape "$3:$4" -o m.dopt "$SHARED/data/torch/$1"
    dopt-run -i in.npz -o got.npz m.dopt
    "$PY" "$TORCH" close want.npz got.npz 1e-5
}

@test "trained networks: resnet20 (legacy checkpoint), winml-cifar10 (zip), the three of MTCNN" {
    known resnet20_cifar10.py:ResNet20 resnet20-cifar10.th input 1,3,32,32
    known winml_cifar10.py:SmallCifarNet winml-cifar10.pth image 1,3,32,32
    known mtcnn.py:PNet pnet.pt x 1,3,60,44
    known mtcnn.py:RNet rnet.pt x 1,3,24,24
    known mtcnn.py:ONet onet.pt x 1,3,48,48
}

@test "resnet20: accuracy, and the scales of the ONNX file of the same weights" {
    need_shared torch
    "$PY" "$TORCH" cifar 1000
    for from in onnx torch; do
        if [ $from = torch ]; then
            dopt-import --weight "$SHARED/data/torch/resnet20-cifar10.th" --input_shape input:1,3,32,32 -o m.dopt "$SHARED/data/torch/resnet20_cifar10.py"
        else
            dopt-import --input_shape input:1,3,32,32 -o m.dopt "$SHARED/data/onnx/resnet20.onnx"
        fi
        dopt-observe -i calib.npz m.dopt | dopt-quant --no-equalization -o p.dopt 2>/dev/null # whose steps magnify last bits
        dopt-emit --to onnx --param $from.param -o $from.onnx p.dopt
        dopt-show $from.param >$from.txt
    done
    "$PY" "$TORCH" scales onnx.txt torch.txt 20
    dopt-run --compare --labels labels.npz:label -i test.npz p.dopt >figures
    cat figures
    "$PY" - <<'END'
import re
a, b = map(float, re.search(r'float ([\d.]+) %, int8 ([\d.]+) %', open('figures').read()).groups())
assert a > 91 and b > a - 0.6, (a, b)
END
}

@test "to ONNX: what ONNX Runtime computes is what torch does" {
    [ -d "$ROOT/build/ort/node_modules" ] || [ -n "${ORT_MODULES:-}" ] || skip "needs ONNX Runtime, see tests/ort/README"
    for name in UNet LSTMClassifier MaskedTransformer Yolo; do
        args=$(sed -nE "s/^class $name\(.*\):  # (.*)/\1/p" "$ROOT/tests/definitions.py")
        "$PY" "$TORCH" model "$ROOT/tests/definitions.py:$name" $name "$args"
        dopt-import --weight $name.pth --input_shape "$args" "$ROOT/tests/definitions.py:$name" | dopt-emit --float --to onnx -o $name.onnx
        "$ROOT/tests/ort/ort-run.js" -o got.npz $name.onnx $name.in.npz
        "$PY" "$TORCH" close $name.want.npz got.npz 1e-4
    done
}

# prepared NAME...: NAME.pth, .in.npz, .want.npz and .dopt of what tests/definitions.py has.
prepared() {
    for name in "$@"; do
        args=$(sed -nE "s/^(class|def) $name\(.*\):  # (.*)/\2/p" "$ROOT/tests/definitions.py")
        # shellcheck disable=SC2086 # one word an argument
        "$PY" "$TORCH" model "$ROOT/tests/definitions.py:$name" "$name" $args
        dopt-import --weight "$name.pth" --input_shape "${args// /;}" -o "$name.dopt" "$ROOT/tests/definitions.py:$name"
    done
}

@test "to TorchScript, --float: torch computes the same of it, and its state dict is the source's" {
    nets=(UNet Siamese Yolo MaskedTransformer LSTMClassifier GRUEncoder Detector Tied InPlace Pools Maths)
    prepared "${nets[@]}"
    folder=/usr/lib/python3/dist-packages/torchvision/models
    if [ -e "$folder" ]; then
        "$PY" "$TORCH" vision 'shufflenet_v2_x1_0()' 1,3,64,64 'mobilenet_v3_small()' 1,3,64,64 2>/dev/null
        dopt-import --weight shufflenet_v2_x1_0.pth --input_shape x:1,3,64,64 -o shufflenet_v2_x1_0.dopt "$folder/shufflenetv2.py:shufflenet_v2_x1_0()"
        dopt-import --weight mobilenet_v3_small.pth --input_shape x:1,3,64,64 -o mobilenet_v3_small.dopt "$folder/mobilenetv3.py:mobilenet_v3_small()"
        nets+=(shufflenet_v2_x1_0 mobilenet_v3_small)
    fi
    for name in "${nets[@]}"; do dopt-emit --float -o "$name.pt" "$name.dopt"; done
    "$PY" "$TORCH" scripted float "${nets[@]}"
    dopt-emit --float -o again.pt UNet.dopt
    cmp UNet.pt again.pt
}

@test "to TorchScript, quantized: near the original on the grid, dopt-run's outputs as qdq" {
    nets=(UNet Siamese SuperResolution Detector LSTMClassifier)
    prepared "${nets[@]}"
    for name in "${nets[@]}"; do
        dopt-observe -i "$name.in.npz" "$name.dopt" | dopt-quant -o "$name.plan" 2>/dev/null
        dopt-emit -o "$name.pt" "$name.plan"
    done
    "$PY" "$TORCH" scripted grid "${nets[@]}"
    for name in "${nets[@]}"; do
        dopt-emit --as qdq -o "$name.pt" "$name.plan"
        dopt-run -i "$name.in.npz" -o "$name.got.npz" "$name.plan"
    done
    "$PY" "$TORCH" scripted qdq "${nets[@]}"
}

@test "resnet20 in TorchScript: accuracy as float, on the grid, as qdq; a quarter of the size" {
    need_shared torch
    "$PY" "$TORCH" cifar 1000
    dopt-import --weight "$SHARED/data/torch/resnet20-cifar10.th" --input_shape input:1,3,32,32 -o m.dopt "$SHARED/data/torch/resnet20_cifar10.py"
    dopt-observe -i calib.npz m.dopt | dopt-quant -o p.dopt 2>/dev/null
    dopt-emit --float -o float.pt p.dopt
    dopt-emit --param grid.param -o grid.pt p.dopt
    dopt-emit --as qdq --param qdq.param -o qdq.pt p.dopt
    cmp grid.param qdq.param
    [ "$(stat -c %s qdq.pt)" -lt $(($(stat -c %s grid.pt) / 3)) ]
    "$PY" "$TORCH" accuracy float.pt grid.pt qdq.pt >figures
    cat figures
    "$PY" -c 'f, g, q = map(float, open("figures")); assert f > 91 and g > f - 0.6 and q > f - 0.6'
}

@test "the three nets of MTCNN in TorchScript: what torch makes of the source" {
    need_shared torch
    for net in PNet:60,44 RNet:24,24 ONet:48,48; do
        name=${net%:*}
        cp "$SHARED/data/torch/${name,,}.pt" "$name.pth"
        "$PY" "$TORCH" trained "$SHARED/data/torch/mtcnn.py:$name" "$name.pth" "x:1,3,${net#*:}"
        mv in.npz "$name.in.npz"
        mv want.npz "$name.want.npz"
        dopt-import --weight "$name.pth" --input_shape "x:1,3,${net#*:}" "$SHARED/data/torch/mtcnn.py:$name" | dopt-emit --float -o "$name.pt"
    done
    "$PY" "$TORCH" scripted float PNet RNet ONet
}

# archived NAME SHAPES: NAME.pt and NAME-frozen.pt, read and run, are what torch computes; emitted again, too.
archived() {
    for kind in "$1-frozen" "$1"; do
        dopt-import --input_shape "$2" -o m.dopt "$kind.pt"
        dopt-run -i "$1.in.npz" -o got.npz m.dopt
        "$PY" "$TORCH" close "$1.want.npz" got.npz 1e-4
    done
    dopt-emit --float -o "$1.pt" m.dopt
}

@test "TorchScript in: traced and frozen archives are what torch computes, and written again" {
    nets=(UNet Yolo MaskedTransformer LSTMClassifier GRUEncoder Functional)
    for name in "${nets[@]}"; do
        args=$(sed -nE "s/^(class|def) $name\(.*\):  # (.*)/\2/p" "$ROOT/tests/definitions.py")
        # shellcheck disable=SC2086 # one word an argument
        "$PY" "$TORCH" traced "$ROOT/tests/definitions.py:$name" "$name" $args 2>/dev/null
        archived "$name" "${args// /;}"
    done
    if "$PY" -c 'import torchvision' 2>/dev/null; then
        for name in resnet18 mobilenet_v3_small; do
            "$PY" "$TORCH" traced "$name()" $name 1,3,64,64 2>/dev/null
            archived $name x:1,3,64,64
        done
        nets+=(resnet18 mobilenet_v3_small)
    fi
    "$PY" "$TORCH" scripted float "${nets[@]}"
}

@test "TorchScript in: a scripted archive, a broken one, one that would run something" {
    "$PY" - <<'END'
import pickle, torch, zipfile
net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).eval()
torch.jit.script(net).save('scripted.pt')
torch.jit.trace(net, torch.zeros(1, 3, 8, 8)).save('traced.pt')
z = zipfile.ZipFile('traced.pt')
def put(name, change):
    with zipfile.ZipFile(name, 'w') as o:
        for n in z.namelist():
            b = change(n.partition('/')[2], z.read(n))
            if b is not None:
                o.writestr(n, b)
def main(f):
    return lambda n, b: f(b) if 'container' in n and n.endswith('.py') else b
put('call.pt', main(lambda b: b.replace(b'return', b'_9 = __import__("os").system("touch ran")\n    return')))
put('name.pt', main(lambda b: b.replace(b'return', b'return nothing\n    return')))
put('text.pt', main(lambda b: b[:len(b) // 2] + b'((('))
put('gone.pt', lambda n, b: None if n.startswith('code/__torch__/torch/nn/modules/conv') else b)
put('loop.pt', main(lambda b: b.replace(b'    return', b'    while True:\n      pass\n    return')))
evil = b'\x80\x02cos\nsystem\n(X\x09\0\0\0touch rantR.'
put('evil.pt', lambda n, b: evil if n == 'constants.pkl' else b)
END
    for f in *.pt; do
        [ $f = traced.pt ] && continue
        status=0
        dopt-import --input_shape input:1,3,8,8 -o m.dopt $f 2>err || status=$?
        cat err
        [ "$status" -eq 1 ] || [ "$status" -eq 3 ]
        [ "$(wc -l <err)" -eq 1 ] && [ ! -e m.dopt ] && [ ! -e ran ]
    done
    fails 3 'scripted: export it with torch.jit.trace' dopt-import --input_shape input:1,3,8,8 -o m.dopt scripted.pt
    fails 3 "control flow ('while')" dopt-import --input_shape input:1,3,8,8 -o m.dopt loop.pt
}

@test "through the driver: the same bytes as the pipe, and again after nothing changed" {
    cd "$ROOT/examples/digits"
    out=$BATS_TEST_TMPDIR
    dopt -m 0 --framework 5 --model 'digits.py:Digits()' --weight digits.pth --cal_conf config.prototxt --to onnx \
        --output "$out/q.onnx" --input_shape image:1,1,28,28 >"$out/log"
    grep -q 'Quantize model success' "$out/log"
    dopt-import --weight digits.pth --input_shape image:1,1,28,28 digits.py | dopt-observe -c config.prototxt |
        dopt-quant -c config.prototxt | dopt-emit --to onnx --param "$out/p" -o "$out/p.onnx"
    cmp "$out/q.onnx" "$out/p.onnx"
    touch -r "$out/q.onnx" "$out/stamp"
    dopt -m 0 --framework 5 --model 'digits.py:Digits()' --weight digits.pth --cal_conf config.prototxt --to onnx \
        --output "$out/q.onnx" --input_shape image:1,1,28,28 >"$out/log"
    [ ! "$out/q.onnx" -nt "$out/stamp" ]
    dopt -m 0 --framework 5 --model 'digits.py:Digits()' --weight digits.pth --cal_conf config.prototxt \
        --output "$out/q.pt" --input_shape image:1,1,28,28 >"$out/log"
    grep -q 'Quantize model success' "$out/log"
    dopt-emit --float -o "$out/float.pt" "$out/q.pt.work/model.dopt"
    dopt -m 0 --framework 5 --model "$out/float.pt" --cal_conf config.prototxt --output "$out/again.pt" \
        --input_shape image:1,1,28,28 >"$out/log"
    cmp "$out/q.pt" "$out/again.pt"
    cd "$out"
    dopt-emit -o p.pt q.pt.work/model.dopt q.pt.work/plan.dopt
    cmp q.pt p.pt
}

@test "an installed tree finds the tracer" {
    make -s -C "$ROOT" install DESTDIR="$PWD/root" PREFIX=/usr >/dev/null
    root/usr/bin/dopt-import --weight "$ROOT/examples/digits/digits.pth" --input_shape image:1,1,28,28 -o m.dopt "$ROOT/examples/digits/digits.py"
    dopt-show m.dopt | grep -q '^model from PyTorch'
    [ -z "$(find root "$ROOT/examples" -name __pycache__)" ]
}

# wrong STATUS TEXT ARGS... with the definition on stdin: one line, nothing written.
wrong() {
    cat >net.py
    fails "$1" "dopt-import: net.py: $2" dopt-import --weight net.pth --input_shape "${3:-x:1,3}" -o out.dopt "${4:-net.py}"
}

@test "definitions that cannot be: the line, the reason, the remedy" {
    "$PY" -c "
import torch
torch.save({'fc.weight': torch.ones(2, 3), 'fc.bias': torch.ones(2)}, 'net.pth')"
    head='import torch
from torch import nn
import torch.nn.functional as F
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
    def forward(self, x):'
    wrong 3 'line 9: control flow depends on tensor data (the input)' <<<"$head
        return self.fc(x) if x.mean() > 0 else x"
    wrong 3 'line 9: control flow depends on tensor data (a weight)' <<<"$head
        return self.fc(x) * self.fc.weight[0, 0].item()"
    wrong 3 "line 9: torch API 'torch.nn.functional.ctc_loss' is not supported" <<<"$head
        return F.ctc_loss(self.fc(x))"
    wrong 3 "line 9: torch API 'Tensor.polygamma_' is not supported" <<<"$head
        return self.fc(x).polygamma_()"
    wrong 3 "line 9: torch API 'torch.fft.fft' is not supported" <<<"$head
        return torch.fft.fft(self.fc(x))"
    wrong 1 'line 9: RuntimeError: linear: [1, 4] by a weight of [2, 3]' x:1,4 <<<"$head
        return self.fc(x)"
    wrong 1 'line 9: NameError: ' <<<"$head
        return self.fc(y)"
    wrong 1 'line 9: SyntaxError: ' <<<"$head
        return self.fc(x"
    wrong 1 "--input_shape: forward() has no argument 'y'; it has: x, scale" 'x:1,3;y:2' <<<"$head
        return self.fc(x)
    def forward(self, x, scale=1):
        return self.fc(x)"
    wrong 1 "--input_shape: forward() needs 'z' too" x:1,3 <<<"$head
        return self.fc(x)
    def forward(self, x, z):
        return self.fc(x)"
    wrong 1 'forward() returns no tensor' <<<"$head
        return 3"
    wrong 3 'an output depends on random numbers' <<<"$head
        return self.fc(x) + torch.randn(2)"
    wrong 1 'the weights fit several: Net, Other: name one' <<<"$head
        return self.fc(x)
class Other(Net):
    def forward(self, x):
        return -self.fc(x)"
    wrong 1 'the weights fit none of Net; nearest Net: 1 missing (first other.weight)' <<<"${head/self.fc =/self.other = nn.Linear(2, 2, bias=False); self.fc =}
        return self.fc(x)"
    wrong 1 'no class or function in it makes a module without arguments' <<<"${head/self):/self, width):}
        return self.fc(x)"
    wrong 3 "line 3: 'timm.create_model' is used, and its module is not installed" <<<"import torch, timm
def net():
    return timm.create_model('x')"
    wrong 1 'Net() fails: ValueError: no' <<<"import torch
class Net(torch.nn.Module):
    def __init__(self):
        raise ValueError('no')"
    wrong 1 "the definition's process ended by signal 11" <<<"import torch, os, signal
os.kill(os.getpid(), signal.SIGSEGV)"
    cp net.pth net.pth.py
    wrong 1 'line 2: SystemExit: 3' <<<"import torch, sys
sys.exit(3)"
    echo 'from net import Net' >again.py
    fails 1 'again.py: net.py:2: SystemExit: 3' dopt-import --weight net.pth --input_shape x:1,3 -o out.dopt again.py
    fails 1 'net.pth.py: is PyTorch weights, not a PyTorch definition' dopt-import --weight net.pth --input_shape x:1,3 -o out.dopt net.pth.py:Net
    fails 1 'net.py: is a PyTorch definition: its weights are needed too, --weight FILE' dopt-import --input_shape x:1,3 -o out.dopt net.py
    fails 1 'net.pth: is PyTorch weights: name the definition, and them with --weight' dopt-import -o out.dopt net.pth
}

@test "a definition runs alone: no stdin, its folder as its own, what it prints is not shown, nothing is written" {
    mkdir sub
    "$PY" -c "
import torch
torch.save({'fc.weight': torch.ones(2, 3), 'fc.bias': torch.ones(2)}, 'net.pth')"
    cat >sub/layers.py <<'END'
from torch import nn
Layer = nn.Linear
END
    cat >sub/net.py <<'END'
import os
import sys
import numpy_that_is_nowhere as np
from nothing.like.this import that
import torch
from layers import Layer
print('noise')
sys.stderr.write('noise\n')
assert sys.stdin.read() == '' and os.path.basename(os.getcwd()) == 'sub'
assert 'PYTHONPATH' not in os.environ or os.environ['PYTHONPATH'] not in sys.path
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = Layer(3, 2)
    @torch.no_grad()
    def forward(self, x):
        return self.fc(x)
END
    PYTHONPATH=/nowhere run --separate-stderr dopt-import --weight net.pth --input_shape x:1,3 -o m.dopt sub/net.py <<<'text'
    [ "$status" -eq 0 ] && [ -z "$output" ] && [ -z "$stderr" ]
    [ "$(ls sub)" = $'layers.py\nnet.py' ]
}
