from tests.ops.sample import F, S

SAMPLES = {
    "_contrib_interleaved_matmul_selfatt_qk": [
        S({"heads": 2}, (4, 3, 30)),
        S({"heads": 1}, (3, 1, 6)),
        S({"heads": 4}, (5, 2, 12)),
        S({"heads": 3}, (2, 2, 18)),
        S({"heads": 2}, (1, 1, 6)),
        F("multiple of 6", {"heads": 2}, (4, 3, 10)),
        F("3 axes", {"heads": 2}, (4, 12)),
    ],
    "_contrib_interleaved_matmul_selfatt_valatt": [
        S({"heads": 2}, (4, 3, 30), (6, 4, 4)),
        S({"heads": 1}, (3, 1, 6), (1, 3, 3)),
        S({"heads": 4}, (5, 2, 12), (8, 5, 5)),
        S({"heads": 3}, (2, 2, 18), (6, 2, 2)),
        S({"heads": 2}, (1, 1, 6), (2, 1, 1)),
        F("heads is required", {}, (4, 3, 30), (6, 4, 4)),
        F("differ", {"heads": 2}, (4, 3, 30), (6, 4, 5)),
    ],
    "_contrib_interleaved_matmul_encdec_qk": [
        S({"heads": 2}, (4, 3, 10), (5, 3, 20)),
        S({"heads": 1}, (2, 2, 3), (6, 2, 6)),
        S({"heads": 4}, (5, 2, 8), (3, 2, 16)),
        S({"heads": 3}, (2, 1, 9), (2, 1, 18)),
        S({"heads": 2}, (1, 1, 2), (4, 1, 4)),
        F("multiple of 4", {"heads": 2}, (4, 3, 10), (5, 3, 22)),
    ],
    "_contrib_interleaved_matmul_encdec_valatt": [
        S({"heads": 2}, (5, 3, 20), (6, 4, 5)),
        S({"heads": 1}, (3, 2, 6), (2, 4, 3)),
        S({"heads": 4}, (3, 2, 16), (8, 5, 3)),
        S({"heads": 3}, (2, 1, 18), (3, 2, 2)),
        S({"heads": 2}, (4, 1, 4), (2, 1, 4)),
        F("differ", {"heads": 2}, (5, 3, 20), (6, 4, 4)),
    ],
    "_contrib_div_sqrt_dim": [
        S({}, (3, 5)),
        S({}, (2, 3, 7)),
        S({}, (4,)),
        S({}, (1, 1)),
        S({}, (6, 2)),
        F("unknown parameter", {"axis": 1}, (3, 5)),
    ],
}
