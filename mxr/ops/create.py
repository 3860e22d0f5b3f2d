"""New arrays: zeros, ones, constants, sequences, the unit matrix."""

import math

import numpy as np

from mxr.operator import DTYPES, REQUIRED, Dtype, P, Shape, ShapeError, op, unify

NUMBERS = tuple(d for d in DTYPES if d != "bool")
_CTX = "The device in MXNet; has no effect here."
_DTYPE = "The element type."


def _given_shape(p, ins, outs):
    return ins, [unify(outs[0], p.shape or None)]


def _given_type(p, ins):
    return [np.dtype(p.dtype)]


class _Filled:
    """The parameters and rules of `_zeros` and `_ones`."""

    shape: Shape = P((), "The dimensions.")
    ctx: str = P("", _CTX, ignored=True)
    dtype: Dtype = P("float32", _DTYPE, one_of=DTYPES)

    inputs, infer_shape, infer_type = (), _given_shape, _given_type


@op("_zeros", zero_gradient=True)
class Zeros(_Filled):
    """An array of zeros. If `shape` has a 0, or is empty, the dimension follows from the array's use."""

    def forward(p):
        return 0.0


@op("_zeros_without_dtype", zero_gradient=True)
class ZerosWithoutDtype:
    """An array of zeros, of single precision."""

    shape: Shape = P(None, "The dimensions.")
    ctx: str = P("", _CTX, ignored=True)
    dtype: int = P(
        -1,
        "The number of the element type in MXNet; only -1, the default type, is known here.",
        low=-1,
        high=-1,
    )

    inputs, infer_shape = (), _given_shape

    def forward(p):
        return 0.0


@op("_ones", zero_gradient=True)
class Ones(_Filled):
    """An array of ones. If `shape` has a 0, or is empty, the dimension follows from the array's use."""

    def forward(p):
        return 1.0


@op("_full", zero_gradient=True)
class Full:
    """An array filled with one number."""

    shape: Shape = P(None, "The dimensions.")
    ctx: str = P("", _CTX, ignored=True)
    dtype: Dtype = P("float32", _DTYPE, one_of=DTYPES)
    value: float = P(REQUIRED, "The number.")

    inputs, infer_shape, infer_type = (), _given_shape, _given_type

    def forward(p):
        return p.value


@op("_set_value", zero_gradient=True)
class SetValue:
    """An array filled with one number: `out` if it is given, otherwise an array of one element."""

    src: float = P(REQUIRED, "The number.")

    inputs = ()

    def infer_shape(p, ins, outs):
        return ins, [outs[0] or (1,)]

    def forward(p):
        return p.src


@op("_arange", zero_gradient=True)
class Arange:
    """Evenly spaced numbers: `start`, `start + step`, ... before `stop`, each `repeat` times.

    Without `stop` the sequence goes from 0 to before `start`. With `infer_range` it begins at `start`, and
    its length follows from the array's use. In half precision `start` and `step` are cut to whole numbers, as
    in MXNet.
    """

    start: float = P(REQUIRED, "The first number; without `stop`, the end.")
    stop: float = P(None, "The end; it is not part of the sequence.")
    step: float = P(1.0, "The distance of neighbours; may be negative.")
    repeat: int = P(1, "How often every number is repeated.", low=1)
    infer_range: bool = P(False, "Take the length from the use of the array.")
    ctx: str = P("", _CTX, ignored=True)
    dtype: Dtype = P("float32", _DTYPE, one_of=NUMBERS)

    inputs, infer_type = (), _given_type

    def infer_shape(p, ins, outs):
        if p.infer_range and p.stop is None:
            return ins, outs
        start, stop = _range(p)
        if p.step == 0 or (stop - start) / p.step <= 0:
            raise ShapeError(f"there is nothing from {start:g} to {stop:g} in steps of {p.step:g}")
        return ins, [(math.ceil((stop - start) / p.step) * p.repeat,)]

    def compute(p, run, ins, outs):
        start, step, kind = _range(p)[0], p.step, outs[0].dtype.type
        if kind is np.float16:  # MXNet cuts them to whole numbers, but not the length
            start, step = int(start), int(step)
        steps = np.arange(outs[0].size) // p.repeat
        outs[0][...] = kind(start) + steps.astype(kind) * kind(step)


def _range(p):
    return (0.0, p.start) if p.stop is None and not p.infer_range else (p.start, p.stop)


@op("_linspace", zero_gradient=True)
class Linspace:
    """`num` evenly spaced numbers from `start` to `stop`."""

    start: float = P(REQUIRED, "The first number.")
    stop: float = P(REQUIRED, "The last number, or the one after it.")
    num: int = P(REQUIRED, "How many.", low=1)
    endpoint: bool = P(True, "Whether `stop` itself is the last one.")
    ctx: str = P("", _CTX, ignored=True)
    dtype: Dtype = P("float32", _DTYPE, one_of=NUMBERS)

    inputs, infer_type = (), _given_type

    def infer_shape(p, ins, outs):
        return ins, [(p.num,)]

    def compute(p, run, ins, outs):
        steps = p.num - p.endpoint
        outs[0][...] = p.start + ((p.stop - p.start) / steps if steps else 0.0) * np.arange(p.num)


@op("_eye", zero_gradient=True)
class Eye:
    """A matrix with ones on a diagonal and zeros elsewhere: `out[i, i + k] = 1`."""

    N: int = P(REQUIRED, "The number of rows.", low=1)
    M: int = P(0, "The number of columns; 0: as many as rows.", low=0)
    k: int = P(0, "The diagonal: 0 the main one, positive above it, negative below it.")
    ctx: str = P("", _CTX, ignored=True)
    dtype: Dtype = P("float32", _DTYPE, one_of=NUMBERS)

    inputs, infer_type = (), _given_type

    def infer_shape(p, ins, outs):
        return ins, [(p.N, p.M or p.N)]

    def compute(p, run, ins, outs):
        outs[0][...] = np.eye(p.N, p.M or p.N, p.k, outs[0].dtype)
