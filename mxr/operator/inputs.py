"""All inputs that an operator has with any setting of its parameters. `op` is an `Op` (record.py)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mxr.operator.parameters import REQUIRED, Dtype, Floats, Parameter, Shape

# operators whose list of inputs MXNet calls `args`, without a parameter num_args
LIST_NAMED_ARGS = {"add_n", "khatri_rao"}


def list_of(op: Any) -> str | None:
    """The name of the list of inputs, if an operator has one of any length; else None."""
    if op.variadic or op.open:
        return "args" if op.name in LIST_NAMED_ARGS else "data"
    p = SimpleNamespace(**{n: any_value(q) for n, q in op.params.items()})
    return "data" if any(n.endswith("_0") for n in op.inputs(p)) else None


def inputs_of(op: Any) -> list[str]:
    """The names of all inputs that some setting of the parameters has, auxiliary states last."""
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
    """A possible value of a parameter: its default if there is one."""
    if p.default is not REQUIRED:
        return p.default
    if p.one_of:
        return p.one_of[0]
    return {float: 1.0, int: 1, bool: False, str: "", Shape: (1, 1), Floats: (1.0,), Dtype: "float32"}[p.type]
