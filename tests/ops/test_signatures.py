"""Every declaration has MXNet's own signature (tests/data/operators.json): inputs, parameters, order, types,
defaults, choices, aliases."""

import ast
import json
import re
from pathlib import Path

import pytest

from mxr.operator import Dtype, Floats, Parameter, Shape, registry
from tests.known import settle
from tests.ops.collect import cases

MXNET = json.loads((Path(__file__).parents[1] / "data" / "operators.json").read_text())
KINDS = {
    "float": float,
    "double": float,
    "real_t": float,
    "int": int,
    "long": int,
    "boolean": bool,
    "string": str,
    "Shape(tuple)": Shape,
    "Shape": Shape,
    "tuple of <float>": Floats,
    "tuple of <double>": Floats,
    "tuple of <long>": Shape,
    "tuple of <int>": Shape,
}


@pytest.mark.parametrize("name", [n for n in MXNET if n in registry])
def test_as_in_mxnet(name):
    op, theirs = registry[name], MXNET[name]
    found = {}
    if op.name != theirs.get("same_as", name):
        found[name] = f"is the operator {theirs.get('same_as', name)} in MXNet, here {op.name}"
    if op.name == name:
        found |= parameters(op, theirs)
        found |= inputs(op, theirs)
    complaints = settle("signature", found, ran=lambda id: id.split(".")[0] == name)
    assert not complaints, "\n".join(complaints)


def parameters(op, theirs) -> dict[str, str]:
    mine = {k: p for k, p in op.params.items() if k != theirs.get("variadic") or k in dict(theirs["args"])}
    texts = {k: t for k, t in theirs["args"] if not is_array(t)}
    found = {f"{op.name}.{k}": "MXNet has it" for k in texts if k not in mine}
    found |= {f"{op.name}.{k}": "MXNet does not have it" for k in mine if k not in texts}
    common = [k for k in texts if k in mine]
    if common != [k for k in mine if k in texts]:
        found[f"{op.name}.order"] = f"the order in MXNet is {', '.join(common)}"
    for k in common:
        if text := parameter(mine[k], texts[k]):
            found[f"{op.name}.{k}"] = text
    return found


def parameter(mine: Parameter, text: str) -> str:
    """How a parameter differs from MXNet's description of it, such as `int, optional, default='1'`."""
    choices = re.match(r"\{(.*?)\}", text)
    kind = text[choices.end() :].split(",")[0] if choices else text.split(",")[0]
    wrong = []
    if choices:
        values = {v.strip().strip("'") for v in choices[1].split(",")}
        if mine.type is not Dtype and {*map(str, mine.one_of or ())} != values - {"None"}:
            wrong.append(f"choices {mine.one_of}")
        if ("None" in values) > mine.none:
            wrong.append("None is not taken")
    else:
        base = KINDS.get(
            kind.split(" (")[0] if not kind.startswith(("Shape(", "tuple")) else kind.replace(" or None", "")
        )
        base = base or KINDS.get(kind.replace(" or None", ""))
        if mine.type is not base:
            wrong.append(f"type {mine.type.__name__}")
        if " or None" in kind and not mine.none:
            wrong.append("None is not taken")
    default = re.search(r"default=(.*)$", text)
    if mine.required != (default is None) and "," in text:  # MXNet's description has only the type
        wrong.append("required" if mine.required else f"optional, default {mine.default!r}")
    elif default and not same(mine, default[1].strip("'")):
        wrong.append(f"default {mine.default!r}")
    return "; ".join(wrong) + f"; in MXNet: {text}" if wrong else ""


def same(mine: Parameter, default: str) -> bool:
    if default == "None" and mine.none:
        return mine.default is None
    if mine.type in (Shape, Floats):
        return mine.default == tuple(ast.literal_eval(default or "()"))
    theirs = mine.parse(default, "")
    return theirs == mine.default or (mine.type is float and abs(theirs - mine.default) <= 1e-6 * abs(theirs))


def inputs(op, theirs) -> dict[str, str]:
    """Array inputs: those of every sample are among MXNet's, in its order. For a list of arrays, only the
    parameter that counts them is compared."""
    texts = dict(theirs["args"])
    if op.variadic or any(t.endswith("[]") for t in texts.values()):
        counter = theirs.get("variadic") or next((k for k in texts if k.startswith("num_")), op.variadic)
        return (
            {}
            if op.variadic in (counter, None)
            else {f"{op.name}.variadic": f"counted by {op.variadic}, in MXNet by {counter}"}
        )
    names = [k for k, t in texts.items() if is_array(t)]
    for case in cases(op=op.name):
        p = case.parsed()
        mine = [*op.inputs(p), *op.aux(p)]
        if [k for k in names if k in mine] != mine:
            return {f"{op.name}.inputs": f"{', '.join(mine)}; in MXNet {', '.join(names)}"}
    return {}


def is_array(text: str) -> bool:
    return text.startswith(("NDArray", "Symbol"))
