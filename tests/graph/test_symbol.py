"""Symbols: composing, naming, inspecting, JSON."""

import json

import numpy as np
import pytest

import mxr
from mxr import sym
from mxr.graph import infer_shapes
from mxr.operator import MxError, ParamError


def mlp():
    net = sym.FullyConnected(sym.Variable("data"), num_hidden=10, name="fc1")
    net = sym.Activation(net, act_type="relu", name="relu1")
    return sym.FullyConnected(net, num_hidden=3, name="fc2")


def test_arguments_outputs_internals():
    net = mlp()
    assert net.list_arguments() == ["data", "fc1_weight", "fc1_bias", "fc2_weight", "fc2_bias"]
    assert net.list_outputs() == ["fc2_output"]
    assert net.get_internals().list_outputs() == [
        "data",
        "fc1_weight",
        "fc1_bias",
        "fc1_output",
        "relu1_output",
        "fc2_weight",
        "fc2_bias",
        "fc2_output",
    ]
    assert net.get_children().list_outputs() == ["relu1_output", "fc2_weight", "fc2_bias"]
    assert sym.Variable("x").get_children() is None
    assert net.get_internals()["relu1_output"].list_arguments() == ["data", "fc1_weight", "fc1_bias"]


def test_automatic_names_count_per_operator():
    x = sym.Variable("x")
    a, b = sym.relu(x), sym.relu(x)
    first = int(a.name.removeprefix("relu"))
    assert b.name == f"relu{first + 1}"


def test_dotted_and_underscored_are_one_parameter():
    x = sym.Variable("x")
    a = sym.MakeLoss(x, **{"grad.scale": 2, "valid.thresh": 0.5}, normalization="valid", name="m")
    b = sym.MakeLoss(x, grad_scale=2, valid_thresh=0.5, normalization="valid", name="m")
    assert a.tojson() == b.tojson()
    with pytest.raises(ParamError, match="twice"):
        sym.MakeLoss(x, **{"grad.scale": 2}, grad_scale=2)


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda x: sym.MakeLoss(x, grad_scal=1), "did you mean \"grad_scale\""),
        (lambda x: sym.MakeLoss(x, normalization="batches"), "did you mean \"batch\""),
        (lambda x: sym.MakeLoss(x, grad_scale="big"), "grad_scale must be a number"),
        (lambda x: sym.FullyConnected(x), "num_hidden is required"),
        (lambda x: sym.MakeLoss(3), "inputs must be symbols"),
        (lambda x: sym.MakeLoss(x, x), "takes 1 input"),
        (lambda x: sym.FullyConnected(data=x, wieght=x, num_hidden=1), "did you mean \"weight\""),
        (lambda x: sym.SliceChannel(x, num_outputs=3)[9], "out of range"),
        (lambda x: sym.load_json('{"nodes": ['), "not symbol JSON"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(MxError, match=says):
        call(sym.Variable("x"))


def test_compose_replaces_and_renames():
    pre = sym.Activation(sym.FullyConnected(num_hidden=4, name="fc3"), act_type="tanh", name="t3")
    assert pre.list_arguments() == ["fc3_data", "fc3_weight", "fc3_bias"]
    composed = pre.compose(name="composed", fc3_data=mlp())
    assert composed.list_outputs() == ["composed_output"]
    assert composed.list_arguments()[-2:] == ["fc3_weight", "fc3_bias"]
    assert pre.list_outputs() == ["t3_output"], "the original is unchanged"
    with pytest.raises(MxError, match="no input nope"):
        pre.compose(nope=mlp())


def test_json_round_trip_and_shape_of_the_text():
    net = sym.MakeLoss(mlp(), grad_scale=2, name="loss")
    text = net.tojson()
    graph = json.loads(text)
    assert graph["nodes"][1] == {
        "op": "null",
        "name": "fc1_weight",
        "attrs": {"num_hidden": "10"},
        "inputs": [],
    }
    assert graph["attrs"] == {"mxnet_version": ["int", 10901]}
    assert sym.load_json(text).tojson() == text


@pytest.mark.parametrize(
    "damage",
    [
        lambda g: g["nodes"][3]["inputs"].append([99, 0, 0]),
        lambda g: g["nodes"][3]["inputs"].__setitem__(0, [3, 0, 0]),
        lambda g: g["nodes"][0].pop("name"),
        lambda g: g.pop("heads"),
        lambda g: g["heads"].clear(),
        lambda g: g["nodes"][3].__setitem__("op", "NoSuchOp"),
        lambda g: g["heads"].__setitem__(0, [0, 7, 0]),
        lambda g: g["nodes"][3]["attrs"].__setitem__("num_hidden", "many"),
        lambda g: g["nodes"].__setitem__(0, 3),
    ],
)
def test_damaged_json_is_an_error(damage):
    graph = json.loads(mlp().tojson())
    damage(graph)
    with pytest.raises(MxError):
        sym.load_json(json.dumps(graph))


def test_old_json_gets_its_auxiliary_states():
    old = {
        "nodes": [
            {"op": "null", "param": {}, "name": "data", "inputs": [], "backward_source_id": -1},
            {"op": "null", "param": {}, "name": "bn_gamma", "inputs": [], "backward_source_id": -1},
            {"op": "null", "param": {}, "name": "bn_beta", "inputs": [], "backward_source_id": -1},
            {
                "op": "BatchNorm",
                "param": {"eps": "0.001"},
                "name": "bn",
                "inputs": [[0, 0], [1, 0], [2, 0]],
                "attr": {"lr_mult": "0.1", "gamma_lr_mult": "3"},
                "backward_source_id": -1,
            },
        ],
        "arg_nodes": [0, 1, 2],
        "heads": [[3, 0]],
    }
    s = sym.load_json(json.dumps(old))
    assert s.list_auxiliary_states() == ["bn_moving_mean", "bn_moving_var"]
    attrs = {n.name: n.attrs for n in s.nodes()}
    assert attrs["bn_gamma"] == {"__lr_mult__": "3"} and attrs["bn"]["__lr_mult__"] == "0.1"


def test_states_of_two_nodes_of_one_name_are_not_arguments():
    net = sym.BatchNorm(sym.FullyConnected(sym.Variable("data"), num_hidden=3, name="fc1"), name="bn")
    net = sym.BatchNorm(sym.FullyConnected(net, num_hidden=3, name="fc2"), name="bn")
    assert net.list_arguments() == [
        "data",
        "fc1_weight",
        "fc1_bias",
        "fc2_weight",
        "fc2_bias",
        "bn_gamma",
        "bn_beta",
    ]
    assert net.list_auxiliary_states() == ["bn_moving_mean", "bn_moving_var"]
    ex = net.simple_bind(data=(4, 2))
    ex.forward(is_train=True)
    assert set(ex.args) == set(net.list_arguments()) and set(ex.aux) == set(net.list_auxiliary_states())


def test_shapes_follow_in_both_directions():
    fc = sym.FullyConnected(sym.Variable("data"), num_hidden=1, name="fc")
    loss = sym.MakeLoss(sym.square(sym.Reshape(fc, shape=(0,)) - sym.Variable("label")))
    args, outs, aux = loss.infer_shape(data=(100, 2))
    assert args == {"data": (100, 2), "fc_weight": (1, 2), "fc_bias": (1,), "label": (100,)}
    assert list(outs.values()) == [(100,)] and aux == {}
    assert "fc_weight" in args and "data" not in aux and (100, 2) in args and (7, 7) not in args
    assert loss.infer_shape(fc_bias=(1,)) is None
    with pytest.raises(mxr.ShapeError, match=r"weight \(1, 3\)"):
        loss.infer_shape(data=(100, 2), fc_weight=(1, 3))
    with pytest.raises(MxError, match="no argument dat"):
        loss.infer_shape(dat=(100, 2))


def declaring(**attributes):
    """exp(a), read from a file in which `a` has these attributes."""
    graph = json.loads(sym.exp(sym.Variable("a"), name="e").tojson())
    graph["nodes"][0]["attrs"] = attributes
    return sym.load_json(json.dumps(graph))


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("(2, 3)", (2, 3)),
        (" [2,3]", (2, 3)),
        ("(2L, 3L)", (2, 3)),
        ("(2,)", (2,)),
        ("(2)", (2,)),
        ("2", (2,)),
        ("(0, 3)", (0, 3)),
        ("(-1, 3)", (0, 3)),
        ("()", None),
        ("None", None),
    ],
)
def test_declared_shapes(text, shape):
    """As MXNet 1.9.1 reads them: 0 and None are unknown."""
    symbol = declaring(__shape__=text)
    assert list(infer_shapes.all_shapes(symbol, {}).values()) == [shape] * 2
    assert symbol.infer_shape() == (
        None if shape is None or 0 in shape else ({"a": shape}, {"e_output": shape}, {})
    )
    assert symbol.infer_shape(a=(5,))[0] == {"a": (5,)}  # a given shape overrides a declared one


@pytest.mark.parametrize("text", ["(2, 3", "(2.5, 3)", "(2.0, 3)", "", "(2 3)", "(2, None)", "x"])
def test_shapes_that_cannot_be_read(text):
    with pytest.raises(MxError, match="variable a: attribute __shape__ .* is no shape"):
        declaring(__shape__=text).infer_shape()


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("0", "float32"),
        ("1", "float64"),
        ("2", "float16"),
        ("4", "int32"),
        (" 6", "int64"),
        ("-1", "float32"),
    ],
)
def test_declared_types(text, dtype):
    """A given type overrides a declared one. Executors use declared types, unless they are given types."""
    symbol = declaring(__dtype__=text)
    assert symbol.infer_type()[:2] == ({"a": dtype}, {"e_output": dtype})
    assert symbol.infer_type(a="float64")[1] == {"e_output": "float64"}
    assert symbol.simple_bind(a=(2,)).output_list[0].data.dtype == dtype
    assert symbol.simple_bind(type_dict={"a": "float32"}, a=(2,)).output_list[0].data.dtype == "float32"


def types(symbol, **given):
    return {k: v.name for part in symbol.infer_type(**given) for k, v in part.items()}


def test_types_that_follow():
    """As MXNet 1.9.1 infers them: in both directions, except for inputs whose types may differ, such as
    indices."""
    w, x = sym.Variable("w", dtype="float64"), sym.Variable("x")
    fc = sym.FullyConnected(x, w, num_hidden=3, name="f")
    assert types(fc) == {"x": "float64", "w": "float64", "f_bias": "float64", "f_output": "float64"}
    assert set(types(sym.square(sym.square(x)) + w).values()) == {"float64"}
    assert (
        types(sym.Cast(sym.Variable("i", dtype="int32"), dtype="float64") + sym.Variable("y"))["y"]
        == "float64"
    )
    assert (
        types(sym.Embedding(sym.Variable("i", dtype="int32"), input_dim=3, output_dim=2, name="e"))[
            "e_weight"
        ]
        == "float32"
    )
    assert types(sym.take(w, sym.Variable("i", dtype="int32"), name="t")) == {
        "w": "float64",
        "i": "int32",
        "t_output": "float64",
    }
    half = types(sym.BatchNorm(sym.Variable("h", dtype="float16"), name="b"))
    assert [half[k] for k in ("h", "b_gamma", "b_moving_var", "b_output")] == [
        "float16",
        "float32",
        "float32",
        "float16",
    ]
    assert set(types(sym.BatchNorm(w, name="b")).values()) == {"float64"}
    with pytest.raises(
        MxError,
        match=r"FullyConnected f: its inputs have different element types \(data float32, weight float64",
    ):
        fc.infer_type(x="float32")


def test_types_of_executors():
    """MXNet's simple_bind: the declared type, else float32; with type_dict, the types that follow from it."""
    x = sym.Variable("x")
    fc = sym.FullyConnected(x, num_hidden=2, name="f")
    for given in ({"x": "float64"}, {"f_weight": np.float64}):
        ex = fc.simple_bind(type_dict=given, x=(2, 3))
        assert {v.dtype.name for v in (*ex.args.values(), *ex.grads.values(), *ex.output_list)} == {"float64"}
    ex.args["x"][:], ex.args["f_weight"][:] = 1 / 3, 1 / 7
    assert ex.forward()[0].data[0, 0] == pytest.approx(1 / 7, abs=1e-16)
    declared = sym.FullyConnected(sym.Variable("x", dtype="float64"), num_hidden=2, name="f")
    with pytest.raises(MxError, match="different element types .data float64, weight float32"):
        declared.simple_bind(x=(2, 3))
    with pytest.raises(MxError, match="type_dict must be a dict"):
        fc.simple_bind(type_dict="float64", x=(2, 3))
    assert (
        sym.Embedding(sym.Variable("i", dtype="int32"), input_dim=3, output_dim=2)
        .simple_bind("null", i=(2,))
        .args["i"]
        .dtype
        == np.int32
    )


def test_types_are_declared_by_number():
    x = sym.Variable("x", dtype="float16")
    assert x.attrs == {"__dtype__": "2"} and x.infer_type()[1] == {"x": "float16"}
    assert sym.Variable("x", dtype=np.int64).attrs == {"__dtype__": "6"}
    for ask, says in [
        (lambda: declaring(__dtype__="float64").infer_type(), "attribute __dtype__ is 'float64'.*0 float32"),
        (lambda: sym.Variable("x", dtype="float"), "Variable x: 'float' is no element type.*float64"),
        (lambda: x.infer_type(x="float"), "type of x: 'float' is no element type"),
        (lambda: x.infer_type(y="float32"), "no argument y"),
    ]:
        with pytest.raises(MxError, match=says):
            ask()


def test_one_name_is_one_argument():
    total = sym.Variable("x") + sym.Variable("x")
    assert total.list_arguments() == ["x"]
    assert total.infer_shape(x=(3,))[0] == {"x": (3,)}


def test_a_thousand_layers():
    x = sym.Variable("x")
    for _ in range(3000):
        x = x + 1
    assert sym.load_json(x.tojson()).infer_shape(x=(2,))[1] == {x.list_outputs()[0]: (2,)}
    ex = sym.MakeLoss(x).simple_bind(x=(2,))
    ex.forward(True)
    ex.backward()
    assert ex.output_list[0].data.tolist() == [3000, 3000] and ex.grads["x"].data.tolist() == [1, 1]


def test_long_integers_of_old_files():
    x = sym.slice_axis(sym.Variable("x"), axis="1L", begin=0, end="2L")
    assert x.infer_shape(x=(2, 3))[1] == {x.list_outputs()[0]: (2, 2)}
    assert sym.load_json(x.tojson()).tojson() == x.tojson()


def test_composing_does_not_change_its_arguments():
    x, square = mxr.sym.Variable("x"), mxr.sym.square(mxr.sym.Variable("data"), name="sq")
    group = mxr.sym.split(x, num_outputs=2, name="parts")
    for outer, inputs in [
        (mxr.sym.Variable("v"), {"v": square}),
        (square, {"data": x}),
        (square, {}),
        (group, {"x": square}),
        (mxr.sym.exp(mxr.sym.Variable("v"), name="e"), {"v": square}),
    ]:
        given = [outer, *inputs.values()]
        before = [(s.tojson(), s.list_outputs()) for s in given]
        composed = outer.compose("renamed", **inputs)
        assert [(s.tojson(), s.list_outputs()) for s in given] == before
        assert all(name.startswith("renamed_") for name in composed.list_outputs()) and len(composed) == len(
            outer
        )
