"""`mxr.nd.*`: one function per operator on NDArrays, and what makes them: `array`, `zeros`, `ones`, `load`,
`save`."""

from __future__ import annotations

from operator import index

import numpy as np

from mxr import ops  # noqa: F401  (declares the operators)
from mxr.engine.device import Context, checked
from mxr.engine.functions import GROUPS, array_function
from mxr.engine.ndarray import NDArray, numbers
from mxr.engine.ndarray import array as _array
from mxr.operator import MxError, affordable, element_type, not_here, registry, suggest

__all__ = ["NDArray", "array", "zeros", "ones", "full", "load", "save"]


def array(source, ctx=None, dtype=None) -> NDArray:
    """A new NDArray with a copy of the values (an NDArray, a NumPy array, numbers in lists): of an NDArray's
    type, else of float32, where `dtype` is not given. `ctx`: a device, as in MXNet's Python, or nothing; the
    type may stand in its place."""
    return _array(source, _type(ctx, dtype, "array"))


def zeros(shape, ctx=None, dtype=None) -> NDArray:
    """An array of zeros; `shape` in C order; float32 unless another `dtype` is given (it may stand in the
    place of `ctx`, a device)."""
    return full(shape, 0, ctx, dtype)


def ones(shape, ctx=None, dtype=None) -> NDArray:
    """An array of ones; as `zeros`."""
    return full(shape, 1, ctx, dtype)


def full(shape, value, ctx=None, dtype=None) -> NDArray:
    """An array of one number; as `zeros`. MxError where `shape` is none, or too large for the machine."""
    dtype = _type(ctx, dtype, "full")
    dtype = element_type(np.float32 if dtype is None else dtype, "dtype")
    value = numbers(value, "full: value")
    if value.ndim:
        raise MxError(f"full: value must be one number, not an array of shape {value.shape}")
    try:
        shape = tuple(map(index, shape)) if hasattr(shape, "__iter__") else (index(shape),)
    except TypeError:
        raise MxError(f"a shape is a sequence of integers, not {shape!r}") from None
    affordable(shape, dtype.itemsize)
    return NDArray(np.full(shape, value, dtype) if value else np.zeros(shape, dtype))


def _type(ctx, dtype, where: str):
    """The element type, where the device may have been left out."""
    if ctx is None or isinstance(ctx, Context):
        return dtype
    if dtype is not None:
        checked(ctx, where)
    return ctx


def load(path: str):
    """Arrays from a file in MXNet's format: a dict if they are named, else a list."""
    from mxr.io import params

    loaded = params.load(path)
    if isinstance(loaded, dict):
        return {k: NDArray(v) for k, v in loaded.items()}
    return [NDArray(v) for v in loaded]


def save(path: str, arrays) -> None:
    """Write arrays (a dict, a list or one) to a file in MXNet's format."""
    from mxr.io import params

    if isinstance(arrays, (NDArray, np.ndarray)):
        arrays = [arrays]
    if not hasattr(arrays, "__iter__") or isinstance(arrays, str):
        raise MxError(
            f"save: arrays must be an NDArray, a list or a dict of them, not {type(arrays).__name__}"
        )
    named = isinstance(arrays, dict)
    if named and not all(isinstance(k, str) for k in arrays):
        raise MxError("save: the names of the arrays must be text")
    data = [
        a.data if isinstance(a, NDArray) else numbers(a, "save: every array")
        for a in (arrays.values() if named else arrays)
    ]
    params.save(path, dict(zip(arrays, data)) if named else data)


def __getattr__(name: str):
    if name not in registry:
        if name in GROUPS:
            raise AttributeError(
                f"mxr.nd has no {name}: operators have one name each here, mxr.nd.{GROUPS[name]}"
            )
        raise AttributeError(
            not_here(name) or f"module 'mxr.nd' has no attribute {name!r}" + suggest(name, registry)
        )
    globals()[name] = function = array_function(name)
    return function


def __dir__():
    return sorted({*__all__, *registry})
