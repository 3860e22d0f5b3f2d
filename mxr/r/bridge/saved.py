"""What R writes of a handle when it saves it: `saveRDS`, `save`, knitr's cache, an object that goes to a
worker process.

R writes an external pointer without its address, but with the R object that it protects. Handles of symbols
and arrays protect a raw vector that has no memory of its own (R's ALTREP): when R asks for its length, in
order to write it, the object is turned into bytes. R reads back an ordinary raw vector, whatever packages are
loaded, and the first use of such a handle makes the object anew. A handle that is never saved costs nothing
but the empty vector, and what is saved is what the object was then.

The two functions below that R calls run in the middle of R's own C code: nothing in them may call R, or fail.
"""

from __future__ import annotations

import ctypes
import io

import numpy as np

from mxr.engine.ndarray import NDArray
from mxr.graph.symbol import Symbol, load_json
from mxr.operator import MxError
from mxr.r.bridge import r_api
from mxr.r.bridge.r_api import NIL, address, ffi

_MARK = b"mxr 1 "  # the form of what follows
_library = ctypes.PyDLL(None)
_LENGTH = ctypes.PYFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p)
_DATA = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_written: dict[int, np.ndarray] = {}  # what R is writing, by the address of the raw vector


def _function(name: str, result, *arguments):
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
_objects: dict[int, object] = {}  # convert's table of what handles stand for


def to_bytes(value) -> bytes:
    """A symbol or an array as bytes; nothing for other objects, which belong to their session."""
    if isinstance(value, Symbol):
        return _MARK + b"S" + value.tojson().encode()
    if isinstance(value, NDArray):
        file = io.BytesIO()
        np.save(file, np.ascontiguousarray(value.data), allow_pickle=False)
        return _MARK + b"A" + file.getvalue()
    return b""


def from_bytes(data: bytes) -> Symbol | NDArray:
    """The object again. MxError where the bytes are not those of one."""
    kind, rest = data[len(_MARK) : len(_MARK) + 1], data[len(_MARK) + 1 :]
    if data.startswith(_MARK) and kind == b"S":
        return load_json(rest)
    if data.startswith(_MARK) and kind == b"A":
        try:
            return NDArray(np.load(io.BytesIO(rest), allow_pickle=False))
        except Exception as error:  # NumPy's reader raises many kinds; since Python 3.12 TokenError too
            raise MxError(f"a saved NDArray is damaged: {error}") from None
    raise MxError("a saved MXNet object is damaged, or was saved by a newer mxr")


@_LENGTH
def _length(vector) -> int:
    try:
        data = to_bytes(_objects.get(_address(_data1(vector)) or 0))
    except BaseException:  # out of memory, Ctrl-C: R writes nothing, and whoever reads it is told
        data = b""
    _written[vector] = np.frombuffer(data, np.uint8)
    return len(data)


@_DATA
def _bytes(vector, writable) -> int:
    if vector not in _written:
        _length(vector)
    return _written[vector].ctypes.data


def _register() -> int:
    make = _function("R_make_altraw_class", _pointer, ctypes.c_char_p, ctypes.c_char_p, _pointer)
    kind = make(b"mxr_saved", b"mxnet", _function("R_getEmbeddingDllInfo", _pointer)())
    _function("R_set_altrep_Length_method", None, _pointer, _LENGTH)(kind, _length)
    _function("R_set_altvec_Dataptr_method", None, _pointer, _DATA)(kind, _bytes)
    return kind


_class: int | None = None


def registered(objects: dict[int, object]) -> int:
    """R's class of the raw vectors that handles protect; what a handle stands for is in `objects`, under its
    address."""
    global _class, _objects
    if _class is None:
        _class, _objects = _register(), objects
    return _class


def attach(handle, objects: dict[int, object]) -> None:
    """Let R save what `handle` stands for."""
    at = address(handle)
    _protect(at, _new(registered(objects), at, address(NIL)))


def restored(handle) -> Symbol | NDArray | None:
    """What a handle of another session was saved with; None where that is nothing."""
    at = address(handle)
    kept = ffi.cast("SEXP", _protected(at))
    if _address(at) or kept == NIL or kept.sxpinfo.type != r_api.R.RAWSXP or not r_api.R.Rf_xlength(kept):
        return None
    return from_bytes(bytes(ffi.buffer(r_api.raws(kept), r_api.R.Rf_xlength(kept))))


def adopt(handle, number: int) -> None:
    """Give a handle of another session an address of this one."""
    _set_address(address(handle), number)


def forget() -> None:
    """Nothing is being written any more."""
    if _written:
        _written.clear()
