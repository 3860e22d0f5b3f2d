"""Resizing images with OpenCV's arithmetic, as MXNet does; Pillow's filters give other pixels.

uint8 images are computed with integers, others in their own precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mxr.random.cpp_engine import Engine

NEAREST, LINEAR, CUBIC, AREA, LANCZOS, AUTO, RANDOM = 0, 1, 2, 3, 4, 9, 10
METHODS = (NEAREST, LINEAR, CUBIC, AREA, LANCZOS, AUTO, RANDOM)
_ONE = 2048  # weights are fixed-point numbers of 11 bits


def method_for(method: int, old: Sequence[Any], new: Sequence[Any], engine: Engine | None) -> int:
    """`method`, except for AUTO and RANDOM.

    AUTO becomes the method for the change of size from `old` to `new` (height, width). RANDOM becomes one
    drawn from `engine`, which only it needs.
    """
    if method == AUTO:
        if new[0] > old[0] and new[1] > old[1]:
            return CUBIC
        return AREA if new[0] < old[0] and new[1] < old[1] else LINEAR
    if method == RANDOM:
        assert engine is not None
        return engine.integer(0, 4)
    return method


def resize(image: np.ndarray, height: int, width: int, method: int = LINEAR) -> np.ndarray:
    """An image (height, width, channels) in another size. `method` is NEAREST, LINEAR, CUBIC, AREA or
    LANCZOS for uint8, float32 and float64, and NEAREST for other types."""
    h, w = image.shape[:2]
    if (h, w) == (height, width):
        return image
    scales = [1 / (new / old) for new, old in ((height, h), (width, w))]
    if method == NEAREST:
        rows, columns = (
            np.minimum(np.floor(np.arange(new) * scale).astype(int), old - 1)
            for new, old, scale in ((height, h, scales[0]), (width, w, scales[1]))
        )
        return image[rows][:, columns]
    # OpenCV's linear resize to exactly half the size is the mean of four pixels
    halved = method == LINEAR and scales == [2, 2]
    if (method == AREA and min(scales) >= 1) or halved:
        return _area(image, height, width, scales)
    columns, across = _taps(width, w, scales[1], method, clamp=True)
    rows, down = _taps(height, h, scales[0], method, clamp=False)
    if image.dtype != np.uint8:
        return _blended(image, columns, across, rows, down)
    across, down = (np.rint(shares * _ONE).astype(np.int32) for shares in (across, down))
    # float32 holds integers below 2^24 exactly, and NumPy multiplies it faster than integers
    channels = image.shape[2]
    rows_of_values = image.reshape(h, -1)
    wide = sum(
        np.take(rows_of_values, (columns[:, k, None] * channels + np.arange(channels)).ravel(), 1)
        * np.repeat(across[:, k], channels).astype(np.float32)
        for k in range(columns.shape[1])
    ).astype(np.int32)
    shares = [down[:, k, None] for k in range(rows.shape[1])]
    if len(shares) == 2:
        wide >>= 4
        total = _down(wide, rows[:, 0], shares[0])
        total += _down(wide, rows[:, 1], shares[1])
        total += 2
        total >>= 2
    else:
        bands = [np.take(wide, rows[:, k], 0) for k in range(len(shares))]
        total = sum(b * v for b, v in zip(bands, shares)) + (1 << 21) >> 22
        # OpenCV computes groups of eight values in single precision, and the rest with integers
        if len(shares) == 4:
            eights = total.shape[1] // 8 * 8
            terms = [
                b[:, :eights] * (v.astype(np.float32) * np.float32(1 / _ONE**2))
                for b, v in zip((b.astype(np.float32) for b in bands), shares)
            ]
            total[:, :eights] = np.rint((terms[0] + terms[1]) + (terms[2] + terms[3]))
    return np.clip(total, 0, 255).astype(np.uint8).reshape(height, width, channels)


def _blended(
    image: np.ndarray, columns: np.ndarray, across: np.ndarray, rows: np.ndarray, down: np.ndarray
) -> np.ndarray:
    """Weighted sums of neighbouring pixels, first along the rows (weights `across` of the old `columns`),
    then along the columns."""
    wide = sum(image[:, columns[:, k]] * across[:, k, None] for k in range(columns.shape[1]))
    return sum(wide[rows[:, k]] * down[:, k, None, None] for k in range(rows.shape[1]))


def _down(wide: np.ndarray, rows: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """`wide[rows] * shares`, without the lowest 16 bits."""
    part = np.take(wide, rows, 0)
    part *= shares
    part >>= 16
    return part


def _taps(new: int, old: int, scale: float, method: int, clamp: bool) -> tuple[np.ndarray, np.ndarray]:
    """For each new position, the old positions that it is computed from, and their weights.

    `clamp` is for linear methods horizontally: at the border, all weight is on one pixel. Otherwise the two
    positions are the same pixel and share the weight, which is rounded differently.
    """
    at = np.arange(new)
    if method == AREA:
        left = np.floor(at * scale)
        part = ((at + 1) - (left + 1) * (new / old)).astype(np.float32)
        part = np.where(part <= 0, 0, part - np.floor(part))
    else:
        part = ((at + 0.5) * scale - 0.5).astype(np.float32)
        left = np.floor(part)
        part = part - left
    left, part = left.astype(int), part.astype(np.float32)
    if method in (LINEAR, AREA):
        if clamp:
            part = np.where((left < 0) | (left >= old - 1), np.float32(0), part)
            left = np.clip(left, 0, old - 1)
    shares = np.stack(weights(part, method), 1).astype(np.float32)
    reach = shares.shape[1] // 2 - 1
    positions = np.clip(left[:, None] + np.arange(-reach, reach + 2), 0, old - 1)
    return positions, shares


def weights(x: np.ndarray, method: int) -> list[np.ndarray]:
    """The weights of the 2, 4 or 8 pixels around a position that is `x` (0 to 1) after the pixel before
    it."""
    return _cubic(x) if method == CUBIC else _lanczos(x) if method == LANCZOS else [1 - x, x]


def _cubic(x: np.ndarray) -> list[np.ndarray]:
    a, one = np.float32(-0.75), np.float32(1)
    first = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a
    second = ((a + 2) * x - (a + 3)) * x * x + 1
    third = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1
    return [first, second, third, one - first - second - third]


_HALF = 0.70710678118654752440084436210485
_TURNS = np.array(
    [[1, 0], [-_HALF, -_HALF], [0, 1], [_HALF, -_HALF], [-1, 0], [_HALF, _HALF], [0, -1], [-_HALF, _HALF]]
)


def _lanczos(x: np.ndarray) -> list[np.ndarray]:
    quarter = np.pi / 4
    zero = -(x.astype(np.float64) + 3) * quarter
    sine, cosine = np.sin(zero), np.cos(zero)
    weights = []
    for i, (a, b) in enumerate(_TURNS):
        y = -(x.astype(np.float64) + 3 - i) * quarter
        with np.errstate(divide="ignore", invalid="ignore"):
            weights.append(((a * sine + b * cosine) / (y * y)).astype(np.float32))
    whole = x < np.finfo(np.float32).eps
    weights = [np.where(whole, np.float32(i == 3), v) for i, v in enumerate(weights)]
    total = np.float32(1) / sum(weights)
    return [v * total for v in weights]


def _area(image: np.ndarray, height: int, width: int, scales: list[float]) -> np.ndarray:
    """Each new pixel is the mean of the old pixels that it covers."""
    down, across = (int(round(s)) for s in scales)
    h, w, c = image.shape
    whole = image.dtype == np.uint8
    if abs(scales[0] - down) < 2e-16 and abs(scales[1] - across) < 2e-16:
        blocks = (
            image[: height * down, : width * across]
            .reshape(height, down, width, across, c)
            .sum((1, 3), dtype=np.int32 if whole else image.dtype)
        )
        if not whole:
            return blocks * np.float32(1 / (down * across))
        if down == across == 2:
            return (blocks + 2 >> 2).astype(np.uint8)
        return np.rint(blocks.astype(np.float32) * np.float32(1 / (down * across))).astype(np.uint8)
    numbers = image.astype(np.float32) if whole else image
    wide = _shares(numbers.transpose(1, 0, 2), width, scales[1]).transpose(1, 0, 2)
    result = _shares(wide, height, scales[0])
    return np.clip(np.rint(result), 0, 255).astype(np.uint8) if whole else result


def _shares(image: np.ndarray, new: int, scale: float) -> np.ndarray:
    """Means over consecutive ranges of `scale` rows. A row that lies in two ranges counts by its share in
    each."""
    old = len(image)
    out = np.zeros((new, *image.shape[1:]), image.dtype)
    for i in range(new):
        begin, end = i * scale, i * scale + scale
        cell = min(scale, old - begin)
        first, last = min(int(np.ceil(begin)), old - 1), min(int(np.floor(end)), old - 1)
        first = min(first, last)
        if first - begin > 1e-3:
            out[i] += image[first - 1] * np.float32((first - begin) / cell)
        for k in range(first, last):
            out[i] += image[k] * np.float32(1 / cell)
        if end - last > 1e-3:
            out[i] += image[last] * np.float32(min(min(end - last, 1.0), cell) / cell)
    return out
