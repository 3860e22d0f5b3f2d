"""Symbol JSON: written as by MXNet 1.9, byte for byte, and read from every version since 0.8."""

from __future__ import annotations

import json
from typing import Any

from mxr.graph.node import INIT_ATTRS, Graph, Node
from mxr.io.files import read_bytes
from mxr.operator import MxError, Op, get, suggest

# attributes that older files have without underscores around the name
_HIDDEN = ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage")


def dumps(symbol: Graph) -> str:
    """The symbol as JSON text."""
    return _text(symbol, 0, ['"attrs": {"mxnet_version": ["int", 10901]}'])


def _text(graph: Graph, indent: int, more: list[str]) -> str:
    """A graph as a JSON object, indented by `indent` columns. `more` are further fields."""
    pad = " " * indent
    nodes = graph.nodes()
    number = {id(n): i for i, n in enumerate(nodes)}
    versions: dict[int, int] = {}  # how often each auxiliary state has been written so far
    rows, row_ptr = [], [0]
    for n in nodes:
        inputs = []
        written = {id(m) for m, _ in n.aux_entries}
        for m, i in n.inputs:
            if id(m) in written:
                versions[id(m)] = versions.get(id(m), 0) + 1
            inputs.append(f"[{number[id(m)]}, {i}, {versions.get(id(m), 0)}]")
        rows.append(
            f"{pad}    {{\n"
            + ", \n".join(f"{pad}      " + f for f in _fields(n, inputs, indent))
            + f"\n{pad}    }}"
        )
        row_ptr.append(row_ptr[-1] + n.n_outputs - n.n_own)
    heads = [f"[{number[id(n)]}, {i}, {versions.get(id(n), 0)}]" for n, i in graph.heads]
    variables = [str(i) for i, n in enumerate(nodes) if n.op is None]
    fields = [
        '"nodes": [\n' + ", \n".join(rows) + f"\n{pad}  ]",
        f'"arg_nodes": {_array(variables, indent + 2)}',
        f'"node_row_ptr": {_array([str(r) for r in row_ptr], indent + 2)}',
        f'"heads": {_array(heads, indent + 2)}',
        *more,
    ]
    return "{\n" + ", \n".join(f"{pad}  {f}" for f in fields) + f"\n{pad}}}"


def _fields(n: Node, inputs: list[str], indent: int) -> list[str]:
    """The fields of a node in a graph that is indented by `indent` columns."""
    fields = [f'"op": {_quote(n.op.name if n.op else "null")}', f'"name": {_quote(n.name)}']
    if n.attrs:
        fields.append(f'"attrs": {_object(n.attrs, indent + 6)}')
    fields.append(f'"inputs": {_array(inputs, indent + 6)}')
    if n.op and n.op.subgraphs:
        pad = " " * (indent + 8)
        fields.append(
            '"subgraphs": [\n'
            + ", \n".join(pad + _text(g, indent + 8, []) for g in n.p.subgraphs)
            + "\n"
            + " " * (indent + 6)
            + "]"
        )
    return fields


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _array(items: list[str], indent: int) -> str:
    if len(items) <= 10:
        return "[" + ", ".join(items) + "]"
    pad = " " * indent
    return "[\n" + ", \n".join(pad + "  " + i for i in items) + "\n" + pad + "]"


def _object(attrs: dict[str, str], indent: int) -> str:
    items = [f"{_quote(k)}: {_quote(v)}" for k, v in sorted(attrs.items())]
    if len(items) == 1:
        return "{" + items[0] + "}"
    pad = " " * indent
    return "{\n" + ", \n".join(pad + "  " + i for i in items) + "\n" + pad + "}"


def read(path: str) -> list[tuple[Node, int]]:
    """The heads of the symbol in a JSON file. MxError, which names the file, if it is missing, incomplete or
    no symbol."""
    data = read_bytes(path, "symbol file")
    try:
        return parse(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise MxError(f"{path} is not a symbol file (it is not text)") from None
    except MxError as e:
        raise MxError(f"{path}: {e}") from None


def parse(text: str | bytes) -> list[tuple[Node, int]]:
    """The heads of the symbol in JSON text of any MXNet version. MxError, which says what is wrong."""
    if not isinstance(text, (str, bytes)):
        raise MxError(f"this is not symbol JSON: it is no text, but {type(text).__name__}")
    try:
        graph = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise MxError(f"this is not symbol JSON: {str(e)[:120] or 'too deeply nested'}") from None
    if (
        not isinstance(graph, dict)
        or not isinstance(graph.get("nodes"), list)
        or not isinstance(graph.get("heads"), list)
    ):
        raise MxError('this is not symbol JSON: it needs an object with "nodes" and "heads"')
    try:
        json.dumps(graph, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError) as e:
        raise MxError(
            "this is not symbol JSON: "
            f"{'it has characters that are not text' if isinstance(e, ValueError) else 'too deeply nested'}"
        ) from None
    return _heads(graph)


def _heads(graph: dict) -> list[tuple[Node, int]]:
    """The heads of a graph, from its nodes."""
    nodes: list[Node] = []
    late: list[tuple[str, str, str]] = []  # (variable, key, value) of attributes such as weight_lr_mult
    for row in graph["nodes"]:
        nodes.append(_node(row, nodes, late))
    by_name = {n.name: n for n in nodes if n.op is None}
    for variable, key, value in late:
        if variable in by_name:
            by_name[variable].attrs.setdefault(f"__{key}__", value)
    heads = [_entry(e, nodes, "heads") for e in graph["heads"]]
    if not heads:
        raise MxError("the symbol JSON has no heads")
    return heads


def _entry(entry: Any, nodes: list[Node], where: str) -> tuple[Node, int]:
    if not (
        isinstance(entry, list)
        and len(entry) in (2, 3)
        and all(isinstance(v, int) and not isinstance(v, bool) for v in entry)
    ):
        raise MxError(
            f"{where} of the symbol JSON has an entry {str(entry)[:60]} that is not [node, output, version]"
        )
    node, index = entry[0], entry[1]
    if not 0 <= node < len(nodes):
        raise MxError(f"{where} of the symbol JSON refers to node {node}, which does not come before it")
    if not 0 <= index < nodes[node].n_outputs:
        raise MxError(
            f"{where} of the symbol JSON refers to output {index} of {nodes[node].name}, "
            f"which has {nodes[node].n_outputs}"
        )
    return nodes[node], index


def _subgraphs(row: dict[str, Any], count: int, where: str) -> list[Graph]:
    """The graphs inside a control flow node."""
    graphs = row.get("subgraphs")
    if (
        not isinstance(graphs, list)
        or len(graphs) != count
        or not all(
            isinstance(g, dict) and isinstance(g.get("nodes"), list) and isinstance(g.get("heads"), list)
            for g in graphs
        )
    ):
        raise MxError(f"{where}: it needs {count} subgraphs with nodes and heads")
    return [Graph(_heads(g)) for g in graphs]


def _attributes(row: dict[str, Any], name: str) -> dict[str, str]:
    """A node's attributes and parameters, from any of the fields in which versions of MXNet wrote them."""
    attrs: dict[str, str] = {}
    for key in ("param", "attr", "attrs"):  # `param` and `attr`: before 1.0
        part = row.get(key) or {}
        if not isinstance(part, dict):
            raise MxError(f"node {name}: {key} must be an object")
        attrs |= {str(k): v if isinstance(v, str) else json.dumps(v) for k, v in part.items()}
    return attrs


def _checked(row: Any) -> dict[str, Any]:
    if (
        not isinstance(row, dict)
        or not isinstance(row.get("op"), str)
        or not isinstance(row.get("name"), str)
    ):
        raise MxError(f"the symbol JSON has a node without op and name: {str(row)[:80]}")
    if not isinstance(row.get("inputs", []), list):
        raise MxError(f"node {row['name']}: inputs must be a list")
    return row


def _parameters(
    op: Op, row: dict[str, Any], attrs: dict[str, Any], late: list[tuple[str, str, str]]
) -> dict[str, Any]:
    """The attributes of a node that are parameters of its operator. Those that belong to an input go to
    `late`; others may be renamed in `attrs`."""
    name, params = row["name"], dict[str, Any]()
    for key, value in list(attrs.items()):
        if key in op.params:
            params[key] = value
        elif key in _HIDDEN:
            attrs[f"__{key}__"] = attrs.pop(key)
        elif op.takes(key):
            params[key] = value
        elif not key.startswith("__"):
            suffix = next((h for h in _HIDDEN if key.endswith("_" + h)), None)
            if suffix:  # such as weight_lr_mult, which is an attribute of the variable
                late.append((f"{name}_{key[: -len(suffix) - 1]}", suffix, attrs.pop(key)))
            elif "." not in key and row.get("attrs") is not None and key not in (row.get("attr") or {}):
                raise MxError(f"node {name}: {op.name} has no parameter {key}" + suggest(key, op.params))
    return params


def _node(row: Any, nodes: list[Node], late: list[tuple[str, str, str]]) -> Node:
    row = _checked(row)
    name: str = row["name"]
    attrs = _attributes(row, name)
    if row["op"] == "null":
        for key in _HIDDEN:
            if key in attrs:
                attrs[f"__{key}__"] = attrs.pop(key)
        return Node(None, name, attrs)
    op = get(row["op"])
    params = _parameters(op, row, attrs, late)
    inputs = [_entry(e, nodes, f"node {name}") for e in row.get("inputs", [])]
    if op.variadic and op.variadic in op.params and op.variadic not in params:
        params[op.variadic] = len(inputs)
    p = op.parse(params, f"node {name}")
    if op.subgraphs:
        p.subgraphs = _subgraphs(row, op.subgraphs, f"node {name}")
    wanted = (*op.inputs(p), *op.aux(p))
    for key in wanted[len(inputs) :]:  # MXNet before 0.9 did not write auxiliary states
        init = INIT_ATTRS.get((op.name, key))
        inputs.append((Node(None, f"{name}_{key}", {"__init__": init} if init else {}), 0))
    if len(inputs) != len(wanted):
        raise MxError(f"node {name}: {op.name} takes {len(wanted)} inputs, not {len(inputs)}")
    return Node(op, name, attrs, p, inputs)
