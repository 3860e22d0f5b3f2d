"""Deformable convolutions: the network computes where each position of the kernel reads the image."""

from __future__ import annotations

import numpy as np

from mxr.operator import REQUIRED, P, Shape, ShapeError, op, shape_text, unify


def _pairs(p):
    """(stride, dilate, pad) as pairs."""
    return [
        (*value, *default)[:2] if value else default
        for value, default in ((p.stride, (1, 1)), (p.dilate, (1, 1)), (p.pad, (0, 0)))
    ]


def _out_size(p, shape) -> tuple[int, int]:
    stride, dilate, pad = _pairs(p)
    return tuple(
        (n + 2 * q - d * (k - 1) - 1) // s + 1
        for n, k, s, d, q in zip(shape[2:], p.kernel, stride, dilate, pad)
    )


def _shapes(p, ins, outs, modulated: bool):
    data, offset = ins[0], ins[1]
    if len(p.kernel) != 2:
        raise ShapeError(f"kernel must be two numbers, not {shape_text(p.kernel)}")
    if data is None:
        return ins, outs
    if len(data) != 4:
        raise ShapeError(f"data must have 4 axes, not the shape {shape_text(data)}")
    groups, points = p.num_deformable_group, p.kernel[0] * p.kernel[1]
    if data[1] % (p.num_group * groups) or p.num_filter % p.num_group:
        raise ShapeError(
            f"the {data[1]} channels must be a multiple of num_group and num_deformable_group, "
            "num_filter one of num_group"
        )
    to = _out_size(p, data)
    if min(to) < 1:
        raise ShapeError(f"the kernel {shape_text(p.kernel)} is larger than the data {shape_text(data)}")
    result = [data, unify(offset, (data[0], 2 * groups * points, *to))]
    if modulated:
        result.append(unify(ins[2], (data[0], groups * points, *to)))
    result.append(unify(ins[len(result)], (p.num_filter, data[1] // p.num_group, *p.kernel)))
    if not p.no_bias:
        result.append(unify(ins[len(result)], (p.num_filter,)))
    return result, [unify(outs[0], (data[0], p.num_filter, *to))]


class _Columns:
    """The points at which the positions of the kernel read one sample, for all outputs: the four pixels
    around each point, and their weights, as arrays (groups, points, outputs).

    Points outside the image are zero. `modulated`: those less than a pixel outside are interpolated with
    zero, as in the second paper (Zhu et al. 2019)."""

    def __init__(self, p, shape, offset, modulated: bool):
        (_, self.channels, h, w), (stride, dilate, pad) = shape, _pairs(p)
        self.groups, self.h, self.w = p.num_deformable_group, h, w
        kh, kw = p.kernel
        oh, ow = _out_size(p, shape)
        f = offset.dtype.type
        moved = offset.reshape(self.groups, kh * kw, 2, oh * ow)
        base_y = (np.arange(kh) * dilate[0])[:, None, None, None] + (np.arange(oh) * stride[0] - pad[0])[
            None, None, :, None
        ]
        base_x = (np.arange(kw) * dilate[1])[None, :, None, None] + (np.arange(ow) * stride[1] - pad[1])[
            None, None, None, :
        ]
        y, x = (
            np.broadcast_to(b, (kh, kw, oh, ow)).reshape(1, kh * kw, oh * ow).astype(f) + moved[:, :, i]
            for i, b in enumerate((base_y, base_x))
        )
        self.inside = (
            (y > -1) & (x > -1) & (y < h) & (x < w) if modulated else (y >= 0) & (x >= 0) & (y < h) & (x < w)
        )
        top, left = np.floor(y), np.floor(x)
        if not modulated:  # points after the last row or column have the values of that row or column
            top, left = np.minimum(top, h - 1), np.minimum(left, w - 1)
            y, x = np.where(top >= h - 1, top, y), np.where(left >= w - 1, left, x)
        self.dy, self.dx = y - top, x - left
        self.corners = []
        for a in (0, 1):
            for b in (0, 1):
                row, column = (top + a).astype(int), (left + b).astype(int)
                if not modulated:
                    row, column = np.minimum(row, h - 1), np.minimum(column, w - 1)
                there = self.inside & (row >= 0) & (row < h) & (column >= 0) & (column < w)
                self.corners.append((np.where(there, row * w + column, 0), there, a, b))

    def _weight(self, a, b):
        return (self.dy if a else 1 - self.dy) * (self.dx if b else 1 - self.dx)

    def _picked(self, image):
        """(values (groups, channels of a group, points, outputs), row, column) of the four pixels around each
        point; row and column are 0 for the upper and left ones, 1 for the others."""
        flat = image.reshape(self.groups, self.channels // self.groups, -1)
        for at, there, a, b in self.corners:
            values = np.take_along_axis(flat, at.reshape(self.groups, 1, -1), axis=2).reshape(
                self.groups, -1, *at.shape[1:]
            )
            yield np.where(there[:, None], values, 0), a, b

    def values(self, image):
        """(groups, channels of a group, points, outputs)."""
        return sum(v * self._weight(a, b)[:, None] for v, a, b in self._picked(image))

    def image_gradient(self, g, out):
        """Add the gradient of the image to `out` (channels, h, w), for the gradient g of the values."""
        per = self.channels // self.groups
        flat = out.reshape(self.groups, per, -1)
        for at, there, a, b in self.corners:
            part = np.where(there[:, None], g * self._weight(a, b)[:, None], 0)
            for i in range(self.groups):
                for c in range(per):
                    flat[i, c] += np.bincount(at[i].ravel(), part[i, c].ravel(), flat.shape[2]).astype(
                        out.dtype
                    )

    def place_gradient(self, image, g):
        """The gradient of the points' y and x, (groups, points, 2, outputs)."""
        gy = gx = 0
        for v, a, b in self._picked(image):
            along = (g * v).sum(axis=1)
            gy = gy + along * (1 if a else -1) * (self.dx if b else 1 - self.dx)
            gx = gx + along * (1 if b else -1) * (self.dy if a else 1 - self.dy)
        return np.stack([np.where(self.inside, gy, 0), np.where(self.inside, gx, 0)], axis=2)


def _compute(p, ins, outs, modulated: bool):
    data, offset, weight = ins[0], ins[1], ins[2 + modulated]
    flat_weight = weight.reshape(p.num_group, p.num_filter // p.num_group, -1)
    for i in range(len(data)):
        values = _Columns(p, data.shape, offset[i], modulated).values(data[i])
        if modulated:
            values = values * ins[2][i].reshape(values.shape[0], 1, *values.shape[2:])
        columns = values.reshape(p.num_group, -1, values.shape[-1])
        outs[0][i] = np.matmul(flat_weight, columns).reshape(outs[0].shape[1:])
    if not p.no_bias:
        outs[0][...] += ins[-1].reshape(1, -1, 1, 1)


def _gradient(p, g, ins, igs, modulated: bool):
    data, offset, weight = ins[0], ins[1], ins[2 + modulated]
    flat_weight = weight.reshape(p.num_group, p.num_filter // p.num_group, -1)
    g_data, g_offset, g_weight = igs[0], igs[1], igs[2 + modulated]
    for array in (g_data, g_weight):
        if array is not None:
            array[...] = 0
    for i in range(len(data)):
        bent = _Columns(p, data.shape, offset[i], modulated)
        head = g[i].reshape(p.num_group, p.num_filter // p.num_group, -1)
        back = np.matmul(flat_weight.transpose(0, 2, 1), head).reshape(
            bent.groups, -1, weight.shape[2] * weight.shape[3], head.shape[-1]
        )
        values = bent.values(data[i])
        if g_weight is not None:
            used = values * ins[2][i].reshape(values.shape[0], 1, *values.shape[2:]) if modulated else values
            g_weight += np.matmul(
                head, used.reshape(p.num_group, -1, head.shape[-1]).transpose(0, 2, 1)
            ).reshape(weight.shape)
        if modulated:
            if igs[2] is not None:
                igs[2][i] = (back * values).sum(axis=1).reshape(igs[2].shape[1:])
            back = back * ins[2][i].reshape(values.shape[0], 1, *values.shape[2:])
        if g_data is not None:
            bent.image_gradient(back, g_data[i])
        if g_offset is not None:
            g_offset[i] = bent.place_gradient(data[i], back).reshape(g_offset.shape[1:])
    if not p.no_bias and igs[-1] is not None:
        igs[-1][...] = g.sum(axis=(0, 2, 3))


_LAYOUT = ("NCW", "NCHW", "NCDHW")


class _Deformable:
    """The parameters that both operators have."""

    kernel: Shape = P(REQUIRED, "rows and columns of the kernel (in R: columns, rows)")
    stride: Shape = P((), "step of the windows; 1 by default")
    dilate: Shape = P((), "distance of the kernel's positions; 1 by default")
    pad: Shape = P((), "zeros on either side; 0 by default")
    num_filter: int = P(REQUIRED, "channels of the output", low=1)
    num_group: int = P(1, "groups of channels that do not mix", low=1)
    num_deformable_group: int = P(1, "groups of channels, each with its own offsets", low=1)
    workspace: int = P(1024, "has no effect", ignored=True)
    no_bias: bool = P(False, "leave out the bias")


@op("_contrib_DeformableConvolution", keeps=("ins",))
class DeformableConvolution(_Deformable):
    """Convolution of images in which, for every output, every position of the kernel is moved by its own
    offset.

    `offset` (samples, 2 * deformable groups * kernel positions, rows, columns) holds the moves along y and x
    in pixels; between pixels the data is interpolated linearly, outside it is zero. The gradient goes to the
    data, the offsets, the weight and the bias.
    """

    layout: str = P(None, "has no effect", one_of=_LAYOUT, ignored=True)

    inputs = lambda p: ("data", "offset", "weight") if p.no_bias else ("data", "offset", "weight", "bias")
    infer_shape = lambda p, ins, outs: _shapes(p, ins, outs, False)

    def compute(p, run, ins, outs):
        _compute(p, ins, outs, False)

    def gradient(p, run, gs, ins, outs, igs):
        _gradient(p, gs[0], ins, igs, False)


@op("_contrib_ModulatedDeformableConvolution", keeps=("ins",))
class ModulatedDeformableConvolution(_Deformable):
    """`DeformableConvolution`, with the values that it reads multiplied by `mask` (samples, deformable groups
    * kernel positions, rows, columns)."""

    im2col_step: int = P(64, "has no effect", ignored=True)
    layout: str = P(None, "has no effect", one_of=_LAYOUT, ignored=True)

    inputs = lambda p: (
        ("data", "offset", "mask", "weight") if p.no_bias else ("data", "offset", "mask", "weight", "bias")
    )
    infer_shape = lambda p, ins, outs: _shapes(p, ins, outs, True)

    def compute(p, run, ins, outs):
        _compute(p, ins, outs, True)

    def gradient(p, run, gs, ins, outs, igs):
        _gradient(p, gs[0], ins, igs, True)
