"""The operators of MXNet that mxr does not have, each with the reason, by name or beginning of the name."""

from __future__ import annotations

_QUANTIZED = (
    "it belongs to quantized networks (int8), which mxr does not have; use the network before quantization"
)
_SPARSE = "it works on arrays in sparse storage, which mxr does not have"
_SPARSE_NAME = (
    "it is an operator's name for arrays in sparse storage, which mxr does not have; "
    "the same name without _sparse_ is the operator for dense arrays"
)
_IMAGE_FILES = "it reads an image by OpenCV; the image iterators, as mx.io.ImageRecordIter, do"
_GRAPHS = "it samples graphs in sparse storage for DGL, which mxr does not have"
_GPU = "MXNet computes it on a GPU only"
_ONEDNN = "MXNet's own rewriting of graphs for oneDNN makes it; save the network without a subgraph backend"
_NUMPY = (
    "it belongs to MXNet's NumPy interface (mx.np), which only its Python has; "
    "build the network from mx.sym, or save it from a block without mx.npx.set_np"
)
_INTERNAL = "MXNet uses it internally, and no file of a network holds it"

_UPDATE = "it is the update of an optimizer for sparse gradients; use adagrad"
_INT8 = (
    "calibrate_entropy dequantize quantize quantize_asym quantize_v2 quantized_act quantized_batch_norm "
    "quantized_concat quantized_conv quantized_elemwise_add quantized_elemwise_mul quantized_embedding "
    "quantized_flatten quantized_fully_connected quantized_pooling quantized_rnn requantize"
)
_DGL = (
    "dgl_adjacency dgl_csr_neighbor_non_uniform_sample dgl_csr_neighbor_uniform_sample dgl_graph_compact "
    "dgl_subgraph edge_id"
)

EXACT = {
    "_contrib_fft": _GPU,
    "_contrib_ifft": _GPU,
    "_contrib_count_sketch": _GPU,
    "_contrib_getnnz": f"{_SPARSE}; count with sum(x != 0)",
    "_sparse_retain": f"{_SPARSE}; multiply the rows with ones and zeros",
    "_sparse_adagrad_update": _UPDATE,
    "_contrib_group_adagrad_update": _UPDATE,
    **{f"_contrib_{name}": _QUANTIZED for name in _INT8.split()},
    **{f"_contrib_{name}": _GRAPHS for name in _DGL.split()},
    "_CustomFunction": "it holds a Python function (autograd.Function), which no file can keep",
    "_NoGradient": _INTERNAL,
    "_copyto": _INTERNAL,
    "_CrossDeviceCopy": _INTERNAL,
    "_CachedOp": _INTERNAL,
    "_CachedOpThreadSafe": _INTERNAL,
    "_broadcast_backward": _INTERNAL,
    "_split_v2_backward": _INTERNAL,
    "_imdecode": _IMAGE_FILES,
    "_cvimdecode": _IMAGE_FILES,
    "_cvimread": _IMAGE_FILES,
    "_cvimresize": "it resizes an image by OpenCV; use _image_resize",
    "_cvcopyMakeBorder": "it pads an image by OpenCV; use Pad",
    "_NDArray": "it holds a Python object of one process (the old NDArrayOp); write the operator as Custom",
    "_Native": "it holds a Python object of one process (the old NumpyOp); write the operator as Custom",
}
BEGINNINGS = {
    "_sparse_": _SPARSE_NAME,
    "_sg_mkldnn": _ONEDNN,
    "_np": _NUMPY,
    "_contrib_backward": _INTERNAL,
    "_backward": _INTERNAL,
    "_TensorRT": "it runs a part of a network by TensorRT, on a GPU only",
}


def why_not(name: str) -> str | None:
    """The reason why mxr does not have this operator of MXNet, as the end of a sentence. None for other
    names."""
    if name in EXACT:
        return EXACT[name]
    return next((why for start, why in BEGINNINGS.items() if name.startswith(start)), None)
