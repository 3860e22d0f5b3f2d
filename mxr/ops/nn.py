"""Layers without windows: fully connected, activations, the softmax family, dropout."""
from __future__ import annotations

import math

import numpy as np
from scipy.special import erf

from .. import random as streams
from ..op import REQUIRED, Dtype, P, ParamError, Shape, ShapeError, axis_of, known, op, same_shape, shape_text, size, unify

# --------------------------------------------------------------------------------------------- fully connected


@op("FullyConnected")
class FullyConnected:
    """A linear layer: `output = data . t(weight) + bias`.

    With `flatten` (the default) each sample is one row, whatever its shape: an input of N samples with K values each gives an
    output of `num_hidden` values for each of the N samples, and the weight holds `num_hidden` rows of K. Without `flatten` the layer
    works on the last C-order axis of the input (the first one in R) and leaves the other axes as they are.

    Returns an array of `num_hidden` values per sample. Weight and bias are made as arguments when they are not given, and their
    shapes follow from the data.
    """
    num_hidden: int = P(REQUIRED, "number of values computed per sample: the rows of the weight", low=1)
    no_bias: bool = P(False, "leave out the bias, and with it the argument `bias`")
    flatten: bool = P(True, "treat everything but the first C-order axis of the data as one axis")

    inputs = lambda p: ("data", "weight") if p.no_bias else ("data", "weight", "bias")

    def infer_shape(p, ins, outs):
        data, out = ins[0], outs[0]
        weight = unify(ins[1], (p.num_hidden, 0))
        if data is not None:
            if not data:
                raise ShapeError("data has no axes")
            if p.flatten:
                k = size(data[1:])
                out = unify(out, (data[0], p.num_hidden))
                data = (data[0] or out[0], *data[1:])
                if not k and len(data) == 2 and weight[1]:
                    data = (data[0], weight[1])
            else:
                k = data[-1]
                out = unify(out, (*data[:-1], p.num_hidden))
                data = (*out[:-1], k or weight[1])
            weight = unify(weight, (p.num_hidden, k))
        ins = [data, weight]
        if not p.no_bias:
            given = ins_bias if (ins_bias := _bias_shape(p, ins, outs)) else (p.num_hidden,)
            ins.append(given)
        return ins, [out]

    def forward(p, data, weight, bias=None):
        out = np.matmul(_rows(p, data), weight.T)
        if bias is not None:
            out = out + bias.reshape(-1)
        return out if p.flatten else out.reshape(*data.shape[:-1], p.num_hidden)

    def backward(p, g, ins, outs):
        data, weight = ins[:2]
        g = g.reshape(-1, p.num_hidden)
        grads = (np.matmul(g, weight).reshape(data.shape), np.matmul(g.T, _rows(p, data)))
        return grads if p.no_bias else (*grads, g.sum(axis=0).reshape(ins[2].shape))
