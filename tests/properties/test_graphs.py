"""The executor, which traces, fuses, blocks and reuses memory, computes what plain evaluation computes."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import mxr
from tests.properties import graphs, naive
from tests.reference.worker import ADD_START, head_gradient

# divided into blocks and threads, and strided; in double precision, so that rounding does not hide
# differences
SIZES = {
    "small": ((1, 2, 3, 4), "float32"),
    "large": ((1, 3, 16, 40, 130), "float64"),
}


@st.composite
def random_graphs(draw, dims, dtype):
    return graphs.build(
        lambda n: draw(st.integers(0, n - 1)),
        draw(st.integers(3, 40)),
        draw(st.integers(0, 2**31)),
        dims,
        dtype,
    )


@pytest.mark.parametrize("sizes", SIZES)
@seed(1)
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.booleans(), st.sampled_from(["write", "add"]))
def test_executor_is_naive_evaluation(sizes, data, with_heads, request_):
    graph = data.draw(random_graphs(*SIZES[sizes]))
    run = bind(graph, request_)
    run.forward(True)
    heads = (
        [head_gradient(i, x.shape, x.dtype) for i, x in enumerate(run.output_list)] if with_heads else None
    )
    outputs, gradients = naive.evaluate(graph.symbol, graph.values, heads)
    for mine, plain in zip(run.output_list, outputs):
        close(mine.data, plain)
    if graph.wanted:
        run.backward(heads)
        for name in graph.wanted:
            close(run.grads[name].data, gradients[name] + (ADD_START if request_ == "add" else 0))
        run.forward(True)  # a second pass gives the same
        run.backward(heads)
        for name in graph.wanted:
            close(
                run.grads[name].data,
                gradients[name] * 2 + ADD_START if request_ == "add" else gradients[name],
            )
    for mine, plain in zip(run.output_list, outputs):
        close(mine.data, plain)


@pytest.mark.parametrize("sizes", SIZES)
@seed(2)
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.sampled_from(["write", "add"]), st.sampled_from(["", "forward", "backward"]))
def test_both_passes_in_one_give_the_same_bits(sizes, data, request_, between):
    graph = data.draw(random_graphs(*SIZES[sizes]))
    if not graph.wanted:
        return
    apart, both = bind(graph, request_), bind(graph, request_)

    def same():
        apart.backward()
        for mine, other in zip(
            [*both.output_list, *(both.grads[k] for k in graph.wanted)],
            [*apart.output_list, *(apart.grads[k] for k in graph.wanted)],
        ):
            np.testing.assert_array_equal(mine.data, other.data)

    for _ in range(2):
        apart.forward(True)
        both.forward_backward()
        same()
        if between == "forward":  # the programs share memory
            both.forward(True)
        if between:
            both.backward()
            same()


def bind(graph, request_):
    return graph.symbol.bind(
        {k: mxr.NDArray(v.copy()) for k, v in graph.values.items()},
        {k: mxr.NDArray(np.full_like(graph.values[k], ADD_START)) for k in graph.wanted},
        dict.fromkeys(graph.wanted, request_),
    )


def close(a, b):
    """Equal except for rounding, which a graph of 40 operators magnifies."""
    np.testing.assert_allclose(a, b, 1e-4, 1e-5 * max(1.0, float(np.abs(b[np.isfinite(b)]).max(initial=0))))
