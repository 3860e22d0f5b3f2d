"""Damaged files, a short part of `make stress`: every loader gives the content or an error message, within
limits of memory and time. And the bugs that this found."""

import gzip
import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest

import mxr
from mxr import MxError
from mxr.io import params, readers, recordio
from mxr.io.images import decode
from tests.stress import fuzz
from tests.stress.targets import GRAPHS, IO, TARGETS

sym = mxr.sym


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files(name):
    found = fuzz.run(name, 300)
    assert not found["findings"] and found["inputs"] == 300


def test_limits_of_the_process_hold():
    found = fuzz.limited("params", 500)
    assert not found["findings"] and found["inputs"] == 500 and found["grown"] < 32 << 20


# --------------------------------------------------------------------------------------------- symbols


def mlp(**changes) -> str:
    """The JSON of a small network, with some values replaced: `fc1__num_hidden="x"` for an attribute."""
    graph = json.loads((GRAPHS / "mlp.json").read_text())
    for key, value in changes.items():
        node, _, attr = key.partition("__")
        next(n for n in graph["nodes"] if n["name"] == node).setdefault("attrs", {})[attr] = value
    return json.dumps(graph)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 100_000, "not symbol JSON"),
        ('{"nodes": ' + "[" * 900 + "]" * 900 + ', "heads": [[0,0,0]]}', "symbol JSON"),
        ("", "not symbol JSON"),
        ("{}", "nodes"),
        ('{"nodes": [], "heads": []}', "no heads"),
        ('{"nodes": [], "heads": [[0, 0, 0]]}', "node 0"),
        ('{"nodes": [' + "9" * 5000 + '], "heads": []}', "symbol JSON"),
        (
            '{"nodes": [{"op": "relu", "name": "a", "inputs": [[0, 0, 0]]}], "heads": [[0, 0, 0]]}',
            "does not come before",
        ),
        (
            '{"nodes": [{"op": "relu", "name": "a", "inputs": [[1, 0, 0]]}, {"op": "relu", "name": "b", '
            '"inputs": [[0, 0, 0]]}], "heads": [[1, 0, 0]]}',
            "does not come before",
        ),
        (
            '{"nodes": [{"op": "relux", "name": "a", "inputs": []}], "heads": [[0, 0, 0]]}',
            'no operator relux.*"relu"',
        ),
        ('{"nodes": [{"op": "null", "name": "\\ud800", "inputs": []}], "heads": [[0, 0, 0]]}', "not text"),
        ('{"nodes": [NaN], "heads": [[0, 0, 0]]}', "without op and name"),
        ('{"nodes": [{"op": "null", "name": "a"}], "heads": [[NaN, 0, 0]]}', "heads"),
    ],
)
def test_invalid_graphs(text, says):
    with pytest.raises(MxError, match=says):
        sym.load_json(text)


@pytest.mark.parametrize(
    "value", ["1e999", "nan", "9" * 30, "1" + "0" * 18, "-1", "", "(1, 2)", "__import__('os')", "日本"]
)
def test_invalid_parameters(value):
    with pytest.raises(MxError):
        sym.load_json(mlp(fc1__num_hidden=value)).simple_bind(data=(4, 6))


@pytest.mark.parametrize(
    "value",
    [
        "(1e999, 2)",
        "(-4, 6)",
        "(" * 300,
        "((1, 2), 3)",
        "nan",
        "(1000000000, 1000000000)",
        "9" * 5000,
        "__import__('os').getcwd()",
    ],
)
def test_invalid_shapes(value):
    with pytest.raises(MxError):
        sym.load_json(mlp(data____shape__=value)).simple_bind()


def test_inputs_are_counted_before_they_are_named():
    text = (GRAPHS / "pieces.json").read_text()
    for old in ('"num_args": "3"', '"num_outputs": "3"'):
        assert old in text
        with pytest.raises(MxError, match="at most"):
            sym.load_json(text.replace(old, old.replace("3", "1" + "0" * 18)))


def test_one_name_for_variables_of_different_shapes():
    """Inference once looped forever."""
    text = mlp().replace('"fc1_weight"', '"w"').replace('"fc2_weight"', '"w"').replace('"fc1_bias"', '"w"')
    with pytest.raises(MxError, match="w|shape"):
        sym.load_json(text).simple_bind(data=(4, 6))


def test_one_name_for_variables_that_agree():
    """Scripts make `label` twice: one array."""
    again = sym.load_json((sym.Variable("x", shape=(0, 3)) + sym.Variable("x", shape=(2, 0)) * 2).tojson())
    ex = again.simple_bind()
    assert list(ex.args) == ["x"] and ex.args["x"].shape == (2, 3)
    ex.args["x"][:] = 1
    ex.forward(is_train=True)
    ex.backward()
    assert (ex.output_list[0].asnumpy() == 3).all() and (ex.grads["x"].asnumpy() == 3).all()


def _state_as_argument():
    norm = sym.BatchNorm(sym.Variable("data"), moving_mean=sym.Variable("m"), name="bn")
    return sym.broadcast_add(norm, sym.reshape(sym.Variable("m"), shape=(1, 3, 1, 1)))


def _two_layers_of_one_name(layer, **second):
    return layer(layer(sym.Variable("data"), name="twin"), name="twin", **second)


@pytest.mark.parametrize(
    ("symbol", "given", "says"),
    [
        (
            sym.Variable("x", shape=(2, 3)) * sym.Variable("x", shape=(3, 2)),
            {},
            r"named x .* shapes \(2, 3\) and \(3, 2\).*different names",
        ),
        (
            sym.Variable("x", dtype="float32") * sym.Variable("x", dtype="float64"),
            {"x": (2,)},
            "named x .* types float32 and float64.*different names",
        ),
        (
            _state_as_argument(),
            {"data": (2, 3, 4, 4)},
            "name m stands for an argument and for an auxiliary state of BatchNorm bn",
        ),
        (
            _two_layers_of_one_name(lambda x, n=4, **k: sym.FullyConnected(x, num_hidden=n, **k), n=5),
            {"data": (2, 3)},
            r"FullyConnected twin: shapes .* differ.*twin_weight and twin_bias are the same "
            r"arrays.*different names",
        ),
    ],
)
def test_one_name_for_variables_that_contradict_each_other(symbol, given, says):
    for graph in (symbol, sym.load_json(symbol.tojson())):
        for ask in (graph.infer_shape, graph.simple_bind):
            with pytest.raises(MxError, match=says):
                ask(**given)


# --------------------------------------------------------------------------------------------- bombs


def test_gzip_bomb(tmp_path):
    (tmp_path / "bomb").write_bytes(
        gzip.compress(struct.pack(">I3I", 0x803, 60_000, 100, 100) + bytes(600_000_000 // 10), 1)
    )
    with pytest.raises(MxError, match="announces 600000000 bytes"):
        readers.create("MNISTIter", {"image": str(tmp_path / "bomb"), "label": str(IO / "labels.ubyte")})


def test_image_bomb():
    image_module = decode.pillow()
    file = io.BytesIO()
    image_module.new("1", (9000, 9000)).save(file, "PNG")
    with pytest.raises(MxError, match="9000 by 9000 pixels"):
        decode.decode(file.getvalue(), 3, "this")
    with pytest.raises(MxError, match="none of JPEG"):  # a format whose decoder starts a program
        decode.decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", 3, "this")


def test_announced_sizes(tmp_path):
    for header in (
        struct.pack("<QQQ", 0x112, 0, 2**60),
        struct.pack("<QQQIiiqq", 0x112, 0, 1, 0xF993FAC9, 0, 2, 2**40, 2**20) + struct.pack("<iii", 1, 0, 0),
    ):
        (tmp_path / "x.params").write_bytes(header)
        with pytest.raises(MxError, match="x.params"):
            params.load(tmp_path / "x.params")
    (tmp_path / "x.rec").write_bytes(recordio.MAGIC + struct.pack("<I", 2**29 - 1) + b"abcd")
    with pytest.raises(MxError, match="announces"):
        list(recordio.Reader(tmp_path / "x.rec"))


def test_index_with_impossible_offsets(tmp_path):
    for offset in ("-5", "9" * 30, "nan", "1e3", "9" * 5000):
        (tmp_path / "x.idx").write_text(f"0\t{offset}\n")
        with pytest.raises(MxError):
            readers.create(
                "ImageRecordIter",
                {
                    "path_imgrec": str(IO / "photos.rec"),
                    "path_imgidx": str(tmp_path / "x.idx"),
                    "data_shape": (3, 8, 8),
                    "batch_size": 1,
                },
            ).next()


def test_nothing_that_is_loaded_is_run():
    """No module of the package unpickles, evaluates or imports the contents of a file."""
    for path in Path(mxr.__file__).parent.rglob("*.py"):
        text = path.read_text()
        for word in ("pickle", " eval(", " exec(", "np.load(", "os.system", "yaml", "marshal"):
            # workers of one MPI run pickle their messages; no file is read in this way
            told = path.name == "workers.py" and word == "pickle"
            assert word not in text or told or "/r/" in str(path), f"{path} contains {word}"


def test_objects_with_impossible_widths(tmp_path):
    for first in ("nan", "inf", "-1", "1e30"):
        (tmp_path / "x.lst").write_text(
            "".join(f"{i}\t{first}\t5\t0\t0.1\t0.1\t0.9\t0.9\tx.jpg\n" for i in range(40))
        )
        with pytest.raises(MxError, match="label"):
            readers.create(
                "ImageDetRecordIter",
                {
                    "path_imgrec": str(IO / "photos.rec"),
                    "path_imglist": str(tmp_path / "x.lst"),
                    "data_shape": (3, 8, 8),
                    "batch_size": 1,
                },
            ).next()


def test_numbers_beyond_single_precision(tmp_path):
    (tmp_path / "x.csv").write_text("1e999,-1e999,nan\n1e300,1e-300,0\n")
    reader = readers.create(
        "CSVIter", {"data_csv": str(tmp_path / "x.csv"), "data_shape": (3,), "batch_size": 2}
    )
    assert reader.next()
    np.testing.assert_array_equal(
        reader.value["data"], np.array([[np.inf, -np.inf, np.nan], [np.inf, 0, 0]], np.float32)
    )
