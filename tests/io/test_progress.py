"""Long work on files reports its progress."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from PIL import Image

from mxr import native
from mxr.io import readers
from mxr.io.im2rec import im2rec
from mxr.operator import MxError
from mxr.runtime import costs, progress


@pytest.fixture
def told(monkeypatch):
    """The reports, without a minimum time between them."""
    monkeypatch.setattr(progress, "_EVERY", 0)
    monkeypatch.setattr(costs, "TEXT_BLOCK", 50)
    monkeypatch.setattr(costs, "READ_BLOCK", 50)
    said: list[tuple[str, float]] = []
    with progress.watched(lambda what, share: said.append((what, share))):
        yield said


def rises(told, what: str) -> bool:
    shares = [share for text, share in told if text.startswith(what)]
    return len(set(shares)) > 2 and shares == sorted(shares) and 0 <= shares[0] < shares[-1] <= 1


def test_text_files(told, tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("1,2\n" * 100)
    readers.create("CSVIter", {"data_csv": str(tmp_path / "a.csv"), "data_shape": (2,), "batch_size": 5})
    assert rises(told, "reading a.csv")
    (tmp_path / "a.svm").write_text("1 0:2\n" * 100)
    readers.create(
        "LibSVMIter", {"data_libsvm": str(tmp_path / "a.svm"), "data_shape": (2,), "batch_size": 5}
    )
    assert rises(told, "reading a.svm")
    monkeypatch.setattr(native, "vectors", "")
    readers.create(
        "LibSVMIter", {"data_libsvm": str(tmp_path / "a.svm"), "data_shape": (2,), "batch_size": 5}
    )
    assert rises(told, "reading the numbers of a.svm")


def test_mnist(told, tmp_path):
    pixels = np.zeros((20, 3, 3), np.uint8)
    with gzip.open(tmp_path / "images.gz", "wb") as file:
        file.write(b"\0\0\x08\x03" + struct.pack(">3I", *pixels.shape) + pixels.tobytes())
    (tmp_path / "labels").write_bytes(b"\0\0\x08\x01" + struct.pack(">I", 20) + bytes(20))
    given = {"image": str(tmp_path / "images.gz"), "label": str(tmp_path / "labels"), "batch_size": 5}
    readers.create("MNISTIter", given)
    assert rises(told, "reading images.gz")


@pytest.mark.parametrize("indexed", [False, True])
def test_images(told, tmp_path, indexed):
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    (tmp_path / "images.lst").write_text("".join(f"{i}\t0\tx.png\n" for i in range(9)))
    packed = str(tmp_path / "images.rec")
    assert im2rec(str(tmp_path / "images.lst"), f"{tmp_path}/", packed, unchanged=1) == 9
    assert rises(told, "im2rec: image")
    given = {"path_imgrec": packed, "data_shape": (3, 8, 8), "batch_size": 2, "preprocess_threads": 1}
    if indexed:
        size = (tmp_path / "images.rec").stat().st_size // 9
        (tmp_path / "images.idx").write_text("".join(f"{i}\t{i * size}\n" for i in range(9)))
        given |= {"path_imgidx": str(tmp_path / "images.idx"), "shuffle": True}
    readers.create("ImageRecordIter", given | {"mean_img": str(tmp_path / "mean.nd")})
    assert rises(told, "making mean.nd") and (tmp_path / "mean.nd").exists()


def test_the_progress_callback_is_removed_after_an_error(tmp_path):
    with pytest.raises(MxError), progress.watched(lambda what, share: None):
        readers.create("CSVIter", {"data_csv": "none.csv", "data_shape": (2,), "batch_size": 5})
    assert progress._show is None
