"""The workloads: symbols with input shapes, built once and given to both engines as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from mxr import sym
from mxr.graph.infer_shapes import all_shapes

from . import networks


@dataclass
class Workload:
    """`symbol` with inputs of `shapes` (others are parameters). `train`: an sgd-momentum update of all
    parameters follows backward. `draw` maps an input name to how its values are drawn: "normal", "unit"
    (0.05-0.95), "onehot", ("ints", high)."""

    name: str
    symbol: object
    shapes: dict[str, tuple]
    target: float
    train: bool = True
    draw: dict = field(default_factory=dict)
    wanted: tuple | None = None  # gradients of these only
    copies: int = 0  # if memory is the bound: the length of the arrays that are read and written
    apart: bool = False  # whether mxr makes two calls, forward and backward
    peer: str = ""  # its loss in peers.py, or its name in networks.py
    predict: bool = False  # only the forward pass of inference
    within: float = 0  # if not 0: a step should take at most so many times the bound

    def products(self) -> list[tuple]:
        """The matrix products `(batch, m, k, n)` that the layers need, gradients included."""
        shapes = all_shapes(self.symbol, self.shapes)
        found = []
        for n in self.symbol.nodes():
            kind = n.op.name if n.op else ""
            if kind not in ("FullyConnected", "Convolution", "RNN"):
                continue
            first = n.inputs[0][0].op is None  # its input needs no gradient
            data, weight, out = (shapes[id(m), i] for m, i in (*n.inputs[:2], (n, 0)))
            if kind == "RNN":
                steps, batch, width = data
                for layer in range(n.p.num_layers):
                    gates = 4 * n.p.state_size
                    found += _three(
                        1, steps * batch, n.p.state_size if layer else width, gates, first and not layer
                    )
                    found += _three(1, batch, n.p.state_size, gates, False) * steps
            elif kind == "FullyConnected":
                found += _three(1, out[0], weight[1], weight[0], first)
            else:
                found += _three(out[0], weight[0], int(np.prod(weight[1:])), int(np.prod(out[2:])), first)
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """Values of every argument and auxiliary state."""
        rng = np.random.default_rng(0)
        args, _, aux = self.symbol.infer_shape(**self.shapes)
        out, states = {}, set(self.symbol.list_auxiliary_states())
        for name, shape in {**args, **aux}.items():
            how = self.draw.get(name, "normal")
            if name in states:
                out[name] = np.ones(shape) if name.endswith("var") else np.zeros(shape)
            elif how == "unit":
                out[name] = rng.uniform(0.05, 0.95, shape)
            elif how == "onehot":
                out[name] = np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]
            elif isinstance(how, tuple):
                out[name] = rng.integers(0, how[1], shape)
            elif name in self.shapes:
                out[name] = rng.standard_normal(shape)
            elif name.endswith("parameters"):
                out[name] = rng.uniform(-0.1, 0.1, shape)
            elif name.endswith("gamma"):
                out[name] = np.ones(shape)
            elif name.endswith(("bias", "beta", "state", "state_cell")):
                out[name] = np.zeros(shape)
            else:
                out[name] = rng.standard_normal(shape) * np.sqrt(1 / max(1, np.prod(shape[1:])))
        return {k: v.astype(np.float32) for k, v in out.items()}


def goal(text: str, met: bool) -> str:
    """A target ratio, and whether it is reached."""
    return f"{text}: {'met' if met else '**missed**'}"


def _three(batch, m, k, n, first) -> list[tuple]:
    """A product, and those of its two gradients."""
    return [(batch, m, k, n), (batch, m, n, k), (batch, k, m, n)][: 2 if first else 3]


def cross_entropy(n: int, target: float) -> Workload:
    out, label = sym.Variable("out"), sym.Variable("label")
    loss = sym.MakeLoss(0 - (label * sym.log(out) + (1 - label) * sym.log(1 - out)), name="loss")
    return Workload(
        f"cross-entropy, {n} elements",
        loss,
        {"out": (n,), "label": (n,)},
        target,
        False,
        {"out": "unit", "label": ("ints", 2)},
        ("out",),
        copies=n,
        peer="cross_entropy",
        within=4 if n == 10**6 else 0,
    )


def detection(batch=16) -> Workload:
    """A YOLO-like loss: box centres and sizes, objectness, classes, masks; five boxes of six values per
    cell."""
    data, label = sym.Variable("data"), sym.Variable("label")
    terms = []
    for box in range(5):

        def part(x, i, width=1, box=box):
            return sym.slice_axis(x, axis=3, begin=box * 6 + i, end=box * 6 + i + width)

        mask = part(label, 4)
        xy = sym.sigmoid(part(data, 0, 2)) - part(label, 0, 2)
        wh = sym.exp(part(data, 2, 2) * 0.5) - part(label, 2, 2)
        conf = sym.sigmoid(part(data, 4)) - mask
        cls = part(data, 5) - part(label, 5)
        for diff, weight in ((xy, 5.0), (wh, 5.0), (conf, 1.0), (cls, 1.0)):
            square = sym.broadcast_mul(sym.square(diff), mask) * weight
            terms.append(sym.sum(square, axis=(1, 2, 3)))
    total = terms[0]
    for t in terms[1:]:
        total = total + t
    return Workload(
        "detection loss, 20 terms, 16 x 13 x 13 x 30",
        sym.MakeLoss(total, name="loss"),
        {"data": (batch, 13, 13, 30), "label": (batch, 13, 13, 30)},
        8,
        False,
        {"label": "unit"},
        ("data",),
        copies=batch * 13 * 13 * 30,
        peer="detection" if batch == 16 else "",
    )


def mlp(batch=100) -> Workload:
    x = sym.Variable("data")
    for i, n in enumerate((128, 64)):
        x = sym.Activation(
            sym.FullyConnected(x, num_hidden=n, name=f"fc{i}"), act_type="relu", name=f"relu{i}"
        )
    net = sym.SoftmaxOutput(sym.FullyConnected(x, num_hidden=10, name="fc2"), name="softmax")
    return Workload(
        f"MLP 784-128-64-10, batch {batch}",
        net,
        {"data": (batch, 784)},
        1.6,
        draw={"softmax_label": ("ints", 10)},
        peer="mlp",
    )


def lenet(batch=100) -> Workload:
    x = sym.Variable("data")
    for i, n in enumerate((20, 50)):
        x = sym.Activation(
            sym.Convolution(x, kernel=(5, 5), num_filter=n, name=f"conv{i}"), act_type="tanh", name=f"tanh{i}"
        )
        x = sym.Pooling(x, pool_type="max", kernel=(2, 2), stride=(2, 2), name=f"pool{i}")
    x = sym.Activation(
        sym.FullyConnected(sym.Flatten(x), num_hidden=500, name="fc0"), act_type="tanh", name="tanh2"
    )
    net = sym.SoftmaxOutput(sym.FullyConnected(x, num_hidden=10, name="fc1"), name="softmax")
    return Workload(
        f"LeNet (20/50 filters), batch {batch}",
        net,
        {"data": (batch, 1, 28, 28)},
        1.2,
        draw={"softmax_label": ("ints", 10)},
        peer="lenet",
    )


def residual(batch=32) -> Workload:
    def conv(x, filters, name, stride=1):
        x = sym.Convolution(
            x,
            kernel=(3, 3),
            stride=(stride, stride),
            pad=(1, 1),
            num_filter=filters,
            no_bias=True,
            name=f"{name}_conv",
        )
        x = sym.BatchNorm(x, fix_gamma=False, name=f"{name}_bn")
        return sym.Activation(x, act_type="relu", name=f"{name}_relu")

    x = conv(sym.Variable("data"), 16, "stem")
    for stage, filters in enumerate((16, 32)):
        if stage:
            x = conv(x, filters, f"down{stage}", 2)
        x = x + conv(conv(x, filters, f"a{stage}"), filters, f"b{stage}")
    x = sym.Pooling(x, global_pool=True, kernel=(1, 1), pool_type="avg", name="pool")
    net = sym.SoftmaxOutput(sym.FullyConnected(sym.Flatten(x), num_hidden=10, name="fc"), name="softmax")
    return Workload(
        f"residual blocks, 32 x 32, batch {batch}",
        net,
        {"data": (batch, 3, 32, 32)},
        1.0,
        draw={"softmax_label": ("ints", 10)},
        peer="residual",
    )


def lstm(batch=32) -> Workload:
    x = sym.Variable("data")
    net = sym.RNN(x, state_size=64, num_layers=2, mode="lstm", name="rnn")
    net = sym.FullyConnected(sym.Reshape(net, shape=(-1, 64)), num_hidden=20, name="fc")
    net = sym.SoftmaxOutput(net, name="softmax")
    return Workload(
        f"LSTM, 2 layers, 64 hidden, 32 steps, batch {batch}",
        net,
        {"data": (32, batch, 64)},
        1.3,
        draw={"softmax_label": ("ints", 20)},
        peer="lstm",
    )


def _small_net(x, out, name):
    h = sym.Activation(
        sym.FullyConnected(x, num_hidden=32, name=f"{name}1"), act_type="tanh", name=f"{name}t"
    )
    return sym.FullyConnected(h, num_hidden=out, name=f"{name}2")


def cox() -> Workload:
    """Negative partial log likelihood; `risk` marks the subjects at risk at the time of each event."""
    score = _small_net(sym.Variable("data"), 1, "fc")
    risk, event = sym.Variable("risk"), sym.Variable("event")
    log_risk = sym.log(sym.dot(risk, sym.exp(score)) + 1e-8)
    loss = sym.MakeLoss(sym.mean((log_risk - score) * event), name="loss")
    return Workload(
        "Cox partial likelihood, batch 64",
        loss,
        {"data": (64, 20), "risk": (64, 64), "event": (64, 1)},
        6,
        draw={"risk": ("ints", 2), "event": ("ints", 2)},
        peer="cox",
    )


def contrastive() -> Workload:
    w1, b1 = sym.Variable("w1"), sym.Variable("b1")
    w2, b2 = sym.Variable("w2"), sym.Variable("b2")

    def twin(x):
        h = sym.Activation(sym.FullyConnected(x, weight=w1, bias=b1, num_hidden=32), act_type="relu")
        return sym.FullyConnected(h, weight=w2, bias=b2, num_hidden=8)

    d = sym.sqrt(sym.sum(sym.square(twin(sym.Variable("left")) - twin(sym.Variable("right"))), axis=1) + 1e-6)
    same = sym.Variable("same")
    loss = sym.MakeLoss(same * sym.square(d) + (1 - same) * sym.square(sym.relu(1 - d)), name="loss")
    return Workload(
        "contrastive loss, batch 64",
        loss,
        {"left": (64, 20), "right": (64, 20), "same": (64,)},
        5,
        draw={"same": ("ints", 2)},
        peer="contrastive",
    )


def vae() -> Workload:
    x, noise = sym.Variable("data"), sym.Variable("noise")
    h = sym.Activation(sym.FullyConnected(x, num_hidden=64, name="enc"), act_type="tanh")
    mu, logvar = (
        sym.FullyConnected(h, num_hidden=8, name="mu"),
        sym.FullyConnected(h, num_hidden=8, name="logvar"),
    )
    z = mu + sym.exp(0.5 * logvar) * noise
    h = sym.Activation(sym.FullyConnected(z, num_hidden=64, name="dec"), act_type="tanh")
    y = sym.Activation(sym.FullyConnected(h, num_hidden=100, name="out"), act_type="sigmoid")
    kl = -0.5 * sym.sum(1 + logvar - sym.square(mu) - sym.exp(logvar), axis=1)
    fit = sym.sum(x * sym.log(y + 1e-8) + (1 - x) * sym.log(1 - y + 1e-8), axis=1)
    return Workload(
        "VAE loss, batch 64",
        sym.MakeLoss(kl - fit, name="loss"),
        {"data": (64, 100), "noise": (64, 8)},
        4,
        draw={"data": "unit"},
        peer="vae",
    )


def apart(make) -> Workload:
    w = make()
    return replace(w, name=f"{w.name}, two calls", apart=True)


def network(name: str, batch: int, predict: bool) -> Workload:
    """A network of real size: prediction, or a training step."""
    make, shape = networks.NETWORKS[name]
    return Workload(
        f"{name}, batch {batch}, {'predict' if predict else 'step'}",
        networks.symbol(make),
        {"data": (batch, *shape)},
        1.0,
        train=not predict,
        draw={"softmax_label": ("ints", 2)},
        wanted=() if predict else None,
        peer=name,
        predict=predict,
    )


def recurrent(name: str) -> Workload:
    """A training step of a recurrent network."""
    make, words = networks.RECURRENT[name]
    steps, sequences = networks.STEPS, networks.SEQUENCES
    return Workload(
        f"{name}, {steps} steps, batch {sequences}, step",
        networks.symbol(make),
        {"data": (steps, sequences)},
        1.3,
        draw={
            "data": ("ints", words),
            "softmax_label": ("ints", 20),
            "lengths": ("ints", steps + 1),
        },
        peer=name,
    )


NETWORKS = [
    partial(network, name, batch, predict)
    for name in networks.NETWORKS
    for batch in (1, 16)
    for predict in (True, False)
]
NETWORKS += [partial(recurrent, name) for name in networks.RECURRENT]
LIMITED = [  # those of which the page has rows with AVX2, too
    *(
        partial(network, name, batch, predict)
        for name in networks.NETWORKS
        for batch, predict in ((1, True), (16, False))
    ),
    partial(recurrent, "embedding of 256, 2 x LSTM of 256"),
    lenet,
    residual,
    lstm,
]
MAIN = [
    *(partial(cross_entropy, n, target) for n, target in ((60, 8), (10**4, 8), (10**6, 12), (10**7, 10))),
    detection,
    mlp,
    lenet,
    residual,
    lstm,
    cox,
    contrastive,
    vae,
]
APART = [partial(apart, make) for make in MAIN[:5]]
GROWTH = [partial(cross_entropy, 10**4, 0), partial(mlp, 10), contrastive, vae]
SCALING = [
    *(partial(mlp, b) for b in (1, 16, 64, 256, 1024, 4096)),
    *(partial(lenet, b) for b in (1, 4, 16, 64, 256)),
]
