"""Networks of real size, as MXNet's and torch's model zoos describe them: once here, built on any library.

A network is a function of a builder and its input. `Symbols` makes mxr's symbol of it, whose JSON MXNet
loads; `Torch` in peers.py computes it. Every network ends in class scores, or a map of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Network = Callable[[Any, Any], Any]  # of a builder and the input


def resnet18(f: Any, x: Any) -> Any:
    """He et al. 2015, with the basic block: 2, 2, 2, 2."""
    return _resnet(f, x, (2, 2, 2, 2), _basic)


def resnet50(f: Any, x: Any) -> Any:
    """He et al. 2015, with the bottleneck: 3, 4, 6, 3."""
    return _resnet(f, x, (3, 4, 6, 3), _bottleneck)


def _resnet(f: Any, x: Any, blocks: tuple, block: Any) -> Any:
    x = f.max_pool(f.conv_norm(x, 64, 7, 2, 3), 3, 2, 1)
    for stage, count in enumerate(blocks):
        for i in range(count):
            x = block(f, x, 64 << stage, 2 if stage and not i else 1, not i)
    return f.dense(f.global_pool(x), 1000)


def _basic(f: Any, x: Any, width: int, stride: int, first: bool) -> Any:
    short = f.conv_norm(x, width, 1, stride, act=False) if first and stride > 1 else x
    y = f.conv_norm(f.conv_norm(x, width, 3, stride, 1), width, 3, 1, 1, act=False)
    return f.relu(f.add(y, short))


def _bottleneck(f: Any, x: Any, width: int, stride: int, first: bool) -> Any:
    short = f.conv_norm(x, 4 * width, 1, stride, act=False) if first else x
    y = f.conv_norm(f.conv_norm(x, width, 1), width, 3, stride, 1)
    return f.relu(f.add(f.conv_norm(y, 4 * width, 1, act=False), short))


def inception_bn(f: Any, x: Any) -> Any:
    """Ioffe and Szegedy 2015, as in MXNet's example/image-classification/symbols/inception-bn.py."""
    x = f.max_pool(f.conv_norm(x, 64, 7, 2, 3), 3, 2, 1)
    x = f.max_pool(f.conv_norm(f.conv_norm(x, 64, 1), 192, 3, 1, 1), 3, 2, 1)
    x = _inception(f, x, 64, 64, 64, 64, 96, "avg", 32)
    x = _inception(f, x, 64, 64, 96, 64, 96, "avg", 64)
    x = _reduction(f, x, 128, 160, 64, 96)
    x = _inception(f, x, 224, 64, 96, 96, 128, "avg", 128)
    x = _inception(f, x, 192, 96, 128, 96, 128, "avg", 128)
    x = _inception(f, x, 160, 128, 160, 128, 160, "avg", 128)
    x = _inception(f, x, 96, 128, 192, 160, 192, "avg", 128)
    x = _reduction(f, x, 128, 192, 192, 256)
    x = _inception(f, x, 352, 192, 320, 160, 224, "avg", 128)
    x = _inception(f, x, 352, 192, 320, 192, 224, "max", 128)
    return f.dense(f.global_pool(x), 1000)


def _inception(f: Any, x: Any, a: int, b0: int, b: int, c0: int, c: int, pool: str, d: int) -> Any:
    three = f.conv_norm(f.conv_norm(x, b0, 1), b, 3, 1, 1)
    double = f.conv_norm(f.conv_norm(f.conv_norm(x, c0, 1), c, 3, 1, 1), c, 3, 1, 1)
    pooled = f.avg_pool(x, 3, 1, 1) if pool == "avg" else f.max_pool(x, 3, 1, 1)
    return f.concat(f.conv_norm(x, a, 1), three, double, f.conv_norm(pooled, d, 1))


def _reduction(f: Any, x: Any, b0: int, b: int, c0: int, c: int) -> Any:
    three = f.conv_norm(f.conv_norm(x, b0, 1), b, 3, 2, 1)
    double = f.conv_norm(f.conv_norm(f.conv_norm(x, c0, 1), c, 3, 1, 1), c, 3, 2, 1)
    return f.concat(three, double, f.max_pool(x, 3, 2, 1))


def vgg16(f: Any, x: Any) -> Any:
    """Simonyan and Zisserman 2014, for images of 64 x 64: with two dense layers of 512."""
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            x = f.relu(f.conv(x, width, 3, 1, 1))
        x = f.max_pool(x, 2, 2)
    x = f.relu(f.dense(x, 512))
    return f.dense(f.relu(f.dense(x, 512)), 1000)


def unet(f: Any, x: Any) -> Any:
    """Ronneberger et al. 2015, four levels from 32 channels, padded; two classes for each pixel."""
    kept = []
    for level in range(4):
        x = f.conv_norm(f.conv_norm(x, 32 << level, 3, 1, 1), 32 << level, 3, 1, 1)
        kept.append(x)
        x = f.max_pool(x, 2, 2)
    x = f.conv_norm(f.conv_norm(x, 512, 3, 1, 1), 512, 3, 1, 1)
    for level in (3, 2, 1, 0):
        x = f.concat(f.transposed(x, 32 << level, 2, 2), kept[level])
        x = f.conv_norm(f.conv_norm(x, 32 << level, 3, 1, 1), 32 << level, 3, 1, 1)
    return f.conv(x, 2, 1)


def mobilenet(f: Any, x: Any) -> Any:
    """Howard et al. 2017: depthwise separable convolutions."""
    x = f.conv_norm(x, 32, 3, 2, 1)
    layers = (
        (64, 1),
        (128, 2),
        (128, 1),
        (256, 2),
        (256, 1),
        (512, 2),
        *[(512, 1)] * 5,
        (1024, 2),
        (1024, 1),
    )
    width = 32
    for filters, stride in layers:
        x = f.conv_norm(f.conv_norm(x, width, 3, stride, 1, groups=width), filters, 1)
        width = filters
    return f.dense(f.global_pool(x), 1000)


def signal(f: Any, x: Any) -> Any:
    """One-dimensional convolutions over a signal, dilated from layer to layer."""
    for i in range(4):
        x = f.conv_norm(x, 64 << min(i, 2), 9, 2, 4 << (i % 2), dilate=1 << (i % 2), axes=1)
    return f.dense(f.global_pool(x), 10)


# name of the row: the network, and the shape of one sample
NETWORKS: dict[str, tuple[Network, tuple[int, ...]]] = {
    "ResNet-18, 224 x 224": (resnet18, (3, 224, 224)),
    "ResNet-50, 224 x 224": (resnet50, (3, 224, 224)),
    "Inception-BN, 224 x 224": (inception_bn, (3, 224, 224)),
    "VGG-16, 64 x 64": (vgg16, (3, 64, 64)),
    "U-net, 128 x 128": (unet, (3, 128, 128)),
    "MobileNet, 224 x 224": (mobilenet, (3, 224, 224)),
    "1-d convolutions, 4096 positions": (signal, (8, 4096)),
}


STEPS, SEQUENCES = 32, 32  # of a batch of the recurrent networks


def gru_masked(f: Any, x: Any) -> Any:
    """Sequences of different lengths in one bucket: what comes after their ends is masked."""
    return f.dense(f.rows(f.masked(f.recurrent(f.embedding(x, 1000, 64), "gru", 128))), 200)


def lstm_large(f: Any, x: Any) -> Any:
    """A language model."""
    return f.dense(f.rows(f.recurrent(f.embedding(x, 1000, 256), "lstm", 256, 2)), 1000)


def lstm_both_ways(f: Any, x: Any) -> Any:
    """A tagger of words."""
    return f.dense(f.rows(f.recurrent(f.embedding(x, 1000, 64), "lstm", 128, 1, True)), 20)


# name of the row: the network, and the number of words
RECURRENT: dict[str, tuple[Network, int]] = {
    "embedding of 64, GRU of 128, masks": (gru_masked, 1000),
    "embedding of 256, 2 x LSTM of 256": (lstm_large, 1000),
    "embedding of 64, bidirectional LSTM of 128": (lstm_both_ways, 1000),
}
ALL = {name: network for name, (network, _) in (NETWORKS | RECURRENT).items()}


class Symbols:
    """Builds mxr's symbol."""

    def __init__(self) -> None:
        from mxr import sym

        self.sym, self.count = sym, 0

    def _name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def conv(
        self,
        x: Any,
        filters: int,
        kernel: int,
        stride: int = 1,
        pad: int = 0,
        groups: int = 1,
        dilate: int = 1,
        axes: int = 2,
        bias: bool = True,
    ) -> Any:
        return self.sym.Convolution(
            x,
            kernel=(kernel,) * axes,
            stride=(stride,) * axes,
            pad=(pad,) * axes,
            dilate=(dilate,) * axes,
            num_filter=filters,
            num_group=groups,
            no_bias=not bias,
            name=self._name("conv"),
        )

    def conv_norm(self, x: Any, *sizes: int, act: bool = True, **more: Any) -> Any:
        x = self.sym.BatchNorm(
            self.conv(x, *sizes, bias=False, **more), fix_gamma=False, eps=1e-5, name=self._name("norm")
        )
        return self.relu(x) if act else x

    def transposed(self, x: Any, filters: int, kernel: int, stride: int) -> Any:
        return self.sym.Deconvolution(
            x,
            kernel=(kernel,) * 2,
            stride=(stride,) * 2,
            num_filter=filters,
            no_bias=False,
            name=self._name("deconv"),
        )

    def relu(self, x: Any) -> Any:
        return self.sym.Activation(x, act_type="relu", name=self._name("relu"))

    def add(self, a: Any, b: Any) -> Any:
        return a + b

    def concat(self, *xs: Any) -> Any:
        return self.sym.concat(*xs, dim=1, name=self._name("concat"))

    def max_pool(self, x: Any, kernel: int, stride: int, pad: int = 0) -> Any:
        return self._pool(x, "max", kernel, stride, pad)

    def avg_pool(self, x: Any, kernel: int, stride: int, pad: int = 0) -> Any:
        return self._pool(x, "avg", kernel, stride, pad)

    def _pool(self, x: Any, kind: str, kernel: int, stride: int, pad: int) -> Any:
        return self.sym.Pooling(
            x,
            kernel=(kernel,) * 2,
            stride=(stride,) * 2,
            pad=(pad,) * 2,
            pool_type=kind,
            name=self._name("pool"),
        )

    def global_pool(self, x: Any) -> Any:
        return self.sym.mean(self.sym.Reshape(x, shape=(0, 0, -1)), axis=2, name=self._name("mean"))

    def dense(self, x: Any, width: int) -> Any:
        return self.sym.FullyConnected(x, num_hidden=width, name=self._name("dense"))

    def embedding(self, x: Any, words: int, width: int) -> Any:
        return self.sym.Embedding(x, input_dim=words, output_dim=width, name=self._name("embedding"))

    def recurrent(self, x: Any, mode: str, width: int, layers: int = 1, both_ways: bool = False) -> Any:
        return self.sym.RNN(
            x,
            mode=mode,
            state_size=width,
            num_layers=layers,
            bidirectional=both_ways,
            name=self._name("rnn"),
        )

    def masked(self, x: Any) -> Any:
        return self.sym.SequenceMask(
            x, self.sym.Variable("lengths"), use_sequence_length=True, name=self._name("mask")
        )

    def rows(self, x: Any) -> Any:
        """(steps, sequences, width) as (steps * sequences, width)."""
        return self.sym.Reshape(x, shape=(-3, 0), name=self._name("rows"))


def symbol(network: Network) -> Any:
    """mxr's symbol of a network, whose scores are trained by SoftmaxOutput (over channels of a map)."""
    from mxr import sym

    scores = network(Symbols(), sym.Variable("data"))
    return sym.SoftmaxOutput(scores, multi_output=network is unet, name="softmax")


class Layers:
    """Computes a network by PyTorch, from parameters and statistics with the names that `Symbols` gives."""

    def __init__(self, torch: Any, values: dict[str, Any], train: bool) -> None:
        self.torch, self.f, self.values, self.train = torch, torch.nn.functional, values, train
        self.count = 0

    def _values(self, kind: str, *names: str) -> list[Any]:
        self.count += 1
        return [self.values.get(f"{kind}{self.count}_{name}") for name in names]

    def conv(
        self,
        x: Any,
        filters: int,
        kernel: int,
        stride: int = 1,
        pad: int = 0,
        groups: int = 1,
        dilate: int = 1,
        axes: int = 2,
        bias: bool = True,
    ) -> Any:
        weight, added = self._values("conv", "weight", "bias")
        convolve = self.f.conv1d if axes == 1 else self.f.conv2d
        return convolve(x, weight, added, stride, pad, dilate, groups)

    def conv_norm(self, x: Any, *sizes: int, act: bool = True, **more: Any) -> Any:
        x = self.conv(x, *sizes, bias=False, **more)
        gamma, beta, mean, var = self._values("norm", "gamma", "beta", "moving_mean", "moving_var")
        x = self.f.batch_norm(x, mean, var, gamma, beta, self.train, 0.1, 1e-5)
        return self.relu(x) if act else x

    def transposed(self, x: Any, filters: int, kernel: int, stride: int) -> Any:
        return self.f.conv_transpose2d(x, *self._values("deconv", "weight", "bias"), stride)

    def relu(self, x: Any) -> Any:
        self.count += 1
        return self.torch.relu(x)

    def add(self, a: Any, b: Any) -> Any:
        return a + b

    def concat(self, *xs: Any) -> Any:
        self.count += 1
        return self.torch.cat(xs, 1)

    def max_pool(self, x: Any, kernel: int, stride: int, pad: int = 0) -> Any:
        self.count += 1
        return self.f.max_pool2d(x, kernel, stride, pad)

    def avg_pool(self, x: Any, kernel: int, stride: int, pad: int = 0) -> Any:
        self.count += 1
        return self.f.avg_pool2d(x, kernel, stride, pad)

    def global_pool(self, x: Any) -> Any:
        self.count += 1
        return x.flatten(2).mean(2)

    def dense(self, x: Any, width: int) -> Any:
        return self.f.linear(x.flatten(1), *self._values("dense", "weight", "bias"))

    def embedding(self, x: Any, words: int, width: int) -> Any:
        return self.f.embedding(x.long(), *self._values("embedding", "weight"))

    def recurrent(self, x: Any, mode: str, width: int, layers: int = 1, both_ways: bool = False) -> Any:
        packed, state, cell = self._values("rnn", "parameters", "state", "state_cell")
        gates, ways = (4 if mode == "lstm" else 3) * width, 1 + both_ways
        shapes = []  # all weights, layer after layer and direction after direction, then all biases
        for layer in range(layers):
            shapes += [(gates, ways * width if layer else x.shape[2]), (gates, width)] * ways
        shapes += [(gates,)] * (2 * ways * layers)
        parts = [
            part.view(shape)
            for part, shape in zip(packed.split([self.torch.Size(s).numel() for s in shapes]), shapes)
        ]
        half = len(parts) // 2
        flat = [p for i in range(0, half, 2) for p in (*parts[i : i + 2], *parts[half + i : half + i + 2])]
        function = getattr(self.torch, mode)
        start = (state, cell) if mode == "lstm" else state
        return function(x, start, flat, True, layers, 0.0, self.train, both_ways, False)[0]

    def masked(self, x: Any) -> Any:
        self.count += 1
        steps = self.torch.arange(len(x))[:, None]
        return x * (steps < self.values["lengths"]).unsqueeze(2)

    def rows(self, x: Any) -> Any:
        self.count += 1
        return x.flatten(0, 1)
