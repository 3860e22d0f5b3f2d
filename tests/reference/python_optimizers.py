"""Weights after steps of MXNet's own Python optimizers, for tests/faces/test_optimizers.py. Run by MXNet's
Python:

.reference/bin/python tests/reference/python_optimizers.py > tests/data/python_optimizers.json
"""

import json
import warnings

import numpy as np

np.bool = bool  # MXNet 1.9.1 uses names that NumPy has removed since
warnings.simplefilter("ignore")
import mxnet as mx  # noqa: E402

SHAPE, STEPS = (3, 2), 5
CASES = [
    ["sgd", {}],
    ["sgd", {"momentum": 0.9, "wd": 0.01, "rescale_grad": 0.5}],
    ["sgd", {"clip_gradient": 0.3, "learning_rate": 0.2}],
    ["nag", {"momentum": 0.9, "wd": 0.01}],
    ["nag", {}],
    ["adam", {}],
    ["adam", {"wd": 0.1, "beta1": 0.8, "learning_rate": 0.01}],
    ["rmsprop", {}],
    ["rmsprop", {"centered": True, "wd": 0.01}],
    ["rmsprop", {"clip_weights": 0.5}],
    ["adagrad", {"wd": 0.01}],
    ["adadelta", {"wd": 0.01, "clip_gradient": 0.4}],
]


def arrays():
    rng = np.random.RandomState(5)
    return rng.standard_normal(SHAPE).astype("f4"), rng.standard_normal((STEPS, *SHAPE)).astype("f4")


def after(kind, settings):
    """The weight after every step, by an updater."""
    weight, grads = arrays()
    w = mx.nd.array(weight)
    update = mx.optimizer.get_updater(mx.optimizer.create(kind, **settings))
    found = []
    for g in grads:
        update(0, mx.nd.array(g), w)
        found.append(w.asnumpy().ravel().tolist())
    return found


weight, grads = arrays()
print(
    json.dumps(
        {
            "generated": "by tests/reference/python_optimizers.py with MXNet "
            + mx.__version__
            + "; do not edit",
            "weight": weight.tolist(),
            "grads": grads.tolist(),
            "cases": [{"kind": k, "settings": s, "weights": after(k, s)} for k, s in CASES],
        }
    )
)
