from tests.ops.sample import F, S

_FAILS = [
    F("num_filter is required", {"kernel": (3, 3)}, (2, 3, 8, 8)),
    F(("kernel reaches over 5", "has 4"), {"kernel": (5, 5), "num_filter": 2}, (2, 3, 4, 8)),
    F("num_group = 2", {"kernel": (3, 3), "num_filter": 2, "num_group": 2}, (2, 3, 8, 8)),
    F("must be a multiple of num_group", {"kernel": (3, 3), "num_filter": 3, "num_group": 2}, (2, 4, 8, 8)),
    F("stride", {"kernel": (3, 3), "num_filter": 2, "stride": (2,)}, (2, 3, 8, 8)),
    F("4 axes", {"kernel": (3, 3), "num_filter": 2}, (2, 3, 8)),
    F("layout", {"kernel": (3, 3), "num_filter": 2, "layout": "NHWC"}, (2, 8, 8, 3)),
]

SAMPLES = {
    "Convolution": [
        S({"kernel": (3, 3), "num_filter": 4}, (2, 3, 8, 7), (4, 3, 3, 3), (4,)),
        S({"kernel": (3, 3), "num_filter": 4, "pad": (1, 1), "no_bias": True}, (5, 3, 6, 6), (4, 3, 3, 3)),
        S(
            {"kernel": (3, 2), "num_filter": 5, "stride": (2, 3), "pad": (2, 1)},
            (3, 2, 9, 11),
            (5, 2, 3, 2),
            (5,),
        ),
        S(
            {"kernel": (3, 3), "num_filter": 6, "dilate": (2, 3), "pad": (1, 2)},
            (2, 3, 9, 10),
            (6, 3, 3, 3),
            (6,),
            atol=5e-6,
            why="sums of products that cancel: the last digit depends on the order of summation",
        ),
        S(
            {"kernel": (3, 3), "num_filter": 6, "num_group": 3, "pad": (1, 0)},
            (2, 6, 6, 5),
            (6, 2, 3, 3),
            (6,),
        ),
        S(
            {"kernel": (2, 2), "num_filter": 4, "num_group": 4, "stride": (2, 2)},
            (3, 4, 6, 6),
            (4, 1, 2, 2),
            (4,),
        ),
        S({"kernel": (1, 1), "num_filter": 4}, (3, 5, 4, 6), (4, 5, 1, 1), (4,)),
        S(
            {"kernel": (1, 1), "num_filter": 4, "stride": (2, 2), "pad": (1, 0)},
            (3, 5, 4, 6),
            (4, 5, 1, 1),
            (4,),
        ),
        S({"kernel": (3,), "num_filter": 4, "stride": (2,), "pad": (1,)}, (2, 3, 9), (4, 3, 3), (4,)),
        S({"kernel": (4,), "num_filter": 2, "dilate": (2,), "no_bias": True}, (2, 3, 9), (2, 3, 4)),
        S(
            {"kernel": (2, 3, 2), "num_filter": 3, "pad": (1, 1, 0)},
            (2, 2, 4, 5, 6),
            (3, 2, 2, 3, 2),
            (3,),
            atol=5e-6,
            why="sums of products that cancel: the last digit depends on the order of summation",
        ),
        S(
            {"kernel": (2, 2, 2), "num_filter": 4, "stride": (2, 1, 2), "num_group": 2},
            (2, 2, 5, 4, 6),
            (4, 1, 2, 2, 2),
            (4,),
        ),
        S({"kernel": (5, 5), "num_filter": 2}, (1, 1, 5, 5), (2, 1, 5, 5), (2,)),
        S({"kernel": (3, 3), "num_filter": 1, "pad": (3, 4)}, (1, 1, 1, 1), (1, 1, 3, 3), (1,)),
        S({"kernel": (2, 1), "num_filter": 3, "stride": (1, 2)}, (2, 2, 4, 5), (3, 2, 2, 1), (3,)),
        *_FAILS,
    ],
    "Convolution_v1": [
        S({"kernel": (3, 3), "num_filter": 4}, (2, 3, 8, 7), (4, 3, 3, 3), (4,)),
        S(
            {"kernel": (3, 3), "num_filter": 4, "pad": (1, 1), "no_bias": True},
            (3, 3, 6, 6),
            (4, 3, 3, 3),
            atol=5e-6,
            why="sums of products that cancel: the last digit depends on the order of summation",
        ),
        S(
            {"kernel": (3, 2), "num_filter": 5, "stride": (2, 3), "pad": (2, 1)},
            (3, 2, 9, 11),
            (5, 2, 3, 2),
            (5,),
        ),
        S(
            {"kernel": (3, 3), "num_filter": 6, "dilate": (2, 2), "pad": (1, 2)},
            (2, 3, 9, 10),
            (6, 3, 3, 3),
            (6,),
            atol=5e-6,
            why="sums of products that cancel: the last digit depends on the order of summation, "
            "in MXNet on the processor (off by up to 7e-6; mxr by up to 3e-6)",
        ),
        S({"kernel": (3, 3), "num_filter": 6, "num_group": 3}, (2, 6, 6, 5), (6, 2, 3, 3), (6,)),
        *_FAILS,
    ],
    "Deconvolution": [
        S({"kernel": (3, 3), "num_filter": 4}, (2, 3, 5, 4), (3, 4, 3, 3)),
        S(
            {"kernel": (2, 2), "num_filter": 3, "stride": (2, 2), "no_bias": False},
            (2, 4, 3, 5),
            (4, 3, 2, 2),
            (3,),
        ),
        S({"kernel": (4, 4), "num_filter": 2, "stride": (2, 2), "pad": (1, 1)}, (2, 3, 4, 4), (3, 2, 4, 4)),
        S(
            {"kernel": (3, 4), "num_filter": 2, "stride": (2, 3), "pad": (1, 0), "adj": (1, 2)},
            (2, 3, 4, 3),
            (3, 2, 3, 4),
        ),
        S(
            {"kernel": (4, 4), "num_filter": 2, "stride": (2, 2), "target_shape": (9, 8)},
            (2, 3, 4, 4),
            (3, 2, 4, 4),
        ),
        S(
            {"kernel": (3, 3), "num_filter": 4, "num_group": 2, "no_bias": False, "pad": (1, 1)},
            (2, 6, 5, 4),
            (6, 2, 3, 3),
            (4,),
        ),
        S({"kernel": (3, 3), "num_filter": 2, "dilate": (2, 2)}, (2, 3, 4, 5), (3, 2, 3, 3)),
        S(
            {"kernel": (3,), "num_filter": 4, "stride": (2,), "pad": (1,), "no_bias": False},
            (2, 3, 6),
            (3, 4, 3),
            (4,),
        ),
        S({"kernel": (1, 1), "num_filter": 4, "no_bias": False}, (2, 3, 4, 5), (3, 4, 1, 1), (4,)),
        S(
            {"kernel": (2, 3, 2), "num_filter": 2, "stride": (2, 1, 2), "pad": (0, 1, 0)},
            (1, 2, 3, 4, 2),
            (2, 2, 2, 3, 2),
            reference="onednn",
            atol=5e-6,
            why="MXNet's plain CPU kernels have no three-dimensional deconvolution; "
            "oneDNN's sum in another order",
        ),
        F("adj", {"kernel": (3, 3), "num_filter": 2, "adj": (1, 1)}, (2, 3, 4, 4)),
        F("target_shape", {"kernel": (3, 3), "num_filter": 2, "target_shape": (9, 9)}, (2, 3, 4, 4)),
        F("num_filter is required", {"kernel": (3, 3)}, (2, 3, 4, 4)),
    ],
}
