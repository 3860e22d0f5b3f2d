import numpy as np

from tests.ops.sample import F, S, draw


def boxes(n, seed, classes=0, batch=(), form="corner"):
    """Rows of class (if any), score, and corners or centre and size."""
    rng = np.random.default_rng(seed)
    low, extent = rng.uniform(0, 0.7, (*batch, n, 2)), rng.uniform(0.1, 0.5, (*batch, n, 2))
    places = [low, low + extent] if form == "corner" else [low + extent / 2, extent]
    first = [rng.integers(0, classes, (*batch, n, 1))] if classes else []
    return np.concatenate([*first, rng.uniform(-0.2, 1, (*batch, n, 1)), *places], axis=-1).astype(np.float32)


SAMPLES = {
    "_contrib_box_iou": [
        S({}, boxes(4, 1)[:, 1:], boxes(3, 2)[:, 1:], grad=False),
        S(
            {"format": "center"},
            boxes(4, 3, form="center")[:, 1:],
            boxes(2, 4, batch=(2,), form="center")[..., 1:],
            grad=False,
        ),
        S({}, [[0.0, 0, 1, 1], [2, 2, 2, 2]], [[0.0, 0, 1, 1], [2, 2, 2, 2], [0.5, 0.5, 3, 0.7]], grad=False),
        S({}, boxes(2, 21, batch=(2,))[..., 1:], boxes(3, 22)[:, 1:], grad=False),
        S({}, boxes(1, 23)[:, 1:], boxes(1, 24)[:, 1:], grad=False),
        F("4 numbers a box", {}, (3, 5), (2, 4)),
        F("format", {"format": "corners"}, (3, 4), (2, 4)),
    ],
    "_contrib_box_nms": [
        S({"coord_start": 1, "score_index": 0}, boxes(12, 5), numeric=False),
        S({"id_index": 0, "overlap_thresh": 0.3}, boxes(12, 6, classes=3), numeric=False),
        S(
            {"id_index": 0, "overlap_thresh": 0.3, "force_suppress": True},
            boxes(12, 7, classes=3, batch=(2,)),
            numeric=False,
        ),
        S(
            {"id_index": 0, "overlap_thresh": 0.2, "valid_thresh": 0.3, "topk": 4, "background_id": 1},
            boxes(12, 8, classes=3, batch=(2, 2)),
            numeric=False,
        ),
        S(
            {"overlap_thresh": 0.3, "in_format": "center", "id_index": 0},
            boxes(9, 9, classes=2, form="center"),
            numeric=False,
        ),
        S(
            {"overlap_thresh": 0.3, "out_format": "center", "id_index": 0},
            boxes(9, 10, classes=2),
            numeric=False,
        ),
        S({"overlap_thresh": 0.3, "valid_thresh": 2.0}, boxes(5, 11, classes=2), numeric=False),
        F("do not fit", {"coord_start": 4}, (3, 6)),
        F("2 or more axes", {}, (6,)),
    ],
    "_contrib_bipartite_matching": [
        S({"threshold": 1e-12}, draw(3, 4, low=0.0, high=1.0), grad=False),
        S({"threshold": 0.4}, draw(2, 4, 3, low=0.0, high=1.0), grad=False),
        S({"threshold": 0.6, "is_ascend": True}, draw(5, 3, low=0.0, high=1.0), grad=False),
        S({"threshold": 0.1, "topk": 2}, draw(5, 4, low=0.0, high=1.0), grad=False),
        S({"threshold": 0.3}, draw(1, 6, low=0.0, high=1.0), grad=False),
        F("threshold is required", {}, (3, 4)),
        F("2 or more axes", {"threshold": 0.5}, (3,)),
    ],
    "_contrib_box_encode": [
        S(
            {},
            draw(2, 5, ints=True, high=2),
            draw(2, 5, ints=True, high=3),
            boxes(5, 12, batch=(2,))[..., 1:],
            boxes(3, 13, batch=(2,))[..., 1:],
            [0.1, 0.2, 0.0, -0.1],
            [0.1, 0.1, 0.2, 0.2],
            grad=False,
            rtol=1e-4,
            atol=1e-5,
            why="logarithms of quotients in single precision, divided by 0.1",
        ),
        S(
            {},
            draw(1, 4, ints=True, high=2),
            draw(1, 4, ints=True, high=3),
            boxes(4, 31, batch=(1,))[..., 1:],
            boxes(3, 44, batch=(1,))[..., 1:],
            [0, 0, 0, 0],
            [0.1, 0.1, 0.2, 0.2],
            grad=False,
            rtol=1e-4,
            atol=1e-5,
            why="logarithms of quotients in single precision, divided by 0.1",
        ),
        S(
            {},
            draw(2, 3, ints=True, high=2),
            draw(2, 3, ints=True, high=3),
            boxes(3, 32, batch=(2,))[..., 1:],
            boxes(3, 43, batch=(2,))[..., 1:],
            [0, 0, 0, 0],
            [0.1, 0.1, 0.2, 0.2],
            grad=False,
            rtol=1e-4,
            atol=1e-5,
            why="logarithms of quotients in single precision, divided by 0.1",
        ),
        S(
            {},
            draw(3, 2, ints=True, high=2),
            draw(3, 2, ints=True, high=3),
            boxes(2, 33, batch=(3,))[..., 1:],
            boxes(3, 42, batch=(3,))[..., 1:],
            [0.1, 0, 0, 0],
            [0.1, 0.1, 0.2, 0.2],
            grad=False,
            rtol=1e-4,
            atol=1e-5,
            why="logarithms of quotients in single precision, divided by 0.1",
        ),
        S(
            {},
            draw(1, 7, ints=True, high=2),
            draw(1, 7, ints=True, high=3),
            boxes(7, 31, batch=(1,))[..., 1:],
            boxes(3, 47, batch=(1,))[..., 1:],
            [0, 0.2, 0, 0.3],
            [0.1, 0.1, 0.2, 0.2],
            grad=False,
            rtol=1e-4,
            atol=1e-5,
            why="logarithms of quotients in single precision, divided by 0.1",
        ),
        F("4 numbers a box", {}, (2, 5), (2, 5), (2, 5, 3), (2, 3, 4), (4,), (4,)),
    ],
    "_contrib_box_decode": [
        S(
            {},
            draw(2, 5, 4, low=-1.0, high=1.0),
            boxes(5, 14, batch=(1,), form="center")[..., 1:],
            grad=False,
        ),
        S(
            {"format": "corner", "std0": 0.1, "std1": 0.1, "std2": 0.2, "std3": 0.2},
            draw(2, 5, 4),
            boxes(5, 15, batch=(1,))[..., 1:],
            grad=False,
        ),
        S({"clip": 0.3}, draw(1, 5, 4), boxes(5, 16, batch=(1,), form="center")[..., 1:], grad=False),
        S({"std0": 0.5}, draw(1, 2, 4), boxes(2, 17, batch=(1,), form="center")[..., 1:], grad=False),
        S({"format": "corner", "clip": 0.1}, draw(3, 4, 4), boxes(4, 18, batch=(1,))[..., 1:], grad=False),
        F("4 numbers a box", {}, (2, 5, 5), (1, 5, 4)),
    ],
}
