import numpy as np

from tests.ops.sample import F, S

_RNG = np.random.default_rng(1)


def bytes_of(*shape):
    return _RNG.integers(0, 256, shape).astype(np.uint8)


_UNSET = {"reference": False, "why": "MXNet leaves the result of an image without colours unset"}


def randomly(params, grey=_UNSET):
    """Samples without a middle row or column, which MXNet's flips do not set."""
    return [
        S(params, bytes_of(4, 6, 3), grad=False),
        S(params, (4, 6, 3), numeric=False),
        S(params, bytes_of(4, 2, 1), grad=False, **(grey or {})),
        S(params, bytes_of(2, 2, 3), grad=False),
        S(params, (6, 2, 3), numeric=False),
        F("3 axes", params, (4, 5)),
    ]


_FACTORS = {"min_factor": 0.5, "max_factor": 1.5}

SAMPLES = {
    "_image_to_tensor": [
        S({}, bytes_of(4, 5, 3), grad=False),
        S({}, (4, 5, 3), numeric=False),
        S({}, bytes_of(2, 3, 4, 3), grad=False),
        S({}, bytes_of(3, 2, 1), grad=False),
        S({}, (2, 2, 2, 1), numeric=False),
        F("3 axes", {}, (4, 5)),
    ],
    "_image_normalize": [
        S({"mean": (0.4, 0.5, 0.6), "std": (0.1, 0.2, 0.3)}, (3, 4, 5)),
        S({"mean": (0.4,), "std": (2.0,)}, (1, 4, 5)),
        S({"mean": (0.1,), "std": (0.5,)}, (2, 3, 2, 2)),
        S({"mean": (0.4,), "std": (2.0,)}, (3, 2, 3)),
        S({"mean": (0.0, 0.1, 0.2), "std": (0.5, 1.0, 2.0)}, (2, 3, 3, 3)),
        F("1 or 3 channels", {}, (4, 5, 5)),
        F("2 numbers for 3 channels", {"mean": (1.0, 2.0)}, (3, 4, 4)),
    ],
    "_image_crop": [
        S({"x": 1, "y": 2, "width": 3, "height": 2}, (5, 6, 3)),
        S({"x": 0, "y": 0, "width": 2, "height": 2}, (2, 4, 3, 1)),
        S({"x": 2, "y": 1, "width": 1, "height": 1}, (3, 4, 3)),
        S({"x": 0, "y": 0, "width": 4, "height": 3}, (3, 4, 1)),
        S({"x": 1, "y": 1, "width": 2, "height": 2}, (4, 4, 1)),
        F("does not lie within", {"x": 4, "y": 0, "width": 3, "height": 2}, (5, 6, 3)),
    ],
    "_image_resize": [
        S({"size": (4, 6)}, bytes_of(5, 7, 3), grad=False),
        S({"size": (3,)}, bytes_of(5, 7, 3), grad=False),
        S({"size": (3,), "keep_ratio": True}, bytes_of(5, 8, 3), grad=False),
        S({"size": (8, 9), "interp": 0}, bytes_of(5, 7, 1), grad=False),
        S({"size": (6, 4)}, bytes_of(2, 5, 7, 3), grad=False),
        S({"size": (5, 5)}, (3, 4, 3), grad=False),
        S({"size": (5, 3), "interp": 0}, (4, 7, 3), grad=False),
        S({"size": (9, 5), "interp": 2}, (4, 7, 3), grad=False),
        S({"size": (3, 3), "interp": 3}, (7, 5, 3), grad=False),
        S({"size": (2, 3), "interp": 3}, (6, 4, 1), grad=False),
        S({"size": (4, 9), "interp": 3}, (2, 3, 2, 3), grad=False),
        S({"size": (4, 9), "interp": 4}, (11, 12, 1), grad=False),
        S({"size": (2, 3)}, (6, 4, 1), grad=False),
        F("positive numbers", {"size": (0,)}, (4, 5, 3)),
    ],
    "_image_flip_left_right": [
        S({}, (4, 5, 3), numeric=False),
        S({}, bytes_of(3, 4, 1), grad=False),
        S({}, (3, 4, 3), numeric=False),
        S({}, (1, 2, 3), numeric=False),
        S({}, (2, 3, 1), numeric=False),
        F("3 axes", {}, (4, 5)),
    ],
    "_image_flip_top_bottom": [
        S({}, (4, 5, 3), numeric=False),
        S({}, bytes_of(3, 4, 1), grad=False),
        S({}, (3, 4, 3), numeric=False),
        S({}, (1, 2, 3), numeric=False),
        S({}, (2, 3, 1), numeric=False),
        F("3 axes", {}, (4, 5)),
    ],
    "_image_adjust_lighting": [
        S({"alpha": (0.1, -0.2, 0.3)}, bytes_of(4, 5, 3), grad=False),
        S({"alpha": (0.1, -0.2, 0.3)}, (4, 5, 3)),
        S({"alpha": (0.0, 0.0, 0.0)}, bytes_of(2, 2, 3), grad=False),
        S({"alpha": (2.0, 1.0, 3.0)}, bytes_of(4, 5, 3), grad=False),
        S({"alpha": (-2.0, 0.5, 0.1)}, bytes_of(3, 2, 3), grad=False),
        F("3 numbers", {"alpha": (1.0,)}, (4, 5, 3)),
    ],
    "_image_random_lighting": randomly({}),
    **{
        f"_image_random_{name}": randomly(_FACTORS, grey=None)
        for name in ("brightness", "contrast", "saturation")
    },
    **{f"_image_random_{name}": randomly(_FACTORS) for name in ("hue",)},
    "_image_random_color_jitter": randomly(
        {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "hue": 0.2}
    ),
    "_image_random_flip_left_right": randomly({}, grey=None),
    "_image_random_flip_top_bottom": randomly({}, grey=None),
}
