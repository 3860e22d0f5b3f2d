"""`Symbol`: an immutable graph of operator calls, composed, named and inspected as in MXNet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np

from mxr.graph import drawing, json
from mxr.graph.compose import call, substituted
from mxr.graph.infer_shapes import infer_shapes
from mxr.graph.infer_types import infer_types
from mxr.graph.node import Graph, Node
from mxr.io.files import write_atomically
from mxr.operator import TYPE_NUMBERS, MxError, element_type, get, registry, suggest, to_text
from mxr.operator.arguments import method


class ByName(list):
    """A list of values in the symbol's order, as in MXNet's Python, whose items also have names: `shapes[0]`,
    `shapes["data"]`, `shapes.items()`."""

    def __init__(self, values: Mapping[str, Any]):
        super().__init__(values.values())
        self._names = list(values)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            if key not in self._names:
                raise KeyError(
                    f"there is no {key}"
                    + (suggest(key, self._names) or f"; there are {', '.join(self._names)}")
                )
            return super().__getitem__(self._names.index(key))
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        """Whether `key` is one of the names or one of the values."""
        return key in self._names or super().__contains__(key)

    def keys(self) -> list[str]:
        return list(self._names)

    def values(self) -> list:
        return list(self)

    def items(self) -> list[tuple[str, Any]]:
        return list(zip(self._names, self))

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self._names else default

    def __eq__(self, other: object) -> bool:
        return dict(self.items()) == other if isinstance(other, dict) else super().__eq__(other)

    __hash__ = None

    def __repr__(self) -> str:
        return repr(dict(self.items()))


class Symbol(Graph):
    """One or several outputs of a graph. Only the attributes of its nodes can change (`set_attr`)."""

    __slots__ = ()
    __array_ufunc__ = None  # NumPy leaves `number op symbol` to this class

    if TYPE_CHECKING:  # mxr.engine.bind sets them, since this module may not import the engine
        bind: ClassVar[Callable[..., Any]]
        simple_bind: ClassVar[Callable[..., Any]]
        eval: ClassVar[Callable[..., Any]]

    # ---------------------------------------------------------------- looking at it
    @property
    def name(self) -> str | None:
        """The name of the node. None for a group."""
        return self.heads[0][0].name if len({id(n) for n, _ in self.heads}) == 1 else None

    def get_internals(self) -> Symbol:
        """A symbol with all visible outputs of all nodes, inputs before users."""
        return Symbol((n, i) for n in self.nodes() for i in range(n.n_visible))

    def get_children(self) -> Symbol | None:
        """The inputs of the output nodes. None for a variable."""
        inputs, seen = [], set()
        for node, _ in self.heads:
            if id(node) not in seen:
                seen.add(id(node))
                inputs += node.inputs
        return Symbol(inputs) if inputs else None

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        """TypeError: without it, NumPy would treat a symbol as a sequence of its outputs, without end."""
        raise TypeError("a symbol has no numbers before it is bound: symbol.simple_bind(), then forward()")

    def __len__(self) -> int:
        return len(self.heads)

    def __iter__(self) -> Iterator[Symbol]:
        return (Symbol([h]) for h in self.heads)

    def __getitem__(self, key: int | str) -> Symbol:
        if isinstance(key, str):
            outputs = self.list_outputs()
            if outputs.count(key) != 1:
                what = "no output" if key not in outputs else f"{outputs.count(key)} outputs"
                raise MxError(
                    f"the symbol has {what} named {key}"
                    + (suggest(key, outputs) or f"; it has {', '.join(outputs[:10])}")
                )
            return Symbol([self.heads[outputs.index(key)]])
        if not hasattr(key, "__index__"):
            raise MxError(
                f"an output of a symbol is picked by its number or its name, not by {type(key).__name__}"
            )
        if not 0 <= key < len(self.heads):
            raise MxError(
                f"the symbol has {len(self.heads)} output{'s' * (len(self.heads) != 1)}; "
                f"index {key} is out of range"
            )
        return Symbol([self.heads[key]])

    def __reduce__(self) -> tuple[Any, ...]:
        return load_json, (self.tojson(),)

    def __copy__(self) -> Symbol:
        return Symbol(self.heads)

    def __repr__(self) -> str:
        outputs, arguments = self.list_outputs(), self.list_arguments()
        shown = ", ".join(outputs[:6]) + ", ..." * (len(outputs) > 6)
        return (
            f"<Symbol {shown}>"
            if outputs == arguments
            else f"<Symbol {shown} of {', '.join(arguments[:8])}{', ...' * (len(arguments) > 8)}>"
        )

    def _repr_svg_(self) -> str | None:
        """A drawing of the network for notebooks. None, so that they show text, if it is too large."""
        return drawing.svg(self)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Operators as methods: `x.sum(axis=0)`, `x.reshape(shape=(2, 3))`. Numbers by position are
        parameters, in the operator's order."""
        if name.startswith("_") or name not in registry:
            raise AttributeError(f"a Symbol has no {name}" + suggest(name, [*dir(Symbol), *registry]))

        def run(inputs: list[Symbol], parameters: dict[str, Any]) -> Symbol:
            named = {k: v for k, v in parameters.items() if isinstance(v, Symbol)}
            rest = {k: v for k, v in parameters.items() if k not in named and k != "name"}
            return create(name, inputs, named, rest, parameters.get("name"), f"Symbol.{name}")

        return method(get(name), self, run)

    # ---------------------------------------------------------------- attributes
    @property
    def attrs(self) -> dict[str, str]:
        """The attributes of the (single) node: parameters as written, and attached attributes."""
        return dict(self._single("attributes").attrs)

    def set_attr(self, **attrs: str) -> None:
        self._single("attributes").attrs.update({k: to_text(v) for k, v in attrs.items()})

    def attr(self, key: str) -> str | None:
        """One attribute of the (single) node, or None."""
        return self._single("attributes").attrs.get(key)

    def list_attr(self) -> dict[str, str]:
        """The same as `attrs`, under MXNet's name."""
        return self.attrs

    def attr_dict(self) -> dict[str, dict[str, str]]:
        """The attributes of all nodes that have any, by the nodes' names."""
        return {n.name: dict(n.attrs) for n in self.nodes() if n.attrs}

    def _single(self, what: str) -> Node:
        if len({id(n) for n, _ in self.heads}) != 1:
            raise MxError(f"a group of symbols has no {what}; pick one output first")
        return self.heads[0][0]

    # ---------------------------------------------------------------- composing
    def compose(self, name: str | None = None, **inputs: Symbol) -> Symbol:
        """A copy in which the variables of these names are replaced by symbols. `name` renames the result."""
        for key, value in inputs.items():
            if not isinstance(value, Symbol) or len(value.heads) != 1:
                raise MxError(f"compose: {key} must be a symbol with one output")
        if name is not None and not isinstance(name, str):
            raise MxError(f"compose: name must be text, not {type(name).__name__}")
        known = {n.name for n in self.nodes() if n.op is None}
        for key in inputs:
            if key not in known:
                raise MxError(
                    f"compose: the symbol has no input {key}"
                    + (suggest(key, known) or f"; it has {', '.join(sorted(known))}")
                )
        result = Symbol(substituted(self, {key: value.heads[0] for key, value in inputs.items()}))
        node = result._single("name") if name else None
        if name is None or node is None or node.op is None:
            return result
        # a new node, since the head may belong to one of the given symbols
        named = Node(node.op, name, dict(node.attrs), node.p, node.inputs)
        return Symbol((named, i) for _, i in result.heads)

    def __call__(self, **inputs: Any) -> Symbol:
        """The same as `compose`, as in MXNet's Python."""
        return self.compose(**inputs)

    def infer_shape(self, /, **shapes: Any) -> Any:
        """(argument, output, auxiliary shapes), each a `ByName`, or None if the given shapes do not determine
        them."""
        found = infer_shapes(self, shapes)
        return found and tuple(map(ByName, found))

    def infer_type(self, /, **dtypes: Any) -> tuple[ByName, ...]:
        """(argument, output, auxiliary types), each a `ByName`. A variable has the given type, else the one
        that it declares (`__dtype__`), else the one inferred from other types, else float32."""
        return tuple(map(ByName, infer_types(self, dtypes)))

    def debug_str(self) -> str:
        """The graph as text: operators, names, inputs, attributes."""
        return debug_text(self, self.list_outputs())

    # ---------------------------------------------------------------- files, execution
    def tojson(self) -> str:
        """MXNet's symbol JSON, byte for byte."""
        return json.dumps(self)

    def save(self, path: str) -> None:
        write_atomically(path, self.tojson().encode())

    # ---------------------------------------------------------------- arithmetic
    def __add__(self, o: Any) -> Symbol:
        return binary("_plus", "_PlusScalar", "_PlusScalar", self, o)

    def __radd__(self, o: Any) -> Symbol:
        return binary("_plus", "_PlusScalar", "_PlusScalar", o, self)

    def __sub__(self, o: Any) -> Symbol:
        return binary("_minus", "_MinusScalar", "_RMinusScalar", self, o)

    def __rsub__(self, o: Any) -> Symbol:
        return binary("_minus", "_MinusScalar", "_RMinusScalar", o, self)

    def __mul__(self, o: Any) -> Symbol:
        return binary("_mul", "_MulScalar", "_MulScalar", self, o)

    def __rmul__(self, o: Any) -> Symbol:
        return binary("_mul", "_MulScalar", "_MulScalar", o, self)

    def __truediv__(self, o: Any) -> Symbol:
        return binary("_div", "_DivScalar", "_RDivScalar", self, o)

    def __rtruediv__(self, o: Any) -> Symbol:
        return binary("_div", "_DivScalar", "_RDivScalar", o, self)

    def __mod__(self, o: Any) -> Symbol:
        return binary("_mod", "_ModScalar", "_RModScalar", self, o)

    def __rmod__(self, o: Any) -> Symbol:
        return binary("_mod", "_ModScalar", "_RModScalar", o, self)

    def __pow__(self, o: Any) -> Symbol:
        return binary("_power", "_PowerScalar", "_RPowerScalar", self, o)

    def __rpow__(self, o: Any) -> Symbol:
        return binary("_power", "_PowerScalar", "_RPowerScalar", o, self)

    def __neg__(self) -> Symbol:
        return create("_MulScalar", [self], {}, {"scalar": -1.0})

    def __abs__(self) -> Symbol:
        return create("abs", [self], {}, {})

    def __gt__(self, o: Any) -> Symbol:
        return binary("_greater", "_greater_scalar", "_lesser_scalar", self, o)

    def __ge__(self, o: Any) -> Symbol:
        return binary("_greater_equal", "_greater_equal_scalar", "_lesser_equal_scalar", self, o)

    def __lt__(self, o: Any) -> Symbol:
        return binary("_lesser", "_lesser_scalar", "_greater_scalar", self, o)

    def __le__(self, o: Any) -> Symbol:
        return binary("_lesser_equal", "_lesser_equal_scalar", "_greater_equal_scalar", self, o)

    # Comparing with None or a text, which is never meant as arithmetic, stays Python's.
    def __eq__(self, o: object) -> Any:
        return NotImplemented if o is None or isinstance(o, str) else binary(*_EQUAL, self, o)

    def __ne__(self, o: object) -> Any:
        return NotImplemented if o is None or isinstance(o, str) else binary(*_NOT_EQUAL, self, o)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise MxError(
            "a symbol is neither true nor false before it is bound; use mxr.sym.where(condition, x, y), "
            "or test it with `is None`"
        )


_EQUAL = ("_equal", "_equal_scalar", "_equal_scalar")
_NOT_EQUAL = ("_not_equal", "_not_equal_scalar", "_not_equal_scalar")


def binary(op: str, right: str, left: str, a: Any, b: Any) -> Symbol:
    """`a op b`, where one of them may be a number. `right` names the operator for a number on the right,
    `left` that for a number on the left."""
    if isinstance(a, Symbol) and isinstance(b, Symbol):
        return create(op, [a, b], {}, {})
    symbol, number, form = (a, b, right) if isinstance(a, Symbol) else (b, a, left)
    if not isinstance(number, (int, float)) and not (
        hasattr(number, "__float__") and getattr(number, "shape", ()) == ()
    ):
        raise MxError(
            f"{op}: a symbol goes with symbols and single numbers, not {type(number).__name__}"
            + ("; make it a Variable and bind the array to it" if hasattr(number, "shape") else "")
        )
    return create(form, [symbol], {}, {"scalar": number if isinstance(number, int) else float(number)})


def debug_text(symbol: Graph, output_names: list[str]) -> str:
    """A graph as text, in the format of MXNet's `debug_str`."""
    lines = ["Symbol Outputs:"] + [
        f"\toutput[{i}]={name}({k})" for i, (name, (_, k)) in enumerate(zip(output_names, symbol.heads))
    ]
    for n in symbol.nodes():
        if n.op is None:
            lines.append(f"Variable:{n.name}")
            continue
        lines += ["-" * 20, f"Op:{n.op.name}, Name={n.name}", "Inputs:"]
        lines += [f"\targ[{i}]={m.name}({k})" for i, (m, k) in enumerate(n.inputs)]
        if n.attrs:
            lines += ["Attrs:"] + [f"\t{k}={v}" for k, v in n.attrs.items()]
    return "\n".join(lines) + "\n"


def variable(name: str, attr: dict[str, str] | None = None, **attrs: Any) -> Symbol:
    """A variable: an input of that name. Further arguments (shape, dtype, lr_mult ...) become attributes
    `__key__`, as in MXNet. Those in `attr` keep their names."""
    if not isinstance(name, str):
        raise MxError(f"Variable: name must be text, not {type(name).__name__}")
    if attr is not None and not isinstance(attr, dict):
        raise MxError(f"Variable {name}: attr must be a dict of texts, not {type(attr).__name__}")
    if "dtype" in attrs:
        attrs["dtype"] = TYPE_NUMBERS[element_type(attrs["dtype"], f"Variable {name}").name]
    attrs = {f"__{k.strip('_')}__": v for k, v in attrs.items()} | (attr or {})
    for key, value in attrs.items():
        if not isinstance(value, (str, bool, int, float, tuple, list, np.generic)):
            raise MxError(
                f"Variable {name}: {key} must be text, a number or a sequence of numbers, "
                f"not {type(value).__name__}"
            )
    return Symbol([(Node(None, name, {k: to_text(v) for k, v in attrs.items()}), 0)])


def group(*symbols: Symbol | Iterable[Symbol]) -> Symbol:
    """A symbol with all outputs of all symbols, which are given as a list or as several arguments."""
    given: list[Any] = list(symbols[0] if len(symbols) == 1 and isinstance(symbols[0], Iterable) else symbols)
    if not given or not all(isinstance(s, Symbol) for s in given):
        raise MxError("Group: give one or more symbols")
    return Symbol(h for s in given for h in s.heads)


def create(
    op_name: str,
    args: list[Symbol],
    inputs: dict[str, Symbol],
    attrs: dict,
    name: str | None = None,
    where: str | None = None,
) -> Symbol:
    """Call an operator on symbols: `args` by position, `inputs` by name. `attrs` are the parameters, as
    values or text.

    Missing inputs become variables `<name>_<input>`; a missing name becomes `<op in lower case><counter>`.
    Messages begin with `where`.
    """
    node = call(op_name, args, inputs, attrs, name, where or op_name)
    return Symbol((node, i) for i in range(node.n_visible))


def load(path: str) -> Symbol:
    """The symbol in a JSON file. MxError, which names the file, if it is missing, incomplete or no symbol."""
    return Symbol(json.read(path))


def load_json(text: str | bytes) -> Symbol:
    """The symbol in JSON text of any MXNet version. MxError, which says what is wrong."""
    return Symbol(json.parse(text))
