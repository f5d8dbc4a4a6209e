"""A stand-in for torch that knows shapes and types and records what is called; nothing is computed.
SPDX-License-Identifier: Apache-2.0"""
import contextlib
import math
import sys
import types as _types

from tracing import stubs
from tracing.record import DTYPES, Unsupported
from tracing.record import dtype as dtype  # noqa: F401

from . import _ops
from ._ops import *  # noqa: F401,F403
from ._ops import FUNCTIONS, attach
from ._tensor import CPU, Size, Tensor, device

__version__ = '2.0.0'
inf, nan, pi, e = math.inf, math.nan, math.pi, math.e
globals().update(DTYPES)
globals().update(float=DTYPES['float32'], double=DTYPES['float64'], half=DTYPES['float16'], long=DTYPES['int64'],
                 int=DTYPES['int32'], short=DTYPES['int16'])
for _n, _d in dict(Float='float32', Double='float64', Half='float16', BFloat16='bfloat16', Long='int64', Int='int32',
                   Short='int16', Char='int8', Byte='uint8', Bool='bool').items():
    globals()[_n + 'Tensor'] = type(Tensor)(_n + 'Tensor', (Tensor,), dict(_only=DTYPES[_d]))
contiguous_format, channels_last, preserve_format, strided = 'contiguous', 'channels_last', 'preserve', 'strided'
randn = _ops.rand
is_tensor = lambda x: isinstance(x, Tensor)  # noqa: E731
is_floating_point = lambda x: x.dtype.is_floating_point  # noqa: E731
is_complex = is_grad_enabled = is_inference_mode_enabled = is_autocast_enabled = lambda *a: False
numel = lambda x: x.numel()  # noqa: E731

from . import nn  # noqa: E402

attach()
globals().update({n: f for n, f in FUNCTIONS.items()})
globals().update({n: getattr(nn.functional, n) for n in (
    'conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d max_pool1d max_pool2d max_pool3d '
    'batch_norm layer_norm group_norm instance_norm embedding dropout prelu celu selu relu_ cosine_similarity '
    'pairwise_distance bilinear threshold adaptive_avg_pool1d avg_pool1d').split()})


class _Context(contextlib.ContextDecorator):
    """no_grad and its kind, as a context, a decorator, or called."""

    def __new__(cls, *args, **kwargs):
        return args[0] if args and callable(args[0]) else super().__new__(cls)

    def __init__(self, *args, **kwargs):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *a):
        return False


no_grad = enable_grad = inference_mode = set_grad_enabled = _Context


def _assert(condition, message=''):
    if not condition:
        raise AssertionError(message)


def manual_seed(seed):
    return Generator()


class Generator:
    def __init__(self, *a, **k):
        pass

    def manual_seed(self, seed):
        return self


class _Opaque:
    """What torch.load and its kind give: anything may be read from it, nothing is in it."""

    def __call__(self, *a, **k):
        return self

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return self

    def __getitem__(self, k):
        return self

    def __setitem__(self, k, v):
        pass

    def __contains__(self, k):
        return False

    def __iter__(self):
        return iter(())

    def items(self):
        return ()

    keys = values = items


def load(*a, **k):
    return _Opaque()


def save(*a, **k):
    pass


def compile(model=None, **k):
    return model if model is not None else lambda f: f


def promote_types(a, b):
    return a if (a.rank, a.itemsize) >= (b.rank, b.itemsize) else b


def result_type(*xs):
    return _ops.promoted(*xs)


def get_default_dtype():
    return DTYPES['float32']


def set_default_dtype(d):
    pass


set_default_tensor_type = set_num_threads = set_float32_matmul_precision = set_printoptions = set_default_dtype


class _Finfo:
    def __init__(self, d=DTYPES['float32']):
        self.min, self.max, self.eps, self.tiny = {
            'float16': (-65504., 65504., 2**-10, 2**-14), 'float64': (-sys.float_info.max, sys.float_info.max, 2**-52, 2**-1022),
            'bfloat16': (-3.3895313892515355e38, 3.3895313892515355e38, 2**-7, 2**-126)}.get(
                d.name, (-3.4028234663852886e38, 3.4028234663852886e38, 2**-23, 2**-126))


class _Iinfo:
    def __init__(self, d):
        n = 8 * d.itemsize
        self.min, self.max, self.bits = (-2**(n - 1), 2**(n - 1) - 1, n) if d.is_signed else (0, 2**n - 1, n)


finfo, iinfo = _Finfo, _Iinfo


def _module(name, **names):
    m = _types.ModuleType('torch.' + name)
    m.__dict__.update(names)
    m.__path__ = []
    m.__getattr__ = stubs.unknown_in('torch.' + name)
    sys.modules['torch.' + name] = m
    parent, _, last = name.rpartition('.')
    setattr(sys.modules['torch.' + parent if parent else 'torch'], last, m)
    return m


def _same(f=None, *a, **k):
    return f if f is not None else lambda g: g


def _no(*a, **k):
    return False


class _Function:
    """torch.autograd.Function: its forward() is what is traced."""

    @classmethod
    def apply(cls, *args):
        return cls.forward(_Ctx(), *args)


class _Ctx:
    def save_for_backward(self, *t):
        self.saved_tensors = t

    mark_non_differentiable = set_materialize_grads = mark_dirty = lambda self, *a: None


class _Script(nn.Module):
    pass


_module('jit', is_scripting=_no, is_tracing=_no, script=_same, script_method=_same, unused=_same, ignore=_same,
        export=_same, interface=_same, ScriptModule=_Script, Final=type('Final', (), {'__class_getitem__': lambda x: x}),
        annotate=lambda t, v: v, isinstance=isinstance, trace=_same, _overload_method=_same, freeze=_same,
        _script_if_tracing=_same, script_if_tracing=_same, load=load, Attribute=lambda v, t: v, ScriptFunction=_Script)
_module('jit.annotations')
_module('fx', wrap=_same, Proxy=type('Proxy', (), {}), symbolic_trace=_same)
_module('autograd', Function=_Function, Variable=lambda x, **k: x, no_grad=_Context)
_module('autograd.function', Function=_Function, once_differentiable=_same)
_module('cuda', is_available=_no, device_count=lambda: 0, synchronize=_same, empty_cache=lambda: None,
        manual_seed=_same, manual_seed_all=_same, current_device=lambda: 0, FloatTensor=globals()['FloatTensor'])
_module('cuda.amp', autocast=_Context, custom_fwd=_same, custom_bwd=_same, GradScaler=_Opaque)
_module('amp', autocast=_Context, custom_fwd=_same)
autocast = _Context
_module('backends')
_module('backends.cudnn', benchmark=False, deterministic=False, enabled=False, version=lambda: None)
_module('backends.mps', is_available=_no)
_module('overrides', has_torch_function=_no, handle_torch_function=_same)
_module('utils')
_module('utils.checkpoint', checkpoint=lambda f, *a, **k: f(*a, **{n: v for n, v in k.items() if n not in (
    'use_reentrant', 'preserve_rng_state')}),
    checkpoint_sequential=lambda fs, n, x, **k: nn.Sequential(*fs)(x))
_module('hub', load_state_dict_from_url=load, _get_torch_home=lambda: '', get_dir=lambda: '', download_url_to_file=_same)
_module('utils.model_zoo', load_url=load)
_module('utils.data', Dataset=object, DataLoader=_Opaque, IterableDataset=object)
_module('utils.tensorboard', SummaryWriter=_Opaque)
_module('optim', **{n: type(n, (_Opaque,), {'__init__': lambda self, *a, **k: None}) for n in
                    'Adam AdamW SGD RMSprop Adagrad Optimizer'.split()})
_module('optim.lr_scheduler')
_module('distributed', is_available=_no, is_initialized=_no, get_rank=lambda *a: 0, get_world_size=lambda *a: 1)
_module('ao')
_module('ao.quantization', QuantStub=nn.Identity, DeQuantStub=nn.Identity, fuse_modules=lambda m, *a, **k: m)
_module('quantization', QuantStub=nn.Identity, DeQuantStub=nn.Identity, fuse_modules=lambda m, *a, **k: m)
_module('nn.quantized', FloatFunctional=type('FloatFunctional', (nn.Module,), dict(
    add=lambda s, a, b: a + b, mul=lambda s, a, b: a * b, cat=lambda s, x, dim=0: cat(x, dim),  # noqa: F405
    add_scalar=lambda s, a, b: a + b, mul_scalar=lambda s, a, b: a * b,
    add_relu=lambda s, a, b: nn.functional.relu(a + b))))
_module('linalg', norm=lambda x, ord=None, dim=None, keepdim=False, **k: _ops.norm(x, 2 if ord is None else ord, dim, keepdim),
        vector_norm=lambda x, ord=2, dim=None, keepdim=False, **k: _ops.norm(x, ord, dim, keepdim),
        matmul=_ops.matmul)
_module('special', expit=_ops.sigmoid, logit=_ops.logit, erf=FUNCTIONS['erf'])
_module('types', Device=object, Number=object, _dtype=dtype, _size=tuple)
_module('_C', Generator=Generator, _log_api_usage_once=lambda *a: None)
_module('_six', container_abcs=__import__('collections.abc').abc, string_classes=(str,), int_classes=int)
_module('version', __version__=__version__, cuda=None)
_module('random', manual_seed=manual_seed)
_module('package')
_module('ops')
_module('library')
_module('serialization', load=load)
_module('profiler', record_function=_Context)
_module('autograd.profiler', record_function=_Context)
_module('testing')
_module('onnx', is_in_onnx_export=_no)
_module('_jit_internal', boolean_dispatch=_same, List=list, Optional=object)
sys.modules['torch.nn'] = nn
sys.modules['torch.Tensor'] = Tensor


def __getattr__(name):
    if name.startswith('__'):
        raise AttributeError(name)
    return stubs.unknown('torch.' + name)
