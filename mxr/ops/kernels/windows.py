"""The arithmetic of convolutions: windows as the columns of matrices, so that BLAS does the work.

Notation of shapes: n samples, C input channels, F filters, G groups; `size` and `out` are the spatial axes of
input and output.

Columns hold, for every position and every offset in the kernel, the channels that the offset shows there.
Only the inner kernel axes need to be laid out before a product: BLAS packs its operands, so long columns cost
more than they look. Over the outer ones, where windows move by single steps, products are made for every
offset, and added up shifted by whole rows (`_Cut`). The three products are
    out     = sum over outer offsets of  matrix @ columns
    input   = sum over inner offsets of  matrix transposed @ slopes
    matrix' = columns @ slopes transposed
of matrix (F, outer kernel; C, inner kernel), columns (C, inner kernel; grid), slopes (F, outer kernel; grid),
on a grid that has the input's outer axes and the output's inner ones.

Samples go in blocks small enough for the cache, blocks are spread over the threads. A block is laid out as
(b, channels, *space, m), of b * m samples: one after the other (m = 1), or side by side, innermost (b = 1).
Strided copies cost a few nanoseconds per contiguous run, whatever its length. Side by side, every run is at
least m long, but input and output must be transposed; that pays where images are small. One after the other,
columns over several axes are made in two stages: for each offset in the last kernel axis, the values that any
window has at that offset become a narrower image, `out[-1]` wide; in that image the other kernel axes are
shifts by whole rows, so that runs are long again.

The functions add to `Steps` what is to be done; nothing is computed yet.
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
    """Where the windows lie: output position o covers input positions `o * stride + i * dilate - pad` for i
    in the kernel."""

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
        return tuple(
            max(n + 2 * p, s * (o - 1) + d * (k - 1) + 1)
            for n, p, s, o, d, k in zip(self.size, self.pad, self.stride, self.out, self.dilate, self.kernel)
        )

    @property
    def plain(self) -> bool:
        """Whether the columns are the input itself: a 1 x 1 kernel that visits every position."""
        return prod(self.kernel) == 1 and self.size == self.out and not any(self.pad)

    def landing(self, axis: int, i: int) -> tuple[slice, slice]:
        """Along an axis, for kernel offset i: the outputs whose window has an input there, and those
        inputs."""
        s, first = self.stride[axis], i * self.dilate[axis] - self.pad[axis]
        lo = max(0, -(first // s))
        hi = max(lo, min(self.out[axis], -(-(self.size[axis] - first) // s)))
        return slice(lo, hi), slice(
            first + lo * s, first + (hi - 1) * s + 1 if hi > lo else first + lo * s, s
        )


# ------------------------------------------------------------------------------------------ blocks of samples


class _Block:
    """Some samples in a lane, and how they are laid out. `fresh`: the first of its shape in its lane."""

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
        """The block of contiguous `a` in contiguous memory: a copy if the samples lie side by side."""
        part = self.view(a)
        if self.side:
            part = self.scratch(slot, a.dtype, *part.shape[1:-1])
            self.step(np.copyto, part, self.view(a))
        return part

    def product(self, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        """A step `np.matmul(a, b, out)`, without leading axes of length one: they cost as much as a small
        product. Where one number is multiplied with another, that is all: BLAS takes ten times as long for
        it."""
        if a.shape[-1] == 1:
            self.step(np.multiply, a, b, out)
            return
        while out.ndim > 2 and out.shape[0] == 1:
            a, b, out = (x[0] if x.ndim == out.ndim else x for x in (a, b, out))
        self.step(np.matmul, a, b, out)

    def add_up(self, target: np.ndarray, parts: list, bias=None, apart: bool = False) -> None:
        """target = the sum of `parts`, (where in target, array) each, and bias. One that covers everything
        goes first: it saves zeros. `apart`: no two parts meet."""
        parts = [(target[at], part) for at, part in parts]
        parts.sort(key=lambda p: p[0].shape != target.shape)
        first = parts if apart else parts[:1]  # these are stored, not added
        if not first or sum(at.size for at, _ in first) < target.size:
            first = first if apart else []
            self.step(np.copyto, target, 0 if bias is None else bias)
        for at, part in first:
            self.step(*((np.copyto, at, part) if bias is None else (np.add, part, bias, at)))
        for at, part in parts[len(first) :]:
            self.step(np.add, at, part, at)


def _blocks(steps: Steps, cut: _Cut, n: int, products: int) -> Iterator[_Block]:
    """The blocks of n samples, for so many products.

    With more filters than positions, the products of single samples would be larger than what they are made
    of.
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
    """How many fewer contiguous runs a sample's columns are copied in if the samples of a block lie side by
    side."""
    if w.plain:
        return 0
    in_rows = any(s > 1 for s in w.stride[:-1])
    apart = w.kernel[-1] * prod(w.padded[:-1]) + prod(w.kernel) * (prod(w.out[:-1]) if in_rows else 1)
    beside = prod(w.kernel) * prod(w.out[:-1] if w.stride[-1] == 1 else w.out) / samples
    return channels * (apart - beside)


def _shifts(strides: Sequence[int], dilate: tuple, stride: tuple) -> tuple[tuple, tuple]:
    """How far a step in the kernel, and one from window to window, is in memory."""
    return tuple(s * d for s, d in zip(strides, dilate)), tuple(s * t for s, t in zip(strides, stride))


# --------------------------------------------------------------------------------------------- the operations


def convolve(
    steps: Steps, w: Windows, weight, *, x=None, g=None, out=None, gx=None, gw=None, bias=None
) -> None:
    """Those products of a convolution whose results are given. x (n, C, *size) and weight (F, C/G, *kernel)
    make out (n, F, *out); g (n, F, *out) and weight make gx (n, C, *size), the gradient of x; x and g make
    gw, the gradient of the weight. `bias` is added to out or gx, of which only one can be made at once; gx is
    the output of a deconvolution."""
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
    """The gradient of the bias: sums of g (n, F, *out) over samples and positions. Products with ones are the
    fastest sums."""
    rows = steps.solid(g).reshape(len(g) * len(gb), -1)
    sums, ones = steps.own((len(g), len(gb)), g.dtype), np.ones(max(len(g), rows.shape[1]), g.dtype)
    for lane, a, b in steps.ranges(len(rows), rows.shape[1] * costs.SUM_NS):
        lane.step(np.matmul, rows[a:b], ones[: rows.shape[1]], sums.reshape(-1)[a:b])
    steps.last.append((np.matmul, (ones[: len(g)], sums, gb)))


class _Cut:
    """The kernel's axes in two parts: over the inner ones columns are laid out, over the outer ones products
    are added up. `back`: the input is what is made. If the kernel is one row, it is all outer then: nothing
    is left to add up."""

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
        """Whether so many outer axes are less work than none: to lay out, and to pack for BLAS, an element of
        the columns or slopes costs about as much as 30 multiplications. The grid may be larger than the
        output."""
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
        """The block of g, as (b, F, *outer, *grid, m): where in the grid each outer offset of the windows
        lies. Uses slots 3 and 4."""
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
        """out = the products of matrix and columns, added up over the outer axes. Uses slot 5, and 2, which
        columns leave free. (The zeros around slopes must stay for the next block.)"""
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
        """gx = the products of matrix and slopes: gradients of the columns, each added where it was taken
        from. Over axes before the last whose strides are 1 they are added up first, in long runs. Uses slots
        2 and 5, and 0: columns are no longer needed."""
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
        """Where the products over the last axis belong, as parts of images without their edges: long runs.
        What would get into the next row is set to zero."""
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
        """(contiguous memory for the block of a result, where it belongs): the same if it can be."""
        view = block.view(a)
        return (view if view.flags.c_contiguous else block.scratch(5, a.dtype, *view.shape[1:-1])), view


def _by_offset(nd: int, out: np.ndarray, a: np.ndarray) -> list:
    """The calls that copy one weight (..., channels, nd kernel axes) to another that is arranged otherwise:
    one for each offset if those have fewer elements in a row than there are channels."""
    channels, *kernel = out.shape[-1 - nd :]
    if prod(kernel) > channels:
        return [(np.copyto, (out, a))]
    return [(np.copyto, (out[(..., *offset)], a[(..., *offset)])) for offset in np.ndindex(*kernel)]


_BOTH = (slice(None),) * 2


def _landings(w: Windows, axes: range, offset: tuple) -> tuple[tuple, tuple]:
    """(where the windows' elements at `offset` belong, of which windows there are any) along those axes."""
    lands = [w.landing(axis, i) for axis, i in zip(axes, offset)]
    return tuple(at for _, at in lands), tuple(outs for outs, _ in lands)


class _WeightGradient:
    """Sums over samples and positions of columns times slopes: for each lane, then of all lanes. BLAS is
    faster with the longer matrix first, and best with rows of whole panels in the result; `flipped`, columns
    first, pays for turning the sum in the end where there are many positions."""

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
