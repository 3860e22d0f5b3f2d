"""Symbols, for R."""
from __future__ import annotations

from mxr import symbol as core
from mxr.io import symbol_json
from mxr.op import MxError, get
from mxr.r.bridge import verb
from mxr.r.convert import Dims, RList
from mxr.r.verbs.values import number_text, pairs, shapes, split
from mxr.symbol import Symbol


@verb("symbol.create")
def create(op_name: str, arguments):
    """Call an operator on the arguments of an R call: symbols are inputs, `name` the name, all else parameters."""
    op = get(op_name)
    where = op_name if op_name.startswith("_") else f"mx.symbol.{op_name}"
    name = None
    rest = []
    for key, value in pairs(arguments):
        if key == "name":
            if not isinstance(value, str):
                raise MxError(f"{where}: name must be text")
            name = value
        else:
            rest.append((key, value))
    positional, named, params = split(op, RList([v for _, v in rest], [k for k, _ in rest]), where,
                                      lambda v: isinstance(v, Symbol))
    return core.create(op_name, positional, named, params, name, where)


@verb("symbol.variable")
def variable(name: str):
    return core.variable(name)


@verb("symbol.group")
def group(symbols):
    return core.group(v for _, v in pairs(symbols))


@verb("symbol.apply")
def apply(symbol: Symbol, arguments):
    inputs = dict(pairs(arguments))
    name = inputs.pop("name", None)
    if "" in inputs:
        raise MxError("mx.apply: symbols go by the names of the variables they replace, as in data = net")
    return symbol.compose(name, **inputs)


@verb("symbol.infer_shape")
def infer_shape(symbol: Symbol, given):
    result = symbol.infer_shape(**shapes(given, "infer.shape"))
    if result is None:
        return None
    return {f"{part}.shapes": {name: Dims(s) for name, s in found.items()}
            for part, found in zip(("arg", "out", "aux"), result)}


@verb("symbol.output")
def output(symbol: Symbol, index):
    if isinstance(index, str):
        return symbol[index]
    if not isinstance(index, (int, float)) or index != int(index) or not 1 <= index <= len(symbol):
        what = number_text(index) if isinstance(index, (int, float)) else "of that kind"
        raise MxError(f"a symbol with {len(symbol)} output{'s' * (len(symbol) != 1)} has no output {what}; outputs count from 1")
    return symbol[int(index) - 1]


@verb("symbol.arguments")
def arguments(symbol: Symbol):
    return symbol.list_arguments()


@verb("symbol.outputs")
def outputs(symbol: Symbol):
    return symbol.list_outputs()


@verb("symbol.auxiliary.states")
def auxiliary_states(symbol: Symbol):
    return symbol.list_auxiliary_states()


@verb("symbol.attributes")
def attributes(symbol: Symbol):
    return symbol.attrs


@verb("symbol.set_attributes")
def set_attributes(symbol: Symbol, values):
    for key, value in pairs(values):
        if not key or not isinstance(value, str):
            raise MxError("attributes must be a named list of texts")
    symbol.set_attr(**dict(pairs(values)))


@verb("symbol.internals")
def internals(symbol: Symbol):
    return symbol.get_internals()


@verb("symbol.children")
def children(symbol: Symbol):
    return symbol.get_children()


@verb("symbol.json")
def json(symbol: Symbol):
    return symbol.tojson()


@verb("symbol.save")
def save(symbol: Symbol, path: str):
    symbol.save(path)


@verb("symbol.load")
def load(path: str):
    return symbol_json.load(path)


@verb("symbol.load_json")
def load_json(text: str):
    return symbol_json.loads(text)


@verb("symbol.debug")
def debug(symbol: Symbol):
    """One line per node: operator, name, inputs, attributes."""
    lines = ["Symbol Outputs:"] + [f"\toutput[{i}]={n.output_name(k)}({k})" for i, (n, k) in enumerate(symbol.heads)]
    for n in symbol.nodes():
        if n.op is None:
            lines.append(f"Variable:{n.name}")
            continue
        lines += ["-" * 20, f"Op:{n.op.name}, Name={n.name}", "Inputs:"]
        lines += [f"\targ[{i}]={m.name}({k})" for i, (m, k) in enumerate(n.inputs)]
        if n.attrs:
            lines += ["Attrs:"] + [f"\t{k}={v}" for k, v in n.attrs.items()]
    return "\n".join(lines) + "\n"
