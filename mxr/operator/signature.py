"""The signature of an operator as a Python function."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Literal

import numpy.typing as npt

from mxr.operator.inputs import LIST_NAMED_ARGS as LIST_NAMED_ARGS
from mxr.operator.inputs import any_value as any_value
from mxr.operator.inputs import inputs_of, list_of
from mxr.operator.parameters import REQUIRED, Dtype, Floats, Parameter, Shape
from mxr.operator.record import Op

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
    """The Python annotation of a parameter."""
    kind = Literal[tuple(p.one_of)] if p.one_of else _KINDS[p.type]
    return kind | None if p.none else kind


def signature(op: Op, of_input: Any, result: Any, **more: Any) -> inspect.Signature:
    """A signature with the inputs by position or name, and the parameters by name, with types and defaults.

    `more` gives further keywords and their types. Their default is None.
    """
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
