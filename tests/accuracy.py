"""accuracy.py: real models quantized with the driver and judged in ONNX Runtime, for accuracy.bats.

    accuracy.py MODEL [OPTION...]   the options go to dopt; works in the current directory

For each of --as grid and --as qdq it prints the accuracy in float and int8 on labelled data and the
output SQNR, and fails when int8 is below float by more than the model's limit. Calibration and
evaluation sets are disjoint. Labels and splits: ../shared/data/README.md.
SPDX-License-Identifier: Apache-2.0
"""
import os
import struct
import subprocess
import sys
import numpy as np
import inputs as real

ORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'ort/ort-run.js')
SYMBOLS = '京沪津渝冀晋蒙辽吉黑苏浙皖闽赣鲁豫鄂湘粤桂琼川贵云藏陕甘青宁新0123456789ABCDEFGHJKLMNPQRSTUVWXYZIO-'


def cifar_labels():
    return np.load(real.DATA + 'labelled/cifar10/test-labels-u8.npy')


def resnet20():
    return real.imagenet(real.cifar('calib-1000-u8')[:200]), real.imagenet(real.cifar()), cifar_labels()


def resnet8():
    return real.cifar('calib-1000-u8')[:200], real.cifar(), cifar_labels()


def mnist8():
    calib = np.load(real.DATA + 'labelled/mnist/calib-500-u8.npy')[:200].reshape(-1, 1, 28, 28)
    return calib, real.mnist(5000), real.idx('test-labels.idx1.gz', 8)[:5000]


def kws():
    labels = np.load(real.DATA + 'frames/mlperf-kws/eval-labels.npy').reshape(-1)
    return real.frames('mlperf-kws', 'calib')['input_1'], real.frames('mlperf-kws')['input_1'], labels


def lprnet():
    rows = real.plate_files()
    return (real.plates([f for f, _ in rows[:500:4]]), real.plates([f for f, _ in rows[500:]]),
            [t for _, t in rows[500:]])


# name -> input, its shape, sets, ONNX Runtime's step, points that int8 may lose (kws: a standard error of 500 samples)
MODELS = {
    'resnet20': ('input', '1,3,32,32', resnet20, 100, 0.3),
    'mnist-8': ('Input3', '1,1,28,28', mnist8, 1, 0.5),
    'mlperf-resnet8': ('input_1', '1,3,32,32', resnet8, 100, 0.5),
    'mlperf-kws': ('input_1', '1,1,49,10', kws, 100, 0.5),
    'lprnet': ('input', '1,3,24,94', lprnet, 1, 1.5),
}


def run(*command):
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if p.returncode != 0:
        sys.exit('%s: %d: %s' % (' '.join(command), p.returncode, p.stdout))
    return p.stdout


def bin610(path, a):
    a = np.ascontiguousarray(a, '<f4')
    with open(path, 'wb') as f:
        f.write(struct.pack('<%di' % (2 + a.ndim), 610, a.ndim, *a.shape) + a.tobytes())


def ort(model, samples, out, step, *more):
    run('node', ORT, '--step', str(step), *more, '-o', out, model, samples)
    z = np.load(out)
    return z[z.files[0]]


def texts(logits):
    """(N, symbols, places): the best symbol of each place, repeats collapsed, blanks (the last) dropped."""
    for row in logits.argmax(1):
        keep = [c for i, c in enumerate(row) if (i == 0 or c != row[i - 1]) and c != len(SYMBOLS) - 1]
        yield ''.join(SYMBOLS[c] for c in keep)


def score(name, y, labels):
    if name == 'lprnet':
        return 100 * np.mean([a == b for a, b in zip(texts(y), labels)])
    return 100 * np.mean(y.reshape(len(y), -1).argmax(1) == labels)


def sqnr(y, q):
    y, q = y.astype(np.float64), q.astype(np.float64)
    return 10 * np.log10((y ** 2).sum() / ((y - q) ** 2).sum())


def float_kernels(path):
    """Convolutions and Gemms of ONNX Runtime's optimized graph that run on floats."""
    import onnx
    ops = [n.op_type for n in onnx.load(path, load_external_data=False).graph.node]
    integer = [o for o in ops if o in ('QLinearConv', 'QGemm', 'QLinearMatMul', 'MatMulIntegerToFloat', 'ConvInteger')]
    return [o for o in ops if o in ('Conv', 'FusedConv', 'Gemm', 'MatMul', 'FusedGemm', 'NhwcFusedConv')], integer


def quantized_nodes(param):
    return run('dopt-show', param).count('\nnode ')


def main(name, options):
    key, shape, sets, step, limit = MODELS[name]
    model = real.DATA + 'onnx/%s.onnx' % name
    calib, samples, labels = sets()
    bin610('calib.bin', calib)
    np.savez('eval.npz', **{key: samples.astype(np.float32)})
    np.savez('few.npz', **{key: samples[:4].astype(np.float32)})
    with open('config.prototxt', 'w') as f:
        f.write('strategy: "Quant_INT8-8"\ndevice: USE_CPU\npreprocess_parameter:\n{\n'
                '    input_type: BINARY\n    input_file_path: "calib.bin"\n}\n')
    y = ort(model, 'eval.npz', 'y.npz', step)
    want, bad = score(name, y, labels), 0
    for kind in 'grid', 'qdq':
        out = '%s.onnx' % kind
        said = run('dopt', '-m', '0', '--framework', '5', '--model', model, '--cal_conf', 'config.prototxt', '--output',
                   out, '--input_shape', '%s:%s' % (key, shape), '--compress_conf', kind + '.param', '--as', kind,
                   '--work', 'work', *options)
        assert said.endswith('Quantize model success\n'), said
        q = ort(out, 'eval.npz', 'q.npz', step)
        ort(out, 'few.npz', 'old.npz', step, '--ort', '1.15')
        got, kernels = score(name, q, labels), ''
        if kind == 'qdq':
            for version in '1.15', 'current':
                run('node', ORT, '--ort', version, '--dump-optimized', 'opt.onnx', out)
                left, integer = float_kernels('opt.onnx')
                kernels += ', %s: %d integer kernels' % (version, len(integer))
                if left or len(integer) != quantized_nodes(kind + '.param'):
                    print('ONNX Runtime %s: %d integer, left in float: %s' % (version, len(integer), left))
                    bad += 1
        bad += not got >= want - limit
        print('# %-16s %-4s float %.2f %%, int8 %.2f %% (limit %.1f points), SQNR %.1f dB%s'
              % (name, kind, want, got, limit, sqnr(y, q), kernels))
    return bad


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2:]))
