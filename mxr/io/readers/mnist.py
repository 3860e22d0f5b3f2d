"""MNISTIter: images and labels in the format of the MNIST files, with or without gzip compression."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from io import BufferedReader

import numpy as np

from mxr.io.readers.base import Reader, Table
from mxr.operator import P
from mxr.random.cpp_engine import Engine
from mxr.runtime import costs, progress

# The limit against files that decompress to huge sizes: bytes of any file; bytes per byte of a larger one.
_ALWAYS, _MOST = 1 << 24, 256


class MNIST(Reader):
    """Images of a file in MNIST's format, as numbers from 0 to 255/256. Samples that do not fill a last batch
    are left out."""

    name = "MNISTIter"
    image: str = P("./train-images-idx3-ubyte", "path of the images, gzip-compressed or not")
    label: str = P("./train-labels-idx1-ubyte", "path of the labels, gzip-compressed or not")
    batch_size: int = P(128, "images in a batch", low=1)
    shuffle: bool = P(True, "whether to shuffle the images, once")
    flat: bool = P(False, "whether an image is a vector, not a matrix with one channel")
    seed: int = P(0, "seed of the shuffling")
    num_parts: int = P(1, "into how many parts to split the data", low=1)
    part_index: int = P(0, "which part to read, from 0", low=0)

    def __init__(self, given: dict):
        super().__init__(given)
        if self.part_index >= self.num_parts:
            raise self.error(f"part.index is {self.part_index}, of {self.num_parts} parts counted from 0")
        images, labels = self._read(self.image, 3), self._read(self.label, 1)
        if len(images) != len(labels):
            raise self.error(f"{self.image} has {len(images)} images, {self.label} {len(labels)} labels")
        begin, end = (int(len(images) / self.num_parts * i) for i in (self.part_index, self.part_index + 1))
        images, labels = images[begin:end], labels[begin:end]
        if self.shuffle:
            order = list(range(len(images)))
            Engine(self.seed).shuffle(order)
            images, labels = images[order], labels[order]
        self._table = Table(images, labels)

    def next(self) -> bool:
        self.value = None
        if self._table.left(self.batch_size) < self.batch_size:
            return False
        images, labels = self._table.take(self.batch_size)
        images = images.astype(np.float32) * np.float32(1 / 256)
        self.value = {
            "data": images.reshape(len(images), -1) if self.flat else images[:, None],
            "label": labels.astype(np.float32),
        }
        return True

    def reset(self) -> None:
        self.value = None
        self._table.rewind()

    def _read(self, path: str, ndim: int) -> np.ndarray:
        """The array of bytes in a file: two zeros, 8 (the type, bytes), the number of dimensions, the
        dimensions as big-endian integers, the bytes."""
        if not os.path.exists(path):
            raise self.error(f"there is no file {path}")
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        try:
            with gzip.open(path) if packed else open(path, "rb") as file:
                head = file.read(4 + 4 * ndim)
                if len(head) < 4 + 4 * ndim or head[:3] != b"\0\0\x08" or head[3] != ndim:
                    raise self.error(
                        f"{path} is not a file in MNIST's format with {ndim} dimension{'s' * (ndim > 1)}"
                    )
                shape = struct.unpack(f">{ndim}I", head[4:])
                size = math.prod(shape)
                if packed and size > max(_ALWAYS, _MOST * os.path.getsize(path)):
                    raise self.error(
                        f"{path} announces {size} bytes, more than a compressed file of "
                        f"{os.path.getsize(path)} bytes can hold"
                    )
                if not packed and os.path.getsize(path) - len(head) < size:
                    raise self.error(
                        f"{path} is cut off: it announces {size} bytes, "
                        f"{os.path.getsize(path) - len(head)} follow"
                    )
                return np.frombuffer(self._bytes(file, size, path), np.uint8).reshape(shape)
        except (OSError, EOFError, ValueError, zlib.error) as e:
            # ValueError: one dimension is 0 and another too large for NumPy
            raise self.error(f"cannot read {path}: {e}") from None

    def _bytes(self, file: gzip.GzipFile | BufferedReader, size: int, path: str) -> bytes:
        """`size` bytes, read in blocks: a compressed file may hold less than its header says."""
        pieces, left = [], size
        while left and (piece := file.read(min(left, costs.READ_BLOCK))):
            pieces.append(piece)
            left -= len(piece)
            progress.report(f"reading {os.path.basename(path)}", size - left, size)
        if left:
            raise self.error(f"{path} is cut off: it announces {size} bytes, {size - left} follow")
        return b"".join(pieces)
