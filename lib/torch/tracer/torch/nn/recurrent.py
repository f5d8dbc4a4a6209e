"""RNN, LSTM and GRU, and their cells.
SPDX-License-Identifier: Apache-2.0"""
from tracing.record import Unsupported

from .. import _ops
from .._ops import add, mul, sigmoid, stack, sub, tanh, unsqueeze
from .._tensor import call
from . import functional as F
from .modules import Module, weight


class PackedSequence:
    def __init__(self, *a, **k):
        raise Unsupported('packed sequences: their lengths are data')


class RNNBase(Module):
    def __init__(self, mode, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.,
                 bidirectional=False, proj_size=0, device=None, dtype=None):
        super().__init__()
        if proj_size:
            raise Unsupported('nn.LSTM with proj_size')
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        self.names = []
        gates = dict(LSTM=4, GRU=3).get(mode, 1) * hidden_size
        for layer in range(num_layers):
            wide = input_size if layer == 0 else hidden_size * (1 + bidirectional)
            for back in ('', '_reverse')[:1 + bidirectional]:
                shapes = dict(weight_ih=(gates, wide), weight_hh=(gates, hidden_size))
                if bias:
                    shapes.update(bias_ih=(gates,), bias_hh=(gates,))
                for n, s in shapes.items():
                    self.names.append(f'{n}_l{layer}{back}')
                    setattr(self, self.names[-1], weight(*s))

    def flatten_parameters(self):
        pass

    def reset_parameters(self):
        pass

    def forward(self, input, hx=None):
        alone = input.dim() == 2
        x = unsqueeze(input, 0 if self.batch_first else 1) if alone else input
        a, b = x.shape[:2]
        length, batch = (b, a) if self.batch_first else (a, b)
        d = 1 + self.bidirectional
        state = (self.num_layers * d, batch, self.hidden_size)
        lstm = self.mode == 'LSTM'
        if hx is None:
            hs = [_ops.zeros(*state) for _ in range(1 + lstm)]
        else:
            hs = list(hx) if lstm else [hx]
            hs = [unsqueeze(h, 1) if h.dim() == 2 else h for h in hs]
        for h in hs:
            if tuple(h.shape) != state:
                raise RuntimeError(f'Expected hidden size {state}, got {list(h.shape)}')
        out = (*x.shape[:2], d * self.hidden_size)
        rs = call(self.mode.lower(), x, hs, [getattr(self, n) for n in self.names], bool(self.bias),
                  self.num_layers, bool(self.bidirectional), bool(self.batch_first),
                  outs=[(out, x.dtype)] + [(state, x.dtype)] * (1 + lstm))
        y, hs = rs[0], rs[1:]
        if alone:
            y, hs = _ops.squeeze(y, 0 if self.batch_first else 1), [_ops.squeeze(h, 1) for h in hs]
        return y, (tuple(hs) if lstm else hs[0])


class LSTM(RNNBase):
    def __init__(self, *args, **k):
        super().__init__('LSTM', *args, **k)


class GRU(RNNBase):
    def __init__(self, *args, **k):
        super().__init__('GRU', *args, **k)


class RNN(RNNBase):
    def __init__(self, *args, nonlinearity='tanh', **k):
        super().__init__('RNN_' + nonlinearity.upper(), *args, **k)


class _Cell(Module):
    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        n = self.gates * hidden_size
        self.weight_ih, self.weight_hh = weight(n, input_size), weight(n, hidden_size)
        self.register_parameter('bias_ih', weight(n) if bias else None)
        self.register_parameter('bias_hh', weight(n) if bias else None)

    def products(self, x, h):
        return F.linear(x, self.weight_ih, self.bias_ih), F.linear(h, self.weight_hh, self.bias_hh)


class RNNCell(_Cell):
    gates = 1

    def __init__(self, input_size, hidden_size, bias=True, nonlinearity='tanh', **k):
        super().__init__(input_size, hidden_size, bias)
        self.nonlinearity = nonlinearity

    def forward(self, x, h=None):
        h = _ops.zeros(*x.shape[:-1], self.hidden_size) if h is None else h
        y = add(*self.products(x, h))
        return tanh(y) if self.nonlinearity == 'tanh' else F.relu(y)


class LSTMCell(_Cell):
    gates = 4

    def forward(self, x, hx=None):
        h, c = hx if hx is not None else [_ops.zeros(*x.shape[:-1], self.hidden_size) for _ in range(2)]
        i, f, g, o = _ops.chunk(add(*self.products(x, h)), 4, -1)
        c = add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(g)))
        return mul(sigmoid(o), tanh(c)), c


class GRUCell(_Cell):
    gates = 3

    def forward(self, x, h=None):
        h = _ops.zeros(*x.shape[:-1], self.hidden_size) if h is None else h
        a, b = (_ops.chunk(p, 3, -1) for p in self.products(x, h))
        r, z = sigmoid(add(a[0], b[0])), sigmoid(add(a[1], b[1]))
        n = tanh(add(a[2], mul(r, b[2])))
        return add(n, mul(z, sub(h, n)))
