"""Short R expressions that show what an operator computes, for the end of the example on its help page."""

from __future__ import annotations

_M = "mx.nd.array(matrix(1:6, 2))"
_V = "mx.nd.array(c(3, 1, 2))"
_PAIR = f"{_M}, mx.nd.array(matrix(6:1, 2))"
_ROW = f"{_M}, mx.nd.array(matrix(c(1, 4), 2))"
_ROOT = "mx.nd.array(matrix(c(4, 2, 2, 3), 2))"
_LOWER = "mx.nd.array(matrix(c(2, 1, 0, 1), 2))"
_SEQUENCE = "mx.nd.array(array(1:6, c(1, 2, 3)))"
_IMAGE = "mx.nd.array(array(1:16, c(4, 4, 1, 1)))"

_ELEMENTWISE = ("elemwise_add", "elemwise_sub", "elemwise_mul", "elemwise_div")
_BROADCAST = (
    "add sub mul div mod power maximum minimum hypot "
    "equal not_equal greater greater_equal lesser lesser_equal"
)
_LOGICAL = ("broadcast_logical_and", "broadcast_logical_or", "broadcast_logical_xor")
_REDUCTIONS = ("sum", "mean", "prod", "max", "nansum", "nanprod", "norm", "argmax", "argmin")
_DRAWS = {
    "uniform": "low = 0, high = 1",
    "normal": "loc = 0, scale = 1",
    "gamma": "alpha = 2, beta = 1",
    "exponential": "lam = 1",
    "poisson": "lam = 4",
    "negative_binomial": "k = 3, p = 0.5",
    "generalized_negative_binomial": "mu = 2, alpha = 0.3",
    "randint": "low = 0, high = 10",
}
_SAMPLES = {
    "uniform": "low = mx.nd.array(c(0, 10)), high = mx.nd.array(c(1, 20))",
    "normal": "mu = mx.nd.array(c(0, 10)), sigma = mx.nd.array(c(1, 2))",
    "gamma": "alpha = mx.nd.array(c(2, 20)), beta = mx.nd.array(c(1, 1))",
    "exponential": "lam = mx.nd.array(c(1, 10))",
    "poisson": "lam = mx.nd.array(c(1, 10))",
    "negative_binomial": "k = mx.nd.array(c(3, 30)), p = mx.nd.array(c(0.5, 0.5))",
    "generalized_negative_binomial": "mu = mx.nd.array(c(2, 20)), alpha = mx.nd.array(c(0.3, 0.3))",
}
_DENSITIES = {
    "uniform": "low = mx.nd.array(0), high = mx.nd.array(4)",
    "normal": "mu = mx.nd.array(0), sigma = mx.nd.array(1)",
    "gamma": "alpha = mx.nd.array(2), beta = mx.nd.array(1)",
    "exponential": "lam = mx.nd.array(2)",
    "poisson": "lam = mx.nd.array(2)",
    "negative_binomial": "k = mx.nd.array(3), p = mx.nd.array(0.5)",
    "generalized_negative_binomial": "mu = mx.nd.array(2), alpha = mx.nd.array(0.3)",
}

# By operator: the arguments of the function on arrays.
ARGUMENTS: dict[str, str] = {
    **dict.fromkeys(_ELEMENTWISE, _PAIR),
    **{f"broadcast_{name}": _ROW for name in _BROADCAST.split()},
    **dict.fromkeys(_LOGICAL, "mx.nd.array(matrix(c(0, 0, 3, 3), 2)), mx.nd.array(matrix(c(0, 2), 2))"),
    **dict.fromkeys(_REDUCTIONS, f"{_M}, axis = 1"),
    **{f"random_{name}": f"{settings}, shape = 4" for name, settings in _DRAWS.items()},
    **{f"sample_{name}": f"{settings}, shape = 3" for name, settings in _SAMPLES.items()},
    **{
        f"random_pdf_{name}": f"sample = mx.nd.array(matrix(1:3, 3)), {settings}"
        for name, settings in _DENSITIES.items()
    },
    "Activation": "mx.nd.array(c(-1, 0, 2)), act_type = 'relu'",
    "LeakyReLU": "mx.nd.array(c(-1, 0, 2)), act_type = 'leaky', slope = 0.1",
    "FullyConnected": f"{_M}, mx.nd.array(matrix(1, 2, 1)), mx.nd.array(0.5), num_hidden = 1",
    "Flatten": "mx.nd.array(array(1:8, c(2, 2, 2)))",
    "Reshape": f"{_M}, shape = c(3, 2)",
    "reshape_like": f"{_M}, mx.nd.zeros(c(3, 2))",
    "Embedding": "mx.nd.array(c(0, 2)), mx.nd.array(matrix(1:6, 2)), input_dim = 3, output_dim = 2",
    "Pooling": f"{_IMAGE}, kernel = c(2, 2), stride = c(2, 2), pool_type = 'max'",
    "UpSampling": "mx.nd.array(array(1:4, c(2, 2, 1, 1))), scale = 2, sample_type = 'nearest', num_args = 1",
    "Pad": "mx.nd.array(array(1:4, c(2, 2, 1, 1))), mode = 'edge', pad_width = c(1, 1, 1, 1, 0, 0, 0, 0)",
    "L2Normalization": "mx.nd.array(matrix(c(3, 4, 6, 8), 2))",
    "SoftmaxActivation": _M,
    "SoftmaxOutput": f"{_M}, mx.nd.array(c(0, 1, 1))",
    "SwapAxis": f"{_M}, dim1 = 0, dim2 = 1",
    "SequenceLast": f"{_SEQUENCE}, mx.nd.array(c(1, 3)), use_sequence_length = TRUE",
    "SequenceMask": f"{_SEQUENCE}, mx.nd.array(c(1, 3)), use_sequence_length = TRUE, value = -1",
    "SequenceReverse": f"{_SEQUENCE}, mx.nd.array(c(2, 3)), use_sequence_length = TRUE",
    "Cast": "mx.nd.array(c(-1.5, 0.7, 2.2)), dtype = 'int32'",
    "argmax_channel": _M,
    "argsort": _V,
    "sort": _V,
    "topk": f"{_V}, k = 2, ret_typ = 'value'",
    "all_finite": "mx.nd.array(c(1, Inf))",
    "batch_dot": "mx.nd.array(array(1:4, c(2, 2, 1))), mx.nd.array(array(1:4, c(2, 2, 1)))",
    "batch_take": f"{_M}, mx.nd.array(c(0, 1, 0))",
    "pick": f"{_M}, mx.nd.array(c(0, 1, 0))",
    "broadcast_to": "mx.nd.array(matrix(1:2, 2)), shape = c(2, 3)",
    "broadcast_like": f"mx.nd.array(matrix(1:2, 2)), {_M}",
    "broadcast_axis": "mx.nd.array(matrix(1:2, 2)), axis = 0, size = 3",
    "clip": "mx.nd.array(-2:2), a_min = -1, a_max = 1",
    "cumsum": "mx.nd.array(1:4)",
    "diag": "mx.nd.array(1:3)",
    "dot": "mx.nd.array(matrix(1:4, 2)), mx.nd.array(matrix(1:4, 2))",
    "expand_dims": "mx.nd.array(1:3), axis = 0",
    "khatri_rao": "list(mx.nd.array(matrix(1:4, 2)), mx.nd.array(matrix(1:4, 2))), num_args = 2",
    "linalg_det": _ROOT,
    "linalg_inverse": _ROOT,
    "linalg_potrf": _ROOT,
    "linalg_potri": _LOWER,
    "linalg_sumlogdiag": _ROOT,
    "linalg_extractdiag": _ROOT,
    "linalg_makediag": "mx.nd.array(c(1, 2))",
    "linalg_extracttrian": _ROOT,
    "linalg_maketrian": "mx.nd.array(c(1, 2, 3))",
    "linalg_gemm2": f"{_ROOT}, {_LOWER}",
    "linalg_syrk": _ROOT,
    "linalg_trmm": f"{_LOWER}, {_ROOT}",
    "linalg_trsm": f"{_LOWER}, {_ROOT}",
    "softmax": "mx.nd.array(c(1, 2, 3))",
    "softmin": "mx.nd.array(c(1, 2, 3))",
    "log_softmax": "mx.nd.array(c(1, 2, 3))",
    "softmax_cross_entropy": f"{_M}, mx.nd.array(c(0, 1, 1))",
    "one_hot": "mx.nd.array(c(0, 2)), depth = 3",
    "ravel_multi_index": "mx.nd.array(matrix(c(1, 2), 1)), shape = c(3, 4)",
    "unravel_index": "mx.nd.array(c(5, 6)), shape = c(3, 4)",
    "repeat": "mx.nd.array(1:3), repeats = 2",
    "reverse": "mx.nd.array(1:3), axis = 0",
    "shape_array": _M,
    "size_array": _M,
    "slice_axis": f"{_M}, axis = 0, begin = 1, end = 3",
    "slice_like": f"{_M}, mx.nd.zeros(c(1, 2))",
    "squeeze": "mx.nd.array(array(1:3, c(1, 3)))",
    "take": f"{_M}, mx.nd.array(c(2, 0))",
    "tile": "mx.nd.array(1:3), reps = 2",
    "transpose": _M,
    "where": "mx.nd.array(c(1, 0, 1)), mx.nd.array(1:3), mx.nd.array(c(10, 20, 30))",
    "add_n": "list(mx.nd.array(1:3), mx.nd.array(c(10, 20, 30))), num_args = 2",
    "stack": "list(mx.nd.array(1:2), mx.nd.array(3:4)), num_args = 2",
    "sgd_update": "mx.nd.array(1:3), mx.nd.array(c(1, 0, -1)), lr = 0.1",
    "signsgd_update": "mx.nd.array(1:3), mx.nd.array(c(5, 0, -1)), lr = 0.1",
    "space_to_depth": f"{_IMAGE}, block_size = 2",
    "depth_to_space": "mx.nd.array(array(1:4, c(1, 1, 4, 1))), block_size = 2",
    "LayerNorm": f"{_M}, mx.nd.ones(2), mx.nd.zeros(2)",
    "InstanceNorm": "mx.nd.array(array(1:4, c(4, 1, 1))), mx.nd.ones(1), mx.nd.zeros(1)",
    "Convolution": f"{_IMAGE}, mx.nd.ones(c(3, 3, 1, 1)), mx.nd.zeros(1), kernel = c(3, 3), num_filter = 1",
    "LinearRegressionOutput": "mx.nd.array(c(1, 2)), mx.nd.array(c(0, 4))",
    "MAERegressionOutput": "mx.nd.array(c(1, 2)), mx.nd.array(c(0, 4))",
    "LogisticRegressionOutput": "mx.nd.array(c(-1, 2)), mx.nd.array(c(0, 1))",
    "SVMOutput": f"{_M}, mx.nd.array(c(0, 1, 1))",
    "shuffle": "mx.nd.array(1:5)",
    "sample_multinomial": "mx.nd.array(c(0.1, 0, 0.9)), shape = 5",
}

_RANDOM = ("random_", "sample_", "shuffle")


def numbers(operator: str, function: str) -> list[str]:
    """The lines that show a result of `function`, which is the operator on arrays. None if the table has no
    arguments for it."""
    if operator not in ARGUMENTS:
        return []
    seed = operator.startswith(_RANDOM) and "_pdf_" not in operator
    return ["mx.set.seed(1)"] * seed + [f"as.array({function}({ARGUMENTS[operator]}))"]
