"""CTCLoss."""

import numpy as np

from tests.ops.sample import F, S


def scores(steps, batch, classes, seed=0):
    return np.random.default_rng(seed).standard_normal((steps, batch, classes)).astype(np.float32)


def ctc(params, data, label, *lengths, **kw):
    return S(
        params,
        data,
        label,
        *lengths,
        grad=(0,),
        rtol=3e-4,
        atol=5e-6,
        why="MXNet adds up logarithms in single precision",
        **kw,
    )


LAST, LENGTHS = {"blank_label": "last"}, {"use_data_lengths": True, "use_label_lengths": True}

SAMPLES = {
    "CTCLoss": [
        ctc({}, scores(6, 3, 4), [[2, 1, 0, 0], [3, 2, 2, 0], [1, 2, 1, 3]]),
        ctc(LAST, scores(6, 3, 4), [[1, 0, -1, -1], [2, 1, 1, -1], [0, 1, 0, 2]]),
        ctc({"use_data_lengths": True}, scores(7, 2, 5), [[1, 2], [4, 4]], [4, 7]),
        ctc({"use_label_lengths": True}, scores(7, 2, 5), [[1, 2, 3], [4, 4, 1]], [1, 3]),
        ctc({**LENGTHS, **LAST}, scores(9, 3, 5), [[1, 2, 3], [2, 2, 1], [0, 0, 0]], [9, 5, 6], [2, 3, 3]),
        ctc({}, scores(4, 2, 3), [[0, 0], [1, 1]]),
        ctc({}, scores(1, 2, 3), [[1], [2]]),
        ctc({}, scores(5, 1, 2), [[1, 1, 1]]),
        ctc(
            {},
            10 * scores(12, 4, 6),
            [[1, 2, 3, 4, 5], [5, 5, 5, 0, 0], [1, 0, 0, 0, 0], [2, 3, 2, 3, 2]],
            numeric=False,
        ),
        ctc({}, scores(3, 2, 4), [[1, 2, 3], [3, 2, 1]]),
        ctc({}, scores(40, 2, 10), [[1, 2, 3, 4, 5, 6, 7, 8, 9, 1], [9, 9, 8, 0, 0, 0, 0, 0, 0, 0]]),
        S({}, scores(4, 2, 3), [[1, 1, 1], [1, 2, 1]], grad=False),
        F("more labels than", {}, (2, 3, 4), (3, 3)),
        F("3 dimensions", {}, (2, 3), (3, 3)),
        F("differ", {}, (5, 3, 4), (2, 3)),
        F("blank_label", {"blank_label": "middle"}, (5, 3, 4), (3, 3)),
    ],
}
