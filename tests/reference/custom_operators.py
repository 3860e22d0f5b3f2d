"""Operators written in Python, the same classes for MXNet and for mxr: `register(mx)` with either. The old
tutorials and examples of MXNet write them like this."""

from __future__ import annotations

import numpy as np


def register(mx) -> None:
    for make in (tempered, wing, bell, spread, whole):
        mx.operator.register(make.__name__)(make(mx))


def tempered(mx):
    """A softmax with a temperature and a loss's gradient, which counts its calls in a state."""

    class Tempered(mx.operator.CustomOp):
        def __init__(self, temperature):
            super().__init__()
            self.temperature = temperature

        def forward(self, is_train, req, in_data, out_data, aux):
            x = in_data[0].asnumpy() / self.temperature
            y = np.exp(x - x.max(axis=1, keepdims=True))
            self.assign(out_data[0], req[0], mx.nd.array(y / y.sum(axis=1, keepdims=True)))
            if is_train:
                aux[0][:] = aux[0].asnumpy() + 1

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            label = in_data[1].asnumpy().ravel().astype(int)
            y = out_data[0].asnumpy().copy()
            y[np.arange(len(label)), label] -= 1
            self.assign(in_grad[0], req[0], mx.nd.array(y / self.temperature))
            self.assign(in_grad[1], req[1], 0)

    class TemperedProp(mx.operator.CustomOpProp):
        def __init__(self, temperature="1.0"):
            super().__init__(need_top_grad=False)
            self.temperature = float(temperature)

        def list_arguments(self):
            return ["data", "label"]

        def list_auxiliary_states(self):
            return ["calls"]

        def infer_shape(self, in_shape):
            return [in_shape[0], [in_shape[0][0]]], [in_shape[0]], [[1]]

        def create_operator(self, ctx, shapes, dtypes):
            return Tempered(self.temperature)

    return TemperedProp


def wing(mx):
    """The wing loss (Feng et al. 2018) of a prediction and a label, with MXNet's own functions."""

    class Wing(mx.operator.CustomOp):
        def __init__(self, w):
            super().__init__()
            self.w = w

        def forward(self, is_train, req, in_data, out_data, aux):
            d = mx.nd.abs(in_data[0] - in_data[1])
            far = d - self.w + self.w * np.log(1 + self.w / 2)
            y = mx.nd.where(d < self.w, self.w * mx.nd.log(1 + d / 2), far)
            self.assign(out_data[0], req[0], y)

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            d = in_data[0] - in_data[1]
            size = mx.nd.abs(d)
            slope = mx.nd.where(size < self.w, self.w / (2 + size), mx.nd.ones_like(size))
            g = out_grad[0] * mx.nd.sign(d) * slope
            self.assign(in_grad[0], req[0], g)
            self.assign(in_grad[1], req[1], -g)

    class WingProp(mx.operator.CustomOpProp):
        def __init__(self, w):
            super().__init__(need_top_grad=True)
            self.w = float(w)

        def list_arguments(self):
            return ["data", "label"]

        def infer_shape(self, in_shape):
            return [in_shape[0], in_shape[0]], [in_shape[0]], []

        def create_operator(self, ctx, shapes, dtypes):
            return Wing(self.w)

    return WingProp


def bell(mx):
    """A Gaussian activation around a centre that is learned."""

    class Bell(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            d = in_data[0] - in_data[1].reshape((1, -1))
            self.assign(out_data[0], req[0], mx.nd.exp(-d * d))

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            d = in_data[0] - in_data[1].reshape((1, -1))
            g = -2 * d * out_data[0] * out_grad[0]
            self.assign(in_grad[0], req[0], g)
            self.assign(in_grad[1], req[1], -mx.nd.sum(g, axis=0))

    class BellProp(mx.operator.CustomOpProp):
        def list_arguments(self):
            return ["data", "centre"]

        def infer_shape(self, in_shape):
            return [in_shape[0], [in_shape[0][1]]], [in_shape[0]], []

        def create_operator(self, ctx, shapes, dtypes):
            return Bell()

    return BellProp


def spread(mx):
    """Two outputs of different shapes, the mean and the squared distances from it; without training, from 0.
    (It keeps no state: MXNet 1.9.1 binds none where the gradient depends on the one from above.)"""

    class Spread(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            mean = mx.nd.mean(in_data[0], axis=0) * int(is_train)
            self.assign(out_data[0], req[0], mean)
            self.assign(out_data[1], req[1], mx.nd.square(in_data[0] - mean.reshape((1, -1))))

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            x = in_data[0].asnumpy()
            g = 2 * (x - x.mean(axis=0)) * out_grad[1].asnumpy()
            g = g - g.mean(axis=0) + out_grad[0].asnumpy() / len(x)
            self.assign(in_grad[0], req[0], mx.nd.array(g))

    class SpreadProp(mx.operator.CustomOpProp):
        def list_outputs(self):
            return ["mean", "squares"]

        def infer_shape(self, in_shape):
            return in_shape, [in_shape[0][1:], in_shape[0]], []

        def create_operator(self, ctx, shapes, dtypes):
            return Spread()

    return SpreadProp


def whole(mx):
    """Rounds to int32, with a gradient as if it did not; of another type than its input."""

    class Whole(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            self.assign(out_data[0], req[0], mx.nd.round(in_data[0]).astype("int32"))

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            self.assign(in_grad[0], req[0], out_grad[0].astype("float32"))

    class WholeProp(mx.operator.CustomOpProp):
        def infer_type(self, in_type):
            return in_type, [np.int32], []

        def create_operator(self, ctx, shapes, dtypes):
            return Whole()

    return WholeProp
