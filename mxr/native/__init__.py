"""The native core: which one runs, if any. `steps` prepares what it runs.

It is an extension module in C (core.c, vectors.h), built where there is a compiler; without it, or with
MXR_NATIVE=0, everything is computed by NumPy. MXR_NATIVE=avx512, avx2 or plain takes these vector
instructions; otherwise the widest that the processor has.
"""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import import_module
from typing import Any

core: Any = None  # the module in C; None where there was no compiler when mxr was installed
with suppress(ImportError):
    core = import_module("mxr.native._core")

VECTORS = ("avx512", "avx2", "plain")


def _choose(asked: str) -> str:
    """The vectors to use, "" for NumPy. Raises where `asked` names what is not there: a measurement of
    something else would mislead."""
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
    """One line for people: what computes."""
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


def active() -> bool:
    """Whether steps are made for the native core."""
    return bool(vectors)
