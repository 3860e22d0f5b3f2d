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
_CONVOLUTION = f"{_IMAGE}, mx.nd.ones(c(3, 3, 1, 1)), mx.nd.zeros(1), kernel = c(3, 3), num_filter = 1"
_SMALL_IMAGE = "mx.nd.array(array(1:4, c(2, 2, 1, 1)))"
_REGION = "mx.nd.array(matrix(c(0, 0, 0, 3, 3), 5))"  # image 0, from the corner 0, 0 to the corner 3, 3
_MOVING = "moving_mean = mx.nd.array(c(3, 4)), moving_var = mx.nd.array(c(4, 4))"
_BATCH_NORM = f"{_M}, mx.nd.ones(2), mx.nd.zeros(2), {_MOVING}"
_ANCHORS = "mx.nd.array(array(c(0, 0, 0.5, 0.5, 0.5, 0.5, 1, 1), c(4, 2, 1)))"
_PROPOSALS = (
    "mx.nd.array(array(c(0.9, 0.1, 0.7, 0.8, 0.1, 0.9, 0.3, 0.2), c(2, 2, 2, 1))), "
    "mx.nd.zeros(c(2, 2, 4, 1)), mx.nd.array(matrix(c(32, 32, 1), 3)), rpn_post_nms_top_n = 2, "
    "rpn_min_size = 1, scales = 1, ratios = 1"
)
_POINTS = "mx.nd.array(matrix(c(0, 2, 1, 0), 2))"  # the indices 0, 1 and 2, 0 in C order
_WEIGHT = "mx.nd.array(1:3)"
_STEP = f"{_WEIGHT}, mx.nd.array(c(1, 0, -1))"  # a weight and its gradient
_ZEROS = "mx.nd.zeros(3)"
_HALF = "mx.nd.Cast(mx.nd.array(1:3), dtype = 'float16')"
_HALF_STEP = f"{_HALF}, mx.nd.Cast(mx.nd.array(c(1, 0, -1)), dtype = 'float16')"

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


def _multi(prefix: str, *, half: bool, momentum: bool) -> str:
    """The arguments of an optimizer's step on two weights, which take their inputs in one list."""
    cast = "mx.nd.Cast(mx.nd.array({0}), dtype = 'float16')" if half else "mx.nd.array({0})"
    inputs = []
    for weight, gradient in (("1:2", "c(1, -1)"), ("3", "1")):
        inputs += [cast.format(weight), cast.format(gradient)]
        inputs += [f"mx.nd.ones({1 if weight == '3' else 2})"] * momentum
        inputs += [f"mx.nd.array({weight})"] * half
    loaded = prefix == "preloaded_"
    rates = "" if loaded else "lrs = '(0.1, 0.01)', wds = '(0, 0)', "
    inputs += ["mx.nd.array(c(0.1, 0.01))", "mx.nd.zeros(2)"] * loaded
    return f"list({', '.join(inputs)}), {rates}{'momentum = 0.9, ' * momentum}num_weights = 2"


_MULTI = {
    f"{prefix}multi_{'mp_' * half}sgd_{'mom_' * momentum}update": _multi(prefix, half=half, momentum=momentum)
    for prefix in ("", "preloaded_")
    for half in (False, True)
    for momentum in (False, True)
}

_ROUNDING = ("floor", "ceil", "round", "rint", "fix", "trunc")

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
    "Convolution": _CONVOLUTION,
    "shuffle": "mx.nd.array(1:5)",
    "sample_multinomial": "mx.nd.array(c(0.1, 0, 0.9)), shape = 5",
    "BatchNorm": _BATCH_NORM,
    "BatchNorm_v1": _BATCH_NORM,
    "BilinearSampler": f"{_SMALL_IMAGE}, mx.nd.array(array(c(-1, 0, -1, 0), c(2, 1, 2, 1)))",
    "CTCLoss": "mx.nd.zeros(c(2, 1, 2)), mx.nd.ones(c(1, 1))",
    "Concat": "list(mx.nd.ones(c(2, 2)), mx.nd.zeros(c(2, 2))), num_args = 2",
    "Convolution_v1": _CONVOLUTION,
    "Correlation": "mx.nd.array(array(1:8, c(2, 2, 2, 1))), mx.nd.ones(c(2, 2, 2, 1)), max_displacement = 0",
    "Crop": f"list({_IMAGE}), num_args = 1, h_w = c(2, 2), offset = c(1, 1)",
    "Deconvolution": (
        f"{_SMALL_IMAGE}, mx.nd.ones(c(2, 2, 1, 1)), kernel = c(2, 2), stride = c(2, 2), num_filter = 1"
    ),
    "Dropout": "mx.nd.ones(8), p = 0.5, mode = 'always'",
    "GridGenerator": (
        "mx.nd.array(matrix(c(1, 0, 0, 0, 1, 0), 6)), transform_type = 'affine', target_shape = c(3, 2)"
    ),
    "GroupNorm": "mx.nd.array(array(1:4, c(2, 2, 1))), mx.nd.ones(2), mx.nd.zeros(2), num_groups = 2",
    "LRN": "mx.nd.array(array(1:3, c(1, 1, 3, 1))), nsize = 3, alpha = 1, beta = 1, knorm = 1",
    "Pooling_v1": f"{_IMAGE}, kernel = c(2, 2), stride = c(2, 2), pool_type = 'avg'",
    "RNN": (
        "mx.nd.array(array(c(1, 0, 0), c(1, 1, 3))), mx.nd.array(c(1, 0.5, 0, 0)), mx.nd.zeros(c(1, 1, 1)), "
        "state_size = 1, num_layers = 1, mode = 'rnn_relu'"
    ),
    "ROIPooling": f"{_IMAGE}, {_REGION}, pooled_size = c(2, 2), spatial_scale = 1",
    "SliceChannel": f"{_M}, num_outputs = 3, axis = 0",
    "SpatialTransformer": (
        f"{_SMALL_IMAGE}, mx.nd.array(matrix(c(-1, 0, 0, 0, 1, 0), 6)), target_shape = c(2, 2), "
        "transform_type = 'affine', sampler_type = 'bilinear'"
    ),
    "_contrib_AdaptiveAvgPooling2D": f"{_IMAGE}, output_size = 2",
    "_contrib_BatchNormWithReLU": _BATCH_NORM,
    "_contrib_SyncBatchNorm": f"{_BATCH_NORM}, key = 'bn'",
    "_contrib_BilinearResize2D": f"{_SMALL_IMAGE}, height = 3, width = 3",
    "_contrib_DeformableConvolution": (
        f"{_IMAGE}, mx.nd.ones(c(4, 4, 2, 1)), mx.nd.ones(c(1, 1, 1, 1)), mx.nd.zeros(1), "
        "kernel = c(1, 1), num_filter = 1"
    ),
    "_contrib_ModulatedDeformableConvolution": (
        f"{_IMAGE}, mx.nd.ones(c(4, 4, 2, 1)), mx.nd.ones(c(4, 4, 1, 1)) / 2, mx.nd.ones(c(1, 1, 1, 1)), "
        "mx.nd.zeros(1), kernel = c(1, 1), num_filter = 1"
    ),
    "_contrib_DeformablePSROIPooling": (
        f"{_IMAGE}, {_REGION}, spatial_scale = 1, output_dim = 1, group_size = 1, pooled_size = 2, "
        "no_trans = TRUE"
    ),
    "_contrib_PSROIPooling": (
        f"{_IMAGE}, {_REGION}, spatial_scale = 1, output_dim = 1, pooled_size = 2, group_size = 1"
    ),
    "_contrib_ROIAlign": f"{_IMAGE}, {_REGION}, pooled_size = c(2, 2), spatial_scale = 1",
    "_contrib_RROIAlign": (
        f"{_IMAGE}, mx.nd.array(matrix(c(0, 2, 2, 2, 2, 90), 6)), pooled_size = c(2, 2), spatial_scale = 1"
    ),
    "_contrib_MultiBoxPrior": "mx.nd.zeros(c(2, 2, 1, 1)), sizes = 0.5",
    "_contrib_MultiBoxTarget": (
        f"{_ANCHORS}, mx.nd.array(array(c(0, 0, 0, 0.5, 0.6), c(5, 1, 1))), mx.nd.zeros(c(2, 2, 1))"
    ),
    "_contrib_MultiBoxDetection": (
        f"mx.nd.array(array(c(0.1, 0.8, 0.9, 0.2), c(2, 2, 1))), mx.nd.zeros(c(8, 1)), {_ANCHORS}"
    ),
    "_contrib_MultiProposal": _PROPOSALS,
    "_contrib_Proposal": _PROPOSALS,
    "_contrib_SparseEmbedding": (
        "mx.nd.array(c(0, 2)), mx.nd.array(matrix(1:6, 2)), input_dim = 3, output_dim = 2"
    ),
    "_contrib_allclose": "mx.nd.array(c(1, 2)), mx.nd.array(c(1, 2.001)), rtol = 0.01",
    "_contrib_arange_like": f"{_M}, start = 10, step = 2",
    "_contrib_bipartite_matching": (
        "mx.nd.array(cbind(c(0.5, 0.6), c(0.1, 0.2), c(0.3, 0.4))), threshold = 0.15"
    ),
    "_contrib_boolean_mask": f"{_M}, mx.nd.array(c(1, 0, 1))",
    "_contrib_box_decode": (
        "mx.nd.array(array(c(1, 0, 0, 0), c(4, 1, 1))), mx.nd.array(array(c(4, 4, 2, 2), c(4, 1, 1))), "
        "format = 'center'"
    ),
    "_contrib_box_encode": (
        "mx.nd.ones(c(1, 1)), mx.nd.zeros(c(1, 1)), mx.nd.array(array(c(0, 0, 2, 2), c(4, 1, 1))), "
        "mx.nd.array(array(c(1, 0, 3, 2), c(4, 1, 1))), mx.nd.zeros(4), mx.nd.ones(4)"
    ),
    "_contrib_box_iou": (
        "mx.nd.array(matrix(c(0, 0, 2, 2, 5, 5, 6, 6), 4)), mx.nd.array(matrix(c(1, 0, 3, 2), 4))"
    ),
    "_contrib_box_nms": (
        "mx.nd.array(cbind(c(0, 0.5, 0, 0, 2, 2), c(0, 0.9, 0, 0, 2, 2.1), c(0, 0.7, 5, 5, 6, 6))), "
        "overlap_thresh = 0.5, id_index = 0"
    ),
    "_contrib_div_sqrt_dim": "mx.nd.array(1:4)",
    "_contrib_hawkesll": (
        "mx.nd.ones(c(1, 1)), mx.nd.zeros(1), mx.nd.ones(1), mx.nd.zeros(c(1, 1)), mx.nd.ones(c(2, 1)), "
        "mx.nd.zeros(c(2, 1)), mx.nd.array(2), mx.nd.array(3)"
    ),
    "_contrib_index_array": "mx.nd.zeros(c(2, 2))",
    "_contrib_index_copy": f"{_M}, mx.nd.array(c(0, 2)), mx.nd.array(matrix(c(10, 20, 30, 40), 2))",
    "_contrib_interleaved_matmul_selfatt_qk": "mx.nd.array(array(1:6, c(3, 1, 2))), heads = 1",
    "_contrib_interleaved_matmul_selfatt_valatt": (
        "mx.nd.array(array(1:6, c(3, 1, 2))), mx.nd.array(array(c(0.5, 0.5, 0, 1), c(2, 2, 1))), heads = 1"
    ),
    "_contrib_interleaved_matmul_encdec_qk": (
        "mx.nd.array(array(1:2, c(1, 1, 2))), mx.nd.array(array(1:4, c(2, 1, 2))), heads = 1"
    ),
    "_contrib_interleaved_matmul_encdec_valatt": (
        "mx.nd.array(array(1:4, c(2, 1, 2))), mx.nd.array(array(c(0.5, 0.5, 0, 1), c(2, 2, 1))), heads = 1"
    ),
    "_contrib_quadratic": "mx.nd.array(1:3), a = 1, b = 2, c = 3",
    "linalg_gelqf": "mx.nd.array(matrix(c(3, 4), 2))",
    "linalg_gemm": f"{_ROOT}, {_LOWER}, mx.nd.ones(c(2, 2)), beta = 10",
    "linalg_slogdet": _ROOT,
    "linalg_syevd": "mx.nd.array(matrix(c(2, 1, 1, 2), 2))",
    "random_pdf_dirichlet": (
        "sample = mx.nd.array(matrix(c(0.2, 0.3, 0.5), 3)), alpha = mx.nd.array(matrix(1:3, 3))"
    ),
    "amp_cast": "mx.nd.array(c(1/3, 2/3)), dtype = 'float16'",
    "amp_multicast": (
        "list(mx.nd.Cast(mx.nd.array(1/3), dtype = 'float16'), mx.nd.array(1/3)), num_outputs = 2"
    ),
    "cast_storage": f"{_M}, stype = 'default'",
    "im2col": f"{_IMAGE}, kernel = c(3, 3)",
    "col2im": "mx.nd.ones(c(4, 4, 1)), output_size = c(3, 3), kernel = c(2, 2)",
    "fill_element_0index": f"{_M}, mx.nd.array(c(10, 20, 30)), mx.nd.array(c(0, 1, 0))",
    "gather_nd": f"{_M}, {_POINTS}",
    "scatter_nd": f"mx.nd.array(c(10, 20)), {_POINTS}, shape = c(2, 3)",
    "min": f"{_M}, axis = 1",
    "moments": f"{_M}, axes = 0",
    "slice": f"{_M}, begin = c(1, 0), end = c(2, 2)",
    "multi_all_finite": "list(mx.nd.array(1:2), mx.nd.array(c(1, Inf))), num_arrays = 2",
    "multi_sum_sq": "list(mx.nd.array(1:3), mx.nd.array(c(3, 4))), num_arrays = 2",
    "adam_update": f"{_STEP}, {_ZEROS}, {_ZEROS}, lr = 0.1",
    "ftml_update": f"{_STEP}, {_ZEROS}, {_ZEROS}, {_ZEROS}, lr = 0.1, t = 1",
    "ftrl_update": f"{_STEP}, {_ZEROS}, {_ZEROS}, lr = 0.1",
    "lamb_update_phase1": f"{_STEP}, {_ZEROS}, {_ZEROS}, t = 1, wd = 0",
    "lamb_update_phase2": f"{_STEP}, mx.nd.array(3), mx.nd.array(1), lr = 0.1",
    "nag_mom_update": f"{_STEP}, mx.nd.ones(3), lr = 0.1, momentum = 0.9",
    "sgd_mom_update": f"{_STEP}, mx.nd.ones(3), lr = 0.1, momentum = 0.9",
    "signum_update": f"{_STEP}, mx.nd.ones(3), lr = 0.1, momentum = 0.9",
    "rmsprop_update": f"{_STEP}, {_ZEROS}, lr = 0.1",
    "rmspropalex_update": f"{_STEP}, {_ZEROS}, {_ZEROS}, {_ZEROS}, lr = 0.1",
    "mp_sgd_update": f"{_HALF_STEP}, {_WEIGHT}, lr = 0.1",
    "mp_sgd_mom_update": f"{_HALF_STEP}, mx.nd.ones(3), {_WEIGHT}, lr = 0.1, momentum = 0.9",
    "mp_nag_mom_update": f"{_HALF_STEP}, mx.nd.ones(3), {_WEIGHT}, lr = 0.1, momentum = 0.9",
    "mp_lamb_update_phase1": f"{_HALF_STEP}, {_ZEROS}, {_ZEROS}, {_WEIGHT}, t = 1, wd = 0",
    "mp_lamb_update_phase2": (
        f"{_HALF}, mx.nd.array(c(1, 0, -1)), mx.nd.array(3), mx.nd.array(1), {_WEIGHT}, lr = 0.1"
    ),
    "multi_lars": (
        "mx.nd.array(c(0.1, 0.1)), mx.nd.array(c(4, 4)), mx.nd.array(c(1, 16)), mx.nd.zeros(2), "
        "eta = 1, eps = 0"
    ),
    **_MULTI,
    **dict.fromkeys(_ROUNDING, "mx.nd.array(c(-1.7, 0.4, 2.5))"),
    **dict.fromkeys(("abs", "sign", "relu", "negative", "logical_not"), "mx.nd.array(c(-2, 0, 0.5))"),
    **dict.fromkeys(("gamma", "gammaln"), "mx.nd.array(1:5)"),
    **dict.fromkeys(("ones_like", "zeros_like", "identity"), _M),
    "arccosh": "mx.nd.array(c(1, 2, 3))",
    "degrees": "mx.nd.array(c(0, pi / 2, pi))",
    "radians": "mx.nd.array(c(0, 90, 180))",
    "hard_sigmoid": "mx.nd.array(c(-4, 0, 1, 4))",
    "smooth_l1": "mx.nd.array(c(-3, 0, 0.5, 3))",
    "log2": "mx.nd.array(c(1, 2, 8))",
    "log10": "mx.nd.array(c(1, 10, 1000))",
}

# By operator whose gradient is the point: values of its inputs. The gradient is that of the first, which is
# not named *data, as those get none.
GRADIENTS: dict[str, dict[str, str]] = {
    "LinearRegressionOutput": {"score": "mx.nd.array(c(1, 2))", "label": "mx.nd.array(c(0, 4))"},
    "MAERegressionOutput": {"score": "mx.nd.array(c(1, 2))", "label": "mx.nd.array(c(0, 4))"},
    "LogisticRegressionOutput": {"score": "mx.nd.array(c(-1, 2))", "label": "mx.nd.array(c(0, 1))"},
    "SVMOutput": {"score": _M, "label": "mx.nd.array(c(0, 1, 1))"},
    "BlockGrad": {"score": "mx.nd.array(1:3)"},
    "make_loss": {"loss": "mx.nd.array(1:3)"},
    "IdentityAttachKLSparseReg": {"score": "mx.nd.array(matrix(c(0.2, 0.5, 0.9, 0.1), 2))"},
    "_contrib_round_ste": {"score": "mx.nd.array(c(-1.2, 0.4, 2.6))"},
    "_contrib_sign_ste": {"score": "mx.nd.array(c(-1.2, 0.4, 2.6))"},
}

# Those with several results: a list of arrays.
SEVERAL = {
    "SliceChannel", "amp_multicast", "linalg_gelqf", "linalg_slogdet", "linalg_syevd", "moments",
    "_contrib_MultiBoxTarget", "_contrib_bipartite_matching", "_contrib_box_encode", "_contrib_hawkesll",
    *_MULTI,
}  # fmt: skip

# What the numbers are, where it is not evident from the page.
NOTES = {
    **dict.fromkeys(
        ("BatchNorm", "BatchNorm_v1", "_contrib_SyncBatchNorm"),
        "without training: (data - moving mean) / sqrt(moving variance)",
    ),
    "_contrib_BatchNormWithReLU": "the same as BatchNorm's, and zero where that is negative",
    "BilinearSampler": "at the corner -1, -1, and in the middle, which is the mean of the four pixels",
    "CTCLoss": "-log(3 / 4): with two steps, three of the four paths spell the label",
    "Correlation": "by pixel, the mean over the channels of the products",
    "GridGenerator": "the identity: the coordinates x and y of every pixel",
    "SpatialTransformer": "x times -1 is a mirror image",
    "RNN": "one unit that sees 1, 0, 0 and halves its state at every step",
    "_contrib_DeformableConvolution": "all offsets are 1: each pixel is its neighbour on the diagonal",
    "_contrib_ModulatedDeformableConvolution": "all offsets are 1 and all masks 1/2",
    "_contrib_RROIAlign": "a box with the centre 2, 2, two pixels wide and high, turned by 90 degrees",
    "_contrib_MultiBoxPrior": "a box of half the image's size around every pixel: left, top, right, bottom",
    "_contrib_MultiBoxTarget": "from the first anchor to the object, which numbers count, and classes",
    "_contrib_MultiBoxDetection": "by column: class, score, left, top, right, bottom",
    **dict.fromkeys(
        ("_contrib_Proposal", "_contrib_MultiProposal"),
        "the two best boxes, by column: image, left, top, right, bottom",
    ),
    "_contrib_bipartite_matching": "the column of each row, and the row of each column; -1 for none",
    "_contrib_box_decode": "the anchor around 4, 4, moved to the right by its width",
    "_contrib_box_encode": "the way from the anchor to its object, in widths, and which numbers count",
    "_contrib_box_iou": "the first box shares a third with the other one; the second nothing",
    "_contrib_box_nms": "the best of the two that overlap, the one apart, and -1 for the one left out",
    "_contrib_hawkesll": "two events in 3 units of time at rate 1: 2 log(1) - 3; and the new state",
    "_contrib_index_array": "the indices of every element, in C order",
    "_contrib_allclose": "1 for yes",
    "all_finite": "0 for no",
    "multi_all_finite": "0 for no",
    "gather_nd": "the elements 0, 1 and 2, 0 in C order",
    "scatter_nd": "10 and 20 at the places 0, 1 and 2, 0 in C order",
    "col2im": "how many of the windows of 2 x 2 cover each pixel",
    "im2col": "a window of 3 x 3 in each row",
    "cast_storage": "dense arrays stay as they are",
    "linalg_gelqf": "Q and L",
    "linalg_slogdet": "the sign, and log(8)",
    "linalg_syevd": "the eigenvectors, and the eigenvalues 1 and 3",
    "moments": "means and variances",
    "multi_lars": "each rate times the root of (weights' / gradients' sum of squares)",
    "BlockGrad": "the data, and no gradient",
    "make_loss": "the loss, and its own gradient",
    "IdentityAttachKLSparseReg": "the data, and the gradient: 1 and that of the penalty",
    "_contrib_round_ste": "rounded, with the gradient as if it were not",
    "_contrib_sign_ste": "the signs, with the gradient as if they were the data",
    **dict.fromkeys(
        ("LinearRegressionOutput", "MAERegressionOutput", "LogisticRegressionOutput", "SVMOutput"),
        "the output, and the gradient of the loss",
    ),
}

_RANDOM = ("random_", "sample_", "shuffle", "Dropout")


def numbers(operator: str, function: str) -> list[str]:
    """The lines that show a result of `function`, which is the operator on arrays. None if the tables have
    nothing for it. For the operators in GRADIENTS the lines bind
    the symbol `x` of those inputs."""
    note = [f"# {NOTES[operator]}"] if operator in NOTES else []
    if operator in GRADIENTS:
        return _gradient(GRADIENTS[operator], note)
    if operator not in ARGUMENTS:
        return []
    seed = operator.startswith(_RANDOM) and "_pdf_" not in operator
    call = f"{function}({ARGUMENTS[operator]})"
    shown = f"lapply({call}, as.array)" if operator in SEVERAL else f"as.array({call})"
    return ["mx.set.seed(1)"] * seed + note + [shown]


def _gradient(inputs: dict[str, str], note: list[str]) -> list[str]:
    """Lines that bind `x`, and print its output and the gradient of its first input."""
    first = next(iter(inputs))
    values = ", ".join(f"{name} = {name}" for name in inputs)
    return [
        *(f"{name} <- {value}" for name, value in inputs.items()),
        f'ex <- mx.simple.bind(x, ctx = mx.cpu(), grad.req = "write", {first} = dim({first}))',
        f"mx.exec.update.arg.arrays(ex, list({values}), match.name = TRUE)",
        "mx.exec.forward(ex, is.train = TRUE)",
        f"mx.exec.backward(ex, mx.nd.ones(dim({first})))",
        *note,
        "as.array(ex$ref.outputs[[1]])",
        f"as.array(ex$ref.grad.arrays${first})",
    ]
