"""Binding: making an executor from a symbol and arrays or shapes. Adds `bind`, `simple_bind` and `eval` to
`Symbol`."""

from __future__ import annotations

from typing import Any

import numpy as np

from mxr.engine.blocks import side_by_side
from mxr.engine.device import Context, checked
from mxr.engine.executor import Executor, check_affordable, enough_memory
from mxr.engine.ndarray import NDArray, array, numbers
from mxr.graph.infer_shapes import Shapes, all_shapes, given_shapes
from mxr.graph.infer_types import all_types, check_types, declared_types, variable_types
from mxr.graph.node import Node
from mxr.graph.symbol import Symbol
from mxr.operator import MxError, ShapeError, element_type, known, shape_text, suggest
from mxr.operator.shapes import Dims
from mxr.runtime import memory

REQS = ("null", "write", "add")

# names in MXNet's Python, and mxr's names
_MXNET_NAMES = {"args_grad": "grads", "grad_req": "reqs", "aux_states": "aux"}


def _arguments(
    names: tuple[str, ...], positional: tuple[Any, ...], named: dict[str, Any], where: str
) -> dict[str, Any]:
    """The arguments of a binding by mxr's names. They are given by position, after an optional device as in
    MXNet's Python, or by mxr's or MXNet's names, which are removed from `named`."""
    if positional and isinstance(positional[0], Context):
        positional = positional[1:]
    checked(named.pop("ctx", None), where)
    if len(positional) > len(names):
        raise MxError(f"{where}: takes {', '.join(names)}, and a device before them")
    given = dict(zip(names, positional))
    for key in (*names, *_MXNET_NAMES):
        if key in named:
            ours = _MXNET_NAMES.get(key, key)
            if ours in given:
                raise MxError(f"{where}: {ours} is given twice")
            given[ours] = named.pop(key)
    return given


def bind(symbol: Symbol, /, *positional: Any, **named: Any) -> Executor:
    """An executor that uses existing arrays: `bind(args, grads=None, reqs="write", aux=None)`.

    `args`, `grads`, `aux`: dicts by name, or lists in the symbol's order, of NDArrays or NumPy arrays. Items
    of `grads` may be None or missing. `reqs`: "null", "write" or "add" for all arguments, or a dict or list
    of these. As in MXNet's Python, a device may be the first argument or `ctx=`, and the last three may be
    called `args_grad`, `grad_req`, `aux_states`.
    """
    given = _arguments(("args", "grads", "reqs", "aux"), positional, named, "bind")
    if "args" not in given:
        raise MxError("bind: args, the arrays of the arguments, is missing")
    if named:
        raise MxError(f"bind: there is no argument {', '.join(named)}; it has args, grads, reqs, aux")
    return _bound(symbol, **given)


@enough_memory()
def _bound(symbol: Symbol, args: Any, grads: Any = None, reqs: Any = "write", aux: Any = None) -> Executor:
    arg_names, aux_names = symbol.list_arguments(), symbol.list_auxiliary_states()
    args = _by_name(args, arg_names, "args", required=True)
    aux = _by_name(aux or {}, aux_names, "aux", required=True)
    grads = _by_name(grads or {}, arg_names, "grads", required=False)
    reqs = _requests(reqs, arg_names)
    given = {k: v.shape for k, v in (args | aux).items()}
    shapes = _determined(symbol, all_shapes(symbol, given))
    types = all_types(symbol, {k: v.dtype for k, v in (args | aux).items()})
    for k in arg_names:
        g = grads.get(k)
        if reqs[k] != "null" and g is not None and g.shape != args[k].shape:
            raise ShapeError(
                f"bind: the gradient of {k} has shape {shape_text(g.shape)}, "
                f"the argument {shape_text(args[k].shape)}"
            )
        if reqs[k] != "null" and g is not None and (g.dtype != args[k].dtype or not g.data.flags.writeable):
            raise MxError(
                f"bind: the gradient of {k} must be a writable array of {args[k].dtype}, the argument's type"
                + (f", not of {g.dtype}" if g.dtype != args[k].dtype else "")
            )
    return Executor(
        symbol,
        args,
        {k: grads.get(k) if reqs[k] != "null" else None for k in arg_names},
        reqs,
        aux,
        shapes,
        types,
    )


def simple_bind(symbol: Symbol, /, *positional: Any, **named: Any) -> Executor:
    """An executor on new zero arrays: `simple_bind(reqs="write", type_dict=None, **shapes)`.

    Shapes are inferred from the given ones. Arguments get gradients as `reqs` says (see `bind`). Arrays have
    the types that their variables declare (`__dtype__`), else float32; with `type_dict`, a dict of types by
    name, types are inferred from it. As in MXNet's Python, a device may be the first argument or `ctx=`, and
    `reqs` may be called `grad_req`.
    """
    return _simply_bound(symbol, _arguments(("reqs", "type_dict"), positional, named, "simple_bind"), named)


@enough_memory()
def _simply_bound(symbol: Symbol, settings: dict[str, Any], shapes_given: dict[str, Any]) -> Executor:
    reqs, type_dict = settings.get("reqs", "write"), settings.get("type_dict")
    given = given_shapes(shapes_given)
    found = all_shapes(symbol, given)
    arg_nodes, aux_nodes = symbol.arg_nodes(), symbol.aux_nodes()
    missing = [n.name for n in (*arg_nodes, *aux_nodes) if not known(found[id(n), 0])]
    if missing:
        raise ShapeError(
            "simple.bind: the given shapes "
            f"({', '.join(f'{k} {shape_text(v)}' for k, v in given.items()) or 'none'}) do not determine the "
            f"shape of {', '.join(missing[:6])}{' ...' if len(missing) > 6 else ''}; give it by name"
        )
    shapes = _determined(symbol, found)
    if not isinstance(type_dict, (dict, type(None))):
        raise MxError(
            f"simple.bind: type_dict must be a dict of element types by name, not {type(type_dict).__name__}"
        )
    types = all_types(
        symbol, declared_types(symbol) if type_dict is None else variable_types(symbol, type_dict)
    )
    if type_dict is not None or any(types[id(n), 0] != np.float32 for n in arg_nodes):
        check_types(symbol, types)
    check_affordable(shapes, types)

    reqs = _requests(reqs, [n.name for n in arg_nodes])
    wanted = [n for n in arg_nodes if reqs[n.name] != "null"]
    blocks, weights, gradients = side_by_side(
        {n.name: shapes[id(n), 0] for n in wanted}, {n.name: types[id(n), 0] for n in wanted}
    )

    def new(n: Node) -> NDArray:
        return NDArray.owned(memory.zeros(shapes[id(n), 0], types[id(n), 0]))

    args = {n.name: NDArray(weights[n.name]) if n.name in weights else new(n) for n in arg_nodes}
    grads = {k: NDArray(gradients[k]) if k in gradients else None for k in args}
    aux = {n.name: new(n) for n in aux_nodes}
    return Executor(symbol, args, grads, reqs, aux, shapes, types, blocks)


def _determined(symbol: Symbol, shapes: Shapes) -> dict[tuple[int, int], Dims]:
    """The shapes. ShapeError for an operator whose shape does not follow from its inputs and parameters."""
    for n in symbol.nodes():
        if any(shapes[id(n), i] is None for i in range(n.n_outputs)):
            raise ShapeError(
                f"bind: the shape of {n.name} ({n.op.name if n.op else 'a variable'}) does not "
                "follow from the arrays"
                + ("; give its parameter shape" if n.op and "shape" in n.op.params else "")
            )
    return {key: shape for key, shape in shapes.items() if shape is not None}


def _by_name(arrays: Any, names: list[str], what: str, required: bool) -> dict[str, NDArray]:
    """The arrays by name, checked, from a dict or a list."""
    if not isinstance(arrays, dict):
        if not isinstance(arrays, (list, tuple)):
            raise MxError(
                f"bind: {what} must be a dict of arrays by name, or a list in the order {', '.join(names)}, "
                f"not {type(arrays).__name__}"
            )
        if len(arrays) != len(names):
            raise MxError(
                f"bind: {what} has {len(arrays)} arrays; the symbol needs {len(names)}: {', '.join(names)}"
            )
        arrays = dict(zip(names, arrays))
    known_names = set(names)
    for k in arrays:
        if k not in known_names:
            raise MxError(f"bind: {what} has {k}, but the symbol does not" + suggest(str(k), names))
    given = {k: _shared(a, f"bind: {what}: {k}") for k in names if (a := arrays.get(k)) is not None}
    missing = [k for k in names if k not in given]
    if required and missing:
        raise MxError(f"bind: {what} lacks {', '.join(missing[:10])}")
    return given


def _shared(a: Any, what: str) -> NDArray:
    """An NDArray that shares the memory of a NumPy array. Other numbers are copied to float32."""
    if not isinstance(a, (NDArray, np.ndarray)):
        return array(numbers(a, what))
    a = a if isinstance(a, NDArray) else NDArray(a)
    if not a.dtype.isnative or element_type(a.dtype, what) != a.dtype:
        raise MxError(
            f"{what}: numbers of {a.dtype} in the machine's other byte order; give .astype('{a.dtype.name}')"
        )
    return a


def _requests(reqs: Any, names: list[str]) -> dict[str, str]:
    """The gradient request of each argument, from one for all, a dict or a list."""
    if isinstance(reqs, str):
        reqs = dict.fromkeys(names, reqs)
    elif not isinstance(reqs, dict):
        if not isinstance(reqs, (list, tuple)):
            raise MxError(
                "bind: reqs must be null, write or add, or a dict or list of these, "
                f"not {type(reqs).__name__}"
            )
        if len(reqs) != len(names):
            raise MxError(
                f"bind: {len(reqs)} gradient requests for {len(names)} arguments: {', '.join(names)}"
            )
        reqs = dict(zip(names, reqs))
    known_names = set(names)
    for k, v in reqs.items():
        if v not in REQS:
            raise MxError(f"bind: the gradient request of {k} is {v!r}; it must be one of null, write, add")
        if k not in known_names:
            raise MxError(f"bind: there is no argument {k}" + suggest(k, names))
    return {k: reqs.get(k, "null") for k in names}


def evaluate(symbol: Symbol, /, ctx: Context | None = None, **arrays: Any) -> list[NDArray]:
    """The outputs of a symbol for these arguments, given by name."""
    return bind(symbol, arrays, reqs="null", ctx=ctx).forward()


Symbol.bind = bind
Symbol.simple_bind = simple_bind
Symbol.eval = evaluate
