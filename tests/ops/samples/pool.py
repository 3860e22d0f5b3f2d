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
        S(
            {
                "kernel": (3, 3),
                "stride": (2, 2),
                "pad": (1, 1),
                "pool_type": "avg",
                "count_include_pad": False,
            },
            (2, 3, 6, 7),
        ),
        S(
            {
                "kernel": (3, 2),
                "stride": (2, 2),
                "pad": (1, 0),
                "pool_type": "avg",
                "pooling_convention": "full",
            },
            (2, 3, 6, 7),
        ),
        S({"kernel": (2, 2), "pool_type": "sum"}, (2, 3, 5, 4)),
        # windows outside the data; their largest value is the lowest number of the type
        *(
            S(
                {"kernel": (2, 1), "stride": (3, 3), "pool_type": kind, "pooling_convention": "full"},
                (2, 1, 2, 2),
                numeric=kind != "max",
            )
            for kind in ("max", "avg", "sum")
        ),
        S(
            {
                "kernel": (1, 3),
                "stride": (2, 5),
                "pad": (0, 1),
                "pool_type": "avg",
                "pooling_convention": "full",
            },
            (2, 3, 8, 8),
        ),
        S(
            {"kernel": (1, 2, 1), "stride": (1, 1, 2), "pool_type": "avg", "pooling_convention": "full"},
            (2, 2, 2, 3, 4),
            numeric=False,
        ),
        # one offset of the kernel never meets the data
        S({"kernel": (2, 2), "stride": (3, 2), "pad": (1, 0)}, (2, 2, 2, 32)),
        S({"kernel": (2, 2), "stride": (2, 2), "pool_type": "lp", "p_value": 2}, (2, 3, 6, 4)),
        S(
            {"kernel": (3, 3), "pad": (1, 1), "pool_type": "lp", "p_value": 3},
            draw(1, 2, 5, 4, low=0.5, high=2),
        ),
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
    "Pooling_v1": [
        S({"kernel": (2, 2), "stride": (2, 2)}, (2, 3, 6, 8)),
        S({"kernel": (2, 2), "stride": (2, 2)}, _TIES, numeric=False),
        S({"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1)}, (2, 3, 6, 7)),
        S({"kernel": (3, 2), "stride": (2, 2), "pad": (1, 0), "pooling_convention": "full"}, (2, 3, 7, 7)),
        S({"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "pool_type": "avg"}, (2, 3, 6, 7)),
        S({"kernel": (2, 3), "pool_type": "sum"}, (2, 3, 5, 4)),
        S({"global_pool": True, "kernel": (2, 2), "pool_type": "avg"}, (2, 3, 5, 4)),
        S({"global_pool": True, "kernel": (2, 2)}, (2, 3, 5, 4)),
        F("larger than data", {"kernel": (5, 5)}, (1, 1, 4, 4)),
        F("must have 2 values", {"kernel": (2, 2, 2)}, (1, 1, 4, 4, 4)),
    ],
    "UpSampling": [
        S({"scale": 2, "sample_type": "nearest", "num_args": 1}, (2, 3, 4, 5)),
        S({"scale": 3, "sample_type": "nearest", "num_args": 1}, (1, 1, 1, 1)),
        S({"scale": 2, "sample_type": "nearest", "num_args": 2}, (2, 3, 4, 6), (2, 2, 2, 3)),
        S(
            {"scale": 2, "sample_type": "nearest", "num_args": 3, "multi_input_mode": "sum"},
            (2, 3, 2, 4),
            (2, 3, 4, 8),
            (2, 3, 1, 2),
        ),
        S(
            {"scale": 2, "sample_type": "bilinear", "num_filter": 3, "num_args": 2},
            (2, 3, 4, 5),
            (3, 1, 4, 4),
        ),
        S(
            {"scale": 3, "sample_type": "bilinear", "num_filter": 2, "num_args": 2},
            (2, 2, 3, 2),
            (2, 1, 5, 5),
        ),
        F(
            "num_filter is 2",
            {"scale": 2, "sample_type": "bilinear", "num_filter": 2, "num_args": 2},
            (2, 3, 4, 5),
        ),
        F(
            "cannot be enlarged",
            {"scale": 2, "sample_type": "nearest", "num_args": 2},
            (2, 3, 4, 5),
            (2, 3, 3, 5),
        ),
        F("sample_type is required", {"scale": 2, "num_args": 1}, (2, 3, 4, 5)),
    ],
}
