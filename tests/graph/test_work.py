"""How many operations a network takes, compared with counts on paper."""

from __future__ import annotations

import pytest

import mxr as mx
from mxr.graph.infer_shapes import all_shapes
from mxr.graph.work import work

DATA = mx.sym.Variable("data")
BY_HAND = {
    "a layer": (mx.sym.FullyConnected(DATA, num_hidden=7), (4, 3, 5), 2 * 4 * 15 * 7),
    "a layer along the last axis": (
        mx.sym.FullyConnected(DATA, num_hidden=7, flatten=False),
        (4, 3, 5),
        2 * 12 * 5 * 7,
    ),
    "a convolution": (
        mx.sym.Convolution(DATA, kernel=(3, 3), num_filter=8),
        (2, 4, 10, 10),
        2 * (2 * 8 * 64) * (4 * 9),
    ),
    "in groups": (
        mx.sym.Convolution(DATA, kernel=(3, 3), num_filter=8, num_group=2),
        (2, 4, 10, 10),
        2 * (2 * 8 * 64) * (2 * 9),
    ),
    "a deconvolution": (
        mx.sym.Deconvolution(DATA, kernel=(2, 2), stride=(2, 2), num_filter=3),
        (2, 4, 5, 5),
        2 * (2 * 4 * 25) * (3 * 4),
    ),
    "a product": (mx.sym.dot(DATA, DATA, transpose_b=True), (6, 5), 2 * 6 * 6 * 5),
    "a transposed product": (mx.sym.dot(DATA, DATA, transpose_a=True), (6, 5), 2 * 5 * 5 * 6),
    "no product": (mx.sym.exp(DATA), (6, 5), 0),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_products(name):
    symbol, shape, flops = BY_HAND[name]
    assert work(symbol, all_shapes(symbol, {"data": shape})).products == flops


def test_operators_that_are_not_products_count_by_element():
    symbol = mx.sym.sum(mx.sym.exp(DATA))
    found = work(symbol, all_shapes(symbol, {"data": (6, 5)}))
    assert (found.products, found.elements, found.calls) == (0, 60, 2)


def test_a_recurrent_layer_uses_its_weights_at_every_place():
    symbol = mx.sym.RNN(DATA, state_size=4, num_layers=1, mode="rnn_tanh", name="rnn")
    found = work(symbol, all_shapes(symbol, {"data": (10, 3, 5)}))
    assert found.products == 2 * 10 * 3 * (4 * 5 + 4 * 4 + 2 * 4)
