"""Operators written in R: `mx.operator.register`, and the classes by which the operator `Custom` calls
them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from mxr.engine.ndarray import NDArray, call
from mxr.operator import (
    CustomOp,
    CustomOpProp,
    MxError,
    ShapeError,
    get,
    get_all_registered_operators,
    shape_text,
)
from mxr.operator.custom import register_maker
from mxr.r.bridge import texts
from mxr.r.bridge.convert import Dims, RList, shape_from_r
from mxr.r.bridge.functions import KINDS, RFunction, RNames, numbers_into, r_arrays
from mxr.r.bridge.r_api import NIL, R, Sexp
from mxr.r.bridge.registry import verb
from mxr.r.verbs.values import array, own_text, pairs

Shapes: TypeAlias = list[tuple[int, ...]]


class RProp(CustomOpProp):
    """An operator as `mx.operator.register` describes it. `define(parameters)` returns its R functions for
    these parameters."""

    def __init__(
        self, name: str, described: dict[str, Any], define: RFunction, parameters: dict[str, str]
    ) -> None:
        super().__init__(described["need.top.grad"])
        self.name, self.described, self.define, self.parameters = name, described, define, parameters
        self._names = [_texts(described[k]) for k in ("arguments", "outputs", "aux")]
        self._shape: RFunction | None = None

    def list_arguments(self) -> list[str]:
        return self._names[0]

    def list_outputs(self) -> list[str]:
        return self._names[1]

    def list_auxiliary_states(self) -> list[str]:
        return self._names[2]

    def infer_shape(self, in_shape: list[Any]) -> tuple[Shapes, ...]:
        if not self.described["has.infer.shape"]:
            given = {tuple(s) for s in in_shape if s}
            if len(given) > 1:
                named = ", ".join(f"{k} {shape_text(tuple(s))}" for k, s in zip(self._names[0], in_shape))
                raise ShapeError(
                    f"the operator {self.name}, registered without infer.shape, "
                    f"takes inputs of equal dimensions, not {named}"
                )
            first = next(iter(given), ())
            return tuple([first] * len(part) for part in self._names)
        if self._shape is None:
            self._shape = self._functions()["infer.shape"]
        shapes = RList([Dims(s) if s else None for s in in_shape], self._names[0])
        found = self._shape([lambda: shapes])
        return self._shapes(found, in_shape)

    def _shapes(self, found: Any, in_shape: list[Any]) -> tuple[Shapes, Shapes, Shapes]:
        """(input, output, auxiliary shapes) from the result of an R `infer.shape`: either the dimensions of
        the outputs, or a list with `outputs` and perhaps `inputs` and `aux`."""
        parts: dict[str, Shapes] = {
            "inputs": [tuple(s) for s in in_shape],
            "aux": [()] * len(self._names[2]),
        }
        known_keys = {"inputs", "outputs", "aux"}
        if isinstance(found, dict) and found.keys() <= known_keys:
            parts |= {k: [shape_from_r(s) or () for s in _list(v)] for k, v in found.items() if v is not None}
        else:
            parts["outputs"] = [shape_from_r(s) or () for s in _list(found)]
        for key, names in zip(("inputs", "outputs", "aux"), self._names):
            if len(parts.get(key, ())) != len(names):
                raise ShapeError(
                    f"infer.shape of {self.name} must return dimensions of {len(names)} {key} "
                    f"({', '.join(names)}), as in list(outputs = list(c(2, 3)))"
                )
        return parts["inputs"], parts["outputs"], parts["aux"]

    def infer_type(self, in_type: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """All arrays have the first input's type; R computes in double."""
        kind = in_type[0] if in_type else np.float32
        return len(in_type) * [kind], len(self._names[1]) * [kind], len(self._names[2]) * [kind]

    def create_operator(self, ctx: Any, shapes: list[Any], dtypes: list[Any]) -> ROperator:
        return ROperator(self, self._functions())

    def check(self) -> None:
        """Call the operator's own R function `check`, if it has one. Called at every bind."""
        if self.described["has.check"]:
            self._functions()["check"]([])

    def _functions(self) -> dict[str, RFunction]:
        texts = RList(list(self.parameters.values()), list(self.parameters))
        functions: dict[str, RFunction] = self.define([lambda: texts])
        return functions


def _list(value: Any) -> list[Any]:
    if isinstance(value, (dict, RList)):
        return list(value.values() if isinstance(value, dict) else value.values)
    return [value]


def _texts(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


class ROperator(CustomOp):
    """The R functions of one node in one executor."""

    def __init__(self, prop: RProp, functions: dict[str, RFunction]) -> None:
        self.name, self.nd = prop.name, prop.described["arrays"] == "NDArray"
        self.inputs, self.outputs, self.states = prop._names
        self.input_names, self.output_names, self.state_names = map(RNames, prop._names)
        self.run, self.run_back = functions["forward"], functions.get("backward")
        self.formals, self.formals_back = (
            _texts(prop.described[k]) for k in ("forward.formals", "backward.formals")
        )

    def _given(self, arrays: Sequence[NDArray], names: list[str], r_names: RNames) -> Any:
        """Arrays as the R functions get them: a list of NDArrays, or of R arrays."""
        if self.nd:
            return RList([a.copy() for a in arrays], names)
        return r_arrays([a.data for a in arrays], r_names)

    def forward(
        self,
        is_train: bool,
        req: Sequence[str],
        in_data: Sequence[NDArray],
        out_data: Sequence[NDArray],
        aux: Sequence[NDArray],
    ) -> None:
        outs = [y.data for y in out_data]

        def given(what: str) -> Any:
            if what == "inputs":
                return self._given(in_data, self.inputs, self.input_names)
            if what == "is.train":
                return is_train
            if what == "aux":
                return self._given(aux, self.states, self.state_names)
            return (
                list(req) if what == "req" else r_arrays([np.zeros(y.shape) for y in outs], self.output_names)
            )

        def take(result: Sexp) -> None:
            states = [a.data for a in aux] if is_train else []
            self._take(result, outs, self.outputs, states, "forward", False)

        self.run(self.formals, take, given)

    def backward(
        self,
        req: Sequence[str],
        out_grad: Sequence[NDArray],
        in_data: Sequence[NDArray],
        out_data: Sequence[NDArray],
        in_grad: Sequence[NDArray],
        aux: Sequence[NDArray],
    ) -> None:
        if self.run_back is None:
            raise MxError(
                f'the operator {self.name} was registered without backward; bind its inputs with '
                'grad.req = "null", or put mx.symbol.BlockGrad around it'
            )

        def given(what: str) -> Any:
            if what == "output.grads":
                return self._given(out_grad, self.outputs, self.output_names) if out_grad else NIL
            if what == "inputs":
                return self._given(in_data, self.inputs, self.input_names)
            if what == "outputs":
                return self._given(out_data, self.outputs, self.output_names)
            return list(req) if what == "req" else self._given(aux, self.states, self.state_names)

        grads = [g.data if r != "null" else None for g, r in zip(in_grad, req)]

        def take(result: Sexp) -> None:
            self._take(result, grads, self.inputs, [], "backward", True)

        self.run_back(self.formals_back, take, given)

    def _take(
        self,
        result: Sexp,
        arrays: Sequence[np.ndarray | None],
        names: list[str],
        states: Sequence[np.ndarray],
        what: str,
        gradients: bool,
    ) -> None:
        """Copy an R function's result into `arrays`, and into the auxiliary states that it names. `what`:
        which function. None among `arrays`: not needed. A NULL among gradients: zero."""
        where = f"what {what} of {self.name} returns"
        if result.sxpinfo.type == R.REALSXP and len(arrays) == 1 and arrays[0] is not None:
            numbers_into(result, arrays[0], where)
            return
        by_name = self._by_name(result, names, where, gradients)
        for name, state in zip(self.states, states):
            if name in by_name:
                numbers_into(by_name[name], state, f"{where}: {name}")
        for name, place in zip(names, arrays):
            item = by_name.get(name, NIL)
            if item == NIL:
                if not gradients:
                    raise MxError(f"{where} lacks {name}")
            elif place is not None:
                numbers_into(item, place, f"{where}: {name}" if len(arrays) > 1 else where)

    def _by_name(self, result: Sexp, names: list[str], where: str, gradients: bool) -> dict[str, Sexp]:
        """The arrays of an R function's result by name: a list with names, a list in the order of `names`, or
        one array. Gradients at the end of the list may be left out."""
        kind, given = result.sxpinfo.type, list[str]()
        if kind == R.VECSXP:
            items = [R.VECTOR_ELT(result, i) for i in range(R.Rf_xlength(result))]
            given = texts.names_of(result) or []
        elif len(names) > 1 and not gradients:
            raise MxError(
                f"{where} must be a list of {len(names)} arrays ({', '.join(names)}), "
                f"not {KINDS.get(kind, 'one array')}"
            )
        else:
            items = [result]
        if any(given):
            known = [*names, *self.states]
            for name in given:
                if name not in known:
                    raise MxError(f"{where} has an element {name!r}; the names are {', '.join(known)}")
            return dict(zip(given, items))
        if len(items) != len(names) and not (gradients and len(items) < len(names)):
            raise MxError(f"{where} has {len(items)} arrays for {len(names)}: {', '.join(names)}")
        return dict(zip(names, items))


@verb("operator.register")
def register(name: str, described: dict[str, Any], define: RFunction) -> None:
    """Register an operator written in R. `described`: its names and flags; `define(parameters)` returns its
    functions."""

    def make(**parameters: str) -> RProp:
        return RProp(name, described, define, parameters)

    register_maker(name, make)


@verb("operator.registered")
def registered() -> list[str]:
    return get_all_registered_operators()


@verb("operator.invoke")
def invoke(op_type: str, inputs: Any, parameters: Any, out: Any) -> NDArray | list[NDArray]:
    """`Custom` on arrays. Auxiliary states that are not given are zeros."""
    where = "mx.nd.Custom"
    texts = {k.replace(".", "_"): own_text(k, v, where) for k, v in pairs(parameters)}
    p = get("Custom").parse({"op_type": op_type, **texts}, where)
    given = [array(v, f"{where}: input {i}") for i, (_, v) in enumerate(pairs(inputs), 1)]
    if len(given) == len(p.arguments) and p.states:
        shapes = get("Custom").infer_shape(
            p, [a.shape for a in given] + [None] * len(p.states), [None] * len(p.results)
        )[0]
        given += [NDArray(np.zeros(s, np.float32)) for s in shapes[len(given) :]]
    outs = None if out is None else [array(v) for _, v in pairs(out)]
    results = call("Custom", given, {"op_type": op_type, **texts}, outs, where)
    return results[0] if len(results) == 1 else list(results)
