"""Handles: Python objects that R holds.

A handle is an external pointer whose address is a number. R never follows the address; a pointer that was
saved and loaded again in another session has address 0, so it cannot be mistaken for a living one; `saved`
says how its object is made anew. R does not see how large the arrays behind handles are, so its collector is
called when they pile up.
"""

from __future__ import annotations

from typing import Any

from mxr.engine.ndarray import NDArray
from mxr.graph.symbol import Symbol
from mxr.operator import MxError
from mxr.r.bridge import crossing, r_api, saved
from mxr.r.bridge.protection import protect, unprotect
from mxr.r.bridge.r_api import NIL, R, address, ffi
from mxr.r.bridge.texts import CLASS, class_of, strings
from mxr.runtime import costs

objects: dict[int, Any] = {}
_next = 1
_R_CLASSES = {"Symbol": "Rcpp_MXSymbol", "NDArray": "MXNDArray", "Executor": "Rcpp_MXExecutor"}
_WORDS = {"Rcpp_MXSymbol": "symbol", "MXNDArray": "NDArray", "Rcpp_MXExecutor": "executor"}
_class_vectors: dict[type, int] = {}  # their addresses
_finalizer: Any = None  # R's closure that queues a pointer which R no longer needs
_made_bytes, _gc_at = 0, costs.COLLECT_BYTES


def count() -> int:
    """How many objects R holds."""
    return len(objects)


def take_freed(x: Any) -> None:
    """R's function that it wants called with every handle that it no longer needs, or a chain
    list(pointer, list(pointer, ... NULL)) of such handles, whose objects are now forgotten."""
    global _finalizer
    if x.sxpinfo.type == R.CLOSXP:
        _finalizer = r_api.preserve(x)
        return
    while x != NIL:
        objects.pop(address(R.R_ExternalPtrAddr(R.VECTOR_ELT(x, 0))), None)
        x = R.VECTOR_ELT(x, 1)


def _class_vector(kind: type) -> int:
    """The address of R's class attribute for objects of that type, made once."""
    vector = _class_vectors.get(kind)
    if vector is None:
        ours = [c for c in kind.__mro__ if c.__module__.split(".")[0] == "mxr"]
        if not ours:
            raise TypeError(f"a {kind.__module__}.{kind.__qualname__} cannot be given to R")
        names = [_R_CLASSES[c.__name__] for c in ours if c.__name__ in _R_CLASSES]
        vector = _class_vectors[kind] = address(r_api.preserve(strings((names or ["MXHandle"])[:1])))
    return vector


def _size(value: Any) -> int:
    """The bytes of an array behind a handle. Only of arrays: a question for an attribute that an object of
    ours does not have makes a message with suggestions, which takes milliseconds."""
    return value.data.nbytes if isinstance(value, NDArray) else 0


def handle(value: Any) -> Any:
    """A new external pointer for `value`, unprotected; R's collector is called when the arrays behind such
    pointers pile up."""
    return ffi.cast("SEXP", made(value))


def made(value: Any) -> int:
    """The address of `handle(value)`."""
    global _made_bytes, _gc_at, _next
    vector = _class_vector(type(value))
    _made_bytes += _size(value)
    if _made_bytes > _gc_at:
        _made_bytes = 0
        r_api.collect()
        _gc_at = max(costs.COLLECT_BYTES, sum(map(_size, objects.values())))
    if crossing.core is not None:
        kept = saved.registered(objects) if isinstance(value, (Symbol, NDArray)) else 0
        at: int = crossing.core.handle(_next, vector, kept)
        objects[_next] = value
        _next += 1
        return at
    pointer = protect(r_api.external(_next))
    r_api.set_attribute(pointer, CLASS, ffi.cast("SEXP", vector))
    _enter(pointer, value)
    unprotect(1)
    return address(pointer)


def _enter(pointer: Any, value: Any) -> None:
    """Put the object of a handle, whose address is `_next`, into the table."""
    global _next
    if _finalizer is not None:
        r_api.finalize(pointer, _finalizer)
    objects[_next] = value
    _next += 1
    if isinstance(value, (Symbol, NDArray)):
        saved.attach(pointer, objects)


def held(x: Any) -> Any:
    """The object behind a handle, made anew where the handle was saved. MxError for one of another session
    that cannot be."""
    value = objects.get(address(R.R_ExternalPtrAddr(x)))
    if value is None:
        value = saved.restored(x)
        if value is None:
            what = _WORDS.get((class_of(x) or [""])[0] or "", "object")
            raise MxError(
                f"this {what} belongs to another R session, and cannot be saved; symbols, "
                "NDArrays and models can: bind the symbol again"
                if what == "executor"
                else f"this {what} belongs to another R session, and was saved by an mxr that could not save "
                "it with saveRDS: make it again, and save it again"
            )
        saved.adopt(x, _next)
        _enter(x, value)
    return value
