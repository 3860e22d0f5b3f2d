"""Loops in loops, and a recurrent cell in one, as MXNet's Python writes them: `control_file.py FILE`, run by
MXNet's Python, writes each one's JSON, inputs, outputs and gradients (tests/data/control/nested.json, which
tests/ops/test_control.py reads). A branch inside a loop cannot be one of them: MXNet 1.9.1 does not infer its
shapes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.update(MXNET_MKLDNN_ENABLED="0", MXNET_SUBGRAPH_BACKEND="NONE")

import mxnet as mx
import numpy as np

sym = mx.sym


def recurrent():
    """A GRU cell along time, and a dense layer over what it says."""
    cell = mx.rnn.GRUCell(4, prefix="gru_")

    def body(x, state):
        out, states = cell(x, [state])
        return out, states[0]

    outs, last = sym.contrib.foreach(body, sym.Variable("data"), sym.Variable("begin"))
    dense = sym.FullyConnected(outs, num_hidden=2, flatten=False, name="fc")
    return sym.Group([dense, last]), {"data": (5, 3, 6), "begin": (3, 4)}


def nested():
    """A foreach inside a foreach; both take a weight from outside."""
    w = sym.Variable("w")

    def inner(x, s):
        s = sym.tanh(s * w + x)
        return s * s, s

    def outer(x, s):
        outs, last = sym.contrib.foreach(inner, x, s)
        return sym.sum(outs, axis=0) * w, last

    outs, last = sym.contrib.foreach(outer, sym.Variable("data"), sym.Variable("begin"))
    return sym.Group([outs, last]), {"data": (3, 4, 2), "begin": (2,), "w": (2,)}


def while_of_foreach():
    """A while loop whose body goes through the rows of a weight."""
    rows = sym.Variable("rows")

    def body(i, s):
        outs, last = sym.contrib.foreach(lambda row, t: (row * t, sym.sin(t + row)), rows, s)
        return last, [i + 1, last + sym.sum(outs, axis=0)]

    start = [sym.Variable("i"), sym.Variable("s")]
    outs, (_, s) = sym.contrib.while_loop(lambda i, s: i < 3, body, start, max_iterations=3)
    return sym.Group([outs, s]), {"rows": (4, 2), "i": (1,), "s": (2,)}


def record(symbol, shapes, seed: int) -> dict:
    rng = np.random.RandomState(seed)
    names = symbol.list_arguments()
    inferred = symbol.infer_shape(**shapes)[0]  # None of a while loop, whose shapes are all given
    arg_shapes = inferred or [shapes[k] for k in names]
    values = {k: np.round(rng.standard_normal(s) * 0.6, 3).astype("f4") for k, s in zip(names, arg_shapes)}
    given = {k: mx.nd.array(v) for k, v in values.items()}
    ex = symbol.bind(mx.cpu(), given, {k: mx.nd.zeros(v.shape) for k, v in values.items()})
    outs = [o.asnumpy() for o in ex.forward(is_train=True)]
    heads = [np.arange(o.size, dtype="f4").reshape(o.shape) / 7 - np.float32(0.3) for o in outs]
    ex.backward([mx.nd.array(h) for h in heads])
    return {
        "json": symbol.tojson(),
        "arguments": names,
        "outputs": symbol.list_outputs(),
        "in": {k: v.tolist() for k, v in values.items()},
        "out": [o.tolist() for o in outs],
        "grad": {k: g.asnumpy().tolist() for k, g in ex.grad_dict.items()},
    }


def main(file: Path) -> None:
    makers = (recurrent, nested, while_of_foreach)
    file.write_text(json.dumps({f.__name__: record(*f(), i) for i, f in enumerate(makers)}, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
