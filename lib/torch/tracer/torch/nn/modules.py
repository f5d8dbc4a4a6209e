"""torch.nn.Module and the modules that are one call of torch.nn.functional.
SPDX-License-Identifier: Apache-2.0"""
import collections
import itertools
import operator

from tracing import record
from tracing.record import Unsupported, float32, numel

from .. import _ops
from .._tensor import Tensor
from . import functional as F


class Parameter(Tensor):
    requires_grad = True

    def __new__(cls, data=None, requires_grad=True):
        p = object.__new__(cls)
        return p

    def __init__(self, data=None, requires_grad=True):
        data = _ops.empty(0) if data is None else data
        if hasattr(data, 'kind'):  # a Value: Tensor's own way to make one
            Tensor.__init__(self, data)
        else:
            Tensor.__init__(self, data.value)
        self.requires_grad = requires_grad


class Buffer(Parameter):
    requires_grad = False


class Module:
    training = True
    dump_patches = False
    _version = 1
    call_super_init = False

    def __init__(self, *args, **kwargs):
        d = self.__dict__
        d['_parameters'], d['_buffers'], d['_modules'] = ({}, {}, {})
        d['_transient'] = set()
        d['_pre_hooks'], d['_hooks'] = {}, {}

    def forward(self, *args, **kwargs):
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args, **kwargs):
        leaf = type(self).__module__.startswith('torch.nn') and not self._modules
        record.modules.append((self.__dict__.get('_traced_name', ''), leaf))
        try:
            for hook in list(self.__dict__['_pre_hooks'].values()):
                r = hook(self, args)
                if r is not None:
                    args = r if isinstance(r, tuple) else (r,)
            out = self.forward(*args, **kwargs)
            for hook in list(self.__dict__['_hooks'].values()):
                r = hook(self, args, out)
                out = out if r is None else r
            return out
        finally:
            record.modules.pop()

    def _of(self, name):
        for k in '_parameters', '_buffers', '_modules':
            d = self.__dict__.get(k)
            if d is not None and name in d:
                return d
        return None

    def __getattr__(self, name):
        d = self._of(name)
        if d is not None:
            return d[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name, value):
        d = self._of(name)
        kind = '_parameters' if isinstance(value, Parameter) and not isinstance(value, Buffer) else \
            '_modules' if isinstance(value, Module) else '_buffers' if isinstance(value, Buffer) else None
        if kind is not None:
            if '_parameters' not in self.__dict__:
                raise AttributeError('cannot assign before Module.__init__() call')
            if d is not None and d is not self.__dict__[kind]:
                del d[name]
            self.__dict__.pop(name, None)
            self.__dict__[kind][name] = value
        elif d is not None and (value is None or isinstance(value, Tensor)):
            d[name] = value
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name):
        d = self._of(name)
        if d is not None:
            del d[name]
        else:
            object.__delattr__(self, name)

    def __dir__(self):
        return list(object.__dir__(self)) + [*self._parameters, *self._buffers, *self._modules]

    def register_parameter(self, name, param):
        self.__dict__.pop(name, None)
        self._parameters[name] = param

    def register_buffer(self, name, tensor, persistent=True):
        self.__dict__.pop(name, None)
        self._buffers[name] = tensor
        (self._transient.discard if persistent else self._transient.add)(name)

    def add_module(self, name, module):
        self._modules[name] = module

    register_module = add_module

    def get_submodule(self, target):
        m = self
        for part in target.split('.') if target else ():
            m = getattr(m, part)
        return m

    def get_parameter(self, target):
        path, _, name = target.rpartition('.')
        return getattr(self.get_submodule(path), name)

    get_buffer = get_parameter

    def _named(self, kind, prefix='', recurse=True, seen=None):
        seen = set() if seen is None else seen
        for path, m in (self.named_modules(prefix=prefix) if recurse else [(prefix, self)]):
            for n, v in m.__dict__[kind].items():
                if v is not None and id(v) not in seen:
                    seen.add(id(v))
                    yield path + ('.' if path else '') + n, v

    def named_parameters(self, prefix='', recurse=True, **k):
        return self._named('_parameters', prefix, recurse)

    def named_buffers(self, prefix='', recurse=True, **k):
        return self._named('_buffers', prefix, recurse)

    def parameters(self, recurse=True):
        return (v for _, v in self.named_parameters(recurse=recurse))

    def buffers(self, recurse=True):
        return (v for _, v in self.named_buffers(recurse=recurse))

    def named_children(self):
        return ((n, m) for n, m in self._modules.items() if m is not None)

    def children(self):
        return (m for _, m in self.named_children())

    def named_modules(self, memo=None, prefix='', remove_duplicate=True):
        memo = set() if memo is None else memo
        if remove_duplicate and id(self) in memo:
            return
        memo.add(id(self))
        yield prefix, self
        for n, m in self._modules.items():
            if m is not None:
                yield from m.named_modules(memo, prefix + ('.' if prefix else '') + n, remove_duplicate)

    def modules(self):
        return (m for _, m in self.named_modules())

    def entries(self, prefix='', path=()):
        """(key, tensor) as state_dict has them, a shared one by each of its names."""
        if self in path:
            return
        for n, v in self._parameters.items():
            if v is not None:
                yield prefix + n, v
        for n, v in self._buffers.items():
            if v is not None and n not in self._transient:
                yield prefix + n, v
        for n, m in self._modules.items():
            if m is not None:
                yield from m.entries(prefix + n + '.', (*path, self))

    def state_dict(self, *args, prefix='', **k):
        return collections.OrderedDict(self.entries(prefix))

    def load_state_dict(self, state_dict, strict=True, **k):
        return [], []  # the weights come from --weight

    def apply(self, fn):
        for m in self.children():
            m.apply(fn)
        fn(self)
        return self

    def train(self, mode=True):
        self.training = mode
        for m in self.children():
            m.train(mode)
        return self

    def eval(self):
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        for p in self.parameters():
            p.requires_grad = requires_grad
        return self

    def _same(self, *args, **kwargs):
        return self

    to = cuda = cpu = float = double = half = bfloat16 = type = share_memory = zero_grad = to_empty = _same

    def _hook(self, table, hook):
        key = object()
        self.__dict__[table][key] = hook
        return Handle(self.__dict__[table], key)

    def register_forward_pre_hook(self, hook, **k):
        return self._hook('_pre_hooks', hook)

    def register_forward_hook(self, hook, **k):
        return self._hook('_hooks', hook)

    def register_full_backward_hook(self, hook, **k):
        return Handle({}, None)

    register_backward_hook = _register_load_state_dict_pre_hook = _register_state_dict_hook = \
        register_load_state_dict_post_hook = register_state_dict_pre_hook = register_full_backward_hook

    def _get_name(self):
        return self.__class__.__name__

    def extra_repr(self):
        return ''

    def __repr__(self):
        inner = ', '.join(f'({n}): {m!r}' for n, m in self._modules.items())
        return f'{self._get_name()}({self.extra_repr()}{inner})'

    def __deepcopy__(self, memo):
        import copy
        new = self.__class__.__new__(self.__class__)
        memo[id(self)] = new
        for k, v in self.__dict__.items():
            new.__dict__[k] = copy.deepcopy(v, memo)
        return new


class Handle:
    def __init__(self, table, key):
        self.table, self.key = table, key

    def remove(self):
        self.table.pop(self.key, None)


# ---- containers ----------------------------------------------------------------------------------

class Sequential(Module):
    def __init__(self, *args):
        super().__init__()
        if len(args) == 1 and isinstance(args[0], dict):
            for n, m in args[0].items():
                self.add_module(n, m)
        else:
            for i, m in enumerate(args):
                self.add_module(str(i), m)

    def forward(self, input):
        for m in self:
            input = m(input)
        return input

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def __getitem__(self, i):
        if isinstance(i, slice):
            return self.__class__(collections.OrderedDict(list(self._modules.items())[i]))
        return list(self._modules.values())[operator.index(i)]

    def __setitem__(self, i, m):
        self._modules[list(self._modules)[operator.index(i)]] = m

    def __delitem__(self, i):
        keys = list(self._modules)[i] if isinstance(i, slice) else [list(self._modules)[operator.index(i)]]
        for k in keys:
            del self._modules[k]

    def append(self, m):
        self.add_module(str(len(self)), m)
        return self

    def insert(self, i, m):
        ms = list(self)
        ms.insert(i, m)
        self._modules.clear()
        return self.extend(ms)

    def extend(self, ms):
        for m in ms:
            self.append(m)
        return self


class ModuleList(Sequential):
    forward = Module.forward

    def __init__(self, modules=None):
        Module.__init__(self)
        self.extend(modules or ())

    def __getitem__(self, i):
        return ModuleList(list(self)[i]) if isinstance(i, slice) else Sequential.__getitem__(self, i)

    def __iadd__(self, ms):
        return self.extend(ms)


class _Dict:
    def __len__(self):
        return len(self._table)

    def __iter__(self):
        return iter(self._table)

    def __contains__(self, k):
        return k in self._table

    def __getitem__(self, k):
        return self._table[k]

    def __setitem__(self, k, v):
        setattr(self, k, v)

    def __delitem__(self, k):
        del self._table[k]

    def keys(self):
        return self._table.keys()

    def values(self):
        return self._table.values()

    def items(self):
        return self._table.items()

    def pop(self, k):
        return self._table.pop(k)

    def update(self, more):
        for k, v in (more.items() if hasattr(more, 'items') else more):
            self._table[k] = v


class ModuleDict(_Dict, Module):
    _table = property(lambda self: self._modules)

    def __init__(self, modules=None):
        Module.__init__(self)
        self.update(modules or {})

    def __setitem__(self, k, m):
        self.add_module(k, m)


class ParameterDict(_Dict, Module):
    _table = property(lambda self: self._parameters)

    def __init__(self, parameters=None):
        Module.__init__(self)
        self.update(parameters or {})


class ParameterList(Module):
    def __init__(self, parameters=None):
        super().__init__()
        self.extend(parameters or ())

    def append(self, p):
        self.register_parameter(str(len(self)), p if isinstance(p, Parameter) else Parameter(p))
        return self

    def extend(self, ps):
        for p in ps:
            self.append(p)
        return self

    def __len__(self):
        return len(self._parameters)

    def __iter__(self):
        return iter(self._parameters.values())

    def __getitem__(self, i):
        return list(self._parameters.values())[i]

    def __setitem__(self, i, p):
        self._parameters[list(self._parameters)[i]] = p


# ---- weighted ------------------------------------------------------------------------------------

def weight(*shape):
    return Parameter(_ops.unset(shape))


class Identity(Module):
    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        return input


class Linear(Module):
    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = weight(out_features, in_features)
        self.register_parameter('bias', weight(out_features) if bias else None)

    def reset_parameters(self):
        pass

    def forward(self, input):
        return F.linear(input, self.weight, self.bias)


class NonDynamicallyQuantizableLinear(Linear):
    pass


class Bilinear(Module):
    def __init__(self, in1_features, in2_features, out_features, bias=True):
        super().__init__()
        self.weight = weight(out_features, in1_features, in2_features)
        self.register_parameter('bias', weight(out_features) if bias else None)

    def forward(self, a, b):
        return F.bilinear(a, b, self.weight, self.bias)


class Embedding(Module):
    def __init__(self, num_embeddings, embedding_dim, padding_idx=None, *args, _weight=None, **k):
        super().__init__()
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.weight = Parameter(_weight) if _weight is not None else weight(num_embeddings, embedding_dim)

    @classmethod
    def from_pretrained(cls, embeddings, freeze=True, **k):
        return cls(*embeddings.shape, _weight=embeddings)

    def forward(self, input):
        return F.embedding(input, self.weight)


class _ConvNd(Module):
    n, transposed = 2, False

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 padding_mode='zeros', device=None, dtype=None):
        super().__init__()
        n = self.n
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = tuple(F.tuple_of(kernel_size, n))
        self.stride, self.dilation = tuple(F.tuple_of(stride, n)), tuple(F.tuple_of(dilation, n))
        self.padding = padding if isinstance(padding, str) else tuple(F.tuple_of(padding, n))
        self.padding_mode = padding_mode
        a, b = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        if in_channels % groups or out_channels % groups:
            raise ValueError('channels must be divisible by groups')
        self.weight = weight(a, b // groups, *self.kernel_size)
        self.register_parameter('bias', weight(out_channels) if bias else None)

    def reset_parameters(self):
        pass

    def _conv_forward(self, input, w, b):
        p = self.padding
        if self.padding_mode != 'zeros':
            ps = [d * (k - 1) // 2 for d, k in zip(self.dilation, self.kernel_size)] if p == 'same' else p
            input, p = F.pad(input, [v for q in reversed(ps) for v in (q, q)], self.padding_mode), 0
        return getattr(F, f'conv{self.n}d')(input, w, b, self.stride, p, self.dilation, self.groups)

    def forward(self, input):
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_ConvNd):
    n = 1


class Conv2d(_ConvNd):
    n = 2


class Conv3d(_ConvNd):
    n = 3


class _ConvTransposeNd(_ConvNd):
    transposed = True

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1,
                 bias=True, dilation=1, padding_mode='zeros', device=None, dtype=None):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        self.output_padding = tuple(F.tuple_of(output_padding, self.n))

    def forward(self, input, output_size=None):
        o = self.output_padding
        if output_size is not None:
            size = list(output_size)[-self.n:]
            o = [s - ((i - 1) * t - 2 * p + d * (k - 1) + 1) for s, i, t, p, d, k in zip(
                size, input.shape[2:], self.stride, self.padding, self.dilation, self.kernel_size)]
        return getattr(F, f'conv_transpose{self.n}d')(input, self.weight, self.bias, self.stride, self.padding, o,
                                                      self.groups, self.dilation)


class ConvTranspose1d(_ConvTransposeNd):
    n = 1


class ConvTranspose2d(_ConvTransposeNd):
    n = 2


class ConvTranspose3d(_ConvTransposeNd):
    n = 3


# ---- normalization -------------------------------------------------------------------------------

class _BatchNorm(Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, device=None,
                 dtype=None):
        super().__init__()
        self.num_features, self.eps, self.momentum, self.affine = num_features, eps, momentum, affine
        self.track_running_stats = track_running_stats
        self.register_parameter('weight', weight(num_features) if affine else None)
        self.register_parameter('bias', weight(num_features) if affine else None)
        self.register_buffer('running_mean', _ops.zeros(num_features) if track_running_stats else None)
        self.register_buffer('running_var', _ops.ones(num_features) if track_running_stats else None)
        self.register_buffer('num_batches_tracked', _ops.tensor(0) if track_running_stats else None)

    def reset_parameters(self):
        pass

    reset_running_stats = reset_parameters

    def forward(self, input):
        return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, False, self.momentum,
                            self.eps)


class BatchNorm1d(_BatchNorm):
    pass


class BatchNorm2d(_BatchNorm):
    pass


class BatchNorm3d(_BatchNorm):
    pass


class SyncBatchNorm(_BatchNorm):
    @classmethod
    def convert_sync_batchnorm(cls, module, *a):
        return module


class _InstanceNorm(_BatchNorm):
    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=False, track_running_stats=False, device=None,
                 dtype=None):
        super().__init__(num_features, eps, momentum, affine, track_running_stats)

    def forward(self, input):
        return F.instance_norm(input, self.running_mean, self.running_var, self.weight, self.bias,
                               not self.track_running_stats, self.momentum, self.eps)


class InstanceNorm1d(_InstanceNorm):
    pass


class InstanceNorm2d(_InstanceNorm):
    pass


class InstanceNorm3d(_InstanceNorm):
    pass


class LayerNorm(Module):
    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, device=None, dtype=None):
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        self.register_parameter('weight', weight(*shape) if elementwise_affine else None)
        self.register_parameter('bias', weight(*shape) if elementwise_affine and bias else None)

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


class GroupNorm(Module):
    def __init__(self, num_groups, num_channels, eps=1e-5, affine=True, device=None, dtype=None):
        super().__init__()
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self.register_parameter('weight', weight(num_channels) if affine else None)
        self.register_parameter('bias', weight(num_channels) if affine else None)

    def forward(self, input):
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)


class PReLU(Module):
    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        super().__init__()
        self.num_parameters = num_parameters
        self.weight = weight(num_parameters)

    def forward(self, input):
        return F.prelu(input, self.weight)


# ---- one call each -------------------------------------------------------------------------------

def simple(name, function, *fields):
    """A module that calls F.FUNCTION with what it was made with: fields are its arguments and defaults."""
    names = [f[0] for f in fields]

    def init(self, *args, **kwargs):
        Module.__init__(self)
        values = dict(fields)
        values.update(zip(names, args))
        values.update(kwargs)
        for n, v in values.items():
            object.__setattr__(self, n, v)

    def forward(self, *inputs):
        return getattr(F, function)(*inputs, **{n: getattr(self, n) for n in names})
    cls = type(name, (Module,), dict(__init__=init, forward=forward, __module__=__name__))
    globals()[name] = cls
    return cls


INPLACE = ('inplace', False)
for _n, _f in dict(ReLU='relu', ReLU6='relu6', Hardswish='hardswish', Hardsigmoid='hardsigmoid', SiLU='silu',
                   Mish='mish', SELU='selu').items():
    simple(_n, _f, INPLACE)
for _n, _f in dict(Sigmoid='sigmoid', Tanh='tanh', Softsign='softsign', LogSigmoid='logsigmoid',
                   Tanhshrink='tanhshrink').items():
    simple(_n, _f)
simple('LeakyReLU', 'leaky_relu', ('negative_slope', .01), INPLACE)
simple('ELU', 'elu', ('alpha', 1.), INPLACE)
simple('CELU', 'celu', ('alpha', 1.), INPLACE)
simple('GELU', 'gelu', ('approximate', 'none'))
simple('Hardtanh', 'hardtanh', ('min_val', -1.), ('max_val', 1.), INPLACE)
simple('Threshold', 'threshold', ('threshold', 0), ('value', 0), INPLACE)
simple('Softplus', 'softplus', ('beta', 1.), ('threshold', 20.))
simple('Hardshrink', 'hardshrink', ('lambd', .5))
simple('Softshrink', 'softshrink', ('lambd', .5))
simple('RReLU', 'rrelu', ('lower', 1 / 8), ('upper', 1 / 3))
simple('GLU', 'glu', ('dim', -1))
simple('Softmax', 'softmax', ('dim', None))
simple('LogSoftmax', 'log_softmax', ('dim', None))
simple('Softmin', 'softmin', ('dim', None))
for _n in 'Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout'.split():
    simple(_n, 'dropout', ('p', .5), INPLACE)
for _i in '123':
    simple(f'MaxPool{_i}d', f'max_pool{_i}d', ('kernel_size', 1), ('stride', None), ('padding', 0), ('dilation', 1),
           ('return_indices', False), ('ceil_mode', False))
    simple(f'AvgPool{_i}d', f'avg_pool{_i}d', ('kernel_size', 1), ('stride', None), ('padding', 0),
           ('ceil_mode', False), ('count_include_pad', True), *([('divisor_override', None)] if _i != '1' else []))
    simple(f'AdaptiveAvgPool{_i}d', f'adaptive_avg_pool{_i}d', ('output_size', 1))
    simple(f'AdaptiveMaxPool{_i}d', f'adaptive_max_pool{_i}d', ('output_size', 1), ('return_indices', False))
simple('LPPool2d', 'lp_pool2d', ('norm_type', 2), ('kernel_size', 1), ('stride', None), ('ceil_mode', False))
simple('LocalResponseNorm', 'local_response_norm', ('size', 5), ('alpha', 1e-4), ('beta', .75), ('k', 1.))
simple('PixelShuffle', 'pixel_shuffle', ('upscale_factor', 1))
simple('PixelUnshuffle', 'pixel_unshuffle', ('downscale_factor', 1))
simple('ChannelShuffle', 'channel_shuffle', ('groups', 1))
simple('CosineSimilarity', 'cosine_similarity', ('dim', 1), ('eps', 1e-8))
simple('PairwiseDistance', 'pairwise_distance', ('p', 2.), ('eps', 1e-6), ('keepdim', False))
simple('Unfold', 'unfold', ('kernel_size', 1), ('dilation', 1), ('padding', 0), ('stride', 1))
simple('Flatten', 'flatten', ('start_dim', 1), ('end_dim', -1))
simple('Unflatten', 'unflatten', ('dim', 1), ('unflattened_size', ()))
simple('Upsample', 'interpolate', ('size', None), ('scale_factor', None), ('mode', 'nearest'), ('align_corners', None),
       ('recompute_scale_factor', None))
globals()['Unflatten'].forward = lambda self, x: _ops.unflatten(x, self.dim, self.unflattened_size)


class UpsamplingNearest2d(globals()['Upsample']):
    pass


class UpsamplingBilinear2d(globals()['Upsample']):
    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, 'bilinear', True)


class Softmax2d(Module):
    def forward(self, input):
        return F.softmax(input, -3)


def _pads(n, mode):
    class Pad(Module):
        def __init__(self, padding, value=0.):
            super().__init__()
            self.padding = tuple(F.tuple_of(padding, 2 * n))
            self.value = value

        def forward(self, input):
            return F.pad(input, self.padding, mode, self.value)
    return Pad


for _i in 1, 2, 3:
    for _n, _m in dict(Zero='constant', Constant='constant', Reflection='reflect', Replication='replicate',
                       Circular='circular').items():
        globals()[f'{_n}Pad{_i}d'] = type(f'{_n}Pad{_i}d', (_pads(_i, _m),), dict(__module__=__name__))


class DataParallel(Module):
    def __init__(self, module, *args, **kwargs):
        super().__init__()
        self.module = module

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)
