"""torch.nn.functional.
SPDX-License-Identifier: Apache-2.0"""
import math

from tracing.record import Unsupported, bool_, float32, int64, numel

from .. import _ops
from .._ops import (FUNCTIONS, abs_, add, amax, axis, cat, clamp, div, exp, expand, flatten, index_select, log, matmul,
                    mean, mul, norm, number, op, permute, pow_, relu, reshape, sigmoid, slice_dim, sqrt, stack, sub,
                    tanh, to, topk, transpose, unsqueeze, where)
from .._tensor import Tensor, UnsupportedName, call

tanh, sigmoid, relu = tanh, sigmoid, relu  # names of this module too


def tuple_of(v, n):
    if isinstance(v, (list, tuple)):
        v = list(v)
        return [int(x) for x in (v * n if len(v) == 1 else v)]
    return [int(v)] * n


def batched(x, rank):
    """(x with a batch dim, whether it had none)."""
    return (unsqueeze(x, 0), True) if x.dim() == rank - 1 else (x, False)


def channels(x, n, what):
    if x.dim() < 2 or x.shape[1] != n:
        raise RuntimeError(f'{what} expects {n} channels, the input is {list(x.shape)}')


# ---- convolution, linear -------------------------------------------------------------------------

def _conv(n):
    def conv(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        x, alone = batched(input, n + 2)
        s, d, k = tuple_of(stride, n), tuple_of(dilation, n), weight.shape[2:]
        channels(x, weight.shape[1] * groups, f'conv{n}d')
        if padding == 'same':
            total = [(a - 1) * b for a, b in zip(k, d)]
            if any(t % 2 for t in total):  # the odd one goes behind
                x = pad(x, [v for t in reversed(total) for v in (0, t % 2)])
            padding = [t // 2 for t in total]
        p = tuple_of(0 if padding == 'valid' else padding, n)
        out = [(i + 2 * q - e * (m - 1) - 1) // t + 1 for i, q, e, m, t in zip(x.shape[2:], p, d, k, s)]
        if any(o <= 0 for o in out):
            raise RuntimeError(f'conv{n}d: the kernel {list(k)} is larger than the input {list(x.shape[2:])}')
        y = call(f'conv{n}d', x, weight, bias, s, p, d, groups, shape=(x.shape[0], weight.shape[0], *out), dtype=x.dtype)
        return _ops.squeeze(y, 0) if alone else y
    return conv


conv1d, conv2d, conv3d = _conv(1), _conv(2), _conv(3)


def _conv_transpose(n):
    def conv(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
        x, alone = batched(input, n + 2)
        s, p, o, d = (tuple_of(v, n) for v in (stride, padding, output_padding, dilation))
        channels(x, weight.shape[0], f'conv_transpose{n}d')
        out = [(i - 1) * t - 2 * q + e * (m - 1) + r + 1 for i, t, q, e, m, r in
               zip(x.shape[2:], s, p, d, weight.shape[2:], o)]
        y = call(f'conv_transpose{n}d', x, weight, bias, s, p, o, groups, d,
                 shape=(x.shape[0], weight.shape[1] * groups, *out), dtype=x.dtype)
        return _ops.squeeze(y, 0) if alone else y
    return conv


conv_transpose1d, conv_transpose2d, conv_transpose3d = _conv_transpose(1), _conv_transpose(2), _conv_transpose(3)


def linear(input, weight, bias=None):
    if not input.dim() or input.shape[-1] != weight.shape[-1]:
        raise RuntimeError(f'linear: {list(input.shape)} by a weight of {list(weight.shape)}')
    return call('linear', input, weight, bias, shape=(*input.shape[:-1], *weight.shape[:-1]), dtype=input.dtype)


def bilinear(a, b, weight, bias=None):
    y = _ops.einsum('...i,oij,...j->...o', a, weight, b)
    return y if bias is None else add(y, bias)


def embedding(input, weight, padding_idx=None, *args, **k):
    if input.value.kind == 'input':  # of numbers of rows: so it is an integer
        input.value.dtype = int64
    return call('embedding', weight, to(input, int64), shape=(*input.shape, weight.shape[1]), dtype=weight.dtype)


def one_hot(x, num_classes=-1):
    if num_classes < 0:
        num_classes = max(x.numbers()) + 1
    return to(FUNCTIONS['eq'](unsqueeze(x, -1), _ops.arange(num_classes)), int64)


# ---- pools ---------------------------------------------------------------------------------------

def pooled(n, k, p, s, d, ceil):
    o = (n + 2 * p - d * (k - 1) - 1 + (s - 1 if ceil else 0)) // s + 1
    if ceil and (o - 1) * s >= n + p:
        o -= 1
    if o <= 0:
        raise RuntimeError(f'a pool of {k} is larger than the input {n}')
    return o


def _pool(name, n):
    def run(x, k, s, p, d, ceil, *more):
        x, alone = batched(x, n + 2)
        k, p, d = tuple_of(k, n), tuple_of(p, n), tuple_of(d, n)
        s = tuple_of(s, n) if s is not None and s != [] else k
        out = [pooled(*v, ceil) for v in zip(x.shape[2:], k, p, s, d)]
        args = (k, s, p, d, bool(ceil)) if name == 'max_pool' else (k, s, p, bool(ceil), *more)
        y = call(f'{name}{n}d', x, *args, shape=(*x.shape[:2], *out), dtype=x.dtype)
        return _ops.squeeze(y, 0) if alone else y
    return run


def _max_pool(n):
    run = _pool('max_pool', n)

    def max_pool(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        if return_indices:
            raise Unsupported('max_pool with return_indices')
        return run(input, kernel_size, stride, padding, dilation, ceil_mode)
    return max_pool


def _avg_pool(n):
    run = _pool('avg_pool', n)

    def avg_pool(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
                 divisor_override=None):
        y = run(input, kernel_size, stride, padding, 1, ceil_mode, bool(count_include_pad and divisor_override is None))
        if divisor_override is not None:
            if any(tuple_of(padding, n)) or ceil_mode:
                raise Unsupported('avg_pool with divisor_override and padding')
            y = mul(y, numel(tuple_of(kernel_size, n)) / divisor_override)
        return y
    return avg_pool


max_pool1d, max_pool2d, max_pool3d = _max_pool(1), _max_pool(2), _max_pool(3)
avg_pool1d, avg_pool2d, avg_pool3d = _avg_pool(1), _avg_pool(2), _avg_pool(3)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    n = numel(tuple_of(kernel_size, 2))
    y = mul(avg_pool2d(pow_(input, float(norm_type)), kernel_size, stride, 0, ceil_mode), n)
    return pow_(relu(y), 1 / norm_type)


def _adaptive(n, name):
    pool = _avg_pool(n) if name == 'avg' else _max_pool(n)

    def adaptive(input, output_size, return_indices=False):
        if return_indices:
            raise Unsupported('adaptive_max_pool with return_indices')
        x, alone = batched(input, n + 2)
        size = list(output_size) if isinstance(output_size, (list, tuple)) else [output_size] * n
        dims = x.shape[2:]
        size = [d if s is None else int(s) for s, d in zip(size, dims)]
        if all(s == 1 for s in size):
            y = call(f'adaptive_{name}_pool{n}d', x, size, shape=(*x.shape[:2], *size), dtype=x.dtype)
        elif all(d % s == 0 for s, d in zip(size, dims)):
            y = x if tuple(size) == tuple(dims) else pool(x, [d // s for s, d in zip(size, dims)])
        else:  # windows of different sizes, one dim after the other
            y = x
            for i, (s, d) in enumerate(zip(size, dims), 2):
                parts = [slice_dim(y, i, k * d // s, -(-(k + 1) * d // s)) for k in range(s)]
                y = cat([mean(p, i, True) if name == 'avg' else amax(p, i, True) for p in parts], i)
        return _ops.squeeze(y, 0) if alone else y
    return adaptive


adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = (_adaptive(n, 'avg') for n in (1, 2, 3))
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = (_adaptive(n, 'max') for n in (1, 2, 3))


# ---- normalization -------------------------------------------------------------------------------

def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    if running_mean is None or training:
        ds = [d for d in range(input.dim()) if d != 1]
        shape = [-1 if d == 1 else 1 for d in range(input.dim())]
        y = div(sub(input, mean(input, ds, True)), sqrt(add(_ops.var(input, ds, False, True), eps)))
        y = y if weight is None else mul(y, reshape(weight, shape))
        return y if bias is None else add(y, reshape(bias, shape))
    channels(input, running_mean.numel(), 'batch_norm')
    return call('batch_norm', input, weight, bias, running_mean, running_var, float(eps), shape=input.shape,
                dtype=input.dtype)


def instance_norm(input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True,
                  momentum=0.1, eps=1e-5):
    if running_mean is not None and not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    return call('instance_norm', input, weight, bias, float(eps), shape=input.shape, dtype=input.dtype)


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    shape = list(normalized_shape)
    if list(input.shape[-len(shape):]) != shape:
        raise RuntimeError(f'layer_norm over {shape}, the input is {list(input.shape)}')
    return call('layer_norm', input, shape, weight, bias, float(eps), shape=input.shape, dtype=input.dtype)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    return call('group_norm', input, int(num_groups), weight, bias, float(eps), shape=input.shape, dtype=input.dtype)


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    return call('local_response_norm', input, int(size), float(alpha), float(beta), float(k), shape=input.shape,
                dtype=input.dtype)


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    return div(input, FUNCTIONS['clamp'](norm(input, p, dim, True), eps))


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    dot = _ops.sum(mul(x1, x2), dim)
    return div(dot, mul(clamp(norm(x1, 2, dim), eps), clamp(norm(x2, 2, dim), eps)))


def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    return norm(add(sub(x1, x2), eps), p, -1, keepdim)


# ---- activations ---------------------------------------------------------------------------------

def _act(name, *names, functions=False):
    """An activation with these numbers as arguments and defaults."""
    def f(input, *args, inplace=False, out=None, **k):
        if len(args) == len(names) + 1 and isinstance(args[-1], bool):  # inplace by position
            inplace, args = args[-1], args[:-1]
        values = [float(k.get(n, args[i] if i < len(args) else d)) for i, (n, d) in enumerate(names)]
        y = call(name, input, *values, shape=input.shape, dtype=input.dtype)
        return input.write(y) if inplace else y
    FUNCTIONS.setdefault(name, f)
    globals()[name] = f
    globals()[name + '_'] = lambda x, *a, **k: x.write(f(x, *a, **k))


for _name in 'relu6 hardswish hardsigmoid silu mish selu softsign'.split():
    _act(_name)
_act('leaky_relu', ('negative_slope', .01))
_act('elu', ('alpha', 1.))
_act('celu', ('alpha', 1.))
_act('softplus', ('beta', 1.), ('threshold', 20.))
_act('hardshrink', ('lambd', .5))
_act('softshrink', ('lambd', .5))


def relu(input, inplace=False):  # noqa: F811
    y = FUNCTIONS['relu'](input)
    return input.write(y) if inplace else y


def relu_(input):
    return relu(input, True)


def hardtanh(input, min_val=-1., max_val=1., inplace=False):
    y = clamp(input, min_val, max_val)
    return input.write(y) if inplace else y


def threshold(input, threshold, value, inplace=False):
    y = where(FUNCTIONS['gt'](input, threshold), input, float(value))
    return input.write(y) if inplace else y


def gelu(input, approximate='none'):
    return call('gelu', input, approximate, shape=input.shape, dtype=input.dtype)


def prelu(input, weight):
    return call('prelu', input, weight, shape=input.shape, dtype=input.dtype)


def rrelu(input, lower=1 / 8, upper=1 / 3, training=False, inplace=False):
    return globals()['leaky_relu'](input, (lower + upper) / 2, inplace=inplace)


def logsigmoid(x):
    return FUNCTIONS['neg'](globals()['softplus'](FUNCTIONS['neg'](x)))


def tanhshrink(x):
    return sub(x, tanh(x))


def glu(input, dim=-1):
    a, b = FUNCTIONS['chunk'](input, 2, dim)
    return mul(a, sigmoid(b))


def _softmax(name):
    @op(name)
    def f(input, dim=None, _stacklevel=3, dtype=None):
        if dim is None:
            dim = 0 if input.dim() in (0, 1, 3) else 1
        x = to(input, dtype) if dtype else input
        return call(name, x, axis(dim, x.dim()), shape=x.shape, dtype=x.dtype)
    return f


softmax, log_softmax = _softmax('softmax'), _softmax('log_softmax')


def softmin(input, dim=None, **k):
    return softmax(FUNCTIONS['neg'](input), dim)


def gumbel_softmax(*a, **k):
    raise Unsupported('gumbel_softmax: random numbers')


def dropout(input, p=0.5, training=False, inplace=False):
    return input


dropout1d = dropout2d = dropout3d = alpha_dropout = feature_alpha_dropout = dropout


# ---- padding, resizing, windows ------------------------------------------------------------------

def pad(input, pad, mode='constant', value=None):
    p = [int(v) for v in pad]
    x, n = input, len(p) // 2
    if mode == 'circular':
        for i in range(n):
            d, (a, b) = -1 - i, p[2 * i:2 * i + 2]
            parts = [slice_dim(x, d, x.shape[d] - a, None)] * (a > 0) + [x] + [slice_dim(x, d, 0, b)] * (b > 0)
            x = cat(parts, d)
        return x
    shape = list(x.shape)
    for i in range(n):
        shape[-1 - i] += p[2 * i] + p[2 * i + 1]
    if min(shape, default=1) < 0:
        raise RuntimeError(f'pad: {p} for {list(x.shape)}')
    if not any(p):
        return x.clone()
    return call('pad', x, p, mode, 0.0 if value is None else value, shape=shape, dtype=x.dtype)


def interpolate(input, size=None, scale_factor=None, mode='nearest', align_corners=None, recompute_scale_factor=None,
                antialias=False):
    n = input.dim() - 2
    if antialias:
        raise Unsupported('interpolate with antialias')
    scales = None
    if size is not None:
        size = tuple_of(size, n)
    else:
        f = [float(s) for s in (scale_factor if isinstance(scale_factor, (list, tuple)) else [scale_factor] * n)]
        size = [int(math.floor(d * s)) for d, s in zip(input.shape[2:], f)]
        scales = None if recompute_scale_factor else f
    if mode == 'area':
        return _adaptive(n, 'avg')(input, size)
    return call('interpolate', input, size, scales, mode, bool(align_corners), shape=(*input.shape[:2], *size),
                dtype=input.dtype)


def upsample(input, size=None, scale_factor=None, mode='nearest', align_corners=None):
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    return interpolate(input, size, scale_factor, 'nearest')


def upsample_bilinear(input, size=None, scale_factor=None):
    return interpolate(input, size, scale_factor, 'bilinear', True)


@op()
def pixel_shuffle(input, upscale_factor):
    r, (c, h, w) = int(upscale_factor), input.shape[-3:]
    x, alone = batched(input, 4)
    y = call('pixel_shuffle', x, r, shape=(x.shape[0], c // (r * r), h * r, w * r), dtype=x.dtype)
    return _ops.squeeze(y, 0) if alone else y


@op()
def pixel_unshuffle(input, downscale_factor):
    r, (n, c, h, w) = int(downscale_factor), input.shape
    x = permute(reshape(input, (n, c, h // r, r, w // r, r)), (0, 1, 3, 5, 2, 4))
    return reshape(x, (n, c * r * r, h // r, w // r))


@op()
def channel_shuffle(input, groups):
    n, c, *rest = input.shape
    return reshape(transpose(reshape(input, (n, groups, c // groups, *rest)), 1, 2), input.shape)


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    k, d, p, s = (tuple_of(v, 2) for v in (kernel_size, dilation, padding, stride))
    x = pad(input, [p[1], p[1], p[0], p[0]])
    h, w = ((x.shape[2 + i] - d[i] * (k[i] - 1) - 1) // s[i] + 1 for i in (0, 1))
    parts = [slice_dim(slice_dim(x, 2, i * d[0], i * d[0] + (h - 1) * s[0] + 1, s[0]),
                       3, j * d[1], j * d[1] + (w - 1) * s[1] + 1, s[1]) for i in range(k[0]) for j in range(k[1])]
    return reshape(stack(parts, 2), (x.shape[0], x.shape[1] * k[0] * k[1], h * w))


@op('unfold')
def _tensor_unfold(x, dimension, size, step):
    d = axis(dimension, x.dim())
    n = (x.shape[d] - size) // step + 1
    return stack([slice_dim(x, d, i, i + (n - 1) * step + 1, step) for i in range(size)], -1)


def grid_sample(input, grid, mode='bilinear', padding_mode='zeros', align_corners=None):
    if input.dim() != 4:
        raise Unsupported('grid_sample of volumes')
    return call('grid_sample', input, grid, mode, padding_mode, bool(align_corners),
                shape=(*input.shape[:2], *grid.shape[1:3]), dtype=input.dtype)


def affine_grid(theta, size, align_corners=None):
    n, _, h, w = (int(s) for s in size)

    def line(k):
        return _ops.linspace(-1, 1, k) if align_corners else mul(_ops.linspace(-1, 1, k), (k - 1) / k)
    ys, xs = _ops.meshgrid(line(h), line(w))
    base = reshape(stack([xs, ys, _ops.ones(h, w)], 2), (1, h * w, 3))
    return reshape(matmul(expand(base, n, h * w, 3), transpose(theta, 1, 2)), (n, h, w, 2))


# ---- attention -----------------------------------------------------------------------------------

def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None):
    s = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    a = matmul(mul(query, s), transpose(key, -2, -1))
    if is_causal:
        attn_mask = _ops.tril(_ops.ones(query.shape[-2], key.shape[-2], dtype=bool_))
    if attn_mask is not None:
        a = _ops.masked_fill(a, FUNCTIONS['logical_not'](attn_mask), -math.inf) if attn_mask.dtype is bool_ \
            else add(a, attn_mask)
    return matmul(softmax(a, -1), value)


def additive(mask, like):
    """A mask as what is added to the scores: booleans say what to leave out."""
    if mask is None or mask.dtype.rank == 2:
        return mask
    return _ops.masked_fill(_ops.zeros(*mask.shape), to(mask, bool_), -math.inf)


def multi_head_attention_forward(query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias,
                                 bias_k, bias_v, add_zero_attn, dropout_p, out_proj_weight, out_proj_bias,
                                 training=False, key_padding_mask=None, need_weights=True, attn_mask=None,
                                 use_separate_proj_weight=False, q_proj_weight=None, k_proj_weight=None,
                                 v_proj_weight=None, static_k=None, static_v=None, average_attn_weights=True, **_):
    alone = query.dim() == 2
    if alone:
        query, key, value = (unsqueeze(t, 1) for t in (query, key, value))
        key_padding_mask = key_padding_mask if key_padding_mask is None else unsqueeze(key_padding_mask, 0)
    if bias_k is not None or add_zero_attn or static_k is not None:
        raise Unsupported('MultiheadAttention with bias_k, add_zero_attn or static keys')
    length, batch, e = query.shape
    h, source = num_heads, key.shape[0]
    if not use_separate_proj_weight and query is key and key is value:
        q, k, v = FUNCTIONS['chunk'](linear(query, in_proj_weight, in_proj_bias), 3, -1)
    else:
        ws = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else \
            FUNCTIONS['chunk'](in_proj_weight, 3)
        bs = (None,) * 3 if in_proj_bias is None else FUNCTIONS['chunk'](in_proj_bias, 3)
        q, k, v = (linear(t, w, b) for t, w, b in zip((query, key, value), ws, bs))
    d = q.shape[-1] // h

    def heads(t):
        return transpose(reshape(t, (t.shape[0], batch * h, d)), 0, 1)
    scores = matmul(mul(heads(q), 1 / math.sqrt(d)), transpose(heads(k), 1, 2))
    mask = additive(attn_mask, scores)
    if mask is not None:
        scores = add(scores, mask)
    if key_padding_mask is not None:
        p = reshape(additive(key_padding_mask, scores), (batch, 1, 1, source))
        scores = reshape(add(reshape(scores, (batch, h, length, source)), p), (batch * h, length, source))
    weights = softmax(scores, -1)
    y = reshape(transpose(matmul(weights, heads(v)), 0, 1), (length, batch, h * d))
    y = linear(y, out_proj_weight, out_proj_bias)
    if not need_weights:
        return (_ops.squeeze(y, 1) if alone else y), None
    weights = reshape(weights, (batch, h, length, source))
    weights = mean(weights, 1) if average_attn_weights else weights
    return (_ops.squeeze(y, 1), _ops.squeeze(weights, 0)) if alone else (y, weights)


def __getattr__(name):
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    if name.startswith('__'):
        raise AttributeError(name)
    from tracing import stubs
    return stubs.unknown(f'torch.nn.functional.{name}')
