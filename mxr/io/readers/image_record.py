"""ImageRecordIter and its variants: images with labels, augmented and normalized."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from mxr import native
from mxr.io import params, recordio
from mxr.io.images.augment import Augmented
from mxr.io.images.planned import Planned
from mxr.io.readers.base import Source
from mxr.io.readers.records import ImageReader, Labels, Order
from mxr.operator import MxError, P, Shape
from mxr.random.cpp_engine import Engine
from mxr.runtime import progress

Arithmetic = Callable[[np.ndarray], np.ndarray]


class Normalized:
    """Parameters of normalizing: (image - mean) * contrast / std * scale."""

    mirror: bool = P(False, "whether to mirror every image")
    rand_mirror: bool = P(False, "whether to mirror half of the images")
    mean_img: str = P(
        "", "file of a mean image to subtract; made, from all images as they come out, if there is none"
    )
    mean_r: float = P(0.0, "mean of red, subtracted")
    mean_g: float = P(0.0, "mean of green")
    mean_b: float = P(0.0, "mean of blue")
    mean_a: float = P(0.0, "mean of the fourth channel")
    std_r: float = P(1.0, "standard deviation of red, a divisor")
    std_g: float = P(1.0, "standard deviation of green")
    std_b: float = P(1.0, "standard deviation of blue")
    std_a: float = P(1.0, "standard deviation of the fourth channel")
    scale: float = P(1.0, "factor of the result")
    max_random_contrast: float = P(0.0, "change the contrast by a random part up to this")
    max_random_illumination: float = P(0.0, "add a random number up to this, either way")

    mean_image: np.ndarray | None = None

    if TYPE_CHECKING:  # attributes of ImageReader, with which this class is combined
        data_shape: Shape
        batch_size: int
        path_imgrec: str
        order: Order
        index: list[int] | None
        error: Callable[[str], MxError]
        take: Callable[[int], tuple[np.ndarray, ...]]
        rewind: Callable[[], None]

    def channels(self, what: str) -> np.ndarray:
        """mean_* or std_* as an array (channels, 1, 1)."""
        values = [getattr(self, f"{what}_{c}") for c in "rgba"[: self.data_shape[0]]]
        return np.array(values, np.float32)[:, None, None]

    def use_mean_image(self) -> None:
        """Read the mean image. If there is no file, compute it in one pass over the data and write it."""
        if os.path.exists(self.mean_img):
            arrays = params.load(self.mean_img)
            arrays = list(arrays.values()) if isinstance(arrays, dict) else arrays
            if len(arrays) != 1 or arrays[0].shape != tuple(self.data_shape):
                raise self.error(
                    f"{self.mean_img} is not a mean image of data.shape "
                    f"{' x '.join(map(str, self.data_shape[::-1]))}"
                )
            self.mean_image = arrays[0].astype(np.float32)
            return
        total, count = None, 0
        self.order.shuffle, shuffle = self.order.shuffle and self.index is not None, self.order.shuffle
        while len(images := self.take(self.batch_size)[0]):
            for image in images:
                total = image.astype(np.float32) if total is None else total + image
            count += len(images)
            progress.report(f"making {os.path.basename(self.mean_img)}", *self.order.done())
        self.order.shuffle = shuffle
        if total is None:
            raise self.error(f"{self.path_imgrec} holds no images to make {self.mean_img} of")
        self.mean_image = total * np.float32(1 / np.float32(count))
        params.save(self.mean_img, {"mean_img": self.mean_image})
        self.rewind()


def write_planes(
    image: np.ndarray, arithmetic: Arithmetic, mirrored: bool, by_value: bool, out: np.ndarray
) -> None:
    """Write an image (height, width, channels) of uint8, normalized and perhaps mirrored, into an array
    (channels, height, width). `by_value`: the arithmetic depends on a pixel's value and channel only, so that
    the core can use a table."""
    if by_value and native.active():
        values = np.broadcast_to(np.arange(256, dtype=np.uint8), (image.shape[2], 1, 256))
        native.core.planes(image, np.ascontiguousarray(arithmetic(values), out.dtype), out, mirrored)
    else:
        planes = arithmetic(image.transpose(2, 0, 1))
        np.copyto(out, planes[:, :, ::-1] if mirrored else planes)


def _unchanged(image: np.ndarray) -> np.ndarray:
    return image


class _Images(Augmented, ImageReader):
    """Images of a RecordIO file, augmented to data.shape, with labels."""

    label_width: int = P(1, "labels per image", low=1)
    path_imgidx: str = P(
        "", "path of the index of the RecordIO file; with it, shuffling goes over the whole file"
    )
    device_id: int = P(0, "accepted for MXNet's sake, without effect")
    seed_aug: int = P(None, "seed of the augmentation, set anew for every image", none=True)

    mean_image: np.ndarray | None = None  # subtracted from every image, by readers that are also `Normalized`

    def open(self) -> Source:
        if self.path_imgidx:
            self.index = recordio.read_index(self.path_imgidx)
        source = super().open()
        self._labels = Labels(self.path_imglist, self.label_width) if self.path_imglist else None
        return source

    def normalizing(self) -> tuple[Arithmetic, bool]:
        """How an image is normalized: a function of arrays (channels, height, width) of uint8, and whether
        the image is mirrored. Draws random numbers."""
        raise NotImplementedError

    def sample(
        self, number: int, where: str, header: recordio.Header, image: np.ndarray
    ) -> tuple[Callable[[np.ndarray], None], np.ndarray]:
        if self.seed_aug is not None:
            self.engine.seed(self.seed_aug + number + self.magic)
        label, planned = self._label(where, header), Planned(image)
        try:
            self.augment(planned, self.engine)
        except MxError as e:
            raise self.error(f"{where}: {e}") from None
        arithmetic, mirrored = self.normalizing()
        by_value = self.mean_image is None  # then equal pixels become equal

        def write(out: np.ndarray) -> None:
            write_planes(planned.computed(), arithmetic, mirrored, by_value, out)

        return write, label

    def _label(self, where: str, header: recordio.Header) -> np.ndarray:
        if self._labels:
            return self._labels[header.id]
        label = np.atleast_1d(np.asarray(header.label, np.float32))
        if len(label) != self.label_width:
            raise self.error(
                f"{where} has {len(label)} label{'s' * (len(label) > 1)}, label.width is {self.label_width}"
            )
        return label


class ImageRecord(_Images, Normalized):
    """Images of a RecordIO file, augmented and normalized."""

    name = "ImageRecordIter"
    dtype: str = P("float32", "type of the images", none=True, one_of=("float32", "uint8", "int8"))
    chunk = 64 << 20

    def open(self) -> Source:
        source = super().open()
        if self.mean_img and self.dtype != "uint8":
            self.use_mean_image()
        return source

    def normalizing(self) -> tuple[Arithmetic, bool]:
        mirrored = (self.rand_mirror and self.engine.coin()) or self.mirror
        if self.dtype == "uint8":
            return _unchanged, mirrored
        contrast, illumination = (
            self.engine.uniform() * np.float32(v) * 2 - np.float32(v)
            for v in (self.max_random_contrast, self.max_random_illumination)
        )
        scale = np.float32(self.scale)
        mean = self.channels("mean") if self.mean_image is None else self.mean_image
        if self.dtype == "int8":
            return lambda image: np.clip(image - _nearest(mean), -128, 127).astype(np.int8), mirrored
        std = self.channels("std")

        def arithmetic(image: np.ndarray) -> np.ndarray:
            image = image.astype(np.float32, order="C")
            image -= mean
            image *= (contrast + 1) * scale / std
            image += illumination * scale / std
            return image

        return arithmetic, mirrored


def _nearest(x: np.ndarray) -> np.ndarray:
    """The nearest integers; halves are rounded away from zero."""
    return (np.sign(x) * np.floor(np.abs(x) + 0.5)).astype(np.int16)


class ImageRecordUInt8(ImageRecord):
    """Images of a RecordIO file as bytes from 0 to 255, augmented."""

    name = "ImageRecordUInt8Iter"
    dtype: str = P("uint8", "type of the images", one_of=("uint8",))


class ImageRecordInt8(ImageRecord):
    """Images of a RecordIO file as integers from -128 to 127, augmented, the mean subtracted."""

    name = "ImageRecordInt8Iter"
    dtype: str = P("int8", "type of the images", one_of=("int8",))


class ImageRecordV1(_Images, Normalized):
    """The first version of ImageRecordIter. It draws the random numbers of normalizing from an engine of its
    own."""

    name = "ImageRecordIter_v1"
    dtype: str = P("float32", "type of the images", none=True, one_of=("float32",))

    def open(self) -> Source:
        self.path_imgidx = ""
        self._normalizing = Engine(self.seed)
        source = super().open()
        if self.mean_img:
            self.use_mean_image()
        return source

    def normalizing(self) -> tuple[Arithmetic, bool]:
        one = np.float32(1)
        contrast, illumination = (
            self._normalizing.uniform() * np.float32(v) * 2 - np.float32(v)
            for v in (self.max_random_contrast, self.max_random_illumination)
        )
        mirrored = (self.rand_mirror and self._normalizing.coin()) or self.mirror
        mean = self.channels("mean") if self.mean_image is None else self.mean_image
        scale, std = np.float32(self.scale), self.channels("std")
        return lambda image: ((image - mean) * (contrast + one) + illumination) * scale / std, mirrored


class ImageRecordUInt8V1(_Images):
    """Images of a RecordIO file as bytes from 0 to 255, augmented; the first version."""

    name = "ImageRecordUInt8Iter_v1"
    dtype: str = P("uint8", "type of the images", one_of=("uint8",))

    def normalizing(self) -> tuple[Arithmetic, bool]:
        return _unchanged, False
