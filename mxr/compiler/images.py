"""What a segment computes: images, and how each comes from others. Operators describe their parts by the
functions `convolution` ... `joined`, which return None where oneDNN would not do it, or not well.

A segment is a part of a graph that oneDNN computes in its own layouts: see mxr.compiler.segments for
inference, where one convolution does what several nodes describe, and mxr.compiler.training. Nothing is
computed here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import ClassVar

import numpy as np

from mxr.operator.shapes import Dims
from mxr.runtime import onednn

Entry = tuple[int, int]  # (id(node), output index)
Geometry = tuple[tuple[int, ...], ...]
Folded = tuple[np.ndarray, np.ndarray]  # the scale and the shift of each channel
Fold = Callable[..., Folded]  # of parameters
_numbers = itertools.count()


@dataclass(frozen=True, eq=False)
class Image:
    """A value in a segment: images (n, C, *size). `uses`: how many nodes read it, and outputs are it.
    `training`: the segment has gradients."""

    shape: Dims
    uses: int = field(default=0, kw_only=True)
    training: bool = field(default=False, kw_only=True)
    number: int = field(default_factory=lambda: next(_numbers), kw_only=True)  # inputs before users

    @property
    def inputs(self) -> tuple[Image, ...]:
        return ()

    @property
    def parameters(self) -> tuple[Source, ...]:
        """The weights and statistics that it is computed with."""
        return ()


@dataclass(frozen=True, eq=False)
class Source(Image):
    """A value from outside the segment, of any shape. `name`: of a variable."""

    entry: Entry
    name: str | None = None


@dataclass(frozen=True, eq=False)
class _OfOne(Image):
    """A value that is computed from one image."""

    data: Image

    @property
    def inputs(self) -> tuple[Image, ...]:
        return (self.data,)


@dataclass(frozen=True, eq=False)
class _OfSeveral(Image):
    """A value that is computed from several images."""

    parts: tuple[Image, ...]

    @property
    def inputs(self) -> tuple[Image, ...]:
        return self.parts


@dataclass(frozen=True)
class Normalization:
    """How a batch is normalized: `scale * (x - mean) / sqrt(var + eps) + beta`, where `scale` is a function
    of gamma. The moving statistics keep `momentum` of themselves in a training step. With `given`, they are
    used in training too. `learned`: whether gamma has a gradient."""

    scale: Callable[[np.ndarray], np.ndarray]
    eps: float
    momentum: float
    given: bool
    learned: bool

    def fold(self, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, var: np.ndarray) -> Folded:
        """The scale and the shift of each channel in inference."""
        scale = self.scale(gamma) / np.sqrt(var + gamma.dtype.type(self.eps))
        return scale, beta - mean * scale


@dataclass(frozen=True, eq=False)
class Convolution(Image):
    """`relu(scale * (conv(data, weight) + bias) + shift + shortcut)`; all but conv may be missing."""

    data: Image
    weight: Source
    bias: Source | None
    groups: int
    geometry: Geometry
    pays: bool
    fold: Fold | None = None
    fold_from: tuple[Source, ...] = ()
    shortcut: Image | None = None
    relu: bool = False
    kinds: ClassVar[tuple[str, str, str]] = ("out", "gx", "gw")  # oneDNN's: itself, and its gradients

    @property
    def inputs(self) -> tuple[Image, ...]:
        return (self.data,) if self.shortcut is None else (self.data, self.shortcut)

    @property
    def parameters(self) -> tuple[Source, ...]:
        return (self.weight, *(() if self.bias is None else (self.bias,)), *self.fold_from)

    @property
    def grouped(self) -> Dims:
        """The weight's shape as oneDNN takes it."""
        return onednn.grouped(self.weight.shape, self.groups)

    def plain(self, library: onednn.Library) -> onednn.Layout:
        """The layout of the weight as it is."""
        return library.contiguous(self.grouped)

    @property
    def flops(self) -> int:
        return 2 * prod(self.shape) * prod(self.weight.shape[1:])

    @property
    def after(self) -> tuple[str, ...]:
        return ("sum",) * (self.shortcut is not None) + ("relu",) * self.relu


@dataclass(frozen=True, eq=False)
class Normalized(_OfOne):
    """Images normalized over the batch, in training. `statistics`: gamma, beta, moving mean, moving
    variance."""

    statistics: tuple[Source, ...]
    how: Normalization
    relu: bool = False

    @property
    def parameters(self) -> tuple[Source, ...]:
        return self.statistics


@dataclass(frozen=True, eq=False)
class Rectified(_OfOne):
    """Images whose negative values become zero, in training."""


@dataclass(frozen=True, eq=False)
class Added(_OfSeveral):
    """The sum of two images, in training."""


@dataclass(frozen=True, eq=False)
class Transposed(Convolution):
    """A transposed convolution, whose weight is (C, F/G, *kernel). Nothing more is done in its own call."""

    kinds: ClassVar[tuple[str, str, str]] = ("transposed", "transposed gx", "transposed gw")

    @property
    def grouped(self) -> Dims:
        groups, filters, channels, *kernel = self._parts
        return onednn.grouped((groups * filters, channels, *kernel), groups)

    @property
    def _parts(self) -> Dims:
        channels, filters, *kernel = self.weight.shape
        return self.groups, filters, channels // self.groups, *kernel

    def plain(self, library: onednn.Library) -> onednn.Layout:
        _, filters, channels, *kernel = self._parts
        each = prod(kernel)
        strides = (
            channels * filters * each,
            each,
            filters * each,
            *(prod(kernel[i + 1 :]) for i in range(len(kernel))),
        )
        return library.layout(self.grouped, strides[self.groups == 1 :])

    @property
    def flops(self) -> int:
        return 2 * prod(self.data.shape) * prod(self.weight.shape[1:])


@dataclass(frozen=True, eq=False)
class Pooled(_OfOne):
    """Images reduced by windows."""

    how: str
    geometry: Geometry


@dataclass(frozen=True, eq=False)
class Joined(_OfSeveral):
    """Images side by side along the channels."""


# ------------------------------------------------------------------------------- what operators call


def convolution(
    shape: Dims,
    data: Image,
    weight: Image,
    bias: Image | None,
    groups: int,
    geometry: Geometry,
    pays: bool,
) -> Image | None:
    """A convolution: weight (F, C/G, *kernel), bias (F) or None. `geometry`: strides, dilations (0 is none),
    padding before and after. `pays`: whether oneDNN is faster for this one alone."""
    # the first layer's three channels have code of their own
    return _weighted(Convolution, 4, shape, data, weight, bias, groups, geometry, pays)


def transposed(
    shape: Dims,
    data: Image,
    weight: Image,
    bias: Image | None,
    groups: int,
    geometry: Geometry,
    pays: bool,
) -> Image | None:
    """As `convolution`, transposed: weight (C, F/G, *kernel), and the geometry of the convolution from the
    output to the input."""
    return _weighted(Transposed, 0, shape, data, weight, bias, groups, geometry, pays)


def _weighted(
    kind: type[Convolution],
    few: int,
    shape: Dims,
    data: Image,
    weight: Image,
    bias: Image | None,
    groups: int,
    geometry: Geometry,
    pays: bool,
) -> Image | None:
    """A convolution of this kind. oneDNN's blocks of channels are padded, so their number is a multiple of 8;
    in the data it may be up to `few` too."""
    library = onednn.library()
    if library is None or not isinstance(weight, Source) or not isinstance(bias, (Source, type(None))):
        return None
    if shape[1] % 8 or (data.shape[1] % 8 and data.shape[1] > few):
        return None
    image = kind(shape, data, weight, bias, groups, geometry, pays, training=data.training)
    fast = library.has_fast((data.shape, image.grouped, shape), True, geometry, image.kinds[0])
    return image if fast else None


def normalized(data: Image, statistics: Sequence[Image], how: Normalization) -> Image | None:
    """Batch normalization. `statistics`: gamma, beta, moving mean, moving variance."""
    sources = tuple(s for s in statistics if isinstance(s, Source))
    if isinstance(data, Source) or len(sources) < len(statistics):
        return None
    if data.training:
        return Normalized(data.shape, data, sources, how, training=True)
    conv = _open(data)
    if not isinstance(conv, Convolution) or conv.shortcut is not None or conv.fold is not None:
        return None
    return replace(conv, fold=how.fold, fold_from=sources, number=next(_numbers))


def relu(data: Image) -> Image | None:
    """Negative values become zero."""
    image = _open(data)
    if image is None and data.training and not isinstance(data, Source):
        return Rectified(data.shape, data, training=True)
    return None if image is None else replace(image, relu=True, number=next(_numbers))


def added(a: Image, b: Image) -> Image | None:
    """The sum of two images of one shape. For inference, one of them is a convolution that nothing else
    reads."""
    if a.training:
        alone = a.shape != b.shape or a is b or (isinstance(a, Source) and isinstance(b, Source))
        return None if alone else Added(a.shape, (a, b), training=True)
    for conv, other in ((_open(b), a), (_open(a), b)):
        if isinstance(conv, Convolution) and conv.shortcut is None and a.shape == b.shape and a is not b:
            return replace(conv, shortcut=other, number=next(_numbers))
    return None


def pooled(shape: Dims, data: Image, how: str, geometry: Geometry) -> Image | None:
    """Pooling, see `Library.pooling`."""
    return None if isinstance(data, Source) else Pooled(shape, data, how, geometry, training=data.training)


def joined(shape: Dims, parts: Sequence[Image]) -> Image | None:
    """Images one after the other along the channels."""
    if any(p.shape[1] % 16 for p in parts) or all(isinstance(p, Source) for p in parts):
        return None
    return Joined(shape, tuple(parts), training=parts[0].training)


def _open(image: Image) -> Convolution | Normalized | None:
    """The image, if more can be done in its own call: nothing else reads it."""
    if not isinstance(image, (Convolution, Normalized)) or isinstance(image, Transposed):
        return None
    return image if image.uses == 1 and not image.relu else None
