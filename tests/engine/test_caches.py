"""No cache grows with use: objects that executors share are freed with them."""

import gc
import tracemalloc

import numpy as np
import pytest

import mxr
from mxr import sym


def maximum(i: int):
    return sym._maximum_scalar(sym.Variable("x"), scalar=i + 0.5), (40, 1000)


def mean_pooling(i: int):
    return sym.Pooling(sym.Variable("x"), kernel=(2, 2), pad=(1, 1), pool_type="avg"), (1, 1, 100 + i, 200)


def max_pooling(i: int):
    return sym.Pooling(sym.Variable("x"), kernel=(3, 3), stride=(2, 2), pool_type="max"), (4, 2, 80 + i, 90)


def reduced(i: int):
    return sym.softmax(sym.Variable("x"), axis=-1), (100 + i, 300)


@pytest.mark.parametrize("make", [maximum, mean_pooling, max_pooling, reduced])
def test_binding_keeps_nothing(make):
    def one(i):
        symbol, shape = make(i)
        run = symbol.simple_bind("write", x=shape)
        run.args["x"][:] = np.arange(np.prod(shape)).reshape(shape) % 7
        run.forward(True)
        run.backward([mxr.NDArray(np.ones(o.shape, np.float32)) for o in run.output_list])

    for i in range(3):
        one(i)
    gc.collect()
    tracemalloc.start()
    for i in range(3, 43):
        one(i)
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept < 500_000, f"{kept} bytes are kept after 40 executors"


def test_equal_executors_share_a_block():
    from mxr.compiler import regions

    runs = [
        sym._maximum_scalar(sym.Variable("x"), scalar=12345.0).simple_bind("null", x=(50, 50))
        for _ in range(2)
    ]
    for run in runs:
        assert run.forward()[0].asnumpy().max() == 12345
    mine = [block for (number, _), block in regions._filled_blocks.items() if number == "12345.0"]
    assert len(mine) <= 1  # empty if the native core computes it
