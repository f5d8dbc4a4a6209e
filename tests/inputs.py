"""inputs.py: real samples for the models of ../shared/data/onnx, preprocessed as each model was trained.

    inputs.py --list                  the models
    inputs.py MODEL OUT.npz [N]       at most N samples, an array for each input
    inputs.py --close WANT GOT [TOL]  two .npz: all of |want - got| <= TOL (1e-4) of the largest |want|
    inputs.py --same WANT GOT         two .npz: the same arrays, value for value
SPDX-License-Identifier: Apache-2.0
"""
import glob
import gzip
import os
import sys
import numpy as np

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../shared/data/')
MEAN, STD = (np.array(v, np.float32).reshape(1, 3, 1, 1) for v in ((.485, .456, .406), (.229, .224, .225)))
f32 = np.float32


def photos(width, height):
    """The five photographs as (N, 3, H, W), RGB, 0..255."""
    import cv2
    a = [cv2.resize(cv2.imread(f), (width, height)) for f in sorted(glob.glob(DATA + 'images/*.jpg'))]
    return np.ascontiguousarray(np.stack(a)[..., ::-1].transpose(0, 3, 1, 2)).astype(f32)


def gray(width, height):
    import cv2
    a = [cv2.resize(cv2.imread(f, 0), (width, height)) for f in sorted(glob.glob(DATA + 'images/*.jpg'))]
    return np.stack(a)[:, None].astype(f32)


def plates(files):
    import cv2
    a = np.stack([cv2.imread(DATA + 'labelled/plates/' + f) for f in files]).astype(f32)
    return np.ascontiguousarray((a.transpose(0, 3, 1, 2) - f32(127.5)) * f32(0.0078125))


def plate_files():
    """[(file, text)] in the order of the table."""
    rows = [l.rstrip('\n').split('\t') for l in open(DATA + 'labelled/plates/labels.tsv', encoding='utf8')]
    return [(r[0], r[1]) for r in rows if r[0].endswith('.jpg')]


def idx(name, skip):
    return np.frombuffer(gzip.open(DATA + 'labelled/mnist/' + name).read()[skip:], np.uint8)


def mnist(n):
    return idx('test-images.idx3.gz', 16).reshape(-1, 1, 28, 28)[:n].astype(f32)


def cifar(name='test-images-u8'):
    return np.load(DATA + 'labelled/cifar10/%s.npy' % name)


def imagenet(a):
    return ((a / f32(255) - MEAN) / STD).astype(f32)


def frames(model, part='eval'):
    start = DATA + 'frames/%s/%s-' % (model, part)
    return {f[len(start):-4]: np.load(f) for f in sorted(glob.glob(start + '*.npy')) if not f.endswith('-labels.npy')}


MODELS = {
    'mnist-8': lambda n: {'Input3': mnist(n)},
    'resnet20': lambda n: {'input': imagenet(cifar()[:n])},
    'mlperf-resnet8': lambda n: {'input_1': cifar()[:n].astype(f32)},
    'mobilenet_v1_025_224': lambda n: {'input_1': photos(224, 224)[:n] / f32(127.5) - 1},
    'mlperf-kws': lambda n: frames('mlperf-kws'),
    'mlperf-vww96': lambda n: {'input_1': photos(96, 96)[:n] / f32(255)},
    'lprnet': lambda n: {'input': plates([f for f, _ in plate_files()[:n]])},
    'ultraface-RFB-320': lambda n: {'input': (photos(320, 240)[:n] - 127) / 128},
    'super-resolution-10': lambda n: {'input': gray(224, 224)[:n] / f32(255)},
    'silero_vad_16k_op15': lambda n: frames('silero-16k-op15'),
    'dtln-1': lambda n: frames('dtln-1'),
    'dtln-2': lambda n: frames('dtln-2'),
    'ch_PP-OCRv4_det_infer': lambda n: {'x': imagenet(photos(320, 320)[:n])},
    'ch_ppocr_mobile_v2.0_cls_infer': lambda n: {'x': photos(192, 48)[:n] / f32(127.5) - 1},
}


def close(want, got, tolerance):
    bad = 0
    for k in want.files:
        a, b = want[k], got[k]
        if a.shape != b.shape or a.dtype != b.dtype:
            print('%s: %s %s, wanted %s %s' % (k, b.dtype, b.shape, a.dtype, a.shape))
            bad += 1
            continue
        a, b = a.astype(np.float64), b.astype(np.float64)
        off, top = np.abs(a - b).max(), np.abs(a).max()
        print('%-28s %-18s max|d|/max|y| %.1e' % (k, 'x'.join(map(str, a.shape)), off / top if top > 0 else off))
        bad += not off <= tolerance * top
    return bad == 0 and sorted(want.files) == sorted(got.files)


def main(argv):
    if argv[1] == '--list':
        print('\n'.join(MODELS))
    elif argv[1] == '--close':
        return not close(np.load(argv[2]), np.load(argv[3]), float(argv[4]) if len(argv) > 4 else 1e-4)
    elif argv[1] == '--same':
        a, b = np.load(argv[2]), np.load(argv[3])
        return not (a.files == b.files and all((a[k] == b[k]).all() and a[k].dtype == b[k].dtype for k in a.files))
    else:
        n = int(argv[3]) if len(argv) > 3 else 100
        np.savez(argv[2], **{k: v[:n] for k, v in MODELS[argv[1]](n).items()})
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
