"""For authors of operators: declaring an operator that is compiled like the built-in ones.

    import numpy as np
    from mxr.extend import P, op

    @op("wing_loss")
    class Wing:
        '''The wing loss of the difference of two arrays.'''
        w: float = P(10.0, "where it turns from logarithmic to linear", low=0)
        epsilon: float = P(2.0, "the curvature", low=0)

        inputs = ("data", "label")

        def forward(p, data, label):
            d = abs(data - label)
            c = p.w - p.w * np.log(1 + p.w / p.epsilon)
            return np.where(d < p.w, p.w * np.log(1 + d / p.epsilon), d - c)

        def backward(p, g, ins, outs):
            x = ins[0] - ins[1]
            slope = np.where(abs(x) < p.w, p.w / (p.epsilon + abs(x)), 1.0) * np.sign(x)
            return g * slope, -g * slope

    loss = mxr.sym.MakeLoss(mxr.sym.wing_loss(pred, label, w=5))

docs/adding-an-operator.md explains declarations. `mxr.operator.CustomOp` is for operators in the style of
MXNet's Python, which get arrays instead of traced values.
"""

from mxr.compiler.value import scatter_slice
from mxr.operator import (
    REQUIRED,
    Dtype,
    Floats,
    MxError,
    P,
    ParamError,
    Shape,
    ShapeError,
    axis_of,
    known,
    op,
    same_shape,
    shape_text,
    size,
    unify,
)

__all__ = [
    "REQUIRED",
    "Dtype",
    "Floats",
    "MxError",
    "P",
    "ParamError",
    "Shape",
    "ShapeError",
    "axis_of",
    "known",
    "op",
    "same_shape",
    "scatter_slice",
    "shape_text",
    "size",
    "unify",
]
