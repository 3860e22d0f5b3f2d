"""The losses and networks of `workloads.MAIN` as a user of PyTorch or JAX writes them, and the environments
these run in.

A loss is written once, on a few functions that both libraries have (`Torch`, `Jax`); its value is a vector or
a number, and its sum is minimised, as with MakeLoss. Runs in the peers' own Python and imports nothing of
mxr.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from functools import partial
from pathlib import Path

try:
    import networks  # a worker of a peer: beside this file
except ImportError:
    from tests.bench import networks

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".cache" / "bench"
PACKAGES = {"torch": ("torch==2.13.0", "numpy"), "jax": ("jax", "jaxlib")}
LR, MOMENTUM, RESCALE = 1e-3, 0.9, 0.01


def install(name: str) -> Path:
    """The interpreter of an environment with PyTorch or JAX, made here unless it is there."""
    python = HOME / name / "bin" / "python"
    if (
        python.exists()
        and subprocess.run([python, "-c", f"import {name}"], capture_output=True).returncode == 0
    ):
        return python
    print(f"installing {' and '.join(PACKAGES[name])} into {HOME / name} ...", flush=True)
    venv.create(HOME / name, clear=True, with_pip=True)
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES[name]],
        check=True,
    )
    subprocess.run([python, "-c", f"import {name}"], check=True)
    return python


# ---------------------------------------------------------------------------- the losses; f has the functions


def cross_entropy(f, p, x):
    return -(x["label"] * f.log(p["out"]) + (1 - x["label"]) * f.log(1 - p["out"]))


def detection(f, p, x):
    data, label = p["data"].reshape(16, 13, 13, 5, 6), x["label"].reshape(16, 13, 13, 5, 6)
    mask = label[..., 4:5]
    xy = f.sigmoid(data[..., 0:2]) - label[..., 0:2]
    wh = f.exp(data[..., 2:4] * 0.5) - label[..., 2:4]
    conf = f.sigmoid(data[..., 4:5]) - mask
    classes = data[..., 5:6] - label[..., 5:6]
    terms = 5 * (xy * xy) * mask, 5 * (wh * wh) * mask, conf * conf * mask, classes * classes * mask
    return sum(f.sum(t, (1, 2, 3, 4)) for t in terms)


def mlp(f, p, x):
    h = x["data"]
    for i in range(2):
        h = f.relu(f.linear(h, p[f"fc{i}_weight"], p[f"fc{i}_bias"]))
    return f.softmax_cross_entropy(f.linear(h, p["fc2_weight"], p["fc2_bias"]), x["softmax_label"])


def cox(f, p, x):
    h = f.tanh(f.linear(x["data"], p["fc1_weight"], p["fc1_bias"]))
    score = f.linear(h, p["fc2_weight"], p["fc2_bias"])
    return f.mean((f.log(x["risk"] @ f.exp(score) + 1e-8) - score) * x["event"])


def contrastive(f, p, x):
    def twin(v):
        return f.linear(f.relu(f.linear(v, p["w1"], p["b1"])), p["w2"], p["b2"])

    apart = twin(x["left"]) - twin(x["right"])
    d = f.sqrt(f.sum(apart * apart, (1,)) + 1e-6)
    rest = f.relu(1 - d)
    return x["same"] * (d * d) + (1 - x["same"]) * (rest * rest)


def vae(f, p, x):
    h = f.tanh(f.linear(x["data"], p["enc_weight"], p["enc_bias"]))
    mu, logvar = f.linear(h, p["mu_weight"], p["mu_bias"]), f.linear(h, p["logvar_weight"], p["logvar_bias"])
    z = mu + f.exp(0.5 * logvar) * x["noise"]
    h = f.tanh(f.linear(z, p["dec_weight"], p["dec_bias"]))
    y = f.sigmoid(f.linear(h, p["out_weight"], p["out_bias"]))
    kl = -0.5 * f.sum(1 + logvar - mu * mu - f.exp(logvar), (1,))
    fit = f.sum(x["data"] * f.log(y + 1e-8) + (1 - x["data"]) * f.log(1 - y + 1e-8), (1,))
    return kl - fit


def lenet(f, p, x):
    h = f.image(x["data"])
    for i in range(2):
        h = f.max_pool(f.tanh(f.conv(h, p[f"conv{i}_weight"], p[f"conv{i}_bias"])))
    h = f.tanh(f.linear(f.flat(h), p["fc0_weight"], p["fc0_bias"]))
    return f.softmax_cross_entropy(f.linear(h, p["fc1_weight"], p["fc1_bias"]), x["softmax_label"])


def residual(f, p, x):
    def conv(h, name, stride=1):
        h = f.conv(h, p[f"{name}_conv_weight"], None, stride, 1)
        return f.relu(f.batch_norm(h, p, x, f"{name}_bn"))

    h = conv(f.image(x["data"]), "stem")
    for stage in range(2):
        if stage:
            h = conv(h, "down1", 2)
        h = h + conv(conv(h, f"a{stage}"), f"b{stage}")
    scores = f.linear(f.pixel_mean(h), p["fc_weight"], p["fc_bias"])
    return f.softmax_cross_entropy(scores, x["softmax_label"])


def lstm(f, p, x):
    h = f.lstm(x["data"], p["rnn_state"], p["rnn_state_cell"], [p[f"rnn_parameters:{i}"] for i in range(8)])
    return f.softmax_cross_entropy(
        f.linear(h.reshape(-1, 64), p["fc_weight"], p["fc_bias"]), x["softmax_label"]
    )


def lstm_parts(packed):
    """The weights and biases of `lstm` as arrays of their own, as PyTorch and JAX have them. MXNet packs the
    weights of input and state of both layers, then the biases, into one vector."""
    parts, start = {}, 0
    for i, shape in enumerate([(256, 64)] * 4 + [(256,)] * 4):
        end = start + shape[0] * (64 if i < 4 else 1)
        parts[f"rnn_parameters:{i}"] = packed[start:end].reshape(shape)
        start = end
    return parts


# --------------------------------------------------------------------------------------------- the libraries


class Torch:
    """PyTorch, eager or (`compiled`) by torch.compile."""

    def __init__(self, compiled: bool = False):
        import torch

        self.torch, self.compiled = torch, compiled
        for name in ("exp", "log", "tanh", "sigmoid", "sqrt", "relu", "sum", "mean"):
            setattr(self, name, getattr(torch, name))
        functional = torch.nn.functional
        self.linear, self.conv = functional.linear, functional.conv2d
        self.max_pool, self.flat = (
            partial(functional.max_pool2d, kernel_size=2),
            partial(torch.flatten, start_dim=1),
        )

    def image(self, data):
        return data

    def pixel_mean(self, h):
        return h.mean((2, 3))

    def batch_norm(self, h, p, x, name):
        mean, var = x[f"{name}_moving_mean"], x[f"{name}_moving_var"]
        return self.torch.nn.functional.batch_norm(
            h, mean, var, p[f"{name}_gamma"], p[f"{name}_beta"], True, 0.1, 1e-3
        )

    def lstm(self, data, state, cell, parts):
        layers = [part for i in (0, 2) for part in (*parts[i : i + 2], *parts[4 + i : 6 + i])]
        return self.torch.lstm(data, (state, cell), layers, True, 2, 0.0, True, False, False)[0]

    def softmax_cross_entropy(self, z, label):
        return self.torch.nn.functional.cross_entropy(z, label, reduction="sum")

    def network(self, name, p, x, train):
        """The class probabilities of a network, and its loss."""
        scores = networks.ALL[name](networks.Layers(self.torch, {**p, **x}, train), x["data"])
        label = x["softmax_label"].view(len(scores), *scores.shape[2:])  # of a map: (n, pixels)
        loss = self.softmax_cross_entropy(scores, label) / scores[0, 0].numel()  # as SoftmaxOutput's gradient
        return self.torch.softmax(scores, 1), loss

    def load(self, loss, parameters, inputs, train):
        torch = self.torch
        self.predicts = isinstance(loss, str) and not train
        if isinstance(loss, str):
            loss = partial(lambda name, f, p, x: f.network(name, p, x, train), loss)
        self.p = {k: torch.tensor(v, requires_grad=True) for k, v in parameters.items()}
        self.x = {k: torch.tensor(v) for k, v in inputs.items()}
        if "softmax_label" in self.x:
            self.x["softmax_label"] = self.x["softmax_label"].long()
        self.optimizer = (
            torch.optim.SGD(self.p.values(), lr=LR * RESCALE, momentum=MOMENTUM, fused=True)
            if train
            else None
        )

        def value(p, x):
            out = loss(self, p, x)
            return out if isinstance(out, tuple) else (out, out.sum())

        self.value = torch.compile(value) if self.compiled else value
        self.first = None

    def step(self):
        if self.predicts:
            with self.torch.no_grad():
                self.out, _ = self.value(self.p, self.x)
            self.first = self.first or (self.out.numpy().copy(), {})
            return
        for p in self.p.values():
            p.grad = None
        self.out, total = self.value(self.p, self.x)
        total.backward()
        if self.first is None:
            self.first = (
                self.out.detach().numpy().copy(),
                {k: v.grad.numpy().copy() for k, v in self.p.items()},
            )
        if self.optimizer:
            self.optimizer.step()

    def results(self):
        return self.first


class Jax:
    """JAX, the whole step by one jit."""

    def __init__(self):
        import jax
        import jax.numpy as jnp

        self.jax = jax
        for name in ("exp", "log", "tanh", "sqrt", "sum", "mean"):
            setattr(self, name, getattr(jnp, name))
        self.sigmoid, self.relu = jax.nn.sigmoid, jax.nn.relu

    def linear(self, x, w, b):
        return x @ w.T + b

    # Images are (n, height, width, channels), which is usual and faster here.

    def image(self, data):
        return data.transpose(0, 2, 3, 1)

    def conv(self, h, w, b, stride=1, pad=0):
        layout = ("NHWC", "OIHW", "NHWC")
        h = self.jax.lax.conv_general_dilated(
            h, w, (stride, stride), [(pad, pad)] * 2, dimension_numbers=layout
        )
        return h if b is None else h + b

    def max_pool(self, h):
        """Faster than lax.reduce_window and its gradient."""
        n, height, width, channels = h.shape
        return h.reshape(n, height // 2, 2, width // 2, 2, channels).max((2, 4))

    def flat(self, h):
        return h.transpose(0, 3, 1, 2).reshape(len(h), -1)

    def pixel_mean(self, h):
        return h.mean((1, 2))

    def batch_norm(self, h, p, x, name):
        mean, var = h.mean((0, 1, 2)), h.var((0, 1, 2))
        for kind, new in (("mean", mean), ("var", var)):
            self.statistics[f"{name}_moving_{kind}"] = 0.9 * x[f"{name}_moving_{kind}"] + 0.1 * new
        scale = p[f"{name}_gamma"] * self.jax.lax.rsqrt(var + 1e-3)
        return h * scale + (p[f"{name}_beta"] - mean * scale)

    def lstm(self, data, state, cell, parts):
        """One product of the inputs for all steps instead would be slower."""
        nn, jnp = self.jax.nn, self.jax.numpy
        for layer in range(2):
            of_input, of_state = parts[2 * layer : 2 * layer + 2]
            bias = parts[4 + 2 * layer] + parts[5 + 2 * layer]

            def step(carry, inputs, of_input=of_input, of_state=of_state, bias=bias):
                h, c = carry
                i, f, g, o = jnp.split(inputs @ of_input.T + h @ of_state.T + bias, 4, 1)
                c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
                h = nn.sigmoid(o) * jnp.tanh(c)
                return (h, c), h

            _, data = self.jax.lax.scan(step, (state[layer], cell[layer]), data)
        return data

    def softmax_cross_entropy(self, z, label):
        chosen = self.jax.numpy.take_along_axis(self.jax.nn.log_softmax(z), label[:, None], 1)
        return -chosen.sum()

    def load(self, loss, parameters, inputs, train):
        jax, jnp = self.jax, self.jax.numpy
        self.p, self.x = ({k: jnp.asarray(v) for k, v in d.items()} for d in (parameters, inputs))
        if "softmax_label" in self.x:
            self.x["softmax_label"] = self.x["softmax_label"].astype(int)
        self.momentum = {k: jnp.zeros_like(v) for k, v in self.p.items()}
        self.train = train

        def value(p, x):
            self.statistics = {}  # filled by batch_norm
            out = loss(self, p, x)
            return out.sum(), (out, self.statistics)

        def step(p, m, x):
            (_, (out, statistics)), grads = jax.value_and_grad(value, has_aux=True)(p, x)
            if train:
                m = {k: MOMENTUM * m[k] - LR * RESCALE * grads[k] for k in m}
                return out, {}, {k: p[k] + m[k] for k in p}, m, statistics
            return out, grads, None, None, {}

        self.compiled = jax.jit(step, donate_argnums=(0, 1) if train else ())
        self.first = jax.jit(jax.grad(lambda p, x: value(p, x)[0]))(self.p, self.x)

    def step(self):
        self.out, self.grads, p, m, statistics = self.compiled(self.p, self.momentum, self.x)
        self.x |= statistics
        if self.train:
            self.p, self.momentum = p, m
        self.jax.block_until_ready((self.out, self.grads, self.p))

    def results(self):
        import numpy as np

        return np.asarray(self.out), {k: np.asarray(v) for k, v in self.first.items()}


class Peer:
    """The interface of an engine for worker.py."""

    def __init__(self, name: str):
        self.library = {"torch": Torch, "compile": lambda: Torch(True), "jax": Jax}[name]()

    def load(self, z):
        arrays = {k[4:]: z[k] for k in z.files if k.startswith(("arg:", "aux:"))}
        wanted = {str(w) for w in z["wanted"]}
        peer = str(z["peer"])
        parameters = {k: v for k, v in arrays.items() if k in wanted}
        if peer == "lstm":
            parameters |= lstm_parts(parameters.pop("rnn_parameters"))
        self.library.load(
            peer if peer in networks.ALL else globals()[peer],
            parameters,
            {k: v for k, v in arrays.items() if k not in wanted},
            bool(z["update"]),
        )

    def step(self):
        self.library.step()

    def results(self):
        import numpy as np

        out, gradients = self.library.results()
        parts = [k for k in gradients if k.startswith("rnn_parameters:")]
        if parts:
            gradients["rnn_parameters"] = np.concatenate([gradients.pop(k).ravel() for k in sorted(parts)])
        return out, gradients


if __name__ == "__main__":
    print(*map(install, PACKAGES), sep="\n")
    sys.exit()
