"""The arithmetic of convolutions: windows as the columns of matrices, so that BLAS does the work.

Notation of shapes: n samples, C input channels, F filters, G groups; `size` and `out` are the spatial axes of input and output,
L the product of `out`. Samples go in blocks small enough for the cache, blocks are spread over the threads.

A block is laid out as (b, channels, *space, m), of b * m samples: one after the other (m = 1), or side by side, innermost (b = 1).
Strided copies cost a few nanoseconds per contiguous run, whatever its length. Side by side, every run is at least m long, but
input and output must be transposed; that pays where images are small. One after the other, columns are made in two stages: for each
offset in the last kernel axis, the values that any window has at that offset become a narrower image, `out[-1]` wide; in that
image the other kernel axes are shifts by whole rows, so that runs are long again.

The functions add to `Steps` what is to be done; nothing is computed yet.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ._steps import Lane, Steps

_BLOCK = 1 << 19        # elements of a block's columns: two megabytes


@dataclass(frozen=True)
class Windows:
    """Where the windows lie: output position o covers input positions `o * stride + i * dilate - pad` for i in the kernel."""
    size: tuple
    out: tuple
    kernel: tuple
    stride: tuple
    dilate: tuple
    pad: tuple
    groups: int = 1

    @property
    def padded(self) -> tuple:
        """The spatial size that the windows reach over, margins included."""
        return tuple(max(n + 2 * p, s * (o - 1) + d * (k - 1) + 1) for n, p, s, o, d, k in
                     zip(self.size, self.pad, self.stride, self.out, self.dilate, self.kernel))

    @property
    def plain(self) -> bool:
        """Whether the columns are the input itself: a 1 x 1 kernel that visits every position."""
        return prod(self.kernel) == 1 and self.size == self.out and not any(self.pad)

    @property
    def inside(self) -> tuple:
        """Where the input lies in a block of images with margins."""
        return (slice(None), slice(None), *(slice(p, p + n) for p, n in zip(self.pad, self.size)))

    def landing(self, axis: int, i: int) -> tuple[slice, slice]:
        """Along an axis, for kernel offset i: the outputs whose window has an input there, and those inputs."""
        s, first = self.stride[axis], i * self.dilate[axis] - self.pad[axis]
        lo = max(0, -(first // s))
        hi = max(lo, min(self.out[axis], -(-(self.size[axis] - first) // s)))
        return slice(lo, hi), slice(first + lo * s, first + (hi - 1) * s + 1 if hi > lo else first + lo * s, s)


# --------------------------------------------------------------------------------------------- blocks of samples

class _Block:
    """Some samples in a lane, and how they are laid out."""

    def __init__(self, lane: Lane, start: int, stop: int, side: bool):
        self.lane, self.step, self.side = lane, lane.step, side
        self.samples = slice(start, stop)
        self.b, self.m = (1, stop - start) if side else (stop - start, 1)

    def view(self, a: np.ndarray) -> np.ndarray:
        """The block of `a` (n, channels, *space) as a view (b, channels, *space, m)."""
        part = a[self.samples]
        return np.moveaxis(part, 0, -1)[None] if self.side else part[..., None]

    def scratch(self, slot: int, dtype, *shape) -> np.ndarray:
        """Scratch memory (b, *shape, m)."""
        return self.lane.scratch(slot, (self.b, *shape, self.m), dtype)

    def solid(self, slot: int, a: np.ndarray) -> np.ndarray:
        """The block of contiguous `a` in contiguous memory: a copy if the samples lie side by side."""
        part = self.view(a)
        if self.side:
            part = self.scratch(slot, a.dtype, *part.shape[1:-1])
            self.step(np.copyto, part, self.view(a))
        return part

    def product(self, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        """A step `np.matmul(a, b, out)`, without leading axes of length one: they cost as much as a small product."""
        while out.ndim > 2 and out.shape[0] == 1:
            a, b, out = (x[0] if x.ndim == out.ndim else x for x in (a, b, out))
        self.step(np.matmul, a, b, out)


def _blocks(steps: Steps, w: Windows, channels: int, filters: int, n: int) -> Iterator[tuple[_Block, bool]]:
    """The blocks of n samples, and whether the block is the first of its shape in its lane. `channels`: of the images that the
    windows lie in; `filters`: of the others.

    An element of the columns costs about 0.15 nanoseconds, and 0.011 more for each filter; a run of a copy as much as it takes to
    transpose ten elements. With more filters than positions, the products of single samples would be larger than what they are made of.
    """
    length = prod(w.out)
    columns = channels * prod(w.kernel) * length
    most = max(1, _BLOCK // (columns + filters * length))
    for lane, first, last in steps.ranges(n, columns * (0.15 + 0.011 * filters / w.groups)):
        count = -(-(last - first) // most)
        size, larger = divmod(last - first, count)
        transposed = channels * prod(w.size) + filters * length
        side = size > 1 and (filters > length * w.groups or 10 * _saved_runs(w, channels, size) > transposed)
        for i in range(count):
            stop = first + size + (i < larger)
            yield _Block(lane, first, stop, side), i in (0, larger)
            first = stop


def _saved_runs(w: Windows, channels: int, samples: int) -> float:
    """How many fewer contiguous runs a sample's columns are copied in if the samples of a block lie side by side."""
    if w.plain:
        return 0
    in_rows = any(s > 1 for s in w.stride[:-1])
    apart = w.kernel[-1] * prod(w.padded[:-1]) + prod(w.kernel) * (prod(w.out[:-1]) if in_rows else 1)
    beside = prod(w.kernel) * prod(w.out[:-1] if w.stride[-1] == 1 else w.out) / samples
    return channels * (apart - beside)


def _shifts(strides: tuple, dilate: tuple, stride: tuple) -> tuple[tuple, tuple]:
    """How far a step in the kernel, and one from window to window, is in memory."""
    return tuple(s * d for s, d in zip(strides, dilate)), tuple(s * t for s, t in zip(strides, stride))


def _columns(block: _Block, w: Windows, x: np.ndarray, fresh: bool) -> np.ndarray:
    """The columns (b, C, *kernel, *out, m) of the block of x. Uses slots 0 to 2."""
    image = block.view(x)
    b, channels, *_, m = image.shape
    if w.padded != w.size or block.side:
        image = block.scratch(1, x.dtype, channels, *w.padded)
        if fresh and w.padded != w.size:
            block.step(image.fill, 0)
        block.step(np.copyto, image[w.inside], block.view(x))
    dilate, stride = w.dilate, w.stride
    n0, n1, *space, last = image.strides
    offsets, moves = _shifts(space, dilate, stride)
    if not block.side and prod(w.kernel[:-1]) > 1 and w.padded[-1] > w.out[-1]:
        # the narrower images, as (b, C, kernel[-1], *padded[:-1], out[-1], 1)
        narrow = block.scratch(2, x.dtype, channels, w.kernel[-1], *w.padded[:-1], w.out[-1])
        block.step(np.copyto, narrow, as_strided(image, narrow.shape, (n0, n1, offsets[-1], *space[:-1], moves[-1], last)))
        image = narrow
        n0, n1, offset, *space, last = narrow.strides
        offsets, moves = _shifts(space[:-1], dilate, stride)
        offsets, moves = (*offsets, offset), (*moves, space[-1])
    columns = block.scratch(0, x.dtype, channels, *w.kernel, *w.out)
    block.step(np.copyto, columns, as_strided(image, columns.shape, (n0, n1, *offsets, *moves, last)))
    return columns


# --------------------------------------------------------------------------------------------- the operations

def forward(steps: Steps, w: Windows, x, weight, out, bias=None) -> None:
    """Convolution: x (n, C, *size), weight (F, C/G, *kernel), bias (F,) -> out (n, F, *out)."""
    matrix = steps.solid(weight).reshape(w.groups, len(weight) // w.groups, -1)
    _multiply(steps, w, x, matrix, out, bias)


def _multiply(steps: Steps, w: Windows, x, matrix, out, bias) -> None:
    """out = matrix (G, F/G, K/G) times the columns of x, plus bias."""
    groups, filters, _ = matrix.shape
    if w.plain:
        x = steps.solid(x)
    for block, fresh in _blocks(steps, w, x.shape[1], groups * filters, len(x)):
        columns = block.solid(0, x) if w.plain else _columns(block, w, x, fresh)
        target = view = block.view(out)
        if not view.flags.c_contiguous:
            target = block.scratch(3, out.dtype, *view.shape[1:-1])
        columns = columns.reshape(block.b, groups, matrix.shape[2], -1)
        block.product(matrix, columns, target.reshape(block.b, groups, filters, -1))
        if bias is not None:
            block.step(np.add, target, bias.reshape(-1, *(1 for _ in w.out), 1), target)
        if target is not view:
            block.step(np.copyto, view, target)


def weight_gradient(steps: Steps, w: Windows, x, g, gw) -> None:
    """The gradient of the weight: x (n, C, *size), g (n, F, *out) -> gw (F, C/G, *kernel).

    Sums over samples and positions of columns times gradients: for each lane, then of all lanes. BLAS is faster with the filters
    last, which pays for flipping the sum in the end where there are many positions.
    """
    groups, filters = w.groups, len(gw) // w.groups
    g = steps.solid(g)
    if w.plain:
        x = steps.solid(x)
    flipped = len(x) * prod(w.out) > 1000
    result = gw.reshape(groups, filters, *gw.shape[1:])
    sums: dict[Lane, np.ndarray] = {}
    for block, fresh in _blocks(steps, w, x.shape[1], g.shape[1], len(x)):
        columns = block.solid(0, x) if w.plain else _columns(block, w, x, fresh)
        columns = columns.reshape(block.b, groups, x.shape[1] // groups * prod(w.kernel), -1)
        slopes = block.solid(3, g).reshape(block.b, groups, filters, -1)
        left, right = (columns, slopes) if flipped else (slopes, columns)
        shape = (groups, left.shape[2], right.shape[2])
        first = block.lane not in sums
        if first:
            in_place = not flipped and not sums and gw.flags.c_contiguous
            sums[block.lane] = gw.reshape(shape) if in_place else steps.own(shape, gw.dtype)
        total = sums[block.lane]
        part = total if first else block.lane.scratch(4, shape, gw.dtype)
        if block.b == 1:
            block.product(left, right.swapaxes(2, 3), part[None])
        else:
            products = block.lane.scratch(5, (block.b, *shape), gw.dtype)
            block.product(left, right.swapaxes(2, 3), products)
            block.step(np.add.reduce, products, 0, None, part)
        if not first:
            block.step(np.add, total, part, total)
    totals = [np.moveaxis(t.reshape(groups, *gw.shape[1:], filters), -1, 1) if flipped else t.reshape(result.shape) for t in sums.values()]
    if len(totals) > 1:
        steps.last += [(np.add, (totals[0], t, totals[0])) for t in totals[1:-1]]
        steps.last.append((np.add, (totals[0], totals[-1], result)))
    elif not np.may_share_memory(totals[0], gw):
        steps.last.append((np.copyto, (result, totals[0])))


def bias_gradient(steps: Steps, g, gb) -> None:
    """The gradient of the bias: sums of g (n, F, *out) over samples and positions. Products with ones are the fastest sums."""
    rows = steps.solid(g).reshape(len(g) * len(gb), -1)
    sums, ones = steps.own((len(g), len(gb)), g.dtype), np.ones(max(len(g), rows.shape[1]), g.dtype)
    for lane, a, b in steps.ranges(len(rows), rows.shape[1] * 0.05):
        lane.step(np.matmul, rows[a:b], ones[:rows.shape[1]], sums.reshape(-1)[a:b])
    steps.last.append((np.matmul, (ones[:len(g)], sums, gb)))


def input_gradient(steps: Steps, w: Windows, g, weight, gx, bias=None) -> None:
    """The gradient of the input (and the forward pass of a deconvolution, with its bias): g (n, F, *out) -> gx (n, C, *size)."""
    weight = steps.solid(weight)
    g = steps.solid(g)
    if w.plain:
        matrix = weight.reshape(w.groups, len(weight) // w.groups, -1).swapaxes(1, 2)
        _multiply(steps, w, g, matrix, gx, bias)
        return
    filters = len(weight) // w.groups
    wasted = filters * (prod(w.size[:-1]) / prod(w.out[:-1]) - 1)       # multiplications; 14 cost as much as to add up an element
    many = len(g) * prod(w.out) > 5 * filters       # enough positions to pay for a flipped copy of the weight
    shifts = prod(w.kernel[:-1]) > 1 and all(s == 1 for s in w.stride[:-1]) and many and wasted < 14
    make = (_Shifted if shifts else _Scattered)(steps, w, weight, gx.shape[1])
    for block, fresh in _blocks(steps, w, gx.shape[1], g.shape[1], len(g)):
        target = view = block.view(gx)
        if block.side:
            target = block.scratch(0, gx.dtype, gx.shape[1], *w.size)
        _add_up(block, target, make(block, g, fresh))
        if bias is not None:
            block.step(np.add, target, bias.reshape(-1, *(1 for _ in w.size), 1), target)
        if target is not view:
            block.step(np.copyto, view, target)


def _add_up(block: _Block, target: np.ndarray, parts: list) -> None:
    """target = the sum of `parts`, (where in target, array) each. One that covers everything goes first: it saves zeros."""
    parts = [(target[at], part) for at, part in parts]
    whole = next((p for p in parts if p[0].shape == target.shape), None)
    if whole:
        block.step(np.copyto, *whole)
    else:
        block.step(target.fill, 0)
    for at, part in parts:
        if not whole or part is not whole[1]:
            block.step(np.add, at, part, at)


def _landings(w: Windows, axes: range, offset: tuple) -> tuple[tuple, tuple]:
    """(where the windows' elements at `offset` belong, of which windows there are any) along those axes."""
    lands = [w.landing(axis, i) for axis, i in zip(axes, offset)]
    return tuple(at for _, at in lands), tuple(outs for outs, _ in lands)


class _Scattered:
    """Input gradient for any stride: the gradients of all columns, each added where it was taken from. Where all but the last stride
    are 1, they are added up over those axes first, in long runs."""

    def __init__(self, steps: Steps, w: Windows, weight, channels: int):
        self.w, self.channels = w, channels
        self.matrix = weight.reshape(w.groups, len(weight) // w.groups, -1).swapaxes(1, 2)

    def __call__(self, block: _Block, g, fresh: bool) -> list:
        w, channels, last = self.w, self.channels, len(self.w.size) - 1
        columns = block.scratch(1, g.dtype, channels, *w.kernel, *w.out)
        gs = block.solid(2, g).reshape(block.b, w.groups, self.matrix.shape[2], -1)
        block.product(self.matrix, gs, columns.reshape(block.b, w.groups, self.matrix.shape[1], -1))
        axes, none = range(last + 1), (slice(None),) * 2
        if prod(w.kernel[:-1]) == 1 or any(s > 1 for s in w.stride[:-1]):
            lands = [(offset, *_landings(w, axes, offset)) for offset in np.ndindex(*w.kernel)]
            return [((*none, *at), columns[(*none, *offset, *outs)]) for offset, at, outs in lands]
        narrow = block.scratch(3, g.dtype, channels, w.kernel[-1], *w.size[:-1], w.out[-1])
        lands = [(offset, *_landings(w, axes[:-1], offset)) for offset in np.ndindex(*w.kernel[:-1])]
        _add_up(block, narrow, [((*none, slice(None), *at), columns[(*none, *offset, slice(None), *outs)]) for offset, at, outs in lands])
        return _last_axis(w, narrow)


def _last_axis(w: Windows, narrow: np.ndarray) -> list:
    """Where the narrow images (b, C, kernel[-1], *size[:-1], out[-1], m) belong."""
    lands = [w.landing(len(w.size) - 1, j) for j in range(w.kernel[-1])]
    return [((..., at, slice(None)), narrow[:, :, j, ..., outs, :]) for j, (outs, at) in enumerate(lands)]


class _Shifted:
    """Input gradient where all but the last stride are 1: over those axes it is a convolution with the flipped kernel, which
    makes narrow images, one per offset in the last kernel axis; only they are added where they belong."""

    def __init__(self, steps: Steps, w: Windows, weight, channels: int):
        self.w, self.channels = w, channels
        lead = len(w.kernel) - 1
        kernels = weight.reshape(w.groups, len(weight) // w.groups, channels // w.groups, *w.kernel)
        kernels = kernels[(slice(None),) * 3 + (slice(None, None, -1),) * lead].transpose(0, 2, 3 + lead, 1, *range(3, 3 + lead))
        flipped = steps.own(kernels.shape, weight.dtype)
        steps.first.append((np.copyto, (flipped, kernels)))
        self.matrix = flipped.reshape(w.groups, channels // w.groups * w.kernel[-1], -1)
        self.reach = tuple(d * (k - 1) for d, k in zip(w.dilate, w.kernel[:-1]))
        self.source, self.target = [], []
        for n, o, r, p in zip(w.size, w.out, self.reach, w.pad):
            lo, hi = max(0, p - r), min(o, n + p)
            self.source.append(slice(lo, max(lo, hi)))
            self.target.append(slice(lo + r - p, max(lo, hi) + r - p))

    def __call__(self, block: _Block, g, fresh: bool) -> list:
        w, filters, last = self.w, g.shape[1], len(self.w.size) - 1
        margin = block.scratch(1, g.dtype, filters, *(n + r for n, r in zip(w.size, self.reach)), w.out[-1])
        if fresh:
            block.step(margin.fill, 0)
        block.step(np.copyto, margin[(slice(None), slice(None), *self.target)], block.view(g)[(slice(None), slice(None), *self.source)])
        columns = block.scratch(2, g.dtype, filters, *w.kernel[:-1], *w.size[:-1], w.out[-1])
        n0, n1, *space = margin.strides
        offsets, moves = _shifts(space[:last], w.dilate, w.stride)
        block.step(np.copyto, columns, as_strided(margin, columns.shape, (n0, n1, *offsets, *moves, *space[last:])))
        images = block.scratch(3, g.dtype, self.channels, w.kernel[-1], *w.size[:-1], w.out[-1])
        block.product(self.matrix, columns.reshape(block.b, w.groups, self.matrix.shape[2], -1),
                      images.reshape(block.b, w.groups, self.matrix.shape[1], -1))
        return _last_axis(w, images)
