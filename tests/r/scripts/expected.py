"""What MXNet 1.9.1 computes for the custom-loss scripts: writes expected.json beside this file.

    mkdir cases && for s in *.R: MXR_CASES=cases Rscript $s     (saves each script's symbols and arrays, in MXNet's formats)
    <python with mxnet 1.9.1> expected.py cases

Every case is trained here by MXNet's own executor and update operators, from the saved symbol JSON and arrays; nothing of
mxr is imported. Arrays are listed in R's order, which is that of C-order memory.
"""
import json
import sys
from pathlib import Path

import mxnet as mx
import numpy as np

nd = mx.nd
HERE = Path(__file__).parent


class Case:
    """One script's saved symbols and arrays, and what is recorded for it."""

    def __init__(self, folder: Path, name: str):
        self.folder, self.name = folder, name
        self.arrays = nd.load(str(folder / f"{name}.params"))
        self.record = {}

    def bind(self, symbol: str, shapes: dict, aux: dict | None = None):
        """An executor as R's mx.simple.bind makes it, with the saved initial values."""
        sym = mx.sym.load(str(self.folder / f"{self.name}-{symbol}.json"))
        reqs = {n: "null" if n.endswith(("data", "label")) else "write" for n in sym.list_arguments()}
        ex = sym.simple_bind(mx.cpu(), grad_req=reqs, **shapes)
        for k, v in ex.arg_dict.items():
            if k in self.arrays:
                v[:] = self.arrays[k]
        for k, v in ex.aux_dict.items():
            v[:] = 1 if k.endswith("var") else 0
        return ex

    def put(self, key, value):
        value = value.asnumpy() if isinstance(value, nd.NDArray) else np.asarray(value, np.float64)
        self.record[key] = [float(f"{v:.9g}") for v in value.ravel()]


class Optimizer:
    """MXNet's update operators, with the defaults of its R package."""

    def __init__(self, kind: str, lr: float, rescale=1.0, clip=-1.0, wd=0.0, **more):
        self.kind, self.lr, self.more, self.state = kind, lr, more, {}
        self.common = dict(wd=wd, rescale_grad=rescale, clip_gradient=clip)

    def __call__(self, ex, skip=()):
        for k, g in ex.grad_dict.items():
            if g is not None and k not in skip:
                w = ex.arg_dict[k]
                getattr(self, self.kind)(w, g, self.state.setdefault(k, {}))

    def slots(self, s, w, *names):
        return [s.setdefault(n, nd.zeros_like(w)) for n in names]

    def sgd(self, w, g, s):
        if self.more.get("momentum"):
            nd.sgd_mom_update(w, g, *self.slots(s, w, "m"), out=w, lr=self.lr, **self.more, **self.common)
        else:
            nd.sgd_update(w, g, out=w, lr=self.lr, **self.common)

    def adam(self, w, g, s):
        nd.adam_update(w, g, *self.slots(s, w, "m", "v"), out=w, lr=self.lr, **{"epsilon": 1e-8, **self.more}, **self.common)

    def rmspropalex(self, w, g, s):
        nd.rmspropalex_update(w, g, *self.slots(s, w, "n", "g", "d"), out=w, lr=self.lr, gamma1=0.95, gamma2=0.9, epsilon=1e-4, **self.common)

    # the R package writes these as graphs
    def adagrad(self, w, g, s):
        (h,) = self.slots(s, w, "h")
        h[:] = h + g * g
        w[:] = w - self.lr * (g / nd.sqrt(h + self.more["epsilon"]) + self.common["wd"] * w)

    def adadelta(self, w, g, s):
        a, d = self.slots(s, w, "g", "d")
        rho, eps = self.more["rho"], self.more["epsilon"]
        a[:] = rho * a + (1 - rho) * (g * g)
        step = nd.sqrt(d + eps) / nd.sqrt(a + eps) * g
        d[:] = rho * d + (1 - rho) * (step * step)
        w[:] = w - step - self.common["wd"] * w

    def nag(self, w, g, s):
        (m,) = self.slots(s, w, "m")
        mu, wd = self.more["momentum"], self.common["wd"]
        m[:] = mu * m + g + wd * w
        w[:] = w - self.lr * (mu * m + g)


def feed(ex, **arrays):
    for k, v in arrays.items():
        ex.arg_dict[k][:] = v


def train(ex, optimizer, steps, watch=None):
    """Full-batch steps; `watch(outputs)` after each, its values listed."""
    seen = []
    for _ in range(steps):
        ex.forward(is_train=True)
        ex.backward()
        seen.append(watch([o.asnumpy() for o in ex.outputs]) if watch else None)
        optimizer(ex)
    return seen


def full_batch(c: Case, names, optimizer, steps, put, rename=None, aux=()):
    """The usual loop on saved arrays `names`; records the losses and the arguments `put`."""
    rename = rename or {}
    data = {n: c.arrays[rename.get(n, n)] for n in names}
    ex = c.bind("net", {n: a.shape for n, a in data.items()})
    feed(ex, **data)
    c.put("losses", train(ex, optimizer, steps, lambda o: o[0].mean()))
    for n in put:
        c.put(n.split(" _")[-1], ex.arg_dict[n])
    return ex


def cox(c):
    full_batch(c, ("data", "label", "risk_data"), Optimizer("adam", 0.05), 15, ("fc1_weight", "eta_weight"))


def epochs(c, fields, batch, optimizer, rounds):
    """Rounds over batches; what a last batch lacks is left over from the batch before. Records the mean loss of each round."""
    n = next(iter(fields.values())).shape[0]
    ex = c.bind("net", {k: (batch, *v.shape[1:]) for k, v in fields.items()})
    stay = {}
    record = []
    for _ in range(rounds):
        scores = []
        for a in range(0, n, batch):
            for k, v in fields.items():
                part = v[a:a + batch].asnumpy()
                stay[k] = part if len(part) == batch else np.concatenate([part, stay[k][len(part):]])
            feed(ex, **stay)
            ex.forward(is_train=True)
            ex.backward()
            scores.append(float(ex.outputs[0].asnumpy().mean()))
            optimizer(ex, skip=fields)
        record.append(np.mean(scores))
    c.put("epochs", record)
    return ex


def huber(c):
    fields = {"data": c.arrays["x"], "label": c.arrays["y"]}
    ex = epochs(c, fields, 20, Optimizer("sgd", 0.2, momentum=0.9, wd=0.001, rescale=0.05), 6)
    c.put("fc1_weight", ex.arg_dict["fc1_weight"])
    c.put("fc2_bias", ex.arg_dict["fc2_bias"])
    net = mx.sym.load(str(c.folder / "huber-net.json")).get_internals()["fc2_output"]
    p = net.simple_bind(mx.cpu(), grad_req="null", data=c.arrays["x"].shape)
    p.copy_params_from({k: ex.arg_dict[k] for k in p.arg_dict if k != "data"})
    c.put("pred", p.forward(is_train=False, data=c.arrays["x"])[0])


def focal(c):
    ex = full_batch(c, ("data", "label"), Optimizer("rmspropalex", 0.01, clip=1.0), 12, ())
    ex.forward(is_train=False)
    c.put("p", ex.outputs[1])
    c.put("mean", ex.aux_dict["bn1_moving_mean"])
    c.put("var", ex.aux_dict["bn1_moving_var"])
    c.put("gamma", ex.arg_dict["bn1_gamma"])


def quantile(c):
    full_batch(c, ("data", "label", "tau_data"), Optimizer("adagrad", 0.1, epsilon=1e-6), 20, ("q_weight", "q_bias"))


def weighted(c):
    fields = {"data": c.arrays["x"], "weights": c.arrays["w"], "label": c.arrays["y"]}
    ex = epochs(c, fields, 7, Optimizer("sgd", 0.05, momentum=0.5, rescale=0.25, clip=2), 5)
    c.put("fc1_weight", ex.arg_dict["fc1_weight"])
    c.put("fc2_weight", ex.arg_dict["fc2_weight"])


def contrastive(c):
    full_batch(c, ("data1_data", "data2_data", "label"), Optimizer("nag", 0.1, momentum=0.8, wd=1e-3), 15, ("w1", "b2"))


def multitask(c):
    names = ("data", "reg_label", "cls_label")
    ex = c.bind("net", {n: c.arrays[n].shape for n in names})
    feed(ex, **{n: c.arrays[n] for n in names})
    train(ex, Optimizer("adadelta", 0, rho=0.9, epsilon=1e-4), 10)
    for key, out in zip(("reg", "cls", "p"), ex.outputs):
        c.put(key, out)
    c.put("trunk_weight", ex.arg_dict["trunk_weight"])
    c.put("scores_bias", ex.arg_dict["scores_bias"])
    c.put("trunk_grad", ex.grad_dict["trunk_weight"])


def gan(c):
    n = c.arrays["real"].shape[0]
    G, D = c.bind("G", {"rand_data": c.arrays["noise1"].shape}), c.bind("D", {"digit": c.arrays["real"].shape, "label": (n,)})
    opt_g, opt_d = (Optimizer("adam", 0.02, beta1=0.5) for _ in range(2))
    d_losses, g_losses = [], []

    def judge(images, target):
        feed(D, digit=images, label=nd.full((n,), target))
        D.forward(is_train=True)
        D.backward()
        return float(D.outputs[0].asnumpy().ravel()[0])
    for i in range(1, 7):
        feed(G, rand_data=c.arrays[f"noise{i}"])
        fake = G.forward(is_train=True)[0].copy()
        for images, target in ((fake, 0), (c.arrays["real"], 1)):
            d_losses.append(judge(images, target))
            opt_d(D)
        g_losses.append(judge(fake, 1))
        G.backward(D.grad_dict["digit"])
        opt_g(G)
    c.put("d.losses", d_losses)
    c.put("g.losses", g_losses)
    c.put("digit_grad", D.grad_dict["digit"])
    c.put("g1_weight", G.arg_dict["g1_weight"])


def autoencoder(c):
    ex = full_batch(c, ("data", "label"), Optimizer("sgd", 0.5, momentum=0.9, wd=1e-4), 8, ("conv1_weight", "deconv1_bias"), rename={"label": "data"})
    c.put("moving_var", ex.aux_dict["bn1_moving_var"])


def detection(c):
    full_batch(c, ("data", "label"), Optimizer("sgd", 0.05, momentum=0.9), 8, ("a_conv_weight", "yolo _pred_bias"))


CASES = (cox, huber, focal, quantile, weighted, contrastive, multitask, gan, autoencoder, detection)


def main(folder: Path) -> None:
    result = {}
    for run in CASES:
        case = Case(folder, run.__name__)
        run(case)
        result[case.name] = case.record
    (HERE / "expected.json").write_text(json.dumps(result, indent=0).replace(",\n", ", ").replace("[\n", "[").replace("\n]", "]") + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
