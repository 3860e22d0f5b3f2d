"""Python functions from operators' declarations, for symbols (`mxr.sym.*`) and for arrays (`mxr.nd.*`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mxr.engine.ndarray import NDArray, array, call, numbers
from mxr.graph.symbol import Symbol, create
from mxr.operator import MxError, Op, get, match_inputs, not_here, registry, suggest
from mxr.operator.signature import signature

# Groups of operators in MXNet's Python, each with an example of how its members are called in mxr.
GROUPS = {
    "random": "random_uniform(low=0, high=1, shape=(2, 3)) for example",
    "linalg": "linalg_gemm2(a, b) for example",
    "contrib": "_contrib_box_iou(a, b) for example",
    "image": "_image_normalize(data) for example",
    "sparse": "dot(a, b) for example, of dense arrays",
    "op": "dot(a, b) for example",
}


def no_function(module: str, name: str) -> AttributeError:
    """The error for a name of `mxr.sym` or `mxr.nd` that is no operator. It says what MXNet has by that
    name, or which names are similar."""
    if name in GROUPS:
        return AttributeError(
            f"{module} has no {name}: operators have one name each here, {module}.{GROUPS[name]}"
        )
    return AttributeError(
        not_here(name) or f"module {module!r} has no attribute {name!r}" + suggest(name, registry)
    )


def symbol_function(name: str) -> Callable[..., Symbol]:
    """`f(*symbols, name=None, **parameters_or_symbols)`. Names may be spelled with dots or underscores."""
    op, where = get(name), f"mxr.sym.{name}"
    op_name = name

    def function(*args: Any, name: Any = None, attr: Any = None, **kw: Any) -> Symbol:
        for what, value, kind, word in (("name", name, str, "text"), ("attr", attr, dict, "a dict")):
            if value is not None and not isinstance(value, kind):
                raise MxError(f"{where}: {what} must be {word}, not {type(value).__name__}")
        symbols = [s for a in args for s in (a if isinstance(a, (list, tuple)) else (a,))]
        inputs = {k: v for k, v in kw.items() if isinstance(v, Symbol)}
        attrs = {k: v for k, v in kw.items() if k not in inputs}
        _check_parameters(op, inputs, where)
        for key in [] if op.open else _others(op, attrs):
            if attrs[key] is not None:
                op.check_input(key, where, type(attrs[key]).__name__)
            elif op.has_input(_plain(key)):
                del attrs[key]  # an input that is None is not given
        return create(op_name, symbols, inputs, {**attrs, **(attr or {})}, name, where)

    return _documented(function, name, op, Symbol)


def array_function(name: str) -> Callable[..., NDArray]:
    """`f(*arrays, out=None, **parameters_or_arrays)`. Numbers, lists and NumPy arrays are converted to
    arrays."""
    op, where = get(name), f"mxr.nd.{name}"

    def function(*args: Any, out: Any = None, **kw: Any) -> NDArray | list[NDArray]:
        given: list[Any] = []
        for x in args:
            is_list = isinstance(x, (list, tuple)) and any(isinstance(v, NDArray) for v in x)
            given += x if is_list else [x]
        others = _others(op, kw)
        attrs = {k: v for k, v in kw.items() if k not in others}
        _check_parameters(op, {k: v for k, v in attrs.items() if isinstance(v, (NDArray, Symbol))}, where)
        if others:
            given = _matched(op, given, attrs, {k: kw[k] for k in others}, where)
        arrays = [a if isinstance(a, NDArray) else array(numbers(a, f"{where}: an input")) for a in given]
        results = call(name, arrays, attrs, out, where)
        return results[0] if len(results) == 1 else results

    return _documented(function, name, op, NDArray)


def _plain(key: str) -> str:
    return key.replace(".", "_")


def _others(op: Op, kw: dict) -> list[str]:
    """The keywords that are no parameters: inputs and mistakes."""
    if op.open:
        return [k for k, v in kw.items() if isinstance(v, (NDArray, np.ndarray))]
    return [k for k in kw if _plain(k) not in op.params and not k.startswith("__")]


def _check_parameters(op: Op, given: dict, where: str) -> None:
    for key, value in given.items():
        if _plain(key) in op.params:
            raise MxError(f"{where}: {key} is a parameter and takes a value, not a {type(value).__name__}")


def _matched(op: Op, args: list, attrs: dict, named: dict, where: str) -> list:
    """The inputs in the operator's order, from positional arguments and keywords."""
    inputs = [k for k in named if op.open or op.has_input(_plain(k))]
    given = {
        k: v if isinstance(v, NDArray) else array(numbers(v, f"{where}: {k} is an input and"))
        for k in inputs
        if (v := named[k]) is not None
    }
    op.plain_names({k: None for k in named if k not in inputs}, where)  # raises for mistakes
    p = op.parse({k: v for k, v in attrs.items() if op.takes(_plain(k))}, where)
    return list(match_inputs(op, p, args, given, where, complete=True).values())


def _documented(function: Any, name: str, op: Op, result: type) -> Callable[..., Any]:
    """The function with its name, signature and docstring."""
    function.__name__ = function.__qualname__ = name
    if result is Symbol:
        function.__signature__ = signature(op, Symbol, Symbol, name=str, attr=dict[str, str])
    else:
        function.__signature__ = signature(op, NDArray, Any, out=NDArray | list[NDArray])
    lines = [op.doc, ""] if op.doc else []
    if op.params:
        lines.append("Parameters")
        lines += [
            f"    {k} ({v.type_text}{', required' if v.required else f', default {v.default!r}'}): {v.doc}"
            for k, v in op.params.items()
        ]
    function.__doc__ = "\n".join(lines)
    return function
