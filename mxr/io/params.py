"""MXNet's binary files of arrays (`.params`, `mx.nd.save`): a list of arrays, with names or without.

All integers little-endian:

    file    uint64 0x112, uint64 0, uint64 count, array ..., uint64 number of names (count or 0), name ...
    name    uint64 length, bytes
    array   uint32 magic, then by magic
        V2, V3 (1.0 and later)  int32 storage type (0: dense), int32 ndim, int64 dims, context, int32 type,
        data
        V1 (0.12)               uint32 ndim, int64 dims, context, int32 type, data
        older                   the magic itself is ndim, uint32 dims, context, int32 type, data
    context int32 device type (1: CPU), int32 device number

An array without dimensions ends after them: it holds nothing (in V3, it is a scalar, and -1 dimensions hold
nothing).
"""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path

import numpy as np

from mxr.io.files import path_of, write_atomically
from mxr.operator import TYPE_NUMBERS, FileError, MxError

_LIST = 0x112
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_TYPES = {code: name for name, code in TYPE_NUMBERS.items()}
_SPARSE = {1: "row_sparse", 2: "csr"}
_MAX_DIMS = 32


class _Damaged(Exception):
    """What is wrong with the file, without its name."""


class _Reader:
    """A file read from front to back; asking for more than it holds is damage, found before memory is
    taken."""

    def __init__(self, file):
        self._file, self.left = file, os.fstat(file.fileno()).st_size

    def _need(self, n: int) -> None:
        if n > self.left:
            raise _Damaged("it ends too early (cut off while it was copied or written?)")
        self.left -= n

    def numbers(self, form: str) -> tuple:
        form = "<" + form
        n = struct.calcsize(form)
        self._need(n)
        return struct.unpack(form, self._file.read(n))

    def number(self, form: str) -> int:
        return self.numbers(form)[0]

    def count(self, least: int) -> int:
        """How many things follow, each of `least` bytes or more."""
        n = self.number("Q")
        if n * least > self.left:
            raise _Damaged("it announces more than it holds")
        return n

    def text(self) -> str:
        n = self.number("Q")
        self._need(n)
        try:
            return self._file.read(n).decode()
        except UnicodeDecodeError:
            raise _Damaged("a name in it is not text") from None

    def array(self, shape, dtype) -> np.ndarray:
        dtype = np.dtype(dtype).newbyteorder("<")
        self._need(math.prod(shape) * dtype.itemsize)
        try:
            out = np.empty(shape, dtype)
        except ValueError:  # no elements, but a dimension beyond all bounds
            raise _Damaged(f"an array in it has the shape {shape}") from None
        if out.size:
            self._file.readinto(out.reshape(-1).view(np.uint8).data)
        return out.astype(dtype.newbyteorder("="), copy=False)


def _read_shape(r: _Reader, ndim: int, form: str) -> tuple:
    if not 0 <= ndim <= _MAX_DIMS:
        raise _Damaged(f"an array in it has {ndim} dimensions")
    shape = r.numbers(f"{ndim}{form}")
    if any(n < 0 for n in shape):
        raise _Damaged("an array in it has a negative dimension")
    return shape


def _read_array(r: _Reader) -> np.ndarray:
    magic = r.number("I")
    if magic in (_V2, _V3):
        storage = r.number("i")
        if storage in _SPARSE:
            raise _Damaged(
                f"it holds a {_SPARSE[storage]} array; mxr reads dense arrays only (in MXNet, "
                "`tostype('default')` makes one)"
            )
        if storage not in (0, -1):
            raise _Damaged(f"storage type {storage} is unknown")
        ndim = r.number("i")
        if ndim == -1 or (ndim == 0 and magic == _V2):
            return np.empty(0, np.float32)
        shape = _read_shape(r, ndim, "q")
    else:
        shape = _read_shape(r, r.number("I"), "q") if magic == _V1 else _read_shape(r, magic, "I")
        if not shape:
            return np.empty(0, np.float32)
    r.numbers("ii")  # the device it was on
    code = r.number("i")
    if code not in _TYPES:
        raise _Damaged(f"element type {code} is unknown")
    return r.array(shape, _TYPES[code])


def load(path) -> dict[str, np.ndarray] | list[np.ndarray]:
    """The arrays of a file by name, in the file's order; a list if they have no names. MxError, with the
    file's name, if the file is missing, cut, or not of this kind."""
    path = Path(path_of(path, "a file of arrays"))
    try:
        with open(path, "rb") as file:
            r = _Reader(file)
            if r.left < 24 or r.numbers("QQ")[0] != _LIST:
                raise _Damaged("it is not a file of MXNet arrays")
            arrays = [_read_array(r) for _ in range(r.count(4))]
            names = [r.text() for _ in range(r.count(8))]
            if names and len(names) != len(arrays):
                raise _Damaged(f"it holds {len(arrays)} arrays but {len(names)} names")
    except _Damaged as e:
        raise MxError(f"cannot read {path}: {e}") from None
    except OSError as e:
        raise FileError(f"cannot read {path}: {e.strerror or e}") from None
    return dict(zip(names, arrays)) if names else arrays


def _array_bytes(array) -> list:
    """An array's record, as pieces to write."""
    array = np.asarray(array)
    if array.dtype.name not in TYPE_NUMBERS:
        raise MxError(
            f"an array of type {array.dtype} cannot be saved; MXNet's types are {', '.join(TYPE_NUMBERS)}"
        )
    array = np.atleast_1d(np.ascontiguousarray(array, array.dtype.newbyteorder("<")))
    head = struct.pack(
        f"<Iii{array.ndim}qiii", _V2, 0, array.ndim, *array.shape, 1, 0, TYPE_NUMBERS[array.dtype.name]
    )
    return [head, array.reshape(-1).view(np.uint8).data]


def save(path, arrays) -> None:
    """Write arrays (a dict by name, or a list without names) as MXNet writes them; scalars become arrays of
    one element.

    The file appears whole or not at all. MxError if it cannot be written."""
    names = [str(k).encode() for k in arrays] if isinstance(arrays, dict) else []
    values = list(arrays.values() if isinstance(arrays, dict) else arrays)
    pieces = [struct.pack("<QQQ", _LIST, 0, len(values))]
    for value in values:
        pieces += _array_bytes(value)
    pieces.append(struct.pack("<Q", len(names)))
    for name in names:
        pieces.append(struct.pack("<Q", len(name)) + name)
    write_atomically(path, *pieces)
