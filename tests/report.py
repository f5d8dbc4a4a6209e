"""report.py: what dopt-report says, against numpy and ONNX Runtime; for report.bats.

    report.py CHECK ARGUMENTS...      one function each below; 0 = it holds
SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import struct
import subprocess
import sys
import zlib
import numpy as np
import onnx
from onnx import numpy_helper as nh
import quant

ORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'ort/ort-run.js')
f64 = np.float64


def db(signal, noise):
    return 10 * np.log10(signal / noise) if noise > 0 else np.inf


def close(what, got, want, tolerance):
    assert abs(got - want) <= tolerance, '%s: %s, wanted %s' % (what, got, want)


def run(*command):
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


# ---- figures ------------------------------------------------------------------------------

def weights(report, source, emitted):
    """SQNR, spread and pairs of every weight of digits, from the emitted integers."""
    layers = {l['name']: l for l in json.load(open(report))['layers']}
    wanted = quant.folded(onnx.load(source))
    c = quant.constants(onnx.load(emitted).graph)
    assert sorted(layers) == sorted(wanted)
    for name, (w, _) in wanted.items():
        l = layers[name]
        q, s = c[l['weight'] + '_quantized'].astype(f64), c[l['weight'] + '_scale'].astype(f64)
        grid = q * s.reshape(-1, *[1] * (q.ndim - 1))
        close(name + ' weight', l['weight_sqnr'], db((w ** 2).sum(), ((w - grid) ** 2).sum()), 0.01)
        peaks = np.abs(w).reshape(len(w), -1).max(1)
        close(name + ' spread', l['channel_spread'], peaks.max() / peaks[peaks > 0].min(), 1e-4 * l['channel_spread'])
        rows = q.reshape(len(q), -1)
        a, b = rows[:, 0:rows.shape[1] // 2 * 2:2], rows[:, 1::2]
        # the extremes of x a + y b with x and y from 0 to 255, in int16
        most = 255 * (np.maximum(a, 0) + np.maximum(b, 0))
        least = 255 * (np.minimum(a, 0) + np.minimum(b, 0))
        assert l['weight_pairs'] == a.size and l['saturating_pairs'] == ((most > 32767) | (least < -32768)).sum(), name


def sqnr(want, got):
    a, b = (np.load(f)['logits'].astype(f64) for f in (want, got))
    return db((a ** 2).sum(), ((a - b) ** 2).sum())


def spread(source, out, n):
    """The n samples that --spread n takes."""
    a = dict(np.load(source))
    total = len(next(iter(a.values())))
    np.savez(out, **{k: v[[i * total // int(n) for i in range(int(n))]] for k, v in a.items()})


def leave_one_out(report, source, samples):
    """Output SQNR both ways and of all, from Q/DQ models emitted with exclude lists, in ONNX Runtime. A value
    next to half a step may go the other way there: that moves a figure by some tenths, and few of them."""
    r = json.load(open(report))
    names = [l['name'] for l in r['layers']]
    run(ORT, '--no-opt', '-o', 'y.npz', source, samples)

    def measure(excluded):
        run('dopt-quant', '--no-equalization', *(['--exclude', ';'.join(excluded)] if excluded else []), '-d',
            '-o', 'x.dopt', 'm.dopt', 'r.dopt')
        run('dopt-emit', '--as', 'qdq', '-o', 'x.onnx', 'm.dopt', 'x.dopt')
        run(ORT, '--no-opt', '-o', 'x.npz', 'x.onnx', samples)
        return sqnr('y.npz', 'x.npz')

    whole = measure([])
    close('all', r['output_sqnr'], whole, 0.3)
    noises, off = {}, []
    for l in r['layers']:
        only, without = measure([n for n in names if n != l['name']]), measure([l['name']])
        close(l['name'] + ' only', l['only_sqnr'], only, 0.3)
        close(l['name'] + ' without', l['without_sqnr'], without, 0.3)
        off += [abs(l['only_sqnr'] - only), abs(l['without_sqnr'] - without)]
        noises[l['name']] = (10 ** (-only / 10) + max(0, 10 ** (-whole / 10) - 10 ** (-without / 10))) / 2
    order = sorted(names, key=lambda n: -noises[n])
    for i, (n, l) in enumerate(zip(order, r['layers'])):
        close('share %d' % i, l['share'], noises[n] / sum(noises.values()), 0.02)
    assert np.median(off) < 0.02, off
    assert abs(sum(l['share'] for l in r['layers']) - 1) < 1e-6


def inputs(report, source, samples):
    """SQNR of each layer's input on its grid, from every tensor that ONNX Runtime computes."""
    quant.expose(source, 'all.onnx')
    run(ORT, '--no-opt', '-o', 'inner.npz', 'all.onnx', samples)
    values = quant.tensors('inner.npz', samples)
    reads = {n.name: n.input[0] for n in onnx.load(source).graph.node}
    for l in json.load(open(report))['layers']:
        x = values[reads[l['name']]].astype(np.float32)
        s, z = np.float32(l['scale']), l['zero_point']
        q = np.clip(np.rint(x / s) + z, 0, 255)
        grid = ((q - z) * s).astype(f64)
        close(l['name'], l['input_sqnr'], db((x.astype(f64) ** 2).sum(), ((x - grid) ** 2).sum()), 0.05)


# ---- the planted fault --------------------------------------------------------------------

def sections(b):
    """dopt-file(5): [(offset of the header, tag, payload offset, size)]."""
    at, found = 16, []
    while True:
        at += (48 - at) % 64
        tag = b[at:at + 8].rstrip(b'\0').decode()
        size, = struct.unpack_from('<Q', b, at + 8)
        found.append((at, tag, at + 16, size))
        if tag == 'END':
            return found
        at += 16 + size + 4


def spans(b, start, end):
    """(field, wire type, start, end) of the fields of a protobuf message; start and end of the value."""
    i = start
    while i < end:
        key, n = quant.varint(b, i)
        i = n
        if key & 7 == 2:
            size, i = quant.varint(b, i)
            yield key >> 3, 2, i, i + size
            i += size
        elif key & 7 == 0:
            _, n = quant.varint(b, i)
            yield key >> 3, 0, i, n
            i = n
        else:
            size = 4 if key & 7 == 5 else 8
            yield key >> 3, key & 7, i, i + size
            i += size


def fault(source, out, node, factor):
    """The plan with the range of what `node` reads `factor` times as wide, biases to fit."""
    b, factor = bytearray(open(source, 'rb').read()), float(factor)
    where = {tag: (at, p, size) for at, tag, p, size in sections(b)}
    _, p, size = where['PLAN']
    _, q, _ = where['QDATA']
    text = lambda s, e: bytes(b[s:e]).decode()
    nodes, tensors = [], {}
    for field, _, s, e in spans(b, p, p + size):
        parts = {f: (x, y) for f, _, x, y in spans(b, s, e)}
        if field == 5:
            nodes.append(parts)
        elif field == 4:
            tensors[text(*parts[1])] = parts
    name = next(text(*n[4]) for n in nodes if text(*n[1]) == node)
    for f in (2, 7, 8):  # scale, low, high
        if f in tensors[name]:
            at = tensors[name][f][0]
            struct.pack_into('<f', b, at, struct.unpack_from('<f', b, at)[0] * factor)
    for n in nodes:
        if text(*n[4]) == name and 9 in n:
            at, size = (quant.varint(b, n[f][0])[0] if f in n else 0 for f in (8, 9))
            bias = np.frombuffer(b, '<i4', size // 4, q + at)
            b[q + at:q + at + size] = np.rint(bias / factor).astype('<i4').tobytes()
    for tag in ('PLAN', 'QDATA'):
        at, p, size = where[tag]
        struct.pack_into('<I', b, p + size, zlib.crc32(b[at:p + size]))
    open(out, 'wb').write(b)


def first(report, name, least):
    """The layer is the first, with at least this share."""
    l = json.load(open(report))['layers'][0]
    assert l['name'] == name and l['share'] >= float(least), (l['name'], l['share'])


def target(report, before, after, *names):
    """What the list was made for and gives, within 0.1 dB; '-': anything."""
    r = json.load(open(report))
    t = r['target']
    for what, want in (('before', before), ('after', after)):
        if want != '-':
            close(what, t[what], float(want), 0.1)
    assert t['reached'] and (not names or r['exclude'] == list(names)), r['exclude']


# ---- the page -----------------------------------------------------------------------------

def page(source, out):
    """The page with a script that sorts by every column and writes the order of layers down."""
    html = open(source, encoding='utf8').read()
    for bad in ('http:', 'https:', 'src=', '@import', 'url('):
        assert bad not in html, bad
    script = '''<script>
const order = () => [...document.querySelectorAll('tbody tr')].map((r) => r.cells[0].dataset.v);
const result = [order()];
for (const th of document.querySelectorAll('th')) {
  th.click(); result.push(order());
  th.click(); result.push(order());
}
document.body.innerHTML = '<pre id="result"></pre>';
document.getElementById('result').textContent = JSON.stringify(result);
</script>'''
    open(out, 'w', encoding='utf8').write(html.replace('</body>', script + '</body>'))


def sorted_page(dump, report):
    """Every column sorted, as Chromium left it."""
    import html
    text = open(dump, encoding='utf8').read()
    got = json.loads(html.unescape(text[text.index('<pre id="result">') + 17:text.rindex('</pre>')]))
    layers = json.load(open(report))['layers']
    by = {l['name']: l for l in layers}
    assert got[0] == [l['name'] for l in layers]
    keys = ['name', 'share', 'only_sqnr', 'without_sqnr', 'weight_sqnr', 'input_sqnr', 'input_sqnr_in_model',
            'clipped', 'channel_spread', lambda l: l['saturating_pairs'] / l['weight_pairs'], 'range_method',
            lambda l: l['range_high'] - l['range_low']]
    for i, key in enumerate(keys):
        value = key if callable(key) else lambda l, key=key: l[key]
        values = [[value(by[n]) for n in order] for order in got[1 + 2 * i:3 + 2 * i]]
        up = sorted(values[0])
        tolerate = lambda a: [round(x, 5) if isinstance(x, float) else x for x in a]
        first, second = (up, up[::-1]) if isinstance(up[0], str) else (up[::-1], up)
        assert tolerate(values[0]) == tolerate(first) and tolerate(values[1]) == tolerate(second), key
    assert len(got) == 1 + 2 * len(keys)


if __name__ == '__main__':
    globals()[sys.argv[1]](*sys.argv[2:])
