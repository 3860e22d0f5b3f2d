"""Inference of shapes: from the given ones to all values of a graph, in both directions."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from operator import index
from typing import Any

from mxr.graph.node import Graph, Node
from mxr.operator import TYPE_NUMBERS, MxError, ShapeError, known, shape_text, spelled, suggest, unify
from mxr.operator.shapes import Dims

TYPE_NAMES = {str(number): name for name, number in TYPE_NUMBERS.items()}


Shapes = dict[tuple[int, int], Dims | None]  # by (id(node), output index)


def infer_shapes(symbol: Graph, given: Mapping[str, Any]) -> tuple[dict[str, Dims], ...] | None:
    """(argument, output, auxiliary shapes) as dicts, or None if `given` does not determine all of them."""
    shapes = all_shapes(symbol, given_shapes(given))
    found = [{name: shapes[entry] for name, entry in part} for part in parts(symbol)]
    if not all(known(s) for part in found for s in part.values()):
        return None
    return tuple({name: s for name, s in part.items() if known(s)} for part in found)


def given_shapes(given: Mapping[str, Any]) -> dict[str, Dims | None]:
    """Shapes that a user gives, checked, by name. A dimension of 0 or less is unknown, and () is wholly
    unknown."""
    shapes: dict[str, Dims | None] = {}
    for name, shape in given.items():
        try:
            dims = [int(d) for d in shape if not isinstance(d, str)]
            if len(dims) != len(shape) or any(d != whole for d, whole in zip(shape, dims)):
                raise ValueError
        except (ValueError, TypeError, OverflowError):
            raise MxError(
                f"the shape of {name} must be a sequence of whole numbers, "
                f"not {type(shape).__name__} {str(shape)[:60]}"
            ) from None
        shapes[name] = tuple(max(d, 0) for d in dims) or None
    return shapes


def parts(symbol: Graph) -> Iterator[list[tuple[str, tuple[int, int]]]]:
    """Names and entries of the arguments, of the outputs, and of the auxiliary states."""
    yield [(n.name, (id(n), 0)) for n in symbol.arg_nodes()]
    yield [(n.output_name(i), (id(n), i)) for n, i in symbol.heads]
    yield [(n.name, (id(n), 0)) for n in symbol.aux_nodes()]


def all_shapes(symbol: Graph, given: Mapping[str, Dims | None]) -> Shapes:
    """The shape of every entry `(id(node), output index)`, with hidden outputs; None or 0 if unknown.

    Applies the operators' rules forwards and backwards over the graph until nothing changes.
    """
    nodes = symbol.nodes()
    variables: dict[str, list[Node]] = {}
    for n in nodes:
        if n.op is None:
            variables.setdefault(n.name, []).append(n)
    _check_names(nodes, variables)
    check_given(given, variables)
    shapes: Shapes = {(id(n), i): None for n in nodes for i in range(n.n_outputs)}
    for name, same in variables.items():
        for n in same:
            shapes[id(n), 0] = _declared_shape(n)
            if name in given:
                shape = given[name]
                shapes[id(n), 0] = shape and tuple(int(d) for d in shape)
        if len(same) > 1:  # variables of the same name are one array
            shape = unify(*(shapes[id(n), 0] for n in same))
            for n in same:
                shapes[id(n), 0] = shape
    pending = [n for n in nodes if n.op is not None]
    while pending:
        changed = False
        for sweep in (pending, pending[::-1]):
            for n in sweep:
                changed |= _infer_node(n, shapes, variables)
        pending = [n for n in pending if not _complete(n, shapes)]
        if not changed:
            break
    return shapes


def _check_names(nodes: list[Node], variables: dict[str, list[Node]]) -> None:
    """MxError if variables of the same name contradict each other. They are one array: scripts make `label`
    twice."""
    if all(len(same) == 1 for same in variables.values()):
        return
    owner = {id(m): n for n in nodes for m, _ in n.aux_entries}
    for name, same in variables.items():
        states = [owner[id(n)] for n in same if id(n) in owner]
        if states and len(states) < len(same):
            raise MxError(
                f"the name {name} stands for an argument and for an auxiliary state of {_called(states[0])}; "
                "give one of the two variables another name"
            )
        declared = [s for s in map(_declared_shape, same) if s]
        shapes = [] if _agree(declared) else list(dict.fromkeys(shape_text(s) for s in declared))
        types = sorted({TYPE_NAMES.get(t, t) for n in same if (t := n.attrs.get("__dtype__"))})
        for what, said in (("shapes", shapes), ("types", types)):
            if len(said) > 1:
                raise ShapeError(
                    f"variables named {name} are declared with the {what} {' and '.join(said)[:200]}, "
                    "but variables of one name are one array; give them different names"
                )


def _called(n: Node) -> str:
    return f"{n.op.name if n.op else 'variable'} {n.name}"


def _agree(shapes: list[Dims]) -> bool:
    try:
        unify(*shapes)
        return True
    except ShapeError:
        return False


def check_given(given: Iterable[str], variables: Mapping[str, Any]) -> None:
    """MxError for a given name that no variable has."""
    for name in given:
        if name not in variables:
            raise MxError(
                f"there is no argument {name} in the symbol"
                + (suggest(name, variables) or f"; it has {', '.join(list(variables)[:20])}")
            )


def _declared_shape(n: Node) -> Dims | None:
    """The shape that a variable's attribute `__shape__` declares. As in MXNet, a dimension of 0 or less is
    unknown, and () is wholly unknown."""
    text = n.attrs.get("__shape__", "None")
    try:
        dims = ast.literal_eval(text.strip().replace("L", ""))  # L: a long integer of Python 2
        dims = dims if isinstance(dims, (tuple, list)) else () if dims is None else (dims,)
        return tuple(max(index(d), 0) for d in dims) or None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise MxError(
            f"variable {n.name}: attribute __shape__ is {text[:100]!r}, which is no shape"
        ) from None


def _complete(n: Node, shapes: Shapes) -> bool:
    return all(known(shapes[id(m), i]) for m, i in n.inputs) and all(
        known(shapes[id(n), i]) for i in range(n.n_outputs)
    )


def _infer_node(n: Node, shapes: Shapes, variables: dict[str, list[Node]]) -> bool:
    assert n.op is not None
    in_keys = [(id(m), i) for m, i in n.inputs]
    out_keys = [(id(n), i) for i in range(n.n_outputs)]
    ins, outs = [shapes[k] for k in in_keys], [shapes[k] for k in out_keys]
    try:
        new_ins, new_outs = n.op.infer_shape(n.p, list(ins), list(outs))
        if len(new_ins) != len(ins) or len(new_outs) != len(outs):
            raise AssertionError(
                f"{n.op.name}: infer_shape returned {len(new_ins)} inputs and {len(new_outs)} outputs for "
                f"{len(ins)} and {len(outs)}"
            )
        changed = False
        for keys, old, new in ((in_keys, ins, new_ins), (out_keys, outs, new_outs)):
            for key, before, after in zip(keys, old, new):
                after = unify(before, after)
                if after != before:
                    shapes[key] = after
                    changed = True
        for m, _ in n.inputs if changed else ():
            same = variables.get(m.name, ()) if m.op is None else ()
            if len(same) > 1:
                shape = unify(*(shapes[id(v), 0] for v in same))
                shapes.update(((id(v), 0), shape) for v in same)
    except ShapeError as e:
        raise ShapeError(
            f"{n.op.name} {n.name}: {e} ({_inputs(n, ins)}){_column(n, ins)}{_shared(n, variables)}"
        ) from None
    except (ValueError, TypeError, AttributeError, ArithmeticError, LookupError, MemoryError) as e:
        # from a rule that does not check its input
        raise ShapeError(
            f"{n.op.name} {n.name}: its parameters do not fit its inputs: {e} ({_inputs(n, ins)})"
        ) from e
    return changed


def _column(n: Node, shapes: list[Dims | None]) -> str:
    """The remedy if one input is a column (the output of a layer of one unit) and the other a vector (its
    labels)."""
    if len(shapes) != 2:
        return ""
    for (m, _), column, vector in zip(n.inputs, shapes, shapes[::-1]):
        if (
            column is not None
            and vector is not None
            and len(column) == 2
            and column[1] == 1
            and len(vector) == 1
        ):
            remedy = spelled(
                f"mx.symbol.Reshape({m.name}, shape = 0)", f"mxr.sym.Reshape({m.name}, shape=(0,))"
            )
            return (
                f": make a vector of the column by {remedy}, or give the vector (the labels?) as a column, "
                f"of shape {shape_text((vector[0], 1))}"
            )
    return ""


def _inputs(n: Node, shapes: list[Dims | None]) -> str:
    return "inputs: " + (
        ", ".join(f"{k} {shape_text(s)}" for k, s in zip(n.input_names, shapes) if s is not None) or "unknown"
    )


def _shared(n: Node, variables: dict[str, list[Node]]) -> str:
    """An explanation if variables with the names of this node's inputs are used elsewhere too."""
    names = [m.name for m, _ in n.inputs if m.op is None and len(variables[m.name]) > 1]
    if not names:
        return ""
    one = f"{' and '.join(names[:2])} {'is one array' if len(names) == 1 else 'are the same arrays'}"
    return (
        f"; several nodes have inputs of these names, so {one} for all of them: "
        "give the nodes or variables different names"
    )
