"""The arithmetic of convolutions: windows become columns of matrices, so that BLAS computes the products.

Notation of shapes: n samples, C input channels, F filters, G groups; `size` and `out` are the spatial axes of
input and output.

Columns hold the input's value for every channel, every kernel offset and every output position. Long columns
are expensive: they must be written, and BLAS copies its operands again. So the kernel's axes are divided
(`_Cut`). Only the inner ones are written out as columns. For the outer ones, along which windows move by
single positions, one product is made for every offset, and the products are added up, shifted by whole rows.
The three products are
    out     = sum over outer offsets of  matrix @ columns
    input   = sum over inner offsets of  matrix transposed @ slopes
    matrix' = columns @ slopes transposed
of the weight as matrix (F, outer kernel; C, inner kernel), columns (C, inner kernel; grid), and slopes (F,
outer kernel; grid), the gradient of `out`. The grid has the input's outer axes and the output's inner ones.

Samples are processed in blocks that fit into the cache; blocks are distributed over the threads. A block of b
* m samples has the layout (b, channels, *space, m): samples either one after the other (m = 1), or side by
side as the innermost axis (b = 1). Strided copies take a few nanoseconds per contiguous run of elements,
however long it is. Side by side, every run has at least m elements, but input and output must be transposed:
that pays for small images. One after the other, columns over several kernel axes are written in two stages.
First, for each offset along the last kernel axis, the values that windows have at that offset become a
narrower image of width `out[-1]`. In that image the other kernel axes are shifts by whole rows, so that runs
are long again.

The functions append calls to `Steps`; nothing is computed yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from mxr.ops.kernels.steps import Lane, Steps
from mxr.runtime import costs


@dataclass(frozen=True)
class Windows:
    """The positions of the windows: output position o reads the input positions `o * stride + i * dilate -
    pad` for i in range(kernel), along each axis."""

    size: tuple
    out: tuple
    kernel: tuple
    stride: tuple
    dilate: tuple
    pad: tuple
    groups: int = 1

    @property
    def padded(self) -> tuple:
        """The spatial size of the input with its padding; larger if windows reach beyond that."""
        return tuple(
            max(n + 2 * p, s * (o - 1) + d * (k - 1) + 1)
            for n, p, s, o, d, k in zip(self.size, self.pad, self.stride, self.out, self.dilate, self.kernel)
        )

    @property
    def plain(self) -> bool:
        """Whether the columns are the input itself: a 1 x 1 kernel at every position."""
        return prod(self.kernel) == 1 and self.size == self.out and not any(self.pad)

    def landing(self, axis: int, i: int) -> tuple[slice, slice]:
        """For kernel offset i along an axis: (the output positions whose window has an input at that offset,
        the positions of these inputs)."""
        s, first = self.stride[axis], i * self.dilate[axis] - self.pad[axis]
        lo = max(0, -(first // s))
        hi = max(lo, min(self.out[axis], -(-(self.size[axis] - first) // s)))
        return slice(lo, hi), slice(
            first + lo * s, first + (hi - 1) * s + 1 if hi > lo else first + lo * s, s
        )


# ------------------------------------------------------------------------------------------ blocks of samples


class _Block:
    """Some samples in a lane, and their layout. `fresh`: the lane's first block of this size, whose scratch
    memory has no zeros yet."""

    def __init__(self, lane: Lane, start: int, stop: int, side: bool, fresh: bool):
        self.lane, self.step, self.side, self.fresh = lane, lane.step, side, fresh
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
        """The block of a contiguous `a`, contiguous: a copy if the samples are side by side."""
        part = self.view(a)
        if self.side:
            part = self.scratch(slot, a.dtype, *part.shape[1:-1])
            self.step(np.copyto, part, self.view(a))
        return part

    def product(self, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        """Append `np.matmul(a, b, out)`, without leading axes of length one, which take as long as a small
        product. If the inner dimension is 1, append `np.multiply`, which is ten times faster than BLAS
        there."""
        if a.shape[-1] == 1:
            self.step(np.multiply, a, b, out)
            return
        while out.ndim > 2 and out.shape[0] == 1:
            a, b, out = (x[0] if x.ndim == out.ndim else x for x in (a, b, out))
        self.step(np.matmul, a, b, out)

    def add_up(self, target: np.ndarray, parts: list, bias=None, apart: bool = False) -> None:
        """target = the sum of `parts`, (index in target, array) each, and bias. A part that covers the whole
        target comes first, so that the target need not be filled with zeros. `apart`: no two parts
        overlap."""
        parts = [(target[at], part) for at, part in parts]
        parts.sort(key=lambda p: p[0].shape != target.shape)
        first = parts if apart else parts[:1]  # these are stored, the others are added
        if not first or sum(at.size for at, _ in first) < target.size:
            first = first if apart else []
            self.step(np.copyto, target, 0 if bias is None else bias)
        for at, part in first:
            self.step(*((np.copyto, at, part) if bias is None else (np.add, part, bias, at)))
        for at, part in parts[len(first) :]:
            self.step(np.add, at, part, at)


def _blocks(steps: Steps, cut: _Cut, n: int, products: int) -> Iterator[_Block]:
    """The blocks of n samples, for that number of products.

    Samples are side by side if that saves more time in copies than the transposition costs, or if there are
    more filters than output positions: then the products of single samples would be larger than their
    operands.
    """
    w, length = cut.w, prod(cut.w.out)
    columns = cut.channels * prod(w.kernel) * length
    most = max(
        1,
        costs.COLUMNS_BLOCK
        // (prod(cut.grid) * (cut.channels * prod(cut.inner) + cut.filters * prod(cut.outer))),
    )
    time = products * columns * (costs.COLUMN_NS + costs.COLUMN_FILTER_NS * cut.filters / w.groups)
    for lane, first, last in steps.ranges(n, time):
        count = -(-(last - first) // most)
        size, larger = divmod(last - first, count)
        transposed = cut.channels * prod(w.size) + cut.filters * length
        side = size > 1 and (
            cut.filters > length * w.groups
            or costs.COPY_RUN_ELEMENTS * _saved_runs(w, cut.channels, size) > transposed
        )
        for i in range(count):
            stop = first + size + (i < larger)
            yield _Block(lane, first, stop, side, i in (0, larger))
            first = stop


def _saved_runs(w: Windows, channels: int, samples: int) -> float:
    """How many contiguous runs fewer the columns of a sample have if the samples of a block are side by
    side."""
    if w.plain:
        return 0
    in_rows = any(s > 1 for s in w.stride[:-1])
    apart = w.kernel[-1] * prod(w.padded[:-1]) + prod(w.kernel) * (prod(w.out[:-1]) if in_rows else 1)
    beside = prod(w.kernel) * prod(w.out[:-1] if w.stride[-1] == 1 else w.out) / samples
    return channels * (apart - beside)


def _shifts(strides: Sequence[int], dilate: tuple, stride: tuple) -> tuple[tuple, tuple]:
    """The strides in memory from one kernel offset to the next, and from one window to the next."""
    return tuple(s * d for s, d in zip(strides, dilate)), tuple(s * t for s, t in zip(strides, stride))


# --------------------------------------------------------------------------------------------- the operations


def convolve(
    steps: Steps, w: Windows, weight, *, x=None, g=None, out=None, gx=None, gw=None, bias=None
) -> None:
    """Append the products of a convolution whose result arrays are given: out (n, F, *out) from x (n, C,
    *size) and weight (F, C/G, *kernel); gx (n, C, *size), the gradient of x, from g (n, F, *out) and weight;
    gw, the gradient of the weight, from x and g. Only one of out and gx may be given; `bias` is added to it
    (gx is the output of a deconvolution)."""
    products = sum(a is not None for a in (out, gx, gw))
    if not products:
        return
    samples = len(g if x is None else x)
    cut = _Cut(w, weight.shape[1] * w.groups, len(weight), gx is not None)
    matrix = None if out is None and gx is None else cut.matrix(steps, weight)
    g = None if g is None else steps.solid(g)
    if x is not None and cut.direct:
        x = steps.solid(x)
    total = None if gw is None else _WeightGradient(steps, cut, gw, samples * prod(w.out))
    for block in _blocks(steps, cut, samples, products):
        columns = None if out is None and gw is None else cut.columns(block, x)
        slopes = None if gx is None and gw is None else cut.slopes(block, g)
        if total is not None:
            total.add(block, columns, slopes)
        if out is not None:
            cut.make_out(block, matrix, columns, out, bias)
        if gx is not None:
            cut.make_input(block, matrix, slopes, gx, bias)
    if total is not None:
        total.finish()


def bias_gradient(steps: Steps, g, gb) -> None:
    """Append the gradient of the bias: the sums of g (n, F, *out) over samples and positions, computed as
    products with ones, which is the fastest way."""
    rows = steps.solid(g).reshape(len(g) * len(gb), -1)
    sums, ones = steps.own((len(g), len(gb)), g.dtype), np.ones(max(len(g), rows.shape[1]), g.dtype)
    for lane, a, b in steps.ranges(len(rows), rows.shape[1] * costs.SUM_NS):
        lane.step(np.matmul, rows[a:b], ones[: rows.shape[1]], sums.reshape(-1)[a:b])
    steps.last.append((np.matmul, (ones[: len(g)], sums, gb)))


class _Cut:
    """The division of the kernel's axes: columns are written out for the inner ones, products are added up
    over the outer ones. `back`: the products make the input. Then a kernel of one row is all outer, so that
    no sums over inner offsets are needed."""

    def __init__(self, w: Windows, channels: int, filters: int, back: bool):
        self.w, self.channels, self.filters = w, channels, filters
        lead = len(w.kernel) - 1
        self.outers = lead if all(s == 1 for s in w.stride[:lead]) and self._pays(lead) else 0
        if (
            back
            and prod(w.kernel[:lead]) == 1
            and all(s == 1 for s in w.stride)
            and prod(w.size) < costs.GRID_EXCESS * prod(w.out)
        ):
            self.outers = lead + 1
        self.direct = w.plain or self.outers > lead  # whether the columns are the input itself
        self.outer, self.inner = w.kernel[: self.outers], w.kernel[self.outers :]
        self.grid = w.size[: self.outers] + w.out[self.outers :]
        # whether products must be added up, or moved, to make the output
        self.adds = prod(self.outer) > 1 or self.grid != w.out

    def _pays(self, lead: int) -> bool:
        """Whether `lead` outer axes are less work than none. To write an element of columns or slopes, and to
        copy it in BLAS, takes as long as `costs.COLUMN_MULTIPLICATIONS` multiplications. With outer axes
        there are fewer of them, but the grid is larger than the output."""
        w = self.w
        channels, filters = self.channels // w.groups, self.filters // w.groups
        larger = prod(w.size[:lead]) / prod(w.out[:lead])
        whole, all_outers = channels * prod(w.kernel), filters * prod(w.kernel[:lead])
        return (
            larger * (channels * w.kernel[-1] + all_outers)
            + (larger - 1) * whole * filters / costs.COLUMN_MULTIPLICATIONS
            <= whole + filters
        )

    def matrix(self, steps: Steps, weight) -> np.ndarray:
        """The weight (F, C/G, *kernel) as (G, F/G * outer kernel, C/G * inner kernel)."""
        if prod(self.outer) > 1:
            shape = (self.filters, *self.outer, self.channels // self.w.groups, *self.inner)
            turned = steps.own(shape, weight.dtype)
            steps.first += _by_offset(len(self.w.kernel), np.moveaxis(turned, self.outers + 1, 1), weight)
            weight = turned
        return steps.solid(weight).reshape(
            self.w.groups, self.filters // self.w.groups * prod(self.outer), -1
        )

    def as_matrices(self, block: _Block, a: np.ndarray) -> np.ndarray:
        """Columns, slopes or products (b, channels or filters, *kernel, *grid, m) as (b, G, rows,
        grid * m)."""
        return a.reshape(block.b, self.w.groups, -1, prod(self.grid) * block.m)

    def columns(self, block: _Block, x) -> np.ndarray:
        """The columns (b, C, *inner, *grid, m) of the block of x. Uses slots 0 to 2."""
        w, outers, channels = self.w, self.outers, self.channels
        if self.direct:
            return block.solid(0, x)
        image = block.view(x)
        padded, pad = w.size[:outers] + w.padded[outers:], (0,) * outers + w.pad[outers:]
        if padded != w.size or block.side:
            image = block.scratch(1, x.dtype, channels, *padded)
            if block.fresh and padded != w.size:
                block.step(image.fill, 0)
            inside = tuple(slice(p, p + n) for p, n in zip(pad, w.size))
            block.step(np.copyto, image[(slice(None), slice(None), *inside)], block.view(x))
        dilate, stride = w.dilate, w.stride
        n0, n1, *space, last = image.strides
        offsets, moves = _shifts(space, dilate, stride)
        if not block.side and prod(self.inner[:-1]) > 1 and padded[-1] > w.out[-1]:
            # the narrower images, as (b, C, kernel[-1], *padded[:-1], out[-1], 1)
            narrow = block.scratch(2, x.dtype, channels, w.kernel[-1], *padded[:-1], w.out[-1])
            block.step(
                np.copyto,
                narrow,
                as_strided(image, narrow.shape, (n0, n1, offsets[-1], *space[:-1], moves[-1], last)),
            )
            image = narrow
            n0, n1, offset, *space, last = narrow.strides
            offsets, moves = _shifts(space[:-1], dilate, stride)
            offsets, moves = (*offsets, offset), (*moves, space[-1])
        columns = block.scratch(0, x.dtype, channels, *self.inner, *self.grid)
        block.step(
            np.copyto, columns, as_strided(image, columns.shape, (n0, n1, *offsets[outers:], *moves, last))
        )
        return columns

    def slopes(self, block: _Block, g) -> np.ndarray:
        """The block of g as (b, F, *outer, *grid, m): for each outer offset, g at the grid positions that the
        windows have there, else 0. Uses slots 3 and 4."""
        g = block.solid(3, g)
        if not self.adds:
            return g
        slopes = block.scratch(4, g.dtype, self.filters, *self.outer, *self.grid)
        if block.fresh:
            block.step(slopes.fill, 0)
        for offset in np.ndindex(*self.outer):
            at, outs = _landings(self.w, range(self.outers), offset)
            block.step(np.copyto, slopes[(*_BOTH, *offset, *at)], g[(*_BOTH, *outs)])
        return slopes

    def make_out(self, block: _Block, matrix, columns, out, bias) -> None:
        """out = the products of matrix and columns, added up over the outer axes. Uses slot 5, and slot 2,
        whose content is no longer needed. (Not slot 4: its zeros must stay for the next block.)"""
        target, view = self._target(block, out)
        products = block.scratch(2, out.dtype, self.filters, *self.outer, *self.grid) if self.adds else target
        block.product(matrix, self.as_matrices(block, columns), self.as_matrices(block, products))
        bias = None if bias is None else bias.reshape(-1, *(1 for _ in self.w.out), 1)
        if self.adds:
            lands = [
                (offset, *_landings(self.w, range(self.outers), offset)) for offset in np.ndindex(*self.outer)
            ]
            block.add_up(
                target,
                [((*_BOTH, *outs), products[(*_BOTH, *offset, *at)]) for offset, at, outs in lands],
                bias,
            )
        elif bias is not None:
            block.step(np.add, target, bias, target)
        if target is not view:
            block.step(np.copyto, view, target)

    def make_input(self, block: _Block, matrix, slopes, gx, bias) -> None:
        """gx = the products of matrix and slopes, which are gradients of the columns, added up at the
        positions that the columns were read from. Sums over the axes before the last come first, if their
        strides are 1: they have long runs. Uses slots 2 and 5, and slot 0, whose columns are no longer
        needed."""
        w, outers, last = self.w, self.outers, len(self.w.size) - 1
        target, view = self._target(block, gx)
        products = (
            target if self.direct else block.scratch(0, gx.dtype, self.channels, *self.inner, *self.grid)
        )
        block.product(
            matrix.swapaxes(1, 2), self.as_matrices(block, slopes), self.as_matrices(block, products)
        )
        bias = None if bias is None else bias.reshape(-1, *(1 for _ in w.out), 1)
        if self.direct:
            if bias is not None:
                block.step(np.add, target, bias, target)
        else:
            axes = range(outers, last + 1)
            if prod(self.inner[:-1]) > 1 and all(s == 1 for s in w.stride[:-1]):
                narrow = block.scratch(2, gx.dtype, self.channels, w.kernel[-1], *w.size[:-1], w.out[-1])
                lands = [
                    (offset, *_landings(w, axes[:-1], offset)) for offset in np.ndindex(*self.inner[:-1])
                ]
                block.add_up(
                    narrow,
                    [
                        ((*_BOTH, slice(None), *at), products[(*_BOTH, *offset, slice(None), *outs)])
                        for offset, at, outs in lands
                    ],
                )
                products, axes = narrow, axes[-1:]
            if len(axes) == 1 and w.stride[-1] == 1 and w.out[-1] == w.size[-1]:
                bias = None if bias is None else bias.reshape(-1, 1)
                block.add_up(target.reshape(*target.shape[:2], -1), self._whole_rows(block, products), bias)
            else:
                rest, apart = (
                    (slice(None),) * axes[0],
                    all(w.stride[a] > w.dilate[a] * (w.kernel[a] - 1) for a in axes),
                )
                lands = [
                    (offset, *_landings(w, axes, offset))
                    for offset in np.ndindex(*(w.kernel[a] for a in axes))
                ]
                block.add_up(
                    target,
                    [
                        ((*_BOTH, *rest, *at), products[(*_BOTH, *offset, *rest, *outs)])
                        for offset, at, outs in lands
                    ],
                    bias,
                    apart,
                )
        if target is not view:
            block.step(np.copyto, view, target)

    def _whole_rows(self, block: _Block, products) -> list:
        """The products over the last axis as parts for `add_up`: shifted flat images, which have long runs.
        Products that would land in the next row are set to zero."""
        w, parts = self.w, []
        for j in range(w.kernel[-1]):
            shift, part = j * w.dilate[-1] - w.pad[-1], products[:, :, j]
            if abs(shift) >= w.size[-1]:
                continue
            if shift:
                block.step(part[..., :-shift, :].fill if shift < 0 else part[..., -shift:, :].fill, 0)
            flat, ends = part.reshape(*part.shape[:2], -1), abs(shift) * block.m
            early, late = slice(None, flat.shape[2] - ends), slice(ends, None)
            at, source = (late, early) if shift > 0 else (early, late)
            parts.append(((*_BOTH, at), flat[(*_BOTH, source)]))
        return parts

    def _target(self, block: _Block, a) -> tuple[np.ndarray, np.ndarray]:
        """(contiguous memory for the block of a result, the block itself); both are the same if the block is
        contiguous."""
        view = block.view(a)
        return (view if view.flags.c_contiguous else block.scratch(5, a.dtype, *view.shape[1:-1])), view


def _by_offset(nd: int, out: np.ndarray, a: np.ndarray) -> list:
    """The calls that copy a weight (..., channels, nd kernel axes) to `out`, a view of another layout: one
    call per kernel offset if there are fewer offsets than channels, else one call."""
    channels, *kernel = out.shape[-1 - nd :]
    if prod(kernel) > channels:
        return [(np.copyto, (out, a))]
    return [(np.copyto, (out[(..., *offset)], a[(..., *offset)])) for offset in np.ndindex(*kernel)]


_BOTH = (slice(None),) * 2


def _landings(w: Windows, axes: range, offset: tuple) -> tuple[tuple, tuple]:
    """(the input positions at kernel offset `offset`, the output positions of their windows) along those
    axes."""
    lands = [w.landing(axis, i) for axis, i in zip(axes, offset)]
    return tuple(at for _, at in lands), tuple(outs for outs, _ in lands)


class _WeightGradient:
    """The sum of columns times slopes over samples and positions: for each lane, then over the lanes. BLAS is
    faster if the longer matrix comes first, and fastest if the result's rows are whole panels. `flipped`:
    columns come first; for many positions that is worth the transposition of the sum at the end."""

    def __init__(self, steps: Steps, cut: _Cut, gw, positions: int):
        self.steps, self.cut, self.gw = steps, cut, gw
        rows, others = cut.channels * prod(cut.inner), cut.filters * prod(cut.outer)
        self.flipped = positions > costs.FLIPPED_POSITIONS and (
            rows > others or rows // cut.w.groups % costs.BLAS_PANEL > 0
        )
        self.sums: dict[Lane, np.ndarray] = {}

    def add(self, block: _Block, columns, slopes) -> None:
        """The products of a block. Uses slots 6 and 7."""
        columns, slopes = (self.cut.as_matrices(block, a) for a in (columns, slopes))
        left, right = (columns, slopes) if self.flipped else (slopes, columns)
        shape, lane = (left.shape[1], left.shape[2], right.shape[2]), block.lane
        first = lane not in self.sums
        if first:
            self.sums[lane] = self.steps.own(shape, self.gw.dtype)
        total = self.sums[lane]
        part = total if first else lane.scratch(6, shape, total.dtype)
        if block.b == 1:
            block.product(left, right.swapaxes(2, 3), part[None])
        else:
            products = lane.scratch(7, (block.b, *shape), total.dtype)
            block.product(left, right.swapaxes(2, 3), products)
            block.step(np.add.reduce, products, 0, None, part)
        if not first:
            block.step(np.add, total, part, total)

    def finish(self) -> None:
        """The sum of all lanes, as (F, C/G, *kernel)."""
        cut, groups, totals = self.cut, self.cut.w.groups, list(self.sums.values())
        for total in totals[1:]:
            self.steps.last.append((np.add, (totals[0], total, totals[0])))
        channels, filters = (cut.channels // groups, *cut.inner), (cut.filters // groups, *cut.outer)
        total = totals[0].reshape(groups, *(channels + filters if self.flipped else filters + channels))
        if self.flipped:
            total = np.moveaxis(total, range(1, 1 + len(channels)), range(-len(channels), 0))
        total = np.moveaxis(total, 1 + len(filters), 2)  # (G, F/G, C/G, *kernel)
        result = self.gw.reshape(total.shape)
        self.steps.last += _by_offset(len(cut.w.kernel), result, total)
