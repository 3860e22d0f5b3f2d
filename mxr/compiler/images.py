"""What a segment computes: images, and how each comes from others. Operators describe their parts by the
functions `convolution` ... `joined`, which return None where oneDNN would not do it, or not well.

A segment is a part of a graph that oneDNN computes for inference in its own layouts: see
mxr.compiler.segments. Nothing is computed here.
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
Fold = Callable[..., tuple[np.ndarray, np.ndarray]]  # of parameters: the scale and the shift of each channel
_numbers = itertools.count()


@dataclass(frozen=True, eq=False)
class Image:
    """A value in a segment: images (n, C, *size). `uses`: how many nodes read it, and outputs are it."""

    shape: Dims
    uses: int = field(default=0, kw_only=True)
    number: int = field(default_factory=lambda: next(_numbers), kw_only=True)  # inputs before users

    @property
    def inputs(self) -> tuple[Image, ...]:
        return ()


@dataclass(frozen=True, eq=False)
class Source(Image):
    """A value from outside the segment, of any shape. `name`: of a variable."""

    entry: Entry
    name: str | None = None


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
    kind: ClassVar[str] = "out"

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
class Transposed(Convolution):
    """A transposed convolution, whose weight is (C, F/G, *kernel). Nothing more is done in its own call."""

    kind: ClassVar[str] = "transposed"

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
class Pooled(Image):
    """Images reduced by windows."""

    data: Image
    how: str
    geometry: Geometry

    @property
    def inputs(self) -> tuple[Image, ...]:
        return (self.data,)


@dataclass(frozen=True, eq=False)
class Joined(Image):
    """Images side by side along the channels."""

    parts: tuple[Image, ...]

    @property
    def inputs(self) -> tuple[Image, ...]:
        return self.parts


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
    library = onednn.library()
    if library is None or not isinstance(weight, Source) or not isinstance(bias, (Source, type(None))):
        return None
    # oneDNN's blocks of channels are padded, and the first layer's three channels have code of their own
    if shape[1] % 8 or (data.shape[1] % 8 and data.shape[1] > 4):
        return None
    if not library.has_fast((data.shape, onednn.grouped(weight.shape, groups), shape), True, geometry):
        return None
    return Convolution(shape, data, weight, bias, groups, geometry, pays)


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
    library = onednn.library()
    if library is None or not isinstance(weight, Source) or not isinstance(bias, (Source, type(None))):
        return None
    image = Transposed(shape, data, weight, bias, groups, geometry, pays)
    if shape[1] % 8 or data.shape[1] % 8:
        return None
    return image if library.has_fast((data.shape, image.grouped, shape), True, geometry, image.kind) else None


def scaled(data: Image, parameters: Sequence[Image], fold: Fold) -> Image | None:
    """Every channel times a number, plus another one: `fold(*arrays of the parameters)` gives both."""
    conv, sources = _open(data), tuple(p for p in parameters if isinstance(p, Source))
    if conv is None or conv.shortcut is not None or conv.fold is not None or len(sources) < len(parameters):
        return None
    return replace(conv, fold=fold, fold_from=sources, number=next(_numbers))


def relu(data: Image) -> Image | None:
    """Negative values become zero."""
    conv = _open(data)
    return None if conv is None else replace(conv, relu=True, number=next(_numbers))


def added(a: Image, b: Image) -> Image | None:
    """The sum of two images of one shape, one of which is a convolution that nothing else reads."""
    for conv, other in ((_open(b), a), (_open(a), b)):
        if conv is not None and conv.shortcut is None and a.shape == b.shape and a is not b:
            return replace(conv, shortcut=other, number=next(_numbers))
    return None


def pooled(shape: Dims, data: Image, how: str, geometry: Geometry) -> Image | None:
    """Pooling, see `Library.pooling`."""
    return None if isinstance(data, Source) else Pooled(shape, data, how, geometry)


def joined(shape: Dims, parts: Sequence[Image]) -> Image | None:
    """Images one after the other along the channels."""
    if len(shape) != 4 or any(p.shape[1] % 16 for p in parts) or all(isinstance(p, Source) for p in parts):
        return None
    return Joined(shape, tuple(parts))


def _open(image: Image) -> Convolution | None:
    """The image, if more can be done in a convolution's own call: nothing else reads it."""
    if not isinstance(image, Convolution) or isinstance(image, Transposed):
        return None
    return image if image.uses == 1 and not image.relu else None
