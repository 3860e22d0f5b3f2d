"""Images of another size, by weighted sums along rows and along columns: one matrix of weights for each."""

from __future__ import annotations

import numpy as np

from mxr.operator import P, ParamError, Shape, ShapeError, op, shape_text, unify


def _four(shape) -> None:
    if shape is not None and len(shape) != 4:
        raise ShapeError(
            f"the data must have 4 axes (samples, channels, rows, columns), not the shape {shape_text(shape)}"
        )


def _between(rows, columns, data):
    """`rows . image . columns^T` for every image."""
    return np.matmul(np.matmul(rows, data), np.ascontiguousarray(columns.T))


def bilinear(n: int, to: int, align: bool, dtype) -> np.ndarray:
    """The weights (to, n) of linear interpolation from n pixels to `to`. `align`: the first and the last
    pixels keep their places."""
    f = np.float32
    at = np.arange(to, dtype=f)
    if align:
        at = at * (f(n - 1) / f(to - 1) if to > 1 else f(0))
    else:
        at = np.maximum(f(n) / f(to) * (at + f(0.5)) - f(0.5), 0)
    first = at.astype(int)
    part = at - first
    weights = np.zeros((to, n), dtype)
    np.add.at(weights, (np.arange(to), first), 1 - part)
    np.add.at(weights, (np.arange(to), np.minimum(first + 1, n - 1)), part)
    return weights


@op("_contrib_BilinearResize2D")
class BilinearResize2D:
    """Images of another size by linear interpolation between the four nearest pixels.

    The size is `height` and `width`; or that of `like`; or the image's times a scale, made odd or even by one
    pixel more or less. With `align_corners` corner pixels keep their places.
    """

    height: int = P(1, "rows of the result", low=1, high=10000)
    width: int = P(1, "columns of the result", low=1, high=10000)
    scale_height: float = P(None, "the factor of the rows")
    scale_width: float = P(None, "the factor of the columns")
    mode: str = P(
        "size",
        "how the size is given",
        one_of=("size", "odd_scale", "like", "to_even_down", "to_even_up", "to_odd_down", "to_odd_up"),
    )
    align_corners: bool = P(True, "corner pixels keep their places")

    inputs = lambda p: ("data", "like") if p.mode == "like" else ("data",)

    def infer_shape(p, ins, outs):
        _four(ins[0])
        if ins[0] is None or (p.mode == "like" and ins[1] is None):
            return ins, outs
        if p.mode == "like":
            _four(ins[1])
        to = ins[1][2:] if p.mode == "like" else tuple(_size(p, n, axis) for axis, n in enumerate(ins[0][2:]))
        return ins, [unify(outs[0], (*ins[0][:2], *to))]

    def forward(p, data, *like):
        to = like[0].shape[2:] if like else tuple(_size(p, n, axis) for axis, n in enumerate(data.shape[2:]))
        rows, columns = (bilinear(n, t, p.align_corners, data.dtype) for n, t in zip(data.shape[2:], to))
        return _between(rows, columns, data)

    def backward(p, g, ins, outs):
        data = ins[0]
        rows, columns = (
            bilinear(n, t, p.align_corners, data.dtype) for n, t in zip(data.shape[2:], g.shape[2:])
        )
        back = _between(np.ascontiguousarray(rows.T), np.ascontiguousarray(columns.T), g)
        return (back, 0.0) if len(ins) > 1 else back


def _size(p, n: int, axis: int) -> int:
    """The rows (axis 0) or columns of the result for `n` of the image."""
    if p.mode == "size":
        scale = (p.scale_height, p.scale_width)[axis]
        return (p.height, p.width)[axis] if scale is None else int(scale * n)
    if p.mode == "odd_scale":
        scale = (p.scale_height, p.scale_width)[axis]
        if scale is None:
            raise ParamError("odd_scale needs scale_height and scale_width")
        return int(n * scale) if n % 2 == 0 else int((n - 1) * scale) + 1
    even = p.mode.startswith("to_even")
    if (n % 2 == 0) == even:
        return n
    return n + (1 if p.mode.endswith("up") else -1)


@op("_contrib_AdaptiveAvgPooling2D")
class AdaptiveAvgPooling2D:
    """Averages over windows that divide each image, of any size, into `output_size` rows and columns."""

    output_size: Shape = P(
        (), "rows and columns of the result (in R: columns, rows); one number for both, by default 1"
    )

    def infer_shape(p, ins, outs):
        _four(ins[0])
        return ins, outs if ins[0] is None else [unify(outs[0], (*ins[0][:2], *_output(p)))]

    def forward(p, data):
        rows, columns = (_averages(n, t, data.dtype) for n, t in zip(data.shape[2:], _output(p)))
        return _between(rows, columns, data)

    def backward(p, g, ins, outs):
        rows, columns = (_averages(n, t, ins[0].dtype) for n, t in zip(ins[0].shape[2:], _output(p)))
        return _between(np.ascontiguousarray(rows.T), np.ascontiguousarray(columns.T), g)


def _output(p) -> tuple:
    size = p.output_size or (1,)
    if len(size) > 2 or min(size) < 1:
        raise ParamError(f"output_size must be one or two positive numbers, not {shape_text(size)}")
    return (*size, size[-1])[:2]


def _averages(n: int, to: int, dtype) -> np.ndarray:
    """The weights (to, n) of the averages over positions floor(i n / to) to ceil((i + 1) n / to)."""
    weights = np.zeros((to, n), dtype)
    for i in range(to):
        window = slice(i * n // to, -(-(i + 1) * n // to))
        weights[i, window] = 1 / (window.stop - window.start)
    return weights
