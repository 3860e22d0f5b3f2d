"""`mxr.nd.*`: one function per operator on NDArrays; and `array`, `zeros`, `ones`, `full`, `load`, `save`."""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np

from mxr import ops  # noqa: F401  (declares the operators)
from mxr.engine.device import Context, checked
from mxr.engine.functions import array_function, no_function
from mxr.engine.ndarray import NDArray, numbers
from mxr.engine.ndarray import array as _array
from mxr.operator import MxError, affordable, element_type, registry

__all__ = ["NDArray", "array", "zeros", "ones", "full", "load", "save"]


def array(source: Any, ctx: Any = None, dtype: Any = None) -> NDArray:
    """A new NDArray with a copy of the values of an NDArray, a NumPy array or lists of numbers.

    The default of `dtype` is the type of an NDArray, and float32 for other sources. `ctx` is a device, as in
    MXNet's Python; the type may be given in its place.
    """
    return _array(source, _type(ctx, dtype, "array"))


def zeros(shape: Any, ctx: Any = None, dtype: Any = None) -> NDArray:
    """An array of zeros of `shape` in C order. The default of `dtype` is float32. `ctx` is a device; the type
    may be given in its place."""
    return full(shape, 0, ctx, dtype)


def ones(shape: Any, ctx: Any = None, dtype: Any = None) -> NDArray:
    """An array of ones. For the arguments, see `zeros`."""
    return full(shape, 1, ctx, dtype)


def full(shape: Any, value: Any, ctx: Any = None, dtype: Any = None) -> NDArray:
    """An array of one number. For the arguments, see `zeros`. MxError if `shape` is no shape, or too large
    for the machine."""
    given = _type(ctx, dtype, "full")
    kind = element_type(np.float32 if given is None else given, "dtype")
    number = numbers(value, "full: value")
    if number.ndim:
        raise MxError(f"full: value must be one number, not an array of shape {number.shape}")
    try:
        dims = tuple(map(index, shape)) if hasattr(shape, "__iter__") else (index(shape),)
    except TypeError:
        raise MxError(f"a shape is a sequence of integers, not {shape!r}") from None
    affordable(dims, kind.itemsize)
    return NDArray(np.full(dims, number, kind) if number else np.zeros(dims, kind))


def _type(ctx: Any, dtype: Any, where: str) -> Any:
    """The element type, which may have been given in the place of the device."""
    if ctx is None or isinstance(ctx, Context):
        return dtype
    if dtype is not None:
        checked(ctx, where)
    return ctx


def load(path: str) -> dict[str, NDArray] | list[NDArray]:
    """The arrays of a file in MXNet's format: a dict if they have names, else a list."""
    from mxr.io import params

    loaded = params.load(path)
    if isinstance(loaded, dict):
        return {k: NDArray(v) for k, v in loaded.items()}
    return [NDArray(v) for v in loaded]


def save(path: str, arrays: Any) -> None:
    """Write arrays (a dict, a list, or one array) to a file in MXNet's format."""
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


def __getattr__(name: str) -> Callable[..., Any]:
    if name not in registry:
        raise no_function("mxr.nd", name)
    globals()[name] = function = array_function(name)
    return function


def __dir__() -> list[str]:
    return sorted({*__all__, *registry})
