"""Samples of mxr/ops/create.py."""

from tests.ops.sample import F, S

SAMPLES = {
    "_zeros": [
        S({"shape": (2, 3)}),
        S({"shape": (1,)}),
        S({"shape": (2, 1, 3), "ctx": "cpu(0)"}),
        S({"shape": (4,), "dtype": "int32"}),
        S({"shape": (2, 2), "dtype": "float64"}),
        F("dtype", {"shape": (2,), "dtype": "float128"}),
    ],
    "_zeros_without_dtype": [
        *(
            S(p, reference="arrays", why="MXNet cannot bind it alone: nothing says which element type")
            for p in (
                {"shape": (2, 3)},
                {"shape": (1,)},
                {"shape": (2, 1, 3)},
                {"shape": (4,), "ctx": "cpu(0)"},
                {"shape": (2, 2), "dtype": -1},
            )
        ),
        F("dtype", {"shape": (2,), "dtype": 3}),
    ],
    "_ones": [
        S({"shape": (2, 3)}),
        S({"shape": (1,)}),
        S({"shape": (2, 1, 3), "ctx": "cpu(0)"}),
        S({"shape": (4,), "dtype": "uint8"}),
        S({"shape": (2, 2), "dtype": "float16"}),
        F("shape", {"shape": "two"}),
    ],
    "_full": [
        S({"shape": (2, 3), "value": 1.5}),
        S({"shape": (1,), "value": -1}),
        S({"shape": (2, 1), "value": 1e10}),
        S({"shape": (3,), "value": 7, "dtype": "int32"}),
        S({"shape": (2, 2), "value": 0.1, "dtype": "float64"}),
        S({"shape": (2,), "value": -1, "dtype": "uint8"}),
        S({"shape": (2,), "value": 1e10, "dtype": "int32"}),
        S({"shape": (2,), "value": 300.7, "dtype": "uint8"}),
        S({"shape": (2,), "value": 1e10, "dtype": "int64"}),
        F("value is required", {"shape": (2,)}),
    ],
    "_set_value": [
        *(
            S({"src": x}, reference="arrays", why="a function of arrays only: MXNet has no symbol of it")
            for x in (1.5, 0, -1, 1e10, 7)
        ),
        F("src is required", {}),
    ],
    "_arange": [
        S({"start": 5}),
        S({"start": 2, "stop": 7}),
        S({"start": 0, "stop": 1, "step": 0.1}),
        S({"start": 5, "stop": -1.5, "step": -1.5}),
        S({"start": 0, "stop": 3, "repeat": 2}),
        S({"start": 1, "stop": 9, "step": 3, "dtype": "int32"}),
        S({"start": 1.6, "stop": 4, "step": 0.5, "dtype": "int32"}),
        S({"start": 1.5, "stop": 4, "dtype": "float16"}),
        S({"start": 0.1, "stop": 1, "step": 0.25, "dtype": "float16"}),
        S({"start": 0.5, "stop": 20, "step": 0.7}),
        S({"start": 0, "stop": 1}),
        F("nothing from", {"start": 3, "stop": 1}),
        F("nothing from", {"start": 0, "stop": 1, "step": 0}),
        F("at least 1", {"start": 5, "repeat": 0}),
    ],
    "_linspace": [
        S({"start": 0, "stop": 1, "num": 5}),
        S({"start": 0, "stop": 1, "num": 5, "endpoint": False}),
        S({"start": 3, "stop": -2, "num": 7}),
        S({"start": 3, "stop": 9, "num": 1}),
        S({"start": 0, "stop": 10, "num": 4, "dtype": "int32"}),
        F("num is required", {"start": 0, "stop": 1}),
    ],
    "_eye": [
        S({"N": 3}),
        S({"N": 2, "M": 4}),
        S({"N": 4, "M": 2, "k": 1}),
        S({"N": 3, "k": -1}),
        S({"N": 1}),
        S({"N": 3, "M": 3, "k": 2, "dtype": "int32"}),
        S({"N": 2, "k": 5}),
        F("N is required", {}),
    ],
}
