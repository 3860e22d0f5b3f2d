from tests.ops.sample import F, S, draw

_WHY = {
    "rtol": 1e-4,
    "atol": 1e-5,
    "why": "sums of products in single precision, in another order",
    "numeric": False,
}

_GPU = {"reference": False, "why": "MXNet computes it on a GPU only"}


def bent(n, points, h, w, groups=1, reach=1.3):
    return draw(n, 2 * groups * points, h, w, low=-reach, high=reach)


SAMPLES = {
    "_contrib_DeformableConvolution": [
        S(
            {"kernel": (3, 3), "num_filter": 2, "pad": (1, 1)},
            (2, 3, 5, 6),
            bent(2, 9, 5, 6),
            (2, 3, 3, 3),
            (2,),
            **_WHY,
        ),
        S(
            {"kernel": (2, 2), "num_filter": 4, "num_group": 2, "num_deformable_group": 2, "no_bias": True},
            (1, 4, 5, 5),
            bent(1, 4, 4, 4, 2),
            (4, 2, 2, 2),
            **_WHY,
        ),
        S(
            {"kernel": (3, 2), "num_filter": 1, "stride": (2, 1), "dilate": (1, 2), "pad": (0, 1)},
            (1, 2, 7, 6),
            bent(1, 6, 3, 6),
            (1, 2, 3, 2),
            (1,),
            **_WHY,
        ),
        S(
            {"kernel": (1, 1), "num_filter": 3},
            (2, 2, 4, 4),
            bent(2, 1, 4, 4, reach=3.0),
            (3, 2, 1, 1),
            (3,),
            **_WHY,
        ),
        S(
            {"kernel": (3, 3), "num_filter": 2},
            (1, 1, 6, 6),
            bent(1, 9, 4, 4, reach=0.4),
            (2, 1, 3, 3),
            (2,),
            **_WHY,
        ),
        F("4 axes", {"kernel": (3, 3), "num_filter": 2}, (2, 3, 5)),
        F("larger than", {"kernel": (3, 3), "num_filter": 2}, (1, 1, 2, 6)),
    ],
    "_contrib_ModulatedDeformableConvolution": [
        S(
            {"kernel": (3, 3), "num_filter": 2, "pad": (1, 1)},
            (2, 3, 5, 6),
            bent(2, 9, 5, 6),
            draw(2, 9, 5, 6, low=0.0, high=1.0),
            (2, 3, 3, 3),
            (2,),
            **_GPU,
        ),
        S(
            {"kernel": (2, 2), "num_filter": 4, "num_group": 2, "num_deformable_group": 2, "no_bias": True},
            (1, 4, 5, 5),
            bent(1, 4, 4, 4, 2),
            draw(1, 8, 4, 4, low=0.0, high=1.0),
            (4, 2, 2, 2),
            **_GPU,
        ),
        S(
            {"kernel": (3, 2), "num_filter": 1, "stride": (2, 1), "dilate": (1, 2), "pad": (0, 1)},
            (1, 2, 7, 6),
            bent(1, 6, 3, 6),
            draw(1, 6, 3, 6, low=0.0, high=1.0),
            (1, 2, 3, 2),
            (1,),
            **_GPU,
        ),
        S(
            {"kernel": (1, 1), "num_filter": 3},
            (2, 2, 4, 4),
            bent(2, 1, 4, 4, reach=3.0),
            draw(2, 1, 4, 4),
            (3, 2, 1, 1),
            (3,),
            **_GPU,
        ),
        S(
            {"kernel": (3, 3), "num_filter": 2},
            (1, 1, 6, 6),
            bent(1, 9, 4, 4, reach=0.4),
            draw(1, 9, 4, 4),
            (2, 1, 3, 3),
            (2,),
            **_GPU,
        ),
        F("4 axes", {"kernel": (3, 3), "num_filter": 2}, (2, 3, 5)),
        F("larger than", {"kernel": (3, 3), "num_filter": 2}, (1, 1, 2, 6)),
    ],
}
