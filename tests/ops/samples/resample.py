from tests.ops.sample import F, S

SAMPLES = {
    "_contrib_BilinearResize2D": [
        S({"height": 7, "width": 5}, (2, 3, 4, 3)),
        S({"height": 2, "width": 9}, (1, 2, 5, 4)),
        S({"height": 1, "width": 1}, (1, 2, 5, 4)),
        S({"height": 7, "width": 5, "align_corners": False}, (2, 3, 4, 3)),
        S({"height": 3, "width": 2, "align_corners": False}, (1, 2, 6, 7)),
        S({"mode": "like"}, (1, 2, 4, 5), (1, 2, 7, 3)),
        S({"scale_height": 2.0, "scale_width": 0.6}, (1, 2, 4, 5)),
        S({"mode": "odd_scale", "scale_height": 2.0, "scale_width": 1.5}, (1, 2, 5, 4)),
        S({"mode": "to_even_up"}, (1, 2, 5, 4)),
        S({"mode": "to_even_down"}, (1, 2, 5, 4)),
        S({"mode": "to_odd_up"}, (1, 2, 5, 4)),
        S({"mode": "to_odd_down"}, (1, 2, 5, 4)),
        F("4 axes", {"height": 3, "width": 3}, (2, 3, 4)),
        F("height must be at least 1", {"height": 0}, (1, 2, 3, 4)),
    ],
    "_contrib_AdaptiveAvgPooling2D": [
        S({}, (2, 3, 4, 5)),
        S({"output_size": (3,)}, (2, 3, 7, 5)),
        S({"output_size": (2, 4)}, (1, 2, 5, 6)),
        S({"output_size": (5, 6)}, (1, 2, 3, 4)),
        S({"output_size": (1, 2)}, (2, 1, 6, 6)),
        F("4 axes", {}, (2, 3, 4)),
        F("positive numbers", {"output_size": (0, 1)}, (1, 2, 3, 4)),
    ],
}
