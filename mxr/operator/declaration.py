"""`op`: how an operator is declared.

An operator is one class in `mxr/ops/`, decorated with `@op(name, ...)`. The class is never instantiated: `op`
reads its attributes and functions into an `Op` record. Everything else (symbols, shapes, programs, functions
for R, help pages, tests) is derived from that record. See docs/adding-an-operator.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from mxr.operator.kernel import both_forms
from mxr.operator.parameters import Parameter
from mxr.operator.record import Op
from mxr.operator.registry import register
from mxr.operator.shapes import same_shape

Names = tuple[str, ...]


def _const(value: Callable[[Any], Names] | Iterable[str]) -> Callable[[Any], Names]:
    """A function of the parameters from a class attribute that is such a function or a tuple."""
    if callable(value):
        return value
    names = tuple(value)
    return lambda p: names


def _default_dtype(p: Any, ins: list[np.dtype | None]) -> list[np.dtype]:
    known = next((d for d in ins if d is not None), np.dtype(np.float32))
    return [known]


def _members(cls: type) -> tuple[dict[str, Any], dict[str, Parameter]]:
    """The attributes of a class and its base classes; those of them that are parameters, named and typed."""
    members: dict[str, Any] = {}
    annotations: dict[str, type] = {}
    for base in reversed(cls.__mro__[:-1]):  # base classes first; the last one is `object`
        members.update(vars(base))
        annotations.update(inspect.get_annotations(base, eval_str=True))
    params = {}
    for key, kind in annotations.items():
        param = members[key]
        param.name, param.type = key, kind
        params[key] = param
    return members, params


def _inputs(members: dict[str, Any], variadic: str | None) -> Any:
    """The names of the inputs as declared, else by default: a tuple, or a function of the parameters."""
    if "inputs" in members:
        return members["inputs"]
    if variadic:
        return lambda p: tuple(f"arg{i}" for i in range(getattr(p, variadic)))
    if members.get("forward"):
        return tuple(inspect.signature(members["forward"]).parameters)[1:]
    return ("data",)


def op(
    name: str,
    *aliases: str,
    loss: bool = False,
    random: bool = False,
    zero_gradient: bool = False,
    variadic: str | None = None,
    keeps: Callable[[Any], Names] | Iterable[str] = ("ins", "outs"),
    mutates: Iterable[int] = (),
    open: bool = False,
    subgraphs: int = 0,
) -> Callable[[type], Op]:
    """Declare an operator: `@op("Name", "alias", ...)` above a class. Returns the `Op` record.

    The class has a docstring, which is the help text, its parameters as annotated `P`s (those of base classes
    come first), and:

    - `inputs`: a tuple of names, or a function of the parameters. Default: the names of `forward`'s arguments
      after `p`, or `("data",)`. The same for `aux`, `outputs` (default `("output",)`) and `hidden`.
    - `infer_shape(p, ins, outs)`. Default: all shapes are equal.
    - `infer_type(p, ins)`, and `own_types`: names of inputs whose type may differ from the others', "*" for
      all, or a function from the others' type to these names.
    - `forward` and `backward` of an expression; or `compute` and `gradient` of a kernel. A kernel may have
      `prepare` and `prepare_gradient` with the same arguments instead, which return a call that computes.
    - beside `prepare`, optionally `native(p, ins, outs)`: the call as one step of the native core, or None if
      the core cannot do it for these arrays.
    - beside a kernel, optionally `inference(p, *inputs)`: the visible output as an expression, if nothing is
      trained and no gradient is computed; None if there is none for these inputs.
    - optionally `segment(p, shape, *inputs)`: the image of this shape that it computes in a segment (see
      `mxr.compiler.images`), or None if it cannot be part of one with these inputs.
    - optionally `complete(p, where)`, which adds derived values to the parsed parameters.

    `variadic="num_args"`: any number of inputs named arg0, arg1, ..., which the parameter counts. `open`:
    parameters of any name, as text in `p.others`.
    """

    def declare(cls: type) -> Op:
        d, params = _members(cls)
        compute, prepare = both_forms(d.get("compute"), d.get("prepare"), d.get("native"))
        gradient, prepare_gradient = both_forms(d.get("gradient"), d.get("prepare_gradient"))
        record = Op(
            name=name,
            doc=inspect.cleandoc(cls.__doc__ or ""),
            params=params,
            inputs=_const(_inputs(d, variadic)),
            aux=_const(d.get("aux", ())),
            outputs=_const(d.get("outputs", ("output",))),
            hidden=_const(d.get("hidden", ())),
            infer_shape=d.get("infer_shape", same_shape),
            infer_type=d.get("infer_type", _default_dtype),
            forward=d.get("forward"),
            backward=d.get("backward"),
            compute=compute,
            gradient=gradient,
            prepare=prepare,
            prepare_gradient=prepare_gradient,
            aliases=aliases,
            variadic=variadic,
            loss=loss,
            random=random,
            zero_gradient=zero_gradient,
            keeps=_const(keeps),
            own_types=_const(d.get("own_types", ())),
            mutates=tuple(mutates),
            family=cls.__module__.rsplit(".", 1)[-1],
            open=open,
            subgraphs=subgraphs,
            complete=d.get("complete"),
            bound=d.get("bound"),
            inference=d.get("inference"),
            segment=d.get("segment"),
        )
        return register(record)

    return declare
