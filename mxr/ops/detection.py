"""Object detection (SSD, Faster R-CNN): anchors over a feature map, training targets for them, and boxes from
the network's outputs."""

from __future__ import annotations

import numpy as np

from mxr.operator import Floats, MxError, P, ShapeError, op, shape_text, unify
from mxr.ops.boxes import centres, overlaps, suppressed

# ----------------------------------------------------------------------------------- one shot: MultiBox (SSD)


@op("_contrib_MultiBoxPrior", zero_gradient=True)
class MultiBoxPrior:
    """Anchors for every pixel of a feature map: boxes of all `sizes` with the first of `ratios`, and of the
    first size with the other ratios.

    Sizes and results are relative to the image: 0 is its left or upper edge, 1 the right or lower one. Only
    the height and the width of the data count. Returns an array (1, pixels * anchors, 4) in C order of left,
    top, right, bottom.
    """

    sizes: Floats = P((1.0,), "the sizes of anchors")
    ratios: Floats = P((1.0,), "their ratios of width to height")
    clip: bool = P(False, "cut anchors off at the edges of the image")
    steps: Floats = P((-1.0, -1.0), "distance of anchors along y and x; by default one pixel")
    offsets: Floats = P((0.5, 0.5), "where an anchor's centre lies within a pixel, along y and x")

    def infer_shape(p, ins, outs):
        data, each = ins[0], len(p.sizes) + len(p.ratios) - 1
        if data is None:
            return ins, outs
        if len(data) != 4:
            raise ShapeError(f"the data must have 4 axes, not the shape {shape_text(data)}")
        if not p.sizes or not p.ratios or len(p.steps) != 2 or len(p.offsets) != 2:
            raise ShapeError("sizes and ratios need one number or more, steps and offsets two")
        if min(*p.sizes, *p.ratios) <= 0:
            raise ShapeError("sizes and ratios must be positive")
        return ins, [unify(outs[0], (1, data[2] * data[3] * each, 4))]

    def compute(p, run, ins, outs):
        h, w = ins[0].shape[2:]
        f = np.float32
        step_y, step_x = (f(s) if s > 0 else f(1) / f(n) for s, n in zip(p.steps, (h, w)))
        y = (np.arange(h, dtype=f) + f(p.offsets[0])) * step_y
        x = (np.arange(w, dtype=f) + f(p.offsets[1])) * step_x
        shapes = [(s, p.ratios[0]) for s in p.sizes] + [(p.sizes[0], r) for r in p.ratios[1:]]
        half = np.array(
            [[f(s) * f(h) / f(w) * np.sqrt(f(r)) / 2, f(s) / np.sqrt(f(r)) / 2] for s, r in shapes], f
        )
        middle = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1)[:, :, None]
        boxes = np.concatenate([middle - half, middle + half], axis=-1)
        outs[0][...] = (np.clip(boxes, 0, 1) if p.clip else boxes).reshape(outs[0].shape)


def _variances(p) -> np.ndarray:
    if len(p.variances) != 4:
        raise MxError(f"variances must be 4 numbers, not {len(p.variances)}")
    return np.array(p.variances, np.float32)


@op("_contrib_MultiBoxTarget", zero_gradient=True)
class MultiBoxTarget:
    """The training targets of a detector at its anchors, from the objects in each image.

    `label` has a row for each object: class, left, top, right, bottom; a class of -1 ends an image's list.
    Each object gets the anchor that it overlaps most. Every other anchor gets the object that it overlaps
    most, if the overlap is more than `overlap_threshold`. All other anchors are background. With
    `negative_mining_ratio`, only that number of them is background for each anchor with an object: those to
    which `cls_pred` (samples, classes, anchors) gives the lowest probability of background.

    Returns offsets (samples, anchors * 4), a mask of which of them count, and classes (samples, anchors): 0
    for background, the object's class plus 1, or `ignore_label`.
    """

    overlap_threshold: float = P(0.5, "the overlap from which an anchor takes an object")
    ignore_label: float = P(-1.0, "class of anchors that do not count")
    negative_mining_ratio: float = P(-1.0, "background anchors for each one with an object; all if negative")
    negative_mining_thresh: float = P(0.5, "only anchors that overlap objects less can be background then")
    minimum_negative_samples: int = P(0, "has no effect, as in MXNet")
    variances: Floats = P((0.1, 0.1, 0.2, 0.2), "what offsets are divided by")

    inputs, outputs = ("anchor", "label", "cls_pred"), ("loc_target", "loc_mask", "cls_target")

    def infer_shape(p, ins, outs):
        anchor, label, pred = (unify(s, like) for s, like in zip(ins, ((1, 0, 4), (0, 0, 0), (0, 0, 0))))
        if label[2] and label[2] < 5:
            raise ShapeError(f"label must have 5 numbers an object, not {label[2]}")
        pred = unify(pred, (label[0], 0, anchor[1]))
        n, boxes = pred[0], anchor[1]
        return [anchor, label, pred], [(n, boxes * 4), (n, boxes * 4), (n, boxes)]

    def compute(p, run, ins, outs):
        anchors, variances = ins[0][0], _variances(p)
        offsets, mask, classes = outs
        offsets[...], mask[...], classes[...] = 0, 0, p.ignore_label
        for b, (label, pred) in enumerate(zip(ins[1], ins[2])):
            none = np.flatnonzero(label[:, 0] == -1)
            objects = label[: none[0]] if len(none) else label
            if len(objects):
                found, flags = _matched(p, overlaps(anchors, objects[:, 1:5]), pred)
                classes[b, flags == 0] = 0
                at = np.flatnonzero(flags == 1)
                theirs = objects[found[at]]
                classes[b, at] = theirs[:, 0] + 1
                mask[b].reshape(-1, 4)[at] = 1
                offsets[b].reshape(-1, 4)[at] = _offsets(anchors[at], theirs[:, 1:5]) / variances


def _offsets(anchors, boxes):
    own, theirs = centres(anchors), centres(boxes)
    return np.concatenate(
        [(theirs[:, :2] - own[:, :2]) / own[:, 2:], np.log(theirs[:, 2:] / own[:, 2:])], axis=1
    )


def _matched(p, much: np.ndarray, pred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the number of every anchor's object, flags: 1 for an anchor with an object, 0 for background, -1 for
    neither)."""
    flags, found, best = np.full(len(much), -1), much.argmax(axis=1), much.max(axis=1)
    left = much.copy()
    for _ in range(much.shape[1]):  # every object gets the anchor that overlaps it most, the best pair first
        i, j = divmod(int(left.argmax()), left.shape[1])
        if not left[i, j] > 1e-6:
            break
        flags[i], found[i] = 1, j
        left[i], left[:, j] = -1, -1
    if p.overlap_threshold > 0:
        flags[(flags != 1) & (best > np.float32(p.overlap_threshold))] = 1
    positive = int((flags == 1).sum())
    if p.negative_mining_ratio <= 0:
        flags[flags != 1] = 0
        return found, flags
    count = min(int(np.float32(positive) * np.float32(p.negative_mining_ratio)), len(flags) - positive)
    if count > 0:
        able = np.flatnonzero((flags != 1) & (best < np.float32(p.negative_mining_thresh)))
        if len(able) < count:
            raise MxError(
                f"negative_mining_ratio needs {count} background anchors, but only {len(able)} overlap "
                f"objects by less than negative_mining_thresh = {p.negative_mining_thresh:g}; raise it, or "
                "lower the ratio"
            )
        e = np.exp(pred[:, able] - pred[:, able].max(axis=0))
        flags[able[np.argsort(e[0] / e.sum(axis=0), kind="stable")[:count]]] = 0
    return found, flags


@op("_contrib_MultiBoxDetection", zero_gradient=True)
class MultiBoxDetection:
    """Objects from a detector's outputs at its anchors.

    `cls_prob` (samples, classes, anchors) has the probabilities of the classes, background first; `loc_pred`
    the offsets. Anchors whose best class has at least the probability `threshold` become boxes; of those of
    one class (or any: `force_suppress`) that overlap by `nms_threshold` or more, the most probable one stays.

    Returns an array (samples, anchors, 6) in C order: class from 0 (-1: none), probability, left, top, right,
    bottom; the most probable first.
    """

    clip: bool = P(True, "cut boxes off at the edges of the image")
    threshold: float = P(0.01, "the least probability of an object")
    background_id: int = P(0, "class of the background; it is always 0")
    nms_threshold: float = P(0.5, "the overlap from which the less probable box is dropped")
    force_suppress: bool = P(False, "drop boxes of other classes too")
    variances: Floats = P((0.1, 0.1, 0.2, 0.2), "what offsets are multiplied by")
    nms_topk: int = P(-1, "the number of boxes, the most probable ones, that stay; all if not positive")

    inputs = ("cls_prob", "loc_pred", "anchor")

    def infer_shape(p, ins, outs):
        prob, loc, anchor = (unify(s, like) for s, like in zip(ins, ((0, 0, 0), (0, 0), (1, 0, 4))))
        n = (prob and prob[2]) or anchor[1]
        prob, anchor = unify(prob, (loc[0], 0, n)), unify(anchor, (1, n, 4))
        loc = unify(loc, (prob[0], 4 * n))
        return [prob, loc, anchor], [unify(outs[0], (prob[0], n, 6))]

    def compute(p, run, ins, outs):
        prob, loc, anchor = ins
        out, variances, own = outs[0], _variances(p), centres(anchor[0])
        out[...] = -1
        best = prob[:, 1:].max(axis=1) if prob.shape[1] > 1 else np.full(prob[:, 0].shape, -1, prob.dtype)
        which = prob[:, 1:].argmax(axis=1) if prob.shape[1] > 1 else np.zeros(best.shape, int)
        for b in range(len(prob)):
            at = np.flatnonzero((best[b] > -1) & ~(best[b] < np.float32(p.threshold)))
            said = loc[b].reshape(-1, 4)[at] * variances
            middle = said[:, :2] * own[at, 2:] + own[at, :2]
            half = np.exp(said[:, 2:]) * own[at, 2:] / 2
            boxes = np.concatenate([middle - half, middle + half], axis=1)
            rows = np.concatenate(
                [which[b, at, None], best[b, at, None], np.clip(boxes, 0, 1) if p.clip else boxes], axis=1
            )
            if 0 < p.nms_threshold <= 1 and len(rows):
                keep = min(len(rows), p.nms_topk) if p.nms_topk > 0 else len(rows)
                best_first = rows[np.argsort(-rows[:, 1], kind="stable")[:keep]]
                rows[:keep], rows[keep:, 0] = best_first, -1  # the other rows keep their order
                gone = suppressed(
                    rows[:keep, 2:].astype(out.dtype),
                    None if p.force_suppress else rows[:keep, 0],
                    p.nms_threshold,
                    True,
                )
                rows[:keep][gone, 0] = -1
            out[b, : len(rows)] = rows


# ----------------------------------------------------------------------- two stages: proposals (Faster R-CNN)


class _Proposals:
    """The parameters, inputs and outputs of both operators."""

    rpn_pre_nms_top_n: int = P(
        6000, "the number of boxes, those of the highest scores, that take part in suppression"
    )
    rpn_post_nms_top_n: int = P(300, "the number of boxes proposed for each image")
    threshold: float = P(0.7, "the overlap from which a box is dropped")
    rpn_min_size: int = P(16, "boxes with a shorter side, in pixels of the original image, are dropped")
    scales: Floats = P((4.0, 8.0, 16.0, 32.0), "sizes of the anchors, times `feature_stride`")
    ratios: Floats = P((0.5, 1.0, 2.0), "their ratios of height to width")
    feature_stride: int = P(16, "pixels of the image for each one of the feature map")
    output_score: bool = P(False, "return the scores as well")
    iou_loss: bool = P(False, "`bbox_pred` are moves of the corners, not offsets")

    inputs = ("cls_prob", "bbox_pred", "im_info")
    outputs = lambda p: ("output", "score") if p.output_score else ("output",)
    hidden = lambda p: () if p.output_score else ("score",)


def _proposal_shape(p, ins, many: bool):
    prob, pred, info = ins
    k = len(p.scales) * len(p.ratios)
    prob = unify(prob, (0, 2 * k, 0, 0))
    pred = unify(pred, (prob[0], 4 * k, *prob[2:]))
    prob = unify(prob, (pred[0], 2 * k, *pred[2:]))
    if prob[0] > 1 and not many:
        raise ShapeError(f"takes one image at a time, not {prob[0]}; _contrib_MultiProposal takes several")
    n = (prob[0] if many else 1) * p.rpn_post_nms_top_n
    return [prob, pred, unify(info, (prob[0], 3))], [(n, 5), (n, 1)]


def _propose(p, ins, outs, many: bool) -> None:
    prob, pred, info = ins
    n = p.rpn_post_nms_top_n
    for b in range(len(prob)):
        boxes, scores = _proposed(p, prob[b], pred[b], info[b], many)
        rows = slice(b * n, (b + 1) * n)
        outs[0][rows, 0], outs[0][rows, 1:], outs[1][rows, 0] = b, boxes, scores


def _base_anchors(p) -> np.ndarray:
    """The anchors of the first pixel, ratios before scales, with whole sizes."""
    size = p.feature_stride
    middle, area_of = (size - 1) / 2, size * size
    anchors = []
    for ratio in p.ratios:
        w = np.floor(np.sqrt(np.floor(np.float32(area_of) / np.float32(ratio))) + 0.5)
        h = np.floor(w * np.float32(ratio) + 0.5)
        for scale in p.scales:
            half = np.array([w * scale - 1, h * scale - 1]) / 2
            anchors.append([*(middle - half), *(middle + half)])
    return np.array(anchors, np.float32)


def _proposed(p, prob, pred, info, many: bool):
    """The boxes and scores that are proposed for one image."""
    f = np.float32
    k = len(p.scales) * len(p.ratios)
    h, w = prob.shape[1:]
    y, x = np.mgrid[:h, :w].astype(f) * f(p.feature_stride)
    shift = np.stack([x, y, x, y], axis=-1)[:, :, None]
    anchors = (_base_anchors(p) + shift).astype(f)  # (h, w, k, 4)
    moves = pred.reshape(k, 4, h, w).transpose(2, 3, 0, 1)
    scores = prob[k:].transpose(1, 2, 0).copy()
    if p.iou_loss:
        boxes = anchors + moves
    else:
        size = anchors[..., 2:] - anchors[..., :2] + f(1)
        middle = anchors[..., :2] + f(0.5) * (size - f(1))
        centre = moves[..., :2] * size + middle
        half = f(0.5) * (np.exp(moves[..., 2:]) * size - f(1))
        boxes = np.concatenate([centre - half, centre + half], axis=-1)
    limit = np.array([info[1] - 1, info[0] - 1] * 2, f)
    boxes = np.maximum(np.minimum(boxes, limit), 0)
    real_h, real_w = int(info[0] / f(p.feature_stride)), int(info[1] / f(p.feature_stride))
    if real_h > h or real_w > w:
        raise MxError(
            f"im_info has {info[0]:g} x {info[1]:g} pixels, more than a feature map of {h} x {w} with "
            f"feature_stride = {p.feature_stride} covers"
        )
    scores[real_h:] = -1
    scores[:, real_w:] = -1
    boxes, scores = boxes.reshape(-1, 4), scores.reshape(-1)
    least = f(p.rpn_min_size) * info[2]
    small = (boxes[:, 2] - boxes[:, 0] + 1 < least) | (boxes[:, 3] - boxes[:, 1] + 1 < least)
    boxes[small] += np.array([-1, -1, 1, 1], f) * least / 2
    scores[small] = -1
    before = len(scores) if p.rpn_pre_nms_top_n <= 0 else min(p.rpn_pre_nms_top_n, len(scores))
    order = np.argsort(-scores, kind="stable")[:before]
    boxes, scores = boxes[order], scores[order]
    kept = _kept(boxes, f(p.threshold), min(p.rpn_post_nms_top_n, before))
    if not len(kept):
        return np.zeros((p.rpn_post_nms_top_n, 4), f), np.zeros(p.rpn_post_nms_top_n, f)
    kept = kept[np.arange(p.rpn_post_nms_top_n) % len(kept)]  # if too few: from the first again
    return boxes[kept], scores[kept]


def _kept(boxes, threshold, most: int) -> np.ndarray:
    """The numbers of the boxes, best first, that overlap no better box by more than the threshold; at most
    `most`. The side of a box is the difference of its corners plus one pixel."""
    areas = (boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1)
    gone = np.zeros(len(boxes), bool)
    kept: list[int] = []
    for i in range(len(boxes)):
        if len(kept) == most:
            break
        if not gone[i]:
            kept.append(i)
            both = np.maximum(
                np.minimum(boxes[i, 2:], boxes[i + 1 :, 2:])
                - np.maximum(boxes[i, :2], boxes[i + 1 :, :2])
                + 1,
                0,
            ).prod(axis=1)
            gone[i + 1 :] |= both / (areas[i] + areas[i + 1 :] - both) > threshold
    return np.array(kept, int)


_DOC = """Boxes that may hold an object, from the scores and offsets that a region proposal network gives its
anchors.

`cls_prob` (samples, 2 * anchors, rows, columns) has the anchors' probabilities of background, then those of
objects; `bbox_pred` their offsets; `im_info` a row for each image: height, width, and scale. Boxes are cut
off at the image. Those with the highest scores are taken, and of boxes that overlap, the best one is kept. If
there are too few, they are repeated from the first one on.

Returns rows of the sample's index and left, top, right, bottom"""


@op("_contrib_Proposal", zero_gradient=True)
class Proposal(_Proposals):  # noqa: D101  (its docstring is below)
    __doc__ = _DOC + "; for one image."

    def infer_shape(p, ins, outs):
        return _proposal_shape(p, ins, many=False)

    def compute(p, run, ins, outs):
        _propose(p, ins, outs, many=False)


@op("_contrib_MultiProposal", zero_gradient=True)
class MultiProposal(_Proposals):  # noqa: D101  (its docstring is below)
    __doc__ = _DOC + ", `rpn_post_nms_top_n` rows for each image."

    def infer_shape(p, ins, outs):
        return _proposal_shape(p, ins, many=True)

    def compute(p, run, ins, outs):
        _propose(p, ins, outs, many=True)
