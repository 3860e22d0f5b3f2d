"""Every remedy that a message names is followed to the letter in a test: the mistake is made, the message has
the words of the remedy, and what they say works. Messages for Python are here, those for R in
R/tests/testthat/test-remedies.R; a remedy that changes the system (`mxr install-r`) is followed in the test
that has the line "# follows: its words". `tests.remedies` finds the remedies in the code; those that nobody
follows are named with their reason."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mxr
from mxr import nd, sym
from mxr.extend import op
from mxr.io import readers
from mxr.io.im2rec import im2rec
from mxr.operator import registry
from mxr.testing import golden
from tests import remedies

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "tests" / "data" / "io"
v, w = sym.Variable("v"), sym.Variable("w")
fc = sym.FullyConnected(v, num_hidden=1, name="fc")
exp = sym.exp(v)


def on(symbol, **shapes):
    """A bound symbol, run forward and back."""
    executor = symbol.simple_bind(**shapes)
    executor.forward_backward()
    return executor


def weighted(weight: str) -> sym.Symbol:
    """Two layers of different size, the second with this weight."""
    one = sym.FullyConnected(v, weight=w, num_hidden=2, no_bias=True, name="a")
    two = sym.FullyConnected(v, sym.Variable(weight), num_hidden=3, no_bias=True, name="b")
    return sym.Group(one, two)


def histogram(**parameters) -> sym.Symbol:
    counts = sym._histogram(v * 1.0, **parameters)[0]
    return sym.sum(counts) + sym.sum(v)


def backward(executor, forward: bool = True):
    if forward:
        executor.forward(is_train=True)
    executor.backward()


def node(name: str) -> sym.Symbol:
    nodes = [{"op": "null", "name": "v", "inputs": []}, {"op": name, "name": "x", "inputs": [[0, 0, 0]]}]
    return sym.load_json(json.dumps({"nodes": nodes, "heads": [[1, 0, 0]], "arg_nodes": [0]}))


def declared(forward: Callable, compute: Callable | None = None):
    """The operator of an author: an expression, or the same as a kernel."""

    class Test:
        """An operator of a test."""

        inputs = ("data",)

    if compute:
        Test.compute = compute
        Test.backward = lambda p, g, ins, outs: g
    else:
        Test.forward = forward
        Test.backward = lambda p, g, ins, outs: g
    op(name := f"test_{'kernel' if compute else 'expression'}_{forward.__name__}")(Test)
    try:
        return on(getattr(sym, name)(v), v=(4,))
    finally:
        registry.pop(name)  # other tests of this process look at all operators


def looks(p, data):
    return data if data.sum() > 0 else -data


def untraced(p, data):
    return np.sort(data)


def several(p, data):
    return np.modf(data)[0]


def indexes(p, data):
    return data[[0, 1, 2, 3]]


def keyword(p, data):
    return np.expand_dims(np.sum(data, where=[True, False, True, True]), 0) + data


def as_kernel(forward: Callable):
    def compute(p, run, ins, outs):
        outs[0][...] = forward(p, ins[0])

    return declared(forward, compute)


def packed(folder: Path, pack: bool, **more):
    """A record file of two images with two labels each, and a reader of boxes over it."""
    names = ["0.ppm", "1.ppm"]
    for name in names:
        (folder / name).write_bytes(b"P6 8 8 255 " + bytes(192))
    label = "2\t5\t0\t0.1\t0.1\t0.5\t0.5"
    (folder / "list").write_text("".join(f"{i}\t{label if pack else 1}\t{n}\n" for i, n in enumerate(names)))
    boxes = {"label_width": 7, "pack_label": 1} if pack else {}
    im2rec(str(folder / "list"), f"{folder}/", str(folder / "out.rec"), **boxes)
    given = {"path_imgrec": str(folder / "out.rec"), "data_shape": (3, 8, 8), "batch_size": 1}
    reader = readers.create("ImageDetRecordIter", given | more)
    assert reader.next()
    return reader


def imglist(folder: Path):
    (folder / "boxes").write_text("".join(f"{i}\t2\t5\t0\t0.1\t0.1\t0.5\t0.5\t{i}.ppm\n" for i in range(2)))
    return packed(folder, False, path_imglist=str(folder / "boxes"))


def cropped(folder: Path, scale: float):
    crop = {
        "min_crop_scales": (scale,),
        "max_crop_scales": (1.1 * scale,),
        "rand_crop_prob": 1,
        "num_crop_sampler": 1,
    }
    reader = packed(folder, True, crop_emit_mode="overlap", emit_overlap_thresh=0, **crop)
    for _ in range(50):
        if not reader.next():
            reader.reset()


def unrooted(folder: Path, root: str):
    packed(folder, True)
    return im2rec(str(folder / "list"), root, str(folder / "out.rec"), label_width=7, pack_label=1)


def table(folder: Path, heading: bool):
    (folder / "x.csv").write_text("a,b\n" * heading + "1,2\n")
    return readers.create(
        "CSVIter", {"data_csv": str(folder / "x.csv"), "data_shape": (2,), "batch_size": 1}
    ).next()


types = {"a": (2,), "b": (2,)}
a32, b32 = sym.Variable("a", dtype="float32"), sym.Variable("b", dtype="float32")
b16, b8 = sym.Variable("b", dtype="float16"), sym.Variable("b", dtype="int32")
rate = sym.Variable("w", shape=(3,))


# words of the message, the mistake, and what the words say
def mined(**settings):
    """Targets of two anchors that overlap one object: one of them has to be background."""
    anchors = np.array([[[0, 0, 0.5, 0.5], [0.1, 0.1, 0.6, 0.6]]], np.float32)
    label = np.array([[[0, 0, 0, 0.5, 0.5]]], np.float32)
    scores = np.zeros((1, 2, 2), np.float32)
    return mxr.nd._contrib_MultiBoxTarget(anchors, label, scores, overlap_threshold=0.9, **settings)


CASES: list[tuple[str, Callable, Callable]] = [
    *(
        (
            words,
            lambda: mined(negative_mining_ratio=1.0, negative_mining_thresh=0.01),
            remedy,
        )
        for words, remedy in (
            ("raise it", lambda: mined(negative_mining_ratio=1.0, negative_mining_thresh=0.9)),
            ("or lower the ratio", lambda: mined(negative_mining_ratio=0.5, negative_mining_thresh=0.01)),
        )
    ),
    (
        "instead: compose symbols by mxr.sym and bind them",
        lambda: mxr.gluon,
        lambda: on(mxr.sym.exp(v), v=(3,)),
    ),
    ("instead: bind a symbol", lambda: mxr.autograd, lambda: on(exp, v=(3,)).grads["v"]),
    (
        "write numbers into executor.args[name][:]",
        lambda: mxr.init,
        lambda: on(exp, v=(3,)).args["v"].__setitem__(slice(None), 1),
    ),
    (
        "put BlockGrad (stop_gradient) around it",
        lambda: on(sym.khatri_rao(v, w), v=(2, 3), w=(2, 3)),
        lambda: on(sym.BlockGrad(sym.khatri_rao(v, w)), v=(2, 3), w=(2, 3)),
    ),
    (
        'bind its inputs with reqs = "null"',
        lambda: on(sym.khatri_rao(v, w), v=(2, 3), w=(2, 3)),
        lambda: sym.khatri_rao(v, w).simple_bind(reqs="null", v=(2, 3), w=(2, 3)).forward(is_train=True),
    ),
    ("has no numbers yet; write it as a kernel", lambda: declared(looks), lambda: as_kernel(looks)),
    (
        "called sort, which has no traced form; write it as a kernel",
        lambda: declared(untraced),
        lambda: as_kernel(untraced),
    ),
    (
        "which has several outputs; write it as a kernel",
        lambda: declared(several),
        lambda: as_kernel(several),
    ),
    (
        "other than slices and integers; write it as a kernel",
        lambda: declared(indexes),
        lambda: as_kernel(indexes),
    ),
    ("which has no traced form; write it as a kernel", lambda: declared(keyword), lambda: as_kernel(keyword)),
    ("do not determine the shape of v; give it by name", lambda: on(exp), lambda: on(exp, v=(3,))),
    (
        "give .astype('float32')",
        lambda: exp.bind({"v": np.ones(3, ">f4")}),
        lambda: exp.bind({"v": np.ones(3, ">f4").astype("float32")}),
    ),
    ("give its parameter shape", lambda: sym._zeros().bind({}), lambda: sym._zeros(shape=(2,)).bind({})),
    (
        "bind its symbol again, and copy or save its arrays",
        lambda: copy.copy(on(exp, v=(3,))),
        lambda: nd.array(on(exp, v=(3,)).args["v"].asnumpy().copy()),
    ),
    (
        "run forward first",
        lambda: backward(exp.simple_bind(v=(3,)), False),
        lambda: backward(exp.simple_bind(v=(3,))),
    ),
    (
        'bind with reqs = "write"',
        lambda: backward(exp.simple_bind(v=(3,), reqs="null")),
        lambda: backward(exp.simple_bind(v=(3,), reqs="write")),
    ),
    (
        "write the values into v by ['v'][:] = values",
        lambda: on(exp, v=(3,)).args.__setitem__("v", 1),
        lambda: on(exp, v=(3,)).args["v"].__setitem__(slice(None), 1),
    ),
    (
        "Bind a symbol: executor.forward_backward() fills executor.grads",
        lambda: nd.ones((2,)).attach_grad(),
        lambda: on(exp, v=(3,)).grads["v"],
    ),
    (
        "pick one",
        lambda: sym.exp(sym.split(v, num_outputs=2)),
        lambda: sym.exp(sym.split(v, num_outputs=2)[0]),
    ),
    ("pick one output first", lambda: sym.Group(v, w).attrs, lambda: sym.Group(v, w)[0].attrs),
    (
        "give one of the two variables another name",
        lambda: on(sym.Group(sym.BatchNorm(v, moving_mean=w), sym.exp(sym.Variable("w"))), v=(2, 3)),
        lambda: on(
            sym.Group(sym.BatchNorm(v, moving_mean=w), sym.exp(sym.Variable("another"))),
            v=(2, 3),
            another=(3,),
        ),
    ),
    (
        "give them different names",
        lambda: on(rate + sym.Variable("w", shape=(2,))),
        lambda: on(rate + sym.Variable("other", shape=(3,))),
    ),
    (
        "give the nodes or variables different names",
        lambda: on(weighted("w"), v=(2, 3)),
        lambda: on(weighted("other"), v=(2, 3)),
    ),
    (
        "make a vector of the column by mxr.sym.Reshape(fc, shape=(0,))",
        lambda: on(fc - w, v=(5, 3), w=(5,)),
        lambda: on(mxr.sym.Reshape(fc, shape=(0,)) - w, v=(5, 3), w=(5,)),
    ),
    (
        "give the vector (the labels?) as a column, of shape (5, 1)",
        lambda: on(fc - w, v=(5, 3), w=(5,)),
        lambda: on(fc - w, v=(5, 3), w=(5, 1)),
    ),
    (
        "declare one type for their variables, or Cast",
        lambda: on(sym.FullyConnected(a32, b16, num_hidden=1, no_bias=True), a=(1, 2)),
        lambda: on(sym.FullyConnected(a32, b32, num_hidden=1, no_bias=True), a=(1, 2)),
    ),
    (
        "use mxr.sym.where(condition, x, y)",
        lambda: 1 if v > 0 else 2,
        lambda: on(mxr.sym.where(v > 0, v, w), v=(3,), w=(3,)),
    ),
    (
        "compare its asnumpy(), with .any() or .all()",
        lambda: bool(nd.ones((2,)) > 0),
        lambda: bool((nd.ones((2,)) > 0).asnumpy().all()),
    ),
    (
        "asscalar() gives its number",
        lambda: len(nd.sum(nd.ones((2,)))[0]),
        lambda: nd.sum(nd.ones((2,))).asscalar(),
    ),
    (
        "Cast one of them",
        lambda: on(a32 + b8, **types),
        lambda: on(a32 + sym.Cast(b8, dtype="float32"), **types),
    ),
    (
        "Cast them to float32",
        lambda: nd.LayerNorm(nd.ones((2, 3), dtype="int32"), nd.ones((3,)), nd.ones((3,))),
        lambda: nd.LayerNorm(
            nd.Cast(nd.ones((2, 3), dtype="int32"), dtype="float32"), nd.ones((3,)), nd.ones((3,))
        ),
    ),
    (
        "make it a Variable and bind the array to it",
        lambda: v + np.ones(3),
        lambda: (v + w).bind({"v": np.ones(3), "w": np.ones(3)}),
    ),
    ("Group: give one or more symbols", lambda: sym.Group(), lambda: sym.Group(v)),
    (
        'give the name of the operator, as in @register("square")',
        lambda: mxr.operator.register(int),
        lambda: mxr.operator.register("square"),
    ),
    ("use adagrad", lambda: node("_contrib_group_adagrad_update"), lambda: mxr.optimizer.create("adagrad")),
    ("the same name without _sparse_ is the operator", lambda: node("_sparse_abs"), lambda: node("abs")),
    (
        "Write slices of NumPy arrays into executor.args[name][:] instead",
        lambda: mxr.io.NDArrayIter,
        lambda: on(exp, v=(3,)).args["v"].__setitem__(slice(None), np.arange(6)[:3]),
    ),
    (
        "use Pad",
        lambda: node("_cvcopyMakeBorder"),
        lambda: sym.Pad(v, mode="edge", pad_width=(0,) * 4 + (1,) * 4),
    ),
    ("use _image_resize", lambda: node("_cvimresize"), lambda: nd._image_resize(nd.ones((4, 4, 3)), size=2)),
    ("build the network from mx.sym", lambda: node("_np_copy"), lambda: sym.identity(v)),
    ("or save it from a block without mx.npx.set_np", lambda: node("_np_copy"), lambda: node("_copy")),
    ("count with sum(x != 0)", lambda: node("_contrib_getnnz"), lambda: on(sym.sum(v != 0), v=(3,))),
    ("use the network before quantization", lambda: node("_contrib_quantize_v2"), lambda: node("identity")),
    (
        "save the network without a subgraph backend",
        lambda: node("_sg_mkldnn_conv"),
        lambda: node("identity"),
    ),
    (
        "give one size for each axis",
        lambda: nd.broadcast_axis(nd.ones((1, 1)), axis=(0, 1), size=(3,)),
        lambda: nd.broadcast_axis(nd.ones((1, 1)), axis=(0, 1), size=(3, 2)),
    ),
    (
        "on a CPU; leave it out",
        lambda: on(sym.Convolution(v, kernel=(3, 3), num_filter=1, layout="NHWC"), v=(1, 2, 5, 5)),
        lambda: on(sym.Convolution(v, kernel=(3, 3), num_filter=1), v=(1, 2, 5, 5)),
    ),
    (
        "name an axis",
        lambda: nd.pick(nd.ones((2, 3)), nd.ones((2,)), axis=None),
        lambda: nd.pick(nd.ones((2, 3)), nd.ones((2,)), axis=1),
    ),
    (
        "give the dimensions of the array that the indices are for",
        lambda: nd.ravel_multi_index(nd.ones((2, 3))),
        lambda: nd.ravel_multi_index(nd.ones((2, 3)), shape=(2, 2)),
    ),
    (
        'take "int32"',
        lambda: nd.argsort(nd.ones((300,)), dtype="uint8"),
        lambda: nd.argsort(nd.ones((300,)), dtype="int32"),
    ),
    (
        "give bins, or both bin_cnt and range",
        lambda: nd._histogram(nd.ones((3,)), bin_cnt=2),
        lambda: (
            nd._histogram(nd.ones((3,)), nd.array([0, 1, 2])),
            nd._histogram(nd.ones((3,)), bin_cnt=2, range=(0, 1)),
        ),
    ),
    (
        "name the axes to reduce",
        lambda: nd.moments(nd.ones((3,))),
        lambda: nd.moments(nd.ones((3,)), axes=(0,)),
    ),
    (
        "give the new dimensions",
        lambda: nd.reshape(nd.ones((6,))),
        lambda: nd.reshape(nd.ones((6,)), shape=(2, 3)),
    ),
]
FILES: list[tuple[str, Callable[[Path], object], Callable[[Path], object]]] = [
    ("use im2rec with pack_label", lambda folder: packed(folder, False), lambda folder: packed(folder, True)),
    ("or path.imglist", lambda folder: packed(folder, False), imglist),
    (
        "set label_width to their number",
        lambda folder: im2rec("x", "", "y", pack_label=1),
        lambda folder: packed(folder, True),
    ),
    (
        "end root with /",
        lambda folder: unrooted(folder, str(folder)),
        lambda folder: unrooted(folder, f"{folder}/"),
    ),
    ("raise min.crop.scales", lambda folder: cropped(folder, 0.01), lambda folder: cropped(folder, 0.5)),
    (
        "make it by record()",
        lambda folder: golden.assert_golden(folder / "new", {"x": 1}),
        lambda folder: (
            golden.record(folder / "new", {"x": 1}),
            golden.assert_golden(folder / "new", {"x": 1}),
        ),
    ),
    (
        "write.table needs col.names = FALSE",
        lambda folder: table(folder, True),
        lambda folder: table(folder, False),
    ),
]


# Nobody follows these, and why
NOT_FOLLOWED = {
    "run it there as `python -m mxr gen`": "`make lint` runs it in the checkout",
    "see the lines above": "the doctor's last line, beside others that say what to do",
    "follow the arrows": "the doctor's last line, after lines that say what to do",
    "run `mxr doctor` again": "the doctor's last line, after lines that say what to do",
    "cut it by mx.nd.slice": "of 8 GB; tests/stress cuts one (tests/r/test_limits_r.py, LONG)",
    "install mxr again": "`make` and pip build the core; tests/native/test_steps.py has the error",
    "install R 4.2": "the system's package; scripts/on-bare-debian installs it",
    "use a packaged R": "the system's package; scripts/on-bare-debian installs it",
    "install one": "the system's package; scripts/on-bare-debian installs it",
    'install.packages("reticulate") in R': "from the network",
    "pip install 'mxr[images]'": "from the network; `make` installs it so, in .venv",
    "pip install 'mxr[mpi]'": "from the network; `make test-mpi` installs it so",
    "make `Rscript -e 1` work first": "R's own installation",
    f"install it by `{remedies.HOLE}`": "rpy2, from the network; `make` runs this command",
    f"install the one that does by `{remedies.HOLE}`": "rpy2, from the network; `make` runs this command",
}


def follows(words: str, mistake: Callable, remedy: Callable) -> None:
    with pytest.raises((mxr.MxError, AttributeError, TypeError, AssertionError)) as said:
        mistake()
    assert words in str(said.value)
    remedy()


@pytest.mark.parametrize("words, mistake, remedy", CASES, ids=[c[0] for c in CASES])
def test_followed(words, mistake, remedy):
    follows(words, mistake, remedy)


@pytest.mark.parametrize("words, mistake, remedy", FILES, ids=[c[0] for c in FILES])
def test_followed_with_files(words, mistake, remedy, tmp_path):
    follows(words, lambda: mistake(tmp_path), lambda: remedy(tmp_path))


def test_every_remedy_is_followed():
    words = remedies.followed() | {case[0] for case in (*CASES, *FILES)}
    found = remedies.remedies()
    alone = {clause for clause in found if not remedies.is_followed(clause, words)}
    assert {f"{found[c]}: {c}" for c in alone - set(NOT_FOLLOWED) if not c.startswith("apt-get")} == set()
    assert set(NOT_FOLLOWED) - alone == set(), "in the list, but followed, or no longer in a message"


def test_the_search_finds_remedies_and_not_other_words():
    """New remedies are found, whatever their verb."""
    found = remedies.remedies()
    assert len(found) > 140 and len([path for path in found.values() if path.startswith("R/")]) > 50
    for clause in (
        "give y - 1",
        "use adagrad",
        "compare its asnumpy(",
        "run forward first",
        "start a new one to use it",
    ):
        assert clause in found
    assert not remedies.is_followed("give it twice", {"give it once"})


def test_packages_of_debian_have_the_names_by_which_they_are_installed():
    """On a bare Debian scripts/install-system and the Makefile install them."""
    installed = (ROOT / "scripts" / "install-system").read_text() + (ROOT / "Makefile").read_text()
    named = [c.split()[2:] for c in remedies.remedies() if c.startswith("apt-get install")]
    assert len(named) > 3
    for package in {name.rstrip(")").replace(remedies.HOLE, "$version") for names in named for name in names}:
        plain = package.replace("libpython3-dev", "python$version-dev").replace("python3-", "python$version-")
        assert plain in installed, package
