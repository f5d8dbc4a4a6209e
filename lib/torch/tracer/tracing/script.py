"""A traced or frozen TorchScript archive as a module: the straight lines of its code are read, one by one, and
never run by Python. Names in its pickles lead to no code.
SPDX-License-Identifier: Apache-2.0"""
import ast
import inspect
import pickle
import zipfile

from tracing import record
from tracing.entry import Wrong
from tracing.record import Unsupported

LIMIT = 64 << 20  # bytes of one text
ADVICE = 'export it with torch.jit.trace, or give the definition (.py)'
TYPES = ('uint8', 'int8', 'int16', 'int32', 'int64', 'float16', 'float32', 'float64', None, None, None, 'bool',
         None, None, None, 'bfloat16')  # torch.ScalarType


def dtype_of(number):
    name = TYPES[number] if isinstance(number, int) and 0 <= number < len(TYPES) else None
    if name is None and number is not None:
        raise Unsupported(f'tensors of type {number}')
    return None if number is None else record.DTYPES[name]


# ---- pickles -------------------------------------------------------------------------------------

class Object:
    """An instance of a class of the archive."""

    path, fields = '', {}

    def __setstate__(self, state):
        self.fields = state if isinstance(state, dict) else {}


class Leaf:
    """A tensor: its type and dims."""

    def __init__(self, dtype, shape):
        self.dtype, self.shape = dtype, shape


def rebuild(storage, offset, size, *more):
    return Leaf(storage, tuple(size))


class Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if module == '__torch__' or module.startswith('__torch__.'):
            return type(name, (Object,), dict(path=f'{module}.{name}'))
        if module == 'torch._utils' and name == '_rebuild_tensor_v2':
            return rebuild
        if module == 'torch' and name.endswith('Storage'):
            return name[:-7]
        if module == 'collections' and name == 'OrderedDict':
            return dict
        if module == 'torch.jit._pickle' and name.startswith('build_'):
            return list
        raise Unsupported(f'{module}.{name} in the archive')

    def persistent_load(self, id):
        names = dict(Float='float32', Double='float64', Half='float16', BFloat16='bfloat16', Long='int64', Int='int32',
                     Short='int16', Char='int8', Byte='uint8', Bool='bool')
        if id[1] not in names:
            raise Unsupported(f'tensors of type {id[1]} in the archive')
        return record.DTYPES[names[id[1]]]


# ---- operators whose arguments are not those of Python's function ------------------------------------

def operators():
    import torch
    from torch import _ops
    from torch._tensor import call
    from torch.nn import functional as F

    def conv(x, w, b, stride, pad, dil, transposed, extra, groups, *more):
        n = len(w.shape) - 2
        stride, pad, dil = (v * n if len(v) == 1 else v for v in (stride, pad, dil))
        if transposed:
            return getattr(F, f'conv_transpose{n}d')(x, w, b, stride, pad, extra, groups, dil)
        return getattr(F, f'conv{n}d')(x, w, b, stride, pad, dil, groups)

    def batch_norm(x, w, b, mean, var, training, momentum, eps, *more):
        return F.batch_norm(x, mean, var, w, b, training, momentum, eps)

    def resize(mode, aligns):
        def f(x, size, *more):
            scales = more[-1] if more and isinstance(more[-1], list) else None
            return F.interpolate(x, size, None if size is not None else scales, mode,
                                 more[0] if aligns else None)
        return f

    def recurrent(name):
        def f(x, h, weights, biases, layers, p, train, both, first):
            hs = list(h) if name == 'lstm' else [h]
            state = tuple(hs[0].shape)
            outs = [((*x.shape[:2], (1 + both) * state[2]), x.dtype)] + [(state, x.dtype)] * len(hs)
            return call(name, x, hs, weights, bool(biases), layers, bool(both), bool(first), outs=outs)
        return f

    def reduced(f):
        return lambda x, dims=None, keep=False, dtype=None: f(x, dims, keep) if dims else f(x)

    def with_indices(f):
        return lambda *a: (f(*a), None)

    def norm(x, order=None, dims=None, keep=False, dtype=None):
        if order not in (None, 1, 2):
            raise Unsupported(f'norm of order {order}')
        dims = list(range(len(x.shape))) if dims is None else dims
        return torch.sum(torch.abs(x), dims, keep) if order == 1 else torch.sqrt(torch.sum(torch.mul(x, x), dims, keep))

    def slice_scatter(x, source, dim=0, start=None, end=None, step=1):
        y = x.clone()
        _ops.slice_dim(y, dim, start, end, step).copy_(source)
        return y

    table = dict(
        slice_scatter=slice_scatter,
        _convolution=conv, convolution=conv, batch_norm=batch_norm,
        _convolution_mode=lambda x, w, b, s, p, d, g: getattr(F, f'conv{len(w.shape) - 2}d')(x, w, b, s, p, d, g),
        layer_norm=lambda x, s, w=None, b=None, eps=1e-5, *m: F.layer_norm(x, s, w, b, eps),
        group_norm=lambda x, g, w=None, b=None, eps=1e-5, *m: F.group_norm(x, g, w, b, eps),
        instance_norm=lambda x, w, b, mean, var, use, mom, eps, *m: F.instance_norm(x, mean, var, w, b, use, mom, eps),
        embedding=lambda w, i, *m: F.embedding(i, w),
        softmax=lambda x, d, t=None: F.softmax(x, d), log_softmax=lambda x, d, t=None: F.log_softmax(x, d),
        mean=reduced(torch.mean), sum=reduced(torch.sum),
        gelu=lambda x, approximate='none': F.gelu(x, approximate=approximate),
        to=lambda x, t, *m: x if not isinstance(t, int) else x.to(dtype_of(t)),
        size=lambda x, d=None: list(x.shape) if d is None else x.shape[d],
        slice=lambda x, d=0, a=None, b=None, s=1: _ops.slice_dim(x, d, a, b, s),
        constant_pad_nd=lambda x, p, v=0: F.pad(x, p, 'constant', v),
        upsample_linear1d=resize('linear', True), upsample_bilinear2d=resize('bilinear', True),
        upsample_bicubic2d=resize('bicubic', True), upsample_trilinear3d=resize('trilinear', True),
        einsum=lambda eq, ts, *m, **k: torch.einsum(eq, ts),
        unsafe_chunk=torch.chunk, unsafe_split=torch.split, im2col=F.unfold, linalg_norm=norm, norm=norm,
        frobenius_norm=lambda x, d, keep=False: norm(x, 2, d, keep),
        addmm=lambda c, a, b, **k: torch.add(c, torch.matmul(a, b)),
        contiguous=lambda x, *m: x, detach=lambda x: x, clone=lambda x, *m: x.clone(),
        __and__=lambda a, b: a & b, __or__=lambda a, b: a | b, Int=int, NumToTensor=lambda x: x, Float=float,
        TupleConstruct=lambda *a: a, ListConstruct=lambda *a: list(a), device=lambda *a, **k: None,
        floor_divide=lambda a, b: a // b, dim=lambda x: len(x.shape), len=len)
    for n in 1, 2, 3:
        table[f'adaptive_max_pool{n}d'] = with_indices(getattr(F, f'adaptive_max_pool{n}d'))
        table[f'max_pool{n}d_with_indices'] = with_indices(getattr(F, f'max_pool{n}d'))
        table[f'upsample_nearest{n}d'] = resize('nearest', False)
        table[f'_upsample_nearest_exact{n}d'] = resize('nearest-exact', False)
        table[f'reflection_pad{n}d'] = lambda x, p: F.pad(x, p, 'reflect')
        table[f'replication_pad{n}d'] = lambda x, p: F.pad(x, p, 'replicate')
    for n in 'dropout', 'feature_dropout', 'alpha_dropout':
        table[n] = table[n + '_'] = lambda x, *m: x
    for n in 'lstm', 'gru', 'rnn_tanh', 'rnn_relu':
        table[n] = recurrent(n)
    return table


def plain(*values):
    return all(isinstance(v, (int, float)) for v in values)


NUMBERS = dict(add=lambda a, b, c=1: a + b * c, sub=lambda a, b, c=1: a - b * c, mul=lambda a, b: a * b,
               div=lambda a, b, **k: a // b if k.get('rounding_mode') else a / b, floor_divide=lambda a, b: a // b,
               remainder=lambda a, b: a % b, neg=lambda a: -a, to=lambda a, *m: a, floor=lambda a: a)


# ---- the code ------------------------------------------------------------------------------------

class Interpreter:
    def __init__(self, archive, root):
        self.zip, self.root, self.files, self.table = archive, root, {}, operators()

    def text(self, name):
        try:
            if self.zip.getinfo(name).file_size > LIMIT:
                raise Wrong(f'{name} is too large')
            return self.zip.read(name)
        except KeyError:
            raise Wrong(f'the archive is damaged: it has no {name}') from None

    def classes(self, module):
        """name -> its statement, of a file of the code."""
        if module not in self.files:
            name = f'{self.root}/code/{module.replace(".", "/")}.py'
            try:
                body = ast.parse(self.text(name).decode()).body
            except (SyntaxError, ValueError) as e:
                raise Wrong(f'the archive is damaged: {name}: {e}') from None
            self.files[module] = {s.name: s for s in body if isinstance(s, (ast.ClassDef, ast.FunctionDef))}
        return self.files[module]

    def definition(self, path):
        module, _, name = path.rpartition('.')
        found = self.classes(module).get(name)
        if found is None:
            raise Wrong(f'the archive is damaged: nothing defines {path}')
        return found

    def method(self, path, name):
        for s in self.definition(path).body:
            if isinstance(s, ast.FunctionDef) and s.name == name:
                return s
        raise Wrong(f'the archive is damaged: {path} has no {name}()')

    def listed(self, path, what):
        """The names in __parameters__ or __buffers__."""
        for s in self.definition(path).body:
            if isinstance(s, ast.Assign) and getattr(s.targets[0], 'id', '') == what:
                return [e.value for e in s.value.elts]
        return []

    def call(self, module, name, args):
        f = self.method(module.path, name)
        return self.run(f, [module, *args], (module.name, '.torch.nn.' in module.path))

    def run(self, f, args, place):
        names = [a.arg for a in f.args.args]
        if len(names) != len(args):
            raise Wrong(f'the archive is damaged: {f.name}() takes {len(names)} arguments')
        env = dict(zip(names, args))
        record.modules.append(place)
        try:
            for s in f.body:
                if isinstance(s, ast.Return):
                    return self.value(s.value, env)
                self.statement(s, env)
        finally:
            record.modules.pop()
        return None

    def statement(self, s, env):
        if isinstance(s, ast.Assign):
            self.assign(s.targets[0], self.value(s.value, env), env)
        elif isinstance(s, ast.AnnAssign) and s.value is not None:
            self.assign(s.target, self.value(s.value, env), env)
        elif isinstance(s, ast.Expr):
            self.value(s.value, env)
        elif not isinstance(s, ast.Pass):
            what = type(s).__name__.lower()
            raise Unsupported(f"the archive has control flow ('{what}'): {ADVICE}")

    def assign(self, target, v, env):
        if isinstance(target, ast.Name):
            env[target.id] = v
            return
        parts = list(v)
        if not isinstance(target, (ast.Tuple, ast.List)) or len(parts) != len(target.elts):
            raise Wrong('the archive is damaged: an impossible assignment')
        for t, p in zip(target.elts, parts):
            self.assign(t, p, env)

    def value(self, e, env):
        if isinstance(e, ast.Constant):
            return e.value
        if isinstance(e, ast.Name):
            if e.id in env:
                return env[e.id]
            if e.id in ('inf', 'nan'):
                return float(e.id)
            raise Wrong(f"the archive is damaged: nothing is called '{e.id}'")
        if isinstance(e, ast.Attribute):
            return self.attribute(e, env)
        if isinstance(e, (ast.List, ast.Tuple)):
            items = [self.value(x, env) for x in e.elts]
            return items if isinstance(e, ast.List) else tuple(items)
        if isinstance(e, ast.Dict):
            return {self.value(k, env): self.value(v, env) for k, v in zip(e.keys, e.values)}
        if isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.USub):
            return -self.value(e.operand, env)
        if isinstance(e, ast.Subscript):
            return self.value(e.value, env)[self.value(e.slice, env)]
        if isinstance(e, ast.Call):
            return self.invoke(e, env)
        raise Unsupported(f"the archive has '{type(e).__name__.lower()}' in its code: {ADVICE}")

    def attribute(self, e, env):
        if isinstance(e.value, ast.Name) and e.value.id == 'CONSTANTS':
            return self.constant(e.attr)
        if (dotted(e) or '').startswith('__torch__.'):
            raise Unsupported(f'the archive is scripted: {ADVICE}')
        return self.member(self.value(e.value, env), e.attr)

    def constant(self, name):
        number = int(name[1:]) if name[1:].isdigit() else -1
        if not 0 <= number < len(self.constants):
            raise Wrong(f'the archive is damaged: CONSTANTS.{name}')
        return self.constants[number]

    @staticmethod
    def member(m, name):
        if not isinstance(m, Part) or name not in m.members:
            raise Wrong(f"the archive is damaged: nothing is called '{name}'")
        return m.members[name]

    def invoke(self, e, env):
        import torch
        args = None
        if isinstance(e.func, ast.Name):
            name = e.func.id
            if name == 'getattr':
                return self.member(self.value(e.args[0], env), e.args[1].value)
            if name in ('annotate', 'unchecked_cast'):
                return self.value(e.args[1], env)
            if name in ('int', 'float', 'bool'):
                v = self.value(e.args[0], env)
                return v if isinstance(v, torch.Tensor) else dict(int=int, float=float, bool=bool)[name](v)
            raise Unsupported(f"'{name}()' in the archive's code: {ADVICE}")
        path = dotted(e.func)
        args = [self.value(a, env) for a in e.args]
        options = {k.arg: self.value(k.value, env) for k in e.keywords}
        head = path.partition('.')[0] if path else ''
        if head in ('torch', 'ops') and head not in env:
            return self.operator(path.rpartition('.')[2], args, options)
        if head == '__torch__':
            return self.run(self.definition(path), args, ('', False))
        m = self.value(e.func.value, env)
        if not isinstance(m, Part):
            raise Wrong(f'the archive is damaged: {path or e.func.attr}() is no method')
        return self.call(m, e.func.attr, args)

    def operator(self, name, args, options):
        import torch
        from torch.nn import functional as F
        numbers = NUMBERS.get(name)
        for k in 'layout', 'device', 'pin_memory', 'memory_format', 'requires_grad':
            options.pop(k, None)
        if 'dtype' in options:
            options['dtype'] = dtype_of(options['dtype']) if plain(options['dtype']) else options['dtype']
        if numbers is not None and plain(*args):
            return numbers(*args, **options)
        f = self.table.get(name)
        if f is None and name.endswith('_') and not name.startswith('_') and args:
            f = getattr(type(args[0]), name, None)
            if f is None:
                f = getattr(torch, name[:-1], None) or getattr(F, name[:-1], None)
        if f is None:
            f = record_of(torch, name) or record_of(F, name) or getattr(torch.Tensor, name, None)
        if f is None:
            raise Unsupported(f"torch API 'aten::{name}' is not supported")
        return f(*args, **options)


def record_of(module, name):
    return vars(module).get(name)


def dotted(e):
    """a.b.c, or None if it is no chain of names."""
    parts = []
    while isinstance(e, ast.Attribute):
        parts.append(e.attr)
        e = e.value
    return '.'.join([e.id, *reversed(parts)]) if isinstance(e, ast.Name) else None


# ---- the module ----------------------------------------------------------------------------------

class Part:
    """A module of the archive: its members by name."""

    def __init__(self, path, name):
        self.path, self.name, self.members = path, name, {}


def is_script(path):
    try:
        with open(path, 'rb') as f:
            return f.read(4) == b'PK\3\4'
    except OSError:
        return False


def load(path):
    import torch
    from torch import nn
    archive = zipfile.ZipFile(path)
    root = archive.namelist()[0].partition('/')[0]

    def unpickle(name):
        with archive.open(f'{root}/{name}') as f:
            return Reader(f).load()

    reader = Interpreter(archive, root)
    top = unpickle('data.pkl')
    known = {}

    def tensor(leaf, parameter):
        if id(leaf) not in known:
            empty = torch.empty(leaf.shape, dtype=leaf.dtype)
            known[id(leaf)] = nn.Parameter(empty) if parameter else empty
        return known[id(leaf)]

    def build(o, name):
        m, part = nn.Module(), Part(o.path, name)
        parameters = reader.listed(o.path, '__parameters__')
        for k, v in o.fields.items():
            if isinstance(v, Leaf):
                part.members[k] = tensor(v, k in parameters)
                (m._parameters if k in parameters else m._buffers)[k] = part.members[k]
            elif isinstance(v, Object):
                m._modules[k], part.members[k] = build(v, f'{name}.{k}' if name else k)
            else:
                part.members[k] = v
        return m, part

    if not isinstance(top, Object):
        raise Wrong('the archive holds no module')
    net, part = build(top, '')
    reader.constants = []
    held = nn.Module()
    for i, v in enumerate(unpickle('constants.pkl')):
        if isinstance(v, Leaf):
            v = held._buffers[f'c{i}'] = tensor(v, False)
        reader.constants.append(v)
    if held._buffers:
        net._modules['CONSTANTS'] = held
    names = [a.arg for a in reader.method(top.path, 'forward').args.args[1:]]

    def forward(self, *args, **named):
        return reader.call(part, 'forward', [*args, *(named[n] for n in names[len(args):])])

    forward.__signature__ = inspect.Signature(
        [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in ['self', *names]])
    net.__class__ = type(top.path.rpartition('.')[2], (nn.Module,), dict(forward=forward))
    return net
