"""The first pass over files of data, by the readers of mxr and of MXNet: opening, and all batches."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mxr.io import recordio
from mxr.io.images import decode

Given = dict[str, Any]  # the parameters of a reader


def csv(folder: Path) -> Given:
    """54 MB of numbers with six decimals."""
    path = folder / "data.csv"
    rows = np.random.default_rng(0).random((60_000, 100))
    path.write_text("".join(",".join(map("{:.6f}".format, row)) + "\n" for row in rows.tolist()))
    return {"data_csv": str(path), "data_shape": [100], "batch_size": 128}


def csv_digits(folder: Path) -> Given:
    """The same as R's write.table writes numbers: with 15 digits."""
    path = folder / "digits.csv"
    rows = np.random.default_rng(1).standard_normal((20_000, 100))
    path.write_text("".join(",".join(map("{:.15g}".format, row)) + "\n" for row in rows.tolist()))
    return {"data_csv": str(path), "data_shape": [100], "batch_size": 128}


def libsvm(folder: Path) -> Given:
    """60 000 rows of 784 features, one of ten of them not zero."""
    path = folder / "data.libsvm"
    rng = np.random.default_rng(2)
    with open(path, "w") as file:
        for label in rng.integers(0, 10, 60_000).tolist():
            index = np.flatnonzero(rng.random(784) < 0.1)
            pairs = zip(index.tolist(), rng.random(len(index)).tolist())
            file.write(f"{label} " + " ".join(f"{i}:{v:.4f}" for i, v in pairs) + "\n")
    return {"data_libsvm": str(path), "data_shape": [784], "batch_size": 128}


def mnist(folder: Path) -> Given:
    """60 000 images, shuffled."""
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (60_000, 28, 28), np.uint8) * (rng.random((60_000, 28, 28)) < 0.2)
    contents = {
        "image": struct.pack(">IIII", 2051, *pixels.shape) + pixels.astype(np.uint8).tobytes(),
        "label": struct.pack(">II", 2049, 60_000) + rng.integers(0, 10, 60_000, np.uint8).tobytes(),
    }
    for what, content in contents.items():
        (folder / what).write_bytes(content)
    return {**{what: str(folder / what) for what in contents}, "batch_size": 128}


def images(folder: Path, count: int = 400) -> Given:
    """JPEG files of 320 x 256, a random crop of 224, mirrored at random."""
    rng = np.random.default_rng(4)
    path = folder / "images.rec"
    with open(path, "wb") as file:
        writer = recordio.Writer(file)
        for i in range(count):
            noise = Image.fromarray(rng.integers(0, 256, (32, 40, 3), np.uint8))
            smooth = np.asarray(noise.resize((320, 256), Image.Resampling.BICUBIC))
            writer.write(recordio.pack(recordio.Header(float(i % 10), i), decode.encode(smooth, ".jpg", 95)))
    return {
        "path_imgrec": str(path),
        "data_shape": [3, 224, 224],
        "batch_size": 32,
        "rand_crop": True,
        "rand_mirror": True,
        "mean_r": 123.0,
        "mean_g": 117.0,
        "mean_b": 104.0,
    }


# Each with the name of the row, the reader, and what the ratio counts.
FILES: list[tuple[str, str, Callable[[Path], Given]]] = [
    ("`CSVIter`, 60 000 x 100, six decimals, 54 MB", "CSVIter", csv),
    ("`CSVIter`, 20 000 x 100, 15 digits", "CSVIter", csv_digits),
    ("`LibSVMIter`, 60 000 x 784, a tenth of them", "LibSVMIter", libsvm),
    ("`MNISTIter`, 60 000 images", "MNISTIter", mnist),
    ("`ImageRecordIter`, 400 JPEGs of 320 x 256, random crop 224, mirror", "ImageRecordIter", images),
]
