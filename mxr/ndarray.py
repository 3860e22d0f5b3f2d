"""NDArray: an array in C order, float32 unless told otherwise."""
from __future__ import annotations

import numpy as np

from .imperative import invoke
from .op import MxError, get, shape_text


class NDArray:
    """A dense array. `data` is its memory, which executors write to in place; it is never replaced by another."""
    __slots__ = ("data", "__weakref__")

    def __init__(self, data: np.ndarray):
        self.data = data

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)
    size = property(lambda self: self.data.size)
    ndim = property(lambda self: self.data.ndim)

    def asnumpy(self) -> np.ndarray:
        """A copy as a NumPy array."""
        return self.data.copy()

    def __array__(self, dtype=None, copy=None):
        return self.data.astype(dtype or self.dtype, copy=True)

    def asscalar(self):
        if self.size != 1:
            raise MxError(f"asscalar: the array has shape {shape_text(self.shape)}, not one element")
        return self.data.item()

    def copy(self) -> NDArray:
        return NDArray(self.data.copy())

    def copyto(self, other: NDArray) -> NDArray:
        """Write the values into `other`, which has the same shape."""
        other[:] = self
        return other

    def __setitem__(self, key, value):
        value = value.data if isinstance(value, NDArray) else value
        try:
            self.data[key] = value
        except ValueError:
            raise MxError(f"cannot put shape {shape_text(np.shape(value))} into shape {shape_text(self.data[key].shape)}") from None

    def __getitem__(self, key) -> NDArray:
        return NDArray(self.data[key].copy())

    def __len__(self):
        return self.shape[0]

    def __repr__(self):
        return f"{self.data!r}\n<NDArray {'x'.join(map(str, self.shape))} {self.dtype}>"

    def __float__(self):
        return float(self.asscalar())

    def __add__(self, o): return arithmetic("add", self, o)
    def __radd__(self, o): return arithmetic("add", o, self)
    def __sub__(self, o): return arithmetic("sub", self, o)
    def __rsub__(self, o): return arithmetic("sub", o, self)
    def __mul__(self, o): return arithmetic("mul", self, o)
    def __rmul__(self, o): return arithmetic("mul", o, self)
    def __truediv__(self, o): return arithmetic("div", self, o)
    def __rtruediv__(self, o): return arithmetic("div", o, self)
    def __mod__(self, o): return arithmetic("mod", self, o)
    def __rmod__(self, o): return arithmetic("mod", o, self)
    def __pow__(self, o): return arithmetic("power", self, o)
    def __rpow__(self, o): return arithmetic("power", o, self)
    def __neg__(self): return arithmetic("mul", self, -1.0)
    def __eq__(self, o): return arithmetic("equal", self, o)
    def __ne__(self, o): return arithmetic("not_equal", self, o)
    def __gt__(self, o): return arithmetic("greater", self, o)
    def __ge__(self, o): return arithmetic("greater_equal", self, o)
    def __lt__(self, o): return arithmetic("lesser", self, o)
    def __le__(self, o): return arithmetic("lesser_equal", self, o)

    __hash__ = object.__hash__


_MIRROR = {"greater": "_lesser_scalar", "greater_equal": "_lesser_equal_scalar", "lesser": "_greater_scalar",
           "lesser_equal": "_greater_equal_scalar", "sub": "_rminus_scalar", "div": "_rdiv_scalar", "mod": "_rmod_scalar",
           "power": "_rpower_scalar"}
_SCALAR = {"add": "_plus_scalar", "sub": "_minus_scalar"}


def arithmetic(name: str, a, b) -> NDArray:
    """`a op b` for arrays and numbers; arrays of different shapes broadcast."""
    if isinstance(a, NDArray) and isinstance(b, NDArray):
        return call("broadcast_" + name, [a, b], {})[0]
    if isinstance(a, NDArray):
        return call(_SCALAR.get(name, f"_{name}_scalar"), [a], {"scalar": float(b)})[0]
    return call(_MIRROR.get(name) or _SCALAR.get(name, f"_{name}_scalar"), [b], {"scalar": float(a)})[0]


def array(source, dtype=np.float32) -> NDArray:
    """A new NDArray with a copy of the values."""
    return NDArray(np.array(source.data if isinstance(source, NDArray) else source, dtype, order="C"))


def call(op_name: str, inputs: list[NDArray], attrs: dict, out: NDArray | list[NDArray] | None = None,
         where: str | None = None, train: bool = False) -> list[NDArray]:
    """The visible outputs of an operator on arrays, written into `out` where given."""
    op = get(op_name)
    attrs = op.plain_names(attrs, where)
    if op.variadic and op.variadic in op.params:
        attrs.setdefault(op.variadic, len(inputs))
    p = op.parse(attrs, where)
    outs = [] if out is None else out if isinstance(out, (list, tuple)) else [out]
    results = invoke(op, [a.data for a in inputs], p, train, [o.shape for o in outs])[:len(op.outputs(p))]
    if out is None:
        return [NDArray(r) for r in results]
    for o, r in zip(outs, results, strict=False):
        if o.shape != r.shape:
            raise MxError(f"{where or op_name}: out has shape {shape_text(o.shape)}, the result {shape_text(r.shape)}")
        o.data[...] = r
    return list(outs)
