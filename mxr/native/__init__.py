"""The native core, an extension module in C (core.c, vectors.h): whether it is used, and with which vectors.

It is built if there is a C compiler. Without it, or with MXR_NATIVE=0, NumPy computes everything. The core
uses the widest vector instructions of the processor, or those that MXR_NATIVE names: avx512, avx2 or plain.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from typing import Any

import numpy as np

core: Any = None  # the module in C, or None if there was no compiler when mxr was installed
with suppress(ImportError):
    core = import_module("mxr.native._core")

if core is not None and getattr(core, "INTERFACE", 0) != 2:  # core.c has the same number
    raise ImportError("mxr/native/_core was built from other sources than mxr's: build or install mxr again")
VECTORS = ("avx512", "avx2", "plain")


def _choose(asked: str) -> str:
    """The vectors to use, or "" for NumPy. ImportError if `asked` is not available: measurements would be of
    something else."""
    if asked == "0":
        return ""
    if asked and asked not in VECTORS:
        raise ImportError(f"MXR_NATIVE={asked}: it must be one of 0, {', '.join(VECTORS)}, or not be set")
    found = (
        ""
        if core is None
        else next((name for name in ((asked,) if asked else VECTORS) if core.use(name)), "")
    )
    if asked and not found:
        why = "the native core is not built" if core is None else "the processor has no such instructions"
        raise ImportError(f"MXR_NATIVE={asked}: {why}")
    return found


vectors = _choose(os.environ.get("MXR_NATIVE", ""))


def description() -> str:
    """One line of text: what computes, and why."""
    if vectors:
        words = {
            "avx512": "AVX-512",
            "avx2": "AVX2",
            "plain": "the vectors that every processor of this kind has",
        }[vectors]
        return f"native core, with {words}"
    why = (
        "it was not built: there was no C compiler, or not Python's headers"
        if core is None
        else "MXR_NATIVE=0"
    )
    return f"NumPy, without the native core ({why})"


def digest(arrays: Iterable[np.ndarray]) -> int | None:
    """A number of 64 bits that changes if the values of the contiguous arrays do. None without the core:
    other functions are slower than what a digest is to save."""
    number = 0
    for a in arrays:
        if not vectors or not a.flags.c_contiguous:
            return None
        number = core.digest(a, number)
    return number


def active() -> bool:
    """Whether the native core is used."""
    return bool(vectors)
