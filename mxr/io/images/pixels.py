"""Colours and geometry of uint8 images (height, width, channels; red first), with OpenCV's arithmetic."""

from __future__ import annotations

from functools import cache

import numpy as np

from mxr.io.images import resize as sizes


def saturated(x: np.ndarray) -> np.ndarray:
    """Numbers as uint8: rounded and clipped to 0..255."""
    return np.clip(np.rint(x), 0, 255).astype(np.uint8)


def scaled(image: np.ndarray, factor: float | np.float32, shift: float | np.float32 = 0.0) -> np.ndarray:
    """image * factor + shift, in single precision."""
    return saturated(image * np.float32(factor) + np.float32(shift))


def swapped_grey(image: np.ndarray) -> np.ndarray:
    """Brightness as MXNet's colour jitter computes it: with the weights of red and blue exchanged."""
    red, green, blue = (image[:, :, k : k + 1].astype(np.int32) for k in range(3))
    return (red * 1868 + green * 9617 + blue * 4899 + 8192 >> 14).astype(np.uint8)


def to_hls(image: np.ndarray) -> np.ndarray:
    """Hue (0 to 180), lightness and saturation (0 to 255)."""
    x = image.astype(np.float32) * np.float32(1 / 255)
    red, green, blue = x[..., 0], x[..., 1], x[..., 2]
    high, low = x.max(-1), x.min(-1)
    difference, total = high - low, high + low
    lightness = total * np.float32(0.5)
    grey = difference <= np.finfo(np.float32).eps
    with np.errstate(divide="ignore", invalid="ignore"):
        saturation = difference / np.where(lightness < 0.5, total, 2 - total)
        sixty = np.float32(60) / difference
        hue = np.where(
            high == red,
            (green - blue) * sixty,
            np.where(high == green, (blue - red) * sixty + 120, (red - green) * sixty + 240),
        )
    hue = np.where(hue < 0, hue + 360, hue) * np.float32(0.5)
    hue, saturation = np.where(grey, 0, hue), np.where(grey, 0, saturation)
    return saturated(np.stack([hue, lightness * 255, saturation * 255], -1))


# For each sixth of the hue circle: which of the four `values` in from_hls are red, green and blue.
_SECTORS = np.array([[0, 3, 1], [2, 0, 1], [1, 0, 3], [1, 2, 0], [3, 1, 0], [0, 1, 2]])


def from_hls(hls: np.ndarray) -> np.ndarray:
    """The inverse of `to_hls`."""
    hue = hls[..., 0].astype(np.float32) * np.float32(6 / 180)
    lightness, saturation = (hls[..., k].astype(np.float32) * np.float32(1 / 255) for k in (1, 2))
    high = np.where(
        lightness <= 0.5, lightness * (1 + saturation), lightness + saturation - lightness * saturation
    )
    low = 2 * lightness - high
    hue = np.where(hue >= 6, hue - 6, hue)
    sector = np.floor(hue).astype(int)
    part = hue - sector
    values = np.stack([high, low, low + (high - low) * (1 - part), low + (high - low) * part], -1)
    return saturated(np.take_along_axis(values, _SECTORS[sector % 6], -1) * 255)


def add_hls(image: np.ndarray, hue: int, lightness: int, saturation: int) -> np.ndarray:
    """The image with numbers added to its hue, lightness and saturation."""
    moved = to_hls(image).astype(np.int32) + [hue, lightness, saturation]
    return from_hls(np.clip(moved, 0, [180, 255, 255]).astype(np.uint8))


def bordered(image: np.ndarray, top: int, bottom: int, left: int, right: int, value: int) -> np.ndarray:
    """The image with a border of `value`. In the border, a fourth channel is 0."""
    padded = np.pad(image, ((top, bottom), (left, right), (0, 0)), constant_values=value)
    if image.shape[2] == 4:
        padded[..., 3] = np.pad(image[..., 3], ((top, bottom), (left, right)))
    return padded


_BITS, _CELLS = 10, 32  # fixed-point bits of a position; positions between two pixels


def warp(
    image: np.ndarray, matrix: np.ndarray, height: int, width: int, fill: int, method: int = sizes.LINEAR
) -> np.ndarray:
    """The image moved by an affine map, a 2 by 3 matrix from old to new positions. Pixels from outside of the
    image are `fill`."""
    nearest = method == sizes.NEAREST
    (a, b, c), (d, e, f) = matrix.astype(np.float64)
    determinant = a * e - b * d
    scale = 1 / determinant if determinant else 0.0
    a, b, d, e = e * scale, -b * scale, -d * scale, a * scale
    c, f = -a * c - b * f, -d * c - e * f
    one = 1 << _BITS
    rounding = one // 2 if nearest else one // _CELLS // 2
    x, y = np.arange(width), np.arange(height)
    across, down = (
        (np.rint((q * y + r) * one).astype(np.int64) + rounding)[:, None]
        + np.rint(p * x * one).astype(np.int64)
        for p, q, r in ((a, b, c), (d, e, f))
    )
    # positions outside are clipped to a border of `fill`
    h, w, channels = image.shape
    framed = bordered(image, 2, 2, 2, 2, fill)

    def at(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return framed[np.clip(rows + 2, 0, h + 3), np.clip(columns + 2, 0, w + 3)].astype(np.int32)

    if nearest:
        return at(down >> _BITS, across >> _BITS).astype(np.uint8)
    across, down = across >> _BITS - 5, down >> _BITS - 5
    column, row, cell = across >> 5, down >> 5, (down % _CELLS) * _CELLS + across % _CELLS
    weights = _cell_weights(method)
    n = weights.shape[1]
    total = sum(
        at(row + i - n // 2 + 1, column + j - n // 2 + 1) * weights[cell, i, j][..., None]
        for i in range(n)
        for j in range(n)
    )
    return np.clip(total + (1 << 14) >> 15, 0, 255).astype(np.uint8)


@cache
def _cell_weights(method: int) -> np.ndarray:
    """Weights (cell, row, column) of the pixels around a position: fixed-point numbers of 15 bits whose sum
    is one."""
    x = (np.arange(_CELLS) / _CELLS).astype(np.float32)
    one_axis = np.stack(sizes.weights(x, method), 1).astype(np.float32)
    n = one_axis.shape[1]
    both = one_axis[:, None, :, None] * one_axis[None, :, None, :]
    both = np.rint(both * np.float32(32768)).astype(np.int32).reshape(-1, n, n)
    for cell, wrong in zip(both, both.sum((1, 2)) - 32768):
        if wrong:  # as in OpenCV, one of the four weights in the middle takes the rounding error
            middle = cell[n // 2 : n // 2 + 2, n // 2 : n // 2 + 2]
            middle.flat[middle.argmax() if wrong < 0 else middle.argmin()] -= wrong
    return both
