import numpy as np

from tests.ops.sample import F, S, draw

_FLAT = draw(3, 7, grid=(-2.0, -0.5, 0.0, 0.5, 2.0))
_LENGTH = np.array([[2, 0, 3], [1, 3, 2]], np.int32)

SAMPLES = {
    "FullyConnected": [
        S({"num_hidden": 3}, (4, 5), (3, 5), (3,)),
        S({"num_hidden": 2, "no_bias": True}, (4, 5), (2, 5)),
        S({"num_hidden": 3}, (2, 3, 2, 4), (3, 24), (3,)),
        S({"num_hidden": 3, "flatten": False}, (2, 3, 4), (3, 4), (3,)),
        S({"num_hidden": 1, "flatten": False, "no_bias": True}, (5, 4), (1, 4)),
        S({"num_hidden": 1}, (1, 1), (1, 1), (1,)),
        F("num_hidden is required", {}, (2, 3)),
        F(("(4, 3)", "(4, 5)"), {"num_hidden": 4}, (2, 3), (4, 5)),
        F("differ", {"num_hidden": 4}, (2, 3), (4, 3), (3,)),
        F("unknown parameter num_hiden", {"num_hiden": 4}, (2, 3)),
        F("at least 1", {"num_hidden": 0}, (2, 3)),
    ],
    "Activation": [
        S({"act_type": "relu"}, (3, 4)),
        S({"act_type": "relu"}, _FLAT, numeric=False),
        S({"act_type": "sigmoid"}, (2, 3, 4)),
        S({"act_type": "sigmoid"}, [-200.0, -50.0, -1.0, 0.0, 1.0, 50.0, 200.0], numeric=False),
        S({"act_type": "tanh"}, (3, 4)),
        S({"act_type": "softrelu"}, (3, 4)),
        S({"act_type": "softrelu"}, [-100.0, -10.0, 0.0, 10.0, 19.0, 100.0], numeric=False),
        S({"act_type": "softsign"}, (3, 4)),
        S({"act_type": "tanh"}, [float("inf"), float("-inf"), float("nan"), 0.0], grad=False),
        F("act_type is required", {}, (2, 3)),
        F('did you mean "relu"', {"act_type": "rely"}, (2, 3)),
    ],
    "LeakyReLU": [
        S({}, (3, 4)),
        S({"act_type": "leaky", "slope": 0.01}, _FLAT, numeric=False),
        S({"act_type": "elu"}, (3, 4)),
        S({"act_type": "elu", "slope": 2.0}, _FLAT, numeric=False),
        S({"act_type": "selu"}, (3, 4), numeric=False),
        S({"act_type": "selu"}, [[float("nan"), 0.0, -0.0, float("-inf")]], numeric=False),
        *(
            S(
                {"act_type": kind, "slope": slope},
                [[-2.0, 0.0, -0.0, 3.0, float("nan"), float("-inf")]],
                numeric=False,
            )
            for kind in ("leaky", "elu")
            for slope in (-1.0, 0.25)
        ),
        S({"act_type": "gelu"}, (3, 4)),
        S({"act_type": "prelu"}, (2, 3, 4), (3,)),
        S({"act_type": "prelu"}, (2, 3, 4), (1,)),
        S({"act_type": "prelu"}, (5, 3), (3,)),
        S(
            {"act_type": "rrelu"},
            (3, 4),
            train=False,
            grad=False,
            reference=False,
            why="MXNet does not write the second output, and in training writes the first one "
            "into the second",
        ),
        F("fits neither", {"act_type": "prelu"}, (2, 3, 4), (4,)),
        F("act_type must be one of", {"act_type": "relu6"}, (2, 3)),
    ],
    "softmax": [
        S({}, (3, 5)),
        S({"axis": 0}, (3, 5)),
        S({"axis": 1, "temperature": 2.0}, (2, 3, 4)),
        S({"axis": -2}, (2, 3, 4)),
        S({}, [[1000.0, 0.0, -1000.0], [5.0, 5.0, 5.0]]),
        S({"dtype": "float64"}, (2, 3), grad=False),
        S({"use_length": True, "axis": 1}, (2, 4, 3), _LENGTH, grad=(0,), numeric=False),
        S({"use_length": True}, (2, 3, 4), _LENGTH, grad=(0,), numeric=False),
        S({}, (4, 1)),
        S({}, [[float("nan"), 1.0], [float("-inf"), 1.0]], grad=False),
        F("axis 2 is out of range", {"axis": 2}, (2, 3)),
        F("differ", {"use_length": True}, (2, 3), (3,)),
    ],
    "softmin": [
        S({}, (3, 5)),
        S({"axis": 0}, (3, 5)),
        S({"axis": 1, "temperature": 0.5}, (2, 3, 4)),
        S({}, [[1000.0, 0.0, -1000.0]]),
        S({"axis": -3}, (2, 3, 4)),
        F("axis 2 is out of range", {"axis": 2}, (2, 3)),
        F("use_length", {"use_length": True}, (2, 3)),
    ],
    "log_softmax": [
        S({}, (3, 5)),
        S({"axis": 0}, (3, 5)),
        S({"axis": 1, "temperature": 3.0}, (2, 3, 4)),
        S({}, [[1000.0, 0.0, -1000.0]]),
        S({"axis": -2}, (2, 3, 4)),
        S({"dtype": "float64"}, (2, 3), grad=False),
        F("axis -3 is out of range", {"axis": -3}, (2, 3)),
        F("use_length", {"use_length": True}, (2, 3)),
    ],
    "SoftmaxActivation": [
        S({}, (3, 5)),
        S({}, (2, 3, 4), numeric=False),
        S({"mode": "channel"}, (2, 3, 4)),
        S({"mode": "channel"}, (2, 3, 4, 5)),
        S({}, (1, 1)),
        F("at least 3 axes", {"mode": "channel"}, (2, 3)),
        F("mode must be one of", {"mode": "batch"}, (2, 3)),
    ],
    "Dropout": [
        S({}, (5, 7)),
        S({"p": 0.2}, (40, 50)),
        S({"p": 0.7}, (300, 250)),
        S({"p": 0.5}, (5, 7), train=False),
        S({"p": 0.5, "mode": "always"}, (5, 7), train=False, grad=False),
        S({"p": 0.5, "axes": (1,)}, (6, 7, 3)),
        S({"p": 0.4, "axes": (0, 2)}, (6, 70, 3)),
        S({"p": 0.0}, (5, 7)),
        S({"p": 1.0}, (2, 3), grad=False, numeric=False),
        F("p must be at least 0 and at most 1", {"p": 1.5}, (2, 3)),
        F("axis 3 is out of range", {"axes": (3,)}, (2, 3)),
    ],
}
