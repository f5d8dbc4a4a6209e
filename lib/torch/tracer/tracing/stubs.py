"""Names that are not there: of torch, and modules that are not installed. They can be imported, named in
annotations, inherited from and used as decorators; calling one for its result says which it is.
SPDX-License-Identifier: Apache-2.0"""
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import os
import sys
import types

from tracing import record
from tracing.record import Unsupported

# What definitions call for other purposes than forward().
BESIDE = ('torch.onnx', 'torch.library', 'torch.ops', 'torch._C', 'torch.distributed', 'torch.profiler',
          'torch.utils', 'torch.testing', 'torch.package', 'torch.fx', 'torch.jit', 'torch.optim')


class _Unknown(type):
    def __call__(cls, *args, **kwargs):
        if cls.__dict__.get('_stub'):
            if len(args) == 1 and not kwargs and isinstance(args[0], (type, types.FunctionType)):
                return args[0]  # a decorator
            what = cls._stub
            body = not sys._getframe(1).f_code.co_flags & inspect.CO_OPTIMIZED  # of a module or a class
            if not record.modules and (body or what.startswith(BESIDE)):
                return unknown(what)
            raise Unsupported(f"torch API '{what}' is not supported" if what.startswith('torch')
                              else f"'{what}' is used, and its module is not installed")
        return type.__call__(cls, *args, **kwargs)

    def __getattr__(cls, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return unknown(f'{cls._stub}.{name}')

    def __getitem__(cls, key):
        return cls

    def __or__(cls, other):
        return cls

    __ror__ = __or__

    def __iter__(cls):
        return iter(())

    def __enter__(cls):
        return cls

    def __exit__(cls, *a):
        return False

    def __bool__(cls):
        return '_stub' not in cls.__dict__


def unknown(name):
    return _Unknown(name.rpartition('.')[2], (), {'_stub': name, '__module__': name.rpartition('.')[0]})


def unknown_in(module):
    def getattr_(name):
        if name.startswith('__'):
            raise AttributeError(name)
        return unknown(f'{module}.{name}')
    return getattr_


class _Loader(importlib.abc.Loader):
    def create_module(self, spec):
        m = types.ModuleType(spec.name)
        m.__path__ = []
        m.__getattr__ = unknown_in(spec.name)
        return m

    def exec_module(self, module):
        pass


class _Package(importlib.abc.Loader):
    """A package whose __init__.py runs only when a name is asked that no file of it has: the others would
    want what is not here."""

    def __init__(self, folder):
        self.folder = folder

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        init = os.path.join(self.folder, '__init__.py')

        def getattr_(name):
            if name.startswith('__'):
                raise AttributeError(name)
            full = f'{module.__name__}.{name}'
            if os.path.exists(os.path.join(self.folder, name + '.py')) or \
                    os.path.isdir(os.path.join(self.folder, name)):
                return importlib.import_module(full)
            if not module.__dict__.get('_ran'):
                module._ran = True
                with open(init, encoding='utf-8') as f:
                    exec(compile(f.read(), init, 'exec'), module.__dict__)
                if name in module.__dict__:
                    return module.__dict__[name]
            raise AttributeError(f"module '{module.__name__}' has no attribute '{name}'")
        module.__getattr__ = getattr_
        module.__file__ = init


class Finder(importlib.abc.MetaPathFinder):
    """Packages of the definition, lazily; stubs for what nobody else finds."""
    lazy = {'torchvision'}
    never = {'torchvision.transforms', 'torchvision.datasets', 'torchvision.io', 'torchvision.extension'}

    def __init__(self, last):
        self.last = last

    def find_spec(self, name, path=None, target=None):
        top = name.partition('.')[0]
        if not self.last and '.'.join(name.split('.')[:2]) in self.never:
            return importlib.machinery.ModuleSpec(name, _Loader(), is_package=True)
        if self.last:
            if top in ('torch', 'torchvision') or top not in local:
                return importlib.machinery.ModuleSpec(name, _Loader(), is_package=True)
            return None
        if top not in self.lazy:
            return None
        last = name.rpartition('.')[2]
        for folder in path if path is not None else sys.path:
            at = os.path.join(folder, last)
            if os.path.exists(os.path.join(at, '__init__.py')):
                return importlib.util.spec_from_file_location(name, loader=_Package(at), submodule_search_locations=[at])
        return None


local = set()  # names beside the definition: what is missing in them is an error


def install():
    sys.meta_path.insert(0, Finder(False))
    sys.meta_path.append(Finder(True))
