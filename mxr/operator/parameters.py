"""Parameters of operators and readers: types, bounds, defaults, and parsing of values and texts."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mxr.operator.errors import ParamError, suggest


class Shape(tuple[int, ...]):
    """A tuple of integers; in R a vector in reversed order."""


class Floats(tuple[float, ...]):
    """A tuple of numbers."""


class Dtype(str):
    """The name of an element type, such as 'float32'."""


class _Required:
    """The default of a parameter that must be given."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()
DTYPES = ("float16", "float32", "float64", "int8", "int32", "int64", "uint8", "bool")
# fmt: off
# MXNet's numbers of types, in files
TYPE_NUMBERS = {
    "float32": 0, "float64": 1, "float16": 2, "uint8": 3, "int32": 4, "int8": 5, "int64": 6, "bool": 7,
}
# fmt: on
# parameters that count inputs or outputs, and their largest value: each input and output has a name
COUNTS = {"num_args", "num_outputs", "num_arrays", "num_weights", "sections"}
MOST = 1 << 16
_TRUE, _FALSE = {"1", "true", "True", "TRUE", "T"}, {"0", "false", "False", "FALSE", "F"}


def P(
    default: Any = REQUIRED,
    doc: str = "",
    *,
    one_of: Sequence[str] | None = None,
    low: float | None = None,
    high: float | None = None,
    none: bool = False,
    ignored: bool = False,
) -> Any:
    """One parameter: `name: type = P(default, "what it does", one_of=, low=, high=, none=)`.

    `none`: the value may be None (implied by a default of None). `low` and `high` are inclusive bounds.
    `ignored`: MXNet uses the parameter only on a GPU; it is accepted, written to the JSON, and has no effect.
    The result is a `Parameter`. Its type here is Any, so that type checkers accept every annotation.
    """
    return Parameter(default, doc, one_of, low, high, none or default is None, ignored)


@dataclass
class Parameter:
    """One declared parameter of an operator or a reader: see `P`. `name` and `type` are set from the class in
    which it is declared."""

    default: Any
    doc: str
    one_of: Sequence[str] | None
    low: float | None
    high: float | None
    none: bool
    ignored: bool
    name: str = ""
    type: type = str

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def type_text(self) -> str:
        """The type, as in help pages."""
        if self.one_of:
            return "one of " + ", ".join(f'"{v}"' for v in self.one_of)
        text = {
            float: "number",
            int: "integer",
            bool: "logical",
            str: "text",
            Shape: "integer vector",
            Floats: "numeric vector",
            Dtype: "element type",
        }[self.type]
        return text + " or None" if self.none else text

    def parse(self, value: Any, where: str) -> Any:
        """`value`, which is a Python value or the text of a JSON attribute, as this parameter's type.
        ParamError, which begins with `where`, if that is impossible."""
        if value is None or (isinstance(value, str) and value == "None"):
            if self.none:
                return None
            raise ParamError(f"{where}: {self.name} cannot be None; it is {self.type_text}")
        try:
            parsed = _PARSERS[self.type](value)
        except (ValueError, TypeError, SyntaxError, OverflowError, MemoryError, RecursionError):
            raise ParamError(
                f"{where}: {self.name} must be {_with_article(self.type_text)}, not {_shown(value)}"
            ) from None
        if self.one_of and parsed not in self.one_of:
            raise ParamError(
                f"{where}: {self.name} must be {self.type_text}, not {_shown(value)}"
                + suggest(str(value), self.one_of)
            )
        if isinstance(parsed, (int, float)) and not isinstance(parsed, bool):
            if (self.low is not None and not parsed >= self.low) or (
                self.high is not None and not parsed <= self.high
            ):
                bounds = " and ".join(
                    f"at {word} {b}"
                    for word, b in (("least", self.low), ("most", self.high))
                    if b is not None
                )
                raise ParamError(f"{where}: {self.name} must be {bounds}, not {_shown(value)}")
        return parsed


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else text[:97] + "..."


def _with_article(text: str) -> str:
    return text if text.startswith(("one of", "text")) else ("an " if text[0] in "aeiou" else "a ") + text


def _int(value: Any) -> int:
    if isinstance(value, str):
        text = value.strip().removesuffix("L")  # a long integer of Python 2
        if text in _TRUE:
            return 1
        return 0 if text in _FALSE else int(text)
    if isinstance(value, (float, np.floating)) and not float(value).is_integer():
        raise ValueError
    return int(value)


def _bool(value: Any) -> bool:
    if isinstance(value, str):
        if value.strip() in _TRUE:
            return True
        if value.strip() in _FALSE:
            return False
        raise ValueError
    return bool(_int(value))


def _float(value: Any) -> float:
    if isinstance(value, str):
        return float({"True": "1", "False": "0", "TRUE": "1", "FALSE": "0"}.get(value.strip(), value))
    if isinstance(value, (tuple, list)):
        raise TypeError
    return float(value)


def _sequence(value: Any, number: Callable[[Any], Any]) -> tuple[Any, ...]:
    if isinstance(value, str):
        text = value.strip()
        # MXNet writes (1, 2) or [1,2], and one element as (1,) or 1; long integers may end with L
        value = ast.literal_eval(text.replace("L", "")) if text not in ("", "()", "[]") else ()
    if isinstance(value, (int, float, np.number)):
        value = (value,)
    return tuple(None if v is None else number(v) for v in value)


def _dtype(value: Any) -> str:
    name = value if isinstance(value, str) else np.dtype(value).name
    if name not in DTYPES:
        raise ValueError(name)
    return name


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


_PARSERS: dict[type, Callable[[Any], Any]] = {
    float: _float,
    int: _int,
    bool: _bool,
    str: _text,
    Dtype: _dtype,
    Shape: lambda v: _sequence(v, _int),
    Floats: lambda v: _sequence(v, _float),
}


def element_type(value: Any, where: str) -> np.dtype[Any]:
    """An element type of MXNet, from its name or any other form that NumPy accepts."""
    try:
        return np.dtype(_dtype(value))
    except (ValueError, TypeError):
        raise ParamError(
            f"{where}: {_shown(value)} is no element type; these are: {', '.join(DTYPES)}"
        ) from None


def to_text(value: Any) -> str:
    """A parameter's value as text, in the form of MXNet's symbol JSON."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (tuple, list)):
        return "(" + ", ".join(map(to_text, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, (type, np.dtype)):
        return np.dtype(value).name
    return str(value)
