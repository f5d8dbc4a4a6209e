"""torch.Tensor: a storage whose value changes when it is written to, seen through a chain of views.

Writing to a view writes the storage: the new value goes back through the chain (a slice is scattered
into what it was taken from), and every other view of the storage is made anew when it is read again.
SPDX-License-Identifier: Apache-2.0"""
from tracing import record
from tracing.record import DTYPES, Call, Unsupported, Value, bool_, float32, int64, literal, numel, numbers, strides_of


class UnsupportedName(Unsupported, AttributeError):
    pass


class Size(tuple):
    def numel(self):
        return numel(self)

    def __getitem__(self, i):
        r = tuple.__getitem__(self, i)
        return Size(r) if isinstance(i, slice) else r

    def __add__(self, other):
        return Size(tuple(self) + tuple(other))

    def __repr__(self):
        return f'torch.Size({list(self)})'


class device:
    def __init__(self, type='cpu', index=None):
        self.type, self.index = str(type).split(':')[0], index

    def __eq__(self, other):
        return str(self) == str(other)

    def __hash__(self):
        return hash(str(self))

    def __repr__(self):
        return self.type


CPU = device()


class Storage:
    __slots__ = 'value', 'version'

    def __init__(self, value):
        self.value, self.version = value, 0


def call(op, *args, shape=None, dtype=None, outs=None):
    """Records a call; its result, or its results where outs lists their shapes and types."""
    def plain(a):
        if isinstance(a, Tensor):
            return a.value
        if isinstance(a, (list, tuple)):
            return [plain(x) for x in a]
        return a
    c = Call(op, [plain(a) for a in args], outs if outs is not None else [(shape, dtype)])
    rs = [Tensor(v) for v in c.results]
    return rs if outs is not None else rs[0]


def is_contiguous(shape, strides):
    return strides is not None and all(d == 1 or s == w for d, s, w in zip(shape, strides, strides_of(shape)))


class _Meta(type):
    def __instancecheck__(cls, x):  # torch.FloatTensor and its kind
        d = cls.__dict__.get('_only')
        return type.__instancecheck__(Tensor, x) and x.dtype is d if d is not None else type.__instancecheck__(cls, x)


class Tensor(metaclass=_Meta):
    requires_grad = False
    grad = None
    grad_fn = None
    is_leaf = True
    is_cuda = is_sparse = is_quantized = is_mkldnn = False
    layout = 'strided'
    device = CPU

    def __new__(cls, *args, **kwargs):
        if args and isinstance(args[0], Value):
            return object.__new__(cls)
        if cls is Tensor or '_only' in cls.__dict__:
            from . import _ops
            d = cls.__dict__.get('_only') or float32
            if args and isinstance(args[0], (list, tuple, Tensor)) and not isinstance(args[0], Size):
                return _ops.tensor(args[0], dtype=d)
            return _ops.empty(*args, dtype=d)
        return object.__new__(cls)

    def __init__(self, value=None, storage=None, views=(), strides=None, *args, **kwargs):
        if not isinstance(value, Value):
            return
        self._storage = storage or Storage(value)
        self._views, self._cached, self._at = views, value, self._storage.version
        self._strides = strides if storage else strides_of(value.shape)

    # ---- what it holds ----
    @property
    def value(self):
        if self._at != self._storage.version:
            v = self._storage.value
            for view in self._views:
                v = _apply(view, v)
            self._cached, self._at = v, self._storage.version
        return self._cached

    @property
    def shape(self):
        return Size(self._cached.shape)

    @property
    def dtype(self):
        return self._cached.dtype

    def write(self, t):
        """Its elements become those of t, cast and broadcast."""
        v = t.to(self.dtype).expand(self.shape).value
        chain = [self._storage.value]
        for view in self._views[:-1]:
            chain.append(_apply(view, chain[-1]))
        back = v
        for view, before in zip(reversed(self._views), reversed(chain)):
            back = _unapply(view, before, back)
        self._storage.value = back
        self._storage.version += 1
        self._cached, self._at = v, self._storage.version
        return self

    def bind(self, value):
        self._storage.value = self._cached = value
        self._storage.version += 1
        self._at = self._storage.version

    def view_as_op(self, op, args, shape, strides):
        view = (op, args, tuple(shape))
        if op == 'reshape' and tuple(shape) == tuple(self.shape):
            return Tensor(self.value, self._storage, self._views, self._strides)
        return Tensor(_apply(view, self.value), self._storage, self._views + (view,), strides)

    # ---- Python ----
    def numbers(self):
        return numbers(self.value)

    def item(self):
        if self.shape.numel() != 1:
            raise ValueError('only one element tensors can be converted to Python scalars')
        return self.numbers()[0]

    def __bool__(self):
        return bool(self.item())

    def __int__(self):
        return int(self.item())

    def __float__(self):
        return float(self.item())

    def __index__(self):
        return int(self.item())

    def __len__(self):
        if not self.shape:
            raise TypeError('len() of a 0-d tensor')
        return self.shape[0]

    def __iter__(self):
        return iter(self[i] for i in range(len(self)))

    def __hash__(self):
        return id(self)

    def __repr__(self):
        return f'tensor({list(self.shape)}, dtype={self.dtype})'

    def __format__(self, spec):
        return format(self.item(), spec) if spec and not self.shape else repr(self)

    def __contains__(self, x):
        return x in self.numbers()

    def __deepcopy__(self, memo):
        t = type(self)(self.value)
        t.__dict__.update({k: v for k, v in self.__dict__.items() if k not in t.__dict__})
        memo[id(self)] = t
        return t

    def tolist(self):
        def nest(data, shape):
            if not shape:
                return data[0]
            n = numel(shape[1:])
            return [nest(data[i * n:(i + 1) * n], shape[1:]) for i in range(shape[0])]
        return nest(self.numbers(), self.shape)

    def numpy(self):
        import numpy
        return numpy.array(self.tolist(), dtype=self.dtype.name)

    def size(self, dim=None):
        return self.shape if dim is None else self.shape[dim]

    def dim(self):
        return len(self.shape)

    ndimension = dim
    ndim = property(dim)

    def numel(self):
        return self.shape.numel()

    nelement = numel

    def stride(self, dim=None):
        s = self._strides or strides_of(self.shape)
        return s if dim is None else s[dim]

    def is_contiguous(self, *a, **k):
        return is_contiguous(self.shape, self._strides)

    def element_size(self):
        return self.dtype.itemsize

    def is_floating_point(self):
        return self.dtype.is_floating_point

    def is_complex(self):
        return False

    def type(self, dtype=None, **k):
        if dtype is None:
            return f'torch.{self.dtype.name}'
        if isinstance(dtype, str):
            raise Unsupported(f'Tensor.type({dtype!r})')
        return self.to(getattr(dtype, '_only', dtype))

    def data_ptr(self):
        return id(self._storage)

    def get_device(self):
        return -1

    @property
    def data(self):
        return Tensor(self.value, self._storage, self._views, self._strides)

    @data.setter
    def data(self, t):
        if t.shape == self.shape:
            self.write(t)
        else:
            self.bind(t.value)

    def detach(self):
        return self.data

    detach_ = cpu = cuda = requires_grad_ = share_memory_ = pin_memory = retain_grad = \
        lambda self, *a, **k: self

    def register_hook(self, hook):
        pass

    def backward(self, *a, **k):
        raise Unsupported('training (Tensor.backward)')

    def contiguous(self, *a, **k):
        return self if self.is_contiguous() else Tensor(self.value)

    def clone(self, *a, **k):
        return Tensor(self.value)

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        raise UnsupportedName(f"torch API 'Tensor.{name}' is not supported")


def _apply(view, v):
    op, args, shape = view
    return Call(op, [v, *args], [(shape, v.dtype)]).results[0]


def _unapply(view, before, new):
    """What `before` becomes when the view of it becomes `new`."""
    op, args, _ = view
    if op == 'reshape':
        return _apply(('reshape', (list(before.shape),), before.shape), new)
    if op == 'permute':
        back = [args[0].index(i) for i in range(len(args[0]))]
        return _apply(('permute', (back,), before.shape), new)
    if op == 'slice':
        if new.shape == before.shape and args[3] == 1:
            return new
        return Call('slice_scatter', [before, new, *args], [(before.shape, before.dtype)]).results[0]
    raise Unsupported(f'writing to a tensor through {op}')
