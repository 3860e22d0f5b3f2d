import numpy as np

from tests.ops.sample import F, S, draw

_HALVES = np.array([-2.5, -1.5, -0.5, 0.0, 0.4, 0.5, 1.5, 2.5], np.float32)

SAMPLES = {
    "_contrib_quadratic": [S({"a": 2.0, "b": -1.0, "c": 3.0}, (3, 4)), S({"a": 0.5}, (5,)), S({"b": 2.0}, (2, 2, 2)), S({"a": 1.0, "c": -1.0}, (1, 7)), S({}, (4,)), F("a must be a number", {"a": "x"}, (3,))],
    "_contrib_gradientmultiplier": [S({"scalar": -0.5}, (3, 4), numeric=False), S({"scalar": 2.0, "is_int": False}, (5,), numeric=False), S({}, (2,)), S({"scalar": 0.0}, (3,), numeric=False), S({"scalar": 3.0}, (2, 2), numeric=False),
                                    F("scalar must be a number", {"scalar": "x"}, (3,))],
    "_contrib_round_ste": [S({}, (3, 4), numeric=False), S({}, _HALVES, numeric=False), S({}, (2, 2, 2), numeric=False), S({}, (1,), numeric=False), S({}, (2, 9), numeric=False), F("unknown parameter", {"axis": 1}, (3,))],
    "_contrib_sign_ste": [S({}, (3, 4), numeric=False), S({}, _HALVES, numeric=False), S({}, (2, 2, 2), numeric=False), S({}, (1,), numeric=False), S({}, (2, 9), numeric=False), F("unknown parameter", {"axis": 1}, (3,))],
    "_grad_add": [S({}, (3, 4), (3, 4)), S({}, (5,), (5,)), S({}, (1, 2), (1, 2)), S({}, (2, 2, 3), (2, 2, 3)), S({}, (7, 1), (7, 1)), F("differ", {}, (3,), (4,))],
    "_contrib_arange_like": [
        S({}, (3, 4), grad=False), S({"start": 2.0, "step": -0.5, "axis": 1}, (3, 4), grad=False), S({"axis": -1}, (2, 3, 5), grad=False),
        S({"repeat": 2}, (2, 4), grad=False), S({"axis": 0, "start": -1.5}, (6,), grad=False), F("out of range", {"axis": 2}, (3, 4))],
    "_contrib_index_array": [
        S({}, (3, 4), grad=False), S({"axes": (1,)}, (3, 4), grad=False), S({"axes": (2, 0)}, (2, 3, 2), grad=False), S({}, (5,), grad=False), S({"axes": (0,)}, (2, 1, 3), grad=False), F("unknown parameter", {"axis": 2}, (3, 4))],
    "_contrib_index_copy": [
        S({}, (5, 3), [3.0, 0.0], (2, 3), grad=(0, 2), numeric=False), S({}, (4,), [1.0], (1,), grad=(0, 2), numeric=False),
        S({}, (3, 2, 2), [2.0, 1.0, 0.0], (3, 2, 2), grad=(0, 2), numeric=False),
        S({}, (6, 1), [5.0], (1, 1), grad=(0, 2), numeric=False), S({}, (2, 5), [1.0], (1, 5), grad=(0, 2), numeric=False), F("differ", {}, (5, 3), (2,), (2, 4))],
    "_contrib_allclose": [
        S({}, [1.0, 2.0], [1.0, 2.0 + 1e-6], grad=False), S({}, (3, 4), (3, 4), grad=False), S({"equal_nan": False}, [np.nan, 1.0], [np.nan, 1.0], grad=False),
        S({"rtol": 0.1}, [[1.0, 2.0]], [[1.05, 2.1]], grad=False), S({"atol": 2.0}, [1.0, -2.0], [2.5, -1.0], grad=False), F("differ", {}, (3,), (4,))],
    "_rnn_param_concat": [S({"dim": 0}, (3,), (4,)), S({"dim": 0}, (5,), (1,), (2,)), S({"dim": 0}, (7,)), S({"dim": 0}, (2,), (2,)), S({"dim": 0}, (1,), (1,), (9,), (3,)), F("out of range", {"dim": 2}, (3,), (4,))],
    "_contrib_hawkesll": [
        S({}, draw(2, 3, low=0.5, high=1.5), draw(3, low=0.2, high=0.8), draw(3, low=0.5, high=2.0), draw(2, 3, low=0.0, high=1.0), draw(2, 4, low=0.1, high=0.9),
          np.array([[0, 2, 1, 0], [1, 1, 2, 0]], np.int32), [4.0, 3.0], [5.0, 6.0], grad=(0, 1, 2), numeric=False, rtol=1e-4, atol=1e-4, why="sums of single precision"),
        S({}, draw(1, 1, low=0.5, high=1.5), draw(1, low=0.2, high=0.8), draw(1, low=0.5, high=2.0), [[0.0]], draw(1, 5, low=0.1, high=0.9),
          np.zeros((1, 5), np.int32), [5.0], [4.0], grad=(0, 1, 2), numeric=False, rtol=1e-4, atol=1e-4, why="sums of single precision"),
        S({}, draw(3, 2, low=0.5, high=1.5), draw(2, low=0.2, high=0.8), draw(2, low=0.5, high=2.0), draw(3, 2, low=0.0, high=1.0), draw(3, 2, low=0.1, high=0.9),
          np.array([[0, 1], [1, 1], [0, 0]], np.int32), [2.0, 1.0, 0.0], [5.0, 6.0, 4.0], grad=(0, 1, 2), numeric=False, rtol=1e-4, atol=1e-4, why="sums of single precision"),
        S({}, draw(3, 2, low=0.5, high=1.5), draw(2, low=0.2, high=0.8), draw(2, low=0.5, high=2.0), draw(3, 2, low=0.0, high=1.0), draw(3, 2, low=0.1, high=0.9),
          np.array([[0, 1], [1, 1], [0, 0]], np.int32), [2.0, 2.0, 2.0], [5.0, 6.0, 4.0], grad=(0, 1, 2), numeric=False, rtol=1e-4, atol=1e-4, why="sums of single precision"),
        S({}, draw(3, 2, low=0.5, high=1.5), draw(2, low=0.2, high=0.8), draw(2, low=0.5, high=2.0), draw(3, 2, low=0.0, high=1.0), draw(3, 2, low=0.1, high=0.9),
          np.array([[0, 1], [1, 1], [0, 0]], np.int32), [1.0, 0.0, 2.0], [5.0, 6.0, 4.0], grad=(0, 1, 2), numeric=False, rtol=1e-4, atol=1e-4, why="sums of single precision"),
        F("differ", {}, (2, 3), (4,), (3,), (2, 3), (2, 4), (2, 4), (2,), (2,))],
}
