"""Operators that users write in Python: `CustomOp` as in MXNet's Python, and traced ones (`mxr.extend`)."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import mxr as mx
from mxr.operator import MxError, ShapeError, registry

ROOT = Path(__file__).parents[2]


class Softmax(mx.operator.CustomOp):
    """MXNet's example of an operator in Python, from its tutorial."""

    def forward(self, is_train, req, in_data, out_data, aux):
        x = in_data[0].asnumpy()
        y = np.exp(x - x.max(axis=1).reshape((x.shape[0], 1)))
        y /= y.sum(axis=1).reshape((x.shape[0], 1))
        self.assign(out_data[0], req[0], mx.nd.array(y))

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        label = in_data[1].asnumpy().ravel().astype(int)
        y = out_data[0].asnumpy()
        y[np.arange(label.shape[0]), label] -= 1.0
        self.assign(in_grad[0], req[0], mx.nd.array(y))


@mx.operator.register("test_softmax")
class SoftmaxProp(mx.operator.CustomOpProp):
    def __init__(self, scale="1"):
        super().__init__(need_top_grad=False)
        self.scale = scale

    def list_arguments(self):
        return ["data", "label"]

    def infer_shape(self, in_shape):
        return [in_shape[0], (in_shape[0][0],)], [in_shape[0]], []

    def create_operator(self, ctx, shapes, dtypes):
        return Softmax()


class Scaled(mx.operator.CustomOp):
    """Multiplies, counts its passes in an auxiliary state, and fails on demand."""

    def __init__(self, factor):
        self.factor = factor

    def forward(self, is_train, req, in_data, out_data, aux):
        if (in_data[0].asnumpy() > 100).any():
            raise RuntimeError("a number is above 100")
        self.assign(out_data[0], req[0], in_data[0] * self.factor)
        if is_train:
            aux[0][:] = aux[0] + 1

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        self.assign(in_grad[0], req[0], out_grad[0] * self.factor)


@mx.operator.register("test_scaled")
class ScaledProp(mx.operator.CustomOpProp):
    def __init__(self, factor="2"):
        super().__init__()
        self.factor = float(factor)

    def list_auxiliary_states(self):
        return ["passes"]

    def infer_shape(self, in_shape):
        return in_shape, in_shape, [(1,)]

    def create_operator(self, ctx, shapes, dtypes):
        return Scaled(self.factor)


def net(head):
    return head(mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc"))


def filled(symbol, seed=0):
    ex = symbol.simple_bind(data=(4, 5))
    rng = np.random.default_rng(seed)
    for name, a in ex.args.items():
        a[:] = [0, 1, 2, 1] if name == "softmax_label" else rng.standard_normal(a.shape)
    return ex


@pytest.mark.parametrize("both", [False, True])
def test_trains_as_the_built_in_operator(both):
    own = filled(net(lambda x: mx.sym.Custom(data=x, op_type="test_softmax", name="softmax")))
    built_in = filled(net(lambda x: mx.sym.SoftmaxOutput(x, name="softmax")))
    assert list(own.args) == list(built_in.args) and list(own.outputs) == list(built_in.outputs)
    for _ in range(20):
        for ex in (own, built_in):
            if both:
                ex.forward_backward()
            else:
                ex.forward(is_train=True)
                ex.backward()
            for name in ("fc_weight", "fc_bias"):
                ex.args[name][:] = ex.args[name] - 0.1 * ex.grads[name]
    for name in ("fc_weight", "fc_bias"):
        np.testing.assert_allclose(
            own.args[name].asnumpy(), built_in.args[name].asnumpy(), rtol=1e-5, atol=1e-6
        )


def test_inside_a_graph_with_states_before_and_after():
    x = mx.sym.Variable("data")
    inner = mx.sym.Custom(mx.sym.square(x), op_type="test_scaled", factor=3, name="three")
    loss = mx.sym.MakeLoss(
        mx.sym.sum(mx.sym.exp(mx.sym.Custom(inner, op_type="test_scaled", factor=0.5, name="half")))
    )
    assert loss.list_auxiliary_states() == ["three_passes", "half_passes"]
    ex = loss.simple_bind(data=(3,), reqs="add")
    v = np.array([0.1, -0.4, 0.7], np.float32)
    ex.args["data"][:] = v
    for _ in range(2):
        ex.forward(True)
        ex.backward()
    np.testing.assert_allclose(ex.grads["data"].asnumpy(), 2 * np.exp(1.5 * v**2) * 3 * v, rtol=1e-5)
    ex.forward(False)
    assert ex.aux["three_passes"].asscalar() == 2 and ex.aux["half_passes"].asscalar() == 2


def test_at_once():
    y = mx.nd.Custom(mx.nd.array([[1, 2]]), mx.nd.array([0]), op_type="test_scaled", factor=4)
    np.testing.assert_array_equal(y.asnumpy(), [[4, 8]])
    assert mx.nd.Custom(
        data=mx.nd.ones((2, 2)), passes=mx.nd.zeros((1,)), op_type="test_scaled"
    ).asnumpy().tolist() == [[2, 2], [2, 2]]


def test_json_keeps_the_parameters_and_says_what_is_missing():
    symbol = net(lambda x: mx.sym.Custom(data=x, op_type="test_softmax", scale=2.5, name="softmax"))
    text = symbol.tojson()
    assert '"op": "Custom"' in text and '"scale": "2.5"' in text and '"op_type": "test_softmax"' in text
    again = mx.sym.load_json(text)
    assert again.tojson() == text and again.attrs == {"op_type": "test_softmax", "scale": "2.5"}
    np.testing.assert_array_equal(*(filled(s).forward()[0].asnumpy() for s in (symbol, again)))
    with pytest.raises(
        MxError, match=r'node softmax: no operator "test_softmaxx" is registered.*did you mean "test_softmax"'
    ):
        mx.sym.load_json(text.replace("test_softmax", "test_softmaxx"))


def test_a_failure_has_the_functions_traceback_and_leaves_the_executor_usable():
    ex = mx.sym.Custom(mx.sym.Variable("data"), op_type="test_scaled", name="y").simple_bind(data=(2,))
    ex.args["data"][:] = [1, 200]
    with pytest.raises(MxError, match="forward of test_scaled: RuntimeError: a number is above 100") as e:
        ex.forward(True)
    frames = []
    trace = e.value.__cause__.__traceback__
    while trace:
        frames.append((trace.tb_frame.f_code.co_filename, trace.tb_frame.f_code.co_name))
        trace = trace.tb_next
    assert (__file__, "forward") in frames
    with pytest.raises(MxError, match="run forward first"):
        ex.backward()
    ex.args["data"][:] = [1, 2]
    ex.forward(True)
    ex.backward()
    assert ex.output_list[0].asnumpy().tolist() == [2, 4] and ex.grads["data"].asnumpy().tolist() == [2, 2]


def test_a_ctrl_c_in_the_function_ends_it_and_leaves_the_executor_usable():
    class Pressed(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            if in_data[0].asnumpy()[0] > 100:
                signal.raise_signal(signal.SIGINT)
            self.assign(out_data[0], req[0], in_data[0])

    @mx.operator.register("test_pressed")
    class PressedProp(mx.operator.CustomOpProp):
        def create_operator(self, ctx, shapes, dtypes):
            return Pressed()

    ex = mx.sym.Custom(mx.sym.Variable("data"), op_type="test_pressed").simple_bind("null", data=(2,))
    ex.args["data"][:] = 200
    with pytest.raises(KeyboardInterrupt):
        ex.forward(True)
    ex.args["data"][:] = 3
    assert ex.forward(True)[0].asnumpy().tolist() == [3, 3]


class Wrong(mx.operator.CustomOpProp):
    """Wrong declarations, by name."""

    def __init__(self, what):
        super().__init__()
        self.what = what

    def list_arguments(self):
        return ["data", "data"] if self.what == "names" else ["data"]

    def infer_shape(self, in_shape):
        return {"shape": ([in_shape[0]],), "other": ([(7, 7)], [in_shape[0]], [])}.get(
            self.what
        ) or super().infer_shape(in_shape)

    def create_operator(self, ctx, shapes, dtypes):
        if self.what == "create":
            raise KeyError("no")
        return [] if self.what == "kind" else mx.operator.CustomOp()


mx.operator.register("test_wrong")(Wrong)


@pytest.mark.parametrize(
    "what, error, message",
    [
        ("names", MxError, "list_arguments of test_wrong: must return different names"),
        ("shape", ShapeError, "must return lists for 1 inputs, 1 outputs and 0 auxiliary states"),
        ("other", ShapeError, r"data has the shape \(2,\), but infer_shape of test_wrong gives \(7, 7\)"),
        ("create", MxError, "create_operator of test_wrong: KeyError"),
        ("kind", MxError, "create_operator of test_wrong: must return a CustomOp, not list"),
        ("forward", MxError, "forward of test_wrong: NotImplementedError: CustomOp has no forward"),
    ],
)
def test_mistakes(what, error, message):
    with pytest.raises(error, match=message):
        mx.sym.Custom(mx.sym.Variable("data"), op_type="test_wrong", what=what).simple_bind(
            data=(2,)
        ).forward()


def test_wrong_calls():
    x = mx.sym.Variable("data")
    for call, message in (
        (lambda: mx.sym.Custom(x, op_type="test_softmax", w=3), "cannot be made with the parameters"),
        (lambda: mx.sym.Custom(x), "op_type is required"),
        (lambda: mx.operator.register(Wrong), "give the name"),
        (lambda: mx.operator.register("x")(Softmax), "derived from CustomOpProp"),
        (lambda: mx.sym.Custom(x, x, x, op_type="test_softmax"), "takes 2 inputs"),
    ):
        with pytest.raises(MxError, match=message):
            call()


def test_an_input_cannot_be_written_by_mistake():
    class Writes(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            in_data[0][:] = 1

    @mx.operator.register("test_writes")
    class WritesProp(mx.operator.CustomOpProp):
        def create_operator(self, ctx, shapes, dtypes):
            return Writes()

    with pytest.raises(MxError, match="forward of test_writes: .*read-only"):
        mx.nd.Custom(mx.nd.ones((2,)), op_type="test_writes")


def test_memory_does_not_grow():
    ex = filled(net(lambda x: mx.sym.Custom(data=x, op_type="test_softmax", name="softmax")))

    def steps(n):
        for _ in range(n):
            ex.forward_backward()

    steps(200)
    gc.collect()
    tracemalloc.start()
    steps(10)
    before = tracemalloc.get_traced_memory()[0]
    steps(10_000)
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 20_000


def test_a_file_of_mxnet_runs_once_its_operator_is_registered():
    """A model that MXNet trained and saved (tests/reference/custom_file.py), in a process without the
    operator: the error says what is missing. With the operator, it computes MXNet's outputs, gradients and
    states."""
    code = """
import numpy as np, mxr as mx
from tests.reference.custom_operators import register
try:
    mx.sym.load("tests/data/custom-symbol.json")
except mx.MxError as e:
    print(e)
register(mx)
net, arrays = mx.sym.load("tests/data/custom-symbol.json"), mx.nd.load("tests/data/custom-0003.params")
assert net.tojson() == open("tests/data/custom-symbol.json").read()
theirs = np.load("tests/data/custom.npz")
ex = net.simple_bind(data=(8, 4))
for name, value in {**arrays, "arg:data": theirs["data"], "arg:label": theirs["label"]}.items():
    kind, name = name.split(":")
    (ex.args if kind == "arg" else ex.aux)[name][:] = value
ex.forward(is_train=True)
ex.backward()
mine = {"out": ex.outputs[0], "calls": ex.aux["out_calls"]} | {f"grad_{k}": g for k, g in ex.grads.items()}
compared = [k for k in theirs.files if k not in ("data", "label")]
for k in compared:
    np.testing.assert_allclose(mine[k].asnumpy(), theirs[k], rtol=1e-5, atol=1e-6, err_msg=k)
print(len(compared), "arrays agree, calls:", mine["calls"].asnumpy())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert 'node out: no operator "tempered" is registered in this session' in done.stdout
    assert "6 arrays agree, calls: [6.]" in done.stdout


def test_a_traced_operator_of_ones_own():
    from mxr.extend import P, op

    @op("test_wing")
    class Wing:
        """The wing loss."""

        w: float = P(10.0, "where it turns linear", low=0)
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

    try:
        loss = mx.sym.MakeLoss(mx.sym.test_wing(mx.sym.Variable("pred"), mx.sym.Variable("label"), w=3))
        ex = loss.simple_bind(pred=(5,), label=(5,))
        ex.args["pred"][:] = [0, 1, -2, 5, -9]
        ex.forward(True)
        ex.backward()
        np.testing.assert_allclose(ex.grads["pred"].asnumpy(), [0, 1, -0.75, 1, -1], rtol=1e-6)
        assert mx.sym.load_json(loss.tojson()).tojson() == loss.tojson()
    finally:
        registry.pop("test_wing")
