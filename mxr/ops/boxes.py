"""Boxes: overlaps, non-maximum suppression, matching, and offsets between boxes. Corners are (left, top,
right, bottom)."""

from __future__ import annotations

import numpy as np

from mxr.operator import REQUIRED, P, ShapeError, op, shape_text, unify


def corners(boxes: np.ndarray, form: str) -> np.ndarray:
    """Boxes (..., 4) as corners, from corners or from (x, y, width, height) of the centre."""
    if form == "corner":
        return boxes
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


def centres(boxes: np.ndarray) -> np.ndarray:
    """Corners (..., 4) as (x, y, width, height)."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=-1)


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (n, 4) and (m, 4), given by corners, as (n, m); 0 where the union is
    empty."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.maximum(high - low, 0).prod(axis=-1)
    either = area(a)[:, None] + area(b)[None] - both
    with np.errstate(all="ignore"):
        return np.where(either > 0, both / either, 0).astype(a.dtype)


def area(boxes: np.ndarray) -> np.ndarray:
    """The area of boxes given by corners; 0 where the corners are swapped."""
    return np.maximum(boxes[..., 2:] - boxes[..., :2], 0).prod(axis=-1)


def suppressed(boxes: np.ndarray, classes: np.ndarray | None, threshold: float, at_least: bool) -> np.ndarray:
    """A mask of the suppressed boxes among `boxes` (n, 4), which are sorted, the best first. A box is
    suppressed if it overlaps, by more than the threshold, a better box that is not suppressed itself (with
    `at_least`: by at least the threshold). With `classes`, only boxes of one class suppress each other."""
    gone = np.zeros(len(boxes), bool)
    for i in range(len(boxes) - 1):
        if not gone[i]:
            rest = slice(i + 1, None)
            much = overlaps(boxes[i : i + 1], boxes[rest])[0]
            hit = much >= threshold if at_least else much > threshold
            gone[rest] |= hit if classes is None else hit & (classes[rest] == classes[i])
    return gone


def _last_four(name: str, shape) -> None:
    if shape is not None and (not shape or shape[-1] not in (0, 4)):
        raise ShapeError(
            f"{name} must have 4 numbers a box on its last axis, not the shape {shape_text(shape)}"
        )


_FORMAT = ("center", "corner")


@op("_contrib_box_iou", zero_gradient=True)
class BoxIou:
    """Intersection over union of every box of `lhs` with every box of `rhs`.

    Boxes are the last C-order axis (in R: the first dimension) of 4 numbers: corners, or centre, width and
    height. The result has the other axes of `lhs`, then those of `rhs`.
    """

    format: str = P("corner", "what the numbers of a box are", one_of=_FORMAT)

    inputs = ("lhs", "rhs")

    def infer_shape(p, ins, outs):
        _last_four("lhs", ins[0])
        _last_four("rhs", ins[1])
        return ins, [(*ins[0][:-1], *ins[1][:-1])] if None not in ins else outs

    def compute(p, run, ins, outs):
        a, b = (corners(x.reshape(-1, 4), p.format) for x in ins)
        outs[0][...] = overlaps(a, b).reshape(outs[0].shape)


@op("_contrib_box_nms", "_contrib_box_non_maximum_suppression", keeps=())
class BoxNms:
    """Keeps the best of boxes that overlap (non-maximum suppression).

    The last C-order axis of the data holds a box's score, coordinates and class, at the given positions; the
    axis before it the boxes. Boxes with a score above `valid_thresh`, of another class than `background_id`,
    are ordered by their scores, the best first; one that overlaps a better one of its class (or any:
    `force_suppress`) by more than `overlap_thresh` is dropped.

    Returns an array like the data: the boxes that stay, best first, then rows of -1. The gradient goes to the
    boxes that stayed.
    """

    overlap_thresh: float = P(0.5, "the overlap from which a box is dropped")
    valid_thresh: float = P(0.0, "boxes with this score or less are dropped")
    topk: int = P(-1, "the number of boxes, those of the highest scores, that take part; all if negative")
    coord_start: int = P(2, "position of the first of the 4 coordinates")
    score_index: int = P(1, "position of the score")
    id_index: int = P(-1, "position of the class; negative: there are no classes")
    background_id: int = P(-1, "class of boxes that are dropped; negative: none")
    force_suppress: bool = P(False, "drop boxes of other classes too")
    in_format: str = P("corner", "what the coordinates are", one_of=_FORMAT)
    out_format: str = P("corner", "what the coordinates of the result are", one_of=_FORMAT)

    outputs, hidden = ("output0",), ("output1",)

    def infer_shape(p, ins, outs):
        data = unify(ins[0], outs[0])
        if data is None:
            return ins, outs
        if len(data) < 2:
            raise ShapeError(f"the data must have 2 or more axes, not the shape {shape_text(data)}")
        last = max(p.coord_start + 3, p.score_index, p.id_index)
        if data[-1] and (last >= data[-1] or min(p.coord_start, p.score_index) < 0):
            raise ShapeError(f"coord_start, score_index and id_index do not fit boxes of {data[-1]} numbers")
        return [data], [data, (*data[:-1], 1)]

    def compute(p, run, ins, outs):
        data, record = ins[0].reshape(-1, *ins[0].shape[-2:]), outs[1].reshape(-1, ins[0].shape[-2])
        out = outs[0].reshape(data.shape)
        out[...], record[...] = -1, -1
        at = slice(p.coord_start, p.coord_start + 4)
        for b, boxes in enumerate(data):
            valid = boxes[:, p.score_index] > p.valid_thresh
            if p.id_index >= 0 and p.background_id >= 0:
                valid &= boxes[:, p.id_index] != p.background_id
            order = np.flatnonzero(valid)
            order = order[np.argsort(-boxes[order, p.score_index], kind="stable")]
            order = order if p.topk < 0 else order[: p.topk]
            classes = None if p.id_index < 0 or p.force_suppress else boxes[order, p.id_index].astype(int)
            places = corners(boxes[order, at], p.in_format)
            order = order[~suppressed(places, classes, p.overlap_thresh, False)]
            kept = boxes[order].copy()
            if p.in_format != p.out_format:
                kept[:, at] = (
                    corners(kept[:, at], "center") if p.out_format == "corner" else centres(kept[:, at])
                )
            out[b, : len(order)] = kept
            record[b, : len(order)] = b * len(boxes) + order

    def gradient(p, run, gs, ins, outs, igs):
        igs[0][...] = 0
        rows = igs[0].reshape(-1, igs[0].shape[-1])
        record = outs[1].ravel()
        there = np.flatnonzero(record >= 0)
        rows[record[there].astype(int)] = gs[0].reshape(rows.shape)[there]


@op("_contrib_bipartite_matching", zero_gradient=True)
class BipartiteMatching:
    """Pairs rows and columns of a matrix of scores, the best pair first, until all are paired or no score
    passes the threshold.

    Matrices are the last two C-order axes. Returns, for every row, its column or -1, and for every column,
    its row or -1.
    """

    is_ascend: bool = P(False, "the lowest score is the best")
    threshold: float = P(REQUIRED, "a pair needs a score above it (below, with `is_ascend`)")
    topk: int = P(-1, "stop after `topk + 1` pairs, as MXNet does; no limit if not positive")

    outputs = ("output0", "output1")

    def infer_shape(p, ins, outs):
        data = ins[0]
        if data is None:
            return ins, outs
        if len(data) < 2:
            raise ShapeError(f"the data must have 2 or more axes, not the shape {shape_text(data)}")
        return ins, [data[:-1], (*data[:-2], data[-1])]

    def compute(p, run, ins, outs):
        n, m = ins[0].shape[-2:]
        rows, columns = outs[0].reshape(-1, n), outs[1].reshape(-1, m)
        rows[...], columns[...] = -1, -1
        for scores, row, column in zip(ins[0].reshape(-1, n * m), rows, columns):
            pairs = 0
            for at in np.argsort(scores if p.is_ascend else -scores, kind="stable"):
                i, j = divmod(int(at), m)
                if row[i] == -1 and column[j] == -1:
                    if not (scores[at] < p.threshold if p.is_ascend else scores[at] > p.threshold):
                        break
                    row[i], column[j], pairs = j, i, pairs + 1
                    if 0 < p.topk < pairs:
                        break


@op("_contrib_box_encode", zero_gradient=True)
class BoxEncode:
    """The offsets from anchors to the boxes that they are matched with: what a detector learns.

    For an anchor with `samples` above 0.5, `refs[matches]` is its box. Its offsets are
    `((x - x_anchor) / width_anchor - mean) / std`, the same for y, and
    `(log(width / width_anchor) - mean) / std`, the same for the height. Returns the offsets, and a mask of
    them that is 1. For other anchors, both are 0.
    """

    inputs = ("samples", "matches", "anchors", "refs", "means", "stds")
    outputs = ("output0", "output1")

    def infer_shape(p, ins, outs):
        for name, s in zip(("anchors", "refs"), ins[2:4]):
            _last_four(name, s)
        anchors = unify(ins[2], outs[0], outs[1])
        four = [unify(s, (4,)) for s in ins[4:]]
        if anchors is None:
            return [*ins[:4], *four], outs
        return [unify(ins[0], anchors[:-1]), unify(ins[1], anchors[:-1]), anchors, ins[3], *four], [
            anchors,
            anchors,
        ]

    def compute(p, run, ins, outs):
        samples, matches, anchors, refs, means, stds = ins
        where = np.arange(len(refs))[:, None]
        theirs, own = centres(refs[where, matches.astype(int)]), centres(anchors)
        offsets = np.concatenate(
            [(theirs[..., :2] - own[..., :2]) / own[..., 2:], np.log(theirs[..., 2:] / own[..., 2:])], axis=-1
        )
        used = (samples > 0.5)[..., None]
        outs[0][...] = np.where(used, (offsets - means) / stds, 0)
        outs[1][...] = used


@op("_contrib_box_decode", zero_gradient=True)
class BoxDecode:
    """Boxes from anchors and offsets that a detector has found: the reverse of `box_encode`, as corners.

    The centre is `offset * std * size of the anchor + centre of the anchor`, the size
    `exp(offset * std) * size of the anchor`.
    """

    std0: float = P(1.0, "factor of the offset of x")
    std1: float = P(1.0, "factor of the offset of y")
    std2: float = P(1.0, "factor of the offset of the width")
    std3: float = P(1.0, "factor of the offset of the height")
    clip: float = P(-1.0, "the largest logarithm of a size; no limit if negative")
    format: str = P("center", "what the numbers of an anchor are", one_of=_FORMAT)

    inputs = ("data", "anchors")

    def infer_shape(p, ins, outs):
        _last_four("data", ins[0])
        _last_four("anchors", ins[1])
        data = unify(ins[0], outs[0])
        return [data, unify(ins[1], (1, *data[1:])) if data else ins[1]], [data]

    def compute(p, run, ins, outs):
        data, anchors = ins
        own = anchors if p.format == "center" else centres(anchors)
        scaled = data * np.array([p.std0, p.std1, p.std2, p.std3], data.dtype)
        sizes = np.minimum(scaled[..., 2:], p.clip) if p.clip > 0 else scaled[..., 2:]
        half = np.exp(sizes) * own[..., 2:] / 2
        middle = scaled[..., :2] * own[..., 2:] + own[..., :2]
        outs[0][..., :2], outs[0][..., 2:] = middle - half, middle + half
