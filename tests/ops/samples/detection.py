import numpy as np

from tests.ops.sample import F, S, draw
from tests.ops.samples.boxes import boxes

_ANCHORS = boxes(16, 1, batch=(1,))[..., 1:]
_LABELS = np.array(
    [
        [[1, 0.1, 0.1, 0.4, 0.5], [0, 0.3, 0.4, 0.9, 0.9], [-1, -1, -1, -1, -1]],
        [[2, 0.5, 0.2, 0.8, 0.6], [-1, -1, -1, -1, -1], [-1, -1, -1, -1, -1]],
        [[-1, -1, -1, -1, -1]] * 3,
    ],
    np.float32,
)
_WIDE = np.concatenate([_LABELS, np.zeros((3, 3, 2), np.float32)], axis=2)

_PIXELS = {"rtol": 1e-5, "atol": 1e-4, "why": "differences of coordinates of up to a hundred pixels"}


def probabilities(b, c, n, seed):
    x = np.exp(np.random.default_rng(seed).standard_normal((b, c, n)))
    return (x / x.sum(axis=1, keepdims=True)).astype(np.float32)


def _proposals(images: int) -> list:
    """Samples of both proposal operators, for that number of images."""
    return [
        S(
            {"rpn_post_nms_top_n": 8, "rpn_min_size": 4, "scales": (2.0, 4.0), "ratios": (0.5, 1.0)},
            draw(images, 8, 4, 5, low=0.0, high=1.0),
            draw(images, 16, 4, 5, low=-0.3, high=0.3),
            [[70.0, 90.0, 1.0]] * images,
            grad=False,
            **_PIXELS,
        ),
        S(
            {
                "rpn_pre_nms_top_n": 20,
                "rpn_post_nms_top_n": 30,
                "threshold": 0.5,
                "scales": (3.0,),
                "feature_stride": 8,
                "output_score": True,
            },
            draw(images, 6, 7, 9, low=0.0, high=1.0),
            draw(images, 12, 7, 9, low=-0.3, high=0.3),
            [[50.0, 60.0, 0.5]] * images,
            grad=False,
            **_PIXELS,
        ),
        S(
            {"rpn_post_nms_top_n": 12, "iou_loss": True, "scales": (2.0,), "ratios": (1.0, 2.0)},
            draw(images, 4, 4, 5, low=0.0, high=1.0),
            draw(images, 8, 4, 5, low=-4.0, high=4.0),
            [[70.0, 90.0, 1.0]] * images,
            grad=False,
            **_PIXELS,
        ),
        S(
            {"rpn_post_nms_top_n": 6, "rpn_pre_nms_top_n": 10},
            draw(images, 24, 5, 6, low=0.0, high=1.0),
            draw(images, 48, 5, 6, low=-0.3, high=0.3),
            [[70.0, 90.0, 1.0]] * images,
            grad=False,
            **_PIXELS,
        ),
        S(
            {
                "rpn_post_nms_top_n": 10,
                "threshold": 0.9,
                "ratios": (1.0,),
                "scales": (1.0, 2.0),
                "output_score": True,
            },
            draw(images, 4, 5, 6, low=0.0, high=1.0),
            draw(images, 8, 5, 6, low=-0.3, high=0.3),
            [[70.0, 90.0, 1.0]] * images,
            grad=False,
            **_PIXELS,
        ),
        F("differ", {}, (images, 24, 3, 4), (images, 40, 3, 4), (images, 3)),
    ]


SAMPLES = {
    "_contrib_MultiBoxPrior": [
        S({}, (2, 3, 4, 5), grad=False),
        S({"sizes": (0.3, 0.2, 0.1), "ratios": (1.0, 2.0, 0.5)}, (1, 2, 3, 7), grad=False),
        S(
            {"sizes": (0.9,), "ratios": (2.0, 1.0), "clip": True, "offsets": (0.3, 0.6)},
            (1, 1, 3, 2),
            grad=False,
        ),
        S({"sizes": (0.4, 0.6), "steps": (0.2, 0.3)}, (1, 1, 2, 3), grad=False),
        S({"sizes": (0.5,), "ratios": (1.0, 3.0)}, (1, 1, 1, 1), grad=False),
        F("4 axes", {}, (2, 3, 4)),
        F("must be positive", {"sizes": (-1.0,)}, (1, 2, 3, 4)),
    ],
    "_contrib_MultiBoxTarget": [
        S(
            {},
            _ANCHORS,
            _LABELS,
            (3, 4, 16),
            grad=False,
            rtol=1e-4,
            atol=1e-5,
            why="logarithms of quotients, divided by 0.2",
        ),
        S(
            {"overlap_threshold": 0.3, "negative_mining_ratio": 3.0, "negative_mining_thresh": 0.3},
            _ANCHORS,
            _LABELS,
            (3, 4, 16),
            grad=False,
            rtol=1e-4,
            atol=1e-5,
            why="logarithms of quotients, divided by 0.2",
        ),
        S(
            {
                "overlap_threshold": 0.4,
                "negative_mining_ratio": 1.0,
                "ignore_label": -7.0,
                "minimum_negative_samples": 6,
            },
            _ANCHORS,
            _WIDE,
            (3, 4, 16),
            grad=False,
            rtol=1e-4,
            atol=1e-5,
            why="logarithms of quotients, divided by 0.2",
        ),
        S(
            {"variances": (1.0, 1.0, 1.0, 1.0), "overlap_threshold": -1.0},
            _ANCHORS,
            _LABELS,
            (3, 4, 16),
            grad=False,
        ),
        S(
            {"overlap_threshold": 0.2},
            _ANCHORS,
            _LABELS[:2],
            (2, 3, 16),
            grad=False,
            rtol=1e-4,
            atol=1e-5,
            why="logarithms of quotients, divided by 0.2",
        ),
        F("5 numbers an object", {}, (1, 16, 4), (3, 3, 4), (3, 4, 16)),
        F("differ", {}, (1, 16, 4), (3, 3, 5), (3, 4, 15)),
    ],
    "_contrib_MultiBoxDetection": [
        S({}, probabilities(2, 3, 16, 2), draw(2, 64, low=-1.0, high=1.0), _ANCHORS, grad=False),
        S(
            {"threshold": 0.5, "nms_threshold": 0.3},
            probabilities(2, 4, 16, 3),
            draw(2, 64),
            _ANCHORS,
            grad=False,
        ),
        S(
            {"force_suppress": True, "nms_threshold": 0.2, "clip": False},
            probabilities(1, 4, 16, 4),
            draw(1, 64),
            _ANCHORS,
            grad=False,
        ),
        S(
            {"nms_topk": 4, "nms_threshold": 0.4},
            probabilities(2, 3, 16, 5),
            draw(2, 64),
            _ANCHORS,
            grad=False,
        ),
        S(
            {"nms_threshold": -1.0, "variances": (0.2, 0.2, 0.1, 0.1)},
            probabilities(1, 3, 16, 6),
            draw(1, 64),
            _ANCHORS,
            grad=False,
        ),
        F("differ", {}, (2, 3, 16), (2, 60), (1, 16, 4)),
    ],
    "_contrib_Proposal": _proposals(1),
    "_contrib_MultiProposal": _proposals(2),
}
