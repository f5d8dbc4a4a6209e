"""What forward() does, recorded: values (inputs, weights, literals, results) and the calls between them.

A value has a shape and a type and, where it follows from literals alone, numbers: they are computed in
plain Python when somebody asks (a loop count, a drop rate), never otherwise.
SPDX-License-Identifier: Apache-2.0"""
import itertools
import math
import operator
import os
import struct
import sys

HERE = os.path.dirname(os.path.dirname(__file__))


class Unsupported(Exception):
    """Valid for torch, but nothing that can be traced here: exit status 3."""


class dtype:
    def __init__(self, name, number, rank, size, code):
        # number: ONNX TensorProto.DataType; rank: bool 0, integers 1, floats 2
        self.name, self.number, self.rank, self.itemsize, self.code = name, number, rank, size, code
        self.is_floating_point = rank == 2
        self.is_complex = False
        self.is_signed = name != 'uint8' and rank > 0

    def __repr__(self):
        return 'torch.' + self.name

    def __reduce__(self):
        return dtype_of, (self.number,)


DTYPES = {d.name: d for d in (
    dtype('float32', 1, 2, 4, 'f'), dtype('uint8', 2, 1, 1, 'B'), dtype('int8', 3, 1, 1, 'b'),
    dtype('int16', 5, 1, 2, 'h'), dtype('int32', 6, 1, 4, 'i'), dtype('int64', 7, 1, 8, 'q'),
    dtype('bool', 9, 0, 1, '?'), dtype('float16', 10, 2, 2, 'e'), dtype('float64', 11, 2, 8, 'd'),
    dtype('bfloat16', 16, 2, 2, None))}
float32, int64, bool_ = DTYPES['float32'], DTYPES['int64'], DTYPES['bool']


def dtype_of(number):
    return next(d for d in DTYPES.values() if d.number == number)


def numel(shape):
    return math.prod(shape)


def fit(d, x):
    """A Python number as the type holds it."""
    if d.rank == 2:
        x = float(x)
        if d.itemsize >= 8 or math.isnan(x) or math.isinf(x):
            return x
        try:
            return struct.unpack('f', struct.pack('f', x))[0]
        except OverflowError:
            return math.copysign(math.inf, x)
    if d.rank == 0:
        return bool(x)
    if isinstance(x, float) and not math.isfinite(x):
        return 0
    x = int(x) & (1 << 8 * d.itemsize) - 1
    return x - (1 << 8 * d.itemsize) if d.is_signed and x >> 8 * d.itemsize - 1 else x


class Value:
    """kind: 'input', 'state' (index: of the weights; stored: its dtype there), 'literal' (data), 'call',
    'unset' (random or uninitialized memory: it must not reach an output)."""
    __slots__ = 'kind', 'shape', 'dtype', 'call', 'index', 'data', 'name', 'id', 'stored', 'parameter'

    def __init__(self, kind, shape, dtype, call=None, index=0, data=None, name=''):
        self.kind, self.shape, self.dtype = kind, tuple(shape), dtype
        self.call, self.index, self.data, self.name, self.id = call, index, data, name, None


class Call:
    __slots__ = 'op', 'args', 'results', 'name', 'line', 'file', 'done'

    def __init__(self, op, args, outs):
        path, leaf = modules[-1] if modules else ('', False)
        self.op, self.args, self.name = op, args, path if leaf and path else f'{path}.{op}' if path else op
        self.file, self.line = place()
        self.results = [Value('call', s, d, self, i) for i, (s, d) in enumerate(outs)]
        self.done = False


modules = []  # (name, is it one of torch's own) of the modules whose forward() runs, innermost last


def place():
    """File and line of the innermost frame that is not the tracer's."""
    f = sys._getframe(1)
    while f is not None and (f.f_code.co_filename.startswith((HERE, '<frozen'))):
        f = f.f_back
    return (f.f_code.co_filename, f.f_lineno) if f is not None else ('', 0)


def literal(data, shape, d):
    """data: as many numbers as the shape has, or one for all."""
    n = numel(shape)
    data = [fit(d, x) for x in data]
    assert len(data) in (1, n) or n == 0
    return Value('literal', shape, d, data=data)


# ---- numbers where they are known ----------------------------------------------------------------

def strides_of(shape):
    out, n = [], 1
    for d in reversed(shape):
        out.append(n)
        n *= d
    return tuple(reversed(out))


def indices(shape, strides, start=0):
    """The positions that a view of these strides reads, in row-major order."""
    pos = [start]
    for d, s in zip(shape, strides):
        pos = [p + i * s for p in pos for i in range(d)]
    return pos


def broadcast(data, shape, out):
    if len(data) == 1:
        return data * numel(out)
    pad = (1,) * (len(out) - len(shape)) + tuple(shape)
    st = [0 if d == 1 else s for d, s in zip(pad, strides_of(pad))]
    return [data[p] for p in indices(out, st)]


def _round(x):
    return float(round(x)) if math.isfinite(x) else x


UNARY = dict(neg=operator.neg, exp=math.exp, log=lambda x: math.log(x) if x > 0 else -math.inf if x == 0 else math.nan,
             sqrt=lambda x: math.sqrt(x) if x >= 0 else math.nan, abs=abs, floor=math.floor, ceil=math.ceil,
             round=_round, sin=math.sin, cos=math.cos, tanh=math.tanh, sign=lambda x: (x > 0) - (x < 0),
             reciprocal=lambda x: 1 / x if x else math.inf, logical_not=operator.not_, erf=math.erf, tan=math.tan,
             sigmoid=lambda x: 1 / (1 + math.exp(-x)), relu=lambda x: max(x, 0), atan=math.atan,
             acos=math.acos, asin=math.asin)


def _div(a, b):
    return a / b if b else math.copysign(math.inf, a) if a else math.nan


BINARY = dict(add=operator.add, sub=operator.sub, mul=operator.mul, div=_div, pow=lambda a, b: a ** b,
              remainder=lambda a, b: a % b, minimum=min, maximum=max, eq=operator.eq, ne=operator.ne,
              lt=operator.lt, le=operator.le, gt=operator.gt, ge=operator.ge,
              logical_and=lambda a, b: bool(a) and bool(b), logical_or=lambda a, b: bool(a) or bool(b),
              logical_xor=lambda a, b: bool(a) != bool(b), floor_divide=lambda a, b: math.floor(_div(a, b)))


def numbers(v):
    """The flat list of a value's numbers; Unsupported if they depend on data."""
    if v.data is not None:
        return v.data * numel(v.shape) if len(v.data) == 1 and numel(v.shape) != 1 else v.data
    if v.kind == 'call':
        out = evaluate(v.call, v)
        if out is not None:
            v.data = [fit(v.dtype, x) for x in out]
            return v.data
    what = {'input': 'the input', 'state': 'a weight', 'unset': 'random numbers'}.get(v.kind, 'tensor data')
    raise Unsupported(f'control flow depends on tensor data ({what})')


def given(a):
    return numbers(a) if isinstance(a, Value) else [a]


def evaluate(c, v):
    op, a = c.op, c.args
    out = v.shape
    if op in UNARY:
        return [UNARY[op](x) for x in numbers(a[0])]
    if op in BINARY:
        x, y = (broadcast(given(p), p.shape if isinstance(p, Value) else (), out) for p in a[:2])
        return [BINARY[op](p, q) for p, q in zip(x, y)]
    if op in ('to', 'reshape'):
        return numbers(a[0])
    if op == 'where':
        m, x, y = (broadcast(given(p), p.shape if isinstance(p, Value) else (), out) for p in a[:3])
        return [q if p else r for p, q, r in zip(m, x, y)]
    if op == 'clamp':
        lo, hi = -math.inf if a[1] is None else a[1], math.inf if a[2] is None else a[2]
        return [min(max(x, lo), hi) for x in numbers(a[0])]
    x = numbers(a[0]) if a and isinstance(a[0], Value) else None
    st = strides_of(a[0].shape) if x is not None else None
    if op == 'expand':
        return broadcast(x, a[0].shape, out)
    if op == 'permute':
        return [x[p] for p in indices(out, [st[d] for d in a[1]])]
    if op == 'slice':
        d, start, step = a[1], a[2], a[4]
        return [x[p] for p in indices(out, [s * step if i == d else s for i, s in enumerate(st)], start * st[d])]
    if op == 'flip':
        return [x[p] for p in indices(out, [-s if i in a[1] else s for i, s in enumerate(st)],
                                      sum(st[i] * (a[0].shape[i] - 1) for i in a[1]))]
    if op == 'slice_scatter':
        y = list(x)
        d, start, step = a[2], a[3], a[5]
        to = indices(a[1].shape, [s * step if i == d else s for i, s in enumerate(st)], start * st[d])
        for p, q in zip(to, numbers(a[1])):
            y[p] = q
        return y
    if op == 'cat':
        d, parts = a[1], []
        for p in a[0]:
            n = numel(p.shape[d:])
            q = numbers(p)
            parts.append([q[i:i + n] for i in range(0, len(q), n)] if n else [])
        return [e for rows in itertools.zip_longest(*parts, fillvalue=[]) for r in rows for e in r]
    if op in ('sum', 'mean', 'amax', 'amin', 'prod') and a[1]:
        keep = [i for i in range(len(st)) if i not in a[1]]
        outer = indices([a[0].shape[i] for i in keep], [st[i] for i in keep])
        inner = indices([a[0].shape[i] for i in a[1]], [st[i] for i in a[1]])
        f = dict(sum=sum, mean=lambda q: sum(q) / len(q), amax=max, amin=min, prod=math.prod)[op]
        return [f([x[p + q] for q in inner]) for p in outer]
    if op == 'cumsum':
        y, s, n = list(x), st[a[1]], a[0].shape[a[1]]
        for p in range(len(y)):
            if p // s % n:
                y[p] += y[p - s]
        return y
    if op in ('tril', 'triu'):
        w, h = a[0].shape[-1], a[0].shape[-2]
        keep = (lambda i, j: j - i <= a[1]) if op == 'tril' else (lambda i, j: j - i >= a[1])
        return [e if keep(p // w % h, p % w) else 0 for p, e in enumerate(x)]
    if op == 'index_select':
        d, i = a[1], [k % a[0].shape[a[1]] for k in numbers(a[2])]
        n = numel(a[0].shape[d + 1:])
        rows = [x[p:p + n] for p in range(0, len(x), n)] if n else []
        return [e for o in range(numel(a[0].shape[:d])) for k in i for e in rows[o * a[0].shape[d] + k]]
    return None
