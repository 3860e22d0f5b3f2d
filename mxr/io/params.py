"""MXNet's binary files of arrays (`.params`, `mx.nd.save`): a list of arrays, with or without names.

All integers little-endian:

    file    uint64 0x112, uint64 0, uint64 count, array ..., uint64 number of names (count or 0), name ...
    name    uint64 length, bytes
    array   uint32 magic, then by magic
        V2, V3 (1.0 and later)  int32 storage type (0: dense), int32 ndim, int64 dims, context, int32 type,
        data
        V1 (0.12)               uint32 ndim, int64 dims, context, int32 type, data
        older                   the magic itself is ndim, uint32 dims, context, int32 type, data
    context int32 device type (1: CPU), int32 device number

The record of an empty array ends after its dimensions. An array is empty if ndim is 0; in V3, if ndim is -1,
and ndim 0 is a scalar.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterable, Mapping
from io import BufferedReader
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mxr.io.files import path_of, write_atomically
from mxr.operator import TYPE_NUMBERS, FileError, MxError

_LIST = 0x112
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_TYPES = {code: name for name, code in TYPE_NUMBERS.items()}
_SPARSE = {1: "row_sparse", 2: "csr"}
_MAX_DIMS = 32


class _Damaged(Exception):
    """What is wrong with the file. The message gets the file's name later."""


class _Reader:
    """A file that is read from front to back.

    Every length in it is compared with the bytes that are left before memory is allocated.
    """

    def __init__(self, file: BufferedReader):
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
        """The number of items that follow, each of at least `least` bytes."""
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

    def array(self, shape: tuple[int, ...], type_name: str) -> np.ndarray:
        dtype = np.dtype(type_name).newbyteorder("<")
        self._need(math.prod(shape) * dtype.itemsize)
        try:
            out = np.empty(shape, dtype)
        except ValueError:  # one dimension is 0 and another too large for NumPy
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
    r.numbers("ii")  # skip the context: the device of the array
    code = r.number("i")
    if code not in _TYPES:
        raise _Damaged(f"element type {code} is unknown")
    return r.array(shape, _TYPES[code])


def load(path: str | Path) -> dict[str, np.ndarray] | list[np.ndarray]:
    """The arrays of a file by name, in the file's order. A list if they have no names.

    MxError, with the file's name, if the file is missing, incomplete, or of another format.
    """
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


def _array_bytes(array: npt.ArrayLike) -> list[bytes | memoryview]:
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


def save(path: str | Path, arrays: Mapping[str, npt.ArrayLike] | Iterable[npt.ArrayLike]) -> None:
    """Write arrays, a mapping by name or a list without names, in MXNet's format. Scalars become arrays of
    one element.

    MxError if the file cannot be written; an old file is then unchanged.
    """
    names = [str(k).encode() for k in arrays] if isinstance(arrays, Mapping) else []
    values = list(arrays.values() if isinstance(arrays, Mapping) else arrays)
    pieces: list[bytes | memoryview] = [struct.pack("<QQQ", _LIST, 0, len(values))]
    for value in values:
        pieces += _array_bytes(value)
    pieces.append(struct.pack("<Q", len(names)))
    for name in names:
        pieces.append(struct.pack("<Q", len(name)) + name)
    write_atomically(path, *pieces)
