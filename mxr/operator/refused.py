"""The operators of MXNet that mxr does not have, each with the reason, by name or beginning of the name."""

from __future__ import annotations

_QUANTIZED = (
    "it belongs to quantized networks (int8), which mxr does not have; use the network before quantization"
)
_SPARSE = (
    "it works on arrays in sparse storage, which mxr does not have; "
    "use the operator of the same name on dense arrays"
)
_GRAPHS = "it samples graphs in sparse storage for DGL, which mxr does not have"
_GPU = "MXNet computes it on a GPU only"
_ONEDNN = "MXNet's own rewriting of graphs for oneDNN makes it; save the network without a subgraph backend"
_NUMPY = "it belongs to MXNet's NumPy interface (mx.np), which no R script and no symbol of R reaches"
_INTERNAL = "MXNet uses it internally, and no file of a network holds it"

EXACT = {
    "_contrib_fft": _GPU,
    "_contrib_ifft": _GPU,
    "_contrib_count_sketch": _GPU,
    "_contrib_getnnz": _SPARSE.replace(
        "use the operator of the same name on dense arrays", "count with sum(x != 0)"
    ),
    "_contrib_edge_id": _GRAPHS,
    "_contrib_calibrate_entropy": _QUANTIZED,
    "_contrib_requantize": _QUANTIZED,
    "_contrib_dequantize": _QUANTIZED,
    "_contrib_group_adagrad_update": "it is the update of an optimizer for sparse gradients; use adagrad",
    "_CustomFunction": "it holds a Python function (autograd.Function), which no file can keep",
    "_NoGradient": _INTERNAL,
    "_copyto": _INTERNAL,
    "_CrossDeviceCopy": _INTERNAL,
    "_CachedOp": _INTERNAL,
    "_CachedOpThreadSafe": _INTERNAL,
    "_broadcast_backward": _INTERNAL,
    "_split_v2_backward": _INTERNAL,
    "_imdecode": "images are decoded by the image iterators and mx.io.ImageRecordIter",
    "_NDArray": "it holds a Python object of one process (the old NDArrayOp); write the operator as Custom",
    "_Native": "it holds a Python object of one process (the old NumpyOp); write the operator as Custom",
}
BEGINNINGS = {
    "_contrib_quantize": _QUANTIZED,
    "_contrib_dgl_": _GRAPHS,
    "_sparse_": _SPARSE,
    "_sg_mkldnn": _ONEDNN,
    "_np": _NUMPY,
    "_contrib_backward": _INTERNAL,
    "_backward": _INTERNAL,
    "_cv": "it changes images by OpenCV; the image iterators and the operators _image_* do the same",
    "_TensorRT": "it runs a part of a network by TensorRT, on a GPU only",
}


def why_not(name: str) -> str | None:
    """The reason why mxr does not have this operator of MXNet, as the end of a sentence. None for other
    names."""
    if name in EXACT:
        return EXACT[name]
    return next((why for start, why in BEGINNINGS.items() if name.startswith(start)), None)
