"""`Op`: the record of one operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np

from mxr.operator.errors import ParamError, suggest
from mxr.operator.inputs import inputs_of
from mxr.operator.parameters import COUNTS, MOST, Parameter, to_text

# For messages: what an input takes.
A_SYMBOL = "a symbol{}; its values go into arg.params, or to bind, under the symbol's name"
AN_ARRAY = "an NDArray, an array or numbers{}"


@dataclass
class Op:
    """All properties of one operator. `op` (declaration.py) makes it from a class."""

    name: str
    doc: str
    params: dict[str, Parameter]
    inputs: Callable[[Any], tuple[str, ...]]  # names of the array inputs, given the parsed parameters
    aux: Callable[[Any], tuple[str, ...]]  # names of the trailing inputs that are auxiliary states
    # suffixes of the visible outputs: ("output",) or ("output0", ...)
    outputs: Callable[[Any], tuple[str, ...]]
    # suffixes of the outputs that only the gradient reads; they follow the visible ones
    hidden: Callable[[Any], tuple[str, ...]]
    infer_shape: Callable  # (p, ins, outs) -> (ins, outs), None or 0 where unknown
    infer_type: Callable  # (p, in dtypes) -> out dtypes
    forward: Callable | None  # expression operators: (p, *inputs) -> output or tuple
    backward: Callable | None  # (p, g, ins, outs) -> gradient or tuple
    compute: Callable | None  # kernel operators: (p, run, ins, outs) -> None
    gradient: Callable | None  # (p, run, gs, ins, outs, igs) -> None
    # has the arguments of `compute`, and returns a call that does the same and can be repeated
    prepare: Callable | None
    prepare_gradient: Callable | None  # the same for `gradient`
    aliases: tuple[str, ...] = ()
    variadic: str | None = None  # the parameter that counts the inputs
    loss: bool = False  # its gradient ignores head gradients
    random: bool = False  # draws from the random stream
    zero_gradient: bool = False  # differentiable in MXNet's sense, with gradient zero
    # what a kernel operator's gradient reads
    keeps: Callable[[Any], tuple[str, ...]] = lambda p: ("ins", "outs")
    # inputs whose type may differ from the others', whose type is t
    own_types: Callable[[np.dtype | None], tuple[str, ...]] = lambda t: ()
    mutates: tuple[int, ...] = ()  # positions of non-auxiliary inputs written in place (update operators)
    family: str = ""  # the module it is declared in
    open: bool = False  # takes parameters of any name (`Custom`), as text in `p.others`
    subgraphs: int = 0  # the number of graphs inside a node, in `p.subgraphs` (control flow)
    bound: Callable | None = None  # (p): called whenever a symbol with the operator is bound
    inference: Callable | None = None  # (p, *inputs): a kernel's output as an expression, without training
    segment: Callable | None = None  # (p, shape, *inputs): its part of a segment of oneDNN's, or None
    complete: Callable | None = None  # (p, where): adds derived values to the parsed parameters

    @property
    def differentiable(self) -> bool:
        return bool(self.backward or self.gradient or self.zero_gradient)

    @property
    def is_expression(self) -> bool:
        return self.forward is not None

    def ignores_head(self, p: Any) -> bool:
        """Whether the gradient ignores that of the output: for a loss, or a user's operator without
        `need_top_grad`."""
        return (self.loss and not getattr(p, "out_grad", False)) or getattr(p, "ignores_head", False)

    def takes(self, name: str) -> bool:
        """Whether it has a parameter of that name."""
        return name in self.params or (self.open and not name.startswith("__"))

    def has_input(self, name: str) -> bool:
        """Whether an input or auxiliary state has that name, with any setting of the parameters."""
        return name in self._every_input

    @cached_property
    def _every_input(self) -> frozenset[str]:
        return frozenset(inputs_of(self))

    def check_input(self, key: str, where: str | None = None, given: str = "", takes: str = A_SYMBOL) -> None:
        """ParamError if `key`, given as a parameter, is an input. The message describes the value by `given`,
        and what the input takes by `takes`."""
        if not self.takes(key.replace(".", "_")) and self.has_input(key.replace(".", "_")):
            raise ParamError(
                f"{where or self.name}: {key} is an input and takes "
                f"{takes.format(given and f', not {given}')}"
            )

    def plain_names(self, attrs: dict[str, Any], where: str | None = None) -> dict[str, Any]:
        """`attrs` by names with underscores. ParamError for unknown names, and for names in both
        spellings."""
        given: dict[str, Any] = {}
        for key, value in attrs.items():
            name = key.replace(".", "_")
            if not self.takes(name):
                self.check_input(key, where)
                known = [*self.params, *(k.replace("_", ".") for k in self.params)]
                raise ParamError(
                    f"{where or self.name}: unknown parameter {key}"
                    + (suggest(key, known) or "; it has " + (", ".join(self.params) or "no parameters"))
                )
            if name in given:
                raise ParamError(
                    f"{where or self.name}: {name} is given twice (dotted and underscored spellings "
                    "are one parameter)"
                )
            given[name] = value
        return given

    def parse(self, attrs: dict[str, Any], where: str | None = None) -> SimpleNamespace:
        """The parsed parameters, with defaults. Names may have dots. ParamError for unknown ones."""
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
        for name in COUNTS.intersection(self.params).intersection(given):
            if (getattr(p, name) or 0) > MOST:
                raise ParamError(f"{where}: {name} is {getattr(p, name)}; at most {MOST} are possible")
        if self.open:
            p.others = {
                name: value if isinstance(value, str) else to_text(value)
                for name, value in given.items()
                if name not in self.params
            }
        if self.complete:
            self.complete(p, where)
        return p
