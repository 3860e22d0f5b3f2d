"""Handles: R objects that stand for Python objects.

A handle is an external pointer whose address is a key of the table `objects`. R never dereferences it. A
handle that was saved and loaded in another session has address 0, so it cannot match a living object; `saved`
restores its object. R does not count the memory of the arrays behind handles, so mxr runs R's collector when
they have grown by `costs.COLLECT_BYTES`.
"""

from __future__ import annotations

from typing import Any

from mxr.engine.ndarray import NDArray
from mxr.graph.symbol import Symbol
from mxr.operator import MxError
from mxr.r.bridge import crossing, r_api, saved
from mxr.r.bridge.protection import protect, unprotect
from mxr.r.bridge.r_api import NIL, R, Sexp, address, ffi
from mxr.r.bridge.texts import CLASS, class_of, strings
from mxr.runtime import costs

objects: dict[int, Any] = {}
_next = 1
_R_CLASSES = {"Symbol": "Rcpp_MXSymbol", "NDArray": "MXNDArray", "Executor": "Rcpp_MXExecutor"}
_WORDS = {"Rcpp_MXSymbol": "symbol", "MXNDArray": "NDArray", "Rcpp_MXExecutor": "executor"}
_class_vectors: dict[type, int] = {}  # their addresses
_finalizer: Sexp | None = None  # R's closure that queues a handle which R no longer needs
_made_bytes = 0  # of arrays behind handles, since R's collector was last called
_gc_at = costs.COLLECT_BYTES  # it is called when `_made_bytes` is above this


def count() -> int:
    """How many objects R holds."""
    return len(objects)


def take_freed(x: Sexp) -> None:
    """Drop the objects of handles that R no longer needs: `x` is a chain list(pointer, list(pointer, ...
    NULL)). At the first call `x` is instead R's finalizer of handles, a function."""
    global _finalizer
    if x.sxpinfo.type == R.CLOSXP:
        _finalizer = r_api.preserve(x)
        return
    while x != NIL:
        objects.pop(address(R.R_ExternalPtrAddr(R.VECTOR_ELT(x, 0))), None)
        x = R.VECTOR_ELT(x, 1)


def _class_vector(kind: type) -> int:
    """The address of R's class attribute for objects of that type, made once."""
    ours = [c for c in kind.__mro__ if c.__module__.split(".")[0] == "mxr"]
    if not ours:
        raise TypeError(f"a {kind.__module__}.{kind.__qualname__} cannot be given to R")
    names = [_R_CLASSES[c.__name__] for c in ours if c.__name__ in _R_CLASSES]
    vector = _class_vectors[kind] = address(r_api.preserve(strings((names or ["MXHandle"])[:1])))
    return vector


def _array_bytes(value: Any) -> int:
    """How many bytes R cannot see behind a handle: those of an NDArray's data, and 0 for other objects."""
    return value.memory.nbytes if isinstance(value, NDArray) else 0


def handle(value: Any) -> Sexp:
    """A new handle of `value`, unprotected. Runs R's collector first if many bytes of arrays have gone to
    R since its last run."""
    return ffi.cast("SEXP", made(value))


def made(value: Any) -> int:
    """The address of `handle(value)`."""
    global _made_bytes, _gc_at, _next
    kind = type(value)
    vector = _class_vectors.get(kind) or _class_vector(kind)
    _made_bytes += _array_bytes(value)
    if _made_bytes > _gc_at:
        _made_bytes = 0
        r_api.collect()
        _gc_at = max(costs.COLLECT_BYTES, sum(map(_array_bytes, objects.values())))
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


def _enter(pointer: Sexp, value: Any) -> None:
    """Put the object of a handle whose address is `_next` into the table."""
    global _next
    if _finalizer is not None:
        r_api.finalize(pointer, _finalizer)
    objects[_next] = value
    _next += 1
    if isinstance(value, (Symbol, NDArray)):
        saved.attach(pointer, objects)


def held(x: Sexp) -> Any:
    """The object behind a handle. For a handle of another session: the object restored from what was saved
    with it, or MxError."""
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
