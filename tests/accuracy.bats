#!/usr/bin/env bats
# What quantization costs on real models: the driver's output in both forms, judged in ONNX Runtime on
# labelled data that were not calibrated with. The figures are printed as comments of the log.
load lib

ORT=$ROOT/tests/ort/ort-run.js

# keeps MODEL: accuracy within the model's limit, every quantized operator an integer kernel.
keeps() {
    status=0
    [ -d "$ROOT/build/ort/node_modules" ] || [ -n "${ORT_MODULES:-}" ] || skip "needs ONNX Runtime, see tests/ort/README"
    need_shared labelled
    "$PY" "$ROOT/tests/accuracy.py" "$@" >figures || status=1
    cat figures
    grep '^#' figures >&3
    [ "$status" -eq 0 ]
    [ "$(grep -c '^#' figures)" -eq 2 ]
}

@test "resnet20 keeps its accuracy within 0.3 points, in both forms" {
    keeps resnet20
}

@test "mnist-8 keeps its accuracy within 0.5 points, in both forms" {
    keeps mnist-8
}

@test "mlperf-resnet8 keeps its accuracy within 0.5 points, in both forms" {
    keeps mlperf-resnet8
}

@test "mlperf-kws keeps its accuracy within 0.5 points, in both forms" {
    keeps mlperf-kws
}

@test "lprnet keeps its accuracy within 1.5 points, in both forms" {
    keeps lprnet
}

# within FRAMES MODEL SHAPES DB: the emitted QDQ's outputs on the evaluation frames, mean SQNR over the outputs.
within() {
    [ -d "$ROOT/build/ort/node_modules" ] || [ -n "${ORT_MODULES:-}" ] || skip "needs ONNX Runtime, see tests/ort/README"
    need_shared "frames/$1"
    model=$SHARED/data/onnx/$2.onnx
    "$PY" - "$SHARED/data/frames/$1" <<'END'
import glob, os, sys
import numpy as np
for kind in 'calib', 'eval':
    files = [f for f in glob.glob(sys.argv[1] + '/' + kind + '-*.npy') if 'labels' not in f]
    np.savez(kind + '.npz', **{os.path.basename(f)[len(kind) + 1:-4]: np.load(f) for f in files})
END
    dopt-import --input_shape "$3" -o m.dopt "$model"
    dopt-observe -i calib.npz m.dopt | dopt-quant | dopt-emit --as qdq -o q.onnx
    "$ORT" --step 1 -o y.npz "$model" eval.npz
    "$ORT" --step 1 -o q.npz q.onnx eval.npz
    "$PY" - "$2" "$4" <<'END' | tee figures
import sys
import numpy as np
y, q = np.load('y.npz'), np.load('q.npz')
db = [10 * np.log10((y[k].astype('f8') ** 2).sum() / max(((y[k].astype('f8') - q[k]) ** 2).sum(), 1e-30)) for k in y.files]
print('# %-16s qdq  SQNR %s dB (mean at least %s)' % (sys.argv[1], ', '.join('%.1f' % min(v, 99) for v in db), sys.argv[2]))
assert np.mean(db) >= float(sys.argv[2])
END
    grep '^#' figures >&3
}

@test "dtln-2, an LSTM spelled out, is 30 dB or better" {
    within dtln-2 dtln-2 'input_4: 1,1,512; input_5: 1,2,128,2' 30
}

@test "silero, with its If and LSTM, is 15 dB or better" {
    within silero-16k-op15 silero_vad_16k_op15 'input: 1,576; state: 2,1,128; sr:' 15
}

@test "mobilenet_v1_025 calibrated with photographs is 11 dB or better on others" {
    [ -d "$ROOT/build/ort/node_modules" ] || [ -n "${ORT_MODULES:-}" ] || skip "needs ONNX Runtime, see tests/ort/README"
    need_shared images
    "$PY" - "$SHARED/data/images" <<'END'
import glob, os, sys
import cv2, numpy as np
os.mkdir('photos')
held = []
for i, f in enumerate(sorted(glob.glob(sys.argv[1] + '/*.jpg'))):
    a = cv2.imread(f)
    h, w = a.shape[:2]
    side = min(h, w)
    half = side // 2
    corners = [(0, 0, side), (h - side, w - side, side), (0, 0, half), (h - half, w - half, half), ((h - half) // 2, (w - half) // 2, half)]
    for k, (y, x, s) in enumerate(corners):
        crop = cv2.resize(a[y:y + s, x:x + s], (224, 224))
        if i < 3:
            cv2.imwrite('photos/%d-%d.png' % (i, k), crop)
        else:
            held.append(crop[:, :, ::-1].transpose(2, 0, 1))
np.savez('held.npz', input_1=(np.stack(held).astype(np.float32) - np.float32(127.5)) / np.float32(127.5))
END
    cat >config.prototxt <<'END'
strategy: "Quant_INT8-8"
device: USE_CPU
preprocess_parameter:
{
    input_type: IMAGE
    image_format: RGB
    mean_value: 127.5
    mean_value: 127.5
    mean_value: 127.5
    standard_deviation: 127.5
    input_file_path: "photos"
}
END
    model=$SHARED/data/onnx/mobilenet_v1_025_224.onnx
    dopt -m 0 --framework 5 --model "$model" --cal_conf config.prototxt --output q.onnx \
        --input_shape input_1:1,3,224,224 --as qdq
    "$ORT" --step 1 -o y.npz "$model" held.npz
    "$ORT" --step 1 -o q.npz q.onnx held.npz
    "$ORT" --step 1 --ort 1.15 -o old.npz q.onnx held.npz
    "$PY" -c "
import numpy as np
y, q, o = (np.load(f + '.npz') for f in ('y', 'q', 'old')); k = y.files[0]
sqnr = [10 * np.log10((y[k].astype('f8') ** 2).sum() / ((y[k].astype('f8') - a[k]) ** 2).sum()) for a in (q, o)]
print('# mobilenet_v1_025 qdq  SQNR %.1f dB, in ONNX Runtime 1.15 %.1f dB (at least 11)' % tuple(sqnr))
assert min(sqnr) >= 11" | tee figures
    cat figures >&3
    [ "$(grep -c '^#' figures)" -eq 1 ]
}
