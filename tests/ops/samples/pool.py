from tests.ops.sample import F, S, draw

_TIES = draw(2, 3, 6, 6, low=0, high=2, ints=True)

SAMPLES = {
    "Pooling": [
        S({"kernel": (2, 2), "stride": (2, 2)}, (2, 3, 6, 8)),
        S({"kernel": (2, 2), "stride": (2, 2)}, _TIES, numeric=False),
        S({"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1)}, _TIES, numeric=False),
        S({"kernel": (3, 2), "stride": (2, 1)}, (2, 3, 6, 7)),
        S({"kernel": (3, 3), "stride": (2, 2), "pooling_convention": "full"}, (2, 3, 6, 7)),
        S({"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "pool_type": "avg"}, (2, 3, 6, 7)),
        S({"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "pool_type": "avg", "count_include_pad": False}, (2, 3, 6, 7)),
        S({"kernel": (3, 2), "stride": (2, 2), "pad": (1, 0), "pool_type": "avg", "pooling_convention": "full"}, (2, 3, 6, 7)),
        S({"kernel": (2, 2), "pool_type": "sum"}, (2, 3, 5, 4)),
        S({"kernel": (2, 2), "stride": (2, 2), "pool_type": "lp", "p_value": 2}, (2, 3, 6, 4)),
        S({"kernel": (3, 3), "pad": (1, 1), "pool_type": "lp", "p_value": 3}, draw(1, 2, 5, 4, low=0.5, high=2)),
        S({"kernel": (2, 2), "pool_type": "lp", "p_value": 1}, (1, 2, 5, 4)),
        S({"kernel": (2, 2), "stride": (3, 3)}, (1, 2, 7, 8)),
        S({"global_pool": True, "kernel": (2, 2)}, (2, 3, 5, 4)),
        S({"global_pool": True, "kernel": (1, 1), "pool_type": "avg"}, (2, 3, 5, 4)),
        S({"global_pool": True, "pool_type": "sum"}, (2, 3, 5)),
        S({"kernel": (3,), "stride": (2,), "pad": (1,)}, (2, 3, 7)),
        S({"kernel": (2,), "stride": (2,), "pool_type": "avg"}, (2, 3, 8)),
        S({"kernel": (2, 3, 2), "stride": (2, 1, 2), "pad": (1, 1, 0)}, (2, 2, 4, 5, 6)),
        S({"kernel": (2, 2, 2), "stride": (2, 2, 2), "pool_type": "avg"}, (1, 2, 4, 4, 6)),
        S({"kernel": (2, 2), "stride": (2, 1), "layout": "NHWC"}, (2, 5, 6, 3)),
        S({"kernel": (3,), "stride": (2,), "layout": "NWC", "pool_type": "avg"}, (2, 7, 3)),
        S({"kernel": (1, 1)}, (1, 1, 1, 1)),
        F("larger than data", {"kernel": (5, 5)}, (1, 1, 4, 4)),
        F("kernel is required", {}, (1, 1, 4, 4)),
        F("p_value", {"kernel": (2, 2), "pool_type": "lp"}, (1, 1, 4, 4)),
        F("4 axes", {"kernel": (2, 2)}, (1, 1, 4)),
        F("pool_type must be one of", {"kernel": (2, 2), "pool_type": "min"}, (1, 1, 4, 4)),
    ],
}
