"""Spatial operators: images sampled at computed points, max pooling of regions of interest, correlation of
displaced images."""

from __future__ import annotations

import numpy as np

from mxr.operator import REQUIRED, P, ParamError, Shape, ShapeError, op, shape_text, unify

# ------------------------------------------------------------------------------------ sampling between pixels


class _Sampling:
    """The points of a grid (n, 2, points) in images (n, c, h, w): the four neighbouring pixels of each point
    and their weights.

    The grid's two channels are x and y from -1 (the middle of the first pixel) to 1 (of the last). Pixels
    outside count as zero.
    """

    def __init__(self, grid, shape):
        self.shape = shape
        n, c, h, w = shape
        x = (grid[:, 0] + 1) * grid.dtype.type(w - 1) / 2
        y = (grid[:, 1] + 1) * grid.dtype.type(h - 1) / 2
        left, top = np.floor(x), np.floor(y)
        self.wx, self.wy = 1 - (x - left), 1 - (y - top)
        first = (np.arange(n * c) * (h * w)).reshape(n, c, 1)
        self.inside, self.at = [], []
        for dy in (0, 1):
            for dx in (0, 1):
                px, py = left + dx, top + dy
                inside = (px >= 0) & (px <= w - 1) & (py >= 0) & (py <= h - 1)
                flat = np.where(inside, py * w + px, 0).astype(np.int64)
                self.inside.append(inside[:, None])
                self.at.append(first + flat[:, None])

    def corners(self, data):
        """The values of the four pixels of every point, as (n, c, points): top left, top right, bottom left,
        bottom right."""
        flat = np.ascontiguousarray(data).reshape(-1)
        return [np.where(inside, flat[at], 0) for inside, at in zip(self.inside, self.at)]

    def weights(self):
        wx, wy = self.wx[:, None], self.wy[:, None]
        return [wy * wx, wy * (1 - wx), (1 - wy) * wx, (1 - wy) * (1 - wx)]

    def sample(self, data):
        return sum(v * w for v, w in zip(self.corners(data), self.weights()))

    def data_gradient(self, g, out):
        """out = the gradient of the images, for the gradient g (n, c, points) of the samples."""
        out[...] = 0
        flat = out.reshape(-1)
        for inside, at, weight in zip(self.inside, self.at, self.weights()):
            np.add.at(flat, at.reshape(-1), np.where(inside, g * weight, 0).astype(out.dtype).reshape(-1))

    def grid_gradient(self, data, g):
        """The gradient of the grid, (n, 2, points)."""
        _, _, h, w = self.shape
        tl, tr, bl, br = self.corners(data)
        cross = tl - tr - bl + br
        gy = -(g * (tr - br + cross * self.wx[:, None])).sum(axis=1) * (g.dtype.type(h - 1) / 2)
        gx = -(g * (bl - br + cross * self.wy[:, None])).sum(axis=1) * (g.dtype.type(w - 1) / 2)
        return np.stack([gx, gy], axis=1)


def _affine_grid(shape, dtype):
    """x, y and 1 of every pixel of an image (h, w) as (3, h * w), x and y from -1 to 1."""
    h, w = shape
    with np.errstate(divide="ignore", invalid="ignore"):
        x = -1 + np.arange(w) * np.divide(2.0, w - 1)
        y = -1 + np.arange(h) * np.divide(2.0, h - 1)
    return np.stack([np.tile(x, h), np.repeat(y, w), np.ones(h * w)]).astype(dtype)


def _target(p) -> tuple:
    if len(p.target_shape) != 2 or min(p.target_shape) < 1:
        raise ParamError(f"target_shape must be two positive numbers, not {shape_text(p.target_shape)}")
    return p.target_shape


def _four(name, shape):
    if shape is not None and len(shape) != 4:
        raise ShapeError(f"{name} must have 4 axes, not {len(shape)}")


_UNUSED = (1,)  # the shape of hidden outputs that only MXNet's kernels use; symbol JSON counts them


@op("BilinearSampler", keeps=("ins",))
class BilinearSampler:
    """Samples images at the points of a grid, interpolating linearly between the four nearest pixels.

    The grid has two channels, x and y, for every pixel of the output. They run from -1, the middle of the
    first pixel, to 1, the middle of the last one. Points outside the image are zero. `GridGenerator`
    makes grids.

    Returns images with the data's channels and the grid's rows and columns. Gradients flow to the data and to
    the grid.
    """

    cudnn_off: bool = P(None, "GPU only", ignored=True)

    inputs, hidden = ("data", "grid"), ("tmp",)

    def infer_shape(p, ins, outs):
        data, grid, out = ins[0], ins[1], outs[0]
        _four("data", data)
        _four("grid", grid)
        if data is not None and grid is not None:
            grid = unify(grid, (data[0], 2, 0, 0))
            assert grid is not None
            out = unify(out, (grid[0], data[1], *grid[2:]))
        return [data, grid], [out, _UNUSED]

    def compute(p, run, ins, outs):
        grid = ins[1].reshape(*ins[1].shape[:2], -1)
        outs[0][...] = _Sampling(grid, ins[0].shape).sample(ins[0]).reshape(outs[0].shape)

    def gradient(p, run, gs, ins, outs, igs):
        data, grid = ins
        sampling = _Sampling(grid.reshape(*grid.shape[:2], -1), data.shape)
        g = gs[0].reshape(*gs[0].shape[:2], -1)
        if igs[0] is not None:
            sampling.data_gradient(g, igs[0])
        if igs[1] is not None:
            igs[1][...] = sampling.grid_gradient(data, g).reshape(grid.shape)


@op("GridGenerator")
class GridGenerator:
    """Makes a sampling grid for `BilinearSampler` from an affine map or from a flow field.

    `affine`: the data has six numbers per sample, the rows of a 2 x 3 matrix A; the grid at an output pixel
    with coordinates x and y (from -1 to 1) is `A . (x, y, 1)`. `warp`: the data is a flow field with two
    channels, displacements in pixels along x and y; the grid is `(position + flow) / ((size - 1) / 2) - 1`.

    Returns an array (samples, 2, rows, columns) in C order: x and y for every pixel.
    """

    transform_type: str = P(REQUIRED, "what the data is", one_of=("affine", "warp"))
    target_shape: Shape = P((0, 0), "rows and columns of the grid (in R: columns, rows); for `affine`")

    hidden = ("grid_dst",)

    def infer_shape(p, ins, outs):
        data, out = ins[0], outs[0]
        if p.transform_type == "warp":
            data = unify(data, out)
            _four("data", data)
            data = unify(data, (0, 2, 0, 0))
            return [data], [data, data[1:]] if data else outs
        h, w = _target(p)
        if data is not None and len(data) != 2:
            raise ShapeError(
                f"data must have 2 axes (samples and the 6 numbers of a matrix), not {len(data)}"
            )
        n = (data and data[0]) or (out and out[0]) or 0
        return [unify(data, (n, 6))], [unify(out, (n, 2, h, w)), (3, h * w)]

    def forward(p, data):
        if p.transform_type == "affine":
            matrix, here = data.reshape(data.shape[0] * 2, 3), _affine_grid(p.target_shape, data.dtype)
            return np.matmul(matrix, here).reshape(data.shape[0], 2, *p.target_shape), here
        here, half = _positions(data)
        return (data + here) / half - 1, here[0]

    def backward(p, g, ins, outs):
        data = ins[0]
        if p.transform_type == "affine":
            flat = g.reshape(data.shape[0] * 2, p.target_shape[0] * p.target_shape[1])
            return np.matmul(flat, np.ascontiguousarray(_affine_grid(p.target_shape, data.dtype).T)).reshape(
                data.shape
            )
        return g / _positions(data)[1]


def _positions(flow):
    """(the position of every pixel as (1, 2, h, w), half of the largest position as (1, 2, 1, 1))."""
    h, w = flow.shape[2:]
    y, x = np.mgrid[:h, :w].astype(flow.dtype)
    return np.stack([x, y])[None], np.array([(w - 1) / 2, (h - 1) / 2], flow.dtype).reshape(1, 2, 1, 1)


@op("SpatialTransformer", keeps=("ins",))
class SpatialTransformer:
    """Samples each image at positions given by an affine map that the network computes: `GridGenerator` and
    `BilinearSampler` in one.

    `loc` has six numbers per sample, the rows of a 2 x 3 matrix A: the output at a pixel with coordinates x
    and y (from -1 to 1) is the image at `A . (x, y, 1)`, interpolated linearly, and zero outside.

    Returns images with the data's channels and `target_shape` rows and columns. Gradients flow to the data
    and to `loc`.
    """

    target_shape: Shape = P((0, 0), "rows and columns of the output (in R: columns, rows)")
    transform_type: str = P(REQUIRED, "the kind of map", one_of=("affine",))
    sampler_type: str = P(REQUIRED, "the kind of interpolation", one_of=("bilinear",))
    cudnn_off: bool = P(None, "GPU only", ignored=True)

    inputs, hidden = ("data", "loc"), ("grid_dst", "grid_src")

    def infer_shape(p, ins, outs):
        data, loc, out = ins[0], ins[1], outs[0]
        target = _target(p)
        _four("data", data)
        n = (data and data[0]) or (loc and loc[0]) or 0
        loc = unify(loc, (n, 6))
        if data is not None:
            out = unify(out, (*data[:2], *target))
        return [data, loc], [out, _UNUSED, _UNUSED]

    def compute(p, run, ins, outs):
        outs[0][...] = _transform(p, *ins)[1].sample(ins[0]).reshape(outs[0].shape)

    def gradient(p, run, gs, ins, outs, igs):
        target, sampling = _transform(p, *ins)
        g = gs[0].reshape(*gs[0].shape[:2], -1)
        if igs[0] is not None:
            sampling.data_gradient(g, igs[0])
        if igs[1] is not None:
            igs[1][...] = np.matmul(sampling.grid_gradient(ins[0], g), target.T).reshape(igs[1].shape)


def _transform(p, data, loc):
    target = _affine_grid(p.target_shape, data.dtype)
    return target, _Sampling(np.matmul(loc.reshape(-1, 2, 3), target), data.shape)


# ---------------------------------------------------------------------------------------- regions of interest


def _bins(start: int, end: int, count: int, limit: int):
    """The bounds of `count` equal bins over the positions start to end, clipped to 0 and `limit`."""
    step = np.float32(max(end - start + 1, 1)) / np.float32(count)
    edges = np.arange(count + 1, dtype=np.float32) * step
    low, high = np.floor(edges[:-1]).astype(int) + start, np.ceil(edges[1:]).astype(int) + start
    return list(zip(np.clip(low, 0, limit), np.clip(high, 0, limit)))


@op("ROIPooling", keeps=())
class ROIPooling:
    """Max pooling of rectangles of any size to one fixed size.

    Each row of `rois` is a region: the index of its sample (from 0) and the corners x1, y1, x2, y2, which are
    multiplied by `spatial_scale` and rounded to pixels of the data. The region is cut into `pooled_size`
    bins, and each bin gives its largest value per channel (0 if it is empty).

    Returns an array (regions, channels, rows, columns) in C order. The gradient goes to the first largest
    value of each bin, and none to the regions.
    """

    pooled_size: Shape = P(REQUIRED, "rows and columns of the output (in R: columns, rows)")
    spatial_scale: float = P(
        REQUIRED, "size of the data relative to the image that the regions refer to", low=0, high=1
    )

    inputs, hidden = ("data", "rois"), ("maxidx",)
    infer_type = lambda p, ins: [ins[0] or np.dtype(np.float32), np.dtype(np.int64)]

    def infer_shape(p, ins, outs):
        data, rois, out = ins[0], ins[1], unify(*outs)
        if len(p.pooled_size) != 2 or min(p.pooled_size) < 1:
            raise ParamError(f"pooled_size must be two positive numbers, not {shape_text(p.pooled_size)}")
        _four("data", data)
        rois = unify(rois, (0, 5))
        assert rois is not None
        out = unify(out, (rois[0], data[1] if data else 0, *p.pooled_size))
        return [data, rois], [out, out]

    def compute(p, run, ins, outs):
        data, rois = ins
        (y, where), (n, c, h, w) = outs, data.shape
        y[...], where[...], least = 0, -1, np.finfo(y.dtype).min
        scaled = rois[:, 1:] * np.float32(p.spatial_scale)
        corners = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)).astype(int)
        for r, (image, (x1, y1, x2, y2)) in enumerate(zip(rois[:, 0].astype(int), corners)):
            if not 0 <= image < n:
                continue
            first = (image * c + np.arange(c)) * (h * w)
            for i, (top, bottom) in enumerate(_bins(y1, y2, p.pooled_size[0], h)):
                for j, (left, right) in enumerate(_bins(x1, x2, p.pooled_size[1], w)):
                    if bottom <= top or right <= left:
                        continue
                    values = data[image, :, top:bottom, left:right].reshape(c, -1)
                    at = np.where(np.isnan(values), least, values).argmax(axis=1)
                    found = np.take_along_axis(values, at[:, None], axis=1)[:, 0]
                    above = found > least  # not where all are NaN
                    y[r, :, i, j] = np.where(above, found, least)
                    where[r, :, i, j] = np.where(
                        above, first + (top + at // (right - left)) * w + left + at % (right - left), -1
                    )

    def gradient(p, run, gs, ins, outs, igs):
        if igs[1] is not None:
            igs[1][...] = 0
        if igs[0] is not None:
            igs[0][...] = 0
            hit = outs[1] >= 0
            np.add.at(igs[0].reshape(-1), outs[1][hit], gs[0][hit])


# --------------------------------------------------------------------------------- comparing displaced images


class _Displaced:
    """The slices that a correlation compares."""

    def __init__(self, p, shape):
        self.p, (_, self.channels, h, w) = p, shape
        border = p.max_displacement + (p.kernel_size - 1) // 2
        self.rows, self.columns = (-(-(m + 2 * p.pad_size - 2 * border) // p.stride1) for m in (h, w))
        radius = p.max_displacement // p.stride2
        steps = [i * p.stride2 for i in range(-radius, radius + 1)]
        self.shifts = [(dy, dx) for dy in steps for dx in steps]

    def pairs(self):
        """(output channel, slices of the first image, slices of the second), for every displacement and
        kernel position."""
        k, s, d = self.p.kernel_size, self.p.stride1, self.p.max_displacement
        for channel, (dy, dx) in enumerate(self.shifts):
            for i in range(k):
                for j in range(k):
                    yield channel, self._at(d + i, d + j, s), self._at(d + i + dy, d + j + dx, s)

    def _at(self, y, x, s):
        return (..., slice(y, y + (self.rows - 1) * s + 1, s), slice(x, x + (self.columns - 1) * s + 1, s))

    def padded(self, data):
        q = self.p.pad_size
        return np.pad(data, ((0, 0), (0, 0), (q, q), (q, q)))

    def cropped(self, g):
        q = self.p.pad_size
        return g[..., q : g.shape[2] - q, q : g.shape[3] - q]


@op("Correlation", keeps=("ins",))
class Correlation:
    """Compares every patch of one image with the patches around the same place in another.

    For each displacement (dy, dx) with steps of `stride2` up to `max_displacement`, one output channel holds
    the mean over the patch and the channels of `data1[y, x] * data2[y + dy, x + dx]`, or of
    `abs(data1[y, x] - data2[y + dy, x + dx])` if not `is_multiply`. Patches have `kernel_size` rows and
    columns and are taken every `stride1` pixels, after padding both images with zeros.

    Returns `(2 floor(max_displacement / stride2) + 1) ^ 2` channels. There is a row and a column for each
    patch that lies within the padded images with every displacement.
    """

    kernel_size: int = P(1, "rows and columns of a patch; odd", low=1)
    max_displacement: int = P(1, "largest displacement, in pixels", low=0)
    stride1: int = P(1, "step from one patch to the next", low=1)
    stride2: int = P(1, "step from one displacement to the next", low=1)
    pad_size: int = P(0, "zeros added on every side of both images", low=0)
    is_multiply: bool = P(True, "multiply; otherwise take absolute differences")

    inputs, hidden = ("data1", "data2"), ("tmp1", "tmp2")

    def infer_shape(p, ins, outs):
        if p.kernel_size % 2 == 0:
            raise ParamError(f"kernel_size must be odd, not {p.kernel_size}")
        data, out = unify(*ins), outs[0]
        _four("data1", data)
        if data is None or 0 in data:
            return [data, data], [out, _UNUSED, _UNUSED]
        d = _Displaced(p, data)
        if d.rows < 1 or d.columns < 1:
            raise ShapeError(
                f"patches displaced by {p.max_displacement} do not fit into data {shape_text(data)} padded "
                f"by {p.pad_size}"
            )
        return [data, data], [unify(out, (data[0], len(d.shifts), d.rows, d.columns)), _UNUSED, _UNUSED]

    def compute(p, run, ins, outs):
        d = _Displaced(p, ins[0].shape)
        first, second = map(d.padded, ins)
        outs[0][...] = 0
        for channel, one, two in d.pairs():
            a, b = first[one], second[two]
            outs[0][:, channel] += (a * b if p.is_multiply else np.abs(a - b)).sum(axis=1)
        outs[0][...] /= p.kernel_size**2 * d.channels

    def gradient(p, run, gs, ins, outs, igs):
        d = _Displaced(p, ins[0].shape)
        first, second = map(d.padded, ins)
        g1, g2 = np.zeros_like(first), np.zeros_like(second)
        g = gs[0] / gs[0].dtype.type(p.kernel_size**2 * d.channels)
        for channel, one, two in d.pairs():
            head, a, b = g[:, channel : channel + 1], first[one], second[two]
            if p.is_multiply:
                g1[one] += head * b
                g2[two] += head * a
            else:
                part = np.where(a >= b, head, -head)
                g1[one] += part
                g2[two] -= part
        for ig, padded in zip(igs, (g1, g2)):
            if ig is not None:
                ig[...] = d.cropped(padded)
