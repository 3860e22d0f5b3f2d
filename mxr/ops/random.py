"""Random numbers: `random_*` (one distribution), `random_*_like` (the same, in the shape of an array),
`sample_*` (one distribution for every element of arrays of parameters), and draws from data. All numbers come
from MXNet's own streams (mxr/random/streams.py)."""

from __future__ import annotations

import inspect

import numpy as np

from mxr.operator import REQUIRED, Dtype, P, ParamError, Shape, ShapeError, op, shape_text, size, unify
from mxr.ops.shared.pointwise import same_type
from mxr.random import samplers, streams

_FLOATS = ("float16", "float32", "float64")
_DTYPE = "the element type of the result (float32 unless it follows from elsewhere)"
_CTX = "accepted and ignored: the result is on the CPU"

# --------------------------------------------------------------------------------------------- distributions


def _plus_times(x, start, factor):
    x = streams.as_c(np.multiply, x, factor, out=x)
    return streams.as_c(np.add, x, start, out=x)


def _uniform(x, low, high):
    streams.uniform_into(x)
    return _plus_times(x, low, high - low)


def _normal(x, loc, scale):
    streams.normal_into(x)
    return _plus_times(x, loc, scale)


def _exponential(x, lam):
    streams.uniform_into(x)
    return streams.as_c(np.divide, -np.log(1.0 - x.astype(np.float64)), lam)


class _Distribution:
    """A distribution. Its parameters are `(name, default, meaning, lower bound, whether the bound is
    allowed)`. `draw` is the name of a sampler in mxr/random/samplers.py, or a function `draw(x, *parameters)`
    that returns the numbers, with x as their memory."""

    def __init__(self, text, draw, *params, names=None):
        self.text, self.draw, self.params = text, draw, params
        self.names = names or tuple(p[0] for p in params)  # what sample_* calls its inputs

    def check(self, p):
        for name, _, _, least, allowed in self.params:
            value = getattr(p, name)
            if least is not None and not (value >= least if allowed else value > least):
                raise ParamError(
                    f"{name} must be {'at least' if allowed else 'greater than'} {least}, not {value!r}"
                )
        if "high" in self.names and p.high < p.low:
            raise ParamError(f"high ({p.high}) must not be less than low ({p.low})")

    def fill(self, out, params):
        """Draw numbers into `out`. `params` have one element each, or one for each of the equal parts of
        `out`."""
        params = [np.asarray(x, np.float32) if np.asarray(x).dtype.kind != "f" else x for x in params]
        if isinstance(self.draw, str):
            samplers.fill(out, self.draw, *params)
            return
        x = np.empty((params[0].size, out.size // params[0].size), streams.working(out.dtype))
        x = self.draw(x, *(v.reshape(-1, 1) for v in params))
        out[...] = streams.rounded(x, out.dtype).reshape(out.shape)


_ANY, _POSITIVE, _NOT_NEGATIVE = (None, True), (0, False), (0, True)
_DISTRIBUTIONS = {
    "uniform": _Distribution(
        "the uniform distribution between `low` (included) and `high` (excluded)",
        _uniform,
        ("low", 0.0, "the lower bound", *_ANY),
        ("high", 1.0, "the upper bound", *_ANY),
    ),
    "normal": _Distribution(
        "the normal distribution with mean {0} and standard deviation {1}",
        _normal,
        ("loc", 0.0, "the mean", *_ANY),
        ("scale", 1.0, "the standard deviation", *_POSITIVE),
        names=("mu", "sigma"),
    ),
    "gamma": _Distribution(
        "the gamma distribution with shape `alpha` and scale `beta`, whose mean is `alpha * beta`",
        "gamma",
        ("alpha", 1.0, "the shape", *_POSITIVE),
        ("beta", 1.0, "the scale", *_POSITIVE),
    ),
    "exponential": _Distribution(
        "the exponential distribution with rate `lam`, whose mean is `1 / lam`",
        _exponential,
        ("lam", 1.0, "the rate", *_POSITIVE),
    ),
    "poisson": _Distribution(
        "the Poisson distribution with mean `lam`", "poisson", ("lam", 1.0, "the mean", *_NOT_NEGATIVE)
    ),
    "negative_binomial": _Distribution(
        "the negative binomial distribution: how many successes there are before the `k`-th failure, "
        "when a trial fails with probability `p`",
        "negative_binomial",
        ("k", 1, "the number of failures", *_NOT_NEGATIVE),
        ("p", 1.0, "the probability of a failure", *_NOT_NEGATIVE),
    ),
    "generalized_negative_binomial": _Distribution(
        "the negative binomial distribution with mean `mu` and dispersion `alpha`, "
        "whose variance is `mu + alpha * mu^2` (Poisson when `alpha` is 0)",
        "generalized_negative_binomial",
        ("mu", 1.0, "the mean", *_NOT_NEGATIVE),
        ("alpha", 1.0, "the dispersion", *_NOT_NEGATIVE),
    ),
}


def _wanted(p, outs):
    """The shape parameter (0: unknown dimension), unified with the known shape of the output."""
    return unify(p.shape or None, *outs)


def _class(name: str, doc: str, params: dict, **attributes) -> type:
    """The class of a declaration; `params` are name -> (type, P)."""
    return type(
        name,
        (),
        {
            "__doc__": inspect.cleandoc(doc),
            "__module__": __name__,
            "__annotations__": {k: kind for k, (kind, _) in params.items()},
            **{k: param for k, (_, param) in params.items()},
            **attributes,
        },
    )


def _declare(kind: str, d: _Distribution):
    def values(p):
        return [np.array([getattr(p, name)], np.float32) for name, *_ in d.params]

    def own():
        return {name: (type(default), P(default, meaning)) for name, default, meaning, *_ in d.params}

    def infer_random(p, ins, outs):
        d.check(p)
        return [], [_wanted(p, outs)]

    def infer_like(p, ins, outs):
        d.check(p)
        s = unify(*ins, *outs)
        return [s], [s]

    def infer_sample(p, ins, outs):
        if 0 in p.shape:
            raise ParamError(f"shape must not contain 0, as {shape_text(p.shape)} does")
        n = len(p.shape)
        t = unify(*ins, outs[0][: -n or None] if outs[0] is not None and len(outs[0]) > n else None)
        return [t] * len(ins), [outs[0] if t is None else unify(outs[0], (*t, *p.shape))]

    def compute(p, run, ins, outs):
        d.fill(outs[0], values(p))

    def compute_sample(p, run, ins, outs):
        if outs[0].size:
            d.fill(outs[0], ins)

    def dtype(p, ins):
        same_type(p, ins)
        return [np.dtype(p.dtype or np.float32)]

    text = d.text.format(*(f"`{name}`" for name, *_ in d.params))
    old = (kind,) if kind in ("uniform", "normal") else ()
    op(f"_random_{kind}", f"random_{kind}", *old, random=True)(
        _class(
            f"random_{kind}",
            f"""
        Random numbers from {text}.

        Returns an array of the given shape. The same seed (`mx.set.seed`, `mxr.random.seed`) gives the
        numbers that MXNet gives.
        """,
            {
                **own(),
                "shape": (Shape, P(None, "the shape of the result")),
                "ctx": (str, P("", _CTX, ignored=True)),
                "dtype": (Dtype, P(None, _DTYPE, one_of=_FLOATS)),
            },
            inputs=(),
            infer_shape=infer_random,
            infer_type=dtype,
            compute=compute,
        )
    )
    op(f"_random_{kind}_like", random=True, zero_gradient=True)(
        _class(
            f"random_{kind}_like",
            f"""
        Random numbers from {text}, in the shape and of the type of `data`, whose values do not matter.
        """,
            own(),
            inputs=("data",),
            infer_shape=infer_like,
            compute=compute,
        )
    )
    named = d.text.format(*(f"`{name}`" for name in d.names))
    op(f"_sample_{kind}", f"sample_{kind}", random=True, zero_gradient=True)(
        _class(
            f"sample_{kind}",
            f"""
        Random numbers from many distributions at once. For every element of
        {" and ".join(f"`{n}`" for n in d.names)}, an array of `shape` is drawn from {named}.

        Returns an array whose C-order shape is that of the parameters followed by `shape`; with no `shape`,
        one number for every element.
        """,
            {
                "shape": (Shape, P((), "the shape that is drawn for every element")),
                "dtype": (Dtype, P(None, _DTYPE, one_of=_FLOATS)),
            },
            inputs=d.names,
            infer_shape=infer_sample,
            infer_type=dtype,
            compute=compute_sample,
        )
    )


for _kind, _distribution in _DISTRIBUTIONS.items():
    _declare(_kind, _distribution)


@op("_random_randint", "random_randint", random=True)
class random_randint:
    """Random whole numbers from `low` (included) to `high` (excluded), all equally likely.

    Returns an array of the given shape. The same seed gives the numbers that MXNet gives.
    """

    low: int = P(REQUIRED, "the smallest number")
    high: int = P(REQUIRED, "the number above the largest")
    shape: Shape = P(None, "the shape of the result")
    ctx: str = P("", _CTX, ignored=True)
    dtype: Dtype = P(None, "the element type of the result (int32 if not given)", one_of=("int32", "int64"))

    inputs = ()

    def infer_shape(p, ins, outs):
        if p.high <= p.low:
            raise ParamError(f"high ({p.high}) must be greater than low ({p.low})")
        return [], [_wanted(p, outs)]

    def infer_type(p, ins):
        return [np.dtype(p.dtype or np.int32)]

    def compute(p, run, ins, outs):
        draws = run.workspace(outs[0].shape, np.int64)
        streams.integers_into(draws)
        np.fmod(draws, p.high - p.low, out=draws)  # the remainder of C, which keeps the sign
        np.add(draws, p.low, out=outs[0], casting="unsafe")


# ------------------------------------------------------------------------------------------ drawing from data


@op("_sample_multinomial", "sample_multinomial", random=True)
class sample_multinomial:
    """Random classes. The last C-order axis of `data` (the first one in R) holds the probabilities of the
    classes, which add up to 1; from each such vector an array of `shape` is drawn, of numbers counting from
    0.

    Returns an array whose C-order shape is that of `data` without the last axis, followed by `shape`. With
    `get_prob` there is a second output, the logarithms of the probabilities of what was drawn: their gradient
    with respect to `data` is 1 over the probability, as policy gradients need it. The drawn numbers have no
    gradient.
    """

    shape: Shape = P((), "the shape that is drawn from every vector of probabilities")
    get_prob: bool = P(False, "also return the logarithms of the probabilities of what was drawn")
    dtype: Dtype = P(
        "int32", "the element type of the result", one_of=("float16", "float32", "float64", "int32", "uint8")
    )

    inputs = ("data",)
    outputs = lambda p: ("output0", "output1") if p.get_prob else ("output",)

    def infer_shape(p, ins, outs):
        data = ins[0]
        if data is None:
            return ins, outs
        if not data:
            raise ShapeError("data needs at least one dimension, of the classes")
        out = unify(*outs, ((*data[:-1], *p.shape) or (1,)))
        return [data], [out] * len(outs)

    def infer_type(p, ins):
        return [np.dtype(p.dtype), ins[0] or np.dtype(np.float32)]

    def compute(p, run, ins, outs):
        data = ins[0].reshape(-1, ins[0].shape[-1])
        with streams.lock:
            u = streams.unit(streams.engine().take(outs[0].size))
        u = u.reshape(len(data), -1)
        table = data.cumsum(axis=1, dtype=np.float64).astype(np.float32)
        drawn = np.empty(u.shape, np.int64)
        for row, limits, x in zip(drawn, table, u):
            row[...] = np.searchsorted(limits, x)
        np.minimum(drawn, data.shape[1] - 1, out=drawn)
        outs[0][...] = drawn.reshape(outs[0].shape)
        if p.get_prob:
            outs[1][...] = np.log(np.take_along_axis(data, drawn, axis=1)).reshape(outs[1].shape)

    def gradient(p, run, gs, ins, outs, igs):
        igs[0][...] = 0
        if p.get_prob and gs[1] is not None:
            data, ig = (x.reshape(-1, x.shape[-1]) for x in (ins[0], igs[0]))
            drawn = outs[0].reshape(len(data), -1).astype(np.int64)
            g = gs[1].reshape(drawn.shape) / np.take_along_axis(data, drawn, axis=1)
            np.add.at(ig, (np.arange(len(data))[:, None], drawn), g)


@op("_shuffle", "shuffle", random=True)
class shuffle:
    """The elements of `data` along the first C-order axis (the last one in R), in random order: the rows of a
    C-order matrix stay whole.

    Returns an array of the same shape. There is no gradient.
    """

    inputs = ("data",)

    def compute(p, run, ins, outs):
        (data,) = ins
        n = len(data)
        order = list(range(n))
        places = range(1, n) if data.ndim == 1 else range(n - 1, 0, -1)
        for i, j in zip(places, streams.below(np.asarray(places, np.int64) + 1).tolist()):
            order[i], order[j] = order[j], order[i]
        np.take(data, order, axis=0, out=outs[0], mode="clip")


@op("_sample_unique_zipfian", random=True)
class sample_unique_zipfian:
    """Different random classes for every row, small numbers being likelier: class k has probability
    `log((k + 2) / (k + 1)) / log(range_max + 1)`, nearly.

    Returns an array of `shape`, rows of classes from 0 to `range_max - 1`, and a vector that says how many
    draws each row took (repetitions are drawn again). Both are of type int64.
    """

    range_max: int = P(REQUIRED, "the number of classes", low=1)
    shape: Shape = P(None, "the shape of the result: rows, and classes in each")

    inputs = ()
    outputs = ("output0", "output1")

    def infer_shape(p, ins, outs):
        s = _wanted(p, outs[:1])
        if s is not None:
            if len(s) != 2:
                raise ShapeError(f"shape must be two numbers, rows and classes, not {shape_text(s)}")
            if s[1] > p.range_max:
                raise ParamError(f"{s[1]} different classes cannot be drawn from {p.range_max}")
        return [], [s, unify(outs[1], s and s[:1])]

    def infer_type(p, ins):
        return [np.dtype(np.int64)] * 2

    def compute(p, run, ins, outs):
        if size(outs[0].shape):
            samplers.zipfian(outs[0], outs[1], p.range_max)
