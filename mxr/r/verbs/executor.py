"""Executors, for R."""

from __future__ import annotations

from typing import Any

import numpy as np

from mxr.engine.executor import Executor
from mxr.engine.ndarray import NDArray
from mxr.graph.symbol import Symbol
from mxr.operator import MxError, ShapeError, shape_text, suggest
from mxr.r.bridge.convert import RList
from mxr.r.bridge.registry import verb
from mxr.r.verbs.symbol import output_names
from mxr.r.verbs.values import array, assign, flag, items, pairs, shapes
from mxr.runtime.threads import unbroken

NO_GRADIENT = ("data", "label")  # MXNet's rule: arguments with these endings are not trained


@verb("exec.simple_bind")
def simple_bind(symbol: Symbol, request: str, fixed: Any, given: Any) -> Executor:
    fixed = {v for _, v in pairs(fixed)}
    reqs = {
        name: "null" if name in fixed or name.endswith(NO_GRADIENT) else request
        for name in symbol.list_arguments()
    }
    # as in MXNet's R package, even if a variable declares another type
    single = dict.fromkeys((*reqs, *symbol.list_auxiliary_states()), "float32")
    ex: Executor = symbol.simple_bind(reqs, single, **shapes(given, "mx.simple.bind"))
    return ex


@verb("exec.bind")
def bind(symbol: Symbol, args: Any, aux: Any, requests: Any) -> Executor:
    """Bind to copies of the given arrays: by name if all of the symbol's names are given, else by position.
    Further arrays are ignored, as in MXNet (scripts bind with the auxiliary states of two networks)."""
    arg_names = symbol.list_arguments()
    args = _copies(args, arg_names, "arg.arrays")
    aux = _copies(aux, symbol.list_auxiliary_states(), "aux.arrays")
    each = [v for _, v in pairs(requests)]
    if len(each) == 1:
        each *= len(arg_names)
    if len(each) != len(arg_names):
        raise MxError(
            f"mx.symbol.bind: {len(each)} grad.reqs for {len(arg_names)} arguments ({', '.join(arg_names)})"
        )
    reqs = dict(zip(arg_names, each))
    grads = {k: NDArray(np.zeros_like(args[k].data)) for k, req in reqs.items() if req != "null"}
    ex: Executor = symbol.bind(args, grads, reqs, aux)
    return ex


def _copies(given: Any, names: list[str], what: str) -> dict[str, NDArray]:
    items = pairs(given)
    if len(items) < len(names):
        raise MxError(
            f"mx.symbol.bind: {what} has {len(items)} arrays, the symbol needs {len(names)}: "
            f"{', '.join(names)}"
        )
    by_name = dict(items)
    if all(name in by_name for name in names):
        items = [(name, by_name[name]) for name in names]
    return {name: array(v, f"mx.symbol.bind: {what}: {name}").copy() for name, (_, v) in zip(names, items)}


@verb("exec.forward")
def forward(ex: Executor, is_train: Any) -> None:
    ex.forward(flag(is_train, "mx.exec.forward", "is.train"))


@verb("exec.backward")
def backward(ex: Executor, heads: Any) -> None:
    if heads is None:
        ex.backward()
        return
    given: list[Any] = []
    for _, v in pairs(heads):
        given += [w for _, w in pairs(v)] if isinstance(v, (RList, dict)) else [v]
    if not given:
        ex.backward()
        return
    if len(given) > len(ex.output_list):
        raise MxError(
            f"mx.exec.backward: {len(given)} head gradients for {len(ex.output_list)} outputs "
            f"({', '.join(ex.outputs)})"
        )
    arrays = [array(v, "mx.exec.backward: a head gradient") for v in given]
    ex.backward(arrays + [None] * (len(ex.output_list) - len(given)))


def _part(ex: Executor, which: str) -> tuple[list[str], list[NDArray | None]]:
    if which == "outputs":
        return output_names(ex.symbol), list(ex.output_list)
    found = {"args": ex.args, "grads": ex.grads, "aux": ex.aux}[which]
    return list(found), list(found.values())


@verb("exec.arrays")
def arrays(ex: Executor, which: str) -> RList:
    names, found = _part(ex, which)
    return RList(found, names)


@verb("exec.copies")
def copies(ex: Executor, which: str) -> RList:
    names, found = _part(ex, which)
    return RList([None if a is None else a.copy() for a in found], names)


@verb("exec.update")
@unbroken
def update(ex: Executor, which: str, given: Any, match_name: Any, skip_null: Any) -> None:
    """Copy arrays into the executor's, by name or by position."""
    target = {"arg": ex.args, "aux": ex.aux, "grad": ex.grads}[which]
    function = f"mx.exec.update.{which}.arrays"
    given = items(given)
    skip_null = flag(skip_null, function, "skip.null")
    if flag(match_name, function, "match.name"):
        for name, _ in given:
            if not name:
                raise MxError(f"{function}: with match.name = TRUE every array needs a name")
            if name not in target:
                raise MxError(
                    f"{function}: the executor has no {which}.array {name}"
                    + (suggest(name, target) or f"; it has {', '.join(target)}")
                )
    else:
        if len(given) != len(target):
            raise MxError(
                f"{function}: {len(given)} arrays for {len(target)} ({', '.join(target)}); "
                "give all of them in order, or names and match.name = TRUE"
            )
        given = [(name, value) for name, (_, value) in zip(target, given)]
    for name, value in given:
        if value is None:
            if not skip_null and target[name] is not None:
                raise MxError(f"{function}: {name} is NULL; skip.null = TRUE leaves such arrays as they are")
        elif target[name] is None:
            raise MxError(f"{function}: {name} has no gradient")
        else:
            assign(target[name], value, function, name)


@verb("exec.load")
def load(ex: Executor, args: Any, aux: Any) -> None:
    """Copy a model's parameters into the executor. Parameters that the executor does not have are ignored."""
    for given, target in ((args, ex.args), (aux, ex.aux)):
        for name, value in pairs(given):
            if name in target:
                try:
                    assign(target[name], value, name)
                except ShapeError:
                    raise ShapeError(
                        f"for inputs of these dimensions {name} must have the shape "
                        f"{shape_text(target[name].shape)}, but the model's has "
                        f"{shape_text(array(value).shape)}: are the dimensions of the inputs and "
                        "array.layout right?"
                    ) from None
