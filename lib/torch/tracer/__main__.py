"""Runs a definition's forward() on tensors without numbers and writes down what it calls.

  python3 -I tracer     a Request (proto/trace.proto) from descriptor 3, a Trace to descriptor 4

SPDX-License-Identifier: Apache-2.0"""
import inspect
import os
import resource
import signal
import struct
import sys
import warnings

from tracing import entry, record, script, stubs, wire
from tracing.record import Unsupported, Value, dtype_of, float32
from tracing.wire import fields, packed

SECONDS, BYTES = 300, 8 << 30  # of processor time; of memory


def limit():
    for what, n in ((resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_AS, BYTES), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (n, hard) if hard == resource.RLIM_INFINITY or n <= hard else (hard, hard))
    signal.alarm(2 * SECONDS)


def read_request():
    r = dict(model='', entry='', inputs=[], states=[])
    with open(3, 'rb', closefd=False) as f:
        raw = f.read()
    for n, v in fields(raw):
        if n in (1, 2):
            r[('model', 'entry')[n - 1]] = bytes(v).decode('utf-8', 'surrogateescape')
        elif n == 3:
            a = dict(fields(v))
            r['inputs'].append((a.get(1, b'').decode(), tuple(packed(a.get(2, b'')))))
        elif n == 4:
            state = {}
            for k, t in fields(v):
                if k == 2:
                    a = dict(fields(t))
                    d = dtype_of(a[2])
                    shape = tuple(packed(a.get(3, b'')))
                    data = a.get(4)
                    if data is not None:
                        data = list(struct.unpack(f'<{len(data) // d.itemsize}{d.code}', data))
                    state[a.get(1, b'').decode('utf-8', 'replace')] = (len(state), shape, d, data)
            r['states'].append(state)
    return r


def bind(module, fit):
    """Weights become what the file has under their names; all of them, a shared one once a name."""
    from torch.nn import Parameter
    done, states = set(), []
    for name, t in module.entries():
        if name not in fit.tensors:
            continue
        index, shape, d, data = fit.tensors[name]
        v = Value('state', t.shape, t.dtype, index=index, data=data, name=name)
        v.stored, v.parameter = d, isinstance(t, Parameter)
        states.append(v)
        if id(t) not in done:
            t.bind(v)
        done.add(id(t))
    return states


def arguments(module, inputs):
    """--input_shape's entries as forward()'s arguments, by name, else by position."""
    from torch._tensor import Tensor
    ps = [p for p in inspect.signature(module.forward).parameters.values()]
    named = [p for p in ps if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY, p.POSITIONAL_ONLY)]
    names = [p.name for p in named]
    needed = [p.name for p in named if p.default is p.empty]
    given = [n for n, _ in inputs]
    warning = None
    if not inputs:
        raise entry.Wrong('--input_shape is needed: ' + '; '.join(f'{n}:DIMS' for n in needed or names[:1]))
    if any(any(d <= 0 for d in dims) for _, dims in inputs):
        raise entry.Wrong('--input_shape: every dim of a PyTorch model must be a positive number')
    if not set(given) & set(names) and (len(given) == len(needed) or any(p.kind == p.VAR_POSITIONAL for p in ps)):
        if names[:len(given)]:
            warning = f"--input_shape: forward() has no '{given[0]}'; its arguments in order are taken: " + \
                ', '.join(names[:len(given)])
        keys = names[:len(given)] if names else given
    else:
        for g in given:
            if g not in names:
                raise entry.Wrong(f"--input_shape: forward() has no argument '{g}'; it has: {', '.join(names)}")
        missing = [n for n in needed if n not in given]
        if missing:
            raise entry.Wrong(f"--input_shape: forward() needs '{missing[0]}' too")
        keys = given
    tensors = [Tensor(Value('input', dims, float32, name=k)) for k, (_, dims) in zip(keys, inputs)]
    if not names:
        return tensors, {}, tensors, warning
    positional = [p.name for p in named if p.kind is p.POSITIONAL_ONLY]
    by_name = dict(zip(keys, tensors))
    return [by_name.pop(n) for n in positional if n in by_name], by_name, tensors, warning


def outputs(out):
    """(name, tensor) of what forward() gave."""
    from torch._tensor import Tensor
    found = []

    def walk(x, name):
        if isinstance(x, Tensor):
            found.append((name, x))
        elif isinstance(x, dict):
            for k, v in x.items():
                walk(v, f'{name}.{k}' if name else str(k))
        elif isinstance(x, (list, tuple)):
            fields = getattr(x, '_fields', None)
            for i, v in enumerate(x):
                key = fields[i] if fields else i if name else f'output_{i}'
                walk(v, f'{name}.{key}' if name else key)
        elif hasattr(x, '__dataclass_fields__'):
            for k in x.__dataclass_fields__:
                walk(getattr(x, k), f'{name}.{k}' if name else k)
    walk(out, '')
    return [(n or 'output', t) for n, t in found]


class Writer:
    """The calls that the outputs need, their values numbered."""

    def __init__(self):
        self.values, self.calls, self.n = [], [], 0
        self.unset = None

    def value(self, v):
        if v.id is not None:
            return v.id
        kind = dict(call=0, input=1, state=2, literal=3).get(v.kind)
        if kind is None:
            self.unset = self.unset or v
            kind = 3
        b = wire.number(1, kind) + wire.number(3, v.dtype.number) + wire.signeds(4, v.shape)
        if v.name:
            b += wire.data(2, v.name)
        if kind == 2:
            b += wire.number(5, v.index) + wire.number(7, v.stored.number) + wire.number(8, int(v.parameter))
        if kind == 3:
            b += wire.data(6, self.literal(v))
        v.id = self.n
        self.n += 1
        self.values.append(wire.data(6, b))
        return v.id

    @staticmethod
    def literal(v):
        data = v.data or [0]
        if v.dtype.code is None:  # bfloat16: the upper half of a float
            return b''.join(struct.pack('<f', x)[2:] for x in data)
        return struct.pack(f'<{len(data)}{v.dtype.code}', *data)

    def arg(self, a, field=4):
        if a is None:
            b = b''
        elif isinstance(a, Value):
            b = wire.number(1, 1) + wire.number(2, self.value(a))
        elif isinstance(a, bool):
            b = wire.number(1, 4) + wire.signed(3, int(a))
        elif isinstance(a, int):
            b = wire.number(1, 2) + wire.signed(3, a)
        elif isinstance(a, float):
            b = wire.number(1, 3) + wire.double(4, a)
        elif isinstance(a, str):
            b = wire.number(1, 5) + wire.data(5, a)
        else:
            b = wire.number(1, 6) + b''.join(self.arg(x, 6) for x in a)
        return wire.data(field, b)

    def call(self, c):
        b = wire.data(1, c.op) + wire.data(2, c.name) + wire.number(3, c.line)
        b += b''.join(self.arg(a) for a in c.args)
        b += wire.data(5, b''.join(wire.varint(self.value(r)) for r in c.results))
        self.calls.append(wire.data(7, b))

    def need(self, v):
        """Every call that v needs, before it: without recursion, graphs are deep."""
        stack = [v]
        while stack:
            c = stack[-1].call
            if c is None or c.done:
                stack.pop()
                continue
            more = [a for a in self.inner(c.args) if a.call is not None and not a.call.done]
            if more:
                stack.extend(reversed(more))
                continue
            c.done = True
            self.call(c)
            stack.pop()

    def inner(self, args):
        for a in args:
            if isinstance(a, Value):
                yield a
            elif isinstance(a, (list, tuple)):
                yield from self.inner(a)


def definition(r):
    module = entry.load(r['model'])
    return entry.named(module, r['entry'], r['states']) if r['entry'] else entry.find(module, r['states'])


def trace(r):
    stubs.install()
    import torch
    if script.is_script(r['model']):
        net = script.load(r['model'])
        name, net, fit = type(net).__name__, net, entry.best_fit(net, r['states'])
        if fit.missing or fit.wrong:
            raise entry.Wrong(f'the weights do not fit: {fit.text()}')
    else:
        name, net, fit = definition(r)
    notes = []
    if fit.extra:
        notes.append(f'{len(fit.extra)} weights of the file have no place in {name} (first {fit.extra[0]})')
    states = bind(net, fit)
    net.eval()
    for path, m in net.named_modules():
        m.__dict__['_traced_name'] = path
    args, kwargs, tensors, warning = arguments(net, r['inputs'])
    if warning:
        notes.append(warning)
    start = [t.value for t in tensors]
    out = outputs(net(*args, **kwargs))
    if not out:
        raise entry.Wrong('forward() returns no tensor')
    w = Writer()
    for v in start:
        w.value(v)
    results = []
    for n, t in out:
        w.need(t.value)
        results.append(wire.data(8, wire.data(1, n) + wire.number(2, w.value(t.value))))
    for v in states:  # those that forward() never reads too
        w.value(v)
    if w.unset is not None:
        raise Unsupported('an output depends on random numbers or uninitialized memory')
    return b''.join([wire.data(3, n) for n in notes] + [wire.data(4, type(net).__name__), wire.number(5, fit.index)] +
                    w.values + w.calls + results)


def failure(e, model):
    """An exception as one line, with the definition's line."""
    import traceback
    status = 3 if isinstance(e, record.Unsupported) else 1
    text = str(e) if isinstance(e, (record.Unsupported, entry.Wrong)) else f'{type(e).__name__}: {e}'
    line = e.lineno if isinstance(e, SyntaxError) else None
    where = ''
    for f in traceback.extract_tb(e.__traceback__):
        if not f.filename.startswith((record.HERE, '<')):
            where, line = f.filename, f.lineno
    if isinstance(e, SyntaxError):
        where = e.filename or ''
    if line and where and not isinstance(e, entry.Wrong):
        here = os.path.abspath(model) == os.path.abspath(where)
        text = f'line {line}: {text}' if here else f'{os.path.basename(where)}:{line}: {text}'
    return wire.data(1, ' '.join(text.split())[:2000] or type(e).__name__) + wire.number(2, status)


def main():
    limit()
    sys.setrecursionlimit(20000)
    warnings.simplefilter('ignore')
    model = ''
    try:
        request = read_request()
        model = request['model']
        result = trace(request)
    except BaseException as e:  # SystemExit of the definition too
        result = failure(e, model)
    with open(4, 'wb', closefd=False) as f:
        f.write(result)
    os._exit(0)


main()
