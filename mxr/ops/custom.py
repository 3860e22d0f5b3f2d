"""The operator `Custom`, which calls operators that users have registered by `mxr.operator.register` or by
R's `mx.operator.register`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from mxr.engine.ndarray import NDArray
from mxr.operator import REQUIRED, CustomOp, MxError, P, ShapeError, known, op, shape_text, unify
from mxr.operator.custom import custom_prop


def _called(p, what: str, function: Callable, *args):
    """The result of a user's function. An exception in it becomes an MxError that starts with `what`, the
    function's name; its cause is the exception."""
    try:
        return function(*args)
    except MxError as e:
        raise type(e)(f"{what} of {p.op_type}: {e}") from e
    except Exception as e:
        raise MxError(f"{what} of {p.op_type}: {type(e).__name__}: {e}") from e


def _names(p, what: str) -> tuple[str, ...]:
    names = _called(p, what, getattr(p.prop, what))
    if not all(isinstance(n, str) for n in names) or len(set(names)) < len(names):
        raise MxError(f"{what} of {p.op_type}: must return different names, not {names!r}")
    return tuple(names)


def _shape(s):
    """A shape as a user's function gets it: a list, empty for an unknown shape."""
    return list(s) if s is not None else []


def _three(p, what: str, found, counts) -> list[list]:
    """The result of infer_shape or infer_type as three lists; an error if their lengths are wrong."""
    parts = list(found) if isinstance(found, (tuple, list)) else []
    if len(parts) == 2:
        parts.append([])
    if len(parts) != 3 or [len(part) for part in parts] != list(counts):
        kind = ShapeError if what == "infer_shape" else MxError
        raise kind(
            f"{what} of {p.op_type}: must return lists for {counts[0]} inputs, "
            f"{counts[1]} outputs and {counts[2]} auxiliary states, not {str(found)[:200]}"
        )
    return [list(part) for part in parts]


def _state(p, run, ins):
    """The user's operator of one node of one executor."""
    n = len(p.arguments)

    def make():
        user = _called(
            p,
            "create_operator",
            p.prop.create_operator,
            "cpu(0)",
            [list(x.shape) for x in ins[:n]],
            [x.dtype.type for x in ins[:n]],
        )
        if not isinstance(user, CustomOp):
            raise MxError(
                f"create_operator of {p.op_type}: must return a CustomOp, not {type(user).__name__}"
            )
        return user

    return run.own(id(p), make)


def _readable(x: np.ndarray) -> NDArray:
    """An input for a user's function, read-only, so that writing into it is an error."""
    view = x.view()
    view.flags.writeable = False
    return NDArray(view)


@op("Custom", open=True)
class Custom:
    """An operator that the user has written. `op_type` is its registered name; all other parameters are the
    operator's own.

    In R, `mx.operator.register(name, forward = , backward = )` registers one; in Python,
    `@mxr.operator.register(name)` over a `CustomOpProp`. Inputs, outputs and shapes are those that it
    declares.
    """

    op_type: str = P(REQUIRED, "the name under which the operator was registered")

    if TYPE_CHECKING:  # attributes of `p` that `op` and `complete` set
        others: dict[str, str]
        arguments: tuple[str, ...]
        results: tuple[str, ...]
        states: tuple[str, ...]

    inputs = lambda p: p.arguments
    outputs = lambda p: p.results
    aux = lambda p: p.states
    own_types = ("*",)

    def complete(p, where):
        p.prop = custom_prop(p.op_type, p.others, where)
        for field, what in (
            ("arguments", "list_arguments"),
            ("results", "list_outputs"),
            ("states", "list_auxiliary_states"),
        ):
            setattr(p, field, _names(p, what))
        p.ignores_head = not getattr(p.prop, "need_top_grad_", True)

    def bound(p):
        check = getattr(p.prop, "check", None)
        if check is not None:
            check()

    def infer_shape(p, ins, outs):
        n = len(p.arguments)
        try:
            found = p.prop.infer_shape([_shape(s) for s in ins[:n]])
        except Exception as e:
            if not all(known(s) for s in ins[:n]):
                return ins, outs  # it may succeed once more shapes are known
            raise ShapeError(
                f"infer_shape of {p.op_type}: {type(e).__name__}: {e}"
                if not isinstance(e, MxError)
                else str(e)
            ) from e
        parts = _three(p, "infer_shape", found, (n, len(p.results), len(p.states)))
        inputs, results, states = [
            [unify(tuple(int(d) for d in s) if len(s) else None) for s in part] for part in parts
        ]
        for name, given, said in zip((*p.arguments, *p.states), ins, inputs + states):
            if known(given) and known(said) and given != said:
                raise ShapeError(
                    f"{name} has the shape {shape_text(given)}, but infer_shape of {p.op_type} gives "
                    f"{shape_text(said)}"
                )
        return [unify(a, b) for a, b in zip(ins, inputs + states)], [
            unify(a, b) for a, b in zip(outs, results)
        ]

    def infer_type(p, ins):
        n = len(p.arguments)
        known_type = next((t for t in ins if t is not None), np.dtype(np.float32))
        given = [np.dtype(known_type if t is None else t).type for t in ins[:n]]
        found = _called(p, "infer_type", p.prop.infer_type, given)
        return [np.dtype(t) for t in _three(p, "infer_type", found, (n, len(p.results), len(p.states)))[1]]

    def prepare(p, run, ins, outs):
        n = len(p.arguments)
        user = _state(p, run, ins)
        given = (
            ["write"] * len(outs),
            [_readable(x) for x in ins[:n]],
            [NDArray(y) for y in outs],
            [NDArray(x) for x in ins[n:]],
        )
        return lambda: _called(p, "forward", user.forward, run.train, *given)

    def prepare_gradient(p, run, gs, ins, outs, igs):
        n = len(p.arguments)
        user = _state(p, run, ins)
        heads = (
            []
            if p.ignores_head
            else [NDArray(np.zeros_like(y)) if g is None else _readable(g) for g, y in zip(gs, outs)]
        )
        grads = [np.zeros_like(x) if g is None else g for g, x in zip(igs, ins[:n])]
        given = (
            ["null" if g is None else "write" for g in igs],
            heads,
            [_readable(x) for x in ins[:n]],
            [_readable(y) for y in outs],
            [NDArray(g) for g in grads],
            [NDArray(x) for x in ins[n:]],
        )

        def call():
            for g in grads:
                g[...] = 0  # the gradient of an input for which the user's function writes none
            _called(p, "backward", user.backward, *given)

        return call
