"""Symbols: immutable graphs of operator calls, composed, named and inspected the way MXNet does."""
from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mxr.operator import TYPE_NUMBERS, MxError, Op, ShapeError, element_type, get, suggest, to_text

# what MXNet attaches to a variable that it creates for a missing input (read by its Python initializers)
_INIT_ATTRS = {("BatchNorm", "moving_mean"): '["zero", {}]', ("BatchNorm", "moving_var"): '["one", {}]',
               ("LeakyReLU", "gamma"): '["Constant", {"value": 0.25}]',
               ("BatchNorm_v1", "moving_mean"): '["zero", {}]', ("BatchNorm_v1", "moving_var"): '["one", {}]',
               ("IdentityAttachKLSparseReg", "moving_avg"): '["zero", {}]',
               ("UpSampling", "weight"): '["bilinear", {}]', ("UpSampling", "arg1"): '["bilinear", {}]'}


class Node:
    """One call of an operator, or a variable (`op` is None).

    `attrs` is what the user wrote, as text, for the JSON; `p` the parsed parameters. `inputs` are `(node, output index)`
    pairs, auxiliary states last. `entry_names` names every visible output.
    """
    __slots__ = ("op", "name", "attrs", "p", "inputs", "__weakref__")

    def __init__(self, op: Op | None, name: str, attrs: dict[str, str], p=None, inputs: Iterable = ()):
        self.op, self.name, self.attrs, self.p, self.inputs = op, name, attrs, p, list(inputs)

    @property
    def n_visible(self) -> int:
        return 1 if self.op is None else len(self.op.outputs(self.p))

    @property
    def n_outputs(self) -> int:
        """All outputs, those included that only the gradient sees."""
        return 1 if self.op is None else len(self.op.outputs(self.p)) + len(self.op.hidden(self.p))

    @property
    def n_own(self) -> int:
        """How many of the hidden outputs MXNet does not have (their names start with an underscore)."""
        return 0 if self.op is None else sum(h.startswith("_") for h in self.op.hidden(self.p))

    @property
    def n_aux(self) -> int:
        return 0 if self.op is None else len(self.op.aux(self.p))

    @property
    def aux_entries(self) -> list[tuple[Node, int]]:
        """The inputs that the operator writes to: auxiliary states, and what update operators change in place."""
        if self.op is None:
            return []
        n = len(self.inputs) - self.n_aux
        return [self.inputs[i] for i in self.op.mutates if i < n] + self.inputs[n:]

    def output_name(self, index: int) -> str:
        return self.name if self.op is None else f"{self.name}_{(*self.op.outputs(self.p), *self.op.hidden(self.p))[index]}"

    def __repr__(self):
        return f"<{self.op.name if self.op else 'Variable'} {self.name}>"


class Names:
    """Automatic names: one counter per operator, for the whole session."""

    def __init__(self):
        self._count: dict[str, int] = {}

    def next(self, hint: str) -> str:
        n = self._count.get(hint, 0)
        self._count[hint] = n + 1
        return f"{hint}{n}"


names = Names()


class Symbol:
    """One or several outputs of a graph. Never changes, but for the attributes of its nodes (`set_attr`)."""
    __slots__ = ("heads", "_order", "__weakref__")
    __array_ufunc__ = None          # `number op symbol` is ours to compute, not NumPy's

    def __init__(self, heads: Iterable[tuple[Node, int]]):
        self.heads = list(heads)
        self._order: list[Node] | None = None

    # ---------------------------------------------------------------- looking at it
    def nodes(self) -> list[Node]:
        """Every node once, inputs before users (MXNet's depth-first order)."""
        if self._order is None:
            order, seen = [], set()
            for head, _ in self.heads:
                if id(head) in seen:
                    continue
                seen.add(id(head))
                stack = [(head, iter(head.inputs))]
                while stack:            # iterative: graphs may be thousands of layers deep
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

    @property
    def name(self) -> str | None:
        """The node's name; None for a group."""
        return self.heads[0][0].name if len({id(n) for n, _ in self.heads}) == 1 else None

    def get_internals(self) -> Symbol:
        """A symbol with every visible output of every node, in order."""
        return Symbol((n, i) for n in self.nodes() for i in range(n.n_visible))

    def get_children(self) -> Symbol | None:
        """The inputs of the output nodes; None for a variable."""
        inputs, seen = [], set()
        for node, _ in self.heads:
            if id(node) not in seen:
                seen.add(id(node))
                inputs += node.inputs
        return Symbol(inputs) if inputs else None

    def __len__(self) -> int:
        return len(self.heads)

    def __iter__(self):
        return (Symbol([h]) for h in self.heads)

    def __getitem__(self, key: int | str) -> Symbol:
        if isinstance(key, str):
            outputs = self.list_outputs()
            if outputs.count(key) != 1:
                what = "no output" if key not in outputs else f"{outputs.count(key)} outputs"
                raise MxError(f"the symbol has {what} named {key}" + (suggest(key, outputs) or f"; it has {', '.join(outputs[:10])}"))
            return Symbol([self.heads[outputs.index(key)]])
        if not hasattr(key, "__index__"):
            raise MxError(f"an output of a symbol is picked by its number or its name, not by {type(key).__name__}")
        if not 0 <= key < len(self.heads):
            raise MxError(f"the symbol has {len(self.heads)} output{'s' * (len(self.heads) != 1)}; index {key} is out of range")
        return Symbol([self.heads[key]])

    def __reduce__(self):
        from mxr.graph.json import loads
        return loads, (self.tojson(),)

    def __copy__(self):
        return Symbol(self.heads)

    def __repr__(self):
        return f"<Symbol {', '.join(self.list_outputs()[:6])}{', ...' if len(self.heads) > 6 else ''}>"

    # ---------------------------------------------------------------- attributes
    @property
    def attrs(self) -> dict[str, str]:
        """Attributes of the (single) node: parameters as written, and whatever was attached."""
        return dict(self._single("attributes").attrs)

    def set_attr(self, **attrs: str) -> None:
        self._single("attributes").attrs.update({k: to_text(v) for k, v in attrs.items()})

    def replace_attrs(self, attrs: dict[str, str]) -> None:
        """Attach exactly these attributes (parameters stay)."""
        node = self._single("attributes")
        keep = {k: v for k, v in node.attrs.items() if node.op and k.replace(".", "_") in node.op.params}
        node.attrs = keep | {k: to_text(v) for k, v in attrs.items()}

    def attr_dict(self) -> dict[str, dict[str, str]]:
        return {n.name: dict(n.attrs) for n in self.nodes() if n.attrs}

    def _single(self, what: str) -> Node:
        if len({id(n) for n, _ in self.heads}) != 1:
            raise MxError(f"a group of symbols has no {what} of its own; pick one output first")
        return self.heads[0][0]

    # ---------------------------------------------------------------- composing
    def compose(self, name: str | None = None, **inputs: Symbol) -> Symbol:
        """A copy in which variables are replaced by symbols, by name; `name` renames the result."""
        for key, value in inputs.items():
            if not isinstance(value, Symbol) or len(value.heads) != 1:
                raise MxError(f"compose: {key} must be a symbol with one output")
        if name is not None and not isinstance(name, str):
            raise MxError(f"compose: name must be text, not {type(name).__name__}")
        known = {n.name for n in self.nodes() if n.op is None}
        for key in inputs:
            if key not in known:
                raise MxError(f"compose: the symbol has no input {key}" + (suggest(key, known) or f"; it has {', '.join(sorted(known))}"))
        swap: dict[int, tuple[Node, int]] = {}
        copies: dict[int, Node] = {}
        for node in self.nodes():
            if node.op is None:
                if node.name in inputs:
                    swap[id(node)] = inputs[node.name].heads[0]
                else:
                    copies[id(node)] = node
                continue
            copies[id(node)] = Node(node.op, node.name, dict(node.attrs), node.p,
                                    [swap.get(id(n)) or (copies[id(n)], i) for n, i in node.inputs])
        result = Symbol(swap.get(id(n)) or (copies[id(n)], i) for n, i in self.heads)
        if name and result._single("name").op is not None:
            result.heads[0][0].name = name
        return result

    def infer_shape(self, /, **shapes):
        """(argument, output, auxiliary shapes) as dicts in order, or None when the given shapes do not suffice."""
        from mxr.graph.infer_shapes import infer_shapes
        return infer_shapes(self, shapes)

    def infer_type(self, /, **dtypes):
        """(argument, output, auxiliary types) as dicts in order. A variable has the type that is given, else the one it declares
        (`__dtype__`), else the one that follows from the types of what it meets, else float32."""
        from mxr.graph.infer_shapes import infer_types
        return infer_types(self, dtypes)

    # ---------------------------------------------------------------- files, execution
    def tojson(self) -> str:
        """MXNet's symbol JSON, byte for byte."""
        from mxr.graph.json import dumps
        return dumps(self)

    def save(self, path: str) -> None:
        from mxr.io.files import write_atomically
        write_atomically(path, self.tojson().encode())

    def bind(self, args, grads=None, reqs="write", aux=None):
        """An executor on the given arrays. See `mxr.executor.bind`."""
        from mxr.engine.executor import bind
        return bind(self, args, grads, reqs, aux)

    def simple_bind(self, /, reqs="write", type_dict=None, **shapes):
        """An executor on fresh zero arrays, all shapes inferred from the given ones. See `mxr.executor.simple_bind`."""
        from mxr.engine.executor import simple_bind
        return simple_bind(self, reqs, type_dict, **shapes)

    # ---------------------------------------------------------------- arithmetic
    def __add__(self, o): return binary("_plus", "_plus_scalar", "_plus_scalar", self, o)
    def __radd__(self, o): return binary("_plus", "_plus_scalar", "_plus_scalar", o, self)
    def __sub__(self, o): return binary("_minus", "_minus_scalar", "_rminus_scalar", self, o)
    def __rsub__(self, o): return binary("_minus", "_minus_scalar", "_rminus_scalar", o, self)
    def __mul__(self, o): return binary("_mul", "_mul_scalar", "_mul_scalar", self, o)
    def __rmul__(self, o): return binary("_mul", "_mul_scalar", "_mul_scalar", o, self)
    def __truediv__(self, o): return binary("_div", "_div_scalar", "_rdiv_scalar", self, o)
    def __rtruediv__(self, o): return binary("_div", "_div_scalar", "_rdiv_scalar", o, self)
    def __mod__(self, o): return binary("_mod", "_mod_scalar", "_rmod_scalar", self, o)
    def __rmod__(self, o): return binary("_mod", "_mod_scalar", "_rmod_scalar", o, self)
    def __pow__(self, o): return binary("_power", "_power_scalar", "_rpower_scalar", self, o)
    def __rpow__(self, o): return binary("_power", "_power_scalar", "_rpower_scalar", o, self)
    def __neg__(self): return create("_mul_scalar", [self], {}, {"scalar": -1.0})
    def __abs__(self): return create("abs", [self], {}, {})
    def __gt__(self, o): return binary("_greater", "_greater_scalar", "_lesser_scalar", self, o)
    def __ge__(self, o): return binary("_greater_equal", "_greater_equal_scalar", "_lesser_equal_scalar", self, o)
    def __lt__(self, o): return binary("_lesser", "_lesser_scalar", "_greater_scalar", self, o)
    def __le__(self, o): return binary("_lesser_equal", "_lesser_equal_scalar", "_greater_equal_scalar", self, o)


def _unique(nodes: Iterable[Node]) -> list[Node]:
    """One node per name: variables of the same name are one argument."""
    return list({n.name: n for n in reversed(list(nodes))}.values())[::-1]


def binary(op: str, right: str, left: str, a, b) -> Symbol:
    """`a op b` where one of them may be a number: `right` is the scalar form with the number on the right, `left` on the left."""
    if isinstance(a, Symbol) and isinstance(b, Symbol):
        return create(op, [a, b], {}, {})
    symbol, number, form = (a, b, right) if isinstance(a, Symbol) else (b, a, left)
    if not isinstance(number, (int, float)) and not (hasattr(number, "__float__") and getattr(number, "shape", ()) == ()):
        raise MxError(f"{op}: a symbol goes with symbols and single numbers, not {type(number).__name__}"
                      + ("; make it a Variable and bind the array to it" if hasattr(number, "shape") else ""))
    return create(form, [symbol], {}, {"scalar": number if isinstance(number, int) else float(number)})


def variable(name: str, attr: dict[str, str] | None = None, **attrs) -> Symbol:
    """A free input of that name. Extra attributes are attached as `__key__` (shape, dtype, lr_mult ...), as MXNet does; those of `attr`
    under the names that they have there."""
    if not isinstance(name, str):
        raise MxError(f"Variable: name must be text, not {type(name).__name__}")
    if attr is not None and not isinstance(attr, dict):
        raise MxError(f"Variable {name}: attr must be a dict of texts, not {type(attr).__name__}")
    if "dtype" in attrs:
        attrs["dtype"] = TYPE_NUMBERS[element_type(attrs["dtype"], f"Variable {name}").name]
    attrs = {f"__{k.strip('_')}__": v for k, v in attrs.items()} | (attr or {})
    for key, value in attrs.items():
        if not isinstance(value, (str, bool, int, float, tuple, list, np.generic)):
            raise MxError(f"Variable {name}: {key} must be text, a number or a sequence of numbers, not {type(value).__name__}")
    return Symbol([(Node(None, name, {k: to_text(v) for k, v in attrs.items()}), 0)])


def group(*symbols: Symbol | Iterable[Symbol]) -> Symbol:
    """All outputs of all symbols (a list of them, or one after the other), as one symbol."""
    if len(symbols) == 1 and isinstance(symbols[0], Iterable):
        symbols = symbols[0]
    symbols = list(symbols)
    if not symbols or not all(isinstance(s, Symbol) for s in symbols):
        raise MxError("Group: give one or more symbols")
    return Symbol(h for s in symbols for h in s.heads)


def create(op_name: str, args: list[Symbol], inputs: dict[str, Symbol], attrs: dict, name: str | None = None,
           where: str | None = None) -> Symbol:
    """Call an operator on symbols: `args` by position or `inputs` by name, `attrs` its parameters (values or text).

    Missing inputs become variables `<name>_<input>`; a missing name becomes `<op in lower case><counter>`. `where` is how
    messages call the function.
    """
    op = get(op_name)
    where = where or op_name
    hidden = {k: v for k, v in attrs.items() if k.startswith("__")}
    attrs = op.plain_names({k: v for k, v in attrs.items() if k not in hidden}, where)
    for s in (*args, *inputs.values()):
        if not isinstance(s, Symbol):
            raise MxError(f"{where}: inputs must be symbols, not {type(s).__name__}; parameters go by name, as in key = value")
        if len(s.heads) != 1 and not op.variadic:
            raise MxError(f"{where}: an input has {len(s.heads)} outputs ({', '.join(s.list_outputs()[:4])} ...); pick one")
    heads = [h for s in args for h in s.heads]
    if op.variadic:
        heads += [h for s in inputs.values() for h in s.heads]
        inputs = {}
        attrs.setdefault(op.variadic, len(heads))
    p = op.parse(attrs, where)
    input_names = (*op.inputs(p), *op.aux(p))
    numbered = op.variadic in op.params and input_names and input_names[-1][-1].isdigit()    # not UpSampling's data and weight
    if numbered and len(heads) != len(input_names) and heads:
        raise MxError(f"{where}: {op.variadic} is {getattr(p, op.variadic)} but {len(heads)} symbols are given")
    if len(heads) > len(input_names):
        raise MxError(f"{where}: takes {len(input_names)} input{'s' * (len(input_names) != 1)} ({', '.join(input_names)}), not {len(heads)}")
    inputs = {k.replace(".", "_"): v for k, v in inputs.items()}
    for key in inputs:
        if key in input_names[:len(heads)]:
            raise MxError(f"{where}: {key} is given both by position and by name")
        if key not in input_names:
            raise MxError(f"{where}: has no input {key}" + (suggest(key, input_names) or f"; it has {', '.join(input_names)}"))
    name = name or names.next(op_name.lower())
    text = {k: v if isinstance(v, str) else to_text(v) for k, v in attrs.items()}
    text |= {k: v if isinstance(v, str) else to_text(v) for k, v in hidden.items()}
    entries = []
    for i, key in enumerate(input_names):
        if i < len(heads):
            entries.append(heads[i])
        elif key in inputs:
            entries.append(inputs[key].heads[0])
        else:       # MXNet copies the parameters onto the variables it makes
            entries.append((Node(None, f"{name}_{key}", dict(text)), 0))
        if (op.name, key) in _INIT_ATTRS and entries[-1][0].op is None:
            entries[-1][0].attrs.setdefault("__init__", _INIT_ATTRS[op.name, key])
    node = Node(op, name, text, p, entries)
    return Symbol((node, i) for i in range(node.n_visible))


__all__ = ["Symbol", "Node", "create", "variable", "group", "binary", "names", "ShapeError"]
