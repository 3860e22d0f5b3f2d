from tests.ops.sample import F, S, draw


def _batch(params, data, channels=3, **more):
    return S(params, data, draw(channels, low=0.5, high=2), (channels,), (channels,), draw(channels, low=0.5, high=2), **more)


_ONEDNN = {"reference": "onednn", "rtol": 1e-4, "atol": 1e-5, "why": "MXNet has it in oneDNN only"}

SAMPLES = {
    "BatchNorm": [
        _batch({}, (4, 3, 5, 6)),
        _batch({"fix_gamma": False}, (4, 3, 5, 6)),
        _batch({"fix_gamma": False}, (4, 3, 5, 6), train=False),
        _batch({"fix_gamma": False, "use_global_stats": True, "momentum": 0.5}, (4, 3, 5)),
        _batch({"fix_gamma": False, "eps": 0.1, "momentum": 0.3}, (8, 3)),
        _batch({"fix_gamma": False, "axis": -1}, (4, 5, 3)),
        _batch({"fix_gamma": False, "axis": 0}, (3, 7)),
        _batch({"fix_gamma": False, "axis": 2}, (2, 4, 3, 2, 2)),
        _batch({"fix_gamma": False, "output_mean_var": True}, (4, 3, 5)),
        _batch({"output_mean_var": True}, (4, 3, 2), train=False),
        _batch({"fix_gamma": False}, (2, 1, 1, 1), channels=1, rtol=1e-3, atol=1e-4,
               why="two values: the gradient is a difference of nearly equal numbers, in MXNet as here"),
        F("axis 4 is out of range", {"axis": 4}, (2, 3)),
        F("differ", {}, (4, 3, 5), (4,)),
        F("momentun", {"momentun": 0.5}, (4, 3)),
    ],
    "BatchNorm_v1": [
        _batch({}, (4, 3, 5, 6)),
        _batch({"fix_gamma": False}, (4, 3, 5, 6)),
        _batch({"fix_gamma": False}, (6, 3), train=False, grad=False),
        _batch({"fix_gamma": False, "use_global_stats": True}, (4, 3, 2, 2)),
        _batch({"fix_gamma": False, "eps": 0.01, "momentum": 0.2}, (8, 3)),
        _batch({"fix_gamma": False, "output_mean_var": True}, (4, 3, 2, 5), atol=1e-5,
               why="beta's gradient is a sum of 40 terms that cancel: its last digits depend on the order"),
        F("2 or 4 axes", {}, (4, 3, 5)),
    ],
    "LayerNorm": [
        S({}, (4, 6), (6,), (6,)),
        S({"axis": 1}, (2, 3, 4, 5), (3,), (3,)),
        S({"axis": 0, "eps": 0.1}, (5, 3), (5,), (5,)),
        S({"axis": -2}, (2, 4, 3), (4,), (4,)),
        S({"output_mean_var": True}, (3, 2, 5), (5,), (5,)),
        S({"eps": 1e-3}, (3, 1), (1,), (1,)),
        F("axis 2 is out of range", {"axis": 2}, (2, 3)),
        F("differ", {}, (2, 3), (4,)),
    ],
    "GroupNorm": [
        S({}, (2, 4, 3, 5), (1,), (1,)),
        S({"num_groups": 2}, (2, 4, 3, 5), (2,), (2,)),
        S({"num_groups": 4, "eps": 0.1}, (3, 4, 6), (4,), (4,)),
        S({"num_groups": 3}, (2, 6, 2, 2, 2), (3,), (3,)),
        S({"num_groups": 2, "output_mean_var": True}, (2, 4, 3), (2,), (2,)),
        F("num_groups = 3", {"num_groups": 3}, (2, 4, 3)),
        F("at least 3 axes", {}, (2, 4)),
    ],
    "InstanceNorm": [
        S({}, (2, 3, 4, 5), (3,), (3,)),
        S({"eps": 0.1}, (2, 3, 6), (3,), (3,)),
        S({}, (1, 2, 2, 3, 4), (2,), (2,)),
        S({"eps": 1e-5}, (3, 1, 7), (1,), (1,)),
        S({}, (2, 3, 8, 8), (3,), (3,)),
        F("at least 3 axes", {}, (2, 4)),
    ],
    "L2Normalization": [
        S({}, (3, 5)),
        S({}, (2, 3, 4)),
        S({"mode": "channel"}, (2, 3, 4, 5)),
        S({"mode": "spatial"}, (2, 3, 4, 5)),
        S({"mode": "instance", "eps": 0.5}, (2, 3, 2, 2)),
        S({"mode": "channel", "eps": 0.1}, (2, 5, 3)),
        F("more axes", {"mode": "channel"}, (2, 3)),
        F("mode must be one of", {"mode": "row"}, (2, 3)),
    ],
    "LRN": [
        S({"nsize": 3}, (2, 5, 3, 4)),
        S({"nsize": 5, "alpha": 0.5, "beta": 0.5, "knorm": 1.0}, (2, 7, 2, 3)),
        S({"nsize": 1, "alpha": 1.0}, (2, 3, 2, 2)),
        S({"nsize": 7, "alpha": 0.3}, (1, 7, 2, 2)),
        S({"nsize": 3, "alpha": 0.1, "beta": 1.0, "knorm": 0.5}, (3, 4, 1, 1)),
        F("more than the 4 channels", {"nsize": 7}, (1, 4, 2, 2)),
        F("odd", {"nsize": 4}, (2, 5, 3, 4)),
        F("4 axes", {"nsize": 3}, (2, 5, 3)),
        F("nsize is required", {}, (2, 5, 3, 4)),
    ],
    "_contrib_BatchNormWithReLU": [
        S({"fix_gamma": False}, (4, 3, 2, 5), draw(3, low=0.5, high=1.5), (3,), (3,), draw(3, low=0.5, high=2.0), numeric=False, **_ONEDNN),
        S({}, (6, 4, 1, 2), draw(4, low=0.5, high=1.5), (4,), (4,), draw(4, low=0.5, high=2.0), numeric=False, **_ONEDNN),
        S({"use_global_stats": True, "fix_gamma": False}, (4, 3, 5, 1), draw(3, low=0.5, high=1.5), (3,), (3,), draw(3, low=0.5, high=2.0), numeric=False, **_ONEDNN),
        S({"fix_gamma": False}, (4, 3, 2, 2), draw(3, low=0.5, high=1.5), (3,), (3,), draw(3, low=0.5, high=2.0), train=False, **_ONEDNN),
        S({"fix_gamma": False, "momentum": 0.5, "eps": 0.01}, (3, 2, 4, 3), draw(2, low=0.5, high=1.5), (2,), (2,), draw(2, low=0.5, high=2.0), numeric=False, **_ONEDNN),
        F("differ", {}, (4, 3), (4,))],
    "_contrib_SyncBatchNorm": [
        S({"key": "a", "fix_gamma": False}, (4, 3, 2, 5), draw(3, low=0.5, high=1.5), (3,), (3,), draw(3, low=0.5, high=2.0), numeric=False,
          rtol=1e-4, atol=1e-5, why="a sum that nearly vanishes"),
        S({"key": "b"}, (6, 4), draw(4, low=0.5, high=1.5), (4,), (4,), draw(4, low=0.5, high=2.0), numeric=False),
        S({"key": "c", "use_global_stats": True, "fix_gamma": False}, (4, 3, 5), draw(3, low=0.5, high=1.5), (3,), (3,), draw(3, low=0.5, high=2.0), numeric=False),
        S({"key": "d", "fix_gamma": False}, (4, 3, 2), draw(3, low=0.5, high=1.5), (3,), (3,), draw(3, low=0.5, high=2.0), train=False),
        S({"key": "e", "fix_gamma": False, "momentum": 0.5, "eps": 0.01}, (3, 2, 4), draw(2, low=0.5, high=1.5), (2,), (2,), draw(2, low=0.5, high=2.0), numeric=False),
        F("key is required", {}, (4, 3))],
}
