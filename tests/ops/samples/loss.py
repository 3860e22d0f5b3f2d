"""Loss layers. They define their gradients, so these are compared with MXNet's, not with a numeric
gradient."""

import numpy as np

from tests.ops.sample import F, S, draw

INF, NAN = np.inf, np.nan


def loss(params, *inputs, **kw):
    """A sample of a loss layer: the gradient of the data only, and not the derivative of the output."""
    return S(params, *inputs, grad=(0,), numeric=False, **kw)


def labels(*shape, classes):
    return draw(*shape, high=classes, ints=True)


def regression():
    return [
        loss({}, (3, 4), (3, 4)),
        loss({"grad_scale": 2.5}, (5, 1), (5,)),
        loss({}, (5, 1), (5, 1)),
        loss({"grad_scale": -0.5}, (2, 3, 4), (2, 12)),
        loss({}, (6,), (6,)),
        loss({}, [[0.0, 1.0], [-1.0, 50.0], [-200.0, 100.0]], [[0.0, 1.0], [-1.0, 0.0], [1.0, 1.0]]),
        loss({}, [[INF, NAN, 1.0]], [[1.0, 1.0, NAN]]),
        loss({}, (3, 2), (3, 2), train=False),
        F("label of shape", {}, (3, 4), (12,)),
        F("label of shape", {}, (3, 4), (3, 5)),
        F("grad_scale", {"grad_scale": "much"}, (3, 4), (3, 4)),
    ]


SAMPLES = {
    "MakeLoss": [
        loss({}, (3, 4)),
        loss({"grad_scale": 0.25}, (2, 3, 4)),
        loss({"normalization": "batch"}, (3, 4)),
        loss({"normalization": "batch", "grad_scale": 3}, (2, 3, 4, 5)),
        loss({"normalization": "batch"}, (7,)),
        loss({"normalization": "valid"}, (3, 4)),
        loss({"normalization": "valid", "valid_thresh": 0.5, "grad_scale": 2}, (4, 5)),
        loss({"normalization": "valid", "valid_thresh": 100}, (4, 5)),
        loss({"normalization": "valid", "valid_thresh": -1}, [[NAN, INF, -1.0, -INF, 0.0]]),
        loss({"normalization": "batch"}, (1, 1)),
        F("normalization", {"normalization": "mean"}, (3, 4)),
        F("normalizaton", {"normalizaton": "batch"}, (3, 4)),
    ],
    "make_loss": [
        loss({}, (3, 4)),
        loss({}, (7,)),
        loss({}, (1, 1, 1)),
        loss({}, (2, 3, 4)),
        loss({}, (3,), train=False),
        F("grad_scale", {"grad_scale": 2}, (3, 4)),
    ],
    "LinearRegressionOutput": regression(),
    "LogisticRegressionOutput": regression(),
    "MAERegressionOutput": regression(),
    "SoftmaxOutput": [
        loss({}, (4, 5), labels(4, classes=5)),
        loss({"grad_scale": 0.5}, (4, 5), (4, 5)),
        loss({}, (4, 5), draw(4, low=-1.5, high=6)),
        loss({"normalization": "batch"}, (4, 5), labels(4, classes=5)),
        loss({"normalization": "valid"}, (4, 5), labels(4, classes=5)),
        loss({"normalization": "valid", "ignore_label": 0, "grad_scale": 3}, (8, 3), labels(8, classes=3)),
        loss({"use_ignore": True, "ignore_label": 2}, (8, 3), labels(8, classes=3)),
        loss({"use_ignore": True}, (3, 3), [-1, 1, -1.5]),
        loss({"use_ignore": True, "ignore_label": 1, "normalization": "valid"}, (3, 3), [1, 1, 1]),
        loss({"smooth_alpha": 0.1}, (4, 5), labels(4, classes=5)),
        loss(
            {"smooth_alpha": 0.2, "use_ignore": True, "ignore_label": 0, "normalization": "batch"},
            (8, 3),
            labels(8, classes=3),
        ),
        loss({}, (2, 3, 4), labels(2, 3, classes=5)),
        loss({"normalization": "batch"}, (2, 3, 4), labels(2, 3, classes=5)),
        loss({"preserve_shape": True}, (2, 3, 4), labels(2, 3, classes=4)),
        loss({"preserve_shape": True, "normalization": "batch"}, (2, 3, 4), labels(2, 3, classes=4)),
        loss(
            {"preserve_shape": True, "normalization": "valid", "ignore_label": 1},
            (2, 3, 4),
            labels(2, 3, classes=4),
        ),
        loss({"multi_output": True}, (2, 3, 4), labels(2, 4, classes=3)),
        loss(
            {"multi_output": True, "normalization": "batch", "grad_scale": 2},
            (2, 3, 4, 5),
            labels(2, 20, classes=3),
        ),
        loss(
            {"multi_output": True, "normalization": "valid", "use_ignore": True, "ignore_label": 0},
            (2, 3, 4, 5),
            labels(2, 4, 5, classes=3),
        ),
        loss(
            {"multi_output": True, "normalization": "valid", "smooth_alpha": 0.1},
            (2, 3, 4, 5),
            labels(2, 1, 4, 5, classes=3),
        ),
        loss({"multi_output": True}, (2, 3, 4), (2, 3, 4)),
        loss({"multi_output": True}, (3, 4), labels(3, 1, classes=4)),
        loss({"out_grad": True}, (4, 5), labels(4, classes=5)),
        loss({"out_grad": True}, (4, 5), (4, 5)),
        loss({"out_grad": True, "multi_output": True}, (2, 3, 4), labels(2, 4, classes=3)),
        loss({"preserve_shape": True}, (2, 3, 4), (2, 3, 4)),
        loss({}, [[1000.0, -1000.0, 0.0], [88.0, 89.0, -INF]], [0, 2]),
        loss({}, (4, 5), labels(4, classes=5), train=False),
        loss({}, (3, 1), [0, 0, 1]),
        F("label", {"multi_output": True}, (2, 3, 4), (2, 3)),
        F("(4,)", {}, (4, 5), (5,)),
        F("smooth_alpha", {"smooth_alpha": 1.5}, (4, 5), (4,)),
        F("samples and classes", {}, (4,), None),
    ],
    "SVMOutput": [
        loss({}, (4, 5), labels(4, classes=5)),
        loss({"use_linear": True}, (4, 5), labels(4, classes=5)),
        loss({"margin": 0.3, "regularization_coefficient": 2.5}, (4, 5), labels(4, classes=5)),
        loss(
            {"margin": 0.3, "regularization_coefficient": 2.5, "use_linear": True},
            (4, 5),
            labels(4, classes=5),
        ),
        loss({}, (2, 3, 4), labels(2, 3, classes=4)),
        loss({"use_linear": True}, [[1.0, -1.0, 0.0], [1.0, -1.0, 2.0]], [0, 1]),
        *(
            loss({"use_linear": linear}, [[np.nan, -np.inf, np.inf], [np.inf, np.nan, np.nan]], [0, 1])
            for linear in (False, True)
        ),
        loss({}, [[1.0, -1.0, 0.0], [1.0, -1.0, 2.0]], [0, 7]),
        loss({}, (1, 1), [0]),
        F("(4,)", {}, (4, 5), (5,)),
        F("use_linear", {"use_linear": "maybe"}, (4, 5), (4,)),
    ],
    "softmax_cross_entropy": [
        S({}, (4, 5), labels(4, classes=5), grad=(0,)),
        S({}, (1, 2), [1], grad=(0,)),
        S({}, (3, 1), [0, 0, 0], grad=(0,)),
        S({}, [[30.0, 0.0, -30.0], [0.0, 0.0, 0.0]], [2, 1], grad=(0,), numeric=False),
        S({}, (50, 10), labels(50, classes=10), grad=(0,)),
        S({}, (2, 3), [0.7, 2.9], grad=(0,)),
        F("2 dimensions", {}, (2, 3, 4), (2,)),
        F("differ", {}, (2, 3), (3,)),
    ],
    "IdentityAttachKLSparseReg": [
        S({}, draw(3, 4, low=0.05, high=0.95), draw(4, low=0.05, high=0.95), numeric=False),
        S(
            {"sparseness_target": 0.3, "penalty": 0.1, "momentum": 0.5},
            draw(5, 2, low=0.05, high=0.95),
            draw(2, low=0.05, high=0.95),
            numeric=False,
        ),
        S({"momentum": 0.0, "penalty": 1}, draw(5, 2, low=0.05, high=0.95), [0, 0], numeric=False),
        S({"momentum": 0.99}, draw(1, 3, low=0.05, high=0.95), [0.5, 0.5, 0.5], numeric=False),
        S({"penalty": 0}, draw(2, 1, low=0.05, high=0.95), [0.5], numeric=False),
        F("matrix", {}, (2, 3, 4), None),
        F("sparseness_target", {"sparseness_target": 2}, (2, 3), None),
    ],
}
