"""`mxr.nd.*`: one function per operator on NDArrays, and what makes them: `array`, `zeros`, `ones`, `load`, `save`."""
from __future__ import annotations

from operator import index

import numpy as np

from . import ops  # noqa: F401  (declares the operators)
from .faces import array_function
from .ndarray import NDArray, array
from .op import MxError, affordable, registry

__all__ = ["NDArray", "array", "zeros", "ones", "full", "load", "save"]


def zeros(shape, dtype=np.float32) -> NDArray:
    """An array of zeros; `shape` in C order."""
    return full(shape, 0, dtype)


def ones(shape, dtype=np.float32) -> NDArray:
    """An array of ones; `shape` in C order."""
    return full(shape, 1, dtype)


def full(shape, value, dtype=np.float32) -> NDArray:
    """An array of one number; `shape` in C order. MxError where it is not a shape, or too large for the machine."""
    try:
        shape = tuple(map(index, shape)) if hasattr(shape, "__iter__") else (index(shape),)
    except TypeError:
        raise MxError(f"a shape is a sequence of integers, not {shape!r}") from None
    affordable(shape, np.dtype(dtype).itemsize)
    return NDArray(np.full(shape, value, dtype) if value else np.zeros(shape, dtype))


def load(path: str):
    """Arrays from a file in MXNet's format: a dict if they are named, else a list."""
    from .io import params
    loaded = params.load(path)
    if isinstance(loaded, dict):
        return {k: NDArray(v) for k, v in loaded.items()}
    return [NDArray(v) for v in loaded]


def save(path: str, arrays) -> None:
    """Write arrays (a dict, a list or one) to a file in MXNet's format."""
    from .io import params
    if isinstance(arrays, NDArray):
        arrays = [arrays]
    params.save(path, {k: v.data for k, v in arrays.items()} if isinstance(arrays, dict) else [v.data for v in arrays])


def __getattr__(name: str):
    if name not in registry:
        raise AttributeError(f"module 'mxr.nd' has no attribute {name!r}")
    globals()[name] = function = array_function(name)
    return function


def __dir__():
    return sorted({*__all__, *registry})
