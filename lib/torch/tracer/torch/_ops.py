"""The functions of torch on tensors: each checks shapes, says its result's, and records torch's operator;
what a few others say is spelled out. Names ending in _ write to their tensor.
SPDX-License-Identifier: Apache-2.0"""
import builtins
import math

from tracing.record import DTYPES, Unsupported, Value, bool_, dtype as dtype_class, float32, int64, literal, numel, \
    strides_of

from ._tensor import Size, Tensor, UnsupportedName, call, is_contiguous

FUNCTIONS = {}  # torch.NAME and Tensor.NAME


def op(*names):
    def register(f):
        for n in names or (f.__name__,):
            FUNCTIONS[n] = f
        return f
    return register


def shaped(args):
    """The dims in f(2, 3), f((2, 3)) or f(torch.Size([2, 3]))."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = args[0]
    return tuple(int(a) for a in args)


def axis(d, rank):
    d = int(d)
    n = rank or 1
    if not -n <= d < n:
        raise IndexError(f'Dimension out of range: {d} of {rank} dims')
    return d % n


def axes(dim, rank):
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return list(range(rank))
    return sorted(axis(d, rank) for d in (dim if isinstance(dim, (tuple, list)) else [dim]))


def number(x):
    return isinstance(x, (int, float, bool)) and not isinstance(x, Tensor)


def as_dtype(d):
    if d is None or isinstance(d, dtype_class):
        return d
    raise Unsupported(f'type {d!r}')


# ---- creation ------------------------------------------------------------------------------------

def new(data, shape, d):
    return Tensor(literal(data, shape, d))


def unset(shape, d=float32):
    return Tensor(Value('unset', shape, d))


def tensor(data, dtype=None, device=None, requires_grad=False, **_):
    if isinstance(data, Tensor):
        return data.clone().to(dtype or data.dtype)
    if hasattr(data, 'tolist') and hasattr(data, 'dtype'):  # of NumPy
        dtype = dtype or DTYPES.get(str(data.dtype))
        shape, data = tuple(getattr(data, 'shape', ())), data.tolist()
    flat, shape = [], None

    def walk(x, depth, dims):
        nonlocal shape
        if isinstance(x, Tensor):
            x = x.tolist()
        elif hasattr(x, 'tolist'):
            x = x.tolist()
        if isinstance(x, (list, tuple, range)):
            dims = dims + (len(x),)
            if not len(x):
                shape = dims
            for e in x:
                walk(e, depth + 1, dims)
        else:
            if shape is not None and shape != dims:
                raise ValueError('a ragged list is no tensor')
            shape = dims
            flat.append(x)
    walk(data, 0, ())
    if dtype is None:
        dtype = bool_ if flat and all(isinstance(x, bool) for x in flat) else \
            float32 if not flat or any(isinstance(x, float) for x in flat) else int64
    return new(flat or [0], shape, as_dtype(dtype))


as_tensor = asarray = tensor


def from_numpy(a):
    return tensor(a)


def fill_of(shape, x, dtype, default=float32):
    return new([x], shape, as_dtype(dtype) or default)


def zeros(*size, dtype=None, size_=None, **k):
    return fill_of(shaped(size or (k['size'],)), 0, dtype)


def ones(*size, dtype=None, **k):
    return fill_of(shaped(size or (k['size'],)), 1, dtype)


def empty(*size, dtype=None, **k):
    return unset(shaped(size or (k.get('size', ()),)), as_dtype(dtype) or float32)


def rand(*size, dtype=None, **k):
    return empty(*size, dtype=dtype, **k)


def randint(*args, size=None, dtype=None, **k):
    return unset(shaped((size if size is not None else args[-1],)), as_dtype(dtype) or int64)


def randperm(n, dtype=None, **k):
    return unset((int(n),), as_dtype(dtype) or int64)


def normal(mean=0, std=1, size=(), **k):
    return unset(shaped((size,)))


def full(size, fill_value, dtype=None, **k):
    if isinstance(fill_value, Tensor):
        return fill_value.to(dtype or fill_value.dtype).expand(shaped((size,)))
    d = bool_ if isinstance(fill_value, bool) else float32 if isinstance(fill_value, float) else int64
    return fill_of(shaped((size,)), fill_value, dtype, d)


def arange(*args, dtype=None, start=None, end=None, step=None, **k):
    args = [a.item() if isinstance(a, Tensor) else a for a in args]
    lo, hi, by = (0, args[0], 1) if len(args) == 1 else (*args, 1)[:3] if args else (0, end, 1)
    lo, hi, by = start if start is not None else lo, end if end is not None else hi, step if step is not None else by
    n = builtins.max(0, math.ceil((hi - lo) / by))
    d = as_dtype(dtype) or (float32 if any(isinstance(x, float) for x in (lo, hi, by)) else int64)
    return new([lo + i * by for i in range(n)] or [0], (n,), d)


def linspace(start, end, steps=100, dtype=None, **k):
    a, b, n = float(start), float(end), int(steps)
    h = (b - a) / (n - 1) if n > 1 else 0  # from both ends, as torch does
    return new([a + h * i if i < n // 2 else b - h * (n - 1 - i) for i in range(n)] if n > 1 else [a], (n,),
               as_dtype(dtype) or float32)


def logspace(start, end, steps=100, base=10.0, **k):
    return tensor([base ** x for x in linspace(start, end, steps).tolist()])


def eye(n, m=None, dtype=None, **k):
    m = n if m is None else m
    return new([i == j for i in range(n) for j in range(m)], (n, m), as_dtype(dtype) or float32)


def _like(f):
    def like(x, *args, dtype=None, **k):
        return f(x.shape, *args, dtype=dtype or x.dtype)
    return like


for _n, _f in dict(zeros=zeros, ones=ones, empty=empty, rand=rand, randn=rand, full=full).items():
    FUNCTIONS[_n + '_like'] = _like(_f)


def _new(f):
    def made(x, *size, dtype=None, **k):
        return f(*size, dtype=dtype or x.dtype, **{n: v for n, v in k.items() if n == 'size'})
    return made


for _n, _f in dict(zeros=zeros, ones=ones, empty=empty).items():
    setattr(Tensor, 'new_' + _n, _new(_f))


@op()
def new_full(x, size, fill_value, dtype=None, **k):
    return full(size, fill_value, dtype=dtype or x.dtype)


@op()
def new_tensor(x, data, dtype=None, **k):
    return tensor(data, dtype=dtype or x.dtype)


# ---- types ---------------------------------------------------------------------------------------

@op()
def to(x, *args, dtype=None, copy=False, **k):
    for a in args:
        if isinstance(a, dtype_class):
            dtype = a
        elif isinstance(a, Tensor):
            dtype = a.dtype
    dtype = as_dtype(dtype)
    if dtype is None or dtype is x.dtype:
        return x.clone() if copy else x
    return call('to', x, dtype.number, shape=x.shape, dtype=dtype)


def type_as(x, y):
    return to(x, y.dtype)


FUNCTIONS['type_as'] = type_as
for _n, _d in dict(float='float32', double='float64', half='float16', bfloat16='bfloat16', long='int64', int='int32',
                   short='int16', char='int8', byte='uint8', bool='bool').items():
    setattr(Tensor, _n, lambda x, *a, d=DTYPES[_d], **k: to(x, d))


def promoted(*xs):
    """torch's result type: tensors with dims before those without, before Python's numbers."""
    best = None
    for group in ([x.dtype for x in xs if isinstance(x, Tensor) and x.shape],
                  [x.dtype for x in xs if isinstance(x, Tensor) and not x.shape],
                  [bool_ if isinstance(x, bool) else int64 if isinstance(x, int) else float32 for x in xs if number(x)]):
        for d in group:
            if best is None or d.rank > best[0].rank:
                best = (d, group)
            elif group is best[1] and d.rank == best[0].rank and d is not best[0]:
                wide = d if d.itemsize > best[0].itemsize else best[0]
                if d.itemsize == best[0].itemsize:
                    wide = float32 if d.rank == 2 else DTYPES['int16']
                best = (wide, group)
    return best[0]


def broadcast_shape(*shapes):
    out = []
    for i in range(1, builtins.max(map(len, shapes), default=0) + 1):
        dims = {s[-i] for s in shapes if len(s) >= i} - {1}
        if len(dims) > 1:
            raise RuntimeError(f'shapes {", ".join(str(list(s)) for s in shapes)} do not broadcast')
        out.append(dims.pop() if dims else 1)
    return tuple(reversed(out))


# ---- one and two operands ------------------------------------------------------------------------

def _unary(name, only_float):
    def f(x, *, out=None):
        if not isinstance(x, Tensor):
            x = tensor(x)
        if only_float and x.dtype.rank < 2:
            x = to(x, float32)
        d = bool_ if name in ('logical_not', 'isnan', 'isinf') else x.dtype
        return call(name, x, shape=x.shape, dtype=d)
    return f


for _n in ('exp log sqrt reciprocal erf sin cos tan asin acos atan sinh cosh asinh acosh atanh sigmoid tanh').split():
    FUNCTIONS[_n] = _unary(_n, True)
for _n in 'relu abs neg floor ceil round sign logical_not isnan isinf bitwise_not'.split():
    FUNCTIONS[_n] = _unary(_n, False)
for _n, _of in dict(absolute='abs', negative='neg', arcsin='asin', arccos='acos', arctan='atan').items():
    FUNCTIONS[_n] = FUNCTIONS[_of]
exp, log, sqrt, reciprocal, sigmoid, tanh, relu, neg, floor = (
    FUNCTIONS[n] for n in 'exp log sqrt reciprocal sigmoid tanh relu neg floor'.split())
abs_, round_, sign, logical_not = (FUNCTIONS[n] for n in 'abs round sign logical_not'.split())


def _binary(name, result=None, floating=False):
    def f(x, other, *, out=None):
        if hasattr(other, 'tolist') and not isinstance(other, Tensor):
            other = tensor(other) if getattr(other, 'shape', ()) else other.item()
        if not isinstance(x, Tensor) and not isinstance(other, Tensor):
            x = tensor(x)
        d = promoted(x, other)
        if floating and d.rank < 2:
            d = float32
        a, b = (to(t, d) if isinstance(t, Tensor) else t for t in (x, other))
        if not isinstance(a, Tensor):
            a = new([a], (), d)
        if not isinstance(b, Tensor) and not number(b):
            raise TypeError(f'{name}: a tensor and a {type(b).__name__}')
        shape = broadcast_shape(a.shape, b.shape if isinstance(b, Tensor) else ())
        return call(name, a, b, shape=shape, dtype=result or d)
    return f


for _n in 'mul pow remainder minimum maximum floor_divide bitwise_and bitwise_or bitwise_xor'.split():
    FUNCTIONS[_n] = _binary(_n)
for _n in 'eq ne lt le gt ge logical_and logical_or logical_xor'.split():
    FUNCTIONS[_n] = _binary(_n, bool_)
_add, _sub, _true_div = _binary('add'), _binary('sub'), _binary('div', floating=True)
mul, pow_, maximum, minimum, eq, ne, lt, ge = (
    FUNCTIONS[n] for n in 'mul pow maximum minimum eq ne lt ge'.split())
FUNCTIONS.update(multiply=mul, greater=FUNCTIONS['gt'], less=lt, greater_equal=ge, not_equal=ne,
                 less_equal=FUNCTIONS['le'], fmod=FUNCTIONS['remainder'])


@op()
def fmod(x, other):
    q = div(x, other)
    return sub(x, mul(mul(sign(q), floor(abs_(q))), other))


@op()
def add(x, other, *, alpha=1, out=None):
    return _add(x, other if alpha == 1 else mul(other, alpha) if isinstance(other, Tensor) else other * alpha)


@op('sub', 'subtract')
def sub(x, other, *, alpha=1, out=None):
    return _sub(x, other if alpha == 1 else mul(other, alpha) if isinstance(other, Tensor) else other * alpha)


@op()
def rsub(x, other, *, alpha=1):
    return sub(other, x, alpha=alpha)


@op('div', 'divide', 'true_divide')
def div(x, other, *, rounding_mode=None, out=None):
    if rounding_mode == 'floor':
        return FUNCTIONS['floor_divide'](x, other)
    q = _true_div(x, other)
    if rounding_mode == 'trunc':
        return to(mul(sign(q), floor(abs_(q))), promoted(x, other))
    return q


@op()
def rsqrt(x):
    return reciprocal(sqrt(x))


@op()
def square(x):
    return mul(x, x)


@op()
def log2(x):
    return div(log(x), math.log(2))


@op()
def log10(x):
    return div(log(x), math.log(10))


@op()
def log1p(x):
    return log(add(x, 1))


@op()
def expm1(x):
    return sub(exp(x), 1)


@op()
def exp2(x):
    return pow_(2.0, x)


@op()
def trunc(x):
    return mul(sign(x), floor(abs_(x)))


@op()
def frac(x):
    return sub(x, trunc(x))


@op()
def logit(x, eps=None):
    x = x if eps is None else clamp(x, eps, 1 - eps)
    return log(div(x, sub(1, x)))


@op('clamp', 'clip')
def clamp(x, min=None, max=None):
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        x = x if min is None else maximum(x, min)
        return x if max is None else minimum(x, max)
    return call('clamp', x, min, max, shape=x.shape, dtype=x.dtype)


@op()
def clamp_min(x, min):
    return clamp(x, min)


@op()
def clamp_max(x, max):
    return clamp(x, None, max)


@op()
def where(condition, x=None, y=None):
    if x is None:
        raise Unsupported('torch.where(condition): a result whose size depends on data')
    d = promoted(x, y)
    x, y = (to(t, d) if isinstance(t, Tensor) else new([t], (), d) for t in (x, y))
    return call('where', to(condition, bool_), x, y, dtype=d,
                shape=broadcast_shape(condition.shape, x.shape, y.shape))


Tensor.where = lambda x, condition, y: where(condition, x, y)


@op()
def masked_fill(x, mask, value):
    return to(where(mask, value if isinstance(value, Tensor) else new([value], (), x.dtype), x), x.dtype)


@op()
def lerp(x, end, weight):
    return add(x, mul(sub(end, x), weight))


@op()
def addcmul(x, a, b, *, value=1):
    return add(x, mul(a, b), alpha=value)


@op()
def addcdiv(x, a, b, *, value=1):
    return add(x, div(a, b), alpha=value)


@op()
def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    x = masked_fill(x, FUNCTIONS['isnan'](x), nan or 0.0)
    return clamp(x, -3.4028234663852886e38 if neginf is None else neginf,
                 3.4028234663852886e38 if posinf is None else posinf)


# ---- reductions ----------------------------------------------------------------------------------

def reduced(x, ds, keepdim):
    return tuple(1 if i in ds else d for i, d in enumerate(x.shape) if keepdim or i not in ds)


def _reduce(name, x, dim, keepdim, d=None):
    ds = axes(dim, x.dim())
    if not ds:
        return x.clone()
    return call(name, x, ds, bool(keepdim), shape=reduced(x, ds, keepdim), dtype=d or x.dtype)


@op()
def mean(x, dim=None, keepdim=False, *, dtype=None):
    return _reduce('mean', to(x, dtype) if dtype else x, dim, keepdim)


@op()
def sum(x, dim=None, keepdim=False, *, dtype=None):
    return _reduce('sum', to(x, dtype or (int64 if x.dtype.rank < 2 else x.dtype)), dim, keepdim)


@op()
def prod(x, dim=None, keepdim=False, *, dtype=None):
    return _reduce('prod', to(x, dtype or (int64 if x.dtype.rank < 2 else x.dtype)), dim, keepdim)


@op()
def amax(x, dim=(), keepdim=False):
    return _reduce('amax', x, dim, keepdim)


@op()
def amin(x, dim=(), keepdim=False):
    return _reduce('amin', x, dim, keepdim)


class Pair(tuple):
    values = property(lambda s: s[0])
    indices = property(lambda s: s[1])


def _arg(name, x, dim, keepdim):
    if dim is None:
        x, dim = reshape(x, -1), 0
    d = axis(dim, x.dim())
    return call(name, x, d, bool(keepdim), shape=reduced(x, [d], keepdim), dtype=int64)


@op()
def argmax(x, dim=None, keepdim=False):
    return _arg('argmax', x, dim, keepdim)


@op()
def argmin(x, dim=None, keepdim=False):
    return _arg('argmin', x, dim, keepdim)


@op()
def max(x, dim=None, keepdim=False, *, other=None):
    if isinstance(dim, Tensor) or other is not None:
        return maximum(x, other if other is not None else dim)
    return amax(x) if dim is None else Pair((amax(x, dim, keepdim), argmax(x, dim, keepdim)))


@op()
def min(x, dim=None, keepdim=False, *, other=None):
    if isinstance(dim, Tensor) or other is not None:
        return minimum(x, other if other is not None else dim)
    return amin(x) if dim is None else Pair((amin(x, dim, keepdim), argmin(x, dim, keepdim)))


@op()
def var(x, dim=None, unbiased=True, keepdim=False, *, correction=None):
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    ds = axes(dim, x.dim())
    n = numel([x.shape[d] for d in ds])
    c = int(unbiased) if correction is None else correction
    d = sub(x, mean(x, ds, True))
    return div(sum(mul(d, d), ds, keepdim), n - c) if c else mean(mul(d, d), ds, keepdim)


@op()
def std(x, *args, **k):
    return sqrt(var(x, *args, **k))


@op()
def var_mean(x, dim=None, unbiased=True, keepdim=False, **k):
    return var(x, dim, unbiased, keepdim, **k), mean(x, dim, keepdim)


@op()
def std_mean(x, dim=None, unbiased=True, keepdim=False, **k):
    return std(x, dim, unbiased, keepdim, **k), mean(x, dim, keepdim)


@op()
def norm(x, p='fro', dim=None, keepdim=False, dtype=None):
    if p in ('fro', None, 2):
        return sqrt(sum(mul(x, x), dim, keepdim))
    if p == 1:
        return sum(abs_(x), dim, keepdim)
    if p == math.inf:
        return amax(abs_(x), dim if dim is not None else (), keepdim)
    return pow_(sum(pow_(abs_(x), p), dim, keepdim), 1 / p)


@op()
def logsumexp(x, dim, keepdim=False):
    return _reduce('logsumexp', x, dim, keepdim)


@op('all')
def all_(x, dim=None, keepdim=False):
    return to(amin(to(to(x, bool_), DTYPES['int32']), () if dim is None else dim, keepdim), bool_)


@op('any')
def any_(x, dim=None, keepdim=False):
    return to(amax(to(to(x, bool_), DTYPES['int32']), () if dim is None else dim, keepdim), bool_)


@op()
def cumsum(x, dim, dtype=None):
    x = to(x, dtype or (int64 if x.dtype.rank < 2 else x.dtype))
    return call('cumsum', x, axis(dim, x.dim()), shape=x.shape, dtype=x.dtype)


@op()
def topk(x, k, dim=-1, largest=True, sorted=True):
    d = axis(dim, x.dim())
    shape = tuple(int(k) if i == d else n for i, n in enumerate(x.shape))
    return Pair(call('topk', x, int(k), d, bool(largest), outs=[(shape, x.dtype), (shape, int64)]))


@op()
def sort(x, dim=-1, descending=False, stable=False):
    return topk(x, x.shape[axis(dim, x.dim())], dim, descending)


@op()
def argsort(x, dim=-1, descending=False):
    return sort(x, dim, descending)[1]


@op()
def median(x, dim=None, keepdim=False):
    if dim is None:
        x, dim = reshape(x, -1), 0
        return select(topk(x, (x.shape[0] - 1) // 2 + 1, 0, False)[0], 0, -1)
    v, i = topk(x, (x.shape[axis(dim, x.dim())] - 1) // 2 + 1, dim, False)
    v, i = (slice_dim(t, dim, -1, None) for t in (v, i))
    return Pair((v, i) if keepdim else (squeeze(v, dim), squeeze(i, dim)))


# ---- shapes --------------------------------------------------------------------------------------

def resolve(x, dims):
    dims = list(shaped(dims))
    n = x.numel()
    if -1 in dims:
        rest = numel([d for d in dims if d != -1])
        dims[dims.index(-1)] = n // rest if rest else 0
    if numel(dims) != n or any(d < 0 for d in dims):
        raise RuntimeError(f"shape '{list(dims)}' is invalid for input of size {n} ({list(x.shape)})")
    return tuple(dims)


def _reshaped(x, dims, copies):
    if dims == tuple(x.shape):
        return x.view_as_op('reshape', (list(dims),), dims, x._strides)
    if x.is_contiguous() or not copies:
        st = strides_of(dims) if x.is_contiguous() else None
        return x.view_as_op('reshape', (list(dims),), dims, st)
    return call('reshape', x, list(dims), shape=dims, dtype=x.dtype)


@op()
def reshape(x, *shape, **k):
    return _reshaped(x, resolve(x, shape or (k['shape'],)), True)


@op()
def view(x, *shape, **k):
    if len(shape) == 1 and isinstance(shape[0], dtype_class):
        raise Unsupported('Tensor.view(dtype)')
    return _reshaped(x, resolve(x, shape or (k['size'],)), False)


@op()
def view_as(x, y):
    return view(x, y.shape)


@op()
def reshape_as(x, y):
    return reshape(x, y.shape)


@op()
def flatten(x, start_dim=0, end_dim=-1):
    if not x.dim():
        return reshape(x, 1)
    a, b = axis(start_dim, x.dim()), axis(end_dim, x.dim())
    return reshape(x, (*x.shape[:a], numel(x.shape[a:b + 1]), *x.shape[b + 1:]))


@op()
def unflatten(x, dim, sizes):
    d = axis(dim, x.dim())
    sizes = list(sizes)
    if -1 in sizes:
        sizes[sizes.index(-1)] = x.shape[d] // numel([s for s in sizes if s != -1])
    return view(x, (*x.shape[:d], *sizes, *x.shape[d + 1:]))


@op()
def ravel(x):
    return reshape(x, -1)


@op()
def squeeze(x, dim=None):
    ds = axes(dim, x.dim())
    keep = [i for i, n in enumerate(x.shape) if not (i in ds and n == 1)]
    return x.view_as_op('reshape', ([x.shape[i] for i in keep],), [x.shape[i] for i in keep],
                        x._strides and tuple(x._strides[i] for i in keep))


@op()
def unsqueeze(x, dim):
    d = axis(dim, x.dim() + 1)
    shape = (*x.shape[:d], 1, *x.shape[d:])
    st = x._strides
    return x.view_as_op('reshape', (list(shape),), shape, st and (*st[:d], 1, *st[d:]))


@op()
def permute(x, *dims, **k):
    dims = [axis(d, x.dim()) for d in shaped(dims or (k['dims'],))]
    if sorted(dims) != list(range(x.dim())):
        raise RuntimeError(f'permute: {dims} are not the dims of {list(x.shape)}')
    if dims == list(range(x.dim())):
        return x
    st = x._strides
    return x.view_as_op('permute', (dims,), [x.shape[d] for d in dims], st and tuple(st[d] for d in dims))


@op('transpose', 'swapaxes', 'swapdims')
def transpose(x, dim0, dim1):
    dims = list(range(x.dim()))
    a, b = axis(dim0, x.dim()), axis(dim1, x.dim())
    dims[a], dims[b] = dims[b], dims[a]
    return permute(x, dims)


@op()
def t(x):
    return transpose(x, 0, 1) if x.dim() == 2 else x


@op()
def movedim(x, source, destination):
    src = [axis(d, x.dim()) for d in ([source] if isinstance(source, int) else source)]
    dst = [axis(d, x.dim()) for d in ([destination] if isinstance(destination, int) else destination)]
    rest = [d for d in range(x.dim()) if d not in src]
    dims = [None] * x.dim()
    for s, d in zip(src, dst):
        dims[d] = s
    return permute(x, [rest.pop(0) if d is None else d for d in dims])


FUNCTIONS['moveaxis'] = movedim
Tensor.T = property(lambda x: permute(x, list(reversed(range(x.dim())))))
Tensor.mT = property(lambda x: transpose(x, -1, -2))


@op()
def expand(x, *sizes, **k):
    sizes = list(shaped(sizes or (k['size'],)))
    pad = len(sizes) - x.dim()
    if pad < 0:
        raise RuntimeError(f'expand: {list(x.shape)} to {sizes}')
    dims = [1] * pad + list(x.shape)
    out = tuple(d if s == -1 else s for s, d in zip(sizes, dims))
    if any(d not in (1, o) for d, o in zip(dims, out)):
        raise RuntimeError(f'expand: {list(x.shape)} to {list(sizes)}')
    if out == tuple(x.shape):
        return x
    return x.view_as_op('expand', (list(out),), out, None)


@op()
def expand_as(x, y):
    return expand(x, y.shape)


def broadcast_to(x, shape):
    return expand(x, shape)


def broadcast_tensors(*xs):
    shape = broadcast_shape(*(x.shape for x in xs))
    return tuple(expand(x, shape) for x in xs)


@op()
def repeat(x, *sizes, **k):
    r = list(shaped(sizes or (k['sizes'],)))
    x = reshape(x, (1,) * (len(r) - x.dim()) + tuple(x.shape))
    if all(n == 1 for n in r):
        return x.clone()
    return call('repeat', x, r, shape=[d * n for d, n in zip(x.shape, r)], dtype=x.dtype)


@op()
def tile(x, *dims):
    r = shaped(dims)
    return repeat(x, (1,) * (x.dim() - len(r)) + tuple(r))


@op()
def repeat_interleave(x, repeats, dim=None, **k):
    if isinstance(repeats, Tensor):
        repeats = repeats.item()
    if dim is None:
        x, dim = reshape(x, -1), 0
    d = axis(dim, x.dim())
    wide = expand(unsqueeze(x, d + 1), *x.shape[:d + 1], repeats, *x.shape[d + 1:])
    return reshape(wide, (*x.shape[:d], x.shape[d] * repeats, *x.shape[d + 1:]))


@op('cat', 'concat', 'concatenate')
def cat(tensors, dim=0, *, axis_=None, out=None):
    ts = [t for t in tensors if tuple(t.shape) != (0,)] or list(tensors)[:1]
    d = axis(dim, ts[0].dim())
    for t in ts:
        if t.dim() != ts[0].dim() or any(a != b for i, (a, b) in enumerate(zip(t.shape, ts[0].shape)) if i != d):
            raise RuntimeError(f'cat: sizes {[list(t.shape) for t in ts]} do not match but in dimension {d}')
    kind = promoted(*ts)
    ts = [to(t, kind) for t in ts]
    if len(ts) == 1:
        return ts[0].clone()
    n = 0
    for t in ts:
        n += t.shape[d]
    return call('cat', ts, d, shape=[n if i == d else s for i, s in enumerate(ts[0].shape)], dtype=kind)


@op()
def stack(tensors, dim=0, *, out=None):
    return cat([unsqueeze(t, dim) for t in tensors], axis(dim, tensors[0].dim() + 1))


def hstack(ts):
    return cat(ts, 0 if ts[0].dim() == 1 else 1)


def vstack(ts):
    return cat([reshape(t, (1, -1)) if t.dim() == 1 else t for t in ts], 0)


def slice_dim(x, dim, start, stop, step=1):
    d = axis(dim, x.dim())
    if step <= 0:
        raise ValueError('slice step must be positive')
    start, stop, step = builtins.slice(start, stop, step).indices(x.shape[d])
    n = builtins.max(0, (stop - start + step - 1) // step)
    if n == x.shape[d] and step == 1:
        return x
    shape = [n if i == d else s for i, s in enumerate(x.shape)]
    st = x._strides and tuple(s * step if i == d else s for i, s in enumerate(x._strides))
    return x.view_as_op('slice', (d, start, builtins.max(start, stop), step), shape, st)


@op()
def narrow(x, dim, start, length):
    start = start.item() if isinstance(start, Tensor) else start
    start += x.shape[dim] if start < 0 else 0
    return slice_dim(x, dim, start, start + length)


@op()
def select(x, dim, index):
    d, i = axis(dim, x.dim()), int(index)
    n = x.shape[d]
    if not -n <= i < n:
        raise IndexError(f'index {i} is out of bounds for dimension {d} with size {n}')
    s = slice_dim(x, d, i % n, i % n + 1)
    shape = [v for k, v in enumerate(s.shape) if k != d]
    return s.view_as_op('reshape', (shape,), shape,
                        s._strides and tuple(v for k, v in enumerate(s._strides) if k != d))


@op()
def split(x, split_size_or_sections, dim=0, **k):
    d = axis(dim, x.dim())
    sizes, n = split_size_or_sections, x.shape[d]
    if isinstance(sizes, int):
        sizes = [builtins.min(sizes, n - i) for i in range(0, n, sizes)]
    out, at = [], 0
    for s in sizes:
        out.append(slice_dim(x, d, at, at + s))
        at += s
    return tuple(out)


FUNCTIONS['split_with_sizes'] = split


@op()
def chunk(x, chunks, dim=0):
    n = x.shape[axis(dim, x.dim())]
    return split(x, -(-n // chunks), dim)


@op()
def tensor_split(x, indices_or_sections, dim=0):
    n, s = x.shape[axis(dim, x.dim())], indices_or_sections
    cuts = [n // s * i + builtins.min(i, n % s) for i in range(1, s)] if isinstance(s, int) else list(s)
    return tuple(slice_dim(x, dim, a, b) for a, b in zip([0] + cuts, cuts + [n]))


@op('unbind')
def unbind(x, dim=0):
    return tuple(select(x, dim, i) for i in range(x.shape[axis(dim, x.dim())]))


@op()
def flip(x, *dims):
    ds = [axis(d, x.dim()) for d in shaped(dims)]
    return call('flip', x, ds, shape=x.shape, dtype=x.dtype)


@op()
def roll(x, shifts, dims=None):
    if dims is None:
        return reshape(roll(reshape(x, -1), shifts, 0), x.shape)
    for s, d in zip([shifts] if isinstance(shifts, int) else shifts, [dims] if isinstance(dims, int) else dims):
        n = x.shape[axis(d, x.dim())]
        s = int(s) % n if n else 0
        if s:
            x = cat([slice_dim(x, d, n - s, None), slice_dim(x, d, 0, n - s)], d)
    return x


@op()
def rot90(x, k=1, dims=(0, 1)):
    for _ in range(k % 4):
        x = transpose(flip(x, dims[1]), *dims)
    return x


def meshgrid(*ts, indexing='ij'):
    ts = list(ts[0]) if len(ts) == 1 and isinstance(ts[0], (list, tuple)) else list(ts)
    if indexing == 'xy':
        ts[:2] = reversed(ts[:2])
    shape = tuple(t.numel() for t in ts)
    out = [expand(reshape(t, [-1 if k == i else 1 for k in range(len(ts))]), shape) for i, t in enumerate(ts)]
    if indexing == 'xy':
        out = [transpose(o, 0, 1) for o in out]
        out[:2] = reversed(out[:2])
    return tuple(out)


@op()
def tril(x, diagonal=0):
    return call('tril', x, diagonal, shape=x.shape, dtype=x.dtype)


@op()
def triu(x, diagonal=0):
    return call('triu', x, diagonal, shape=x.shape, dtype=x.dtype)


@op()
def diagonal(x, offset=0, dim1=0, dim2=1):
    if offset or x.shape[dim1] != x.shape[dim2]:
        raise Unsupported('torch.diagonal of another than the main diagonal of a square')
    x = movedim(x, (dim1, dim2), (-2, -1))
    n = x.shape[-1]
    return index_select(reshape(x, (*x.shape[:-2], n * n)), -1, arange(0, n * n, n + 1))


@op()
def diff(x, n=1, dim=-1):
    for _ in range(n):
        x = sub(slice_dim(x, dim, 1, None), slice_dim(x, dim, 0, -1))
    return x


def cartesian_prod(*ts):
    return stack([reshape(g, -1) for g in meshgrid(*ts)], 1)


# ---- by index ------------------------------------------------------------------------------------

@op()
def index_select(x, dim, index):
    d = axis(dim, x.dim())
    if index.value.kind == 'input':
        index.value.dtype = int64
    return call('index_select', x, d, to(index, int64), dtype=x.dtype,
                shape=(*x.shape[:d], *index.shape, *x.shape[d + 1:]))


@op('gather')
def gather(x, dim, index, **k):
    return call('gather', x, axis(dim, x.dim()), index, shape=index.shape, dtype=x.dtype)


@op()
def take_along_dim(x, indices, dim):
    return gather(x, dim, indices)


@op()
def scatter(x, dim, index, src=None, *, value=None, reduce=None):
    src = value if src is None else src
    if reduce is not None:
        raise Unsupported('torch.scatter with reduce')
    src = expand(new([src], (), x.dtype), index.shape) if number(src) else src
    for d, n in enumerate(index.shape):
        src = slice_dim(src, d, 0, n)
    return call('scatter', x, axis(dim, x.dim()), index, src, shape=x.shape, dtype=x.dtype)


@op()
def scatter_add(x, dim, index, src):
    return call('scatter_add', x, axis(dim, x.dim()), index, src, shape=x.shape, dtype=x.dtype)


@op()
def masked_select(x, mask):
    return getitem(x, mask)


@op()
def nonzero(x, as_tuple=False):
    at = [i for i, v in enumerate(x.numbers()) if v]
    st = strides_of(x.shape)
    cols = [[i // s % n for i in at] for s, n in zip(st, x.shape)]
    ts = tuple(new(c or [0], (len(at),), int64) for c in cols)
    return ts if as_tuple else stack(ts, 1)


def fancy(x, index):
    """x[i, j, …] with tensors of integers at some dims, None at the others."""
    ds = [d for d, i in enumerate(index) if i is not None]
    if len(ds) == 1:
        return index_select(x, ds[0], index[ds[0]])
    idx = broadcast_tensors(*(index[d] for d in ds))
    together = ds == list(range(ds[0], ds[-1] + 1))
    at = ds[0] if together else 0
    rest = [d for d in range(x.dim()) if d not in ds]
    front = permute(x, [*rest[:at], *ds, *rest[at:]])
    flat = reshape(front, (*front.shape[:at], numel(x.shape[d] for d in ds), *front.shape[at + len(ds):]))
    linear = None
    for d, i in zip(ds, idx):
        i = FUNCTIONS['remainder'](to(i, int64), x.shape[d])
        linear = i if linear is None else add(mul(linear, x.shape[d]), i)
    return index_select(flat, at, linear)


def prepare(x, key):
    """A view of x for the ints, slices, None and … of an index, and the tensors that are left."""
    key = list(key) if isinstance(key, tuple) else [key]
    key = [tensor(k) if isinstance(k, (list, range)) or hasattr(k, 'tolist') and not isinstance(k, Tensor) else k
           for k in key]
    used = builtins.sum(0 if k is None or k is Ellipsis or isinstance(k, bool) else
                        k.dim() if isinstance(k, Tensor) and k.dtype is bool_ else 1 for k in key)
    if not any(k is Ellipsis for k in key):
        key.append(Ellipsis)
    at = next(i for i, k in enumerate(key) if k is Ellipsis)
    key[at:at + 1] = [slice(None)] * (x.dim() - used)
    d, index = 0, []
    for k in key:
        if k is None or isinstance(k, bool):
            x = unsqueeze(x, d)
        elif isinstance(k, slice):
            a, b, c = (v.item() if isinstance(v, Tensor) else v for v in (k.start, k.stop, k.step))
            x = slice_dim(x, d, a, b, 1 if c is None else c)
        elif isinstance(k, Tensor) and k.dtype is bool_:
            index.extend(nonzero(k, True))
            d += k.dim()
            continue
        elif isinstance(k, Tensor) and (k.shape or k.value.kind not in ('literal', 'call') or not _known(k)):
            index.append(k)
            d += 1
            continue
        else:
            x = select(x, d, int(k))
            continue
        index.append(None)
        d += 1
    return x, index


def _known(x):
    try:
        return x.numbers() is not None
    except Unsupported:
        return False


def getitem(x, key):
    x, index = prepare(x, key)
    return fancy(x, index) if any(i is not None for i in index) else x


def setitem(x, key, value):
    if isinstance(key, Tensor) and key.dtype is bool_ and not _known(key):
        if isinstance(value, Tensor) and value.dim():
            raise Unsupported('x[mask] = a tensor, where the mask depends on data')
        mask = reshape(key, (*key.shape, *(1,) * (x.dim() - key.dim())))
        x.write(masked_fill(x, mask, value))
        return
    target, index = prepare(x, key)
    if not isinstance(value, Tensor):
        value = tensor(value, dtype=x.dtype)
    if not any(i is not None for i in index):
        while value.dim() > target.dim() and value.shape[0] == 1:
            value = squeeze(value, 0)
        target.write(value)
        return
    ds = [d for d, i in enumerate(index) if i is not None]
    if ds != list(range(len(ds))):
        raise Unsupported('writing by index tensors behind other dims')
    idx = broadcast_tensors(*(to(index[d], int64) for d in ds))
    rows = numel(target.shape[len(ds):])
    linear = None
    for d, i in zip(ds, idx):
        i = FUNCTIONS['remainder'](i, target.shape[d])
        linear = i if linear is None else add(mul(linear, target.shape[d]), i)
    value = reshape(expand(to(value, x.dtype), (*idx[0].shape, *target.shape[len(ds):])), (-1, rows))
    flat = reshape(target, (-1, rows))
    at = expand(reshape(linear, (-1, 1)), value.shape)
    target.write(reshape(scatter(flat, 0, at, value), target.shape))


Tensor.__getitem__, Tensor.__setitem__ = getitem, setitem


# ---- products ------------------------------------------------------------------------------------

@op()
def matmul(x, other, *, out=None):
    a, b = x.shape, other.shape
    if not a or not b or a[-1] != (b[-2] if len(b) > 1 else b[-1]):
        raise RuntimeError(f'matmul: {list(a)} times {list(b)}')
    batch = broadcast_shape(a[:-2], b[:-2])
    d = promoted(x, other)
    return call('matmul', to(x, d), to(other, d), dtype=d,
                shape=batch + (a[-2:-1] if len(a) > 1 else ()) + (b[-1:] if len(b) > 1 else ()))


for _n in 'mm bmm mv dot inner'.split():
    FUNCTIONS[_n] = matmul


@op()
def outer(x, y):
    return mul(unsqueeze(x, 1), y)


@op()
def addmm(x, a, b, *, beta=1, alpha=1):
    p = matmul(a, b)
    return add(p if alpha == 1 else mul(p, alpha), x if beta == 1 else mul(x, beta))


FUNCTIONS['baddbmm'] = FUNCTIONS['addbmm'] = addmm


def einsum(equation, *operands):
    ts = list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else list(operands)
    eq = equation.replace(' ', '')
    ins, _, out = eq.partition('->')
    terms, size = ins.split(','), {}
    if '...' in eq:
        n = builtins.max(t.dim() - len(s.replace('...', '')) for s, t in zip(terms, ts) if '...' in s)
        free = [c for c in 'ABCDEFGHIJKLMNOPQRSTUVWXYZ' if c not in eq][:n]
        terms = [s.replace('...', ''.join(free[n - (t.dim() - len(s) + 3):]) if '...' in s else '')
                 for s, t in zip(terms, ts)]
        out = out.replace('...', ''.join(free))
    if '->' not in eq:
        every = ''.join(terms)
        out = ''.join(c for c in sorted(set(every)) if every.count(c) == 1)
    for s, x in zip(terms, ts):
        if len(s) != x.dim():
            raise RuntimeError(f'einsum: {s} for {list(x.shape)}')
        for c, d in zip(s, x.shape):
            size[c] = builtins.max(d, size.get(c, 1))
    return call('einsum', ','.join(terms) + '->' + out, ts, shape=[size[c] for c in out], dtype=promoted(*ts))


@op()
def cross(x, y, dim=-1):
    a, b = roll(x, -1, dim), roll(y, -1, dim)
    return roll(sub(mul(x, b), mul(a, y)), -1, dim)


# ---- operators and what writes -------------------------------------------------------------------

def _operators():
    def swapped(f):
        return lambda x, y: f(y, x)
    table = dict(add=add, sub=sub, mul=mul, truediv=div, floordiv=FUNCTIONS['floor_divide'], pow=pow_,
                 mod=FUNCTIONS['remainder'], matmul=matmul)
    table['and'], table['or'], table['xor'] = (
        lambda x, y, n=n: FUNCTIONS[('logical_' if x.dtype is bool_ else 'bitwise_') + n](x, y) for n in ('and', 'or', 'xor'))
    for n, f in table.items():
        setattr(Tensor, f'__{n}__', f)
        setattr(Tensor, f'__r{n}__', swapped(f))
        setattr(Tensor, f'__i{n}__', lambda x, *a, f=f: x.write(f(x, *a)))
    for n in 'eq ne lt le gt ge'.split():
        setattr(Tensor, f'__{n}__', FUNCTIONS[n])
    Tensor.__neg__, Tensor.__abs__ = neg, abs_
    Tensor.__pos__ = lambda x: x
    Tensor.__invert__ = lambda x: logical_not(x) if x.dtype is bool_ else FUNCTIONS['bitwise_not'](x)
    Tensor.__round__ = lambda x, n=None: round_(x)


def fill_(x, value):
    return x.write(value if isinstance(value, Tensor) else new([value], (), x.dtype))


def copy_(x, src, non_blocking=False):
    return x.write(src)


def random_(x, *a, **k):
    return x.write(unset(x.shape, x.dtype))


def attach():
    """Every function becomes a method, and NAME_ one that writes."""
    _operators()
    for n, f in FUNCTIONS.items():
        if n not in Tensor.__dict__:
            setattr(Tensor, n, f)
        if n + '_' not in Tensor.__dict__:
            setattr(Tensor, n + '_', lambda x, *a, f=f, **k: _write(x, f(x, *a, **k)))
    Tensor.fill_, Tensor.copy_ = fill_, copy_
    Tensor.zero_ = lambda x: fill_(x, 0)
    for n in 'normal_ uniform_ random_ bernoulli_ exponential_ geometric_'.split():
        setattr(Tensor, n, random_)
    Tensor.masked_fill_ = lambda x, mask, value: x.write(masked_fill(x, mask, value))
    for n in 'squeeze_ unsqueeze_ transpose_ t_'.split():
        setattr(Tensor, n, lambda x, *a, f=FUNCTIONS[n[:-1]]: _become(x, f(x, *a)))


def _write(x, y):
    if y.shape != x.shape:
        raise RuntimeError(f'writing {list(y.shape)} to a tensor of {list(x.shape)}')
    return x.write(y)


def _become(x, y):
    x._storage, x._views, x._cached, x._at, x._strides = y._storage, y._views, y._cached, y._at, y._strides
    return x
