"""From a definition and what the weights are called to the module that they are of.
SPDX-License-Identifier: Apache-2.0"""
import importlib
import importlib.util
import inspect
import os
import sys

from tracing import stubs
from tracing.record import Unsupported


class Wrong(Exception):
    """Bad input: exit status 1."""


def load(path):
    """The module of the file; inside a package it is imported by its full name."""
    folder, file = os.path.split(os.path.abspath(path))
    name = os.path.splitext(file)[0]
    top = folder
    while os.path.exists(os.path.join(top, '__init__.py')):
        name = os.path.basename(top) + '.' + name
        stubs.Finder.lazy.add(os.path.basename(top))
        top = os.path.dirname(top)
    if not name.replace('.', '').isidentifier() or name.partition('.')[0] in sys.modules:
        name = 'definition'
        top = folder
    sys.path[1:1] = [top] if top == folder else [top, folder]
    stubs.local.update(n.partition('.')[0] for d in {top, folder} for n in os.listdir(d))
    if '.' in name:
        importlib.import_module(name.rpartition('.')[0])
    spec = importlib.util.spec_from_file_location(name, os.path.join(folder, file))
    if spec is None:  # a name that does not end in .py
        from importlib.machinery import SourceFileLoader
        spec = importlib.util.spec_from_loader(name, SourceFileLoader(name, os.path.join(folder, file)))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def callable_without(f, skip=0):
    """May it be called without arguments?"""
    try:
        ps = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return False
    return all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in ps[skip:])


def candidates(module):
    """Instances, classes and functions of the file, in its order: (name, function that makes the module)."""
    import torch
    own, groups = module.__name__, ([], [], [])
    for name, v in list(vars(module).items()):
        if isinstance(v, torch.nn.Module):
            groups[0].append((name, lambda v=v: v))
        elif getattr(v, '__module__', None) != own or name.startswith('__'):
            continue
        elif isinstance(v, type) and issubclass(v, torch.nn.Module):
            if callable_without(v):
                groups[1].append((name, v))
        elif inspect.isfunction(v) and callable_without(v) and not name.startswith('_'):
            groups[2].append((name, v))
    return groups


# ---- fitting -------------------------------------------------------------------------------------

PREFIXES = 'module.', '_orig_mod.', 'model.', 'net.'


def renamed(tensors):
    """The state as its file has it, and without what DataParallel, compile and trainers put before names."""
    yield tensors
    while tensors:
        p = next((p for p in PREFIXES if all(n.startswith(p) for n in tensors)), None)
        if p is None:
            return
        tensors = {n[len(p):]: t for n, t in tensors.items()}
        yield tensors


class Fit:
    def __init__(self, module, index, tensors):
        own = dict(module.entries())
        self.index, self.tensors = index, tensors
        self.missing = [n for n in own if n not in tensors and not n.endswith('num_batches_tracked')]
        self.extra = [n for n in tensors if n not in own and not n.endswith('num_batches_tracked')]
        self.wrong = [(n, tuple(own[n].shape), tensors[n][1]) for n in own
                      if n in tensors and tuple(own[n].shape) != tensors[n][1]
                      and own[n].numel() + len(tensors[n][1]) > 1]
        self.score = len(self.missing) + len(self.extra) + 2 * len(self.wrong)

    def text(self):
        parts = []
        if self.missing:
            parts.append(f'{len(self.missing)} missing (first {self.missing[0]})')
        if self.extra:
            parts.append(f'{len(self.extra)} unexpected (first {self.extra[0]})')
        if self.wrong:
            n, a, b = self.wrong[0]
            parts.append(f'{len(self.wrong)} of another shape (first {n}: {list(a)} in the definition, '
                         f'{list(b)} in the weights)')
        return ', '.join(parts)


def best_fit(module, states):
    return min((Fit(module, i, t) for i, s in enumerate(states) for t in renamed(s)), key=lambda f: f.score)


def signature(m):
    """What tells two modules apart that have the same weights."""
    def plain(v):
        return v if isinstance(v, (int, float, str, bool, type(None), tuple, list)) else type(v).__name__
    return [(n, type(x).__qualname__, {k: plain(v) for k, v in x.__dict__.items() if not k.startswith('_')})
            for n, x in m.named_modules()]


def find(module, states):
    """The one that fits."""
    made, failed = [], []
    for group in candidates(module):  # functions may do anything: they are called only if nothing else fits
        if any(fit.score == 0 for _, _, fit in made):
            break
        for name, make in group:
            try:
                m = make()
            except Exception as e:
                failed.append((name, e))
                continue
            if hasattr(m, 'entries'):
                made.append((name, m, best_fit(m, states)))
    if not made:
        reason = next((e for _, e in failed if isinstance(e, Unsupported)), None)
        if reason is not None:
            raise reason
        if failed:
            name, e = failed[-1]
            raise Wrong(f'{name}() fails: {type(e).__name__}: {e}')
        raise Wrong('no class or function in it makes a module without arguments: name one, FILE.py:EXPRESSION')
    exact = [c for c in made if c[2].score == 0]
    if not exact:
        same = [c for c in made if not c[2].missing and not c[2].wrong]
        exact = same if len(same) == 1 and len(made) == 1 else []
    different = []
    for c in exact:
        if not any(signature(c[1]) == signature(d[1]) for d in different):
            different.append(c)
    if len(different) == 1:
        return different[0]
    names = ', '.join(n for n, _, _ in (different or made)[:12])
    if different:
        raise Wrong(f'the weights fit several: {names}: name one, FILE.py:EXPRESSION')
    name, _, fit = min(made, key=lambda c: c[2].score)
    why = next((f'; {n}() fails: {e}' for n, e in failed), '')
    raise Wrong(f'the weights fit none of {names}; nearest {name}: {fit.text()}{why}')


def named(module, expression, states):
    import torch
    try:
        m = eval(expression, dict(vars(module)))
    except NameError as e:
        import difflib
        near = difflib.get_close_matches(expression.partition('(')[0], [n for g in candidates(module) for n, _ in g])
        raise Wrong(f"{expression}: {e}" + (f"; closest: {', '.join(near)}" if near else '')) from None
    if not isinstance(m, torch.nn.Module) and callable(m):
        m = m()
    if not isinstance(m, torch.nn.Module):
        raise Wrong(f'{expression} is a {type(m).__name__}, not a module')
    fit = best_fit(m, states)
    if fit.missing or fit.wrong:
        raise Wrong(f'the weights do not fit {expression}: {fit.text()}')
    return expression, m, fit
