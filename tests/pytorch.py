#!/usr/bin/python3
"""What tests/torch.bats needs of PyTorch, which is never part of the product.

  pytorch.py variants DIR    .pth files of every kind, each with DIR/NAME.npz: what torch.load gives
  pytorch.py hostile DIR     broken and malicious ones
  pytorch.py same A B        two .npz: the same names, types and values
  pytorch.py model FILE:EXPRESSION NAME ARG:DIMS...   NAME.pth: random weights for it, NAME.in.npz: random
                           arguments, NAME.want.npz: what torch computes
  pytorch.py vision 'NAME(ARGS)' DIMS ...   the same of torchvision.models, as NAME
  pytorch.py traced (FILE:EXPRESSION NAME ARG:DIMS...|'NAME(ARGS)' NAME DIMS)   the same of both, and NAME.pt and
                           NAME-frozen.pt by torch.jit
  pytorch.py scripted float|grid|qdq NAME...   NAME.pt, an emitted archive, in torch
  pytorch.py close WANT GOT LIMIT    outputs in order, relative to the largest magnitude
SPDX-License-Identifier: Apache-2.0"""
import argparse
import collections
import io
import os
import pickle
import re
import struct
import sys
import zipfile

import numpy as np

DIR = sys.argv[2] if len(sys.argv) > 2 else '.'


# ---- files of weights ----------------------------------------------------------------------------
def variants():
    import torch
    from torch import nn
    torch.manual_seed(1)

    def array(t):
        t = t.detach()
        if t.is_quantized:
            t = t.dequantize()
        return t.float().numpy() if t.dtype == torch.bfloat16 else t.numpy()

    def put(name, obj, want, **how):
        torch.save(obj, f'{DIR}/{name}.pth', **how)
        np.savez(f'{DIR}/{name}.npz', **{k: array(v) for k, v in want.items()})

    def net():
        return nn.Sequential(collections.OrderedDict(
            conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4), inner=nn.Sequential(nn.Linear(4, 5), nn.PReLU())))

    def under(path, d):
        return {f'{path}:{k}': v for k, v in d.items()}

    m = net()
    sd = m.state_dict()
    put('plain', sd, sd)
    put('legacy', sd, sd, _use_new_zipfile_serialization=False)
    for p in 2, 3, 4, 5:
        put(f'protocol{p}', sd, sd, pickle_protocol=p)
        put(f'legacy-protocol{p}', sd, sd, pickle_protocol=p, _use_new_zipfile_serialization=False)
    put('dict', dict(sd), sd)
    put('parallel', {f'module.{k}': v for k, v in sd.items()}, {f'module.{k}': v for k, v in sd.items()})
    for key in 'state_dict', 'model', 'net', 'params', 'ema':
        put(f'nested-{key}', {key: sd, 'epoch': 3, 'best': 0.5, 'args': argparse.Namespace(lr=.1)},
            under(key, sd))
    put('deep', {'a': {'b': [sd]}}, under('a/b/0', sd))
    put('two', {'model': sd, 'ema': dict(sd)}, {**under('model', sd), **under('ema', sd)})
    opt = torch.optim.Adam(m.parameters())
    m(torch.zeros(1, 3, 6, 6).requires_grad_()[:, :, :3, :3].repeat(1, 1, 2, 2)[:, :, :3, :6]).sum().backward()
    opt.step()
    sd = {k: v.clone() for k, v in m.state_dict().items()}
    put('checkpoint', {'state_dict': sd, 'optimizer': opt.state_dict(), 'loss': torch.tensor(1.)},
        {'loss': torch.tensor(1.), **under('state_dict', sd)})
    put('module', m, sd)
    put('module-legacy', m, sd, _use_new_zipfile_serialization=False)
    put('module-nested', {'model': m, 'epoch': 1}, under('model', sd))
    put('parameters', dict(m.named_parameters()), dict(m.named_parameters()))
    put('tensor', torch.arange(6.), {'tensor': torch.arange(6.)})
    put('list', [torch.ones(2), torch.zeros(3)], {'0': torch.ones(2), '1': torch.zeros(3)})
    types = dict(f16=torch.float16, bf16=torch.bfloat16, f64=torch.float64, i64=torch.int64, i32=torch.int32,
                 i16=torch.int16, i8=torch.int8, u8=torch.uint8, bool=torch.bool)
    d = {k: (torch.randn(3, 5) * 3).to(t) for k, t in types.items()}
    put('types', d, d)
    put('types-legacy', d, d, _use_new_zipfile_serialization=False)
    put('half', {k: v.half() for k, v in sd.items()}, {k: v.half() for k, v in sd.items()})
    base = torch.randn(6, 8, 5)
    d = dict(t=base[0].t(), sliced=base[1:5:2, :, 2:4], offset=base[3], wide=torch.randn(1, 4).expand(3, 4),
             last=torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last), scalar=torch.tensor(2.5),
             empty=torch.zeros(0, 3), same=base, again=base, one=base[:, 3:4, :], perm=base.permute(2, 0, 1))
    put('strides', d, d)
    put('strides-legacy', d, d, _use_new_zipfile_serialization=False)
    q = torch.quantize_per_channel(torch.randn(4, 3), torch.tensor([.1, .2, .3, .4], dtype=torch.float64),
                                   torch.tensor([0, 1, 2, 3]), 0, torch.qint8)
    d = dict(each=q, one=torch.quantize_per_tensor(torch.randn(3, 3), .05, 7, torch.quint8))
    put('quantized', d, d)
    shared = nn.ModuleDict(dict(a=nn.Linear(2, 2)))
    shared['b'] = shared['a']
    put('shared', shared.state_dict(), shared.state_dict())
    put('shared-module', shared, shared.state_dict())
    put('unicode', {'größe.weight': torch.ones(2)}, {'größe.weight': torch.ones(2)})
    torch.save(sd, f'{DIR}/模型.pth')
    np.savez(f'{DIR}/模型.npz', **{k: array(v) for k, v in sd.items()})
    torch.jit.save(torch.jit.script(m), f'{DIR}/script.pth')
    np.savez(f'{DIR}/script.npz', **{k: array(v) for k, v in sd.items()})
    put('many', {f'w{i}': torch.full((2,), float(i)) for i in range(400)},
        {f'w{i}': torch.full((2,), float(i)) for i in range(400)})

    # OrderedDict as Python 2 wrote it, and numbers as its pickles had them
    class Old(collections.OrderedDict):
        def __reduce__(self):
            return collections.OrderedDict, ([[k, v] for k, v in self.items()],)
    put('python2', Old(sd), sd, _use_new_zipfile_serialization=False)
    # torch 0.3: a tensor without hooks, a storage that is a view of another
    plain = {'w': torch.arange(10.)}
    torch.save(plain, f'{DIR}/view.pth', _use_new_zipfile_serialization=False)
    raw = open(f'{DIR}/view.pth', 'rb').read()
    # numel 10, None -> ('k', 4, 6): the storage's elements 4..9; the tensor's size becomes 6
    raw = raw.replace(b'K\nNtq', b'K\n(X\x01\x00\x00\x00kK\x04K\x06ttq', 1).replace(b'K\x00K\n\x85', b'K\x00K\x06\x85', 1)
    open(f'{DIR}/view.pth', 'wb').write(raw)
    np.savez(f'{DIR}/view.npz', w=np.arange(4, 10, dtype='f4'))


# ---- files that are wrong ------------------------------------------------------------------------
def hostile():
    import torch
    count = 0

    def put(name, raw):
        nonlocal count
        count += 1
        open(f'{DIR}/{name}.pth', 'wb').write(raw)

    def archive(pkl, data=None, method=zipfile.ZIP_STORED, **more):
        b = io.BytesIO()
        with zipfile.ZipFile(b, 'w', method) as z:
            if pkl is not None:
                z.writestr('archive/data.pkl', pkl)
            for k, v in (data if data is not None else {'0': bytes(16)}).items():
                z.writestr(f'archive/data/{k}', v)
            for k, v in more.items():
                z.writestr(f'archive/{k}', v)
        return b.getvalue()

    def s(text):
        return b'X' + struct.pack('<I', len(text)) + text.encode()

    def num(v):
        return b'J' + struct.pack('<i', v) if -2**31 <= v < 2**31 else b'\x8a\x08' + struct.pack('<q', v)

    def tup(*items):
        return b'(' + b''.join(items) + b't'

    def storage(cls='FloatStorage', key='0', n=4, tag='storage'):
        return tup(s(tag), b'ctorch\n' + cls.encode() + b'\n', s(key), s('cpu'), num(n)) + b'Q'

    def tensor(st=None, offset=0, sizes=(4,), strides=(1,), func='_rebuild_tensor_v2'):
        return b'ctorch._utils\n' + func.encode() + b'\n' + tup(
            st or storage(), num(offset), tup(*map(num, sizes)), tup(*map(num, strides)), b'\x89', b'}') + b'R'

    def state(*items, tail=b'u.'):
        return b'\x80\x02}(' + b''.join(s(k) + v for k, v in items) + tail

    good = archive(state(('w', tensor())))
    evil = pickle.dumps(type('E', (), {'__reduce__': lambda self: (os.system, ('touch ran',))})(), 2)
    evil2 = pickle.dumps(type('E', (), {'__reduce__': lambda self: (eval, ('open("ran", "w")',))})(), 4)
    # what is malicious and has no weights
    put('os-system', archive(evil))
    put('eval', archive(evil2))
    put('os-system-legacy', torch_legacy(evil))
    put('exec-build', archive(b'\x80\x02cbuiltins\nexec\n' + tup(s('open("ran","w")')) + b'R}b.'))
    # bombs
    put('list-in-itself', archive(b'\x80\x02]q\x00h\x00a.'))
    put('dict-in-itself', archive(b'\x80\x02}q\x00' + s('a') + b'h\x00s.'))
    laugh = b'\x80\x02]q\x00' + b''.join(b'](' + b'h' + bytes([i]) * 1 + (b'h' + bytes([i])) * 9 + b'eq' + bytes([i + 1])
                                         for i in range(60)) + b'.'
    put('billion-laughs', archive(laugh))
    put('deep-tuples', archive(b'\x80\x02)' + b'\x85' * 100000 + b'.'))
    put('deep-dicts', archive(b'\x80\x02' + (b'}' + s('a')) * 5000 + b'}' + b's' * 5000 + b'.'))
    put('marks', archive(b'\x80\x02' + b'(' * 1000000 + b'.'))
    put('many-objects', archive(b'\x80\x02(' + b')' * 5000000 + b't.', method=zipfile.ZIP_DEFLATED))
    put('zip-bomb', archive(bytes(300 << 20), method=zipfile.ZIP_DEFLATED))
    put('memo-index', archive(b'\x80\x02}r\xff\xff\xff\x7f.'))
    put('module-loop', archive(b'\x80\x02cnet\nNet\n)\x81q\x00}(' + s('_modules') + b'}(' + s('a') + b'h\x00u' +
                               s('_parameters') + b'}' + s('_buffers') + b'}ub.'))
    # wrong pickles
    put('no-stop', archive(b'\x80\x02}'))
    put('empty-stack', archive(b'\x80\x02.'))
    put('pop-nothing', archive(b'\x80\x02a.'))
    put('no-mark', archive(b'\x80\x02u.'))
    put('odd-items', archive(b'\x80\x02}(' + s('a') + b'u.'))
    put('set-on-number', archive(b'\x80\x02K\x01(' + s('a') + b'Nu.'))
    put('long-string', archive(b'\x80\x02X\xff\xff\xff\x7fabc.'))
    put('longer-string', archive(b'\x80\x04\x8d' + b'\xff' * 8 + b'.'))
    put('no-memo', archive(b'\x80\x02h\x07.'))
    put('protocol', archive(b'\x80\x09}.'))
    put('opcode', archive(b'\x80\x02\xee.'))
    put('ext', archive(b'\x80\x02\x82\x01.'))
    put('not-a-tuple', archive(b'\x80\x02ctorch._utils\n_rebuild_tensor_v2\nK\x01R.'))
    # wrong tensors
    put('no-tensors', archive(state(('a', b'K\x01'))))
    put('short-storage', archive(state(('w', tensor())), {'0': bytes(15)}))
    put('no-storage', archive(state(('w', tensor(storage(key='7'))))))
    put('beyond', archive(state(('w', tensor(sizes=(5,))))))
    put('offset', archive(state(('w', tensor(offset=1)))))
    put('negative-offset', archive(state(('w', tensor(offset=-1)))))
    put('negative-size', archive(state(('w', tensor(sizes=(-4,))))))
    put('negative-stride', archive(state(('w', tensor(strides=(-1,))))))
    put('huge-stride', archive(state(('w', tensor(sizes=(2, 2), strides=(2**39, 2**39))))))
    put('overflow', archive(state(('w', tensor(sizes=(2**39, 2**39), strides=(2**39, 1))))))
    put('huge-by-strides', archive(state(('w', tensor(sizes=(2**30, 4), strides=(0, 1))))))
    put('ranks', archive(state(('w', tensor(sizes=(4, 1), strides=(1,))))))
    put('storage-type', archive(state(('w', tensor(storage('ComplexDoubleStorage'))))))
    put('storage-tag', archive(state(('w', tensor(storage(tag='system'))))))
    put('storage-count', archive(state(('w', tensor(storage(n=-4))))))
    put('storage-none', archive(state(('w', tensor(b'N')))))
    put('sparse', archive(state(('w', tensor(func='_rebuild_sparse_tensor')))))
    put('path', archive(state(('w', tensor(storage(key='../../../etc/passwd'))))))
    put('big-endian', archive(state(('w', tensor())), byteorder='big'))
    # wrong archives
    put('no-member', archive(state(('w', tensor())), {}))
    at = good.index(bytes(16))
    put('crc', good[:at] + b'\1' + good[at + 1:])
    put('cut', good[:len(good) // 2])
    put('cut-directory', good[:-30])
    # wrong files of the older kind
    b = io.BytesIO()
    torch.save({'w': torch.ones(4)}, b, _use_new_zipfile_serialization=False)
    raw = b.getvalue()
    put('legacy-cut', raw[:-5])
    put('legacy-cut-object', raw[:200])
    put('legacy-count', raw[:-24] + struct.pack('<q', 2**61) + raw[-16:])
    put('legacy-protocol', raw.replace(b'M\xe9\x03', b'M\xe8\x03', 1))
    print(count)


def torch_legacy(obj):
    def p(x):
        return pickle.dumps(x, 2)
    return p(0x1950a86a20f9469cfc6c) + p(1001) + p(dict(little_endian=True)) + obj + p([])


def same(a, b):
    a, b = np.load(a), np.load(b)
    assert set(a.files) == set(b.files), set(a.files) ^ set(b.files)
    for k in a.files:
        assert a[k].dtype == b[k].dtype and a[k].shape == b[k].shape, (k, a[k].dtype, b[k].dtype, a[k].shape, b[k].shape)
        assert np.array_equal(a[k], b[k], equal_nan=a[k].dtype.kind == 'f'), k


# ---- whole networks ------------------------------------------------------------------------------
def settle(net):
    """Random weights of a trained network's kind: BatchNorm's statistics are not 0 and 1."""
    import torch
    torch.manual_seed(7)
    for m in net.modules():
        if isinstance(m, torch.nn.modules.batchnorm._BatchNorm) and m.running_mean is not None:
            m.running_mean.normal_(0, .1)
            m.running_var.uniform_(.7, 1.4)
            if m.affine:
                m.weight.data.uniform_(.7, 1.3)
                m.bias.data.normal_(0, .1)
    for p in net.parameters():
        if p.numel() > 1 and float(p.detach().std()) == 0:  # zeros, ones
            p.data += .05 * torch.randn(p.shape)
    return net.eval()


def flat(x):
    import torch
    if isinstance(x, torch.Tensor):
        return [x]
    return [t for v in (x.values() if isinstance(x, dict) else x) for t in flat(v)]


def answer(net, name, shapes, order):
    import torch
    torch.manual_seed(3)
    args = {k: torch.randn(d) if not k.startswith('i_') else torch.randint(0, 9, d) for k, d in shapes.items()}
    torch.save(net.state_dict(), f'{name}.pth')
    np.savez(f'{name}.in.npz', **{k: v.numpy() for k, v in args.items()})
    with torch.no_grad():
        out = flat(net(*args.values()) if order else net(**args))
    np.savez(f'{name}.want.npz', **{f'{i:03}': v.numpy() for i, v in enumerate(out)})


def dims(text):
    return tuple(int(d) for d in text.split(',')) if text else ()


def model(what, name, *shapes):
    import importlib.util
    import torch
    torch.manual_seed(5)
    file, expression = what.split('.py:')
    spec = importlib.util.spec_from_file_location('definition', file + '.py')
    m = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(m)
    net = eval(expression, vars(m))
    net = net if isinstance(net, torch.nn.Module) else net()
    answer(settle(net), name, dict((k, dims(d)) for k, d in (s.split(':') for s in shapes)), False)


def vision(*pairs):
    import torch
    import torchvision
    for what, size in zip(pairs[::2], pairs[1::2]):
        torch.manual_seed(5)
        net = eval(what, {**vars(torchvision.models), **vars(torchvision.models.segmentation)})
        answer(settle(net), what.partition('(')[0], {'x': dims(size)}, True)


def traced(what, name, *shapes):
    """As model or, without FILE, vision; and by torch.jit NAME.pt, traced, and NAME-frozen.pt."""
    import torch
    made = []

    def keep(net, *args):
        made.append(net)
        return real(net, *args)
    global answer
    real, answer = answer, keep
    model(what, name, *shapes) if '.py:' in what else vision(what, shapes[0])
    answer = real
    net, args = made[0], [torch.from_numpy(v) for v in np.load(f'{name}.in.npz').values()]
    t = torch.jit.trace(net, tuple(args), strict=False, check_trace=False)
    t.save(f'{name}.pt')
    torch.save(t.state_dict(), f'{name}.pth')
    torch.jit.freeze(t.eval()).save(f'{name}-frozen.pt')


def trained(what, weights, shape):
    """in.npz and want.npz of a definition with the weights of a file."""
    import torch
    state = torch.load(weights, map_location='cpu')
    state = state.get('state_dict', state)
    file, expression = what.split('.py:')
    sys.path.insert(0, os.path.dirname(file))
    net = getattr(__import__(os.path.basename(file)), expression)()
    net.load_state_dict({k[7:] if k.startswith('module.') else k: v for k, v in state.items()})
    torch.manual_seed(2)
    name, d = shape.split(':')
    x = torch.randn(dims(d))
    np.savez('in.npz', **{name: x.numpy()})
    with torch.no_grad():
        np.savez('want.npz', **{f'{i:03}': v.numpy() for i, v in enumerate(flat(net.eval()(x)))})


def accuracy(*archives):
    """Per cent of test.npz that each archive gets right."""
    import torch
    x, y = torch.from_numpy(np.load('test.npz')['input']), np.load('labels.npz')['label']
    for a in archives:
        net = torch.jit.load(a)
        with torch.no_grad():
            out = torch.cat([net(x[i:i + 100]) for i in range(0, len(x), 100)])
        print(100 * (out.argmax(1).numpy() == y).mean())


def cifar(count):
    """calib.npz, test.npz and labels.npz of resnet20."""
    import inputs as real
    n = int(count)
    np.savez('calib.npz', input=real.imagenet(real.cifar('calib-1000-u8')[:200]))
    np.savez('test.npz', input=real.imagenet(real.cifar()[:n]))
    np.savez('labels.npz', label=np.load(real.DATA + 'labelled/cifar10/test-labels-u8.npy')[:n])


def scales(a, b, count):
    """Two param files as text: as many operators, in order, with the same numbers, but for a last bit of the 16
    that scales have: BatchNorm was folded with other roundings. Names differ."""
    a, b = ([line.split() for line in open(f) if line[:3] in ('  i', '  w', '  b')] for f in (a, b))
    assert len(a) == len(b) and sum(x[0] == 'input' for x in a) == int(count), (len(a), len(b))
    for x, y in zip(a, b):
        assert len(x) == len(y) and x[0] == y[0], (x, y)
        for p, q in zip(x, y):
            if p[0].isdigit():
                assert abs(float(p) - float(q)) <= 2**-15 * abs(float(q)), (x[:3], y[:3], p, q)


def scripted(kind, *names):
    """What torch computes of NAME.pt: kind float: of NAME.want.npz, 1e-5 at most, with the state dict of NAME.pth;
    grid: of NAME.want.npz, 25 dB at least; qdq: of NAME.got.npz, dopt-run's, 40 dB."""
    import torch
    for name in names:
        net = torch.jit.load(f'{name}.pt')
        args = {k: torch.from_numpy(v) for k, v in np.load(f'{name}.in.npz').items()}
        own = [a.name for a in net.forward.schema.arguments[1:]]
        with torch.no_grad():
            got = flat(net(**args) if set(own) == set(args) else net(*args.values()))
        want = np.load(f'{name}.got.npz' if kind == 'qdq' else f'{name}.want.npz')
        assert len(got) == len(want.files), (name, len(got), want.files)
        for a, b in zip((want[k].astype('f8') for k in want.files), (g.double().numpy() for g in got)):
            assert a.shape == b.shape or b.ndim == 0, (name, a.shape, b.shape)
            far = np.abs(a - b).max() / max(np.abs(a).max(), 1e-30)
            ratio = 10 * np.log10((a**2).sum() / ((a - b)**2).sum()) if (a != b).any() else 999
            print(f'{name}: {far:.2g}, {ratio:.1f} dB')
            assert far <= 1e-5 if kind == 'float' else ratio >= (40 if kind == 'qdq' else 25), name
        state = torch.load(f'{name}.pth', map_location='cpu')
        state = state.get('state_dict', state)
        have = {k: v for k, v in net.state_dict().items() if not k.startswith('CONSTANTS.')}  # of a traced source
        state = {k[7:] if k.startswith('module.') else k: v for k, v in state.items()}
        if kind == 'float':
            assert set(state) == set(have), (name, set(state) ^ set(have))
            for k, v in state.items():
                assert v.shape == have[k].shape and torch.equal(v.float(), have[k].float()), (name, k)
        else:
            assert all(re.search(r'(bias|_\d+)$', k) for k in set(have) - set(state)), name
            assert any(have[k].is_quantized for k in have) == (kind == 'qdq'), name


def close(want, got, limit):
    want, got = np.load(want), np.load(got)
    assert len(want.files) == len(got.files), (want.files, got.files)
    worst = 0
    for a, b in zip(want.files, got.files):
        a, b = want[a], got[b]
        b = b.reshape(a.shape) if a.ndim == 0 and b.size == 1 else b  # a number: one for every sample
        assert a.shape == b.shape, (a.shape, b.shape)
        far = np.abs(a.astype('f8') - b).max() / max(np.abs(a).max(), 1e-30) if a.size else 0
        worst = max(worst, far)
    print(f'{worst:.2g}')
    assert worst <= float(limit), worst


if __name__ == '__main__':
    if sys.argv[1] in ('same', 'model', 'vision', 'close', 'trained', 'cifar', 'scales', 'scripted', 'accuracy', 'traced'):
        globals()[sys.argv[1]](*sys.argv[2:])
    else:
        globals()[sys.argv[1]]()
