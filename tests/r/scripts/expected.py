"""MXNet 1.9.1's results for the scripts in this folder. `expected.py GIVEN OUT`, run by a Python with numpy
and mxnet, reads what the scripts saved in the folder GIVEN, and writes OUT/<script>.json. (`python -m
tests.r.scripts` runs the scripts and this program.)

Every network is read from its JSON and trained here by MXNet's own executor and operators, step by step as
the script and MXNet's R package do; nothing of mxr is imported. Initial weights, the order of shuffled
samples and noise are not taken from what the script saved but drawn from MXNet's random streams. Arrays are
listed in R's order, which is C's reversed. Scripts of which nothing is in GIVEN are left out.
"""

import json
import os
import sys
from pathlib import Path

# The plain CPU kernels: oneDNN's results differ between machines in their last digits.
os.environ.update(
    MXNET_MKLDNN_ENABLED="0",
    MXNET_SUBGRAPH_BACKEND="NONE",
    MXNET_STORAGE_FALLBACK_LOG_VERBOSE="0",
    OMP_NUM_THREADS="1",
)

import mxnet as mx
import numpy as np

nd = mx.nd


def six(x: float) -> float:
    """A parameter as MXNet's R package passes it: with six significant digits."""
    return float(f"{x:.6g}")


class Given:
    """The values that a script saved: symbols by key, arrays by key and name, in the order of saving."""

    def __init__(self, folder: Path, script: str, out: Path):
        self.folder, self.script, self.out = folder, script, out
        self.arrays = nd.load(str(folder / f"{script}.params"))
        self.values: dict[str, list[float]] = {}

    def symbol(self, key: str):
        return mx.sym.load(str(self.folder / f"{self.script}-{key}.json"))

    def __getitem__(self, key: str) -> nd.NDArray:
        return self.arrays[key]

    def group(self, key: str) -> dict:
        """The arrays of the list `key` by name."""
        return {k[len(key) + 1 :]: v for k, v in self.arrays.items() if k.startswith(f"{key}.")}

    def batches(self) -> list[dict]:
        """The list of lists `batches`."""
        found: dict[int, dict] = {}
        for name, value in self.group("batches").items():
            i, key = name.split(".", 1)
            found.setdefault(int(i), {})[key] = value
        return [found[i] for i in sorted(found)]

    def put(self, key: str, value) -> None:
        """Record numbers, an array, or each of a dictionary of them."""
        if isinstance(value, dict):
            for name, v in value.items():
                self.put(f"{key}.{name}", v)
            return
        value = value.asnumpy() if isinstance(value, nd.NDArray) else np.asarray(value, np.float64)
        self.values[key] = [float(f"{v:.9g}") for v in value.ravel()]


# --------------------------------------------------------------------------------------------- initial values


def uniform(scale):
    return lambda shape: nd.random.uniform(six(-scale), six(scale), shape=shape)


def normal(sd):
    return lambda shape: nd.random.normal(0, six(sd), shape=shape)


def xavier(kind, factor, magnitude):
    def draw(shape):
        fan_out, fan_in = shape[0], int(np.prod(shape[1:]))  # R's last dimension is C's first
        size = {"avg": (fan_in + fan_out) / 2, "in": fan_in, "out": fan_out}[factor]
        return {"uniform": uniform, "gaussian": normal}[kind](np.sqrt(magnitude / size))(shape)

    return draw


ENDINGS = {
    "bias": nd.zeros,
    "beta": nd.zeros,
    "moving_mean": nd.zeros,
    "gamma": nd.ones,
    "moving_var": nd.ones,
}


def initial(names, shapes, draw) -> dict:
    """Values for the names that the initializers of MXNet's R package have rules for, drawn in the order of
    the arguments."""
    values = {}
    for name, shape in zip(names, shapes):
        rule = (
            draw
            if name.endswith("weight")
            else next((v for end, v in ENDINGS.items() if name.endswith(end)), None)
        )
        if rule:
            values[name] = rule(shape)
    return values


class Net:
    """A bound network. Arguments ending in data or label, and `fixed`, have no gradient."""

    def __init__(self, symbol, draw=None, fixed=(), **shapes):
        self.symbol = symbol
        reqs = {
            n: "null" if n.endswith(("data", "label")) or n in fixed else "write"
            for n in symbol.list_arguments()
        }
        self.ex = symbol.simple_bind(mx.cpu(), grad_req=reqs, **shapes)
        self.args, self.aux = self.ex.arg_dict, self.ex.aux_dict
        self.grads = {k: g for k, g in self.ex.grad_dict.items() if g is not None}
        self.weights = {k: self.args[k] for k in self.grads}
        arg_shapes, _, aux_shapes = symbol.infer_shape(**shapes)
        self.start = initial(symbol.list_arguments(), arg_shapes, draw) if draw else {}
        self.ex.copy_params_from(
            self.start, initial(symbol.list_auxiliary_states(), aux_shapes, None), allow_extra_params=True
        )

    def feed(self, batch: dict) -> None:
        for name, value in batch.items():
            self.args[name][:] = value

    def forward(self, train=True) -> list[np.ndarray]:
        return [out.asnumpy() for out in self.ex.forward(is_train=train)]

    def step(self, optimizer, batch=()) -> list[np.ndarray]:
        """Outputs for a batch; then the weights are updated."""
        self.feed(dict(batch))
        outputs = self.forward()
        self.ex.backward()
        optimizer(self)
        return outputs

    def predict(self, symbol, **data) -> nd.NDArray:
        """A layer's output with the present weights."""
        other = Net(symbol, **{k: v.shape for k, v in data.items()})
        other.ex.copy_params_from({**self.args, **data}, self.aux, allow_extra_params=True)
        return other.ex.forward(is_train=False)[0]


# ---------------------------------------------------------------------------------------------- optimizers


class Optimizer:
    """Updates every weight that has a gradient, as the optimizers of R's MXNet do: with update operators, or
    with the graphs that it composes for nag, adagrad and adadelta."""

    def __init__(self, lr=1.0, wd=0.0, rescale=1.0, clip=-1.0, **settings):
        self.lr, self.wd, self.rescale, self.clip = six(lr), six(wd), six(rescale), six(clip)
        self.s = {k: six(v) for k, v in settings.items()}
        self.states: dict[str, list] = {}

    def __call__(self, net: Net) -> None:
        for name, grad in net.grads.items():
            weight = net.weights[name]
            states = self.states.setdefault(name, [nd.zeros_like(weight) for _ in range(self.n_states)])
            self.update(weight, grad, *states)

    def operator(self, op, *arrays) -> None:
        op(
            *arrays,
            out=arrays[0],
            lr=self.lr,
            wd=self.wd,
            rescale_grad=self.rescale,
            clip_gradient=self.clip,
            **self.s,
        )

    def prepared(self, grad):
        grad = grad * self.rescale
        return nd.clip(grad, -self.clip, self.clip) if self.clip >= 0 else grad


class Sgd(Optimizer):
    n_states = 1

    def update(self, w, g, mom):
        self.operator(nd.sgd_mom_update, w, g, mom)


class Adam(Optimizer):
    n_states = 2

    def update(self, w, g, mean, var):
        self.operator(nd.adam_update, w, g, mean, var)


class RmspropAlex(Optimizer):
    n_states = 3

    def update(self, w, g, n, mean, delta):
        self.operator(nd.rmspropalex_update, w, g, n, mean, delta)


class Nag(Optimizer):
    n_states = 1

    def update(self, w, g, mom):
        mu, g = self.s["momentum"], self.prepared(g)
        mom[:] = mu * mom + g + self.wd * w
        w[:] = w - self.lr * (mu * mom + g)


class AdaGrad(Optimizer):
    n_states = 1

    def update(self, w, g, history):
        g = self.prepared(g)
        history[:] = history + g * g
        w[:] = w - self.lr * (g / nd.sqrt(history + self.s["epsilon"]) + self.wd * w)


class AdaDelta(Optimizer):
    n_states = 2

    def update(self, w, g, acc_g, acc_delta):
        g, rho, eps = self.prepared(g), self.s["rho"], self.s["epsilon"]
        acc_g[:] = rho * acc_g + six(1 - rho) * (g * g)
        delta = nd.sqrt(acc_delta + eps) / nd.sqrt(acc_g + eps) * g
        acc_delta[:] = rho * acc_delta + six(1 - rho) * (delta * delta)
        w[:] = w - delta - self.wd * w


# -------------------------------------------------------------------------------------- iterators and metrics


class ArrayIter:
    """R's mx.io.arrayiter. Shuffled at creation, from the end; the last batch is filled up with samples of
    the batch before."""

    def __init__(self, size: int, shuffle: bool, **fields):
        draws = (
            nd.random.uniform(0, 1, shape=(len(fields["data"]),)).asnumpy().astype(np.float64)
            if shuffle
            else None
        )
        order = np.arange(len(fields["data"]))
        for i in range(len(order) - 1, 0, -1) if shuffle else ():
            j = int(draws[i] * (i + 1))
            order[i], order[j] = order[j], order[i]
        self.batches = []
        for at in range(0, len(order), size):
            rows = order[at : at + size]
            batch = {k: v.asnumpy()[rows] for k, v in fields.items()}
            if len(rows) < size:
                batch = {k: np.concatenate([v, self.batches[-1][k][len(rows) :]]) for k, v in batch.items()}
            self.batches.append(batch)

    def __iter__(self):
        return iter(self.batches)


def running_means(x: list[float]) -> list[float]:
    return list(np.cumsum(x) / np.arange(1, len(x) + 1))


# ---------------------------------------------------------------------------------------------- the scripts


def cox(g: Given) -> None:
    mx.random.seed(0)
    net = Net(g.symbol("loss"), uniform(0.3), data=(30, 5), risk_label=(30, 30))
    g.put("start", net.start)
    adam = Adam(0.01, beta1=0.9, beta2=0.999, epsilon=1e-8, wd=1e-4)
    g.put("losses", [net.step(adam, b)[0] for _ in range(6) for b in g.batches()])
    g.put("end", net.weights)
    eta = net.symbol.get_internals()["final_pred_output"]
    g.put("eta", net.predict(eta, data=nd.concat(*(b["data"] for b in g.batches()), dim=0)))


def huber(g: Given) -> None:
    mx.random.seed(7)
    train = ArrayIter(8, True, data=g["x"], label=g["y"])
    net = Net(g.symbol("loss"), normal(0.4), data=(8, 4))
    test = ArrayIter(8, True, data=g["test.x"], label=g["test.y"])
    sgd = Sgd(0.2, momentum=0.9, wd=0.0005, rescale=1 / 8)
    running, train_means, eval_means = [], [], []
    for _ in range(8):
        losses = [net.step(sgd, b)[0].mean() for b in train]
        running += running_means(losses)
        train_means.append(np.mean(losses))
        tested = []
        for b in test:
            net.feed(b)
            tested.append(net.forward(train=False)[0].mean())
        eval_means.append(np.mean(tested))
    g.put("running", running)
    g.put("train", train_means)
    g.put("eval", eval_means)
    g.put("end", net.weights)
    g.put("pred", net.predict(net.symbol.get_internals()["fc2_output"], data=g["all"]))


def focal(g: Given) -> None:
    mx.random.seed(3)
    net = Net(g.symbol("net"), xavier("gaussian", "in", 2), data=g["data"].shape)
    g.put("start", net.start)
    net.feed({"data": g["data"], "label": g["label"]})
    rmsprop = RmspropAlex(0.01, gamma1=0.9, gamma2=0.8, epsilon=1e-4, wd=1e-3, clip=1)
    g.put("losses", [net.step(rmsprop)[0].sum() / 12 for _ in range(25)])
    g.put("end", net.weights)
    g.put("aux", net.aux)
    g.put("prob", net.forward(train=False)[1])


def quantile(g: Given) -> None:
    mx.random.seed(42)
    net = Net(g.symbol("loss"), xavier("uniform", "avg", 3), data=g["data"].shape)
    g.put("start", net.start)
    net.feed({"data": g["data"], "label": g["label"]})
    sgd = Sgd(0.1, momentum=0.8)
    g.put("losses", [net.step(sgd)[0] for _ in range(30)])
    g.put("end", net.weights)
    g.put("quantiles", net.predict(g.symbol("quantiles"), data=nd.array([[-2], [-1], [0], [1], [2]])))


def weighted(g: Given) -> None:
    mx.random.seed(11)
    batches = [
        {"data": b["data"], "label": b["label"][:, 0], "importance": b["label"][:, 1]}
        for b in ArrayIter(16, True, data=g["data"], label=g["label"])
    ]
    net = Net(g.symbol("loss"), uniform(0.8), fixed=["importance"], data=(16, 4))
    nag = Nag(0.02, momentum=0.7, wd=0.01, rescale=1 / 16, clip=0.5)
    g.put("losses", [net.step(nag, b)[0].mean() for _ in range(6) for b in batches])
    g.put("end", net.weights)


def contrastive(g: Given) -> None:
    mx.random.seed(5)
    net = Net(g.symbol("loss"), uniform(0.7), left_data=(20, 4), right_data=(20, 4))
    g.put("start", net.start)
    adagrad = AdaGrad(0.05, epsilon=1e-7, wd=1e-3)
    outputs = [net.step(adagrad, b) for _ in range(5) for b in g.batches()]
    g.put("losses", [loss for loss, _ in outputs])
    g.put("distance", outputs[-1][1])
    g.put("end", net.weights)


def multitask(g: Given) -> None:
    mx.random.seed(9)
    feed = g.group("feed")
    net = Net(g.symbol("net"), xavier("uniform", "avg", 2.5), **{k: v.shape for k, v in feed.items()})
    g.put("start", net.start)
    net.feed(feed)
    adadelta = AdaDelta(rho=0.92, epsilon=1e-3, wd=1e-4, clip=0.5)
    outputs = [net.step(adadelta) for _ in range(24)]
    for i, task in enumerate(("mpg", "cyl", "am")):
        g.put(f"losses.{task}", [o[i].mean() for o in outputs])
    g.put("end", net.weights)
    g.put("gradient", net.grads["trunk_weight"])
    g.put("cyl_prob", outputs[-1][3])


def gan(g: Given) -> None:
    n = 8
    mx.random.seed(0)
    generator = Net(g.symbol("G"), uniform(0.2), rand_data=(n, 5))
    judge = Net(g.symbol("D"), uniform(0.2), digit=(n, 1, 8, 8), label=(n, 1))
    judge_weights = {k: v for k, v in judge.weights.items() if k != "digit"}
    g.put("start", {**generator.start, **judge.start})
    adam_g, adam_d = (Adam(5e-3, beta1=0.5, beta2=0.999, epsilon=1e-4) for _ in range(2))
    losses = {"fake": [], "real": [], "generator": []}
    for i in range(1, 21):
        generator.feed({"rand_data": nd.random.normal(0, 1, shape=(n, 5))})
        fake = generator.forward()[0]
        losses["fake"] += [judge.step(adam_d, {"digit": fake, "label": 0})[0]]
        losses["real"] += [judge.step(adam_d, {"digit": g[f"real.{i}"], "label": 1})[0]]
        judge.feed({"digit": fake, "label": 1})
        losses["generator"] += [judge.forward()[0]]
        judge.ex.backward()
        generator.ex.backward(judge.grads["digit"])
        adam_g(generator)
    g.put("losses", losses)
    g.put("fake", fake)
    g.put("img_grads", judge.grads["digit"])
    g.put("end", {**generator.weights, **judge_weights})


def autoencoder(g: Given) -> None:
    mx.random.seed(1)
    images = g["images"]
    batches = ArrayIter(8, True, data=images, label=images.reshape((24, -1)))
    net = Net(g.symbol("loss"), xavier("gaussian", "in", 2), data=(8, 1, 16, 16))
    g.put("start", net.start)
    sgd = Sgd(0.1, momentum=0.9, wd=1e-4)
    g.put("losses", [net.step(sgd, b)[0] for _ in range(8) for b in batches])
    g.put("end", net.weights)
    g.put("aux", net.aux)
    g.put("decoded", net.predict(g.symbol("decoded"), data=images[:5]))


def detection(g: Given) -> None:
    mx.random.seed(0)
    batches = g.batches()
    net = Net(g.symbol("loss"), xavier("uniform", "in", 2.34), data=(10, 2, 16, 16), label=(10, 7, 4, 4))
    adam = Adam(0.01, beta1=0.9, beta2=0.99, epsilon=1e-8, clip=0.05, rescale=1 / 10)
    epochs = [[net.step(adam, b)[0] for b in batches] for _ in range(8)]
    g.put("epochs", [np.mean(e) for e in epochs])
    g.put("running", [r for e in epochs for r in running_means(e)])
    g.put("end", net.weights)
    g.put("aux", net.aux)
    g.put("pred", net.predict(g.symbol("pred"), data=batches[0]["data"]))


def descended(g: Given, look) -> Net:
    """`descend` of _steps.R: plain gradient descent from the weights that the script saved."""
    batches, weights = g.batches(), g.group("weights")
    steps, rate = (float(g[f"descent.{what}"].asscalar()) for what in ("steps", "rate"))
    net = Net(g.symbol("net"), **{k: v.shape for k, v in {**batches[0], **weights}.items()})
    net.ex.copy_params_from(weights)
    for step in range(int(steps)):
        batch = batches[step % len(batches)]
        net.feed(batch)
        outputs = net.forward()
        net.ex.backward()
        if step == 0:
            for k in weights:
                largest = np.abs(net.grads[k].asnumpy()).max()
                g.put(f"first.gradient.{k}", thinned(net.grads[k]) / max(largest, 1e-30))
        look(outputs, batch)
        print(f"{g.script}: step {step + 1} of {steps:.0f}", flush=True)
        for name in weights:
            net.args[name][:] = net.args[name] - six(rate) * net.grads[name]
    g.put("end", {k: thinned(net.args[k]) for k in weights})
    return net


def thinned(array: nd.NDArray) -> np.ndarray:
    """`thinned` of _steps.R: at most 1000 numbers, evenly chosen."""
    numbers = array.asnumpy().ravel()
    return numbers[:: -(-len(numbers) // 1000)]


def ssd(g: Given) -> None:
    losses, cross, borders, seen = [], [], [], []

    def look(outputs, _):
        prob, loc, truth, _ = outputs
        seen.append(outputs)
        losses.append(loc.sum())
        used = np.argwhere(truth >= 0)
        cross.append(-np.mean([np.log(prob[b, int(truth[b, a]), a]) for b, a in used]))
        borders.extend(np.log(p[0, t == -1].min() / p[0, t == 0].max()) for p, t in zip(prob, truth))

    def detected(found):
        return {str(i): image[image[:, 0] >= 0] for i, image in enumerate(found, 1)}

    descended(g, look)
    print(
        "ssd: probabilities of boxes that are chosen as background, and of other boxes, "
        f"differ by a factor of at least 1 + {min(borders):.1e}"
    )
    if min(borders) < 2e-5:
        raise SystemExit("ssd: rounding decides which boxes are background; choose another learning rate")
    g.put("losses", losses)
    g.put("losses.cross", cross)
    g.put("first.target", seen[0][2])
    g.put("first.found", detected(seen[0][3]))
    g.put("found", detected(seen[-1][3]))


def overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of boxes a (n, 4) and b (m, 4): pixels of both over pixels of either, (n, m)."""

    def area(x):
        return (x[:, 2] - x[:, 0] + 1) * (x[:, 3] - x[:, 1] + 1)

    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.maximum(high - low + 1, 0).prod(axis=2)
    return both / (area(a)[:, None] + area(b)[None] - both)


class ProposalTarget(mx.operator.CustomOp):
    """The operator that faster_rcnn.R registers as a function of R."""

    def __init__(self, classes: int):
        super().__init__()
        self.classes = classes

    def forward(self, is_train, req, in_data, out_data, aux):
        rois, objects = in_data[0].asnumpy().astype(float), in_data[1].asnumpy()[0].astype(float)
        rois = np.concatenate([rois, np.insert(objects[:, :4], 0, 0, axis=1)])
        much = overlap(rois[:, 1:], objects[:, :4])
        theirs = objects[much.argmax(axis=1)]
        label = np.where(much.max(axis=1) >= 0.5, theirs[:, 4], 0)
        target, weight = np.zeros((2, len(rois), self.classes, 4))
        size, wanted = rois[:, 3:] - rois[:, 1:3] + 1, theirs[:, 2:4] - theirs[:, :2] + 1
        centre, there = rois[:, 1:3] + (size - 1) / 2, theirs[:, :2] + (wanted - 1) / 2
        shift = np.concatenate([(there - centre) / size, np.log(wanted / size)], axis=1)
        for i in np.flatnonzero(label):
            target[i, int(label[i])], weight[i, int(label[i])] = shift[i], 1
        for i, found in enumerate((rois, label, target, weight)):
            self.assign(out_data[i], req[i], nd.array(found.reshape(out_data[i].shape)))

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        for i in range(2):
            self.assign(in_grad[i], req[i], 0)


@mx.operator.register("proposal_target")
class ProposalTargetProp(mx.operator.CustomOpProp):
    def __init__(self, classes):
        super().__init__(need_top_grad=False)
        self.classes = int(classes)

    def list_arguments(self):
        return ["rois", "gt_boxes"]

    def list_outputs(self):
        return ["rois_output", "label", "bbox_target", "bbox_weight"]

    def infer_shape(self, in_shape):
        n = in_shape[0][0] + in_shape[1][1]
        return in_shape, [(n, 5), (n,), (n, 4 * self.classes), (n, 4 * self.classes)], []

    def create_operator(self, ctx, shapes, dtypes):
        return ProposalTarget(self.classes)


def faster_rcnn(g: Given) -> None:
    losses, seen = {"rpn.class": [], "rpn.box": [], "class": [], "box": []}, []

    def cross(prob, label):
        """`prob` has a row for each place."""
        return -np.mean([np.log(p[int(k)]) for p, k in zip(prob, label) if k >= 0])

    def look(outputs, batch):
        rpn_prob, rpn_box, prob, box, _, label = outputs
        seen.append(outputs[2:])
        losses["rpn.class"].append(cross(rpn_prob[0].T, batch["rpn_label"].asnumpy()[0]))
        losses["rpn.box"].append(rpn_box.sum())
        losses["class"].append(cross(prob, label))
        losses["box"].append(box.sum())

    descended(g, look)
    g.put("losses", losses)
    for i, name in enumerate(("prob", "box", "rois", "label")):
        g.put(f"first.{name}", seen[0][i])
        g.put(f"last.{name}", seen[-1][i])


def unet(g: Given) -> None:
    losses = []
    net = descended(g, lambda outputs, _: losses.append(outputs[0].mean()))
    g.put("losses", losses)
    g.put("mask", net.forward(train=False)[1])


def inception(g: Given) -> None:
    """Writes the files of the pretrained network into OUT/inception, and predicts with them."""
    files = g.out / "inception"
    files.mkdir(exist_ok=True)
    mean = files / "mean_224.nd"
    mean.unlink(missing_ok=True)

    def read():
        return mx.io.ImageRecordIter(
            path_imgrec=str(g.folder / "inception.rec"),
            data_shape=(3, 224, 224),
            batch_size=2,
            mean_img=str(mean),
        )

    read().next()  # there is no mean image: MXNet makes it
    batches = [b.data[0].copy() for b in read()]
    mx.random.seed(39)
    net = Net(g.symbol("net"), xavier("gaussian", "in", 2), data=(4, 3, 224, 224))
    for name, weight in net.weights.items():
        if name.endswith(("gamma", "beta", "bias")):
            weight[:] += nd.random.uniform(-0.2, 0.2, shape=weight.shape)
    net.weights["fc1_weight"][:] *= 3
    net.feed({"data": nd.concat(*batches, dim=0)})
    before = {k: v.copy() for k, v in net.aux.items()}
    net.forward()
    net.ex.backward()  # which updates the moving means and variances
    for name, value in net.aux.items():  # the means and variances of these images, with a momentum of 0
        value[:] = nd.maximum((value - 0.9 * before[name]) / 0.1, 1e-3 if name.endswith("var") else -1e30)
    labels = ("data", "softmax_label")
    arguments = {k: v for k, v in net.args.items() if k not in labels}
    mx.model.save_checkpoint(str(files / "Inception_BN"), 39, net.symbol, arguments, net.aux)
    classes = len(net.weights["fc1_bias"])
    (files / "synset.txt").write_text("".join(f"n{i * 7919 % 10**8:08d} class {i}\n" for i in range(classes)))

    prob = net.forward(train=False)[0]
    top = np.argsort(-prob, axis=1, kind="stable")[:, :5] + 1
    g.put("prob", prob[0])
    g.put("top", top[0])
    g.put("probs", prob)
    g.put("tops", top)
    g.put("mean.1", thinned(nd.load(str(mean))["mean_img"]))
    features = net.predict(net.symbol.get_internals()["global_pool_output"], data=batches[0][:1])
    g.put("features", features)


SCRIPTS = (
    cox,
    huber,
    focal,
    quantile,
    weighted,
    contrastive,
    multitask,
    gan,
    autoencoder,
    detection,
    ssd,
    faster_rcnn,
    unet,
    inception,
)


def main(folder: Path, out: Path) -> None:
    out.mkdir(exist_ok=True)
    for script in SCRIPTS:
        if not (folder / f"{script.__name__}.params").exists():
            continue
        given = Given(folder, script.__name__, out)
        script(given)
        lines = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in given.values.items())
        (out / f"{given.script}.json").write_text(
            f'{{"generated": "by expected.py with MXNet {mx.__version__}: do not edit",\n "values": '
            f'{{\n{lines}\n }}}}\n'
        )
        print(f"{given.script}: {len(given.values)} results", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
