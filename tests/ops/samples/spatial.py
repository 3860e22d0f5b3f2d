import numpy as np

from tests.ops.sample import F, S, draw

_GRID = draw(2, 2, 4, 5, low=-1.2, high=1.2)
_LOC = [[1.0, 0.1, 0.05, -0.1, 0.9, 0.1], [0.5, 0.0, 0.3, 0.2, 1.2, -0.4]]
_ROIS = [[0, 0, 0, 4, 4], [1, 2, 1, 6, 5], [0, 3, 3, 3, 3], [1, 5, 4, 9, 9], [2, 0, 0, 3, 3]]

SAMPLES = {
    "BilinearSampler": [
        S({}, (2, 3, 5, 6), _GRID, numeric=False),
        S({}, (2, 1, 4, 4), draw(2, 2, 3, 3, low=-0.9, high=0.9), numeric=False),
        S({}, (1, 2, 6, 3), draw(1, 2, 7, 2, low=-3.0, high=3.0), numeric=False),
        S({}, (1, 1, 3, 3), [[[[-1.0, 0.0, 1.0]], [[-1.0, 0.0, 1.0]]]], numeric=False),
        S({}, (1, 2, 1, 1), draw(1, 2, 2, 2, low=-1.0, high=1.0), numeric=False),
        F("4 axes", {}, (2, 3, 5)),
        F("differ", {}, (2, 3, 5, 6), (2, 3, 4, 5)),
    ],
    "GridGenerator": [
        S({"transform_type": "affine", "target_shape": (4, 5)}, (2, 6)),
        S({"transform_type": "affine", "target_shape": (2, 2)}, (1, 6)),
        S({"transform_type": "affine", "target_shape": (7, 3)}, (3, 6)),
        S({"transform_type": "warp"}, (2, 2, 4, 5)),
        S({"transform_type": "warp"}, (1, 2, 2, 7)),
        F("target_shape", {"transform_type": "affine"}, (2, 6)),
        F("2 axes", {"transform_type": "affine", "target_shape": (4, 5)}, (2, 2, 3)),
        F("transform_type is required", {}, (2, 6)),
    ],
    "SpatialTransformer": [
        S(
            {"transform_type": "affine", "sampler_type": "bilinear", "target_shape": (4, 5)},
            (2, 3, 6, 5),
            _LOC,
            numeric=False,
        ),
        S(
            {"transform_type": "affine", "sampler_type": "bilinear", "target_shape": (6, 6)},
            (2, 1, 6, 6),
            _LOC,
            numeric=False,
        ),
        S(
            {"transform_type": "affine", "sampler_type": "bilinear", "target_shape": (3, 2)},
            (1, 2, 4, 7),
            draw(1, 6),
            numeric=False,
        ),
        S(
            {"transform_type": "affine", "sampler_type": "bilinear", "target_shape": (2, 9)},
            (1, 4, 3, 3),
            [[0.7, 0.2, 0.0, -0.1, 0.6, 0.1]],
            numeric=False,
        ),
        S(
            {"transform_type": "affine", "sampler_type": "bilinear", "target_shape": (5, 5)},
            (3, 1, 2, 2),
            draw(3, 6, low=-0.5, high=0.5),
            numeric=False,
        ),
        F("target_shape", {"transform_type": "affine", "sampler_type": "bilinear"}, (2, 3, 6, 5)),
        F(
            "(2, 6)",
            {"transform_type": "affine", "sampler_type": "bilinear", "target_shape": (4, 5)},
            (2, 3, 6, 5),
            (2, 5),
        ),
    ],
    "ROIPooling": [
        S({"pooled_size": (2, 2), "spatial_scale": 1.0}, (2, 3, 7, 8), _ROIS, numeric=False),
        S({"pooled_size": (3, 2), "spatial_scale": 0.5}, (2, 3, 7, 8), _ROIS, numeric=False),
        S({"pooled_size": (1, 1), "spatial_scale": 0.7}, (2, 1, 7, 8), _ROIS[:4], numeric=False),
        S({"pooled_size": (4, 5), "spatial_scale": 0.3}, (2, 2, 7, 8), _ROIS[:2], numeric=False),
        S(
            {"pooled_size": (2, 2), "spatial_scale": 1.0},
            draw(2, 2, 6, 6, low=0, high=3, ints=True),
            _ROIS[:3],
            numeric=False,
        ),
        S(
            {"pooled_size": (2, 2), "spatial_scale": 1.0},
            (1, 2, 6, 6),
            [[0, -3.5, -2.5, 2, 2], [-1, 0, 0, 2, 2]],
            numeric=False,
        ),
        S(
            {"pooled_size": (2, 2), "spatial_scale": 1.0},
            draw(1, 2, 4, 4, grid=(np.nan, np.nan, -np.inf, -1, 2, np.inf)),
            [[0, 0, 0, 3, 3]],
            numeric=False,
        ),
        F("pooled_size must be two", {"pooled_size": (2,), "spatial_scale": 1.0}, (2, 3, 7, 8)),
        F("spatial_scale is required", {"pooled_size": (2, 2)}, (2, 3, 7, 8)),
    ],
    "Correlation": [
        S({}, (2, 3, 6, 7), (2, 3, 6, 7)),
        S({"kernel_size": 3, "max_displacement": 2, "pad_size": 2}, (2, 2, 7, 8), (2, 2, 7, 8)),
        S(
            {"kernel_size": 1, "max_displacement": 4, "stride1": 2, "stride2": 2, "pad_size": 4},
            (1, 3, 6, 6),
            (1, 3, 6, 6),
        ),
        S(
            {
                "kernel_size": 3,
                "max_displacement": 2,
                "stride1": 1,
                "stride2": 1,
                "pad_size": 3,
                "is_multiply": False,
            },
            (2, 2, 5, 5),
            (2, 2, 5, 5),
            numeric=False,
        ),
        S({"max_displacement": 0, "is_multiply": False}, (1, 4, 3, 3), (1, 4, 3, 3), numeric=False),
        F("odd", {"kernel_size": 2}, (2, 3, 6, 7)),
        F("do not fit", {"max_displacement": 5}, (2, 3, 6, 7), (2, 3, 6, 7)),
        F("differ", {}, (2, 3, 6, 7), (2, 4, 6, 7)),
    ],
}
