"""table.py: what `make accuracy` prints: README's table of accuracy and output SQNR, measured anew.

    table.py [--method M] [IMAGES]     columns: presets fast and balanced, and balanced with one weight scale a layer

Every int8 figure comes from running the emitted QDQ file in ONNX Runtime (current) on samples that were
not calibrated with. IMAGES: the folder of EliSchwartz/imagenet-sample-images, for mobilenet_v1_025 (left
out where it is absent). The peers' columns are ONNX Runtime 1.15.1's quantize_static on the same samples,
../shared/PEERS.md 1, accuracy / SQNR in dB.
SPDX-License-Identifier: Apache-2.0
"""
import glob
import os
import sys
import tempfile
import numpy as np
import accuracy as a
import inputs as real

SPEECH = {'dtln-1': ('dtln-1', 'input_2: 1,1,257; input_3: 1,2,128,2', ('input_2', 'input_3')),
          'dtln-2': ('dtln-2', 'input_4: 1,1,512; input_5: 1,2,128,2', ('input_4', 'input_5')),
          'silero_vad_16k_op15': ('silero-16k-op15', 'input: 1,576; state: 2,1,128; sr:', ('input', 'state', 'sr'))}
COLUMNS = [['--preset', 'fast'], ['--preset', 'balanced'], ['--per-tensor']]
PEERS = {  # MinMax, percentile, MinMax with few operators
    'resnet20': ('91.65 / 28.9', '91.66 / 29.2', '91.68 / 29.6'),
    'mlperf-resnet8': ('87.13 / 23.7', '86.94 / 23.9', '87.24 / 27.4'),
    'mnist-8': ('98.30 / 38.8', '98.36 / 38.7', '98.30 / 38.8'),
    'mlperf-kws': ('91.20 / 27.2', '91.80 / 29.2', '91.00 / 28.4'),
    'lprnet': ('82.60 / 21.0', '86.40 / 26.6', '83.40 / 22.8'),
    'mobilenet_v1_025_224': ('53.00 / 11.3', '53.25 / 11.3', '53.00 / 11.3'),
    'dtln-1': ('26.3', '26.2', '81.2'), 'dtln-2': ('11.8', '11.7', '31.8'),
    'silero_vad_16k_op15': ('4.8', '5.6', '5.4'),
}


def photographs(folder):
    """Of the 1,000 in name order every 5th for calibration (of those every 2nd), the others to judge with."""
    import cv2

    def prepared(f):
        p = cv2.imread(f)
        s = 256 / min(p.shape[:2])
        p = cv2.resize(p, (round(p.shape[1] * s), round(p.shape[0] * s)), interpolation=cv2.INTER_LINEAR)
        y, x = (p.shape[0] - 224) // 2, (p.shape[1] - 224) // 2
        return p[y:y + 224, x:x + 224, ::-1].transpose(2, 0, 1).astype(np.float32) / np.float32(127.5) - np.float32(1)
    files = sorted(glob.glob(folder + '/*.JPEG'))
    assert len(files) == 1000, '%s: %d images, 1000 are wanted' % (folder, len(files))
    judged = [i for i in range(1000) if i % 5]
    return ({'input_1': np.stack([prepared(f) for f in files[::10]])},
            {'input_1': np.stack([prepared(files[i]) for i in judged])}, np.array(judged))


def tasks(images):
    """name, shapes, calibration and evaluation arrays by input, labels or None, ONNX Runtime's step."""
    for name, (key, shape, sets, step, _) in a.MODELS.items():
        calib, samples, labels = sets()
        yield name, '%s:%s' % (key, shape), {key: calib.astype(np.float32)}, {key: samples.astype(np.float32)}, labels, step
    if images:
        yield ('mobilenet_v1_025_224', 'input_1:1,3,224,224') + photographs(images) + (1,)
    else:
        print('mobilenet_v1_025_224 is left out: give the folder of its images', file=sys.stderr)
    for name, (frames, shapes, keys) in SPEECH.items():
        calib, judged = ({k: np.load(real.DATA + 'frames/%s/%s-%s.npy' % (frames, kind, k)) for k in keys}
                         for kind in ('calib', 'eval'))
        yield name, shapes, calib, judged, None, 1


def outputs(model, out, step):
    a.run('node', a.ORT, '--step', str(step), '-o', out, model, 'eval.npz')
    return np.load(out)


def quantized_share(model, param):
    """How many of the model's quantizable operators the emitted file holds quantized."""
    import onnx
    p = a.quantized_nodes(param)
    dq = {o for n in onnx.load(model).graph.node if n.op_type == 'DequantizeLinear' for o in n.output}
    return p, sum(n.op_type in ('Conv', 'ConvTranspose', 'Gemm', 'MatMul') and n.input[1] in dq
                  for n in onnx.load(model).graph.node)


def main(options, images):
    print('| model | samples | float | fast | balanced | per tensor | quantized | ORT MinMax | ORT percentile | ORT MinMax, few operators |')
    print('|---|---|---|---|---|---|---|---|---|---|', flush=True)
    for name, shapes, calib, judged, labels, step in tasks(images):
        model = real.DATA + 'onnx/%s.onnx' % name
        np.savez('calib.npz', **calib)
        np.savez('eval.npz', **judged)
        a.run('dopt-import', '--input_shape', shapes, '-o', 'm.dopt', model)
        a.run('dopt-observe', '-i', 'calib.npz', '-d', '-o', 'r.dopt', 'm.dopt')
        y = outputs(model, 'y.npz', step)
        shown, shares = ['–' if labels is None else '%.2f' % a.score(name, y[y.files[0]], labels)], set()
        for column in COLUMNS:
            a.run('dopt-quant', *column, *options, '-d', '-o', 'p.dopt', 'm.dopt', 'r.dopt')
            a.run('dopt-emit', '--as', 'qdq', '--param', 'param', '-o', 'q.onnx', 'm.dopt', 'p.dopt')
            q = outputs('q.onnx', 'q.npz', step)
            with np.errstate(divide='ignore'):
                db = [a.sqnr(y[k], q[k]) for k in y.files]
            told = ', '.join('exact' if np.isinf(v) else '%.1f' % v for v in db)
            shown.append(told if labels is None else '%.2f / %s' % (a.score(name, q[q.files[0]], labels), told))
            shares.add('%d of %d' % quantized_share('q.onnx', 'param')[::-1])
        print('| %s | %d | %s | %s | %s |' % (name, len(next(iter(judged.values()))), ' | '.join(shown),
                                             ', '.join(sorted(shares)), ' | '.join(PEERS[name])), flush=True)


if __name__ == '__main__':
    given = sys.argv[1:]
    chosen = given[:2] if given[:1] == ['--method'] else []
    folder = os.path.abspath(given[len(chosen)]) if len(given) > len(chosen) else None
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        main(chosen, folder)
