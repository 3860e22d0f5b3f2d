"""ImageDetRecordIter: images with boxes around objects. Every change of an image changes its boxes too."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mxr.io import recordio
from mxr.io.images import pixels
from mxr.io.images import resize as sizes
from mxr.io.images.augment import shorter_edge
from mxr.io.readers.base import Source
from mxr.io.readers.image_record import Normalized
from mxr.io.readers.records import ImageReader, Labels
from mxr.operator import REQUIRED, Floats, MxError, P, Shape
from mxr.random.cpp_engine import Engine

_f = np.float32


@dataclass(frozen=True)
class Box:
    """A rectangle, in fractions of the image's width and height, in single precision."""

    x: np.float32
    y: np.float32
    width: np.float32
    height: np.float32

    @property
    def area(self) -> np.float32:
        return self.width * self.height

    def overlap(self, other: Box) -> np.float32:
        """The area of the intersection."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        width = min(self.x + self.width, other.x + other.width) - x
        height = min(self.y + self.height, other.y + other.height) - y
        return width * height if width > 0 and height > 0 else _f(0)

    def holds(self, x: np.float32, y: np.float32) -> bool:
        return bool(self.x <= x < self.x + self.width and self.y <= y < self.y + self.height)


@dataclass(frozen=True)
class Object:
    """One object: its class, edges, and further numbers."""

    id: np.float32
    left: np.float32
    top: np.float32
    right: np.float32
    bottom: np.float32
    extra: tuple[np.float32, ...] = ()

    @property
    def box(self) -> Box:
        return Box(self.left, self.top, self.right - self.left, self.bottom - self.top)

    def within(self, box: Box) -> Object:
        """The object in fractions of `box`, clipped at its edges."""
        return replace(
            self,
            left=max(_f(0), (self.left - box.x) / box.width),
            top=max(_f(0), (self.top - box.y) / box.height),
            right=min(_f(1), (self.right - box.x) / box.width),
            bottom=min(_f(1), (self.bottom - box.y) / box.height),
        )

    def mirrored(self) -> Object:
        return replace(self, left=_f(1) - self.right, right=_f(1) - self.left)

    def numbers(self) -> list[np.float32]:
        return [self.id, self.left, self.top, self.right, self.bottom, *self.extra]


def objects_of(label: np.ndarray) -> tuple[list[np.float32], list[Object]]:
    """Header and objects of a label.

    A label is: header width, object width, the rest of the header, then the objects, each with class, left,
    top, right, bottom and further numbers. Objects without area are left out.
    """
    if len(label) < 7:
        raise MxError(
            f"a label of {len(label)} numbers is too short: header width, object width, "
            "and at least 5 numbers for each object are expected"
        )
    if not np.isfinite(label[:2]).all():
        raise MxError(
            f"a label begins with {label[0]} and {label[1]}, not with header width and object width"
        )
    header, width = int(label[0]), int(label[1])
    if header < 2 or width < 5 or header > len(label) or (len(label) - header) % width:
        raise MxError(
            f"a label of {len(label)} numbers does not consist of a header of {header} and objects of {width}"
        )
    rows = label[header:].reshape(-1, width)
    found = [
        Object(kind, left, top, right, bottom, tuple(extra))
        for kind, left, top, right, bottom, *extra in rows
    ]
    return list(label[:header]), [o for o in found if o.right > o.left and o.bottom > o.top]


class DetAugmented:
    """Parameters of the detection augmenter, and their effect on an image and its label.

    Parameters whose name ends with s have one value for all crop samplers, or one for each.
    """

    data_shape: Shape = P(REQUIRED, "width, height and channels of the images that come out")
    resize: int = P(-1, "length of the shorter edge before anything else is done; -1: as it is")
    rand_crop_prob: float = P(0.0, "probability of a random crop")
    min_crop_scales: Floats = P((0.0,), "smallest scale of a crop")
    max_crop_scales: Floats = P((1.0,), "largest scale of a crop")
    min_crop_aspect_ratios: Floats = P((1.0,), "smallest width / height of a crop")
    max_crop_aspect_ratios: Floats = P((1.0,), "largest width / height of a crop")
    min_crop_overlaps: Floats = P((0.0,), "smallest intersection over union of a crop and an object")
    max_crop_overlaps: Floats = P((1.0,), "largest such ratio")
    min_crop_sample_coverages: Floats = P((0.0,), "smallest part of the crop that an object covers")
    max_crop_sample_coverages: Floats = P((1.0,), "largest such part")
    min_crop_object_coverages: Floats = P((0.0,), "smallest part of an object that the crop covers")
    max_crop_object_coverages: Floats = P((1.0,), "largest such part")
    num_crop_sampler: int = P(1, "number of crop samplers", low=0)
    crop_emit_mode: str = P(
        "center",
        "which objects a crop leaves out: those whose centre, or most of whose area, is outside",
        one_of=("center", "overlap"),
    )
    emit_overlap_thresh: float = P(0.3, "for overlap: the part of an object that must be inside", low=0)
    max_crop_trials: Floats = P((25,), "how often a sampler tries")
    rand_pad_prob: float = P(0.0, "probability of a random border")
    max_pad_scale: float = P(1.0, "largest scale of the image with a border")
    max_random_hue: int = P(0, "largest number added to the hue")
    random_hue_prob: float = P(0.0, "probability of that")
    max_random_saturation: int = P(0, "largest number added to the saturation")
    random_saturation_prob: float = P(0.0, "probability of that")
    max_random_illumination: int = P(0, "largest number added to the lightness")
    random_illumination_prob: float = P(0.0, "probability of that")
    max_random_contrast: float = P(0.0, "largest change of the contrast")
    random_contrast_prob: float = P(0.0, "probability of that")
    rand_mirror_prob: float = P(0.0, "probability of mirroring")
    fill_value: int = P(127, "brightness of a border")
    inter_method: int = P(
        1,
        "interpolation: 0 nearest, 1 bilinear, 2 cubic, 3 area, 4 Lanczos, 9 by the sizes, 10 random",
        low=0,
        high=10,
    )
    resize_mode: str = P(
        "force",
        "how an image becomes data.shape: by force, shrunk if too large, or fitted in; the rest is 0",
        one_of=("force", "shrink", "fit"),
    )
    aug_seq: str = P("det_aug_default", "the augmenter", one_of=("det_aug_default",))

    _RANGES = ("scales", "aspect_ratios", "overlaps", "sample_coverages", "object_coverages")

    if TYPE_CHECKING:  # a method of ImageReader, with which this class is combined
        error: Callable[[str], MxError]

    def check(self) -> None:
        """Check the lists, and extend them to one value for each crop sampler."""
        lists = [f"{side}_crop_{what}" for what in self._RANGES for side in ("min", "max")]
        for key in [*lists, "max_crop_trials"] if self.num_crop_sampler else []:
            value = getattr(self, key)
            if len(value) == 1:
                setattr(self, key, value * self.num_crop_sampler)
            elif len(value) != self.num_crop_sampler:
                raise self.error(
                    f"{key} has {len(value)} values, num_crop_sampler is {self.num_crop_sampler}"
                )
        for what in self._RANGES:
            for low, high in zip(getattr(self, f"min_crop_{what}"), getattr(self, f"max_crop_{what}")):
                if low > high or (what == "scales" and not 0 <= low < high <= 1):
                    raise self.error(
                        f"min_crop_{what} and max_crop_{what} ({low:g}, {high:g}) leave no range"
                    )

    def augment(self, image: np.ndarray, label: np.ndarray, engine: Engine) -> tuple[np.ndarray, np.ndarray]:
        """Image and label, changed together."""
        if self.resize != -1:
            image = shorter_edge(image, self.resize, self.inter_method, engine)
        header, objects = objects_of(label)
        if image.shape[2] == 3:
            image = self._coloured(image, engine)
        if self.rand_mirror_prob > 0 and engine.uniform() < _f(self.rand_mirror_prob):
            image, objects = image[:, ::-1], [o.mirrored() for o in objects]
        if self.rand_pad_prob > 0 and self.max_pad_scale > 1 and engine.uniform() < _f(self.rand_pad_prob):
            image, objects = self._bordered(image, objects, engine)
        if (
            self.rand_crop_prob > 0
            and self.num_crop_sampler > 0
            and engine.uniform() < _f(self.rand_crop_prob)
        ):
            image, objects = self._cropped(image, objects, engine)
        return self._fitted(image, engine), np.array(header + [n for o in objects for n in o.numbers()], _f)

    def _coloured(self, image: np.ndarray, engine: Engine) -> np.ndarray:
        changes = ("hue", "saturation", "illumination", "contrast")
        chances = [_f(getattr(self, f"random_{c}_prob")) for c in changes]
        if max(chances) <= 0:
            return image
        amounts = [engine.uniform(-1, 1) * _f(getattr(self, f"max_random_{c}")) for c in changes]
        hue, saturation, lightness, contrast = (
            amount if engine.uniform() < chance else _f(0) for amount, chance in zip(amounts, chances)
        )
        if int(hue) or int(saturation) or int(lightness):
            image = pixels.add_hls(image, int(hue), int(lightness), int(saturation))
        return pixels.scaled(image, contrast + _f(1)) if abs(contrast) > 1e-3 else image

    def _bordered(
        self, image: np.ndarray, objects: list[Object], engine: Engine
    ) -> tuple[np.ndarray, list[Object]]:
        scale = engine.uniform(1, self.max_pad_scale)
        if scale < _f(1.05):
            return image, objects
        x, y = (engine.uniform(0, scale - _f(1)) for _ in range(2))
        box = Box(-x, -y, scale, scale)
        h, w = (_f(n) for n in image.shape[:2])
        top, bottom, left, right = (
            int(v) for v in (y * h, (box.height + box.y - _f(1)) * h, x * w, (box.width + box.x - _f(1)) * w)
        )
        bordered = pixels.bordered(image, top, bottom, left, right, self.fill_value)
        return bordered, [o.within(box) for o in objects]

    def _cropped(
        self, image: np.ndarray, objects: list[Object], engine: Engine
    ) -> tuple[np.ndarray, list[Object]]:
        """The first crop that satisfies its sampler's limits. Samplers are tried in random order."""
        samplers = list(range(self.num_crop_sampler))
        engine.shuffle(samplers)
        h, w = (_f(n) for n in image.shape[:2])
        for i in samplers:
            for _ in range(int(self.max_crop_trials[i])):
                box = self._crop_box(i, w / h, engine)
                inside = self._inside(i, box, objects)
                if inside is not None:
                    left, top, width, height = (
                        int(v) for v in (box.x * w, box.y * h, box.width * w, box.height * h)
                    )
                    if not width or not height:
                        raise MxError("a random crop is empty: raise min.crop.scales")
                    return image[top : top + height, left : left + width], inside
        return image, objects

    def _crop_box(self, i: int, shape: np.float32, engine: Engine) -> Box:
        one = _f(1)
        scale = engine.uniform(self.min_crop_scales[i], self.max_crop_scales[i]) + _f(1e-12)
        low = max(_f(self.min_crop_aspect_ratios[i]) / shape, scale * scale)
        high = min(_f(self.max_crop_aspect_ratios[i]) / shape, _f(1.0 / float(scale * scale)))
        ratio = np.sqrt(engine.uniform(low, high))
        width, height = min(one, scale * ratio), min(one, scale / ratio)
        x = engine.uniform(0, one - width)
        return Box(x, engine.uniform(0, one - height), width, height)

    def _inside(self, i: int, crop: Box, objects: list[Object]) -> list[Object] | None:
        """The objects in a crop, or None if the crop does not satisfy the limits of sampler i."""
        if not objects:
            return objects
        limits = [
            (_f(getattr(self, f"min_crop_{w}")[i]), _f(getattr(self, f"max_crop_{w}")[i]))
            for w in ("overlaps", "sample_coverages", "object_coverages")
        ]
        limited = [bool(low > 0 or high < 1) for low, high in limits]
        if any(limited) and not any(self._suits(crop, o.box, limits, limited) for o in objects):
            return None
        if self.crop_emit_mode == "center":
            half = _f(0.5)
            inside = [o for o in objects if crop.holds((o.left + o.right) * half, (o.top + o.bottom) * half)]
        else:
            inside = [o for o in objects if crop.overlap(o.box) / o.box.area > _f(self.emit_overlap_thresh)]
        return [o.within(crop) for o in inside] or None

    @staticmethod
    def _suits(crop: Box, box: Box, limits: list[tuple[np.float32, np.float32]], limited: list[bool]) -> bool:
        common = crop.overlap(box)
        union = crop.area + box.area - common
        ratios = (
            common / union if common > 0 else _f(0),
            common / crop.area if crop.area else _f(math.nan),
            common / box.area,
        )
        return all(low <= ratio <= high for ratio, (low, high), on in zip(ratios, limits, limited) if on)

    def _fitted(self, image: np.ndarray, engine: Engine) -> np.ndarray:
        h, w = image.shape[:2]
        height, width = self.data_shape[1:]
        if self.resize_mode == "shrink" and h <= height and w <= width:
            return image
        if self.resize_mode != "force":
            ratio = min(_f(height) / _f(h), _f(width) / _f(w))
            height, width = int(ratio * _f(h)), int(ratio * _f(w))
        method = sizes.method_for(self.inter_method, (h, w), (height, width), engine)
        return sizes.resize(image, height, width, method)


# The augmenter's max_random_illumination is an integer, the normalizer's a float: MXNet has both.
class ImageDetRecord(DetAugmented, ImageReader, Normalized):  # type: ignore[misc]
    """Images of a RecordIO file with objects in them.

    A label is: channels, height and width of the image, the number of values that follow, these values (see
    `objects_of`; edges are in fractions of the image), and padding.
    """

    name = "ImageDetRecordIter"
    path_imgrec: str = P("./data/imgrec.rec", "path of the RecordIO file")
    label_width: int = P(-1, "values per image; -1: any number")
    label_pad_width: int = P(0, "length of the padded labels; 0 or less: of the longest one")
    label_pad_value: float = P(-1.0, "what labels are padded with")
    std_r: float = P(0.0, "standard deviation of red, a divisor; 0: none")
    std_g: float = P(0.0, "standard deviation of green")
    std_b: float = P(0.0, "standard deviation of blue")
    std_a: float = P(0.0, "standard deviation of the fourth channel")
    dtype: str = P("float32", "type of the images", none=True, one_of=("float32",))

    magic = 233

    def open(self) -> Source:
        self.check()
        source = super().open()
        width = self.label_width if self.label_width > 0 else None
        self._labels = Labels(self.path_imglist, width) if self.path_imglist else None
        widest = self._labels.widest() if self._labels else self._widest()
        if 0 < self.label_pad_width < widest:
            raise self.error(
                f"label.pad.width is {self.label_pad_width}, but there is a label of {widest} values"
            )
        self.label_pad_width = max(widest, self.label_pad_width)
        if self.mean_img:
            self.use_mean_image()
        return source

    def _widest(self) -> int:
        """The length of the longest label in the part of the file that is read."""
        shuffle, self.order.shuffle = self.order.shuffle, False
        widest = 0
        while (place := self.order.next()) is not None:
            where = f"{self.path_imgrec}, the record at byte {place[0]}"
            widest = max(widest, len(self._label(where, recordio.unpack(self.file.read(place[0]), where)[0])))
        self.order.rewind()
        self.order.shuffle = shuffle
        return widest

    def _label(self, where: str, header: recordio.Header) -> np.ndarray:
        if self._labels:
            return self._labels[header.id]
        if not isinstance(header.label, np.ndarray):
            raise self.error(f"{where} has no packed label; use im2rec with pack_label, or path.imglist")
        if self.label_width > 0 and len(header.label) != self.label_width:
            raise self.error(
                f"{where} has {len(header.label)} label values, label.width is {self.label_width}"
            )
        return header.label

    def sample(
        self, number: int, where: str, header: recordio.Header, image: np.ndarray
    ) -> tuple[Callable[[np.ndarray], None], np.ndarray]:
        label = self._label(where, header)
        try:
            image, label = self.augment(image, label, self.engine)
        except MxError as e:
            raise self.error(f"{where}: {e}") from None
        h, w, channels = image.shape
        padded = np.full(self.label_pad_width + 4, self.label_pad_value, _f)
        padded[:4] = channels, h, w, len(label)
        padded[4 : 4 + len(label)] = label

        def write(data: np.ndarray) -> None:
            data[:] = 0
            data[:, :h, :w] = image.transpose(2, 0, 1)
            self.normalize(data)

        return write, padded

    def normalize(self, data: np.ndarray) -> None:
        """Normalize an augmented image (channels, height, width) of float32, in place."""
        if max(self.mean_r, self.mean_g, self.mean_b, self.mean_a) > 0:
            data -= self.channels("mean")
        elif self.mean_image is not None:
            data -= self.mean_image
        std = self.channels("std")
        data /= np.where(std > 0, std, _f(1))
        data *= _f(self.scale)
