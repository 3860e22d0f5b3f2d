"""NDArrays and random numbers, for R."""

from __future__ import annotations

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
def from_r(value):
    return array(value, "mx.nd.array: src.array")


@verb("nd.value")
def to_r(nd: NDArray):
    return nd.data


@verb("nd.copy")
def copy(nd):
    return array(nd).copy()


@verb("nd.full")
def full(shape, value: float):
    return filled(values.shape(shape), value)


@verb("nd.dim")
def dim(nd: NDArray):
    return Dims(nd.shape)


@verb("nd.slice")
def slice_samples(nd, begin, end):
    """Elements begin to end (from 0, half open) of R's last dimension."""
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
def assign(targets, sources):
    for (_, target), (_, source) in zip(pairs(targets), pairs(sources)):
        values.assign(target, source, "the array")


@verb("nd.save")
def save(arrays, path: str):
    """Write NDArrays to MXNet's file format, with their names if all have one."""
    items = pairs(arrays)
    if len(items) < len(arrays):
        raise MxError("mx.nd.save: an element is NULL, not an NDArray")
    named = bool(items) and all(k for k, _ in items)
    data = [array(v, "mx.nd.save: every element").data for _, v in items]
    files.save(file_name(path), dict(zip([k for k, _ in items], data)) if named else data)


@verb("nd.load")
def load(path: str):
    loaded = files.load(file_name(path))
    if isinstance(loaded, dict):
        return {k: _nd(v) for k, v in loaded.items()}
    return [_nd(v) for v in loaded]


def _nd(value) -> NDArray:
    return value if isinstance(value, NDArray) else NDArray(value)


# ---------------------------------------------------------------------------------------------- operators

# R's operator -> between arrays, number on the right, number on the left
_BINARY = {
    "+": ("elemwise_add", "_plus_scalar", "_plus_scalar"),
    "-": ("elemwise_sub", "_minus_scalar", "_rminus_scalar"),
    "*": ("elemwise_mul", "_mul_scalar", "_mul_scalar"),
    "/": ("elemwise_div", "_div_scalar", "_rdiv_scalar"),
    "%%": ("_mod", "_mod_scalar", "_rmod_scalar"),
    "^": ("_power", "_power_scalar", "_rpower_scalar"),
    "==": ("_equal", "_equal_scalar", "_equal_scalar"),
    "!=": ("_not_equal", "_not_equal_scalar", "_not_equal_scalar"),
    ">": ("_greater", "_greater_scalar", "_lesser_scalar"),
    "<": ("_lesser", "_lesser_scalar", "_greater_scalar"),
    ">=": ("_greater_equal", "_greater_equal_scalar", "_lesser_equal_scalar"),
    "<=": ("_lesser_equal", "_lesser_equal_scalar", "_greater_equal_scalar"),
    "&": ("_logical_and", "_logical_and_scalar", "_logical_and_scalar"),
    "|": ("_logical_or", "_logical_or_scalar", "_logical_or_scalar"),
}


@verb("nd.binary")
def binary(generic: str, a, b):
    """`a generic b` for arrays of one shape, or an array and a number."""
    if generic not in _BINARY:
        raise MxError(f"`{generic}` is not defined for NDArrays; use as.array first")
    both, right, left = _BINARY[generic]
    a, b = (
        x if isinstance(x, (NDArray, int, float)) else array(x, f"`{generic}`: an operand") for x in (a, b)
    )
    if isinstance(a, NDArray) and isinstance(b, NDArray):
        if a.shape != b.shape:
            number = next((x for x, other in ((b, a), (a, b)) if x.size == 1 and other.size != 1), None)
            if number is None:
                raise ShapeError(
                    f"`{generic}`: the arrays have shapes {shape_text(a.shape)} and {shape_text(b.shape)}; "
                    "mx.nd.broadcast functions repeat dimensions of 1"
                )
            a, b = (x.data.item() if x is number else x for x in (a, b))
        else:
            return call(both, [a, b], {})[0]
    if isinstance(a, NDArray):
        return call(right, [a], {"scalar": number_text(b)})[0]
    return call(left, [b], {"scalar": number_text(a)})[0]


def _is_input(value) -> bool:
    return isinstance(value, (NDArray, np.ndarray, int, float))


@verb("nd.invoke")
def invoke(op_name: str, arguments, out):
    """Call an operator on the arguments of an R call; numbers and R arrays are taken where an input is
    expected."""
    op = get(op_name)
    where = op_name if op_name.startswith("_") else "mx.nd." + op_name.replace("_", ".")
    # a device has no effect
    given = [(k, v) for k, v in pairs(arguments) if k != "ctx" or isinstance(v, str)]
    if op.variadic:  # names of inputs do not count
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
def seed(value: int):
    random.seed(value)


@verb("random.exchange")
def exchange(source=None):
    """Draw from other streams from here on; gives the ones before, to be put back."""
    return random.exchange(source)


@verb("random.draw")
def draw(kind: str, dim, a: float, b: float):
    """Uniform numbers in [a, b), or normal ones with mean a and deviation b; both rounded to six digits as
    MXNet's R package does."""
    fill = {"uniform": random.uniform, "normal": random.normal}[kind]
    return NDArray(fill(values.shape(dim), float(number_text(a)), float(number_text(b))))
