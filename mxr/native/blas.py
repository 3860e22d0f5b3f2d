"""BLAS's matrix product for the native core. It is the function in NumPy's own BLAS library, so that the
results have the same bits."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

from mxr.native import core
from mxr.runtime import threads

# Names of cblas_sgemm in NumPy's wheels, OpenBLAS and others, and whether its sizes have 64 bits.
_NAMES = (
    ("scipy_cblas_sgemm64_", True),
    ("cblas_sgemm64_", True),
    ("scipy_cblas_sgemm", False),
    ("cblas_sgemm", False),
)


@cache
def found() -> bool:
    """Whether the function has been found. The core then uses it."""
    libraries = sorted(threads.blas_libraries(), key=lambda path: "numpy" not in path)
    return any(_works(path, name, is_64) for path in libraries for name, is_64 in _NAMES)


def _works(path: str, name: str, is_64: bool) -> bool:
    try:
        function: Any = getattr(ctypes.CDLL(path), name)
    except (OSError, AttributeError):
        return False
    core.use_sgemm(ctypes.cast(function, ctypes.c_void_p).value, is_64)
    a, b, out = (
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.ones((2, 4), np.float32),
    )
    sizes = np.array([2, 4, 3, 3, 4, 4, 0, 0, 1, 1, 1, 0, 0, 0, 2, 4], np.intp)  # `Product` in core.c
    core.step(1, [a, b], [out], sizes.tobytes(), b"", b"", 1, 0)()
    return bool((out == a @ b + 1).all())
