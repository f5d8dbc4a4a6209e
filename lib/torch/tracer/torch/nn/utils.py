"""torch.nn.utils: weights computed from others, as far as that is static.
SPDX-License-Identifier: Apache-2.0"""
from tracing.record import Unsupported

from .. import _ops
from .modules import Parameter


def _norm_except(v, dim):
    ds = [d for d in range(v.dim()) if d != dim % v.dim()] if dim is not None else None
    return _ops.sqrt(_ops.sum(_ops.mul(v, v), ds, True))


def weight_norm(module, name='weight', dim=0):
    v = getattr(module, name)
    del module._parameters[name]
    shape = [n if d == dim % v.dim() else 1 for d, n in enumerate(v.shape)] if dim is not None else ()
    module.register_parameter(name + '_g', Parameter(_ops.unset(shape)))
    module.register_parameter(name + '_v', Parameter(_ops.unset(v.shape)))

    def hook(m, inputs):
        g, w = getattr(m, name + '_g'), getattr(m, name + '_v')
        object.__setattr__(m, name, _ops.mul(w, _ops.div(g, _norm_except(w, dim))))
    hook(module, ())
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module, name='weight'):
    if name + '_v' in module._parameters:
        v = module._parameters.pop(name + '_v')
        module._parameters.pop(name + '_g')
        module._pre_hooks.clear()
        module.__dict__.pop(name, None)
        module.register_parameter(name, Parameter(_ops.unset(v.shape)))
    return module


def spectral_norm(module, name='weight', n_power_iterations=1, eps=1e-12, dim=None):
    w = getattr(module, name)
    dim = (1 if type(module).__name__.startswith('ConvTranspose') else 0) if dim is None else dim
    order = [dim] + [d for d in range(w.dim()) if d != dim]
    del module._parameters[name]
    module.register_parameter(name + '_orig', Parameter(_ops.unset(w.shape)))
    rows = w.shape[dim]
    module.register_buffer(name + '_u', _ops.unset((rows,)))
    module.register_buffer(name + '_v', _ops.unset((w.numel() // rows,)))

    def hook(m, inputs):
        v = getattr(m, name + '_orig')
        flat = _ops.reshape(_ops.permute(v, order), (rows, -1))
        sigma = _ops.sum(_ops.mul(getattr(m, name + '_u'), _ops.matmul(flat, getattr(m, name + '_v'))))
        object.__setattr__(m, name, _ops.div(v, sigma))
    hook(module, ())
    module.register_forward_pre_hook(hook)
    return module


def parameters_to_vector(parameters):
    return _ops.cat([_ops.reshape(p, -1) for p in parameters])


def fuse_conv_bn_eval(conv, bn, transpose=False):
    raise Unsupported('torch.nn.utils.fusion')


def clip_grad_norm_(*a, **k):
    pass


clip_grad_value_ = clip_grad_norm_


class parametrizations:
    @staticmethod
    def weight_norm(module, name='weight', dim=0):
        """Its parameters are parametrizations.weight.original0 (g) and original1 (v)."""
        from .modules import Module, ModuleDict
        w = getattr(module, name)
        del module._parameters[name]
        shape = [n if d == dim % w.dim() else 1 for d, n in enumerate(w.shape)] if dim is not None else ()
        p = Module()
        p.register_parameter('original0', Parameter(_ops.unset(shape)))
        p.register_parameter('original1', Parameter(_ops.unset(w.shape)))
        if 'parametrizations' not in module._modules:
            module.add_module('parametrizations', ModuleDict())
        module.parametrizations.add_module(name, p)

        def hook(m, inputs):
            object.__setattr__(m, name, _ops.mul(p.original1, _ops.div(p.original0, _norm_except(p.original1, dim))))
        hook(module, ())
        module.register_forward_pre_hook(hook)
        return module


class parametrize:
    @staticmethod
    def register_parametrization(module, tensor_name, parametrization, unsafe=False):
        from .modules import Module, ModuleDict, ModuleList
        lists = module._modules.setdefault('parametrizations', ModuleDict())
        if tensor_name not in lists._modules:
            p = module._parameters.pop(tensor_name)
            chain = ModuleList()
            chain.register_parameter('original', p)
            lists.add_module(tensor_name, chain)
            chain.append(parametrization)

            def hook(m, inputs):
                w = chain.original
                for f in chain:
                    w = f(w)
                object.__setattr__(m, tensor_name, w)
            module.register_forward_pre_hook(hook)
            hook(module, ())
        else:
            lists._modules[tensor_name].append(parametrization)
        return module

    @staticmethod
    def is_parametrized(module, name=None):
        return 'parametrizations' in module._modules
