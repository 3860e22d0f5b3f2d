"""R's protection stack: what of ours stands on it, so that R does not collect it, and can be taken off after
an error."""

from __future__ import annotations

from typing import Any

from mxr.r.bridge.r_api import R

_protected = 0  # how many values of ours stand on R's protection stack


def protect(x: Any) -> Any:
    """Put an R object on the stack; `unprotect` takes it off."""
    global _protected
    _protected += 1
    return R.Rf_protect(x)


def unprotect(n: int) -> None:
    """Take the last `n` objects off the stack."""
    global _protected
    _protected -= n
    R.Rf_unprotect(n)


def depth() -> int:
    """How many objects of ours stand on the stack."""
    return _protected


def unwind(depth: int) -> None:
    """After an exception: take from R's protection stack what was put there since `depth()` was `depth`."""
    if _protected > depth:
        unprotect(_protected - depth)
