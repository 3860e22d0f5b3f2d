"""Saving handles of symbols and NDArrays: `saveRDS`, `save`, knitr's cache, objects sent to worker processes.

R writes an external pointer without its address, but with the R object that it protects. Handles of symbols
and NDArrays protect a raw vector without memory (R's ALTREP). When R writes the vector it calls `_length` and
`_bytes`, and the object as it is then becomes bytes. R reads it back as an ordinary raw vector, without any
package, and the first use of the handle restores the object (`restored`). A handle that is never saved only
costs the empty vector.

R calls `_length` and `_bytes` within its own C code: they must not call R, and must not raise.
"""

from __future__ import annotations

import ctypes
import io
from typing import Any

import numpy as np

from mxr.engine.ndarray import NDArray
from mxr.graph.symbol import Symbol, load_json
from mxr.operator import MxError
from mxr.r.bridge import r_api
from mxr.r.bridge.r_api import NIL, Sexp, address, ffi

_MARK = b"mxr 1 "  # the first bytes of a saved object: the format's name and version
_library = ctypes.PyDLL(None)
_LENGTH = ctypes.PYFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p)
_DATA = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
written: dict[int, np.ndarray] = {}  # the bytes that R is writing, by the address of the raw vector


def _function(name: str, result: Any, *arguments: Any) -> Any:
    function = getattr(_library, name)
    function.restype, function.argtypes = result, arguments
    return function


_pointer = ctypes.c_void_p
_new = _function("R_new_altrep", _pointer, _pointer, _pointer, _pointer)
_data1 = _function("R_altrep_data1", _pointer, _pointer)
_address = _function("R_ExternalPtrAddr", _pointer, _pointer)
_set_address = _function("R_SetExternalPtrAddr", None, _pointer, _pointer)
_protected = _function("R_ExternalPtrProtected", _pointer, _pointer)
_protect = _function("R_SetExternalPtrProtected", None, _pointer, _pointer)
_objects: dict[int, object] = {}  # the table of handles (mxr.r.bridge.handles), by their addresses


def to_bytes(value: object) -> bytes:
    """A symbol or an NDArray as bytes; no bytes for other objects, which cannot be saved."""
    if isinstance(value, Symbol):
        return _MARK + b"S" + value.tojson().encode()
    if isinstance(value, NDArray):
        file = io.BytesIO()
        np.save(file, np.ascontiguousarray(value.data), allow_pickle=False)
        return _MARK + b"A" + file.getvalue()
    return b""


def from_bytes(data: bytes) -> Symbol | NDArray:
    """The object from its bytes. MxError if they are damaged."""
    kind, rest = data[len(_MARK) : len(_MARK) + 1], data[len(_MARK) + 1 :]
    if data.startswith(_MARK) and kind == b"S":
        return load_json(rest)
    if data.startswith(_MARK) and kind == b"A":
        try:
            return NDArray(np.load(io.BytesIO(rest), allow_pickle=False))
        except Exception as error:  # NumPy's reader raises many kinds; since Python 3.12 TokenError too
            raise MxError(f"a saved NDArray is damaged: {error}") from None
    raise MxError("a saved MXNet object is damaged, or was saved by a newer mxr")


def _length(vector: int) -> int:
    try:
        data = to_bytes(_objects.get(_address(_data1(vector)) or 0))
    except BaseException:  # out of memory, Ctrl-C: R writes no bytes, and using the saved handle is an error
        data = b""
    written[vector] = np.frombuffer(data, np.uint8)
    return len(data)


def _bytes(vector: int, writable: int) -> int:
    if vector not in written:
        _length(vector)
    return written[vector].ctypes.data


_length_for_r, _bytes_for_r = _LENGTH(_length), _DATA(_bytes)  # C function pointers


def _register() -> int:
    make = _function("R_make_altraw_class", _pointer, ctypes.c_char_p, ctypes.c_char_p, _pointer)
    kind: int = make(b"mxr_saved", b"mxnet", _function("R_getEmbeddingDllInfo", _pointer)())
    _function("R_set_altrep_Length_method", None, _pointer, _LENGTH)(kind, _length_for_r)
    _function("R_set_altvec_Dataptr_method", None, _pointer, _DATA)(kind, _bytes_for_r)
    return kind


_class: int | None = None


def registered(objects: dict[int, object]) -> int:
    """The ALTREP class of the raw vectors that handles protect. `objects`: their objects by address."""
    global _class, _objects
    if _class is None:
        _class, _objects = _register(), objects
    return _class


def attach(handle: Sexp, objects: dict[int, object]) -> None:
    """Make a handle savable."""
    at = address(handle)
    _protect(at, _new(registered(objects), at, address(NIL)))


def restored(handle: Sexp) -> Symbol | NDArray | None:
    """The object that was saved with a handle of another session; None if there is none."""
    at = address(handle)
    kept = ffi.cast("SEXP", _protected(at))
    if _address(at) or kept == NIL or kept.sxpinfo.type != r_api.R.RAWSXP or not r_api.R.Rf_xlength(kept):
        return None
    return from_bytes(bytes(ffi.buffer(r_api.raws(kept), r_api.R.Rf_xlength(kept))))


def adopt(handle: Sexp, number: int) -> None:
    """Give a handle of another session an address in this session's table."""
    _set_address(address(handle), number)


def forget() -> None:
    """Drop the bytes of earlier saves. Called at the door, when R is not writing."""
    if written:
        written.clear()
