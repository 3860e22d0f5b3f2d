"""Operators written in R: `mx.operator.register` and what `Custom` calls then."""

from __future__ import annotations

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
from mxr.r.bridge.r_api import NIL, R
from mxr.r.bridge.registry import verb
from mxr.r.verbs.values import array, own_text, pairs


class RProp(CustomOpProp):
    """An operator as `mx.operator.register` describes it: `define(parameters)` gives its functions with these
    parameters."""

    def __init__(self, name: str, described: dict, define: RFunction, parameters: dict[str, str]):
        super().__init__(described["need.top.grad"])
        self.name, self.described, self.define, self.parameters = name, described, define, parameters
        self._names = [_texts(described[k]) for k in ("arguments", "outputs", "aux")]
        self._shape: RFunction | None = None

    def list_arguments(self):
        return self._names[0]

    def list_outputs(self):
        return self._names[1]

    def list_auxiliary_states(self):
        return self._names[2]

    def infer_shape(self, in_shape):
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

    def _shapes(self, found, in_shape):
        """The answer of an R `infer.shape`: dimensions of the only output, or a list of `outputs`, and
        `inputs` and `aux` where these follow."""
        parts = {"inputs": [tuple(s) for s in in_shape], "aux": [()] * len(self._names[2])}
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

    def infer_type(self, in_type):
        """Computed in R, whose numbers are double: what comes and goes has the first input's type."""
        kind = in_type[0] if in_type else np.float32
        return len(in_type) * [kind], len(self._names[1]) * [kind], len(self._names[2]) * [kind]

    def create_operator(self, ctx, shapes, dtypes):
        return ROperator(self, self._functions())

    def check(self) -> None:
        """What is checked whenever a symbol with the operator is bound: nothing, or by its own R function."""
        if self.described["has.check"]:
            self._functions()["check"]([])

    def _functions(self) -> dict:
        texts = RList(list(self.parameters.values()), list(self.parameters))
        return self.define([lambda: texts])


def _list(value) -> list:
    if isinstance(value, (dict, RList)):
        return list(value.values() if isinstance(value, dict) else value.values)
    return [value]


def _texts(value) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


class ROperator(CustomOp):
    """The functions of one node of one executor."""

    def __init__(self, prop: RProp, functions: dict):
        self.name, self.nd = prop.name, prop.described["arrays"] == "NDArray"
        self.inputs, self.outputs, self.states = prop._names
        self.input_names, self.output_names, self.state_names = map(RNames, prop._names)
        self.run, self.run_back = functions["forward"], functions.get("backward")
        self.wants, self.wants_back = (
            _texts(prop.described[k]) for k in ("forward.formals", "backward.formals")
        )

    def _given(self, arrays: list[NDArray], names: list[str], made: RNames):
        if self.nd:
            return RList([a.copy() for a in arrays], names)
        return r_arrays([a.data for a in arrays], made)

    def forward(self, is_train, req, in_data, out_data, aux):
        outs = [y.data for y in out_data]

        def given(what):
            if what == "inputs":
                return self._given(in_data, self.inputs, self.input_names)
            if what == "is.train":
                return is_train
            if what == "aux":
                return self._given(aux, self.states, self.state_names)
            return (
                list(req) if what == "req" else r_arrays([np.zeros(y.shape) for y in outs], self.output_names)
            )

        def take(result):
            self._take(
                result, outs, self.outputs, [a.data for a in aux] if is_train else [], "forward", False
            )

        self.run(self.wants, take, given)

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        if self.run_back is None:
            raise MxError(
                f'the operator {self.name} was registered without backward; bind its inputs with '
                'grad.req = "null", or put mx.symbol.BlockGrad around it'
            )

        def given(what):
            if what == "output.grads":
                return self._given(out_grad, self.outputs, self.output_names) if out_grad else NIL
            if what == "inputs":
                return self._given(in_data, self.inputs, self.input_names)
            if what == "outputs":
                return self._given(out_data, self.outputs, self.output_names)
            return list(req) if what == "req" else self._given(aux, self.states, self.state_names)

        wanted = [g.data if r != "null" else None for g, r in zip(in_grad, req)]
        self.run_back(
            self.wants_back,
            lambda result: self._take(result, wanted, self.inputs, [], "backward", True),
            given,
        )

    def _take(self, result, arrays: list, names: list[str], states: list, what: str, gradients: bool) -> None:
        """Copy what a function returned into `arrays`, and into auxiliary states that it names. A gradient
        may be NULL: zero."""
        where = f"what {what} of {self.name} returns"
        kind = result.sxpinfo.type
        if kind == R.REALSXP and len(arrays) == 1 and arrays[0] is not None:
            numbers_into(result, arrays[0], where)
            return
        if kind != R.VECSXP:
            if len(arrays) > 1 and not gradients:
                raise MxError(
                    f"{where} must be a list of {len(arrays)} arrays ({', '.join(names)}), "
                    f"not {KINDS.get(kind, 'one array')}"
                )
            items, given = [result], None
        else:
            items = [R.VECTOR_ELT(result, i) for i in range(R.Rf_xlength(result))]
            given = texts.names_of(result)
        places = dict(zip(names, arrays))
        if given is not None and any(given):
            by_name = dict(zip(given, items))
            for name in by_name:
                if name not in places and name not in self.states:
                    raise MxError(
                        f"{where} has an element {name!r}; the names are {', '.join([*names, *self.states])}"
                    )
            for name, state in zip(self.states, states):
                if name in by_name:
                    numbers_into(by_name[name], state, f"{where}: {name}")
        else:
            if len(items) != len(arrays) and not (gradients and len(items) < len(arrays)):
                raise MxError(f"{where} has {len(items)} arrays for {len(arrays)}: {', '.join(names)}")
            by_name = dict(zip(names, items))
        for name, place in places.items():
            item = by_name.get(name, NIL)
            if item == NIL:
                if not gradients:
                    raise MxError(f"{where} lacks {name}")
            elif place is not None:
                numbers_into(item, place, f"{where}: {name}" if len(places) > 1 else where)


@verb("operator.register")
def register(name: str, described, define):
    """Make an operator written in R known: `described` are its names and flags, `define` gives its functions
    for parameters."""
    register_maker(name, lambda **parameters: RProp(name, described, define, parameters))


@verb("operator.registered")
def registered():
    return get_all_registered_operators()


@verb("operator.invoke")
def invoke(op_type: str, inputs, parameters, out):
    """`Custom` on arrays, at once; auxiliary states may be left out, and are zeros then."""
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
