"""Readers of data files, batch by batch. `READERS` lists them; `create` makes one by MXNet's name.

May import: the rest of io, and what io may import.
"""

from __future__ import annotations

from typing import Any

from mxr.io.readers.base import NEVER_HAD, Reader
from mxr.io.readers.csv import CSV
from mxr.io.readers.image_detection import ImageDetRecord
from mxr.io.readers.image_record import (
    ImageRecord,
    ImageRecordInt8,
    ImageRecordUInt8,
    ImageRecordUInt8V1,
    ImageRecordV1,
)
from mxr.io.readers.libsvm import LibSVM
from mxr.io.readers.mnist import MNIST
from mxr.operator import MxError, Parameter, suggest

__all__ = ["READERS", "Reader", "create", "parameters"]

READERS: dict[str, type[Reader]] = {
    cls.name: cls
    for cls in (
        CSV,
        LibSVM,
        MNIST,
        ImageRecord,
        ImageRecordUInt8,
        ImageRecordInt8,
        ImageRecordV1,
        ImageRecordUInt8V1,
        ImageDetRecord,
    )
}
_ELSEWHERE = NEVER_HAD.union(*(cls.parameters() for cls in READERS.values()))


def create(name: str, given: dict[str, Any]) -> Reader:
    """A reader by name, from parameters (values or text) by their names with underscores.

    Parameters that only other readers have are ignored, as in MXNet. MxError for all others that do not fit.
    """
    cls = _class(name)
    known = cls.parameters()
    return cls({k: v for k, v in given.items() if k in known or k not in _ELSEWHERE})


def parameters(name: str) -> dict[str, Parameter]:
    """The parameters of a reader."""
    return _class(name).parameters()


def _class(name: str) -> type[Reader]:
    if name not in READERS:
        raise MxError(f"there is no reader {name}" + suggest(name, READERS))
    return READERS[name]
