"""Decoding image files to arrays and encoding them, by Pillow, which is optional."""

from __future__ import annotations

import io
from types import ModuleType
from typing import Any

import numpy as np

from mxr.operator import MxError

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000")
# Limits against files that decompress to a huge image: pixels of any file; pixels per byte of larger ones.
_ALWAYS, _MOST = 1 << 22, 1024


def pillow() -> ModuleType:
    """The PIL.Image module. MxError, which says how to install it, if it is missing."""
    try:
        from PIL import Image
    except ImportError:
        raise MxError(
            "images are read by the Python package Pillow, which is not installed: "
            "python -m pip install 'mxr[images]' (or pillow)"
        ) from None
    return Image


def decode(data: bytes, channels: int, where: str) -> np.ndarray:
    """The image in `data` (one of `_FORMATS`) as an array (height, width, channels) of uint8, red first.

    1 channel: grey; 3: colour; 4: colour and alpha, which the image must have. MxError, which begins with
    `where`, if that is impossible.
    """
    image_module = pillow()
    try:
        image = _opened(data)
        if channels == 1 and image.format == "JPEG":
            image.draft("L", image.size)  # the brightness channel of the file itself, as in MXNet
        image.load()
    except Exception as e:  # Pillow's parsers raise exceptions of many types
        raise MxError(f"{where} is not an image that can be read: {e}") from None
    if channels == 4 and image.mode != "RGBA":
        raise MxError(f"{where}: data.shape has 4 channels, the image {len(image.getbands())} ({image.mode})")
    if channels == 1 and image.mode in ("RGB", "RGBA", "P"):
        return _grey(np.asarray(image.convert("RGB")), image.format == "PNG")
    if image.mode.startswith("I;16"):
        image = image_module.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    mode = _MODES[channels]
    array = np.asarray(image if image.mode == mode else image.convert(mode))
    return array.reshape(*array.shape[:2], channels)


def channels(data: bytes, where: str) -> int:
    """The number of channels of the image in `data`: 1, 3 or 4."""
    pillow()
    try:
        return {"L": 1, "1": 1, "I;16": 1, "LA": 4, "RGBA": 4}.get(_opened(data).mode, 3)
    except Exception as e:
        raise MxError(f"{where} is not an image that can be read: {e}") from None


def _opened(data: bytes) -> Any:
    """The image, with only its header read. The formats are those that OpenCV reads as well: some of
    Pillow's other formats start programs (EPS)."""
    module = pillow()
    try:
        image = module.open(io.BytesIO(data), formats=_FORMATS)
    except module.UnidentifiedImageError:
        raise ValueError(f"it is none of {', '.join(_FORMATS)}") from None
    width, height = image.size
    if width * height > max(_ALWAYS, _MOST * len(data)):
        raise ValueError(f"{len(data)} bytes announce {width} by {height} pixels")
    return image


def _grey(image: np.ndarray, png: bool) -> np.ndarray:
    """Brightness of a colour image, as MXNet's decoders compute it: rounded down for PNG files, to the
    nearest integer for others."""
    weights, bits, half = ((9797, 19234, 3737), 15, 0) if png else ((4899, 9617, 1868), 14, 8192)
    return (image.astype(np.int32) @ np.array(weights, np.int32) + half >> bits).astype(np.uint8)[:, :, None]


def encode(image: np.ndarray, encoding: str, quality: int) -> bytes:
    """The file of an image (height, width, channels) of uint8. `quality` is 0 to 100 for ".jpg", and the
    compression level 0 to 9 for ".png"."""
    if image.shape[2] == 4 and encoding == ".jpg":
        image = image[:, :, :3]
    picture = pillow().fromarray(image[:, :, 0] if image.shape[2] == 1 else np.ascontiguousarray(image))
    out = io.BytesIO()
    if encoding == ".png":
        picture.save(out, "PNG", compress_level=quality)
    else:
        picture.save(out, "JPEG", quality=quality)
    return out.getvalue()
