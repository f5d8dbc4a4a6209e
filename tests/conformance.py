"""conformance.py: the ONNX backend tests (Debian's libonnx-testdata) through dopt-import and dopt-run.

    conformance.py [-l] [-j N] [FOLDER[/test_NAME]...]

Values (rtol 1e-3, atol 1e-7 as in ONNX's own runner), dtypes and shapes are compared with the suite's own outputs.
tests/conformance.txt lists the tests that cannot pass, each with its reason: a test that fails without
being listed, or passes although it is, makes the exit status 1. With -l every failure is printed.
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import concurrent.futures
import glob
import os
import subprocess
import sys
import tempfile
import zipfile
import numpy as np
import onnx
from onnx import numpy_helper

DATA = '/usr/share/libonnx-testdata/data'
FOLDERS = ('node', 'simple', 'pytorch-operator', 'pytorch-converted')
HERE = os.path.dirname(os.path.abspath(__file__))
RTOL, ATOL = 1e-3, 1e-7


def tensor(path):
    """The array of a TensorProto, or None: sequences and optionals do not parse as one."""
    t = onnx.TensorProto()
    with open(path, 'rb') as f:
        t.ParseFromString(f.read())
    return numpy_helper.to_array(t)


def tensors(folder, what, n):
    return [tensor(os.path.join(folder, '%s_%d.pb' % (what, i))) for i in range(n)]


def declared(array, info):
    """The array as the model declares it: bfloat16 comes as its bits, and is float32 here as in .npy;
    CastLike's second input has one element in the data whatever the model says."""
    t = info.type.tensor_type
    if t.elem_type == onnx.TensorProto.BFLOAT16 and array.dtype == np.uint16:
        array = (array.astype(np.uint32) << 16).view(np.float32)
    dims = [d.dim_value for d in t.shape.dim]
    if array.size == 1 and dims and all(d > 0 for d in dims):
        array = np.broadcast_to(array, dims)
    return array


def run(model, inputs, work):
    """dopt-import | dopt-run; every input is one whole sample. Returns (arrays by name, error)."""
    feed, out = os.path.join(work, 'in.npz'), os.path.join(work, 'out.npz')
    with zipfile.ZipFile(feed, 'w') as z:  # np.savez has arguments of its own, 'like' among them
        for k, v in inputs.items():
            with z.open(k + '.npy', 'w') as f:
                np.lib.format.write_array(f, v[None])
    first = subprocess.Popen(['dopt-import', model], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    source = ['-i', feed] if inputs else []
    second = subprocess.run(['dopt-run', '-j', '1', '-o', out] + source, stdin=first.stdout,
                            stderr=subprocess.PIPE)
    first.stdout.close()
    message = first.stderr.read().decode(errors='replace').strip()
    if first.wait() != 0:
        return None, message or 'dopt-import: exit status %d' % first.returncode
    if second.returncode != 0:
        return None, second.stderr.decode(errors='replace').strip() or 'exit status %d' % second.returncode
    with np.load(out) as z:
        return {k: z[k] for k in z.files}, None


def compare(want, got, info):
    """Why got is not want, or None. A scalar comes back as an array of its one sample. The suite's own
    bfloat16 numbers are cut off, not rounded: one unit of theirs is allowed."""
    rtol = 2 ** -7 if info.type.tensor_type.elem_type == onnx.TensorProto.BFLOAT16 else RTOL
    if want.shape == () and got.shape == (1,):
        got = got[0:1].reshape(())
    if want.dtype != got.dtype:
        return 'type %s, wanted %s' % (got.dtype, want.dtype)
    if want.shape != got.shape:
        return 'shape %s, wanted %s' % (got.shape, want.shape)
    if want.dtype.kind == 'c':
        want, got = want.view(want.real.dtype), got.view(got.real.dtype)
    if not np.allclose(got.astype(np.float64), want.astype(np.float64), rtol, ATOL, equal_nan=True):
        return 'values: %s, wanted %s' % (got.ravel()[:6], want.ravel()[:6])
    return None


def check(name):
    """Why the test fails, or None."""
    folder = os.path.join(DATA, name)
    path = os.path.join(folder, 'model.onnx')
    graph = onnx.load(path).graph
    made = {t.name for t in graph.initializer}
    fed = [i for i in graph.input if i.name not in made]
    for case in sorted(glob.glob(os.path.join(folder, 'test_data_set_*'))):
        try:
            inputs = tensors(case, 'input', len(glob.glob(os.path.join(case, 'input_*.pb'))))
            wanted = tensors(case, 'output', len(glob.glob(os.path.join(case, 'output_*.pb'))))
            inputs = {i.name: declared(a, i) for i, a in zip(fed, inputs)}
            wanted = [declared(a, o) for o, a in zip(graph.output, wanted)]
            if any(a.dtype == object for a in list(inputs.values()) + wanted):
                raise ValueError
        except Exception:
            inputs, wanted = {}, []
        with tempfile.TemporaryDirectory() as work:
            got, why = run(path, inputs, work)
        if why is not None:
            return why
        for o, want in zip(graph.output, wanted):
            if o.name not in got:
                return 'output %s is missing' % o.name
            why = compare(want, got[o.name], o)
            if why is not None:
                return 'output %s: %s' % (o.name, why)
        if not wanted:
            return 'its data are no tensors'
    return None


def expected():
    """name -> reason, from conformance.txt: 'FOLDER/test_NAME  reason' a line."""
    rows = [l.split(None, 1) for l in open(os.path.join(HERE, 'conformance.txt')) if l.strip() and l[0] != '#']
    return {name: reason.strip() for name, reason in rows}


def main():
    p = argparse.ArgumentParser()
    p.add_argument('-l', action='store_true')
    p.add_argument('-j', type=int, default=2)
    p.add_argument('tests', nargs='*')
    o = p.parse_args()
    known = expected()
    names = []
    for t in o.tests or FOLDERS:
        names += [t] if '/' in t else [t + '/' + n for n in sorted(os.listdir(os.path.join(DATA, t)))]
    with concurrent.futures.ThreadPoolExecutor(o.j) as pool:
        results = dict(zip(names, pool.map(check, names)))
    red = 0
    for name, why in results.items():
        if o.l and why is not None:
            print('%s: %s' % (name, why))
        elif why is not None and name not in known:
            print('FAILED %s: %s' % (name, why))
        elif why is None and name in known:
            print('PASSED %s, which conformance.txt lists: %s' % (name, known[name]))
        red += (why is None) == (name in known)
    for name in [] if o.tests else sorted(set(known) - set(names)):
        print('conformance.txt lists %s, which the suite does not have' % name)
        red += 1
    for folder in sorted({n.split('/')[0] for n in names}):
        of = [why is None for n, why in results.items() if n.startswith(folder + '/')]
        print('%s: %d of %d' % (folder, sum(of), len(of)))
    return red > 0


if __name__ == '__main__':
    sys.exit(main())
