"""agree.py: dopt-run with a plan beside ONNX Runtime on the emitted Q/DQ model, for run.bats.

    agree.py MODEL.onnx IN.npz [OPTION...]    the options go to dopt-quant; works in the current directory

In float (graph optimizations off) and in integers (ONNX Runtime's integer kernels) both must agree by 60 dB,
or by what a near-tie leaves: a value that a float kernel's last bit rounds to the next step. What that is,
ONNX Runtime says itself: the least agreement of its integer and float kernels, and of its float kernels when
the weights' scales are off by their last bits. plain.npz is the integer run in plain loops.
SPDX-License-Identifier: Apache-2.0
"""
import os
import subprocess
import sys
import numpy as np
import onnx
from onnx import numpy_helper as nh

ORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'ort/ort-run.js')
WANT, SLACK = 60, 6


def run(*command, **env):
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, env={**os.environ, **env})
    return command


def nudged(source, samples, seed):
    """What ONNX Runtime makes of the weights' scales being off by their last bits, up or down."""
    m, rng = onnx.load(source), np.random.RandomState(seed)
    for i in m.graph.initializer:
        if i.name.endswith('_scale') and i.dims and i.data_type == onnx.TensorProto.FLOAT:
            a = nh.to_array(i)
            i.CopyFrom(nh.from_array((a * (1 + 2.0 ** -21 * rng.uniform(-1, 1, a.shape))).astype('f4'), i.name))
    onnx.save(m, 'near.onnx')
    run(ORT, '--no-opt', '-o', 'near-%d.npz' % seed, 'near.onnx', samples)
    return 'near-%d.npz' % seed


def sqnr(want, got):
    a, b = np.load(want), np.load(got)
    assert a.files == b.files
    signal = sum((a[k].astype('f8') ** 2).sum() for k in a.files)
    noise = sum(((a[k].astype('f8') - b[k].astype('f8')) ** 2).sum() for k in a.files)
    return 10 * np.log10(signal / noise) if noise > 0 else np.inf


def main(model, samples, *options):
    run('dopt-import', '--link', '-o', 'm.dopt', model)
    run('dopt-observe', '-i', samples, '-d', '-o', 'r.dopt', 'm.dopt')
    run('dopt-quant', *options, '-d', '-o', 'p.dopt', 'm.dopt', 'r.dopt')
    run('dopt-emit', '--as', 'qdq', '-o', 'q.onnx', 'm.dopt', 'p.dopt')
    run(ORT, '--no-opt', '-o', 'want.npz', 'q.onnx', samples)
    run(ORT, '-o', 'want-integer.npz', 'q.onnx', samples)
    run('dopt-run', '-i', samples, '-o', 'float.npz', 'm.dopt', 'p.dopt')
    run('dopt-run', '--integer', '-i', samples, '-o', 'integer.npz', 'm.dopt', 'p.dopt')
    run('dopt-run', '--integer', '-i', samples, '-o', 'plain.npz', 'm.dopt', 'p.dopt', ONEDNN_MAX_CPU_ISA='AVX2')
    tie = min(sqnr('want.npz', other) for other in
              ['want-integer.npz'] + [nudged('q.onnx', samples, seed) for seed in range(3)])
    floor = min(WANT, tie - SLACK)
    got = [sqnr(*pair) for pair in (('want.npz', 'float.npz'), ('want-integer.npz', 'integer.npz'),
                                    ('float.npz', 'integer.npz'), ('integer.npz', 'plain.npz'))]
    print('%s: float %.1f dB, integer %.1f dB, one another %.1f dB, plain loops %.1f dB, wanted %.1f dB'
          % (os.path.basename(model), *got, floor))
    return not min(got) >= floor


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
