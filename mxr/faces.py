"""The Python functions that follow from an operator's declaration, for symbols and for arrays."""
from __future__ import annotations

import inspect
from collections.abc import Callable

from .ndarray import NDArray, array, call
from .op import REQUIRED, Op, get
from .symbol import Symbol, create


def symbol_function(name: str) -> Callable[..., Symbol]:
    """`f(*symbols, name=None, **parameters_or_symbols)`; dotted and underscored spellings are one parameter."""
    op = get(name)

    def function(*args, name=None, attr=None, **kw):
        args = [s for a in args for s in (a if isinstance(a, (list, tuple)) else (a,))]
        inputs = {k: v for k, v in kw.items() if isinstance(v, Symbol)}
        attrs = {k: v for k, v in kw.items() if k not in inputs}
        return create(_name, args, inputs, {**attrs, **(attr or {})}, name, f"mxr.sym.{_name}")
    _name = name
    return _dress(function, name, op, Symbol)


def array_function(name: str) -> Callable[..., NDArray]:
    """`f(*arrays, out=None, **parameters_or_arrays)`; plain numbers, lists and numpy arrays are taken for arrays by position."""
    op = get(name)

    def function(*args, out=None, **kw):
        args = [a for x in args for a in (x if isinstance(x, (list, tuple)) and any(isinstance(v, NDArray) for v in x) else (x,))]
        named = {k.replace(".", "_"): v for k, v in kw.items() if isinstance(v, NDArray)}
        attrs = {k: v for k, v in kw.items() if not isinstance(v, NDArray)}
        if named:
            probe = {k.replace(".", "_"): v for k, v in attrs.items()}
            order = (*op.inputs(op.parse(probe, f"mxr.nd.{_name}")), *op.aux(op.parse(probe)))
            args += [named.pop(k) for k in order[len(args):] if k in named]
            if named:
                raise TypeError(f"mxr.nd.{_name} has no input {', '.join(named)}; it has {', '.join(order)}")
        results = call(_name, [a if isinstance(a, NDArray) else array(a) for a in args], attrs, out, f"mxr.nd.{_name}")
        return results[0] if len(results) == 1 else results
    _name = name
    return _dress(function, name, op, NDArray)


def _dress(function, name: str, op: Op, result: type):
    function.__name__ = function.__qualname__ = name
    params = [inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)]
    params += [inspect.Parameter(k, inspect.Parameter.KEYWORD_ONLY, default=inspect.Parameter.empty if v.default is REQUIRED else v.default)
               for k, v in op.params.items()]
    params.append(inspect.Parameter("name" if result is Symbol else "out", inspect.Parameter.KEYWORD_ONLY, default=None))
    seen: dict = {p.name: p for p in params}
    function.__signature__ = inspect.Signature(list(seen.values()))
    lines = [op.doc, ""] if op.doc else []
    if op.params:
        lines.append("Parameters")
        lines += [f"    {k} ({v.type_text}{', required' if v.required else f', default {v.default!r}'}): {v.doc}" for k, v in op.params.items()]
    function.__doc__ = "\n".join(lines)
    return function
