"""Matching the arguments of a call to an operator's inputs. Calls with symbols and with arrays, from Python
and from R, use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, TypeVar

from mxr.operator.errors import MxError, ParamError, suggest
from mxr.operator.record import Op

T = TypeVar("T")


def input_names(op: Op, p: Any) -> tuple[str, ...]:
    """The names of an operator's inputs with these parameters, auxiliary states last."""
    return (*op.inputs(p), *op.aux(p))


def possible_inputs(op: Op, p: Any) -> set[str]:
    """The names of the inputs with these parameters, or with their flags reversed: `bias` is among them even
    with `no_bias`."""
    reversed_flags = SimpleNamespace(**{k: not v if isinstance(v, bool) else v for k, v in vars(p).items()})
    return {*input_names(op, p), *input_names(op, reversed_flags)}


def match_inputs(
    op: Op,
    p: Any,
    positional: Sequence[T],
    named: Mapping[str, T],
    where: str,
    *,
    fill_gaps: bool = False,
    complete: bool = False,
) -> dict[str, T]:
    """The given inputs by name, in the operator's order.

    Positional inputs are the first of the operator's inputs. With `fill_gaps` they are the first that are not
    given by name, as R matches arguments. Names may have dots. MxError, which begins with `where`, for an
    input that is too many, unknown, given twice, or, with `complete`, missing.
    """
    names = input_names(op, p)
    plain = {key.replace(".", "_"): value for key, value in named.items()}
    if len(plain) < len(named):
        raise MxError(f"{where}: an input is given twice (dotted and underscored spellings are one name)")
    _check_count(op, p, names, len(positional), where)
    for key in plain:
        if key not in names:
            raise MxError(f"{where}: {_unknown(op, p, key, names)}")
        if key in names[: len(positional)] and not fill_gaps:
            raise MxError(f"{where}: {key} is given both by position and by name")
    places = [key for key in names if key not in plain] if fill_gaps else names
    if len(positional) > len(places):
        raise MxError(f"{where}: {_takes(names)}, not {len(positional) + len(plain)}")
    given = dict(zip(places, positional)) | plain
    if complete:
        for key in names:
            if key not in given:
                raise MxError(f"{where}: the input {key} is missing; it takes {', '.join(names)}")
    return {key: given[key] for key in names if key in given}


def _check_count(op: Op, p: Any, names: tuple[str, ...], count: int, where: str) -> None:
    """MxError if the parameter that counts the inputs contradicts their number, or if there are too many.
    (UpSampling has a weight that its parameter does not count.)"""
    numbered = op.variadic in op.params and names and names[-1][-1].isdigit()
    if numbered and count and count != len(names):
        raise MxError(
            f"{where}: {op.variadic} is {getattr(p, str(op.variadic))} but {count} inputs are given"
        )
    if count > len(names):
        raise MxError(f"{where}: {_takes(names)}, not {count}")


def _takes(names: tuple[str, ...]) -> str:
    return f"takes {len(names)} input{'s' * (len(names) != 1)} ({', '.join(names)})"


def _unknown(op: Op, p: Any, key: str, names: tuple[str, ...]) -> str:
    if key in possible_inputs(op, p):
        return f"takes no {key} with these parameters; it takes {', '.join(names)}"
    return f"has no input {key}" + (
        suggest(key, [*names, *op.params]) or f"; it has {', '.join([*names, *op.params])}"
    )


def method(op: Op, first: T, run: Callable[[list[T], dict[str, Any]], Any]) -> Callable[..., Any]:
    """An operator as a method of its first input.

    Arguments of the first input's class are further inputs. Other arguments by position are parameters in the
    operator's order, as in MXNet's Python. `run(inputs, parameters)` calls the operator.
    """

    def called(*args: Any, **parameters: Any) -> Any:
        inputs, given = [first], dict(parameters)
        free = [k for k in op.params if k not in given]
        for value in args:
            if isinstance(value, type(first)):
                inputs.append(value)
            elif not free:
                raise ParamError(
                    f"{op.name}: too many arguments; its parameters are {', '.join(op.params) or 'none'}"
                )
            else:
                given[free.pop(0)] = value
        return run(inputs, given)

    called.__name__, called.__doc__ = op.name, op.doc
    return called
