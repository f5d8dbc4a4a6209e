"""torch.nn.
SPDX-License-Identifier: Apache-2.0"""
import sys
import types

from . import functional, init, modules, recurrent, transformer, utils
from .modules import *  # noqa: F401,F403
from .modules import Buffer, Module, Parameter
from .recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNBase, RNNCell
from .transformer import (MultiheadAttention, Transformer, TransformerDecoder, TransformerDecoderLayer,
                          TransformerEncoder, TransformerEncoderLayer)

from tracing import stubs


def _module(name, **names):
    m = types.ModuleType(name)
    m.__dict__.update(names)
    m.__path__ = []
    m.__getattr__ = stubs.unknown_in(name)
    sys.modules[name] = m
    return m


class _Loss(Module):
    """Losses belong to training: made, never called."""

    def __init__(self, *args, **kwargs):
        super().__init__()


for _n in ('CrossEntropyLoss MSELoss L1Loss BCELoss BCEWithLogitsLoss NLLLoss SmoothL1Loss KLDivLoss HuberLoss CTCLoss '
           'TripletMarginLoss CosineEmbeddingLoss MarginRankingLoss').split():
    globals()[_n] = type(_n, (_Loss,), dict(__module__=__name__))

parameter = _module('torch.nn.parameter', Parameter=Parameter, Buffer=Buffer, UninitializedParameter=Parameter)
common_types = _module('torch.nn.common_types', **{n: object for n in '_size_1_t _size_2_t _size_3_t _size_any_t'.split()})
parallel = _module('torch.nn.parallel', DataParallel=modules.DataParallel,
                   DistributedDataParallel=modules.DataParallel)
for _n in ('module conv linear batchnorm normalization activation pooling dropout container padding upsampling sparse '
           'rnn transformer instancenorm flatten pixelshuffle').split():
    _module('torch.nn.modules.' + _n, **{k: v for k, v in globals().items() if isinstance(v, type)})
modules.module = sys.modules['torch.nn.modules.module']


def _ntuple(n):
    def parse(x):
        return tuple(x) if isinstance(x, (list, tuple)) else (x,) * n
    return parse


modules.utils = _module('torch.nn.modules.utils', _single=_ntuple(1), _pair=_ntuple(2), _triple=_ntuple(3),
                        _ntuple=_ntuple)
for _n in 'weight_norm spectral_norm parametrizations parametrize rnn fusion'.split():
    _m = _module('torch.nn.utils.' + _n, **(
        {k: v for k, v in vars(getattr(utils, _n)).items() if not k.startswith('__')}
        if isinstance(getattr(utils, _n, None), type) else vars(utils) if _n != 'rnn' else
        dict(PackedSequence=recurrent.PackedSequence, pack_padded_sequence=recurrent.PackedSequence,
             pad_packed_sequence=recurrent.PackedSequence)))
    if _n in ('parametrizations', 'parametrize'):
        for _k, _v in list(vars(_m).items()):
            if isinstance(_v, staticmethod):
                setattr(_m, _k, _v.__func__)
    if _n not in ('weight_norm', 'spectral_norm'):
        setattr(utils, _n, _m)
utils.__path__ = []
modules.__path__ = []


def __getattr__(name):
    if name.startswith('__'):
        raise AttributeError(name)
    return stubs.unknown('torch.nn.' + name)
