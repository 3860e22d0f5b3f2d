"""What people type first who know MXNet's Python: it works, or says what to use. And what editors and type
checkers see."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

import mxr
import mxr as mx
from mxr.r.generate import stubs

ROOT = Path(__file__).parents[2]
x = mx.sym.Variable("x")
loss = mx.sym.MakeLoss((mx.sym.FullyConnected(x, num_hidden=3, name="fc") * 2).square().sum(axis=1), name="l")


def filled(**more):
    ex = loss.simple_bind(mx.cpu(), x=(2, 3), **more)
    ex.copy_params_from({"x": np.ones((2, 3)), "fc_weight": mx.nd.full((3, 3), 0.5), "fc_bias": [0, 0, 0]})
    return ex


def test_the_documents_example_of_makeloss():
    """The loss in the documentation of MXNet's MakeLoss, in its own words but for the signs."""
    out, label = mx.symbol.Variable("out"), mx.symbol.Variable("label")
    cross_entropy = label * mx.symbol.log(out) + (1 - label) * mx.symbol.log(1 - out)
    net = mx.symbol.MakeLoss(cross_entropy)
    p, y = np.array([0.2, 0.7, 0.9], "f4"), np.array([0, 1, 0], "f4")
    executor = net.bind(
        ctx=mx.cpu(),
        args={"out": mx.nd.array(p), "label": mx.nd.array(y)},
        args_grad={"out": mx.nd.zeros((3,))},
    )
    executor.forward(is_train=True)
    executor.backward()
    np.testing.assert_allclose(
        executor.outputs[0].asnumpy(), y * np.log(p) + (1 - y) * np.log(1 - p), rtol=1e-6
    )
    np.testing.assert_allclose(executor.grad_dict["out"].asnumpy(), y / p - (1 - y) / (1 - p), rtol=1e-6)


def test_executors():
    ex = filled(grad_req="write")
    assert ex.forward(is_train=True)[0] is ex.outputs[0] is ex.outputs["l_output"] is ex.outputs[-1]
    ex.backward()
    assert ex.outputs[0].asnumpy().tolist() == [27, 27]
    assert (
        ex.arg_dict["x"] is ex.args["x"]
        and ex.grad_dict is ex.grads
        and ex.aux_dict == {}
        and ex.aux_arrays == []
    )
    assert [a.shape for a in ex.arg_arrays] == [g.shape for g in ex.grad_arrays] == [(2, 3), (3, 3), (3,)]
    assert ex.forward(x=np.zeros((2, 3)))[0].asnumpy().tolist() == [0, 0] and list(ex.output_dict) == [
        "l_output"
    ]
    ex.forward(is_train=True)
    ex.backward(out_grads=mx.nd.ones((2,)))
    with pytest.raises(mx.MxError, match="copy_params_from: the executor has no argument y"):
        ex.copy_params_from({"y": 1})
    ex.copy_params_from({"y": 1}, allow_extra_params=True)
    with pytest.raises(mx.MxError, match="has no array 3"):
        ex.outputs[3]


def test_binding_in_both_orders():
    arrays = filled().arg_dict
    grad = mx.nd.zeros((2, 3))
    for ex in (
        loss.bind(mx.cpu(), arrays, {"x": grad}, "add", None),
        loss.bind(arrays, {"x": grad}, "add"),
        loss.bind(mx.cpu(), list(arrays.values()), {"x": grad}, "add"),
        loss.bind(args=arrays, args_grad={"x": grad}, grad_req="add", aux_states={}, ctx=mx.cpu()),
        loss.bind(arrays, grads={"x": grad}, reqs="add"),
    ):
        ex.forward(is_train=True)
        ex.backward()
    assert grad.asnumpy()[0, 0] == 5 * 18
    assert loss.simple_bind("null", x=(2, 3)).grads["x"] is None
    assert (
        loss.eval(**arrays)[0].asnumpy().tolist()
        == loss.eval(ctx=mx.cpu(), **arrays)[0].asnumpy().tolist()
        == [27, 27]
    )
    for call, words in (
        (lambda: loss.bind(), "args, the arrays"),
        (lambda: loss.bind(arrays, argz={}), "no argument argz"),
        (lambda: loss.bind(arrays, args=arrays), "args is given twice"),
        (lambda: loss.bind(arrays, ctx="cpu"), "ctx must be a device"),
        (lambda: loss.bind(mx.cpu(), arrays, None, "null", None, 1), "takes args, grads, reqs, aux"),
    ):
        with pytest.raises(mx.MxError, match=words):
            call()


def test_arrays():
    a = mx.nd.array([[1, 2, 3], [4, 5, 6]], ctx=mx.cpu())
    assert a.T.shape == (3, 2) and a.T.data.flags.c_contiguous and a.T[0, 1].asscalar() == 4
    assert a.sum().asscalar() == 21 and a.sum(axis=0).asnumpy().tolist() == a.sum(0).asnumpy().tolist() == [
        5,
        7,
        9,
    ]
    assert a.reshape((3, 2)).shape == a.reshape(3, -1).shape == a.reshape(shape=(-1, 2)).shape == (3, 2)
    assert (
        a.astype("float64").dtype == np.float64
        and a.astype("float32", copy=False) is a
        and a.astype(np.int32).tolist() == [[1, 2, 3], [4, 5, 6]]
    )
    assert (a.context, a.ctx, str(a.context)) == (mx.cpu(), mx.cpu(), "cpu(0)") and a.as_in_context(
        mx.cpu()
    ) is a
    assert a.dot(a.T).asnumpy().tolist() == [
        [14, 32],
        [32, 77],
    ] and a.exp().log().max().asscalar() == pytest.approx(6)
    assert a.copy() is not a and a.split(num_outputs=3, axis=1)[2].asnumpy().ravel().tolist() == [3, 6]
    assert (
        mx.nd.zeros((2, 3), mx.cpu(), "int32").dtype
        == mx.nd.ones((2, 3), "int32").dtype
        == mx.nd.full(2, 7, dtype="int32").dtype
        == np.int32
    )
    for call, error, words in (
        (lambda: a.summ, AttributeError, 'no summ; did you mean "sum"'),
        (lambda: a.sum(0, 1, 2, 3), mx.ParamError, "too many arguments"),
        (lambda: a.as_in_context("gpu"), mx.MxError, "must be a device"),
        (lambda: mx.nd.zeros(2, "cpu", "int32"), mx.MxError, "ctx must be"),
        (lambda: mx.Context("gpu"), mx.MxError, "no device 'gpu'"),
        (lambda: a.reshape(4, 4), mx.ShapeError, "Reshape"),
    ):
        with pytest.raises(error, match=words):
            call()
    with pytest.warns(UserWarning, match="no GPU is used"):
        assert mx.gpu(1) == mx.Context("cpu", 1)
    assert mx.num_gpus() == 0 and mx.current_context() == mx.cpu()


def test_symbols():
    assert repr(x) == "<Symbol x>" and repr(loss) == "<Symbol l_output of x, fc_weight, fc_bias>"
    assert (loss.list_arguments(), loss.list_outputs(), loss.list_auxiliary_states()) == (
        ["x", "fc_weight", "fc_bias"],
        ["l_output"],
        [],
    )
    for made, name in (
        (x + x, "_plus"),
        (x + 1, "_plusscalar"),
        (1 - x, "_rminusscalar"),
        (x * 2, "_mulscalar"),
        (2 / x, "_rdivscalar"),
        (x**2, "_powerscalar"),
    ):
        assert made.name.rstrip("0123456789") == name  # as MXNet's Python names them
    shapes, outputs, states = loss.infer_shape(x=(2, 3))
    assert (
        dict(zip(loss.list_arguments(), shapes))
        == shapes
        == {"x": (2, 3), "fc_weight": (3, 3), "fc_bias": (3,)}
    )
    assert (
        shapes[1] == shapes["fc_weight"] == shapes.get("fc_weight")
        and outputs == [(2,)]
        and states == []
        and shapes.get("z") is None
    )
    with pytest.raises(KeyError, match="fc_weight"):
        shapes["fc_wieght"]
    assert loss.infer_type(x="float64")[0][0] == np.float64
    text = (x * 2).debug_str()
    assert (
        text.startswith("Symbol Outputs:\n\toutput[0]=_mulscalar")
        and "Op:_mul_scalar" in text
        and "\targ[0]=x(0)" in text
        and "\tscalar=2" in text
    )
    fc = loss.get_internals()["fc_output"]
    assert (
        fc.attr("num_hidden") == fc.list_attr()["num_hidden"] == fc.attr_dict()["fc"]["num_hidden"] == "3"
        and fc.attr("none") is None
    )
    assert fc(x=mx.sym.exp(mx.sym.Variable("z"))).list_arguments() == ["z", "fc_weight", "fc_bias"]
    assert (
        x.reshape(shape=(2, 3), name="r").name == "r"
        and x.sum(0).attrs == {"axis": "0"}
        and x.dot(x).list_arguments() == ["x"]
    )
    with pytest.raises(AttributeError, match='a Symbol has no sumn; did you mean "sum"'):
        x.sumn  # noqa: B018


def test_notebooks_show_pictures():
    import xml.etree.ElementTree as tree

    picture = tree.fromstring(loss._repr_svg_())
    words = [t.text for t in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"FullyConnected", "fc", "square", "MakeLoss", "l", "x"} <= set(words) and "fc_weight" not in words
    from mxr.graph import drawing

    assert "2x3" in drawing.svg(loss, {"x": (2, 3)})  # Python's order
    deep = x
    for _ in range(401):
        deep = deep + 1
    assert deep._repr_svg_() is None and tree.fromstring(mx.sym.Variable("<&>")._repr_svg_()) is not None
    table = mx.nd.array(np.arange(400).reshape(20, 20))._repr_html_()
    assert (
        table.count("<tr>") == 13
        and "<td>21</td>" in table
        and table.count("...") > 12
        and "NDArray 20x20 float32" in table
    )
    assert "NDArray 3 float32" in mx.nd.ones((3,))._repr_html_()


@pytest.mark.parametrize(
    "where, name, instead",
    [
        (mx, "kv", "mx.kv.create"),
        (mx.nd, "random", r"mxr\.nd\.random_uniform"),
        (mx.sym, "contrib", r"mxr\.sym\._contrib_box_iou"),
        (mx.io, "NDArrayIter", "slices of NumPy arrays"),
        (mx.nd.array([1.0]), "attach_grad", r"executor\.forward_backward\(\)"),
    ],
)
def test_names_in_other_modules_give_the_place(where, name, instead):
    assert not hasattr(where, name)
    with pytest.raises(AttributeError, match=f"has no {name}.*{instead}"):
        getattr(where, name)


@pytest.mark.parametrize("name", ["gluon", "autograd", "mod", "model", "init"])
def test_missing_functions_name_a_replacement(name):
    with pytest.raises(AttributeError, match=f"mxr has no {name} .*; instead: "):
        getattr(mxr, name)


def test_signatures():
    found = inspect.signature(mx.sym.FullyConnected).parameters
    assert list(found) == ["data", "weight", "bias", "num_hidden", "no_bias", "flatten", "name", "attr"]
    assert found["num_hidden"].annotation is int and found["num_hidden"].default is inspect.Parameter.empty
    assert (
        found["no_bias"].default is False
        and found["data"].annotation == mx.Symbol | None
        and found["data"].default is None
    )
    found = inspect.signature(mx.nd.Activation).parameters
    assert (
        found["act_type"].annotation == Literal["relu", "sigmoid", "softrelu", "softsign", "tanh"]
        and list(found)[-1] == "out"
    )
    assert (
        next(iter(inspect.signature(mx.sym.concat).parameters.values())).kind
        is inspect.Parameter.VAR_POSITIONAL
    )
    for place in (mx.sym, mx.nd):
        for name in dir(place):
            if callable(getattr(place, name)):
                inspect.signature(getattr(place, name))


def test_stubs_are_up_to_date_and_say_what_the_signatures_say():
    for name, text in stubs.files().items():
        assert (ROOT / "mxr" / name).read_text() == text, f"mxr/{name} is stale: run `mxr gen`"
    import ast

    for place, name in ((mx.sym, "sym.pyi"), (mx.nd, "nd.pyi")):
        functions = {
            f.name: f.args
            for f in ast.parse((ROOT / "mxr" / name).read_text()).body
            if isinstance(f, ast.FunctionDef)
        }
        assert len(functions) > 400
        for function, args in functions.items():
            written = [
                a.arg
                for a in (
                    *args.args,
                    *[a for a in [args.vararg] if a],
                    *args.kwonlyargs,
                    *[a for a in [args.kwarg] if a],
                )
            ]
            if function not in stubs.BY_HAND:
                assert written == list(inspect.signature(getattr(place, function)).parameters), function


USER = '''
import mxr as mx

x: mx.Symbol = mx.sym.Variable("x")
net = mx.sym.FullyConnected(x, num_hidden=3, name="fc")
loss = mx.sym.MakeLoss(mx.sym.square(net - 1), grad_scale=2)
executor = loss.simple_bind(x=(2, 3))
optimizer = mx.optimizer.create("adam", learning_rate=0.1)
optimizer.step(executor)
total: mx.NDArray = mx.nd.sum(mx.nd.array([1, 2]), axis=0)
'''
WRONG = {
    'mx.sym.FullyConnected(x, num_hidden="a")': "arg-type",
    "mx.sym.FullyConnected(x)": "call-arg",
    "mx.sym.FullyConected(x)": "attr-defined",
    'mx.nd.Activation([1], act_type="rleu")': "arg-type",
    'mx.optimizer.create("sgd", learning_rate="x")': "arg-type",
}


def test_mypy_on_a_users_file(tmp_path):
    file = tmp_path / "user.py"
    file.write_text(USER + "\n".join(f"{line}  # {code}" for line, code in WRONG.items()) + "\n")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--follow-imports=silent",
            "--cache-dir",
            str(tmp_path / "cache"),
            str(file),
        ],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    first = USER.count("\n") + 1
    assert [(int(e.split(":")[1]), e.rsplit("[", 1)[1].rstrip("]")) for e in errors] == [
        (first + i, code) for i, code in enumerate(WRONG.values())
    ], done.stdout + done.stderr
