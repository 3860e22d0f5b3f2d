"""Images as planes of channels, written by the core."""

from __future__ import annotations

import numpy as np
import pytest

from mxr import native
from mxr.io.readers.image_record import write_planes


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "int8"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_planes_are_numpys(channels, dtype, mirrored, monkeypatch):
    rng = np.random.default_rng(channels)
    whole = rng.integers(0, 256, (9, 12, channels), np.uint8)
    factor = rng.standard_normal((channels, 1, 1)).astype(np.float32)

    def arithmetic(image: np.ndarray) -> np.ndarray:
        return (image * factor / np.float32(3)).astype(dtype)

    for image in (whole, whole[1:7, 2:11], whole[::-2, ::3], whole.transpose(1, 0, 2), whole[:0]):
        found = []
        for core in (native.vectors, ""):
            monkeypatch.setattr(native, "vectors", core)
            out = np.full((channels, *image.shape[:2]), 7, dtype)
            write_planes(image, arithmetic, mirrored, True, out)
            found.append(out)
        monkeypatch.undo()
        assert found[0].tobytes() == found[1].tobytes()


def test_arrays_of_other_shapes_are_errors():
    image, table = np.zeros((2, 3, 3), np.uint8), np.zeros((3, 256), np.float32)
    out = np.zeros((3, 2, 3), np.float32)
    native.core.planes(image, table, out, False)
    for wrong in (
        (image[:1], table, out),
        (image, table[:2], out),
        (image, table.astype(np.float64), out.astype(np.float64)),
        (image, table.astype(np.uint8), out),
        (image[0], table, out),
        (image.astype(np.int16), table, out),
    ):
        with pytest.raises(ValueError, match="other shapes or types"):
            native.core.planes(*wrong, False)
