"""Python's own faces, as somebody uses them who writes Python: arrays among NumPy's, copies and pickles, and
what mistakes say."""

import copy
import pickle

import numpy as np
import pytest

import mxr
from mxr import nd, sym
from mxr.operator import MxError

x = sym.Variable("x")
net = sym.FullyConnected(x, num_hidden=3, name="fc")


def six():
    return nd.array([[0, 1, 2], [3, 4, 5]])


# ------------------------------------------------------------------------------------------- arrays


def test_arithmetic_with_numpy_on_either_side():
    a, row = six(), np.array([1.0, 2.0, 3.0])
    for result in (a + row, row + a, a + [1, 2, 3], np.float64(1) * a + row):
        assert isinstance(result, mxr.NDArray) and result.dtype == np.float32
        np.testing.assert_array_equal(result.data, a.data + row)
    np.testing.assert_array_equal((2 - row * a).data, 2 - row * a.data)
    np.testing.assert_array_equal((np.float64(2) < a).data, a.data > 2)


def test_in_place_arithmetic_keeps_the_executors_array():
    ex = net.simple_bind(x=(2, 3))
    ex.args["fc_bias"].data[...] = 1
    bias = ex.args["fc_bias"]
    bias += 2
    bias *= [1, 2, 3]
    bias -= nd.ones(3)
    bias /= 2
    assert bias is ex.args["fc_bias"]
    np.testing.assert_array_equal(ex.forward()[0].data, [[1, 2.5, 4]] * 2)


def test_an_executors_arrays_are_not_replaced():
    ex = net.simple_bind(x=(2, 3))
    with pytest.raises(MxError, match=r"write the values into x by \['x'\]\[:\]"):
        ex.args["x"] = six()
    with pytest.raises(MxError, match='has no array fc_wieght; did you mean "fc_weight"'):
        ex.grads["fc_wieght"]
    with pytest.raises(MxError, match="cannot be copied"):
        copy.deepcopy(ex)


def test_truth_and_numbers():
    assert not nd.array([0]) and nd.array([2]) and not nd.zeros((0,))
    assert int(nd.array([3])) == 3
    assert six() != None and not six() == "text"  # noqa: E711
    with pytest.raises(MxError, match="neither true nor false"):
        bool(six() == six())


def test_indexing_with_arrays():
    a = six()
    np.testing.assert_array_equal(a[nd.array([1, 0])].data, a.data[[1, 0]])
    np.testing.assert_array_equal(a[nd.array(a.data > 2, dtype=bool)].data, [3, 4, 5])
    a[nd.array([1])] = 7
    np.testing.assert_array_equal(a.data[1], [7, 7, 7])
    assert [row.shape for row in a] == [(3,), (3,)]


def test_types_are_mxnets():
    ints = nd.array([1, 2], dtype="int32")
    assert nd.array(ints).dtype == np.int32 and nd.array(np.arange(2.0)).dtype == np.float32
    assert nd.zeros((2,), None).dtype == np.float32


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_and_copies(protocol):
    deep = x
    for _ in range(3000):
        deep = sym.relu(deep)
    for symbol in (x, net, sym.SliceChannel(net, num_outputs=3), net.get_internals(), deep):
        for other in (pickle.loads(pickle.dumps(symbol, protocol)), copy.copy(symbol), copy.deepcopy(symbol)):
            assert other.tojson() == symbol.tojson()
    a = six()
    for other in (pickle.loads(pickle.dumps(a, protocol)), copy.copy(a), copy.deepcopy(a)):
        other[:] = other + 1
        np.testing.assert_array_equal(other.data, a.data + 1)


def test_numpy_shares_the_memory_only_on_request():
    a = six()
    assert np.shares_memory(np.asarray(a, copy=False), a.data) and not np.shares_memory(np.asarray(a), a.data)
    with pytest.raises(ValueError):
        np.asarray(a, dtype=np.float64, copy=False)


# ------------------------------------------------------------------------------------------- operators


def test_array_functions_take_anything_by_name():
    data, weight = np.ones((2, 3)), [[1.0] * 3] * 4
    by_name = nd.FullyConnected(data=data, weight=weight, bias=np.zeros(4), num_hidden=4)
    np.testing.assert_array_equal(by_name.data, np.full((2, 4), 3))
    np.testing.assert_array_equal(
        nd.FullyConnected(data, weight, bias=None, no_bias=True, num_hidden=4).data, by_name.data
    )


def test_numpy_numbers_go_with_symbols():
    ex = (np.float64(2) * x - np.float32(1)).simple_bind(x=(2,))
    ex.args["x"][:] = [1, 2]
    np.testing.assert_array_equal(ex.forward()[0].data, [1, 3])
    assert sym.FullyConnected(x, bias=None, no_bias=True, num_hidden=1, name="f").list_arguments() == [
        "x",
        "f_weight",
    ]
    assert sym.Group(x, net).list_outputs() == ["x", "fc_output"]


def test_attributes_of_a_variable():
    v = sym.Variable("v", attr={"__mood__": "calm"}, lr_mult=2)
    assert v.attrs == {"__mood__": "calm", "__lr_mult__": "2"}


# ------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: nd.array("abc"), "source must be numbers .*, not str"),
        (lambda: nd.array(None), "not NoneType"),
        (lambda: nd.array([[1, 2], [3]]), "not list, ragged"),
        (lambda: nd.array(np.array([1j])), "a numpy array of complex128"),
        (lambda: nd.array(np.array(["2020-01-01"], "M8[D]")), "datetime64"),
        (lambda: nd.array([1], dtype="uint16"), "dtype: 'uint16' is no element type"),
        (lambda: nd.full((2,), [1, 2]), "value must be one number"),
        (lambda: nd.full((2,), None), "value must be numbers"),
        (lambda: mxr.NDArray([1, 2]), "mxr.nd.array makes one"),
        (lambda: len(nd.array(3)), "no length"),
        (lambda: six()[9], "no such part"),
        (lambda: six().__setitem__(9, 1), "no such part"),
        (lambda: six().__setitem__(0, None), "the value must be numbers"),
        (lambda: six() + "3", "goes with NDArrays, numpy arrays and single numbers, not str"),
        (lambda: six() + x, "not Symbol"),
        (lambda: nd.array([1], dtype="int32") + np.array([0.5]), "int32 and one of float64"),
        (lambda: six().copyto(3), "other must be an NDArray"),
        (lambda: nd.FullyConnected(six(), bias=six(), num_hidden=1), "the input weight is missing"),
        (lambda: nd.exp(six(), data=six()), "data is given both by position and by name"),
        (lambda: nd.exp(None), "an input must be numbers"),
        (lambda: nd.exp(six(), out=np.zeros((2, 3))), "out must be an NDArray"),
        (
            lambda: nd.SliceChannel(six(), num_outputs=3, out=[six()]),
            "out has 1 array, the operator 3 outputs",
        ),
        (lambda: nd.Reshape(six(), shape=nd.array([3, 2])), "shape is a parameter"),
        (lambda: nd.Dropout(six(), p=float("nan")), "p must be at least 0"),
        (lambda: nd.save("/nowhere", 3), "arrays must be an NDArray"),
        (lambda: nd.save("/nowhere", {1: six()}), "names of the arrays must be text"),
        (lambda: nd.load(3), "path of a file of arrays must be text, not int"),
        (lambda: sym.load(None), "path of a symbol file must be text"),
        (lambda: net.save(3), "must be text, not int"),
        (lambda: sym.load_json(None), "it is no text"),
        (
            lambda: sym.FullyConnected(data=np.ones((2, 3)), num_hidden=3),
            "data is an input and takes a symbol, not ndarray; its values go into arg.params",
        ),
        (lambda: sym.FullyConnected(x, num_hidden=x), "num_hidden is a parameter"),
        (lambda: sym.relu(x, name=3), "name must be text"),
        (lambda: sym.relu(x, attr=3), "attr must be a dict"),
        (lambda: sym.Group(3), "one or more symbols"),
        (lambda: sym.Variable("v", init=object()), "init__ must be text"),
        (lambda: x + np.ones(3), "make it a Variable and bind the array"),
        (lambda: np.ones(3) + x, "make it a Variable and bind the array"),
        (lambda: net[0:1], "picked by its number or its name, not by slice"),
        (lambda: net.compose(name=3), "name must be text"),
        (lambda: net.infer_shape(x="ab"), "shape of x must be a sequence of whole numbers"),
        (lambda: net.infer_shape(x=3), "shape of x must be a sequence of whole numbers"),
        (lambda: net.infer_shape(x=(2.5, 3)), "shape of x must be a sequence of whole numbers"),
        (lambda: net.simple_bind(x=None), "shape of x must be a sequence of whole numbers"),
        (lambda: net.simple_bind(None, x=(2, 3)), "reqs must be null, write or add"),
        (lambda: net.bind(None), "args must be a dict of arrays by name, or a list"),
        (lambda: net.bind({"x": None, "fc_weight": np.ones((3, 3)), "fc_bias": np.ones(3)}), "args lacks x"),
        (
            lambda: net.bind([np.ones((2, 3), ">f4"), np.ones((3, 3), "f4"), np.ones(3, "f4")]),
            "other byte order",
        ),
        (
            lambda: net.bind([six(), np.ones((3, 3), "f4"), np.ones(3, "f4")], {"x": np.zeros((2, 3))}),
            "writable array of float32, .*not of float64",
        ),
        (lambda: mxr.random.seed("a"), "takes an integer, not 'a'"),
    ],
)
def test_mistakes_are_one_sentence(call, says):
    with pytest.raises(MxError, match=says) as found:
        call()
    assert "\n" not in str(found.value)


def test_misspelt_functions_are_suggested():
    for module in (sym, nd):
        with pytest.raises(AttributeError, match='did you mean "MakeLoss"'):
            module.__getattr__("MakeLos")


def test_shapes_that_are_partly_unknown():
    for unknown in ((0, 3), (-1, 3), ()):
        assert net.infer_shape(x=unknown) is None
    v = sym.square(sym.Variable("self")) + sym.Variable("symbol")
    assert v.simple_bind(self=(2, 3)).args["symbol"].shape == (2, 3)


def test_heads_in_any_form():
    ex = net.simple_bind(x=(2, 3))
    for heads in (six(), six().data, [six()], [six().data.tolist()]):
        ex.forward(True)
        ex.backward(heads)
        np.testing.assert_array_equal(ex.grads["fc_bias"].data, [3, 5, 7])
    with pytest.raises(MxError, match="head gradient must be numbers"):
        ex.backward([x])
