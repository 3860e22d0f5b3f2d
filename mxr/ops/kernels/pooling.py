"""The arithmetic of pooling: windows are reduced to one number each; gradients go back to the windows'
inputs.

Arrays are (images, *spatial, channels). Unless channels are the data's last axis, every channel of every
sample is one image, and channels = 1. The functions append calls to a lane; nothing is computed yet.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from math import prod

import numpy as np

from mxr.ops.kernels.steps import Lane, Steps
from mxr.ops.kernels.windows import Windows
from mxr.runtime import costs
from mxr.runtime.memory import shared


def _pick(axis: int, at: slice) -> tuple:
    return (slice(None),) * (axis + 1) + (at,)


def blocks(steps: Steps, x: np.ndarray, nanoseconds: float) -> Iterator[tuple[Lane, slice]]:
    """(lane, range of images) for blocks of images. `nanoseconds`: the time per element, roughly."""
    elements = max(1, prod(x.shape[1:]))
    most = max(1, costs.POOL_BLOCK // elements)
    for lane, start, stop in steps.ranges(len(x), elements * nanoseconds):
        for at in range(start, stop, most):
            yield lane, slice(at, min(at + most, stop))


def reduce(lane: Lane, ufunc, w: Windows, x, out, start) -> None:
    """out = the windows of x, reduced with `ufunc`, one axis after the other. A window without input gives
    `start`."""
    axes = _reduced(w)
    for axis in axes:
        shape = list(x.shape)
        shape[axis + 1] = w.out[axis]
        y = out if axis == axes[-1] else lane.scratch(axis, shape, x.dtype)
        if axis == len(w.size) - 1 and _in_pairs(w, x):
            # reducing all pairs of neighbours in one contiguous call is faster; every second result is used
            both, row = lane.scratch(len(w.size) + 1, (x.size,), x.dtype), x.reshape(-1)
            lane.step(ufunc, row[:-1], row[1:], both[:-1])
            lane.step(np.copyto, y.reshape(-1).view(np.uint32), both.view(np.uint64), "unsafe")
            return
        lands = [w.landing(axis, i) for i in range(w.kernel[axis])]
        whole = [at for o, at in lands if o.stop - o.start == w.out[axis]]
        parts = [(o, at) for o, at in lands if 0 < o.stop - o.start < w.out[axis]]
        if len(whole) > 1:
            lane.step(ufunc, x[_pick(axis, whole[0])], x[_pick(axis, whole[1])], y)
        elif whole:
            lane.step(np.copyto, y, x[_pick(axis, whole[0])])
        else:
            lane.step(y.fill, start)
        for at in whole[2:]:
            lane.step(ufunc, y, x[_pick(axis, at)], y)
        for o, at in parts:
            lane.step(ufunc, y[_pick(axis, o)], x[_pick(axis, at)], y[_pick(axis, o)])
        x = y


def _reduced(w: Windows) -> list[int]:
    """The axes along which windows are not just the positions of x; at least one axis."""
    axes = range(len(w.size))
    return [a for a in axes if w.kernel[a] > 1 or w.stride[a] > 1 or w.pad[a] or w.out[a] != w.size[a]] or [0]


def _spread_back(lane: Lane, w: Windows, g, gx) -> None:
    """gx = every window's g added to all inputs of the window: the transpose of summing."""
    axes = _reduced(w)
    for axis in reversed(axes):
        shape = list(g.shape)
        shape[axis + 1] = w.size[axis]
        y = gx if axis == axes[0] else lane.scratch(axis, shape, g.dtype)
        lands = [w.landing(axis, i) for i in range(w.kernel[axis])]
        apart = w.stride[axis] >= w.kernel[axis]
        if not apart or sum(o.stop - o.start for o, _ in lands) < w.size[axis]:
            lane.step(y.fill, 0)
        for o, at in lands:
            target, part = y[_pick(axis, at)], g[_pick(axis, o)]
            lane.step(*((np.copyto, target, part) if apart else (np.add, target, part, target)))
        g = y


@shared
def sizes(w: Windows, margins: bool) -> np.ndarray:
    """How many positions each window averages over. Positions in the padding count if `margins`; positions
    beyond it do not count. In MXNet the mean of no positions is 0 with one or two spatial axes, and NaN with
    three."""
    total = np.ones((), np.float32)
    for n, o, k, s, q in zip(w.size, w.out, w.kernel, w.stride, w.pad):
        first = np.arange(o) * s - q
        last = np.minimum(first + k, n + q)
        count = last - first if margins else np.minimum(last, n) - np.maximum(first, 0)
        total = total[..., None] * count.astype(np.float32)
    return (total if len(w.size) > 2 else np.where(total == 0, np.float32(1), total))[..., None]


def largest(lane: Lane, w: Windows, x, y) -> None:
    """y = the maximum of every window, without NaN; the type's lowest number for a window without input."""
    reduce(lane, np.fmax, w, x, y, np.finfo(x.dtype).min if x.dtype.kind == "f" else np.iinfo(x.dtype).min)


def largest_back(lane: Lane, w: Windows, x, y, g, gx) -> None:
    """gx = every window's g, at its first input in C order that equals the maximum; nowhere if all its inputs
    are NaN."""
    apart = all(s >= k for s, k in zip(w.stride, w.kernel))
    if apart and prod(w.kernel) <= costs.POOL_SHARED_OFFSETS:
        _share(lane, w, x, y, g, gx)
        return
    order, missed = _first_hit(lane, w, x, y)
    starts, steps = _starts(w, len(y), y.shape[-1]), _steps(w, y.shape[-1])
    at = lane.scratch(3, y.shape, np.intp)
    lane.step(np.take, steps, order, 0, at, "clip")
    lane.step(np.add, at, starts, at)
    lane.step(gx.fill, 0)
    lane.step(_deliver, gx.reshape(-1), at, g, missed, apart)


def _share(lane: Lane, w: Windows, x, y, g, gx) -> None:
    """`largest_back` for windows that do not overlap, in a few calls per kernel offset: gx is g or zero
    there. The bits of g, as an integer, are multiplied by 1 or 0: an infinite float times zero would be
    NaN."""
    bits = np.dtype(f"i{g.itemsize}")
    g, gx = g.view(bits), gx.view(bits)
    pairs = _in_pairs(w, x)
    kernel = w.kernel[:-1] if pairs else w.kernel
    lands = [
        tuple(zip(*(w.landing(axis, i) for axis, i in enumerate(offset)))) or ((), ())
        for offset in np.ndindex(*kernel)
    ]
    # only offsets at which any window has an input
    lands = [(outs, ats) for outs, ats in lands if all(at.stop > at.start for at in outs)]
    if sum(prod(at.stop - at.start for at in outs) for outs, _ in lands) < prod(w.size[: len(kernel)]):
        lane.step(gx.fill, 0)
    missed = lane.scratch(0, y.shape, bool)
    lane.step(missed.fill, True)
    if pairs:
        y, g = _twice(lane, 1, y), _twice(lane, 2, g)
    for i, (outs, ats) in enumerate(lands):
        outs, ats = (slice(None), *outs), (slice(None), *ats)
        hit = lane.scratch(3, y[outs].shape, bool)
        lane.step(np.equal, x[ats], y[outs], hit)
        found = hit
        if pairs:  # two hits as one 16-bit number: its lowest set bit is the first of them
            found = hit.reshape(*hit.shape[:-2], -1, 2).view(np.int16)
            lowest = lane.scratch(4, found.shape, np.int16)
            lane.step(np.negative, found, lowest)
            lane.step(np.bitwise_and, found, lowest, found)
        if i:
            lane.step(np.multiply, found, missed[outs], found)
        if i < len(lands) - 1:
            lane.step(np.greater, missed[outs], found, missed[outs])
        lane.step(np.multiply, g[outs], hit, gx[ats])


def _in_pairs(w: Windows, x) -> bool:
    """Whether the windows are two positions wide and cover rows of 32-bit numbers without overlap: then two
    numbers can be handled as one of 64 bits."""
    return (
        w.kernel[-1] == w.stride[-1] == 2
        and w.size[-1] == 2 * w.out[-1]
        and not w.pad[-1]
        and x.itemsize == 4
        and x.shape[-1] == 1
        and x.flags.c_contiguous
        and sys.byteorder == "little"
    )


def _twice(lane: Lane, slot: int, a) -> np.ndarray:
    """Every element of `a` (images, *space, 1) twice in a row."""
    wide = lane.scratch(slot, a.shape, np.uint64)
    lane.step(np.copyto, wide, a.view(np.uint32))
    lane.step(np.multiply, wide, np.uint64(1 + (1 << 32)), wide)
    return wide.view(a.dtype).reshape(*a.shape[:-2], -1, 1)


def _deliver(gx, at, g, missed, apart: bool) -> None:
    """gx[at] += g, except where `missed`; `apart`: no position occurs twice, and gx is zero."""
    if missed.any():
        at, g = at[~missed], g[~missed]
    if apart:
        gx[at] = g
    else:
        np.add.at(gx, at.reshape(-1), g.reshape(-1))


def _rows(w: Windows, channels: int) -> np.ndarray:
    """The distance in memory, in elements, from one position to the next along each axis."""
    return np.array([prod(w.size[i + 1 :]) for i in range(len(w.size))]) * channels


def _steps(w: Windows, channels: int) -> np.ndarray:
    """The distance in memory from a window's first input to its input at every kernel offset; last a 0, for
    windows without a hit."""
    return np.append(np.stack(list(np.ndindex(*w.kernel))) @ _rows(w, channels), 0)


@shared
def _starts(w: Windows, images: int, channels: int) -> np.ndarray:
    """The position in memory of every window's first input."""
    rows = _rows(w, channels)
    starts = (np.arange(images) * (prod(w.size) * channels)).reshape(-1, *(1 for _ in w.out), 1) + np.arange(
        channels
    )
    for axis, (o, s, q) in enumerate(zip(w.out, w.stride, w.pad)):
        starts = starts + ((np.arange(o) * s - q) * rows[axis]).reshape(-1, *(1 for _ in w.out[axis:]))
    return starts


def _first_hit(lane: Lane, w: Windows, x, y) -> tuple[np.ndarray, np.ndarray]:
    """For every window: (the first kernel offset, numbered in C order, at which the input is the maximum;
    whether there is none)."""
    order = lane.scratch(0, y.shape, np.uint8 if prod(w.kernel) < 256 else np.int32)
    missed = lane.scratch(1, y.shape, bool)
    if w.kernel == w.size and not any(w.pad):
        lane.step(_first_of_all, x.reshape(len(x), -1, x.shape[-1]), y, order, missed)
        return order, missed
    hit = lane.scratch(2, y.shape, bool)
    lane.step(order.fill, 0)
    lane.step(missed.fill, True)
    for offset in np.ndindex(*w.kernel):
        lands = [w.landing(axis, i) for axis, i in enumerate(offset)]
        o = (slice(None), *(a for a, _ in lands))
        if any(a.stop - a.start < n for (a, _), n in zip(lands, w.out)):
            lane.step(hit.fill, False)
        lane.step(np.equal, x[(slice(None), *(b for _, b in lands))], y[o], hit[o])
        lane.step(np.greater, missed, hit, missed)
        lane.step(np.add, order, missed, order)
    return order, missed


def _first_of_all(x, y, order, missed) -> None:
    """`_first_hit` for a single window that covers the whole image: x (images, positions, channels)."""
    hits = x == y.reshape(len(y), 1, -1)
    order[...] = hits.argmax(axis=1).reshape(y.shape)
    missed[...] = ~hits.any(axis=1).reshape(y.shape)


def power_sums(lane: Lane, w: Windows, x, y, power: int) -> None:
    """y = (every window's sum of x ** power) ** (1 / power)."""
    if power > 1:
        powers = lane.scratch(len(w.size), x.shape, x.dtype)
        lane.step(*((np.square, x, powers) if power == 2 else (np.power, x, power, powers)))
        x = powers
    reduce(lane, np.add, w, x, y, 0)
    if power > 1:
        lane.step(np.sqrt if power == 2 else np.cbrt, y, y)


def power_sums_back(lane: Lane, w: Windows, x, y, g, gx, power: int) -> None:
    """gx = the gradients of the inputs of `power_sums`."""
    if power > 1:
        slopes = lane.scratch(len(w.size), y.shape, y.dtype)
        lane.step(_slopes, y, g, power, slopes)
        g = slopes
    _spread_back(lane, w, g, gx)
    if power == 3:
        squares = lane.scratch(len(w.size) + 1, x.shape, x.dtype)
        lane.step(np.square, x, squares)
        x = squares
    if power > 1:
        lane.step(np.multiply, gx, x, gx)


def _slopes(y, g, power: int, out) -> None:
    """out = g / y ** (power - 1), and 0 where y is 0."""
    np.divide(g, y ** (power - 1), out=out)
    out[y == 0] = 0
