"""Operators that prepare images (rows, columns, channels), or several of them (samples first): sizes, flips,
colours, tensors.

As in MXNet, all but the crop pass a gradient on unchanged, element by element in memory, since they are not
meant for training. So the gradient of a flip is not flipped back, and that of `_image_to_tensor` is neither
scaled nor transposed.
"""

from __future__ import annotations

import numpy as np

from mxr.io.images import resize as sizes
from mxr.operator import REQUIRED, Floats, P, ParamError, Shape, ShapeError, op, shape_text, unify
from mxr.random import cpp_engine


def _image(shape, where: str = "the data"):
    if shape is not None and len(shape) not in (3, 4):
        raise ShapeError(
            f"{where} must have 3 axes (rows, columns, channels), or 4 with samples before them, "
            f"not the shape {shape_text(shape)}"
        )


def _same(p, ins, outs):
    s = unify(ins[0], outs[0])
    _image(s)
    return [s], [s]


@op("_image_to_tensor")
class ToTensor:
    """Images of numbers from 0 to 255 (rows, columns, channels) as single precision from 0 to 1, channels
    first in C order."""

    infer_type = lambda p, ins: [np.dtype(np.float32)]

    def infer_shape(p, ins, outs):
        _image(ins[0])
        return ins, outs if ins[0] is None else [unify(outs[0], (*ins[0][:-3], ins[0][-1], *ins[0][-3:-1]))]

    def forward(p, data):
        n = data.ndim
        return data.transpose((*range(n - 3), n - 1, n - 3, n - 2)).astype(np.float32) / 255.0

    def backward(p, g, ins, outs):
        return g.reshape(ins[0].shape)


@op("_image_normalize")
class Normalize:
    """`(data - mean) / std`, channel by channel, of tensors (channels, rows, columns), or several of them."""

    mean: Floats = P((0.0, 0.0, 0.0, 0.0), "the mean of every channel, or one for all")
    std: Floats = P((1.0, 1.0, 1.0, 1.0), "the standard deviation of every channel, or one for all")

    def infer_shape(p, ins, outs):
        s = unify(ins[0], outs[0])
        if s is not None and (len(s) not in (3, 4) or s[-3] not in (0, 1, 3)):
            raise ShapeError(
                "the data must be tensors of 1 or 3 channels (channels, rows, columns), "
                f"not of shape {shape_text(s)}"
            )
        for name in ("mean", "std"):
            if s is not None and len(getattr(p, name)) < s[-3] and len(getattr(p, name)) != 1:
                raise ShapeError(f"{name} has {len(getattr(p, name))} numbers for {s[-3]} channels")
        return [s], [s]

    def forward(p, data):
        mean, std = _each(p, data)
        if data.dtype == np.float64:
            return (data - mean) / std
        return _as_c((data.astype(np.float32) - mean) / std, data.dtype)

    def backward(p, g, ins, outs):
        return g / _each(p, ins[0])[1].astype(g.dtype)


def _each(p, data):
    """Mean and deviation of every channel, as (channels, 1, 1)."""
    n = data.shape[-3]
    return [
        np.array((*v, *v[-1:] * n)[:n] if len(v) == 1 else v[:n], np.float32).reshape(n, 1, 1)
        for v in (p.mean, p.std)
    ]


def _as_c(x, dtype):
    """Numbers of single precision in another type, converted as C does: fractions are cut off, and integers
    of less than 32 bits wrap around. NaN and numbers out of range become the smallest integer of 32 (or 64)
    bits."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu" and dtype.itemsize < 4:
        return x.astype(np.int32).astype(dtype)
    return x.astype(dtype)


@op("_image_crop")
class Crop:
    """A part of an image: `width` columns from column `x` on, and `height` rows from row `y` on."""

    x: int = P(REQUIRED, "the first column, from 0", low=0)
    y: int = P(REQUIRED, "the first row, from 0", low=0)
    width: int = P(REQUIRED, "columns of the result", low=1)
    height: int = P(REQUIRED, "rows of the result", low=1)

    def infer_shape(p, ins, outs):
        s = ins[0]
        _image(s)
        if s is None:
            return ins, outs
        if s[-3] < p.y + p.height or s[-2] < p.x + p.width:
            raise ShapeError(
                f"the part of width {p.width} and height {p.height} at x = {p.x}, y = {p.y} does not lie "
                f"within an image of width {s[-2]} and height {s[-3]}"
            )
        return ins, [unify(outs[0], (*s[:-3], p.height, p.width, s[-1]))]

    def compute(p, run, ins, outs):
        outs[0][...] = ins[0][_part(p)]

    def gradient(p, run, gs, ins, outs, igs):
        igs[0][...] = 0
        igs[0][_part(p)] = gs[0]


def _part(p):
    return (..., slice(p.y, p.y + p.height), slice(p.x, p.x + p.width), slice(None))


@op("_image_resize")
class Resize:
    """Images of another size: `size` is columns and rows, or one number for both, or with `keep_ratio` for
    the shorter side."""

    size: Shape = P((), "columns and rows of the result (in R: rows, columns), or one number")
    keep_ratio: bool = P(False, "one number is the length of the shorter side")
    interp: int = P(
        1, "how pixels are interpolated: 0 nearest, 1 linear, 2 cubic, 3 area, 4 Lanczos", low=0, high=4
    )

    def infer_shape(p, ins, outs):
        s = ins[0]
        _image(s)
        return ins, outs if s is None else [unify(outs[0], (*s[:-3], *_new_size(p, *s[-3:-1]), s[-1]))]

    def compute(p, run, ins, outs):
        data, out = (x.reshape(-1, *x.shape[-3:]) for x in (ins[0], outs[0]))
        if p.interp and data.dtype not in (np.uint8, np.float32, np.float64):
            raise ParamError(
                f"images of {data.dtype} can be resized only by taking the nearest pixel (interp = 0); "
                "others must be uint8, float32 or float64"
            )
        for image, to in zip(data, out):
            resized = sizes.resize(np.ascontiguousarray(image), to.shape[0], to.shape[1], p.interp)
            to[...] = resized.reshape(to.shape)


def _new_size(p, rows: int, columns: int) -> tuple[int, int]:
    if len(p.size) not in (1, 2) or min(p.size) < 1:
        raise ParamError(f"size must be one or two positive numbers, not {shape_text(p.size)}")
    if len(p.size) == 2:
        return p.size[1], p.size[0]
    if not p.keep_ratio:
        return p.size[0], p.size[0]
    shorter = p.size[0]
    return (shorter, columns * shorter // rows) if rows < columns else (rows * shorter // columns, shorter)


@op("_image_flip_left_right")
class FlipLeftRight:
    """Mirrored images: columns in reversed order."""

    infer_shape = _same

    def forward(p, data):
        return np.flip(data, data.ndim - 2)

    def backward(p, g, ins, outs):
        return g


@op("_image_flip_top_bottom")
class FlipTopBottom:
    """Images upside down: rows in reversed order."""

    infer_shape = _same

    def forward(p, data):
        return np.flip(data, data.ndim - 3)

    def backward(p, g, ins, outs):
        return g


# ----------------------------------------------------------------------------------------- colours, at random

_GREY = np.array([0.299, 0.587, 0.114], np.float32)


def _put(out: np.ndarray, x: np.ndarray) -> None:
    """out = x in the type of `out`: uint8 is clipped to 0 and 255, other integers wrap around."""
    out[...] = np.clip(x, 0, 255) if out.dtype == np.uint8 else _as_c(x, out.dtype)


def _passed_on(p, run, gs, ins, outs, igs):
    igs[0][...] = gs[0]


def _grey(data):
    return (
        (data[..., :3].astype(np.float32) * _GREY).sum(axis=-1, keepdims=True)
        if data.shape[-1] > 1
        else data.astype(np.float32)
    )


def _brighter(data, factor):
    return data.astype(np.float32) * factor


def _contrasted(data, factor):
    return data.astype(np.float32) * factor + (1 - factor) * _grey(data).mean(dtype=np.float32)


def _saturated(data, factor):
    """The colours moved away from grey. As in MXNet, a pixel's grey is only the part of its third colour."""
    if data.shape[-1] == 1:
        return data.astype(np.float32)
    return data.astype(np.float32) * factor + (1 - factor) * (data[..., 2:3].astype(np.float32) * _GREY[2])


def _hued(data, factor):
    """The colours with the hue turned by `factor`, 1 being the whole circle; lightness and saturation do not
    change."""
    if data.shape[-1] == 1:
        return data.astype(np.float32)
    hue, lightness, saturation = _to_hls(data[..., :3].astype(np.float32) / np.float32(255))
    return _from_hls(hue + np.float32(factor) * np.float32(360), lightness, saturation) * np.float32(255)


def _to_hls(x):
    """Hue in degrees, lightness and saturation of red, green and blue (..., 3) from 0 to 1. Source: OpenCV,
    colour conversions."""
    most, least = x.max(axis=-1), x.min(axis=-1)
    red, green, blue = np.moveaxis(x, -1, 0)
    spread, lightness = most - least, (most + least) * np.float32(0.5)
    with np.errstate(all="ignore"):
        saturation = spread / np.where(lightness < 0.5, most + least, 2 - most - least)
        scale = np.float32(60) / spread
        hue = np.where(
            most == red,
            (green - blue) * scale,
            np.where(most == green, (blue - red) * scale + 120, (red - green) * scale + 240),
        )
    hue = np.where(hue < 0, hue + np.float32(360), hue)
    coloured = spread > np.finfo(np.float32).eps
    return np.where(coloured, hue, np.float32(0)), lightness, np.where(coloured, saturation, np.float32(0))


_SECTORS = np.array([[1, 3, 0], [1, 0, 2], [3, 0, 1], [0, 2, 1], [0, 1, 3], [2, 1, 0]])  # blue, green, red


def _from_hls(hue, lightness, saturation):
    """The reverse of `_to_hls`."""
    high = np.where(
        lightness <= 0.5, lightness * (1 + saturation), lightness + saturation - lightness * saturation
    )
    low = 2 * lightness - high
    turn = np.mod(hue * np.float32(1 / 60), np.float32(6))
    sector = np.minimum(turn.astype(int), 5)
    part = turn - sector.astype(np.float32)
    table = np.stack([high, low, low + (high - low) * (1 - part), low + (high - low) * part], axis=-1)
    colours = np.take_along_axis(table, _SECTORS[sector], axis=-1)[..., ::-1]
    return np.where((saturation == 0)[..., None], lightness[..., None], colours)


_EIGENVALUES = np.array([55.46, 4.794, 1.148], np.float32)
_EIGENVECTORS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]], np.float32
)


def _lit(data, alpha):
    """The colours moved along the principal components of ImageNet's, by `alpha` standard deviations each."""
    return (
        data.astype(np.float32) + (_EIGENVECTORS * np.asarray(alpha, np.float32) * _EIGENVALUES).sum(axis=1)
        if data.shape[-1] > 1
        else data
    )


@op("_image_adjust_lighting")
class AdjustLighting:
    """Moves an image's colours along the principal components of those of ImageNet, by `alpha` standard
    deviations each."""

    alpha: Floats = P(REQUIRED, "three factors, of the three components")
    infer_shape = _same

    def compute(p, run, ins, outs):
        if len(p.alpha) != 3:
            raise ParamError(f"alpha must be 3 numbers, not {len(p.alpha)}")
        _put(outs[0], _lit(ins[0], p.alpha))

    gradient = _passed_on


@op("_image_random_lighting", random=True)
class RandomLighting:
    """`_image_adjust_lighting` by normal numbers with the standard deviation `alpha_std`."""

    alpha_std: float = P(0.05, "the standard deviation")
    infer_shape = _same

    def compute(p, run, ins, outs):
        with cpp_engine.shared() as engine:
            alpha = engine.normals(3, p.alpha_std)
        _put(outs[0], _lit(ins[0], alpha))

    gradient = _passed_on


def _declare_random(name: str, doc: str, change) -> None:
    def compute(p, run, ins, outs):
        if p.max_factor < p.min_factor:
            raise ParamError(
                f"max_factor ({p.max_factor:g}) must not be less than min_factor ({p.min_factor:g})"
            )
        with cpp_engine.shared() as engine:
            factor = engine.uniform(p.min_factor, p.max_factor)
        _put(outs[0], change(ins[0], factor))

    op(f"_image_random_{name}", random=True)(
        type(
            name.title(),
            (),
            {
                "__doc__": doc,
                "__module__": __name__,
                "__annotations__": {"min_factor": float, "max_factor": float},
                "infer_shape": _same,
                "compute": compute,
                "gradient": _passed_on,
                "min_factor": P(REQUIRED, "the least factor"),
                "max_factor": P(REQUIRED, "the largest factor"),
            },
        )
    )


_declare_random("brightness", "Multiplies an image by a random factor.", _brighter)
_declare_random("contrast", "Moves an image away from its mean grey by a random factor.", _contrasted)
_declare_random("saturation", "Moves an image's colours away from grey by a random factor.", _saturated)
_declare_random("hue", "Turns an image's colours around the circle of hues by a random part of it.", _hued)


@op("_image_random_color_jitter", random=True)
class RandomColorJitter:
    """Random brightness, contrast, saturation and hue in random order; each factor lies within the given
    distance of 1 (of 0 for the hue)."""

    brightness: float = P(REQUIRED, "the largest change of the brightness", low=0)
    contrast: float = P(REQUIRED, "the largest change of the contrast", low=0)
    saturation: float = P(REQUIRED, "the largest change of the saturation", low=0)
    hue: float = P(REQUIRED, "the largest turn of the hue", low=0)
    infer_shape = _same

    def compute(p, run, ins, outs):
        changes = [
            (_brighter, p.brightness, 1),
            (_contrasted, p.contrast, 1),
            (_saturated, p.saturation, 1),
            (_hued, p.hue, 0),
        ]
        outs[0][...] = ins[0]
        with cpp_engine.shared() as engine:
            engine.shuffle(changes)
            for change, most, middle in changes:
                if most:
                    _put(outs[0], change(outs[0], np.float32(middle) + engine.uniform(-most, most)))

    gradient = _passed_on


def _declare_flip(name: str, doc: str, axis: int) -> None:
    def compute(p, run, ins, outs):
        with cpp_engine.shared() as engine:
            stays = engine.coin()
        outs[0][...] = ins[0] if stays else np.flip(ins[0], axis)

    op(f"_image_random_flip_{name}", random=True)(
        type(
            name.title(),
            (),
            {
                "__doc__": doc,
                "__module__": __name__,
                "__annotations__": {},
                "infer_shape": _same,
                "compute": compute,
                "gradient": _passed_on,
            },
        )
    )


_declare_flip("left_right", "Mirrors an image, or leaves it, with equal probabilities.", -2)
_declare_flip("top_bottom", "Turns an image upside down, or leaves it, with equal probabilities.", -3)
