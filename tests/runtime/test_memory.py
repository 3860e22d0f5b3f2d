"""Memory that begins at cache lines, and buffers that values share."""

import numpy as np
import pytest

from mxr.runtime.costs import CACHE_LINE
from mxr.runtime.memory import Buffers, empty, zeros


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 5), (1000,)])
@pytest.mark.parametrize("dtype", ["u1", "f2", "f4", "f8"])
def test_arrays_begin_at_lines(shape, dtype):
    for a in (empty(shape, dtype), zeros(shape, dtype)):
        assert a.shape == shape and a.dtype == dtype and a.flags.writeable
        assert not a.size or a.ctypes.data % CACHE_LINE == 0
    assert not zeros(shape, dtype).any()


def test_a_value_gets_the_buffer_that_fits_best_or_one_that_grows():
    buffers = Buffers()
    small, large = buffers.take(10), buffers.take(100)
    assert small != large
    buffers.give_back(small)
    buffers.give_back(large)
    assert buffers.take(50) == large  # fits best
    assert buffers.take(60) == small  # grows: nothing has been allocated yet
    assert buffers.array(small, (15,), np.dtype("f4")).nbytes == 60


def test_an_allocated_buffer_does_not_grow():
    buffers = Buffers()
    first = buffers.take(8)
    array = buffers.array(first, (2,), np.dtype("f4"))
    array[:] = 7
    buffers.give_back(first)
    assert buffers.take(80) != first
    assert buffers.take(8) == first
    assert (buffers.array(first, (2,), np.dtype("f4")) == 7).all()
