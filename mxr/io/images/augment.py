"""MXNet's default augmenter: resizes, rotates and crops an image, and changes its colours.

Random numbers are drawn in MXNet's order.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from mxr.io.images import pixels
from mxr.io.images import resize as sizes
from mxr.io.images.planned import Planned
from mxr.operator import REQUIRED, MxError, P, Shape
from mxr.random.cpp_engine import Engine

_HUGE = 1e10


def shorter_edge(image: np.ndarray, size: int, method: int, engine: Engine | None) -> np.ndarray:
    """The image with its shorter edge resized to `size`."""
    planned = Planned(image)
    _shorten(planned, size, method, engine)
    return planned.computed()


def _shorten(image: Planned, size: int, method: int, engine: Engine | None) -> None:
    h, w = image.shape[:2]
    new = (size * h // w, size) if h > w else (size, size * w // h)
    image.resize(*new, sizes.method_for(method, (h, w), new, engine))


class Augmented:
    """Parameters of the default augmenter, and their effect on an image."""

    data_shape: Shape = P(REQUIRED, "width, height and channels of the images that come out")
    resize: int = P(-1, "length of the shorter edge before anything else is done; -1: as it is")
    rand_crop: bool = P(False, "whether to crop anywhere, not in the centre")
    random_resized_crop: bool = P(False, "whether to crop a random area of random shape")
    max_rotate_angle: int = P(0, "turn by a random number of degrees up to this, either way")
    max_aspect_ratio: float = P(
        0.0, "change width / height by a random part up to this; with min_aspect_ratio: the largest ratio"
    )
    min_aspect_ratio: float = P(None, "the smallest ratio", none=True)
    max_shear_ratio: float = P(0.0, "shear by a random ratio up to this, either way")
    max_crop_size: int = P(-1, "largest random size of the square that is cropped; -1: data_shape")
    min_crop_size: int = P(-1, "smallest such size")
    max_random_scale: float = P(1.0, "largest random factor of the size")
    min_random_scale: float = P(1.0, "smallest random factor of the size")
    max_random_area: float = P(1.0, "largest part of the area that random_resized_crop keeps")
    min_random_area: float = P(1.0, "smallest part of the area that random_resized_crop keeps")
    max_img_size: float = P(_HUGE, "largest width and height after resizing and turning")
    min_img_size: float = P(0.0, "smallest width and height after resizing and turning")
    brightness: float = P(0.0, "change the brightness by a random part up to this")
    contrast: float = P(0.0, "change the contrast by a random part up to this")
    saturation: float = P(0.0, "change the saturation by a random part up to this")
    pca_noise: float = P(0.0, "standard deviation of noise along the colours' principal components")
    random_h: int = P(0, "add a random number up to this, either way, to the hue (0 to 180)")
    random_s: int = P(0, "add a random number up to this, either way, to the saturation (0 to 255)")
    random_l: int = P(0, "add a random number up to this, either way, to the lightness (0 to 255)")
    rotate: int = P(-1, "turn by this angle; -1: not")
    rotate_list: str = P("", "turn by one of these angles, separated by commas")
    fill_value: int = P(255, "brightness of what lies outside the image")
    inter_method: int = P(
        1,
        "interpolation: 0 nearest, 1 bilinear, 2 cubic, 3 area, 4 Lanczos, 9 by the sizes, 10 random",
        low=0,
        high=10,
    )
    pad: int = P(0, "width of a border added on every side")
    aug_seq: str = P("aug_default", "the augmenter", one_of=("aug_default",))

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """The part that draws no random numbers, so that threads can prepare several images at once."""
        if self.resize != -1 and self.inter_method != sizes.RANDOM:
            return shorter_edge(image, self.resize, self.inter_method, None)
        return image

    def augment(self, image: Planned, engine: Engine) -> None:
        """Plan the augmentation of a prepared image, to data_shape. MxError if that is impossible."""
        if self.resize != -1 and self.inter_method == sizes.RANDOM:
            _shorten(image, self.resize, self.inter_method, engine)
        ratios = (
            (1 - self.max_aspect_ratio, 1 + self.max_aspect_ratio)
            if self.min_aspect_ratio is None
            else (self.min_aspect_ratio, self.max_aspect_ratio)
        )
        if self._moves(ratios):
            self._move(image, ratios, engine)
        if self.pad > 0:
            pad, (h, w, _) = self.pad, image.shape
            image.change(
                lambda x: pixels.bordered(x, pad, pad, pad, pad, self.fill_value), h + 2 * pad, w + 2 * pad
            )
        self._crop(image, ratios, engine)
        if image.shape[2] == 3:
            self._colour(image, engine)

    def _resize(self, image: Planned, engine: Engine) -> None:
        _, h, w = self.data_shape
        image.resize(h, w, sizes.method_for(self.inter_method, image.shape[:2], (h, w), engine))

    def _moves(self, ratios: tuple[float, float]) -> bool:
        """Whether rotating, shearing or scaling is asked for."""
        return bool(
            self.max_rotate_angle > 0
            or self.max_shear_ratio > 0
            or self.rotate > 0
            or self.rotate_list
            or self.max_random_scale != 1
            or self.min_random_scale != 1
            or (not self.random_resized_crop and ratios != (1, 1))
            or self.max_img_size != _HUGE
            or self.min_img_size != 0
        )

    def _move(self, image: Planned, ratios: tuple[float, float], engine: Engine) -> None:
        """Rotate, shear and scale by one affine map."""
        one = np.float32(1)
        h, w = image.shape[:2]
        shear = engine.uniform() * np.float32(self.max_shear_ratio) * 2 - np.float32(self.max_shear_ratio)
        angle = engine.integer(-self.max_rotate_angle, self.max_rotate_angle)
        if self.rotate > 0:
            angle = self.rotate
        if self.rotate_list:
            try:
                angles = [int(x) for x in self.rotate_list.strip("()[] ").split(",") if x.strip()]
            except ValueError:
                angles = []
            if not angles:
                raise MxError(f'rotate_list must be angles, as in "0,90,180", not "{self.rotate_list}"')
            angle = angles[engine.integer(0, len(angles) - 1)]
        a, b = np.float32(math.cos(angle / 180 * math.pi)), np.float32(math.sin(angle / 180 * math.pi))
        scale = ratio = one
        if not self.random_resized_crop:
            low, high = np.float32(self.min_random_scale), np.float32(self.max_random_scale)
            scale = engine.uniform() * (high - low) + low
            low, high = np.float32(ratios[0]), np.float32(ratios[1])
            ratio = engine.uniform() * (high - low) + low
        hs = 2 * scale / (1 + ratio)
        ws = ratio * hs
        width, height = (
            max(np.float32(self.min_img_size), min(np.float32(self.max_img_size), scale * np.float32(n)))
            for n in (w, h)
        )
        matrix = np.array(
            [[hs * a - shear * b * ws, hs * b + shear * a * ws, 0], [-b * ws, a * ws, 0]], np.float32
        )
        for row, size in zip(matrix, (width, height)):
            row[2] = (size - (row[0] * np.float32(w) + row[1] * np.float32(h))) / 2
        method = sizes.method_for(self.inter_method, (h, w), (height, width), engine)
        new = int(height), int(width)
        image.change(lambda x: pixels.warp(x, matrix, *new, self.fill_value, method), *new)

    def _crop(self, image: Planned, ratios: tuple[float, float], engine: Engine) -> None:
        if self.random_resized_crop:
            if (
                self.rand_crop
                or self.min_random_scale != 1
                or self.max_random_scale != 1
                or (self.min_crop_size, self.max_crop_size) != (-1, -1)
            ):
                raise MxError(
                    "random.resized.crop does not go together with rand.crop, "
                    "the random scales and the crop sizes"
                )
            if (self.min_random_area, self.max_random_area) != (1, 1) or ratios != (1, 1):
                if self._crop_area(image, ratios, engine):
                    return
        elif (self.max_crop_size, self.min_crop_size) != (-1, -1):
            h, w = image.shape[:2]
            if min(h, w) < self.max_crop_size or self.max_crop_size < self.min_crop_size:
                raise MxError(
                    f"an image of {w} by {h} pixels is smaller than max.crop.size ({self.max_crop_size}), "
                    f"or max.crop.size is less than min.crop.size ({self.min_crop_size})"
                )
            size = engine.integer(self.min_crop_size, self.max_crop_size)
            self._window(image, size, size, engine)
            self._resize(image, engine)
            return
        height, width = self.data_shape[1:]
        method = sizes.method_for(self.inter_method, image.shape[:2], (height, width), engine)
        if image.shape[0] < height:
            wide = int(np.float32(height) / np.float32(image.shape[0]) * np.float32(image.shape[1]))
            image.resize(height, wide, method)
        if image.shape[1] < width:
            high = int(np.float32(width) / np.float32(image.shape[1]) * np.float32(image.shape[0]))
            image.resize(high, width, method)
        self._window(image, height, width, engine)

    def _window(self, image: Planned, height: int, width: int, engine: Engine) -> None:
        """Take a part of the image: its centre, or at a random place with rand_crop."""
        y, x = image.shape[0] - height, image.shape[1] - width
        y, x = (engine.integer(0, y), engine.integer(0, x)) if self.rand_crop else (y // 2, x // 2)
        image.window(y, x, height, width)

    def _crop_area(self, image: Planned, ratios: tuple[float, float], engine: Engine) -> bool:
        """Take a crop of random area and aspect ratio, resized; False if ten tries did not fit into the
        image."""
        if not 0 < ratios[0] <= ratios[1] or self.min_random_area > self.max_random_area:
            raise MxError(
                "the smallest aspect ratio must be above 0, and the smallest ratio and area not "
                "above the largest"
            )
        h, w = image.shape[:2]
        for _ in range(10):
            area = np.float32(h * w) * engine.uniform(self.min_random_area, self.max_random_area)
            ratio = engine.uniform(*ratios)
            height, width = _rounded(np.sqrt(area / ratio)), _rounded(np.sqrt(area * ratio))
            if engine.uniform() > 0.5:
                height, width = width, height
            if height <= h and width <= w:
                y, x = engine.integer(0, h - height), engine.integer(0, w - width)
                image.window(y, x, height, width)
                self._resize(image, engine)
                return True
        return False

    def _colour(self, image: Planned, engine: Engine) -> None:
        if self.brightness > 0 or self.contrast > 0 or self.saturation > 0:
            factors = [
                np.float32(1.0 + float(engine.uniform(-v, v)))
                for v in (self.brightness, self.contrast, self.saturation)
            ]
            order = [0, 1, 2]
            engine.shuffle(order)
            for i in order:
                image.change(partial(_jittered, change=i, factor=factors[i]))
        if self.random_h or self.random_s or self.random_l:
            parts = [(engine.uniform() + 4 * engine.uniform()) / 5 for _ in range(3)]
            h, s, li = (
                int(part * np.float32(v) * 2 - np.float32(v))
                for part, v in zip(parts, (self.random_h, self.random_s, self.random_l))
            )
            image.change(partial(pixels.add_hls, hue=h, lightness=li, saturation=s))
        if self.pca_noise > 0:
            noise = _COMPONENTS @ np.array(engine.normals(3, self.pca_noise), np.float32)
            image.change(lambda x: np.clip(np.trunc(x + noise), 0, 255).astype(np.uint8))


def _jittered(image: np.ndarray, change: int, factor: np.float32) -> np.ndarray:
    """The image with another brightness (change 0), contrast (1) or saturation (2)."""
    if change == 0:
        return pixels.scaled(image, factor)
    grey = pixels.swapped_grey(image)
    if change == 1:
        return pixels.scaled(image, factor, (1 - factor) * np.float32(grey.mean()))
    return pixels.saturated(image * factor + grey * (1 - factor))


def _rounded(x: np.floating) -> int:
    """The nearest integer; halves are rounded up."""
    return int(math.floor(float(x) + 0.5))


# The principal components of ImageNet's colours: eigenvectors times eigenvalues.
_COMPONENTS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]], np.float32
) * np.array([55.46, 4.794, 1.148], np.float32)
