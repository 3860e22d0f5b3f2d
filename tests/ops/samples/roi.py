from tests.ops.sample import F, S

_ROIS = [[0, 0, 0, 4, 4], [1, 2.2, 1.3, 6.1, 5.7], [0, 3, 3, 3, 3], [1, 5, 4, 9, 9], [0, -2.5, -1, 3.5, 2]]
_TURNED = [[0, 3.5, 3, 4, 3, 30], [1, 2.2, 1.3, 5, 2, -60], [0, 3, 3, 1, 1, 0], [1, 6, 5, 6, 6, 45]]

SAMPLES = {
    "_contrib_ROIAlign": [
        S({"pooled_size": (2, 2), "spatial_scale": 1.0}, (2, 3, 7, 8), _ROIS, numeric=False),
        S(
            {"pooled_size": (3, 2), "spatial_scale": 0.5, "sample_ratio": 2},
            (2, 3, 7, 8),
            _ROIS,
            numeric=False,
        ),
        S(
            {"pooled_size": (2, 3), "spatial_scale": 0.7, "aligned": True, "sample_ratio": 3},
            (2, 1, 7, 8),
            _ROIS[:2] + _ROIS[3:],
            numeric=False,
        ),
        S(
            {"pooled_size": (2, 2), "spatial_scale": 1.0, "position_sensitive": True},
            (2, 8, 7, 8),
            _ROIS[:4],
            numeric=False,
        ),
        S(
            {"pooled_size": (2, 2), "spatial_scale": 1.0},
            (2, 3, 7, 8),
            [[-1, 0, 0, 2, 2], [1, 0, 0, 2, 2]],
            numeric=False,
            reference=False,
            why="MXNet leaves the result of a region without a sample unset",
        ),
        S({"pooled_size": (1, 4), "spatial_scale": 0.3}, (2, 2, 7, 8), _ROIS, numeric=False),
        F("pooled_size must be two", {"pooled_size": (2,), "spatial_scale": 1.0}, (2, 3, 7, 8)),
        F(
            "multiple of the 4 bins",
            {"pooled_size": (2, 2), "spatial_scale": 1.0, "position_sensitive": True},
            (2, 3, 7, 8),
            (2, 5),
        ),
        F("differ", {"pooled_size": (2, 2), "spatial_scale": 1.0}, (2, 3, 7, 8), (2, 6)),
    ],
    "_contrib_RROIAlign": [
        S({"pooled_size": (2, 2), "spatial_scale": 1.0}, (2, 3, 7, 8), _TURNED, grad=False),
        S(
            {"pooled_size": (3, 2), "spatial_scale": 0.5, "sampling_ratio": 2},
            (2, 2, 7, 8),
            _TURNED,
            grad=False,
        ),
        S({"pooled_size": (1, 4), "spatial_scale": 0.8}, (2, 1, 7, 8), _TURNED, grad=False),
        S(
            {"pooled_size": (2, 1), "spatial_scale": 0.9, "sampling_ratio": 1},
            (2, 1, 7, 8),
            _TURNED,
            grad=False,
        ),
        S({"pooled_size": (3, 3), "spatial_scale": 1.0}, (2, 2, 3, 4), _TURNED[:2], grad=False),
        F("differ", {"pooled_size": (2, 2), "spatial_scale": 1.0}, (2, 3, 7, 8), (2, 5)),
    ],
    "_contrib_PSROIPooling": [
        S({"spatial_scale": 1.0, "output_dim": 2, "pooled_size": 2}, (2, 8, 7, 8), _ROIS[:4], numeric=False),
        S({"spatial_scale": 0.5, "output_dim": 1, "pooled_size": 3}, (2, 9, 7, 8), _ROIS[:4], numeric=False),
        S(
            {"spatial_scale": 0.7, "output_dim": 2, "pooled_size": 4, "group_size": 2},
            (2, 8, 7, 8),
            _ROIS[:4],
            numeric=False,
        ),
        S({"spatial_scale": 0.2, "output_dim": 3, "pooled_size": 1}, (2, 3, 7, 8), _ROIS[:4], numeric=False),
        S({"spatial_scale": 1.0, "output_dim": 1, "pooled_size": 2}, (2, 4, 5, 4), _ROIS[:3], numeric=False),
        F("channels", {"spatial_scale": 1.0, "output_dim": 2, "pooled_size": 2}, (2, 9, 7, 8), (2, 5)),
    ],
}
