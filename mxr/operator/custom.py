"""Operators that users write in Python, as MXNet's Python has them: `CustomOp`, `CustomOpProp` and
`register`.

    class Square(mxr.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            self.assign(out_data[0], req[0], in_data[0] * in_data[0])

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            self.assign(in_grad[0], req[0], 2 * in_data[0] * out_grad[0])

    @mxr.operator.register("square")
    class SquareProp(mxr.operator.CustomOpProp):
        def create_operator(self, ctx, shapes, dtypes):
            return Square()

    y = mxr.sym.Custom(x, op_type="square", name="y")

The operator `Custom` itself is declared in mxr/ops/custom.py. mxr/extend.py is for the other kind of user
operators, which are compiled like mxr's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mxr.operator.errors import MxError, suggest

_props: dict[str, Callable[..., CustomOpProp]] = {}


class CustomOp:
    """The computation of one node of a bound symbol. `CustomOpProp.create_operator` makes it.

    Arrays are NDArrays in C order. `req` holds "write", "add" or "null" for each output: see `assign`.
    """

    def forward(
        self, is_train: bool, req: Sequence[str], in_data: Sequence, out_data: Sequence, aux: Sequence
    ) -> None:
        """Compute `out_data` from `in_data`. `aux` are auxiliary states, which may be changed in place in
        training mode."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(
        self,
        req: Sequence[str],
        out_grad: Sequence,
        in_data: Sequence,
        out_data: Sequence,
        in_grad: Sequence,
        aux: Sequence,
    ) -> None:
        """Compute the gradients `in_grad` from those of the outputs, `out_grad` (empty where `need_top_grad`
        is False)."""
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def assign(self, dst: Any, req: str, src: Any) -> None:
        """Write `src` into `dst` ("write"), add it ("add"), or do nothing ("null")."""
        if req in ("write", "inplace"):
            dst[:] = src
        elif req == "add":
            dst[:] = dst + src
        elif req != "null":
            raise MxError(f"assign: req must be one of null, write, inplace, add, not {req!r}")


class CustomOpProp:
    """The description of a user's operator: its inputs, outputs, states, shapes and types. `__init__` gets
    the parameters of `Custom` as text."""

    def __init__(self, need_top_grad: bool = True):
        self.need_top_grad_ = need_top_grad

    def list_arguments(self) -> list[str]:
        return ["data"]

    def list_outputs(self) -> list[str]:
        return ["output"]

    def list_auxiliary_states(self) -> list[str]:
        return []

    def infer_shape(self, in_shape: list) -> tuple:
        """(shapes of inputs, of outputs[, of auxiliary states]) from those of the inputs. [] is an unknown
        shape. Default: all equal the first."""
        return (
            len(in_shape) * [in_shape[0]],
            len(self.list_outputs()) * [in_shape[0]],
            len(self.list_auxiliary_states()) * [in_shape[0]],
        )

    def infer_type(self, in_type: list) -> tuple:
        """(types of inputs, of outputs[, of auxiliary states]) from those of the inputs. Default: all equal
        the first."""
        return (
            len(in_type) * [in_type[0]],
            len(self.list_outputs()) * [in_type[0]],
            len(self.list_auxiliary_states()) * [in_type[0]],
        )

    def declare_backward_dependency(
        self, out_grad: Sequence[int], in_data: Sequence[int], out_data: Sequence[int]
    ) -> list[int]:
        """The numbers of the arrays that the gradient reads. It is there for MXNet's scripts; mxr passes all
        arrays."""
        return [*(out_grad if self.need_top_grad_ else ()), *in_data, *out_data]

    def create_operator(self, ctx: Any, shapes: list, dtypes: list) -> CustomOp:
        """The operator for inputs of these shapes and types, on the device `ctx`."""
        return CustomOp()


def register(reg_name: str) -> Callable[[type], type]:
    """`@register("name")` above a class derived from `CustomOpProp` makes it `Custom(..., op_type="name")`. A
    second class of that name replaces the first."""
    if not isinstance(reg_name, str) or not reg_name:
        raise MxError(
            'register: give the name of the operator, as in @register("square"), '
            f'not {type(reg_name).__name__}'
        )

    def registered(prop: type) -> type:
        if not (isinstance(prop, type) and issubclass(prop, CustomOpProp)):
            raise MxError(
                f"register: {reg_name} must be a class derived from CustomOpProp, "
                f"not {getattr(prop, '__name__', prop)}"
            )
        _props[reg_name] = prop
        return prop

    return registered


def get_all_registered_operators() -> list[str]:
    """The names of the operators that users have registered."""
    return sorted(_props)


def register_maker(name: str, make: Callable[..., CustomOpProp]) -> None:
    """Register a function from the parameters' texts to a prop. Operators written in R use it."""
    _props[name] = make


def custom_prop(op_type: str, parameters: dict[str, str], where: str) -> Any:
    """The prop of `Custom(op_type=...)` with these parameters. MxError if it is not registered, or does not
    take them."""
    make = _props.get(op_type)
    if make is None:
        raise MxError(
            f'{where}: no operator "{op_type}" is registered in this session{suggest(op_type, _props)}; '
            f'register it before, with mx.operator.register("{op_type}", ...)'
        )
    try:
        return make(**parameters)
    except MxError:
        raise
    except Exception as e:
        raise MxError(
            f'{where}: the operator "{op_type}" cannot be made with the parameters {parameters}: '
            f'{type(e).__name__}: {e}'
        ) from e
