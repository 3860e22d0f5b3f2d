"""`op`: how an operator is declared.

An operator is one class in `mxr/ops/`, decorated with `@op(name, ...)`. Nothing of the class is ever
instantiated: `op` reads its attributes and functions into an `Op` record, and everything else (symbols,
shapes, plans, the R faces, help pages, tests) follows from that record. See docs/adding-an-operator.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from mxr.operator.kernel import both_forms
from mxr.operator.record import Op
from mxr.operator.registry import register
from mxr.operator.shapes import same_shape

Names = tuple[str, ...]


def _const(value: Callable[[Any], Names] | Iterable[str]) -> Callable[[Any], Names]:
    """A class attribute that is a tuple, or a function of the parameters, as a function of the parameters."""
    if callable(value):
        return value
    names = tuple(value)
    return lambda p: names


def _default_dtype(p: Any, ins: list[np.dtype | None]) -> list[np.dtype]:
    known = next((d for d in ins if d is not None), np.dtype(np.float32))
    return [known]


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
    """Declare an operator: `@op("Name", "alias", ...)` over a class; returns the `Op` record.

    The class has: a docstring (the help text); parameters as annotated `P`s; `inputs` (tuple of names, or a
    function of the parameters; default: the names of `forward`'s arguments after `p`, or `("data",)`);
    optionally `aux`, `outputs` (default `("output",)`), `hidden`; `infer_shape(p, ins, outs)` (default: all
    shapes equal); optionally `infer_type(p, ins)`, and `own_types` (names of inputs that may have another
    type than the rest, "*" for all; or a function of the rest's type that gives them); and either
    `forward`/`backward` (expressions) or `compute`/`gradient` (kernels). A kernel may have
    `prepare`/`prepare_gradient` instead, of the same arguments: they compute nothing yet, but return a call
    that does. Beside `prepare` there may be `native(p, ins, outs)`: the same as one step of the native core,
    or None where the core has none for these arrays. Beside a kernel there may be `inference(p, *inputs)`:
    the visible output as an expression, where nothing is trained and no gradient taken; None where there is
    none for these inputs. `variadic="num_args"`: any number of inputs named arg0,
    arg1, ...; the parameter counts them. `open`: parameters of any name, as text in `p.others`. `complete(p,
    where)`, if there is one, adds to parsed parameters what follows from them.
    """

    def declare(cls: type) -> Op:
        d = cls.__dict__
        params = {}
        annotations = inspect.get_annotations(cls, eval_str=True)
        for key, kind in annotations.items():
            param = d[key]
            param.name, param.type = key, kind
            params[key] = param
        forward = d.get("forward")
        if variadic:
            inputs = d.get("inputs") or (
                lambda p, _v=variadic: tuple(f"arg{i}" for i in range(getattr(p, _v)))
            )
        elif "inputs" in d:
            inputs = d["inputs"]
        elif forward:
            inputs = tuple(inspect.signature(forward).parameters)[1:]
        else:
            inputs = ("data",)
        compute, prepare = both_forms(d.get("compute"), d.get("prepare"), d.get("native"))
        gradient, prepare_gradient = both_forms(d.get("gradient"), d.get("prepare_gradient"))
        record = Op(
            name=name,
            doc=inspect.cleandoc(cls.__doc__ or ""),
            params=params,
            inputs=_const(inputs),
            aux=_const(d.get("aux", ())),
            outputs=_const(d.get("outputs", ("output",))),
            hidden=_const(d.get("hidden", ())),
            infer_shape=d.get("infer_shape", same_shape),
            infer_type=d.get("infer_type", _default_dtype),
            forward=forward,
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
        )
        return register(record)

    return declare
