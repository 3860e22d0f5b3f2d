"""What an operator is: its declaration, its parameters, and the registry of all of them.

An operator is one class in `mxr/ops/`, decorated with `@op(name, ...)`. Nothing of the class is ever instantiated:
`op` reads its attributes and functions into an `Op` record, and everything else (symbols, shapes, plans, the R faces,
help pages, tests) follows from that record. See docs/adding-an-operator.md.
"""
from __future__ import annotations

import ast
import difflib
import inspect
import math
import os
import sys
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from . import memory, threads


class MxError(Exception):
    """Any failure that a user can cause. The message is written for them: function, argument, remedy."""


class ParamError(MxError):
    """A parameter is unknown, missing, or has a value that the operator does not take."""


class ShapeError(MxError):
    """Shapes that contradict each other. `shapes` in the message are rendered by `shape_text`, so R sees R order."""


class NotImplementedInMxr(MxError):
    """An operator or option of MXNet that mxr does not have (listed in docs/coverage.md)."""


# --------------------------------------------------------------------------------------------- parameters

Shape = type("Shape", (tuple,), {"__doc__": "A tuple of integers; in R a vector of the reversed order."})
Floats = type("Floats", (tuple,), {"__doc__": "A tuple of numbers."})
Dtype = type("Dtype", (str,), {"__doc__": "The name of an element type, such as 'float32'."})
REQUIRED = type("Required", (), {"__repr__": lambda self: "required"})()
DTYPES = ("float16", "float32", "float64", "int8", "int32", "int64", "uint8", "bool")
TYPE_NUMBERS = {"float32": 0, "float64": 1, "float16": 2, "uint8": 3, "int32": 4, "int8": 5, "int64": 6, "bool": 7}    # MXNet's, in files
_COUNTS, _MOST = {"num_args", "num_outputs", "num_arrays", "num_weights", "sections"}, 1 << 16     # of inputs or outputs, each with a name
_TRUE, _FALSE = {"1", "true", "True", "TRUE", "T"}, {"0", "false", "False", "FALSE", "F"}


class P:
    """One parameter: `name: type = P(default, "what it does", one_of=, low=, high=, none=)`.

    `none` says that the value may be None (implied by a default of None). `low`/`high` are inclusive bounds.
    `ignored` marks parameters that MXNet needs on a GPU only: they are accepted, written to the JSON, and do nothing.
    """

    def __init__(self, default: Any = REQUIRED, doc: str = "", *, one_of=None, low=None, high=None, none=False,
                 ignored=False):
        self.default, self.doc, self.one_of = default, doc, one_of
        self.low, self.high, self.none, self.ignored = low, high, none or default is None, ignored
        self.name, self.type = "", str

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def type_text(self) -> str:
        """The type as help pages print it."""
        if self.one_of:
            return "one of " + ", ".join(f'"{v}"' for v in self.one_of)
        text = {float: "number", int: "integer", bool: "logical", str: "text", Shape: "integer vector",
                Floats: "numeric vector", Dtype: "element type"}[self.type]
        return text + " or None" if self.none else text

    def parse(self, value: Any, where: str) -> Any:
        """`value` (a Python value or the text of a JSON attribute) as this parameter's type; ParamError otherwise."""
        if value is None or (isinstance(value, str) and value == "None"):
            if self.none:
                return None
            raise ParamError(f"{where}: {self.name} cannot be None; it is {self.type_text}")
        try:
            parsed = _PARSERS[self.type](value)
        except (ValueError, TypeError, SyntaxError, OverflowError, MemoryError, RecursionError):
            raise ParamError(f"{where}: {self.name} must be {_a(self.type_text)}, not {_shown(value)}") from None
        if self.one_of and parsed not in self.one_of:
            raise ParamError(f"{where}: {self.name} must be {self.type_text}, not {_shown(value)}" + suggest(str(value), self.one_of))
        if isinstance(parsed, (int, float)) and not isinstance(parsed, bool):
            if (self.low is not None and not parsed >= self.low) or (self.high is not None and not parsed <= self.high):
                bounds = " and ".join(f"at {word} {b}" for word, b in (("least", self.low), ("most", self.high)) if b is not None)
                raise ParamError(f"{where}: {self.name} must be {bounds}, not {_shown(value)}")
        return parsed


def _shown(value) -> str:
    text = repr(value)
    return text if len(text) <= 100 else text[:97] + "..."


def _a(text: str) -> str:
    return text if text.startswith(("one of", "text")) else ("an " if text[0] in "aeiou" else "a ") + text


def suggest(word: str, words) -> str:
    """`; did you mean "x"?` for the nearest of `words`, or nothing."""
    near = difflib.get_close_matches(word, list(words), 1, 0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


def _int(value) -> int:
    if isinstance(value, str):
        value = value.strip().removesuffix("L")      # a long integer of Python 2
        return int(_TRUE & {value} and 1 or _FALSE & {value} and 0 if value in _TRUE | _FALSE else value)
    if isinstance(value, (float, np.floating)) and not float(value).is_integer():
        raise ValueError
    return int(value)


def _bool(value) -> bool:
    if isinstance(value, str):
        if value.strip() in _TRUE:
            return True
        if value.strip() in _FALSE:
            return False
        raise ValueError
    return bool(_int(value))


def _float(value) -> float:
    if isinstance(value, str):
        return float({"True": "1", "False": "0", "TRUE": "1", "FALSE": "0"}.get(value.strip(), value))
    if isinstance(value, (tuple, list)):
        raise TypeError
    return float(value)


def _sequence(value, number: Callable) -> tuple:
    if isinstance(value, str):
        text = value.strip()
        # MXNet writes tuples as (1, 2), [1,2] and, for one element, (1,) or 1; long integers may carry an L
        value = ast.literal_eval(text.replace("L", "")) if text not in ("", "()", "[]") else ()
    if isinstance(value, (int, float, np.number)):
        value = (value,)
    return tuple(None if v is None else number(v) for v in value)


def _dtype(value) -> str:
    name = value if isinstance(value, str) else np.dtype(value).name
    if name not in DTYPES:
        raise ValueError(name)
    return name


def _text(value) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


_PARSERS: dict[type, Callable] = {
    float: _float, int: _int, bool: _bool, str: _text, Dtype: _dtype,
    Shape: lambda v: _sequence(v, _int), Floats: lambda v: _sequence(v, _float)}


def element_type(value, where: str) -> np.dtype:
    """An element type that MXNet has, from its name or anything else that NumPy takes for one."""
    try:
        return np.dtype(_dtype(value))
    except (ValueError, TypeError):
        raise ParamError(f"{where}: {_shown(value)} is no element type; these are: {', '.join(DTYPES)}") from None


def to_text(value: Any) -> str:
    """A parameter value as MXNet writes it into symbol JSON."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (tuple, list)):
        return "(" + ", ".join(map(to_text, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, type) or isinstance(value, np.dtype):
        return np.dtype(value).name
    return str(value)


# --------------------------------------------------------------------------------------------- the record

@dataclass
class Op:
    """Everything known about one operator. Made by `op`, never by hand."""
    name: str
    doc: str
    params: dict[str, P]
    inputs: Callable[[Any], tuple[str, ...]]       # names of the array inputs, given the parsed parameters
    aux: Callable[[Any], tuple[str, ...]]          # names of the trailing inputs that are auxiliary states
    outputs: Callable[[Any], tuple[str, ...]]      # suffixes of the visible outputs: ("output",) or ("output0", ...)
    hidden: Callable[[Any], tuple[str, ...]]       # suffixes of outputs that only the gradient sees, after the visible ones
    infer_shape: Callable                          # (p, ins, outs) -> (ins, outs), None or 0 where unknown
    infer_type: Callable                          # (p, in dtypes) -> out dtypes
    forward: Callable | None                       # expression operators: (p, *inputs) -> output or tuple
    backward: Callable | None                      # (p, g, ins, outs) -> gradient or tuple
    compute: Callable | None                       # kernel operators: (p, run, ins, outs) -> None
    gradient: Callable | None                      # (p, run, gs, ins, outs, igs) -> None
    prepare: Callable | None                       # takes what `compute` takes and returns a call that does the same, again and again
    prepare_gradient: Callable | None              # the same for `gradient`
    aliases: tuple[str, ...] = ()
    variadic: str | None = None                    # the parameter that counts the inputs
    loss: bool = False                             # its gradient ignores head gradients
    random: bool = False                           # draws from the random stream
    zero_gradient: bool = False                    # differentiable in MXNet's sense, with gradient zero
    keeps: Callable[[Any], tuple[str, ...]] = lambda p: ("ins", "outs")     # what a kernel operator's gradient reads
    own_types: Callable[[np.dtype], tuple[str, ...]] = lambda t: ()     # inputs whose type does not follow the others', if that is t
    mutates: tuple[int, ...] = ()                  # positions of non-auxiliary inputs written in place (update operators)
    family: str = ""                               # the module it is declared in
    required_any: tuple[str, ...] = field(default=())

    @property
    def differentiable(self) -> bool:
        return bool(self.backward or self.gradient or self.zero_gradient)

    @property
    def is_expression(self) -> bool:
        return self.forward is not None

    def plain_names(self, attrs: dict[str, Any], where: str | None = None) -> dict[str, Any]:
        """`attrs` with underscored names; unknown names, and names given in both spellings, raise."""
        given: dict[str, Any] = {}
        for key, value in attrs.items():
            name = key.replace(".", "_")
            if name not in self.params:
                known = [*self.params, *(k.replace("_", ".") for k in self.params)]
                raise ParamError(f"{where or self.name}: unknown parameter {key}" + (suggest(key, known) or "; it has " + (
                    ", ".join(self.params) or "no parameters")))
            if name in given:
                raise ParamError(f"{where or self.name}: {name} is given twice (dotted and underscored spellings are one parameter)")
            given[name] = value
        return given

    def parse(self, attrs: dict[str, Any], where: str | None = None) -> SimpleNamespace:
        """Parsed parameters with defaults filled in. Names may be dotted; unknown ones raise with a suggestion."""
        where = where or self.name
        p = SimpleNamespace()
        given = self.plain_names(attrs, where)
        for name, param in self.params.items():
            if name in given:
                setattr(p, name, param.parse(given[name], where))
            elif param.required:
                raise ParamError(f"{where}: {name} is required ({param.type_text})")
            else:
                setattr(p, name, param.default)
        for name in _COUNTS.intersection(given):
            if (getattr(p, name) or 0) > _MOST:
                raise ParamError(f"{where}: {name} is {getattr(p, name)}; at most {_MOST} are possible")
        return p


registry: dict[str, Op] = {}     # canonical names and aliases; an alias maps to the same record


def get(name: str) -> Op:
    """The operator of that name (or alias). MxError with a suggestion otherwise."""
    try:
        return registry[name]
    except KeyError:
        raise NotImplementedInMxr(f"there is no operator {name} in mxr" + suggest(name, registry)) from None


def canonical() -> list[Op]:
    """Every operator once, by name."""
    return sorted({id(o): o for o in registry.values()}.values(), key=lambda o: o.name)


def _const(value) -> Callable[[Any], tuple[str, ...]]:
    """A class attribute that is a tuple, or a function of the parameters, as a function of the parameters."""
    if callable(value):
        return value
    return lambda p, _v=tuple(value): _v


def _default_dtype(p, ins):
    known = next((d for d in ins if d is not None), np.dtype(np.float32))
    return [known]


def op(name: str, *aliases: str, loss=False, random=False, zero_gradient=False, variadic=None,
       keeps=("ins", "outs"), mutates=()) -> Callable[[type], Op]:
    """Declare an operator: `@op("Name", "alias", ...)` over a class; returns the `Op` record.

    The class has: a docstring (the help text); parameters as annotated `P`s; `inputs` (tuple of names, or a function of
    the parameters; default: the names of `forward`'s arguments after `p`, or `("data",)`); optionally `aux`, `outputs`
    (default `("output",)`), `hidden`; `infer_shape(p, ins, outs)` (default: all shapes equal); optionally `infer_type(p, ins)`, and
    `own_types` (names of inputs that may have another type than the rest, "*" for all; or a function of the rest's type that gives them);
    and either `forward`/`backward` (expressions) or `compute`/`gradient` (kernels). A kernel may have `prepare`/`prepare_gradient`
    instead, of the same arguments: they compute nothing yet, but return a call that does.
    `variadic="num_args"`: any number of inputs named arg0, arg1, ...; the parameter counts them.
    """
    def declare(cls: type) -> Op:
        d = cls.__dict__
        params = {}
        annotations = inspect.get_annotations(cls, eval_str=True)
        for key, kind in annotations.items():
            param = d[key]
            param.name, param.type = key, kind
            params[key] = param
        forward = d.get("forward")
        if variadic:
            inputs = d.get("inputs") or (lambda p, _v=variadic: tuple(f"arg{i}" for i in range(getattr(p, _v))))
        elif "inputs" in d:
            inputs = d["inputs"]
        elif forward:
            inputs = tuple(inspect.signature(forward).parameters)[1:]
        else:
            inputs = ("data",)
        compute, prepare = _both(d.get("compute"), d.get("prepare"))
        gradient, prepare_gradient = _both(d.get("gradient"), d.get("prepare_gradient"))
        record = Op(
            name=name, doc=inspect.cleandoc(cls.__doc__ or ""), params=params, inputs=_const(inputs),
            aux=_const(d.get("aux", ())), outputs=_const(d.get("outputs", ("output",))), hidden=_const(d.get("hidden", ())),
            infer_shape=d.get("infer_shape", same_shape), infer_type=d.get("infer_type", _default_dtype),
            forward=forward, backward=d.get("backward"), compute=compute, gradient=gradient, prepare=prepare,
            prepare_gradient=prepare_gradient, aliases=aliases, variadic=variadic, loss=loss, random=random, zero_gradient=zero_gradient,
            keeps=_const(keeps), own_types=_const(d.get("own_types", ())), mutates=tuple(mutates), family=cls.__module__.rsplit(".", 1)[-1])
        return register(record)
    return declare


def _both(compute, prepare) -> tuple:
    """A kernel's function that computes at once, and the one that returns a prepared call, from whichever is declared."""
    if not prepare:
        return compute, compute and partial(partial, compute)

    def at_once(*args):
        with threads.single_blas():     # as executors do around programs with kernels
            prepare(*args)()
    return at_once, lambda p, run, *arrays: _Prepared(run, partial(prepare, p, run, *arrays))


def register(record: Op) -> Op:
    for key in (record.name, *record.aliases):
        if key in registry:
            raise AssertionError(f"operator {key} is declared twice")
        registry[key] = record
    return record


# --------------------------------------------------------------------------------------------- shape helpers
# A shape is a tuple in C order, 0 for a dimension that is not known yet, or None when not even the rank is known.

def known(shape) -> bool:
    """Whether the shape is complete."""
    return shape is not None and 0 not in shape


def unify(*shapes):
    """The one shape that all of `shapes` describe (unknown parts filled from each other), or None; ShapeError on conflict."""
    result = None
    for s in shapes:
        if s is None:
            continue
        if result is None:
            result = tuple(s)
            continue
        if len(s) != len(result):
            raise ShapeError(f"shapes {shape_text(result)} and {shape_text(s)} have different numbers of dimensions")
        if any(a and b and a != b for a, b in zip(result, s)):
            raise ShapeError(f"shapes {shape_text(result)} and {shape_text(s)} differ")
        result = tuple(a or b for a, b in zip(result, s))
    return result


def same_shape(p, ins, outs):
    """Shape rule of element-wise operators: every input and output has one shape."""
    s = unify(*ins, *outs)
    return [s] * len(ins), [s] * len(outs)


_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else sys.maxsize
_LARGEST = 2**60                # what NumPy lets the other dimensions of an empty array be
_r_order = False     # set by mxr.r: messages show shapes as R's dim() does


def r_order(on: bool = True) -> None:
    """Render shapes in messages in R's order (reversed) from now on."""
    global _r_order
    _r_order = on


def shape_text(shape) -> str:
    """A shape for a message: `(2, 3)` in Python; `c(3, 2)` when R is the reader; `?` for what is unknown."""
    if shape is None:
        return "?"
    parts = [str(n) if n else "?" for n in shape]
    if _r_order:
        return parts[0] if len(parts) == 1 else f"c({', '.join(reversed(parts))})"
    return "(" + ", ".join(parts) + ("," if len(parts) == 1 else "") + ")"


def size(shape) -> int:
    return math.prod(shape)


def affordable(shape, itemsize: int = 4) -> None:
    """MxError where an array is larger than the machine's memory. (Linux lends any amount, and kills who uses it.)"""
    nbytes = size(shape) * itemsize
    if min(shape, default=0) < 0 or (not nbytes and max(shape) > _LARGEST):
        raise MxError(f"an array cannot have the shape {shape_text(shape)}")
    if nbytes > _MEMORY:
        raise MxError(f"an array of shape {shape_text(shape)} needs {nbytes / 2**30:.3g} GB of memory; this machine has {_MEMORY / 2**30:.3g}")


def axis_of(axis: int, ndim: int, where: str) -> int:
    """A possibly negative axis as 0 <= axis < ndim; ShapeError otherwise."""
    if not -ndim <= axis < ndim:
        raise ShapeError(f"{where}: axis {axis} is out of range for {ndim} dimensions")
    return axis % ndim


# --------------------------------------------------------------------------------------------- running a kernel

class Run:
    """What a kernel operator may ask of whoever runs it: the mode, and scratch memory.

    `workspace(shape, dtype, slot)` lends an uninitialised array that is valid until the kernel returns; the executor
    reuses the memory for every step, so asking costs nothing after the first time. Two arrays that are needed at the
    same time take different slots. `moved` counts how often a slot got new memory, because it was too small.
    """
    __slots__ = ("train", "moved", "_slots")

    def __init__(self, train: bool = False):
        self.train = train
        self.moved = 0
        self._slots: dict[Hashable, np.ndarray] = {}

    def workspace(self, shape, dtype=np.float32, slot: Hashable = 0) -> np.ndarray:
        dtype = np.dtype(dtype)
        nbytes = size(shape) * dtype.itemsize
        buffer = self._slots.get(slot)
        if buffer is None or buffer.nbytes < nbytes:
            self._slots[slot] = buffer = memory.empty((nbytes,), np.uint8)
            self.moved += 1
        return buffer[:nbytes].view(dtype).reshape(shape)


class _Prepared:
    """A kernel's prepared call, prepared again where scratch memory has moved since: two kernels share what the larger one needs."""
    __slots__ = ("run", "make", "moved", "call")

    def __init__(self, run: Run, make: Callable[[], Callable[[], None]]):
        self.run, self.make, self.moved, self.call = run, make, -1, None

    def __call__(self) -> None:
        while self.moved != self.run.moved:     # twice where preparing itself moved some
            moved = self.run.moved
            self.call = self.make()
            self.moved = moved
        self.call()
