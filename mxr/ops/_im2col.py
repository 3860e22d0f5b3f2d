"""The arithmetic of convolutions: windows as the columns of matrices, so that BLAS does the work.

Notation of shapes: n samples, C input channels, F filters, G groups; `size` and `out` are the spatial axes of input and output,
L the product of `out`. Samples go in blocks small enough for the cache, blocks are spread over the threads (mxr/threads.py).

A window's columns are copied in two stages. First, for each offset j in the last kernel axis, the values that any window has at that
offset become the rows of a narrower image, `out[-1]` wide. In that image the other kernel axes are mere shifts by whole rows, so
one strided copy with long contiguous runs makes all of their columns.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .. import threads
from ..op import Run

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

    def landing(self, axis: int, i: int) -> tuple[slice, slice]:
        """Along an axis, for kernel offset i: the outputs whose window has an input there, and those inputs."""
        s, first = self.stride[axis], i * self.dilate[axis] - self.pad[axis]
        lo = max(0, -(first // s))
        hi = max(lo, min(self.out[axis], -(-(self.size[axis] - first) // s)))
        return slice(lo, hi), slice(first + lo * s, first + (hi - 1) * s + 1 if hi > lo else first + lo * s, s)


class _Scratch:
    """Scratch arrays, one per task, from the kernel's workspace."""

    def __init__(self, run: Run, dtype, tasks: int):
        self.run, self.dtype, self.tasks, self.slot = run, dtype, tasks, 0

    def __call__(self, *shape) -> np.ndarray:
        self.slot += 1
        return self.run.workspace((self.tasks, *shape), self.dtype, self.slot - 1)


def _blocks(n: int, per_sample: int) -> tuple[int, list[tuple[int, int]]]:
    """(samples per block, the range of samples of each task)."""
    tasks = max(1, min(threads.workers(), n))
    edges = [n * i // tasks for i in range(tasks + 1)]
    most = max(1, -(-n // tasks))
    block = min(most, max(1, _BLOCK // max(1, per_sample)))
    block = -(-most // -(-most // block))       # blocks of equal size
    return block, list(zip(edges, edges[1:]))


def _spread(ranges, block: int, work) -> None:
    """`work(task, start, stop)` for every block, task by task."""
    def task(t, a, b):
        for start in range(a, b, block):
            work(t, start, min(start + block, b))
    threads.run([lambda t=t, a=a, b=b: task(t, a, b) for t, (a, b) in enumerate(ranges)])


# --------------------------------------------------------------------------------------------- columns

class _Columns:
    """Makes the columns of blocks of samples in one task's scratch memory."""

    def __init__(self, w: Windows, channels: int, block: int, scratch: _Scratch):
        self.w = w
        self.staged = prod(w.kernel[:-1]) > 1
        self.image = None       # the narrow image, or (with nothing to stage) the one with margins
        if self.staged:
            self.image = scratch(block, channels, *w.padded[:-1], w.out[-1])
        elif w.padded != w.size:
            self.image = scratch(block, channels, *w.padded)
        if self.image is not None:
            self.image[...] = 0
        self.rows = tuple(slice(p, p + n) for p, n in zip(w.pad, w.size))

    def __call__(self, task: int, x: np.ndarray, columns: np.ndarray) -> None:
        """Columns of `x` (n, C, *size) into `columns`, an array with axes (n, C, *kernel, *out) and any strides."""
        w, last = self.w, len(self.w.size) - 1
        image = x if self.image is None else self.image[task, :len(x)]
        if image is not x and not self.staged:
            image[(..., *self.rows)] = x
        span = w.stride[-1] * (w.out[-1] - 1) + 1
        for j in range(w.kernel[-1]):
            if self.staged:
                outs, at = w.landing(last, j)
                image[..., :outs.start] = 0
                image[..., outs.stop:] = 0
                image[(..., *self.rows[:-1], outs)] = x[..., at]
                view = image
            else:
                view = image[..., j * w.dilate[-1]:j * w.dilate[-1] + span:w.stride[-1]]
            steps = view.strides
            lead = tuple(s * d for s, d in zip(steps[2:-1], w.dilate)) + tuple(s * t for s, t in zip(steps[2:-1], w.stride))
            source = as_strided(view, (*view.shape[:2], *w.kernel[:-1], *w.out), (*steps[:2], *lead, steps[-1]), writeable=False)
            np.copyto(columns[(slice(None),) * (last + 2) + (j,)], source)


def forward(run: Run, w: Windows, x, weight, out, bias=None) -> None:
    """Convolution: x (n, C, *size), weight (F, C/G, *kernel), bias (F,) -> out (n, F, *out)."""
    n, channels = x.shape[:2]
    groups, length, filters = w.groups, prod(w.out), weight.shape[0]
    rows = channels // groups * prod(w.kernel)
    matrix = weight.reshape(groups, filters // groups, rows)
    out = out.reshape(n, groups, filters // groups, length)
    if bias is not None:
        bias = bias.reshape(groups, filters // groups, 1)
    block, ranges = _blocks(n, groups * rows * length)
    scratch = _Scratch(run, x.dtype, len(ranges))
    if not w.plain:
        columns = scratch(block, groups, rows, length)
        fill = _Columns(w, channels, block, scratch)
    else:
        x = np.ascontiguousarray(x).reshape(n, groups, rows, length)

    def work(t, a, b):
        if w.plain:
            cols = x[a:b]
        else:
            cols = columns[t, :b - a]
            fill(t, x[a:b], cols.reshape(b - a, channels, *w.kernel, *w.out))
        np.matmul(matrix, cols, out=out[a:b])
        if bias is not None:
            out[a:b] += bias
    _spread(ranges, block, work)


def weight_gradient(run: Run, w: Windows, x, g, gw) -> None:
    """The gradient of the weight: x (n, C, *size), g (n, F, *out) -> gw (F, C/G, *kernel).

    It is a product of the gradients and the columns, with the samples side by side. Where the windows move by single steps along
    the last axis, it is cheaper to displace the gradients for the offsets in the last kernel axis, and not the input.
    """
    n, channels = x.shape[:2]
    groups, filters = w.groups, g.shape[1]
    displaced = prod(w.kernel[:-1]) > 1 and w.stride[-1] == 1 and w.size[-1] * 10 <= w.out[-1] * 11
    inner, offsets = w, [(slice(None), slice(None))]
    if displaced:
        inner = replace(w, out=(*w.out[:-1], w.size[-1]), kernel=(*w.kernel[:-1], 1), pad=(*w.pad[:-1], 0))
        offsets = [w.landing(len(w.size) - 1, j) for j in range(w.kernel[-1])]
    length, rows = prod(inner.out), channels * prod(inner.kernel)
    heads = filters * len(offsets)
    block, ranges = _blocks(n, (rows + heads) * length)
    scratch = _Scratch(run, x.dtype, len(ranges))
    columns, grads = scratch(rows * block * length), scratch(heads * block * length)
    sums, product = scratch(groups, heads // groups, rows // groups), scratch(groups, heads // groups, rows // groups)
    fill = _Columns(inner, channels, block, scratch)

    def work(t, a, b):
        m = b - a
        cols = columns[t, :rows * m * length].reshape(channels, *inner.kernel, m, *inner.out)
        fill(t, x[a:b], np.moveaxis(cols, len(inner.kernel) + 1, 0))
        gs = grads[t, :heads * m * length].reshape(filters, len(offsets), m, *inner.out)
        for j, (outs, at) in enumerate(offsets):
            if displaced:
                gs[:, j, ..., :at.start] = 0
                gs[:, j, ..., at.stop:] = 0
            gs[:, j, ..., at] = g[a:b, ..., outs].swapaxes(0, 1)
        first = a == ranges[t][0]
        np.matmul(gs.reshape(groups, -1, m * length), cols.reshape(groups, -1, m * length).transpose(0, 2, 1),
                  out=sums[t] if first else product[t])
        if not first:
            sums[t] += product[t]
    _spread(ranges, block, work)
    total = sums.sum(axis=0).reshape(filters, len(offsets), channels // groups, *inner.kernel)
    gw[...] = np.moveaxis(total[..., 0], 1, -1) if displaced else total[:, 0]


def input_gradient(run: Run, w: Windows, g, weight, gx, bias=None) -> None:
    """The gradient of the input (and the forward pass of a deconvolution, with its bias): g (n, F, *out) -> gx (n, C, *size)."""
    n, channels = gx.shape[:2]
    if w.plain:
        flipped = weight.reshape(w.groups, -1, channels // w.groups).transpose(0, 2, 1)
        swapped = np.ascontiguousarray(flipped).reshape(channels, -1, *w.kernel)
        forward(run, w, g, swapped, gx, bias)
        return
    expand = prod(w.kernel[:-1]) > 1 and all(s == 1 for s in w.stride[:-1])
    make = _Shifted if expand else _Scattered
    if bias is not None:
        bias = bias.reshape(channels, *(1 for _ in w.size))
    block, ranges = _blocks(n, make.per_sample(w, g.shape[1], channels))
    body = make(w, g.shape[1], channels, block, _Scratch(run, g.dtype, len(ranges)), weight)

    def work(t, a, b):
        part = gx[a:b]
        body(t, g[a:b], part)
        if bias is not None:
            part += bias
    _spread(ranges, block, work)


class _Scattered:
    """Input gradient for any stride: the gradients of all columns, each added where it was taken from."""

    def __init__(self, w, filters, channels, block, scratch, weight):
        self.w, self.channels = w, channels
        self.weight = weight.reshape(w.groups, filters // w.groups, -1).transpose(0, 2, 1)
        self.columns = scratch(block, w.groups, self.weight.shape[1], prod(w.out))

    @staticmethod
    def per_sample(w, filters, channels):
        return channels * prod(w.kernel) * prod(w.out)

    def __call__(self, t, g, gx):
        w, m = self.w, len(g)
        cols = self.columns[t, :m]
        np.matmul(self.weight, g.reshape(m, w.groups, -1, prod(w.out)), out=cols)
        cols = cols.reshape(m, self.channels, *w.kernel, *w.out)
        gx[...] = 0
        for offset in np.ndindex(*w.kernel):
            lands = [w.landing(axis, i) for axis, i in enumerate(offset)]
            gx[(..., *(at for _, at in lands))] += cols[(slice(None), slice(None), *offset, *(o for o, _ in lands))]


class _Shifted:
    """Input gradient where all but the last stride are 1: over those axes it is a convolution with the flipped kernel, which
    makes narrow images, one per offset in the last kernel axis; only they are added where they belong."""

    def __init__(self, w, filters, channels, block, scratch, weight):
        self.w, self.channels = w, channels
        groups, lead = w.groups, w.kernel[:-1]
        w5 = weight.reshape(groups, filters // groups, channels // groups, *w.kernel)
        w5 = w5[(slice(None),) * 3 + (slice(None, None, -1),) * len(lead)]
        order = (0, 2, w5.ndim - 1, 1, *range(3, w5.ndim - 1))
        self.weight = np.ascontiguousarray(w5.transpose(order)).reshape(groups, channels // groups * w.kernel[-1], -1)
        reach = tuple(d * (k - 1) for d, k in zip(w.dilate, lead))
        self.margin = scratch(block, filters, *(n + r for n, r in zip(w.size, reach)), w.out[-1])
        self.margin[...] = 0
        self.columns = scratch(block, filters, *lead, *w.size[:-1], w.out[-1])
        self.images = scratch(block, channels, w.kernel[-1], *w.size[:-1], w.out[-1])
        self.source, self.target = [], []
        for n, o, r, p in zip(w.size, w.out, reach, w.pad):
            lo, hi = max(0, p - r), min(o, n + p)
            self.source.append(slice(lo, max(lo, hi)))
            self.target.append(slice(lo + r - p, max(lo, hi) + r - p))

    @staticmethod
    def per_sample(w, filters, channels):
        return filters * prod(w.kernel[:-1]) * prod(w.size[:-1]) * w.out[-1]

    def __call__(self, t, g, gx):
        w, m, groups = self.w, len(g), self.w.groups
        margin, cols, images = self.margin[t, :m], self.columns[t, :m], self.images[t, :m]
        margin[(slice(None), slice(None), *self.target)] = g[(slice(None), slice(None), *self.source)]
        steps = margin.strides
        lead = tuple(s * d for s, d in zip(steps[2:-1], w.dilate))
        np.copyto(cols, as_strided(margin, cols.shape, (*steps[:2], *lead, *steps[2:]), writeable=False))
        length = prod(w.size[:-1]) * w.out[-1]
        np.matmul(self.weight, cols.reshape(m, groups, -1, length), out=images.reshape(m, groups, -1, length))
        gx[...] = 0
        for j in range(w.kernel[-1]):
            outs, at = w.landing(len(w.size) - 1, j)
            gx[..., at] += images[:, :, j, ..., outs]
