"""RecordIO files, as MXNet and dmlc write them: a sequence of byte strings, mostly images with a header.

    record  uint32 magic, uint32 flag << 29 | length, bytes, zeros up to a multiple of four
    flag    0: the whole string. A string that contains the magic at a multiple of four bytes is cut there,
            and the magic is left out between the parts: 1 first part, 2 middle part, 3 last part
    image   uint32 flag, float32 label, uint64 id, uint64 id2; if flag > 0, `flag` float32 labels; then the
            encoded image
    index   a text file beside it; each line has a number and an offset

All little-endian.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from mxr.operator import FileError, MxError
from mxr.runtime import costs

MAGIC = struct.pack("<I", 0xCED7230A)
_HEADER = struct.Struct("<IfQQ")
_LONGEST = 1 << 29


class Header(NamedTuple):
    """The header of an image: `label` is one number, or an array of several."""

    label: float | np.ndarray
    id: int
    id2: int = 0


def pack(header: Header, content: bytes) -> bytes:
    """A record's bytes: the header and the encoded image."""
    label = np.atleast_1d(np.asarray(header.label, "<f4"))
    if np.ndim(header.label) == 0:
        return _HEADER.pack(0, label[0], header.id, header.id2) + content
    return _HEADER.pack(label.size, 0.0, header.id, header.id2) + label.tobytes() + content


def unpack(record: bytes, where: str = "the record") -> tuple[Header, bytes]:
    """The header and the encoded image of a record. MxError, which begins with `where`, if it is too
    short."""
    if len(record) < _HEADER.size:
        raise MxError(f"{where} has {len(record)} bytes, too few for the header of an image")
    flag, label, number, number2 = _HEADER.unpack_from(record)
    end = _HEADER.size + 4 * flag
    if end > len(record):
        raise MxError(f"{where} announces {flag} labels, more than it has room for")
    if flag:
        label = np.frombuffer(record, "<f4", flag, _HEADER.size)
    return Header(label, number, number2), record[end:]


class Writer:
    """Writes records into a binary file object."""

    def __init__(self, file: BinaryIO):
        self._file = file

    def write(self, record: bytes) -> None:
        """Append one record of less than 2^29 bytes."""
        if len(record) >= _LONGEST:
            raise MxError(f"a record of {len(record)} bytes is longer than the format allows (2^29)")
        cuts = _magics(record)
        begin = 0
        for n, end in enumerate([*cuts, len(record)]):
            flag = 0 if not cuts else 1 if n == 0 else 3 if n == len(cuts) else 2
            self._put(MAGIC, struct.pack("<I", flag << 29 | end - begin), record[begin:end])
            begin = end + 4
        self._put(bytes(-len(record) % 4))

    def _put(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._file.write(piece)


def _magics(record: bytes) -> list[int]:
    """The positions of the magic in a record, at multiples of four only."""
    found, at = [], record.find(MAGIC)
    while at >= 0:
        if at % 4 == 0:
            found.append(at)
        at = record.find(MAGIC, at + (4 if at % 4 == 0 else 1))
    return found


class Reader:
    """Reads records of a file, one at a time. Every length in the file is checked against the file's size
    before anything is read or allocated."""

    def __init__(self, path: str | os.PathLike[str]):
        self.path = os.fspath(path)
        self._open()
        self.size = os.fstat(self._file.fileno()).st_size

    def _open(self) -> None:
        try:
            self._file, self._process = open(self.path, "rb"), os.getpid()
        except OSError as e:
            raise FileError(f"cannot read {self.path}: {e.strerror or e}") from None

    def _seek(self, at: int) -> None:
        if self._process != os.getpid():  # forked processes share the position of an open file
            self._open()
        self._file.seek(at)

    def _damaged(self, at: int, what: str) -> MxError:
        return MxError(
            f"{self.path}: the record at byte {at} {what}; the file is damaged, or no RecordIO file"
        )

    def _part(self, at: int) -> tuple[int, int]:
        """The flag and length of the part that begins at byte `at`."""
        if at < 0 or at + 8 > self.size:
            raise self._damaged(at, "is cut off")
        self._seek(at)
        head = self._file.read(8)
        if head[:4] != MAGIC:
            raise self._damaged(at, "does not begin with RecordIO's magic number")
        word = struct.unpack_from("<I", head, 4)[0]
        flag, length = word >> 29, word & _LONGEST - 1
        if at + 8 + length > self.size:
            raise self._damaged(at, f"announces {length} bytes, more than the file has")
        return flag, length

    def _parts(self, at: int) -> Iterator[tuple[int, int]]:
        """(offset of its bytes, length) of each part of the record at `at`."""
        begin = at
        flag, length = self._part(at)
        if flag not in (0, 1):
            raise self._damaged(at, "begins in the middle of another")
        while True:
            yield at + 8, length
            if flag in (0, 3):
                return
            at += 8 + length + -length % 4
            flag, length = self._part(at)
            if flag not in (2, 3):
                raise self._damaged(begin, "has no end")

    def next(self, at: int) -> int:
        """The offset of the record after the one at byte `at`."""
        *_, (begin, length) = self._parts(at)
        return begin + length + -length % 4

    def read(self, at: int) -> bytes:
        """The record that begins at byte `at`."""
        pieces = []
        for begin, length in self._parts(at):
            self._seek(begin)
            pieces.append(self._file.read(length))
        return MAGIC.join(pieces)

    def first(self, at: int) -> int:
        """The offset of the first record that begins at `at` or later; the file's length if there is
        none."""
        at += -at % 4
        self._seek(at)
        overlap = b""
        while block := self._file.read(costs.READ_BLOCK):
            block = overlap + block
            for i in _magics(block):
                if i + 8 <= len(block) and block[i + 7] >> 5 in (0, 1):
                    return at + i
            cut = max(0, len(block) - 4) // 4 * 4
            at, overlap = at + cut, block[cut:]
        return self.size

    def offsets(self, begin: int = 0, end: int | None = None) -> Iterator[int]:
        """The offsets of the records that begin at `begin` or later, and before `end`."""
        at = self.first(begin) if begin else 0
        end = self.size if end is None else end
        while at < end:
            yield at
            at = self.next(at)

    def __iter__(self) -> Iterator[bytes]:
        return map(self.read, self.offsets())

    def close(self) -> None:
        self._file.close()


def read_index(path: str | os.PathLike[str]) -> list[int]:
    """The offsets in an index file, ascending. MxError, with the line, if it is no index file."""
    offsets = []
    try:
        with open(path) as file:
            for n, line in enumerate(file, 1):
                fields = line.split()
                if not fields:
                    continue
                try:
                    offsets.append(int(fields[1]))
                except (IndexError, ValueError):
                    raise MxError(
                        f"{path}, line {n}: a line of an index file has a number and an offset"
                    ) from None
    except (OSError, UnicodeDecodeError) as e:
        raise FileError(f"cannot read {path}: {getattr(e, 'strerror', None) or e}") from None
    return sorted(offsets)
