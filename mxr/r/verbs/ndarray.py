"""NDArrays and random numbers, for R."""

from __future__ import annotations

from typing import Any

import numpy as np

from mxr.engine.ndarray import NDArray, call
from mxr.io import params as files
from mxr.nd import full as filled
from mxr.operator import MxError, ShapeError, get, match_inputs, shape_text
from mxr.operator.record import AN_ARRAY
from mxr.r.bridge.convert import Dims
from mxr.r.bridge.registry import verb
from mxr.r.verbs import values
from mxr.r.verbs.values import array, file_name, number_text, pairs
from mxr.random import streams as random


@verb("nd.array")
def from_r(value: Any) -> NDArray:
    return array(value, "mx.nd.array: src.array")


@verb("nd.value")
def to_r(nd: NDArray) -> np.ndarray:
    return nd.data


@verb("nd.copy")
def copy(nd: Any) -> NDArray:
    return array(nd).copy()


@verb("nd.full")
def full(shape: Any, value: float) -> NDArray:
    return filled(values.shape(shape), value)


@verb("nd.dim")
def dim(nd: NDArray) -> Dims:
    return Dims(nd.shape)


@verb("nd.slice")
def slice_samples(nd: Any, begin: Any, end: Any) -> NDArray:
    """Elements `begin` to `end` (from 0, `end` excluded) of R's last dimension."""
    nd = array(nd)
    if not all(isinstance(i, (int, float)) for i in (begin, end)):
        raise MxError("mx.nd.slice: begin and end must be one number each")
    if not 0 <= begin <= end <= nd.shape[0]:
        raise MxError(
            f"mx.nd.slice: begin {number_text(begin)} and end {number_text(end)} do not lie within the "
            f"{nd.shape[0]} elements of the last dimension"
        )
    return NDArray(nd.data[int(begin) : int(end)].copy())


@verb("nd.assign")
def assign(targets: Any, sources: Any) -> None:
    for (_, target), (_, source) in zip(pairs(targets), pairs(sources)):
        values.assign(target, source, "the array")


@verb("nd.save")
def save(arrays: Any, path: str) -> None:
    """Write NDArrays to MXNet's file format, with their names if all have one."""
    items = pairs(arrays)
    if len(items) < len(arrays):
        raise MxError("mx.nd.save: an element is NULL, not an NDArray")
    named = bool(items) and all(k for k, _ in items)
    data = [array(v, "mx.nd.save: every element").data for _, v in items]
    files.save(file_name(path), dict(zip([k for k, _ in items], data)) if named else data)


@verb("nd.load")
def load(path: str) -> dict[str, NDArray] | list[NDArray]:
    loaded = files.load(file_name(path))
    if isinstance(loaded, dict):
        return {k: _nd(v) for k, v in loaded.items()}
    return [_nd(v) for v in loaded]


def _nd(value: Any) -> NDArray:
    return value if isinstance(value, NDArray) else NDArray(value)


# ---------------------------------------------------------------------------------------------- operators

# R's operator: the operators for two arrays, for a number on the right, for a number on the left
# fmt: off
_BINARY = {
    "+":  ("elemwise_add",   "_plus_scalar",          "_plus_scalar"),
    "-":  ("elemwise_sub",   "_minus_scalar",         "_rminus_scalar"),
    "*":  ("elemwise_mul",   "_mul_scalar",           "_mul_scalar"),
    "/":  ("elemwise_div",   "_div_scalar",           "_rdiv_scalar"),
    "%%": ("_mod",           "_mod_scalar",           "_rmod_scalar"),
    "^":  ("_power",         "_power_scalar",         "_rpower_scalar"),
    "==": ("_equal",         "_equal_scalar",         "_equal_scalar"),
    "!=": ("_not_equal",     "_not_equal_scalar",     "_not_equal_scalar"),
    ">":  ("_greater",       "_greater_scalar",       "_lesser_scalar"),
    "<":  ("_lesser",        "_lesser_scalar",        "_greater_scalar"),
    ">=": ("_greater_equal", "_greater_equal_scalar", "_lesser_equal_scalar"),
    "<=": ("_lesser_equal",  "_lesser_equal_scalar",  "_greater_equal_scalar"),
    "&":  ("_logical_and",   "_logical_and_scalar",   "_logical_and_scalar"),
    "|":  ("_logical_or",    "_logical_or_scalar",    "_logical_or_scalar"),
}
# fmt: on


@verb("nd.binary")
def binary(generic: str, a: Any, b: Any) -> NDArray:
    """`a generic b` for arrays of one shape, or an array and a number. An array of one element counts as a
    number beside an array of another size."""
    if generic not in _BINARY:
        raise MxError(f"`{generic}` is not defined for NDArrays; use as.array first")
    both, right, left = _BINARY[generic]
    a, b = (
        x if isinstance(x, (NDArray, int, float)) else array(x, f"`{generic}`: an operand") for x in (a, b)
    )
    if isinstance(a, NDArray) and isinstance(b, NDArray):
        if a.shape == b.shape:
            return call(both, [a, b], {})[0]
        if (a.size == 1) == (b.size == 1):
            raise ShapeError(
                f"`{generic}`: the arrays have shapes {shape_text(a.shape)} and {shape_text(b.shape)}; "
                "mx.nd.broadcast functions repeat dimensions of 1"
            )
        a, b = (x.data.item() if x.size == 1 else x for x in (a, b))
    if isinstance(a, NDArray):
        return call(right, [a], {"scalar": number_text(b)})[0]
    return call(left, [b], {"scalar": number_text(a)})[0]


def _is_input(value: Any) -> bool:
    return isinstance(value, (NDArray, np.ndarray, int, float))


@verb("nd.invoke")
def invoke(op_name: str, arguments: Any, out: Any) -> NDArray | list[NDArray]:
    """Call an operator on the arguments of an R call. An input may be an NDArray, an R array or a number. The
    result, or a list of several; `out`: NDArrays to write them into."""
    op = get(op_name)
    where = op_name if op_name.startswith("_") else "mx.nd." + op_name.replace("_", ".")
    # mx.cpu() and the like are accepted, and have no effect; a text is an error of the operator
    given = [(k, v) for k, v in pairs(arguments) if k != "ctx" or isinstance(v, str)]
    if op.variadic:  # any number of inputs: their names are ignored
        given = [("" if _is_input(v) and k.replace(".", "_") not in op.params else k, v) for k, v in given]
    positional, named, params = values.split(op, given, where, _is_input, AN_ARRAY)
    positional = [array(v, f"{where}: an input") for v in positional]
    named = {k: array(v, f"{where}: {k}") for k, v in named.items()}
    if op.variadic in op.params:
        params.setdefault(op.variadic, str(len(positional)))
    inputs = match_inputs(
        op, op.parse(params, where), positional, named, where, fill_gaps=True, complete=True
    )
    outs = None if out is None else [array(v) for _, v in pairs(out)]
    results = call(op_name, list(inputs.values()), params, outs, where)
    return results[0] if len(results) == 1 else list(results)


@verb("random.seed")
def seed(value: int) -> None:
    random.seed(value)


@verb("random.exchange")
def exchange(source: Any = None) -> Any:
    """Draw from `source`, or from fresh streams. Returns the previous streams, to be put back later."""
    return random.exchange(source)


@verb("random.draw")
def draw(kind: str, dim: Any, a: float, b: float) -> NDArray:
    """Uniform numbers in [a, b), or normal ones with mean a and standard deviation b. a and b are rounded to
    six significant digits, as in MXNet's R package."""
    fill = {"uniform": random.uniform, "normal": random.normal}[kind]
    return NDArray(fill(values.shape(dim), float(number_text(a)), float(number_text(b))))
