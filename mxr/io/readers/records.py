"""Images from RecordIO files: the order of the records, their labels, and decoding."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from mxr.io import recordio
from mxr.io.images import decode
from mxr.io.images import resize as sizes
from mxr.io.readers.base import Batched, Source, blocks
from mxr.operator import REQUIRED, MxError, P, Shape
from mxr.random.cpp_engine import Engine
from mxr.runtime.threads import workers

if TYPE_CHECKING:
    from concurrent.futures import Executor

Place = tuple[int, int]  # offset of a record, and its number
Prepared = tuple[str, recordio.Header, np.ndarray]  # where a record is, its header, its decoded image


class Order:
    """The order in which records are read. `next()` returns (offset, number), where `number` is added to
    `seed_aug`.

    With an index, MXNet shuffles all records in each pass. Without, it shuffles those of a chunk of `chunk`
    bytes, which it reads together.
    """

    def __init__(
        self,
        file: recordio.Reader,
        index: list[int] | None,
        part: tuple[int, int],
        shuffle: bool,
        seed: int,
        chunk: int,
        batch: int,
    ):
        self._file, self._index, self.shuffle, self._chunk, self._batch = file, index, shuffle, chunk, batch
        self._engine = Engine(seed)
        self._ahead: deque[Place] = deque()
        number, parts = part
        if index is None:
            step = -(-file.size // parts)
            step += -step % 4
            self._begin, self._end = (min(step * n, file.size) for n in (number, number + 1))
        else:
            step = -(-len(index) // parts)
            self._index = index[step * number : step * (number + 1)]
        self.rewind()

    def rewind(self) -> None:
        self._ahead.clear()
        if self._index is None:
            self._at = self._file.first(self._begin) if self._begin else 0
            self._pending = True
            return
        order = list(self._index)
        if self.shuffle:
            self._engine.shuffle(order)
        self._ahead.extend((offset, 0) for offset in order)
        self._pending = False

    def next(self, place: int = 0) -> Place | None:
        """The next record, or None at the end of the pass. `place` is its position in the batch."""
        if not self._ahead and self._pending:
            self._load(place)
        return self._ahead.popleft() if self._ahead else None

    def done(self) -> tuple[int, int]:
        """How much of the pass has been read, and its size: in records with an index, else in bytes."""
        if self._index is not None:
            return len(self._index) - len(self._ahead), len(self._index)
        return (self._ahead[0][0] if self._ahead else self._at) - self._begin, self._end - self._begin

    def left(self, most: int) -> int:
        while len(self._ahead) < most and self._pending:
            self._load(0)
        return min(most, len(self._ahead))

    def at_hand(self, n: int) -> list[int]:
        """The offsets of the next n records, or of fewer if the rest of the chunk has fewer."""
        return [offset for offset, _ in islice(self._ahead, n)]

    def put_back(self, places: list[Place]) -> None:
        """Let `next` return these again."""
        self._ahead.extendleft(reversed(places))

    def _load(self, place: int) -> None:
        """Add the records of one chunk. If the file continues after the chunk, the last record that begins in
        it belongs to the next chunk."""
        offsets, limit, begin = [], self._at + self._chunk, self._at
        while begin < self._end and begin + 8 <= limit:
            offsets.append(begin)
            begin = self._file.next(begin)
        if (begin >= self._end and begin < limit) or len(offsets) < 2:
            self._at, self._pending = begin, begin < self._end
        else:
            self._at = offsets.pop()
        numbered = [
            (offset, (self._batch if self.shuffle else place) + i) for i, offset in enumerate(offsets)
        ]
        if self.shuffle:
            self._engine.shuffle(numbered)
        self._ahead.extend(numbered)


class Labels:
    """The labels of an image list. Each line has an id, `width` labels and a path; with `width` None, all
    fields between id and path are labels."""

    def __init__(self, path: str, width: int | None):
        self._path, self._of = path, {}
        if not os.path.exists(path):
            raise MxError(f"there is no image list {path}")
        for first, lines in blocks(path):
            for n, line in enumerate(lines, first):
                fields = line.split()
                if not fields:
                    continue
                wanted = fields[1 : 1 + width] if width else fields[1:-1]
                try:
                    self._of[int(fields[0])] = np.array([float(x) for x in wanted], np.float32)
                except ValueError:
                    wanted = []
                if not wanted or (width and len(wanted) < width):
                    raise MxError(
                        f"{path}, line {n}: an id, {width or 'several'} label{'s' * (width != 1)} and a "
                        "path, separated by tabs, are expected"
                    )

    def __getitem__(self, number: int) -> np.ndarray:
        if number not in self._of:
            raise MxError(f"the image list {self._path} has no line for the image with id {number}")
        return self._of[number]

    def widest(self) -> int:
        return max(map(len, self._of.values()), default=0)


class ImageReader(Batched):
    """What all readers of image records have in common. Threads decode and change the images of a batch in
    parallel, and begin with the next batch. At most two batches are in memory, not the whole file."""

    path_imgrec: str = P(REQUIRED, "path of the RecordIO file")
    path_imglist: str = P("", "path of an image list, whose labels are used instead of those in the records")
    preprocess_threads: int = P(4, "images decoded at once, at most; never more than processors", low=1)
    data_shape: Shape  # a parameter of the augmenter, as is the next
    inter_method: int
    dtype: str | None  # a parameter of each reader: the type of the data
    verbose: bool = P(True, "accepted for MXNet's sake, without effect")
    num_parts: int = P(1, "into how many parts to split the data", low=1)
    part_index: int = P(0, "which part to read, from 0", low=0)
    shuffle_chunk_size: int = P(0, "megabytes that are shuffled together; 0: as MXNet's default", low=0)
    shuffle_chunk_seed: int = P(0, "accepted for MXNet's sake, without effect")
    shuffle: bool = P(False, "whether to shuffle")
    seed: int = P(0, "seed of the shuffling")

    chunk = 8 << 20
    magic = 111  # MXNet adds it to seeds
    index: list[int] | None = None

    def open(self) -> Source:
        if len(self.data_shape) != 3 or self.data_shape[0] not in (1, 3, 4) or 0 in self.data_shape:
            raise self.error("data.shape must be c(width, height, channels), with 1, 3 or 4 channels")
        if self.part_index >= self.num_parts:
            raise self.error(f"part.index is {self.part_index}, of {self.num_parts} parts counted from 0")
        if self.inter_method not in sizes.METHODS:
            raise self.error(
                f"inter.method is {self.inter_method}, not one of {', '.join(map(str, sizes.METHODS))}"
            )
        self.file = recordio.Reader(self.path_imgrec)
        if not self.file.size:
            raise self.error(f"{self.path_imgrec} is empty")
        decode.pillow()
        count = min(self.preprocess_threads, workers())
        self._threads, self._process = count, 0
        self._decoding: dict[int, Callable[[], Prepared]] = {}  # by offset: records of the next batch
        self._pool: Executor | None = None
        self.engine = Engine(self.magic)
        self.order = Order(
            self.file,
            self.index,
            (self.part_index, self.num_parts),
            self.shuffle,
            self.seed + self.magic,
            (self.shuffle_chunk_size << 20) or self.chunk,
            self.batch_size,
        )
        return self

    # the reader is its own source of samples

    def rewind(self) -> None:
        self.order.rewind()

    def left(self, most: int) -> int:
        return self.order.left(most)

    def take(self, n: int) -> tuple[np.ndarray, ...]:
        places: list[Place] = []
        while len(places) < n and (place := self.order.next(self.batch_size - n + len(places))):
            places.append(place)
        try:
            samples = self._samples(places) if places else (np.empty(0), np.empty(0))
            if len(places) == n:
                self._read_ahead(n)
        except BaseException:  # after Ctrl-C, the same batch can be read again
            self.order.put_back(places)
            raise
        return samples

    def _samples(self, places: list[Place]) -> tuple[np.ndarray, ...]:
        """Data and labels of these records. Threads decode and compute; only random numbers are drawn here,
        in order."""
        data = np.empty((len(places), *self.data_shape), self.dtype or "float32")
        labels, writing = [], []
        prepared = self._prepared([offset for offset, _ in places])
        for (_, number), record, out in zip(places, prepared, data):
            write, label = self.sample(number, *record)
            writing.append(self._submit(write, out))
            labels.append(label)
        for wait in writing:
            wait()
        return data, np.stack(labels)

    def _prepared(self, offsets: list[int]) -> Iterator[Prepared]:
        """(where, header, image) of each record, in order."""
        if self._process != os.getpid():  # threads do not survive a fork
            self._decoding.clear()
        waits = [self._decoding.get(o) or self._decode(o) for o in offsets]
        self._decoding.clear()
        return (wait() for wait in waits)

    def _read_ahead(self, n: int) -> None:
        """Let threads begin to decode the next batch."""
        if self._threads > 1:
            with suppress(MxError):  # a damaged record is an error of its own batch
                for offset in self.order.at_hand(n):
                    self._decoding[offset] = self._decode(offset)

    def _decode(self, offset: int) -> Callable[[], Prepared]:
        return self._submit(self._decoded, (offset, self.file.read(offset)))

    def _submit(self, function: Callable[[Any], Any], argument: Any) -> Callable[[], Any]:
        """Let a thread call a function. Returns a function that waits for the result. With only one thread,
        that one calls."""
        if self._threads == 1:
            return partial(function, argument)
        if self._pool is None or self._process != os.getpid():
            from concurrent.futures import ThreadPoolExecutor  # takes longer to import than all readers

            self._pool, self._process = ThreadPoolExecutor(self._threads, "mxr-images"), os.getpid()
        return self._pool.submit(function, argument).result

    def _decoded(self, record: tuple[int, bytes]) -> Prepared:
        offset, data = record
        where = f"{self.path_imgrec}, the record at byte {offset}"
        header, content = recordio.unpack(data, where)
        where += f" (image {header.id})"
        return where, header, self.prepare(decode.decode(content, self.data_shape[0], where))

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """The part of augmenting that draws no random numbers. Threads call it for several images at once."""
        return image

    def sample(
        self, number: int, where: str, header: recordio.Header, image: np.ndarray
    ) -> tuple[Callable[[np.ndarray], None], np.ndarray]:
        """A decoded record as a function that writes its data into an array of data_shape, and its label.

        It is called in the order of the pass, and draws the random numbers. The function is called once, in
        any thread.
        """
        raise NotImplementedError
