"""`Node` and `Graph`: the structure on which inference, JSON, the compiler and symbols work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mxr.operator import Op, input_names

# The attribute `__init__` of variables that MXNet creates for missing inputs. Its initializers read it.
INIT_ATTRS = {
    ("_contrib_BatchNormWithReLU", "moving_mean"): '["zero", {}]',
    ("_contrib_BatchNormWithReLU", "moving_var"): '["one", {}]',
    ("_contrib_SyncBatchNorm", "moving_mean"): '["zero", {}]',
    ("_contrib_SyncBatchNorm", "moving_var"): '["one", {}]',
    ("BatchNorm", "moving_mean"): '["zero", {}]',
    ("BatchNorm", "moving_var"): '["one", {}]',
    ("LeakyReLU", "gamma"): '["Constant", {"value": 0.25}]',
    ("BatchNorm_v1", "moving_mean"): '["zero", {}]',
    ("BatchNorm_v1", "moving_var"): '["one", {}]',
    ("IdentityAttachKLSparseReg", "moving_avg"): '["zero", {}]',
    ("UpSampling", "weight"): '["bilinear", {}]',
    ("UpSampling", "arg1"): '["bilinear", {}]',
}


class Node:
    """One call of an operator, or a variable (`op` is None).

    `attrs` holds the attributes as the user wrote them, as text for the JSON. `p` holds the parsed
    parameters. `inputs` are `(node, output index)` pairs, auxiliary states last.
    """

    __slots__ = ("op", "name", "attrs", "p", "inputs", "__weakref__")

    def __init__(
        self,
        op: Op | None,
        name: str,
        attrs: dict[str, str],
        p: Any = None,
        inputs: Iterable[tuple[Node, int]] = (),
    ):
        self.op, self.name, self.attrs, self.p, self.inputs = op, name, attrs, p, list(inputs)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of the inputs, auxiliary states last. A variable has none."""
        return () if self.op is None else input_names(self.op, self.p)

    @property
    def n_visible(self) -> int:
        return 1 if self.op is None else len(self.op.outputs(self.p))

    @property
    def n_outputs(self) -> int:
        """The number of outputs, with the hidden ones that only the gradient reads."""
        return 1 if self.op is None else len(self.op.outputs(self.p)) + len(self.op.hidden(self.p))

    @property
    def n_own(self) -> int:
        """The number of hidden outputs that MXNet does not have. Their names start with an underscore."""
        return 0 if self.op is None else sum(h.startswith("_") for h in self.op.hidden(self.p))

    @property
    def n_aux(self) -> int:
        return 0 if self.op is None else len(self.op.aux(self.p))

    @property
    def aux_entries(self) -> list[tuple[Node, int]]:
        """The inputs that the operator writes to: auxiliary states, and those that update operators change in
        place."""
        if self.op is None:
            return []
        n = len(self.inputs) - self.n_aux
        return [self.inputs[i] for i in self.op.mutates if i < n] + self.inputs[n:]

    def output_name(self, index: int) -> str:
        return (
            self.name
            if self.op is None
            else f"{self.name}_{(*self.op.outputs(self.p), *self.op.hidden(self.p))[index]}"
        )

    def __repr__(self) -> str:
        return f"<{self.op.name if self.op else 'Variable'} {self.name}>"


Entry = tuple[Node, int]  # one output of a node


class Graph:
    """One or several outputs of nodes, `heads`, and all nodes that they are computed from."""

    __slots__ = ("heads", "_order", "__weakref__")

    def __init__(self, heads: Iterable[tuple[Node, int]]):
        self.heads = list(heads)
        self._order: list[Node] | None = None

    def nodes(self) -> list[Node]:
        """Every node once, inputs before users (MXNet's depth-first order)."""
        if self._order is None:
            order, seen = [], set()
            for head, _ in self.heads:
                if id(head) in seen:
                    continue
                seen.add(id(head))
                stack = [(head, iter(head.inputs))]
                while stack:  # iterative: graphs may be thousands of layers deep
                    node, inputs = stack[-1]
                    for child, _ in inputs:
                        if id(child) not in seen:
                            seen.add(id(child))
                            stack.append((child, iter(child.inputs)))
                            break
                    else:
                        order.append(node)
                        stack.pop()
            self._order = order
        return self._order

    def _aux_ids(self) -> set[int]:
        return {id(n) for node in self.nodes() for n, _ in node.aux_entries if n.op is None}

    def aux_nodes(self) -> list[Node]:
        """The variables that are auxiliary states of some operator."""
        ids = self._aux_ids()
        return _unique(n for n in self.nodes() if id(n) in ids)

    def arg_nodes(self) -> list[Node]:
        """The variables that are not auxiliary states."""
        ids = self._aux_ids()
        return _unique(n for n in self.nodes() if n.op is None and id(n) not in ids)

    def list_arguments(self) -> list[str]:
        return [n.name for n in self.arg_nodes()]

    def list_auxiliary_states(self) -> list[str]:
        return [n.name for n in self.aux_nodes()]

    def list_outputs(self) -> list[str]:
        return [n.output_name(i) for n, i in self.heads]


def _unique(nodes: Iterable[Node]) -> list[Node]:
    """One node per name: variables of the same name are one argument."""
    return list({n.name: n for n in reversed(list(nodes))}.values())[::-1]
