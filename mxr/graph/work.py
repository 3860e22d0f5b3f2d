"""The amount of arithmetic in one forward pass of a graph, counted from shapes alone."""

from __future__ import annotations

import math
from typing import NamedTuple

from mxr.graph.infer_shapes import Shapes
from mxr.graph.node import Graph, Node
from mxr.operator.shapes import Dims

# operators that multiply their weight with each position of their output
_BY_OUTPUT = ("FullyConnected", "Convolution", "Convolution_v1")
_PRODUCTS = ("dot", "batch_dot", "_linalg_gemm", "_linalg_gemm2")


class Work(NamedTuple):
    """The work of one forward pass. A training step takes about three times as much."""

    products: int  # floating-point operations of matrix products: a multiplication and an addition are two
    elements: int  # elements of the other operators' outputs
    calls: int  # operators


def work(graph: Graph, shapes: Shapes) -> Work:
    """The work of a graph whose shapes (`infer_shapes.all_shapes`) are all known."""
    products = elements = calls = 0
    for node in graph.nodes():
        if node.op is None:
            continue
        calls += 1
        ins = [shapes[id(n), i] or () for n, i in node.inputs]
        out = shapes[id(node), 0] or ()
        flops = _flops(node, ins, out)
        products += flops
        if not flops:
            elements += max(math.prod(s) for s in (*ins[:1], out))
    return Work(products, elements, calls)


def _flops(node: Node, ins: list[Dims], out: Dims) -> int:
    assert node.op is not None
    name = node.op.name
    if name in _BY_OUTPUT:  # the weight has one row for each output channel, which is the second axis
        return 2 * math.prod(out) // max(ins[1][0], 1) * math.prod(ins[1])
    if name == "Deconvolution":  # the weight has one row for each input channel
        return 2 * math.prod(ins[0]) // max(ins[1][0], 1) * math.prod(ins[1])
    if name == "RNN":  # all weights are used at each position of the sequence
        return 2 * math.prod(ins[0][:2]) * math.prod(ins[1])
    if name in _PRODUCTS:
        transposed = getattr(node.p, "transpose_a", False)
        return 2 * math.prod(out) * ins[0][-2 if transposed and len(ins[0]) > 1 else -1]
    return 0
