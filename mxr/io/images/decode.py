"""Images as arrays: decoding and encoding by Pillow, which is an optional part of mxr."""

from __future__ import annotations

import io

import numpy as np

from mxr.operator import MxError

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000")
_ALWAYS, _MOST = 1 << 22, 1024  # pixels that any file may hold; and that one byte may


def pillow():
    """The PIL.Image module; MxError saying how to install it."""
    try:
        from PIL import Image
    except ImportError:
        raise MxError(
            "images are read by the Python package Pillow, which is not installed: "
            "python -m pip install 'mxr[images]' (or pillow)"
        ) from None
    return Image


def decode(data: bytes, channels: int, where: str) -> np.ndarray:
    """The image in `data` (JPEG, PNG and what else Pillow knows) as an array (height, width, channels) of
    uint8, red first. 1 channel: grey; 3: colour; 4: colour and alpha, which the image must have. MxError,
    beginning with `where`, otherwise."""
    image_module = pillow()
    try:
        image = _opened(data)
        if channels == 1 and image.format == "JPEG":
            image.draft("L", image.size)  # the brightness that the file holds, as MXNet takes it
        image.load()
    except Exception as e:  # Pillow raises whatever its parsers stumble over
        raise MxError(f"{where} is not an image that can be read: {e}") from None
    if channels == 4 and image.mode != "RGBA":
        raise MxError(
            f"{where}: data.shape asks for 4 channels, the image has {len(image.getbands())} ({image.mode})"
        )
    if channels == 1 and image.mode in ("RGB", "RGBA", "P"):
        return _grey(np.asarray(image.convert("RGB")), image.format == "PNG")
    if image.mode.startswith("I;16"):
        image = image_module.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    array = np.asarray(image.convert(_MODES[channels]))
    return array.reshape(*array.shape[:2], channels)


def channels(data: bytes, where: str) -> int:
    """How many channels the image in `data` has: 1, 3 or 4."""
    pillow()
    try:
        return {"L": 1, "1": 1, "I;16": 1, "LA": 4, "RGBA": 4}.get(_opened(data).mode, 3)
    except Exception as e:
        raise MxError(f"{where} is not an image that can be read: {e}") from None


def _opened(data: bytes):
    """The image, its header read only. Formats that OpenCV reads too: others may start programs (EPS)."""
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
    """Brightness of a colour image, as MXNet's decoders compute it: that of PNG files rounds down, OpenCV to
    the nearest."""
    weights, bits, half = ((9797, 19234, 3737), 15, 0) if png else ((4899, 9617, 1868), 14, 8192)
    return (image.astype(np.int32) @ np.array(weights, np.int32) + half >> bits).astype(np.uint8)[:, :, None]


def encode(image: np.ndarray, encoding: str, quality: int) -> bytes:
    """The file (".jpg": quality 0 to 100, ".png": compression 0 to 9) of an image (height, width, channels)
    of uint8."""
    if image.shape[2] == 4 and encoding == ".jpg":
        image = image[:, :, :3]
    picture = pillow().fromarray(image[:, :, 0] if image.shape[2] == 1 else np.ascontiguousarray(image))
    out = io.BytesIO()
    if encoding == ".png":
        picture.save(out, "PNG", compress_level=quality)
    else:
        picture.save(out, "JPEG", quality=quality)
    return out.getvalue()
