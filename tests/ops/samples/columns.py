"""Samples of mxr/ops/columns.py."""

from tests.ops.sample import F, S

_FLAT = "MXNet reads beyond the shape where there are not two spatial axes"

SAMPLES = {
    "im2col": [
        S({"kernel": (2, 2)}, (1, 2, 3, 4)),
        S({"kernel": (3, 2), "stride": (2, 1), "pad": (1, 1)}, (2, 2, 5, 4)),
        S({"kernel": (2, 2), "dilate": (2, 1)}, (1, 1, 5, 3)),
        S({"kernel": (3,), "stride": (2,), "pad": (1,)}, (2, 3, 7), reference=False, why=_FLAT),
        S({"kernel": (2, 1, 2), "pad": (0, 1, 0)}, (1, 2, 3, 2, 3), reference=False, why=_FLAT),
        S({"kernel": (1, 1)}, (1, 1, 1, 1)),
        S({"kernel": (2, 3), "stride": (3, 1), "dilate": (1, 2), "pad": (2, 0)}, (2, 1, 4, 6)),
        F("does not fit", {"kernel": (5, 2)}, (1, 2, 3, 4)),
        F("one number per spatial axis", {"kernel": (2,)}, (1, 2, 3, 4)),
    ],
    "col2im": [
        S({"output_size": (3, 4), "kernel": (2, 2)}, (1, 8, 6)),
        S({"output_size": (5, 4), "kernel": (3, 2), "stride": (2, 1), "pad": (1, 1)}, (2, 12, 15)),
        S({"output_size": (5, 3), "kernel": (2, 2), "dilate": (2, 1)}, (1, 4, 6)),
        S(
            {"output_size": (7,), "kernel": (3,), "stride": (2,), "pad": (1,)},
            (2, 9, 4),
            reference=False,
            why=_FLAT,
        ),
        S({"output_size": (1, 1), "kernel": (1, 1)}, (1, 1, 1)),
        S(
            {"output_size": (4, 6), "kernel": (2, 3), "stride": (3, 1), "dilate": (1, 2), "pad": (2, 0)},
            (2, 6, 6),
        ),
        F("do not fit", {"output_size": (3, 4), "kernel": (2, 2)}, (1, 8, 7)),
        F("do not fit", {"output_size": (3, 4), "kernel": (2, 2)}, (1, 7, 6)),
    ],
}
