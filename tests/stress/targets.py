"""The loaders for damaged files: where good files come from, how they are damaged, how they are read."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from mxr.engine.ndarray import NDArray
from mxr.graph import symbol as symbols
from mxr.io import params, readers, recordio
from mxr.operator import MxError

from . import mutate

DATA = Path(__file__).parent.parent / "data"
IO, GRAPHS = DATA / "io", DATA / "fuzz"


@dataclass
class Target:
    """`use(folder, bytes)` writes the bytes and loads them like a script."""

    seeds: Callable[[], list[bytes]]
    mutate: Callable[[bytes, random.Random, list[bytes]], bytes]
    use: Callable[[Path, bytes], None]
    asks: bool = False  # the content may need any amount of memory, and be rejected
    good: list[bytes] = field(default_factory=list)

    def input(self, name: str, number: int) -> bytes:
        """The damaged file of that number."""
        self.good = self.good or self.seeds()
        rng = random.Random(f"{name} {number}")
        seed = rng.choice(self.good)
        if number < len(self.good):
            return self.good[number]
        return self.mutate(seed, rng, self.good)


def _contents(*names: str, folder: Path = IO):
    return lambda: [(folder / n).read_bytes() for n in names]


def _written(folder: Path, content: bytes, name: str = "input") -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def _read_all(kind: str, **args) -> None:
    reader = readers.create(kind, args)
    for _ in range(50):
        if not reader.next():
            break


def _use_params(folder: Path, content: bytes) -> None:
    params.load(_written(folder, content))


@cache
def _shapes() -> dict:
    found: dict = {}
    for shapes in json.loads((GRAPHS / "shapes.json").read_text()).values():
        for name, shape in shapes.items():
            found.setdefault(name, []).append(tuple(shape))
    return found


def _graphs() -> list[bytes]:
    return [
        (GRAPHS / f"{name}.json").read_bytes() for name in json.loads((GRAPHS / "shapes.json").read_text())
    ]


def _use_symbol(folder: Path, content: bytes) -> None:
    """Load, write and load again, infer, bind, forward, backward with small data."""
    symbol = symbols.load(_written(folder, content))
    assert symbols.load_json(symbol.tojson()).tojson() == symbol.tojson()
    arguments = symbol.list_arguments()
    for shape in _shapes()["data"] if "data" in arguments else [None]:
        shapes = {} if shape is None else {"data": shape}
        symbol.infer_type()
        if symbol.infer_shape(**shapes) is None:
            continue
        ex = symbol.simple_bind({k: "null" if k == "data" else "write" for k in arguments}, **shapes)
        for array in ex.args.values():
            array.data[...] = 0.5
        ex.forward(is_train=True)
        if ex.wanted:
            ex.backward([NDArray(o.data * 0 + 1) for o in ex.output_list])


def _csv(folder: Path, content: bytes) -> None:
    """As data, as integers, or as labels."""
    path = _written(folder, content)
    try:
        _read_all("CSVIter", data_csv=path, data_shape=(3,), batch_size=2, round_batch=False)
        _read_all("CSVIter", data_csv=path, data_shape=(3,), batch_size=2, dtype="int64")
    except MxError:
        _read_all("CSVIter", data_csv=str(IO / "data.csv"), data_shape=(3,), batch_size=2, label_csv=path)


def _libsvm(folder: Path, content: bytes) -> None:
    _read_all("LibSVMIter", data_libsvm=_written(folder, content), data_shape=(5,), batch_size=2)


def _idx(folder: Path, content: bytes) -> None:
    """As images with good labels, or else as labels with good images."""
    path = _written(folder, content)
    try:
        _read_all("MNISTIter", image=path, label=str(IO / "labels.ubyte"), batch_size=2)
    except MxError:
        _read_all("MNISTIter", image=str(IO / "images.ubyte"), label=path, batch_size=2)


def _zipped(seed: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    if rng.random() < 0.5:
        plain = _contents("images.ubyte", "labels.ubyte")()
        return gzip.compress(mutate.data(rng.choice(plain), rng, plain), 1, mtime=0)
    return mutate.data(seed, rng, others)


@cache
def _zipped_seeds() -> list[bytes]:
    # 100 MB in 100 KB
    bomb = gzip.compress(
        b"\0\0\x08\3" + b"\0\0\x27\x10" + b"\0\0\0\x64" * 2 + bytes(10_000 * 100 * 100), 9, mtime=0
    )
    labels = gzip.compress(b"\0\0\x08\1\x06\0\0\0" + bytes(100_000_000), 9, mtime=0)
    return [gzip.compress(x, mtime=0) for x in _contents("images.ubyte", "labels.ubyte")()] + [bomb, labels]


def _records(folder: Path, content: bytes) -> None:
    path = _written(folder, content)
    reader = recordio.Reader(path)
    try:
        for record in reader:
            recordio.unpack(record)
    finally:
        reader.close()


def _index(folder: Path, content: bytes) -> None:
    _read_all(
        "ImageRecordIter",
        path_imgrec=str(IO / "images.rec"),
        path_imgidx=_written(folder, content),
        data_shape=(3, 8, 8),
        batch_size=2,
        preprocess_threads=1,
    )


def _image_list(folder: Path, content: bytes) -> None:
    _read_all(
        "ImageRecordIter",
        path_imgrec=str(IO / "photos.rec"),
        path_imglist=_written(folder, content),
        label_width=2,
        data_shape=(3, 8, 8),
        batch_size=2,
        preprocess_threads=1,
    )
    _read_all(
        "ImageDetRecordIter",
        path_imgrec=str(IO / "photos.rec"),
        path_imglist=str(folder / "input"),
        data_shape=(3, 8, 8),
        batch_size=2,
        preprocess_threads=1,
    )


def _images(folder: Path, content: bytes) -> None:
    path = _written(folder, content)
    _read_all(
        "ImageRecordIter",
        path_imgrec=path,
        data_shape=(3, 8, 8),
        batch_size=2,
        preprocess_threads=1,
        rand_crop=True,
        resize=9,
    )


def _pictures() -> list[bytes]:
    """The encoded images themselves: RecordIO's framing does not detect damage to their headers."""
    found = []
    for name in ("images.rec", "grey.rec", "alpha.rec", "photos.rec"):
        for record in recordio.Reader(IO / name):
            found.append(recordio.unpack(record)[1])
    return sorted(found, key=len)[:16]


def _picture(folder: Path, content: bytes) -> None:
    with open(folder / "input", "wb") as file:
        recordio.Writer(file).write(recordio.pack(recordio.Header(1.0, 1), content))
    for channels in (1, 3):
        _read_all(
            "ImageRecordIter",
            path_imgrec=str(folder / "input"),
            data_shape=(channels, 8, 8),
            batch_size=1,
            preprocess_threads=1,
        )


def _mean_image(folder: Path, content: bytes) -> None:
    _read_all(
        "ImageRecordIter",
        path_imgrec=str(IO / "photos.rec"),
        mean_img=_written(folder, content),
        data_shape=(3, 24, 26),
        batch_size=2,
        preprocess_threads=1,
    )


TARGETS: dict[str, Target] = {
    "params": Target(
        lambda: [p.read_bytes() for p in sorted(DATA.glob("*.params"))], mutate.data, _use_params
    ),
    "symbol JSON, bound and run": Target(_graphs, mutate.symbol, _use_symbol, asks=True),
    "CSV": Target(_contents("data.csv", "label.csv"), mutate.text, _csv),
    "LibSVM": Target(_contents("data.svm", "label.svm"), mutate.text, _libsvm),
    "idx": Target(_contents("images.ubyte", "labels.ubyte"), mutate.data, _idx),
    "idx, gzip": Target(_zipped_seeds, _zipped, _idx),
    "RecordIO": Target(_contents("magic.rec", "photos.rec", "labels.rec"), mutate.data, _records),
    "RecordIO, images decoded": Target(
        _contents("photos.rec", "alpha.rec", "grey.rec"), mutate.data, _images
    ),
    "JPEG and PNG": Target(_pictures, mutate.data, _picture),
    "RecordIO index": Target(_contents("images.idx"), mutate.text, _index),
    "image list": Target(_contents("labels.lst", "objects.lst"), mutate.text, _image_list),
    "mean image": Target(_contents("mean.bin"), mutate.data, _mean_image),
}
