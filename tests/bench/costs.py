"""The numbers of mxr/runtime/costs.py measured on this machine: `python -m tests.bench --costs [NAME]`.

A time is measured directly. A limit or a block's size is varied: work that depends on it is timed with a
quarter, half, once, twice and four times the value. The output is the fastest value, and how much longer the
work takes with mxr's.
"""

from __future__ import annotations

import gzip
import os
import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from mxr import native, sym
from mxr.engine.ndarray import array, call
from mxr.engine.optimizer import State, rule
from mxr.io import readers
from mxr.native import steps
from mxr.random.cpp_engine import Engine
from mxr.runtime import costs, onednn, threads

FACTORS = (0.25, 0.5, 1, 2, 4)
Work = Callable[[], object]
rng = np.random.default_rng(0)


def seconds(work: Work, least: float = 0.03) -> float:
    """The shortest time of a call, among calls that take `least` seconds together. Disturbances only make
    calls longer."""
    times: list[float] = []
    end = time.perf_counter() + least
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def floats(*shape: int) -> np.ndarray:
    return rng.random(shape, np.float32) + np.float32(0.1)


# -------------------------------------------------------------------------------------- times, in nanoseconds


def wake() -> float:
    """The time from handing over a job to the other thread's first step, while the calling thread stays
    busy."""
    begun: list[int] = []

    def busy() -> None:
        end = time.perf_counter_ns() + 300_000
        while time.perf_counter_ns() < end:
            np.add(a, a, a)

    a, times = np.zeros(4096, np.float32), []
    for _ in range(200):
        begun.clear()
        time.sleep(0.001)  # the other thread sleeps
        start = time.perf_counter_ns()
        threads.run([busy, lambda: begun.append(time.perf_counter_ns())])
        times.append(begun[0] - start)
    return statistics.median(times)


def team() -> float:
    """How much longer a primitive on all processors takes if its threads are made and ended."""
    found, x = onednn.library(), (1, 64, 28, 28)
    if found is None or found.most_threads < 2:
        return float("nan")
    with onednn.on_threads(found.most_threads):
        source, target = found.contiguous(x), found.layout(x, (64 * 784, 1, 64 * 28, 64))
        made = found.reorder(source, target)
        scratch = made.layouts["scratch"], floats(1)
        call = made.call(src=(source, floats(*x)), dst=(target, floats(*x)), scratch=scratch)
        kept = seconds(call)
    return (seconds(partial(onednn.run, [call])) - kept) * 1e9


def lock() -> float:
    """The shortest call for which two threads are faster than one."""
    for n in (1 << i for i in range(9, 20)):
        arrays = [floats(n) for _ in range(2)]
        lanes = [threads.in_turn([(np.add, (a, a, a))] * 50) for a in arrays]
        if seconds(partial(threads.run, lanes)) < 0.9 * sum(map(seconds, lanes)):
            return seconds(lanes[0]) / 50 * 1e9
    return float("nan")


def _each(work: Work, elements: float) -> float:
    with threads.single_blas():
        return seconds(work, 0.1) / elements * 1e9


def flop() -> float:
    a, b = floats(512, 512), floats(512, 512)
    return _each(lambda: np.dot(a, b), 2 * 512**3)


def operation() -> float:
    a = floats(costs.REGION_BLOCK)
    return _each(lambda: np.add(a, a, a), a.size)


def expensive() -> float:
    """The time of exp, log and tanh, in units of a cheap operation."""
    a, out = floats(costs.REGION_BLOCK), np.empty(costs.REGION_BLOCK, np.float32)
    return statistics.mean(_each(partial(f, a, out), a.size) for f in (np.exp, np.log, np.tanh)) / operation()


def instruction(*functions: np.ufunc) -> float:
    """The time of an instruction of the native core, on average over functions of one number or two."""
    a = floats(costs.NATIVE_BLOCK)
    times = []
    for f in functions:
        region = steps.Region(a.shape)
        operands, out = [region.array(a)] * f.nin, np.empty_like(a)
        for _ in range(20):
            region.apply(f, operands, [a.dtype] * f.nin, a.dtype, out)
        times.append(_each(region.step(), 20 * a.size))
    return statistics.mean(times)


def row() -> float:
    """The time of a row of a reduction beyond that of its elements."""
    x, out = floats(4096, 8), np.empty((4096, 1), np.float32)
    return _each(steps.reduction(np.add, x, (1,), out), len(x)) - 8 * costs.SUM_NS


def _alone(work: Callable[[], Work], elements: float) -> float:
    """The time per element of work that is prepared for one thread."""
    former, threads.workers = threads.workers, lambda: 1
    try:
        return _each(work(), elements)
    finally:
        threads.workers = former


def update() -> float:
    n = 1 << 20
    return _alone(
        lambda: partial(State(rule("sgd", {"momentum": 0.9}), (n,)).update, 0.1, floats(n), floats(n)), n
    )


def pool(gradient: bool) -> float:
    forward, backward = (
        _alone(lambda part=part: bound(max_pool(), part, data=POOLED), np.prod(POOLED)) for part in ("f", "b")
    )
    return backward if gradient else forward


def softmax() -> float:
    shape = (1000, 1000)
    net = sym.SoftmaxOutput(sym.Variable("data"), name="softmax")
    return _alone(lambda: bound(net, "fb", data=shape), np.prod(shape))


def sums() -> float:
    a, ones = floats(256, 1024), np.ones(1024, np.float32)
    return _each(lambda: np.matmul(a, ones), a.size)


def columns(part: str) -> float:
    """The time per element of the columns: the part that does not depend on the number of filters, or the
    part per filter."""
    few, many = 8, 64
    times = []
    for filters in (few, many):
        net = sym.Convolution(
            sym.Variable("data"), kernel=(5, 5), num_filter=filters, no_bias=True, name="conv"
        )
        times.append(_alone(lambda net=net: bound(net, "f", data=(32, 16, 28, 28)), 32 * 16 * 25 * 24 * 24))
    each = (times[1] - times[0]) / (many - few)
    return each if part == "filter" else times[0] - few * each


# --------------------------------------------------------------------------- work that a number decides about

POOLED = (64, 16, 56, 56)


def primitive(what: str) -> float:
    """By oneDNN: the time of an operation of a convolution, or of an element's reorder (into its layout and
    back)."""
    found, x, weight = onednn.library(), (8, 64, 28, 28), (64, 64, 3, 3)
    if found is None:
        return float("nan")
    with onednn.one_thread():
        made = found.convolution("out", (x, weight, x), False, ((1, 1), (0, 0), (1, 1), (1, 1)))
        layouts = {k: made.layouts[k] for k in onednn.ARGUMENTS["out"]}
        memory = {k: (v, floats(max(1, v.nbytes // 4))) for k, v in layouts.items()}
        scratch = {"scratch": (made.layouts["scratch"], floats(made.layouts["scratch"].nbytes // 4 + 1))}
        call = made.call(**memory, **scratch)
        plain = found.layout(x, (64 * 28 * 28, 28 * 28, 28, 1)), floats(*x)
        there = found.reorder(plain[0], layouts["src"]).call(src=plain, dst=memory["src"])
        back = found.reorder(layouts["src"], plain[0]).call(src=memory["src"], dst=plain)
    calls, count = (
        ([call], 2 * 64 * 9 * floats(*x).size) if what == "flop" else ([there, back], 2 * floats(*x).size)
    )
    return seconds(partial(onednn.run, calls)) / count * 1e9


def bound(net, part: str, **shapes) -> Work:
    """The forward pass ("f"), the backward pass ("b") or both ("fb") of a network with drawn arguments."""
    ex = net.simple_bind("write", **shapes)
    for a in ex.args.values():
        a[:] = rng.random(a.shape) + 0.1
    ex.forward(True)
    heads = (
        None
        if net.list_outputs()[0].startswith(("softmax", "loss"))
        else [array(np.ones(o.shape)) for o in ex.output_list]
    )
    works = {
        "f": lambda: ex.forward(True),
        "b": lambda: ex.backward(heads),
        "fb": lambda: (ex.forward(True), ex.backward(heads)),
    }
    works[part]()
    return works[part]


def max_pool(kernel: int = 2, stride: int = 2):
    return sym.Pooling(
        sym.Variable("data"), kernel=(kernel, kernel), stride=(stride, stride), pool_type="max", name="pool"
    )


def loss(*shape: int) -> Callable[[], Work]:
    """A cross-entropy, both passes apart."""
    out, label = sym.Variable("out"), sym.Variable("label")
    net = sym.MakeLoss(0 - (label * sym.log(out) + (1 - label) * sym.log(2 - out)), name="loss")
    return lambda: bound(net, "fb", out=shape, label=shape)


def cheap_loss(*shape: int) -> Callable[[], Work]:
    """A loss of cheap functions, whose backward pass may recompute values of the forward pass."""
    a, b = sym.Variable("a"), sym.Variable("b")
    d = sym.square(a * b - a) * (a + b)
    return lambda: bound(sym.MakeLoss(d * d * d, name="loss"), "fb", a=shape, b=shape)


def expression(make: Callable, part: str = "f", **shapes) -> Callable[[], Work]:
    return lambda: bound(make(*map(sym.Variable, shapes)), part, **shapes)


def product(m: int, k: int, n: int, transposed: bool = False) -> Callable[[], Work]:
    def make() -> Work:
        a, b = floats(m, k), floats(n, k).T if transposed else floats(k, n)
        prepared = threads.product(a, b, np.empty((m, n), np.float32))
        with threads.single_blas():
            prepared()
        return prepared

    return make


def convolution(
    batch: int, channels: int, size: int, filters: int, kernel: int = 3, pad: int = 0
) -> Callable[[], Work]:
    net = sym.Convolution(
        sym.Variable("data"), kernel=(kernel, kernel), pad=(pad, pad), num_filter=filters, name="conv"
    )
    return lambda: bound(net, "fb", data=(batch, channels, size, size))


def recurrent(steps: int, samples: int, size: int) -> Callable[[], Work]:
    net = sym.RNN(sym.Variable("data"), state_size=size, num_layers=1, mode="lstm", name="rnn")
    return lambda: bound(net, "fb", data=(steps, samples, size))


def optimizer(kind: str) -> Callable[[], Work]:
    n = 1 << 20
    settings = {
        "adagrad": {"epsilon": 1e-7, "wd": 0, "rescale_grad": 1, "clip_gradient": -1},
        "sgd": {"momentum": 0.9},
    }[kind]
    return lambda: partial(State(rule(kind, settings), (n,)).update, 0.1, floats(n), floats(n))


def update_operator() -> Work:
    n = 1 << 20
    w, g, m = (array(floats(n)) for _ in range(3))
    return lambda: call("sgd_mom_update", [w, g, m], {"lr": 0.1, "momentum": 0.9}, out=w)


def draws(op: str, attrs: dict) -> Callable[[], Work]:
    return lambda: lambda: call(op, [], {"shape": (1 << 18,), **attrs})


def reader_draws() -> Work:
    engine = Engine(0)
    return lambda: [engine.draw() for _ in range(5000)]


def file_work(kind: str, lines: int = 20_000) -> Callable[[], Work]:
    """Reading a file that is in the system's cache."""

    def make() -> Work:
        folder = Path(tempfile.mkdtemp())
        if kind == "csv":
            np.savetxt(folder / "data.csv", rng.random((lines, 20)), fmt="%.4f", delimiter=",")
            return lambda: list(_batches("CSVIter", data_csv=folder / "data.csv", data_shape=(20,)))
        head, labels = struct.pack(">IIII", 2051, 10_000, 28, 28), struct.pack(">II", 2049, 10_000)
        with gzip.open(folder / "images.gz", "wb", 1) as f:
            f.write(head + bytes(10_000 * 784))
        (folder / "labels").write_bytes(labels + bytes(10_000))
        return lambda: list(_batches("MNISTIter", image=folder / "images.gz", label=folder / "labels"))

    return make


def _batches(reader: str, **given) -> Iterator[bool]:
    made = readers.create(reader, {"batch_size": 100, **{k: str(v) for k, v in given.items()}})
    while made.next():
        yield True


TIMES: dict[str, Callable[[], float]] = {
    "WAKE_NS": wake,
    "TEAM_NS": team,
    "LOCK_NS": lock,
    "FLOP_NS": flop,
    "OPERATION_NS": operation,
    "EXPENSIVE_OPERATIONS": expensive,
    "NATIVE_OPERATION_NS": partial(instruction, np.add, np.multiply, np.maximum),
    "NATIVE_EXPENSIVE_NS": partial(instruction, np.exp, np.log, np.tanh),
    "NATIVE_DIVISION_NS": partial(instruction, np.divide, np.sqrt),
    "NATIVE_ROW_NS": row,
    "UPDATE_NS": update,
    "POOL_NS": partial(pool, False),
    "POOL_GRADIENT_NS": partial(pool, True),
    "SOFTMAX_NS": softmax,
    "SUM_NS": sums,
    "PRIMITIVE_FLOP_NS": partial(primitive, "flop"),
    "REORDER_NS": partial(primitive, "reorder"),
    "COLUMN_NS": partial(columns, "rest"),
    "COLUMN_FILTER_NS": partial(columns, "filter"),
}

TRIALS: dict[str, Callable[[], Work]] = {
    "TURNED_PRODUCT_ROWS": product(64, 784, 128, transposed=True),
    "REGION_BLOCK": loss(1_000_000),
    "NATIVE_BLOCK": loss(1_000_000),
    "NATIVE_CHUNK_NS": loss(200_000),
    "NATIVE_TEXT_SHARED": file_work("csv", 1000),
    "STORE_OPERATIONS": cheap_loss(1_000_000),
    "CACHED_ELEMENTS": cheap_loss(1 << 15),
    "CLIP_ELEMENTS": expression(lambda x: sym.clip(x, a_min=0.2, a_max=0.8), x=(2048,)),
    "SELECT_BITS_ELEMENTS": expression(
        lambda c, a, b: sym.where(c > 0.5, a, b), c=(512,), a=(512,), b=(512,)
    ),
    "GATHER_ELEMENTS": expression(lambda x: sym.exp(sym.transpose(x)) * sym.transpose(x), x=(16, 32)),
    "GATHER_REPEATED_ELEMENTS": expression(
        lambda x, r: sym.broadcast_mul(sym.broadcast_add(x, r), r), x=(64, 64), r=(64, 1)
    ),
    "GATHER_RUN": expression(
        lambda x: (
            sym.slice_axis(x, axis=1, begin=0, end=64) * 2 + sym.slice_axis(x, axis=1, begin=64, end=128)
        ),
        x=(4096, 128),
    ),
    "SHORT_AXIS": expression(lambda x: sym.slice_axis(x, axis=1, begin=0, end=16) + 0, x=(4096, 30)),
    "DOT_SUM_ELEMENTS": expression(lambda x: sym.sum(x), x=(1 << 15,)),
    "SHORT_ROW": expression(lambda x: sym.max(x, axis=1), x=(4096, 32)),
    "TURNED_BLOCK": expression(lambda x: sym.max(x, axis=1), x=(100_000, 10)),
    "NORM_BLOCK": expression(lambda x: sym.BatchNorm(x, fix_gamma=False), "fb", x=(64, 32, 32, 32)),
    "DOT_POSITIONS": expression(lambda x: sym.BatchNorm(x, fix_gamma=False), "fb", x=(256, 64, 4, 8)),
    "SOFTMAX_BLOCK": lambda: bound(
        sym.SoftmaxOutput(sym.Variable("data"), name="softmax"), "fb", data=(1000, 1000)
    ),
    "UPDATE_BLOCK": lambda: update_operator(),
    "RULE_BLOCK": optimizer("adagrad"),
    "POOL_BLOCK": lambda: bound(max_pool(), "fb", data=POOLED),
    "POOL_SHARED_OFFSETS": lambda: bound(max_pool(3, 3), "b", data=(64, 16, 54, 54)),
    "COLUMNS_BLOCK": convolution(64, 16, 32, 32),
    "PRIMITIVE_BLOCK": convolution(16, 64, 28, 64, pad=1),
    "COPY_RUN_ELEMENTS": convolution(64, 16, 12, 32),
    "COLUMN_MULTIPLICATIONS": convolution(32, 16, 16, 32, pad=1),
    "GRID_EXCESS": lambda: bound(
        sym.Convolution(sym.Variable("data"), kernel=(1, 5), num_filter=32, name="conv"),
        "fb",
        data=(32, 16, 16, 20),
    ),
    "FLIPPED_POSITIONS": convolution(10, 16, 12, 40),
    "SEQUENCE_SHARED_FLOPS": recurrent(32, 64, 128),
    "SEQUENCE_BESIDE_FLOPS": recurrent(32, 32, 48),
    "STEP_SHARED_FLOPS": recurrent(8, 128, 200),
    "STEP_SAMPLES_FLOPS": recurrent(16, 64, 150),
    "WORKER_SAMPLES": recurrent(16, 32, 256),
    "NATIVE_TILED_COLUMNS": recurrent(32, 8, 128),
    "NATIVE_CHUNK_SAMPLES": recurrent(32, 32, 128),
    "NATIVE_CHUNK_WEIGHTS": recurrent(32, 32, 256),
    "STEPWISE_SAMPLES": recurrent(32, 32, 64),
    "CELL_SHARED_VALUES": recurrent(16, 16, 32),
    "WEIGHT_PART_ROWS": recurrent(32, 32, 64),
    "SEQUENCE_BLOCK_ROWS": recurrent(64, 8, 128),
    "SEQUENCE_BLOCK": recurrent(64, 32, 64),
    "RANDOM_BLOCK": draws("_random_uniform", {}),
    "SAMPLER_DRAWS": draws("_random_gamma", {"alpha": 2.0}),
    "READER_DRAWS": reader_draws,
    "READ_BLOCK": file_work("mnist"),
    "TEXT_BLOCK": file_work("csv"),
}


def tried(name: str, make: Callable[[], Work]) -> str:
    """The fastest of several values of a tuning number, and how much longer the work takes with mxr's
    value."""
    ours = getattr(costs, name)
    values = [type(ours)(ours * f) for f in FACTORS if ours * f >= 1]
    works = {}
    try:
        for v in values:
            setattr(costs, name, v)
            works[v] = make()
        best = dict.fromkeys(values, float("inf"))
        for _ in range(5):
            for v in values:
                setattr(costs, name, v)
                best[v] = min(best[v], seconds(works[v], 0.02))
    finally:
        setattr(costs, name, ours)
    fastest = min(best, key=best.__getitem__)
    ratio = best[ours] / best[fastest]
    return (
        f"{shown(ours)} is as fast as any"
        if ratio < 1.03
        else f"{shown(fastest)}: ours takes {ratio:.2f} times as long"
    )


def measured(name: str) -> str:
    """A tuning number measured on this machine: of NumPy's calls, except for those of the native core and of
    oneDNN."""
    former = native.vectors
    native.vectors = former if name.startswith("NATIVE_") else ""
    if not name.startswith(("PRIMITIVE_", "REORDER_", "TEAM_")):
        os.environ["MXR_ONEDNN"] = "0"
    try:
        return shown(TIMES[name]()) if name in TIMES else tried(name, TRIALS[name])
    finally:
        native.vectors = former
        os.environ.pop("MXR_ONEDNN", None)


def shown(value: float) -> str:
    if value != value:
        return "none that was tried"
    return (
        f"{value:.2g}"
        if value < 1
        else f"{value:,.0f}".replace(",", " ")
        if value >= 10 or value == int(value)
        else f"{value:.1f}"
    )


HEAD = ("| number | ours | unit | on this machine | what it decides |", "|---|---|---|---|---|")


def names() -> list[str]:
    return [n.name for n in costs.table().values()]


def line(name: str) -> str:
    """The line of a number."""
    n = costs.table()[name]
    here = n.about.fixed or measured(name)
    return f"| {name} | {shown(n.value)} | {n.about.unit} | {here} | {n.about.decides} |"
