"""R's protection stack: R does not collect the objects on it. mxr counts its own, to take them off after an
error."""

from __future__ import annotations

from mxr.r.bridge.r_api import R, Sexp

_protected = 0  # how many of the stack's objects mxr has put there


def protect(x: Sexp) -> Sexp:
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
    """How many of the stack's objects mxr has put there."""
    return _protected


def unwind(depth: int) -> None:
    """After an exception: take off the stack what was put there since `depth()` was `depth`."""
    if _protected > depth:
        unprotect(_protected - depth)
