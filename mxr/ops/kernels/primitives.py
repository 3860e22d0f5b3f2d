"""Convolutions: by oneDNN's primitives where it is installed and faster, else by `windows`.

Notation of shapes: n samples, C input channels, F filters, G groups.

oneDNN's fast code takes channels in blocks of 8 or 16, innermost. Operands are copied into the layouts that
a primitive chooses, and results back (reorders), in scratch memory: nothing else sees these layouts. Work is
cut by samples, or by filters, channels or groups where there are few samples; each lane takes a part. The
samples of a part go through the primitive in blocks that stay in the cache from one reorder to the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from mxr.ops.kernels import windows
from mxr.ops.kernels.steps import Lane, Steps
from mxr.ops.kernels.windows import Windows
from mxr.runtime import costs, onednn

FLOAT = np.dtype(np.float32)
_Placed = tuple[onednn.Layout, np.ndarray]  # an array with its layout in memory
MADE = {"out": 2, "gx": 0, "gw": 1}  # which of input, weight and output is the result


@dataclass(frozen=True)
class _Part:
    """Arrays of a part of the work: x (n, C, *size), weight (F, C/G, *kernel), out (n, F, *out). `bias` (F)
    is added to out."""

    kind: str
    w: Windows
    x: np.ndarray
    weight: np.ndarray
    out: np.ndarray
    bias: np.ndarray | None = None

    def samples(self, start: int, stop: int) -> _Part:
        return replace(self, x=self.x[start:stop], out=self.out[start:stop])

    def filters(self, start: int, stop: int) -> _Part:
        bias = None if self.bias is None else self.bias[start:stop]
        return replace(self, weight=self.weight[start:stop], out=self.out[:, start:stop], bias=bias)

    def channels(self, start: int, stop: int) -> _Part:
        return replace(self, weight=self.weight[:, start:stop], x=self.x[:, start:stop])

    def groups(self, start: int, stop: int) -> _Part:
        each = self.x.shape[1] // self.w.groups
        part = self.filters(*(i * (len(self.weight) // self.w.groups) for i in (start, stop)))
        return replace(part, x=self.x[:, start * each : stop * each], w=replace(self.w, groups=stop - start))

    @property
    def flops(self) -> int:
        return 2 * self.weight.size * len(self.x) * prod(self.w.out)

    @property
    def moved(self) -> int:
        """Elements that are reordered."""
        return self.x.size + self.out.size + self.weight.size

    @property
    def nanoseconds(self) -> float:
        return self.flops * costs.PRIMITIVE_FLOP_NS + self.moved * costs.REORDER_NS


def convolve(steps: Steps, w: Windows, weight, **arrays) -> None:
    """Append the products of a convolution whose result arrays are given: see `windows.convolve`."""
    if not by_primitives(steps, w, weight, **arrays):
        windows.convolve(steps, w, weight, **arrays)


def by_primitives(
    steps: Steps, w: Windows, weight, *, x=None, g=None, out=None, gx=None, gw=None, bias=None
) -> bool:
    """As `convolve`, by oneDNN. Returns False, and appends nothing, if `windows` is faster or oneDNN cannot
    do it."""
    library = onednn.library()
    results = [a for a in (out, gx, gw) if a is not None]
    if (
        library is None
        or any(a is not None and a.dtype != FLOAT for a in (weight, x, g, *results, bias))
        or not all(a.size and a.flags.c_contiguous for a in results)
        or not pays(w, weight.shape[1] * w.groups, len(weight), len(g if x is None else x))
    ):
        return False
    made = [("out", out, (x, weight, out)), ("gx", gx, (gx, weight, g)), ("gw", gw, (x, gw, g))]
    parts = [
        _Part(kind, w, *operands, bias=bias if kind == "out" else None)
        for kind, result, operands in made
        if result is not None
    ]
    parts = [
        replace(p, x=steps.solid(p.x), weight=steps.solid(p.weight), out=steps.solid(p.out)) for p in parts
    ]
    try:
        work = [
            (lane, _calls(library, lane, piece)) for part in parts for lane, piece in _pieces(steps, part)
        ]
    except onednn.Unavailable:
        return False
    for lane, calls in work:
        lane.step(onednn.run, calls)
    if gx is not None and bias is not None:
        steps.last.append((np.add, (gx, bias.reshape(-1, *(1 for _ in w.size)), gx)))
    return True


def pays(w: Windows, channels: int, filters: int, samples: int) -> bool:
    """Whether a primitive is faster than columns and products.

    It is not if the columns are the input itself, which BLAS multiplies without a copy, nor for images of one
    channel, since oneDNN computes channels in blocks. Compiling code does not pay for work of a few
    microseconds.
    """
    if w.groups == 1 and (w.plain or channels == 1):
        return False
    columns = samples * channels * prod(w.kernel) * prod(w.out)
    each = costs.COLUMN_NS + costs.COLUMN_FILTER_NS * filters / w.groups
    return columns * each >= costs.PRIMITIVE_LEAST_NS


def _pieces(steps: Steps, part: _Part) -> Iterator[tuple[Lane, _Part]]:
    """The parts of all lanes."""
    n, groups, unit = len(part.x), part.w.groups, costs.BLAS_PANEL
    by_samples = part.kind != "gw" and n >= len(steps.lanes)
    if by_samples:
        for lane, a, b in steps.ranges(n, part.nanoseconds / n):
            yield lane, part.samples(a, b)
    elif groups > 1:
        for lane, a, b in steps.ranges(groups, part.nanoseconds / groups):
            yield lane, part.groups(a, b)
    else:
        cut = part.channels if part.kind == "gx" else part.filters
        length = part.x.shape[1] if part.kind == "gx" else len(part.weight)
        units = -(-length // unit)
        for lane, a, b in steps.ranges(units, part.nanoseconds / units):
            yield lane, cut(a * unit, min(length, b * unit))


def _calls(library: onednn.Library, lane: Lane, part: _Part) -> list[onednn.Call]:
    """The calls for a part in a lane."""
    prepared = _Prepared(library, lane)
    block = _block(part)
    with onednn.one_thread():
        for start in range(0, len(part.x), block):
            prepared.add(part.samples(start, start + block), start == 0)
    return prepared.calls


class _Prepared:
    """The calls for the blocks of a part, which have one weight. Scratch memory: slots 0 to 2 for the
    operands in the primitive's layouts, 3 and 4 for what primitives need themselves."""

    def __init__(self, library: onednn.Library, lane: Lane):
        self.library, self.lane = library, lane
        self.calls: list[onednn.Call] = []
        self.weight: onednn.Layout | None = None  # the layout that it has been brought into

    def add(self, part: _Part, first: bool) -> None:
        """The calls for a block of samples."""
        weight = part.weight.reshape(onednn.grouped(part.weight.shape, part.w.groups))
        arrays = part.x, weight, part.out
        primitive = self.library.convolution(
            part.kind, tuple(a.shape for a in arrays), part.bias is not None, geometry(part.w)
        )
        if primitive.name.startswith("ref"):
            raise onednn.Unavailable("oneDNN has only its reference code for this")
        made, adds = MADE[part.kind], part.kind == "gw" and not first
        given = {"scratch": self._scratch(3, primitive.layouts["scratch"])}
        if part.bias is not None:
            given["bias"] = self._plain(part.bias), part.bias
        for i, (name, array) in enumerate(zip(onednn.ARGUMENTS[part.kind], arrays)):
            plain, layout = (self._plain(array), array), primitive.layouts[name]
            if self.library.same(layout, plain[0]) and not (adds and i == made):
                given[name] = plain
                continue
            given[name] = self._scratch(i, layout)
            if i != made and not (
                i == 1 and self.weight is not None and self.library.same(self.weight, layout)
            ):
                self._reorder(plain, given[name])
            if i == 1 != made:
                self.weight = layout
        self.calls.append(primitive.call(**given))
        result = self._plain(arrays[made]), arrays[made]
        if given[onednn.ARGUMENTS[part.kind][made]][1] is not arrays[made]:
            self._reorder(given[onednn.ARGUMENTS[part.kind][made]], result, adds)

    def _plain(self, a: np.ndarray) -> onednn.Layout:
        """An array's own layout. The strides of axes of length 1 are those of a contiguous array."""
        strides, after = [], 1
        for n, s in zip(reversed(a.shape), reversed(a.strides)):
            strides.append(s // a.itemsize if n > 1 else after)
            after = strides[-1] * n
        return self.library.layout(a.shape, tuple(reversed(strides)))

    def _reorder(self, source: _Placed, target: _Placed, adds: bool = False) -> None:
        primitive = self.library.reorder(source[0], target[0], adds)
        scratch = self._scratch(4, primitive.layouts["scratch"])
        self.calls.append(primitive.call(src=source, dst=target, scratch=scratch))

    def _scratch(self, slot: int, layout: onednn.Layout) -> _Placed:
        return layout, self.lane.scratch(slot, (max(1, layout.nbytes),), np.uint8)


def _block(part: _Part) -> int:
    """The number of samples that go through the primitive together. Blocks for a weight's gradient are larger
    than the weight, because the gradient is added up over the blocks."""
    each = prod(part.x.shape[1:]) + prod(part.out.shape[1:])
    most = costs.PRIMITIVE_BLOCK
    if part.kind == "gw":
        most = max(most, 4 * part.weight.size)
    count = max(1, -(-len(part.x) * each // most))
    return -(-len(part.x) // count)


def geometry(w: Windows) -> tuple[tuple[int, ...], ...]:
    """Strides, dilations (0 is none), padding before and after. The padding after ends with the last
    window."""
    after = (
        (o - 1) * s + d * (k - 1) + 1 - n - p
        for n, o, s, d, k, p in zip(w.size, w.out, w.stride, w.dilate, w.kernel, w.pad)
    )
    return tuple(w.stride), tuple(d - 1 for d in w.dilate), tuple(w.pad), tuple(after)
