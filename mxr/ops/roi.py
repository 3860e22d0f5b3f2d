"""Regions of interest: rectangles of an image's features, brought to one size by averages."""

from __future__ import annotations

import numpy as np

from mxr.operator import REQUIRED, P, ParamError, Shape, ShapeError, op, shape_text, unify


def _line(start, size: float, bins: int, grid: int, n: int) -> np.ndarray:
    """The weights (bins, n) of n pixels along one axis, for the mean of `grid` points in each of `bins` equal
    parts of the interval from `start`, of length `size`. Each point is interpolated between two pixels.
    Points outside of the image have no weight."""
    f = np.float32
    step = f(size) / f(bins)
    at = (
        f(start)
        + np.arange(bins, dtype=f)[:, None] * step
        + (np.arange(grid, dtype=f) + f(0.5)) * step / f(grid)
    )
    inside = (at >= -1) & (at <= n)
    at = np.maximum(at, 0)
    first = np.minimum(at.astype(int), n - 1)
    part = np.where(first >= n - 1, 0, at - first).astype(f)
    weights = np.zeros((bins, n), f)
    rows = np.broadcast_to(np.arange(bins)[:, None], at.shape)
    np.add.at(weights, (rows, first), np.where(inside, 1 - part, 0))
    np.add.at(weights, (rows, np.minimum(first + 1, n - 1)), np.where(inside, part, 0))
    return weights / f(grid)


def _regions(data, rois, numbers: int):
    """The shapes of images and regions, checked. A region is a row of that many numbers."""
    if data is not None and len(data) != 4:
        raise ShapeError(f"data must have 4 axes, not the shape {shape_text(data)}")
    return data, unify(rois, (0, numbers))


def _two(p) -> tuple:
    if len(p.pooled_size) != 2 or min(p.pooled_size) < 1:
        raise ParamError(f"pooled_size must be two positive numbers, not {shape_text(p.pooled_size)}")
    return p.pooled_size


@op("_contrib_ROIAlign", keeps=("ins",))
class ROIAlign:
    """Averages of interpolated points in regions. Regions of any size give results of one size.

    Each row of `rois` is a region: the index of its sample (from 0; negative: none, the result is 0) and the
    corners x1, y1, x2, y2, which are multiplied by `spatial_scale` and not rounded. It is cut into
    `pooled_size` bins, and each bin gives the mean of `sample_ratio` x `sample_ratio` points, each
    interpolated between four pixels. The gradient goes to the data.
    """

    pooled_size: Shape = P(REQUIRED, "rows and columns of the output (in R: columns, rows)")
    spatial_scale: float = P(REQUIRED, "size of the data relative to the image that the regions refer to")
    sample_ratio: int = P(-1, "points of a bin along each axis; by default as many as it has pixels")
    position_sensitive: bool = P(False, "each bin reads other channels")
    aligned: bool = P(False, "whole numbers are the edges of pixels, not their middles")

    inputs = ("data", "rois")

    def infer_shape(p, ins, outs):
        size = _two(p)
        data, rois = _regions(ins[0], ins[1], 5)
        channels = data[1] if data else 0
        if p.position_sensitive:
            if channels % (size[0] * size[1]):
                raise ShapeError(
                    f"position_sensitive: the {channels} channels must be a multiple of the "
                    f"{size[0] * size[1]} bins"
                )
            channels //= size[0] * size[1]
        return [data, rois], [unify(outs[0], (rois[0], channels, *size))]

    def compute(p, run, ins, outs):
        data, rois = ins
        outs[0][...] = 0
        for r, image, rows, columns in _aligned(p, data.shape, rois):
            if not p.position_sensitive:
                outs[0][r] = np.matmul(np.matmul(rows, data[image]), columns.T)
            else:
                own = data[image].reshape(-1, *p.pooled_size, *data.shape[2:])
                outs[0][r] = np.einsum("ih,cijhw,jw->cij", rows, own, columns, optimize=True)

    def gradient(p, run, gs, ins, outs, igs):
        data, rois = ins
        if igs[1] is not None:
            igs[1][...] = 0
        if igs[0] is None:
            return
        igs[0][...] = 0
        for r, image, rows, columns in _aligned(p, data.shape, rois):
            if not p.position_sensitive:
                igs[0][image] += np.matmul(np.matmul(rows.T, gs[0][r]), columns)
            else:
                own = np.einsum("ih,cij,jw->cijhw", rows, gs[0][r], columns, optimize=True)
                igs[0][image] += own.reshape(igs[0].shape[1:])


def _aligned(p, shape, rois):
    """(region, image, weights of its rows, of its columns)."""
    f, size = np.float32, p.pooled_size
    offset = f(0.5) if p.aligned else f(0)
    for r, roi in enumerate(rois.astype(f)):
        if not 0 <= int(roi[0]) < shape[0]:
            continue
        x1, y1, x2, y2 = roi[1:] * f(p.spatial_scale) - offset
        h, w = (y2 - y1, x2 - x1) if p.aligned else (max(y2 - y1, f(1)), max(x2 - x1, f(1)))
        grids = [
            p.sample_ratio if p.sample_ratio > 0 else int(np.ceil(extent / f(bins)))
            for extent, bins in zip((h, w), size)
        ]
        if min(grids) > 0:
            yield (
                r,
                int(roi[0]),
                _line(y1, h, size[0], grids[0], shape[2]),
                _line(x1, w, size[1], grids[1], shape[3]),
            )


@op("_contrib_RROIAlign", keeps=())
class RROIAlign:
    """`ROIAlign` of turned rectangles: each row of `rois` is the index of a sample, centre x and y, width,
    height, and an angle in degrees."""

    pooled_size: Shape = P(REQUIRED, "rows and columns of the output (in R: columns, rows)")
    spatial_scale: float = P(
        REQUIRED, "size of the data relative to the image that the regions refer to", low=0, high=1
    )
    sampling_ratio: int = P(-1, "points of a bin along each axis; by default as many as it has pixels")

    inputs = ("data", "rois")

    def infer_shape(p, ins, outs):
        size = _two(p)
        data, rois = _regions(ins[0], ins[1], 6)
        return [data, rois], [unify(outs[0], (rois[0], data[1] if data else 0, *size))]

    def compute(p, run, ins, outs):
        data, rois = ins
        (_, _, h, w), (ph, pw), f = data.shape, p.pooled_size, np.float32
        outs[0][...] = 0
        for r, roi in enumerate(rois.astype(f)):
            image = data[int(roi[0])]
            cx, cy = roi[1:3] * f(p.spatial_scale)
            width, height = np.maximum(roi[3:5] * f(p.spatial_scale), f(1))
            angle = roi[5] * f(np.pi / 180)
            gh = p.sampling_ratio if p.sampling_ratio > 0 else int(np.ceil(height / ph))
            gw = p.sampling_ratio if p.sampling_ratio > 0 else int(np.ceil(width / pw))
            y = -height / 2 + (np.arange(ph * gh, dtype=f) + f(0.5)) * (height / ph / gh)
            x = -width / 2 + (np.arange(pw * gw, dtype=f) + f(0.5)) * (width / pw / gw)
            c, s = np.cos(angle), np.sin(angle)
            values = _interpolated(image, y[:, None] * c - x * s + cy, x * c + y[:, None] * s + cx, h, w)
            outs[0][r] = values.reshape(-1, ph, gh, pw, gw).mean(axis=(2, 4))


def _interpolated(image, y, x, h: int, w: int):
    """Values of an image (channels, h, w) at points, between four pixels; 0 outside."""
    inside = (y >= -1) & (y <= h) & (x >= -1) & (x <= w)
    y, x = np.clip(y, 0, h - 1), np.clip(x, 0, w - 1)
    top, left = np.minimum(y.astype(int), h - 1), np.minimum(x.astype(int), w - 1)
    dy, dx = y - top, x - left
    below, right = np.minimum(top + 1, h - 1), np.minimum(left + 1, w - 1)
    values = (
        (1 - dy) * (1 - dx) * image[:, top, left]
        + (1 - dy) * dx * image[:, top, right]
        + dy * (1 - dx) * image[:, below, left]
        + dy * dx * image[:, below, right]
    )
    return np.where(inside, values, 0)


@op("_contrib_PSROIPooling", keeps=("ins",))
class PSROIPooling:
    """Averages over bins of regions, where each bin reads other channels (R-FCN).

    Each row of `rois` is the index of a sample and the corners x1, y1, x2, y2, rounded, then multiplied by
    `spatial_scale`. Bin (i, j) of output channel c averages input channel
    `(c * group_size + i) * group_size + j`. The gradient goes to the data.
    """

    spatial_scale: float = P(
        REQUIRED, "size of the data relative to the image that the regions refer to", low=0, high=1
    )
    output_dim: int = P(REQUIRED, "channels of the output")
    pooled_size: int = P(REQUIRED, "rows and columns of the output")
    group_size: int = P(0, "rows and columns of groups of channels; as `pooled_size` if 0", low=0)

    inputs = ("data", "rois")

    def infer_shape(p, ins, outs):
        data, rois = _regions(ins[0], ins[1], 5)
        group = p.group_size or p.pooled_size
        if data and data[1] and data[1] != p.output_dim * group * group:
            raise ShapeError(f"data must have {p.output_dim} * {group} * {group} channels, not {data[1]}")
        return [data, rois], [unify(outs[0], (rois[0], p.output_dim, p.pooled_size, p.pooled_size))]

    def compute(p, run, ins, outs):
        outs[0][...] = 0
        for r, image, channels, i, j, window in _windows(p, ins[0].shape, ins[1]):
            outs[0][r, :, i, j] = ins[0][image, channels][(slice(None), *window)].mean(axis=(1, 2))

    def gradient(p, run, gs, ins, outs, igs):
        if igs[1] is not None:
            igs[1][...] = 0
        if igs[0] is not None:
            igs[0][...] = 0
            for r, image, channels, i, j, window in _windows(p, ins[0].shape, ins[1]):
                count = (window[0].stop - window[0].start) * (window[1].stop - window[1].start)
                for c, g in zip(range(channels.start, channels.stop, channels.step), gs[0][r, :, i, j]):
                    igs[0][(image, c, *window)] += g / count


def _windows(p, shape, rois):
    """(region, image, channels, bin, window) of every bin that is not empty."""
    f, size, group = np.float32, p.pooled_size, p.group_size or p.pooled_size
    scale = f(p.spatial_scale)
    for r, roi in enumerate(rois.astype(f)):
        rounded = np.trunc(roi[1:] + np.copysign(f(0.5), roi[1:]))
        x1, y1, x2, y2 = (
            rounded[0] * scale,
            rounded[1] * scale,
            (rounded[2] + 1) * scale,
            (rounded[3] + 1) * scale,
        )
        bins = [
            _cut(y1, max(y2 - y1, f(0.1)), size, shape[2]),
            _cut(x1, max(x2 - x1, f(0.1)), size, shape[3]),
        ]
        for i, rows in enumerate(bins[0]):
            for j, columns in enumerate(bins[1]):
                if rows.stop > rows.start and columns.stop > columns.start:
                    first = min(i * group // size, group - 1) * group + min(j * group // size, group - 1)
                    yield (
                        r,
                        int(roi[0]),
                        slice(first, first + p.output_dim * group * group, group * group),
                        i,
                        j,
                        (rows, columns),
                    )


def _cut(start, extent, count: int, limit: int) -> list[slice]:
    step = extent / np.float32(count)
    edges = np.arange(count + 1, dtype=np.float32) * step
    low, high = np.floor(edges[:-1] + start).astype(int), np.ceil(edges[1:] + start).astype(int)
    return [slice(a, b) for a, b in zip(np.clip(low, 0, limit).tolist(), np.clip(high, 0, limit).tolist())]


@op("_contrib_DeformablePSROIPooling", keeps=("ins", "outs"))
class DeformablePSROIPooling:
    """`PSROIPooling` with bins that are shifted. Each bin averages `sample_per_part` x `sample_per_part`
    interpolated points. Its shift is a value of `trans`, times `trans_std`, times the region's width or
    height.

    `trans` is (regions, 2 * classes, part_size, part_size): the shifts along x and y for every class of
    output channels. Without it (`no_trans`) nothing is shifted. The gradient goes to the data and to `trans`.
    Source: Dai et al. 2017, https://arxiv.org/abs/1703.06211.
    """

    spatial_scale: float = P(
        REQUIRED, "size of the data relative to the image that the regions refer to", low=0.0001, high=1
    )
    output_dim: int = P(REQUIRED, "channels of the output")
    group_size: int = P(REQUIRED, "rows and columns of groups of channels")
    pooled_size: int = P(REQUIRED, "rows and columns of the output")
    part_size: int = P(0, "rows and columns of `trans`; as `pooled_size` if 0")
    sample_per_part: int = P(1, "points of a bin along each axis")
    trans_std: float = P(0.0, "what the shifts are multiplied by", low=0, high=1)
    no_trans: bool = P(False, "there is no `trans`")

    inputs = lambda p: ("data", "rois") if p.no_trans else ("data", "rois", "trans")
    hidden = ("top_count",)

    def infer_shape(p, ins, outs):
        data, rois = _regions(ins[0], ins[1], 5)
        needed = p.output_dim * p.group_size * p.group_size
        if data and data[1] and data[1] != needed:
            raise ShapeError(
                f"data must have {p.output_dim} * {p.group_size} * {p.group_size} channels, not {data[1]}"
            )
        shapes = [data, rois]
        if not p.no_trans:
            part = p.part_size or p.pooled_size
            trans = unify(ins[2], (0, 0, part, part))
            if trans[1] and (trans[1] % 2 or p.output_dim % (trans[1] // 2)):
                raise ShapeError(
                    "trans must have twice as many channels as there are classes, and the "
                    f"{p.output_dim} output channels must be a multiple of the classes; it has {trans[1]}"
                )
            shapes.append(trans)
        size = (rois[0], p.output_dim, p.pooled_size, p.pooled_size)
        return shapes, [unify(outs[0], size), size]

    def compute(p, run, ins, outs):
        for at, image, points in _moved(p, ins):
            pixels = ins[0][image, points.channel]
            values = sum(pixels[y, x] * weight for y, x, weight in points.corners())
            outs[1][at] = points.count
            outs[0][at] = values.sum(dtype=np.float32) / points.count if points.count else 0

    def gradient(p, run, gs, ins, outs, igs):
        for g in igs:
            if g is not None:
                g[...] = 0
        shifts = None if p.no_trans else igs[2]
        for at, image, points in _moved(p, ins):
            if not points.count:
                continue
            g = gs[0][at] / outs[1][at]
            if igs[0] is not None:
                for y, x, weight in points.corners():
                    np.add.at(igs[0][image, points.channel], (y, x), g * weight)
            if shifts is not None:
                slopes = points.slopes(ins[0][image, points.channel])
                for k in (0, 1):
                    scale = g * np.float32(p.trans_std) * points.size[1 - k]
                    shifts[(at[0], 2 * points.kind + k, *points.part)] += slopes[k].sum() * scale


class _Points:
    """The points of one bin that lie inside the image. `channel`: the one that the bin reads; `size`: height
    and width of the region; `part` and `kind`: the place in `trans`, and the class, of the bin's shift."""

    def __init__(self, y, x, limits, channel: int, size, part, kind: int):
        h, w = limits
        inside = (x >= -0.5) & (x <= w - 0.5) & (y >= -0.5) & (y <= h - 0.5)
        self.count = int(inside.sum())
        y, x = np.clip(y, 0, h - 1)[inside], np.clip(x, 0, w - 1)[inside]
        self.channel, self.size, self.part, self.kind = channel, size, part, kind
        self.rows = [f(y).astype(int) for f in (np.floor, np.ceil)]
        self.columns = [f(x).astype(int) for f in (np.floor, np.ceil)]
        self.dy, self.dx = (y - self.rows[0]).astype(np.float32), (x - self.columns[0]).astype(np.float32)

    def corners(self):
        """(rows, columns, weights) of the four pixels around the points."""
        for y, down in zip(self.rows, (1 - self.dy, self.dy)):
            for x, across in zip(self.columns, (1 - self.dx, self.dx)):
                yield y, x, down * across

    def slopes(self, pixels):
        """How the interpolated values change along x, and along y."""
        (a, b), (c, d) = [[pixels[y, x] for x in self.columns] for y in self.rows]
        return (
            (d - c) * self.dy + (b - a) * (1 - self.dy),
            (d - b) * self.dx + (c - a) * (1 - self.dx),
        )


def _moved(p, ins):
    """((region, channel, row, column), image, points) of every bin."""
    f, group, part = np.float32, p.group_size, p.part_size or p.pooled_size
    trans = None if p.no_trans else ins[2]
    each = p.output_dim if trans is None else p.output_dim // (trans.shape[1] // 2)
    steps = np.arange(p.sample_per_part, dtype=f)
    for region, roi in enumerate(ins[1].astype(f)):
        rounded = np.trunc(roi[1:] + np.copysign(f(0.5), roi[1:]))
        x1, y1 = rounded[:2] * f(p.spatial_scale) - f(0.5)
        x2, y2 = (rounded[2:] + 1) * f(p.spatial_scale) - f(0.5)
        size = np.maximum(np.array([y2 - y1, x2 - x1], f), f(0.1))
        bins = size / f(p.pooled_size)
        small = bins / f(p.sample_per_part)
        for c, i, j in np.ndindex(p.output_dim, p.pooled_size, p.pooled_size):
            moved_by, kind = [int(f(k) / f(p.pooled_size) * part) for k in (i, j)], c // each
            shift = np.zeros(2, f)
            if trans is not None:
                shift = trans[(region, [2 * kind + 1, 2 * kind], *moved_by)]
            start = np.array([i * bins[0] + y1, j * bins[1] + x1], f) + shift * f(p.trans_std) * size
            y, x = np.meshgrid(start[0] + steps * small[0], start[1] + steps * small[1], indexing="ij")
            rows, columns = (min(k * group // p.pooled_size, group - 1) for k in (i, j))
            channel = (c * group + rows) * group + columns
            points = _Points(y, x, ins[0].shape[2:], channel, size, moved_by, kind)
            yield (region, c, i, j), int(roi[0]), points
