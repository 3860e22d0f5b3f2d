"""What an operator can be called with: every input that any setting of its parameters asks for; Python's
signature of it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Literal

import numpy.typing as npt

from mxr.operator.parameters import REQUIRED, Dtype, Floats, Parameter, Shape
from mxr.operator.record import Op

# MXNet calls their list of inputs args, and takes no num_args beside it
LIST_NAMED_ARGS = {
    "add_n",
    "khatri_rao",
}


def list_of(op: Op) -> str | None:
    """The name of an operator's inputs where these are a list of any length."""
    if op.variadic or op.open:
        return "args" if op.name in LIST_NAMED_ARGS else "data"
    p = SimpleNamespace(**{n: any_value(q) for n, q in op.params.items()})
    return "data" if any(n.endswith("_0") for n in op.inputs(p)) else None


def inputs_of(op: Op) -> list[str]:
    """Every input that some setting of the parameters asks for, auxiliary states last."""
    if name := list_of(op):
        return [name]
    tries: list[dict] = [{}, {n: True for n, q in op.params.items() if q.type is bool}]
    for name, param in op.params.items():
        if param.one_of:
            tries += [{name: v} for v in param.one_of]
        elif param.type is bool:
            tries += [{name: True}, {name: False}]
    found: list[list[str]] = [[], []]
    for change in tries:
        p = SimpleNamespace(**{n: any_value(q) for n, q in op.params.items()} | change)
        for known, given in zip(found, (op.inputs(p), op.aux(p))):
            for i, name in enumerate(given):
                if name not in known:
                    after = known.index(given[i - 1]) + 1 if i else 0
                    known.insert(after, name)
    return found[0] + found[1]


def any_value(p: Parameter) -> Any:
    """Some value that a parameter can have: its default, where it has one."""
    if p.default is not REQUIRED:
        return p.default
    if p.one_of:
        return p.one_of[0]
    return {float: 1.0, int: 1, bool: False, str: "", Shape: (1, 1), Floats: (1.0,), Dtype: "float32"}[p.type]


_KINDS: dict[type, Any] = {
    float: float,
    int: int,
    bool: bool,
    str: str,
    Shape: int | Sequence[int],
    Floats: float | Sequence[float],
    Dtype: npt.DTypeLike,
}


def annotation(p: Parameter) -> Any:
    """The type of a parameter, for Python."""
    kind = Literal[tuple(p.one_of)] if p.one_of else _KINDS[p.type]
    return kind | None if p.none else kind


def signature(op: Op, of_input: Any, result: Any, **more: Any) -> inspect.Signature:
    """The inputs by position or name, the parameters by name, with types and defaults; `more`: further
    keywords, by their types, which are None by default."""
    listed = list_of(op)
    by_name = inspect.Parameter.KEYWORD_ONLY
    if listed:
        found = [inspect.Parameter(listed, inspect.Parameter.VAR_POSITIONAL, annotation=of_input)]
    else:
        found = [
            inspect.Parameter(
                k, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=of_input | None
            )
            for k in inputs_of(op)
        ]
    known = {p.name for p in found}
    for k, p in op.params.items():
        if k not in known and not (listed and k == op.variadic):
            default = inspect.Parameter.empty if p.default is REQUIRED else p.default
            found.append(inspect.Parameter(k, by_name, default=default, annotation=annotation(p)))
    known = {p.name for p in found}
    found += [
        inspect.Parameter(k, by_name, default=None, annotation=kind | None)
        for k, kind in more.items()
        if k not in known
    ]
    if op.open:
        found.append(inspect.Parameter("parameters", inspect.Parameter.VAR_KEYWORD))
    return inspect.Signature(found, return_annotation=result)
