"""A model with an operator of the user's own, trained and saved by MXNet: `custom_file.py FOLDER`, run by
MXNet's Python, writes FOLDER/custom-symbol.json, custom-0003.params and custom.npz (inputs, outputs,
gradients, states). tests/faces/test_custom.py reads them, and registers the same class under mxr.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def main(folder: Path) -> None:
    import mxnet as mx
    from custom_operators import register

    register(mx)
    hidden = mx.sym.Activation(
        mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=6, name="fc1"), act_type="tanh"
    )
    logits = mx.sym.FullyConnected(hidden, num_hidden=3, name="fc2")
    net = mx.sym.Custom(
        data=logits, label=mx.sym.Variable("label"), op_type="tempered", temperature=2.5, name="out"
    )
    rng = np.random.RandomState(3)
    ex = net.simple_bind(mx.cpu(), data=(8, 4), grad_req=dict.fromkeys(net.list_arguments(), "write"))
    for name in ("fc1_weight", "fc2_weight"):
        ex.arg_dict[name][:] = rng.standard_normal(ex.arg_dict[name].shape) * 0.5
    data, label = rng.standard_normal((8, 4)).astype("f4"), rng.randint(0, 3, 8).astype("f4")
    ex.arg_dict["data"][:], ex.arg_dict["label"][:] = data, label
    weights = [n for n in net.list_arguments() if n not in ("data", "label")]
    for _ in range(5):
        ex.forward(is_train=True)
        ex.backward()
        for n in weights:
            ex.arg_dict[n][:] -= 0.1 * ex.grad_dict[n]
    mx.model.save_checkpoint(
        str(folder / "custom"), 3, net, {n: ex.arg_dict[n] for n in weights}, ex.aux_dict
    )
    ex.forward(is_train=True)
    ex.backward()
    grads = {f"grad_{n}": ex.grad_dict[n].asnumpy() for n in weights}
    np.savez(
        folder / "custom.npz",
        data=data,
        label=label,
        out=ex.outputs[0].asnumpy(),
        calls=ex.aux_dict["out_calls"].asnumpy(),
        **grads,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
