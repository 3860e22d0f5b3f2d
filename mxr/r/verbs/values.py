"""Converts R values to operator parameters, arrays and shapes, by the rules of MXNet's R package."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from mxr.engine.ndarray import NDArray
from mxr.graph.symbol import Symbol
from mxr.operator import Floats, MxError, Op, Parameter, ShapeError, shape_text, suggest, to_text
from mxr.operator.inputs import inputs_of, list_of
from mxr.operator.record import A_SYMBOL
from mxr.r.bridge.convert import RList, shape_from_r
from mxr.r.bridge.missing import NA


def pairs(arguments: Any) -> list[tuple[str, Any]]:
    """The (name, value) pairs of a converted R list, "" for a value without name. NULLs are left out."""
    return [(k, v) for k, v in items(arguments) if v is not None]


def items(arguments: Any) -> list[tuple[str, Any]]:
    """Like `pairs`, but with NULLs."""
    if isinstance(arguments, dict):
        return list(arguments.items())
    if isinstance(arguments, RList):
        return list(zip(arguments.names, arguments.values))
    return [] if arguments is None else [("", arguments)]


def file_name(text: str) -> str:
    """A path that Python's functions accept and that has the same bytes as in R. In the C locale, a Python
    that R has started can only encode ASCII."""
    try:
        os.fsencode(text)
        return text
    except UnicodeEncodeError:
        return os.fsdecode(text.encode("utf-8", "surrogateescape"))


def flag(value: Any, *what: str) -> bool:
    """R's TRUE or FALSE, or a number, as a bool. MxError, which starts with `what`, for NA and anything
    else."""
    if not isinstance(value, (bool, int, float)) or value != value:
        raise MxError(f"{': '.join(what)} must be TRUE or FALSE")
    return bool(value)


def number_text(value: Any) -> str:
    """A number as MXNet's R package writes it: six significant digits, logicals as 1 and 0."""
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    return str(value) if isinstance(value, (int, np.integer)) else format(float(value), "g")


def parameter_text(key: str, value: Any, param: Parameter | None, where: str) -> str:
    """The text of one operator parameter.

    A number becomes its text (`number_text`). A vector of another length than 1, or any numbers of a
    parameter whose name ends in "shape", becomes a tuple in reversed order, with fractions cut off.
    """
    if isinstance(value, str):
        return value
    if value is NA:
        raise MxError(f"{where}: {param.name if param else key} is NA")
    if isinstance(value, (list, RList, dict)) or value is None:
        raise MxError(f"{where}: {key} must be a number, a logical, a text, or a vector of numbers")
    if isinstance(value, (Symbol, NDArray)):
        raise MxError(
            f"{where}: {key} is a parameter and takes numbers or text, not a {type(value).__name__}"
        )
    if callable(value):
        raise MxError(f"{where}: {key} cannot be a function")
    flat = np.ravel(value)
    if param is not None and param.type is str and flat.size != 1:
        raise MxError(f"{where}: {key} must be one text, not {flat.size} numbers")
    if flat.size == 1 and not key.endswith("shape"):
        scalar = value if not isinstance(value, np.ndarray) else flat[0]
        if param is not None and param.type is int and float(scalar).is_integer():
            return str(int(scalar))
        return number_text(scalar)
    if flat.dtype == np.bool_:
        raise MxError(f"{where}: {key} must be one logical, not {flat.size}")
    fractions = param is not None and param.type is Floats
    if not fractions and flat.dtype.kind == "f" and not np.isfinite(flat).all():
        raise MxError(f"{where}: {key} must be whole numbers")
    items = [number_text(v) if fractions else str(int(v)) for v in flat[::-1]]
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def own_text(key: str, value: Any, where: str) -> str:
    """The text of a parameter of an operator that a user has written: numbers with all digits, vectors in R's
    order."""
    if value is NA or not isinstance(value, (str, bool, int, float, np.ndarray)):
        raise MxError(
            f"{where}: the parameter {key} must be text, numbers or logicals, "
            f"not {'NA' if value is NA else _kind(value)}"
        )
    if isinstance(value, np.ndarray):
        return to_text(tuple(own_number(v) for v in value.ravel()))
    return value if isinstance(value, str) else to_text(own_number(value))


def own_number(value: Any) -> Any:
    """A whole number as int, another one as float."""
    value = value.item() if isinstance(value, np.generic) else value
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def array(value: Any, what: str = "the array") -> NDArray:
    """The NDArray itself, or a new one in single precision of numbers from R. MxError, which starts with
    `what`, for anything else."""
    if isinstance(value, NDArray):
        return value
    if isinstance(value, (np.ndarray, int, float)):
        return NDArray(np.array(value, np.float32, ndmin=1, order="C"))
    raise MxError(f"{what} must be an NDArray or an array of numbers, not {_kind(value)}")


def _kind(value: Any) -> str:
    return {
        str: "text",
        dict: "a list",
        RList: "a list",
        list: "texts",
        type(None): "NULL",
        Symbol: "a symbol",
        NDArray: "an NDArray",
        np.ndarray: "numbers",
        float: "a number",
        int: "a number",
        bool: "TRUE or FALSE",
    }.get(type(value), type(value).__name__)


def assign(target: NDArray, value: Any, *what: str) -> None:
    """Copy `value` into `target`, which must have the same shape. An MxError starts with `what`."""
    source = value.memory if isinstance(value, NDArray) else value
    if not isinstance(source, np.ndarray):
        if isinstance(source, (int, float)) and target.size == 1:
            target.write(..., source)
            return
        source = array(value, ": ".join(what)).memory
    if source.shape != target.shape:
        raise ShapeError(
            f"{': '.join(what)} has shape {shape_text(target.shape)}, "
            f"the new array {shape_text(source.shape)}"
        )
    target.write(..., source)


def shape(value: Any) -> tuple[int, ...]:
    """R's dimensions as a C-order shape."""
    result = shape_from_r(value)
    if not result or any(n < 0 for n in result):
        raise MxError("a shape must be one or more whole numbers, not negative")
    return result


def shapes(arguments: Any, where: str) -> dict[str, tuple[int, ...]]:
    """Named R dimensions as C-order shapes."""
    result: dict[str, Any] = {}
    for key, value in pairs(arguments):
        if not key:
            raise MxError(f"{where}: every shape needs a name, as in data = c(10, 5)")
        if not isinstance(value, (int, float, np.ndarray)):
            raise MxError(f"{where}: the shape of {key} must be numbers, not {_kind(value)}")
        result[key] = shape_from_r(value)
    return result


def split(
    op: Op,
    given: list[tuple[str, Any]],
    where: str,
    is_input: Callable[[Any], bool],
    takes: str = A_SYMBOL,
) -> tuple[list[Any], dict[str, Any], dict[str, str]]:
    """The arguments of an operator's R call, (name, value) pairs, as (inputs by position, inputs by name,
    parameters as text).

    `is_input(value)`: whether a value is an input; `takes`: what inputs are, for messages. A list of inputs
    is replaced by its elements.
    """
    positional: list[Any] = []
    named: dict[str, Any] = {}
    params: dict[str, str] = {}
    for key, value in given:
        param = op.params.get(key.replace(".", "_"))
        if param is None and _all_inputs(value, is_input) and _takes_list(op, key, value):
            positional += [v for _, v in pairs(value)]
        elif not key:
            if not is_input(value):
                if _all_inputs(value, is_input):
                    raise MxError(f"{where}: takes its inputs one by one, not in a list")
                raise MxError(
                    f"{where}: only inputs go by position; a "
                    f"{'text' if isinstance(value, str) else 'number'} goes by name, as in key = value"
                )
            positional.append(value)
        elif key in params or key in named:
            raise MxError(f"{where}: {key} is given twice")
        elif param is None and is_input(value):
            _check_input_name(op, key, where)
            named[key] = value
        else:
            if not op.open:
                op.check_input(key, where, _kind(value), takes)
            params[key] = (
                parameter_text(key, value, param, where)
                if param or not op.open
                else own_text(key, value, where)
            )
    return positional, named, params


def _takes_list(op: Op, key: str, value: Any) -> bool:
    """Whether a list of inputs may stand for its elements: for operators with any number of inputs. Others
    take a list of one input, by position. Under a name its elements would become the first inputs."""
    return bool(list_of(op)) or (not key and len(pairs(value)) == 1)


def _check_input_name(op: Op, key: str, where: str) -> None:
    if op.open or op.variadic or op.has_input(key.replace(".", "_")):
        return
    known = [*inputs_of(op), *op.params]
    raise MxError(f"{where}: has no input {key}" + (suggest(key, known) or f"; it has {', '.join(known)}"))


def _all_inputs(value: Any, is_input: Callable[[Any], bool]) -> bool:
    """Whether the value is an R list of inputs."""
    elements = pairs(value) if isinstance(value, (RList, dict)) else []
    return bool(elements) and all(is_input(v) for _, v in elements)
