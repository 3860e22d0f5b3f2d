"""Executors: a symbol bound to arrays, run forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import cached_property
from typing import Any, NoReturn

import numpy as np

from mxr.compiler.autodiff import KernelStep, trace_backward, trace_forward
from mxr.compiler.partition import divide
from mxr.compiler.program import Program, reached
from mxr.compiler.segments import NotFinite, Segment
from mxr.compiler.value import Value, const, leaf, tape
from mxr.engine.blocks import Block
from mxr.engine.ndarray import Arrays, NDArray, numbers
from mxr.graph.infer_types import Types, all_types
from mxr.graph.node import Node
from mxr.graph.symbol import Symbol
from mxr.native.steps import Calls
from mxr.operator import MxError, Run, ShapeError, affordable, input_names, shape_text, spelled, suggest
from mxr.operator.shapes import Dims
from mxr.runtime import memory, threads

_nothing = nullcontext()
Heads = Sequence[NDArray | np.ndarray | None] | NDArray | np.ndarray | None


@contextmanager
def enough_memory() -> Iterator[None]:
    """Turn a lack of memory into an MxError."""
    try:
        yield
    except MemoryError as e:
        raise MxError(f"there is not enough memory: {e}") from e


def check_affordable(shapes: dict[tuple[int, int], Dims], types: Types) -> None:
    """MxError if an array of the graph is larger than the machine's memory."""
    for key, shape in shapes.items():
        affordable(shape, types[key].itemsize)


class Executor:
    """A bound symbol.

    `args`, `grads`, `aux` and `outputs` are dicts of NDArrays in the symbol's order. `grads` has None for an
    argument without a gradient. The arrays stay the same during the executor's lifetime; calls change their
    values: `forward` fills `outputs`; `backward` fills `grads` ("write") or adds to them ("add");
    `forward_backward` does both in less time. The first call of each makes a program, which later calls
    reuse. `blocks` hold the arguments with a gradient for an optimizer.
    """

    def __init__(
        self,
        symbol: Symbol,
        args: dict[str, NDArray],
        grads: dict[str, NDArray | None],
        reqs: dict[str, str],
        aux: dict[str, NDArray],
        shapes: dict[tuple[int, int], Dims],
        types: Types,
        blocks: list[Block] | None = None,
    ):
        self.symbol, self.reqs = symbol, reqs
        self.args, self.grads, self.aux = Arrays(args), Arrays(grads), Arrays(aux)
        self.blocks = (
            [Block([k], args[k].data, g.data, [...]) for k, g in grads.items() if g is not None]
            if blocks is None
            else blocks
        )
        self._shapes, self._types = shapes, types
        check_affordable(shapes, types)
        for n in symbol.nodes():
            if n.op is not None and n.op.bound is not None:
                n.op.bound(n.p)
        # whether programs only read arguments and states, so that NDArrays can count what else is written
        self._only_reads = all(g is None for g in grads.values()) and not any(map(_may_write, symbol.nodes()))
        self._arrays: dict[tuple, np.ndarray] = {
            ("var", k): v.memory if self._only_reads else v.data for k, v in (args | aux).items()
        }
        self._arrays |= {("grad", k): v.data for k, v in grads.items() if v is not None}
        self.output_list = [NDArray(memory.zeros(shapes[id(n), i], types[id(n), i])) for n, i in symbol.heads]
        self.outputs = Arrays(zip(symbol.list_outputs(), self.output_list))
        self._run = Run()
        self._run.writes, self._run.wrote = self._writes, self._wrote
        self._buffers = memory.Buffers()
        self._stored: dict[int, np.ndarray] = {}
        self._forward_steps: Calls | None = None
        self._both_steps: Calls | None = None
        self._backward_steps: dict[bool, Calls] = {}  # by whether head gradients are given
        self._inference_steps: Calls | None = None
        self._trace(divide(symbol, shapes, types, self.wanted) if self.wanted else [])
        self._ran_forward = False

    def __repr__(self) -> str:
        return (
            f"<Executor of {', '.join(self.outputs)}: "
            f"{', '.join(f'{k} {shape_text(v.shape)}' for k, v in self.args.items())}>"
        )

    def __reduce__(self) -> NoReturn:
        raise MxError(
            "an executor cannot be copied: bind its symbol again, and copy or save its arrays (args, aux)"
        )

    # -------------------------------------------------------------------- names of arrays in MXNet's Python
    arg_dict = property(lambda self: self.args, doc="`args`.")
    grad_dict = property(lambda self: self.grads, doc="`grads`.")
    aux_dict = property(lambda self: self.aux, doc="`aux`.")
    output_dict = property(lambda self: self.outputs, doc="`outputs`.")
    arg_arrays = property(lambda self: list(self.args.values()), doc="The arguments in the symbol's order.")
    grad_arrays = property(lambda self: list(self.grads.values()), doc="Their gradients, or None.")
    aux_arrays = property(
        lambda self: list(self.aux.values()), doc="The auxiliary states in the symbol's order."
    )

    def copy_params_from(
        self,
        arg_params: Mapping[str, Any],
        aux_params: Mapping[str, Any] | None = None,
        allow_extra_params: bool = False,
    ) -> None:
        """Write values into the arguments and auxiliary states of these names. MxError for unknown names,
        unless `allow_extra_params`."""
        for given, mine, what in (
            (arg_params, self.args, "argument"),
            (aux_params or {}, self.aux, "auxiliary state"),
        ):
            for name, value in given.items():
                if name in mine:
                    mine[name][:] = value
                elif not allow_extra_params:
                    raise MxError(
                        f"copy_params_from: the executor has no {what} {name}" + suggest(str(name), mine)
                    )

    # ---------------------------------------------------------------- the calls
    def forward(self, is_train: bool = False, **values: Any) -> list[NDArray]:
        """Compute the outputs from the arguments, of which `values` gives new values by name.

        `is_train` is the mode of dropout, batch normalization and similar operators.
        """
        for name, value in values.items():
            self.args[name][:] = value
        if not is_train and not self.wanted and self._inference:
            if self._inference_steps is None:
                self._inference_steps = self._compile_inference()
            # a NaN or infinity is for the program below, whose operators keep it
            with suppress(NotFinite):
                return self._execute_forward(self._inference_steps, False)
        if self._only_reads and self._inference:
            self._wrote([*self.args, *self.aux])  # batch normalization may set gamma to 1
        try:
            if self._forward_steps is None:
                self._forward_steps = self._compile(self._program, [o.data for o in self.output_list])
            return self._execute_forward(self._forward_steps, bool(is_train))
        except NotFinite:
            self._without_segments()
            return self.forward(is_train)

    def forward_backward(self) -> list[NDArray]:
        """`forward(True)` and `backward()` in one program, with the same results. Common values are computed
        once, and element-wise functions of both passes read their inputs once."""
        try:
            if self._both_steps is None:
                self._both_steps = self._compile_both()
            return self._execute_forward(self._both_steps, True)
        except NotFinite:
            self._without_segments()
            return self.forward_backward()

    def _without_segments(self) -> None:
        """Make the programs of both passes again, without segments: a NaN or infinity is for operators that
        keep it."""
        self._forward_steps = self._both_steps = None
        self._backward_steps.clear()
        self._stored.clear()
        self._trace([])

    def _writes(self, names: Sequence[str]) -> list[int] | None:
        """How often arguments and states were written, None if any of them may have been without notice."""
        found = []
        for array in self._named(names):
            if array.writes is None:
                return None
            found.append(array.writes)
        return found

    def _wrote(self, names: Sequence[str]) -> None:
        """Count a possible write to arguments and states."""
        for array in self._named(names):
            array.writes = array.writes if array.writes is None else array.writes + 1

    def _named(self, names: Sequence[str]) -> list[NDArray]:
        return [self.args[k] if k in self.args else self.aux[k] for k in names]

    def _execute_forward(self, steps: Calls, train: bool) -> list[NDArray]:
        self._run.train = train
        self._ran_forward = False
        self._execute(steps)
        self._ran_forward = True
        return self.output_list

    def backward(self, heads: Heads = None, *, out_grads: Heads = None) -> None:
        """Compute the gradients of the last forward pass.

        `heads`, in MXNet `out_grads`, has a gradient for each output. None stands for ones. Loss layers
        ignore theirs.
        """
        heads = out_grads if heads is None else heads
        if not self._ran_forward:
            raise MxError("backward: run forward first")
        heads = [heads] if isinstance(heads, (NDArray, np.ndarray)) else heads
        given = heads is not None and any(h is not None for h in heads)
        if heads is not None and given:
            self._set_heads(heads)
        given = given and bool(self._heads_used)
        if given not in self._backward_steps:
            roots, targets = self._gradient_roots(given)
            self._backward_steps[given] = self._compile(Program(roots, set(self._stored)), targets)
        self._execute(self._backward_steps[given])

    def _set_heads(self, heads: Sequence[NDArray | np.ndarray | None]) -> None:
        """Check head gradients, and write them into the arrays that the backward pass reads."""
        found = [
            h.data if isinstance(h, NDArray) else h if h is None else numbers(h, "backward: a head gradient")
            for h in heads
        ]
        if len(found) != len(self.output_list):
            raise MxError(f"backward: {len(found)} head gradients for {len(self.output_list)} outputs")
        for i, (h, out) in enumerate(zip(found, self.output_list)):
            if h is not None and h.shape != out.shape:
                raise ShapeError(
                    f"backward: head gradient {i + 1} has shape {shape_text(h.shape)}, "
                    f"the output {shape_text(out.shape)}"
                )
            if ("head", i) in self._arrays:
                self._arrays["head", i][...] = 1.0 if h is None else h

    def _execute(self, steps: Calls) -> None:
        with (
            _nothing if steps.native else np.errstate(all="ignore"),
            threads.single_blas() if self._uses_blas else _nothing,
        ):
            try:
                for step in steps:
                    step()
            except (TypeError, ValueError, ArithmeticError, LookupError) as e:
                raise MxError(f"{self._operator_of(step)} does not take such arrays: {e}") from e

    def _operator_of(self, step: Callable[[], object]) -> str:
        """For messages: the operator of a step, and the types of its inputs."""
        if not isinstance(step, KernelStep):
            return "an operator"
        n = step.node
        assert n.op is not None
        types = all_types(self.symbol, {k: v.dtype for k, v in (self.args | self.aux).items()})
        given = ", ".join(f"{k} {types[id(m), i]}" for k, (m, i) in zip(input_names(n.op, n.p), n.inputs))
        return f"{n.op.name} {n.name} ({given})"

    # ---------------------------------------------------------------- making the programs
    @property
    def wanted(self) -> list[str]:
        """Arguments that get a gradient."""
        return [k for k, req in self.reqs.items() if req != "null" and self.grads.get(k) is not None]

    def _trace(self, units: Sequence[Node | Segment]) -> None:
        """Make the values of both passes, some of them by segments. MxError for a gradient through an
        operator that has none."""
        with tape():
            values = trace_forward(self.symbol, self._shapes, self._types, units)
            heads = [values[id(n), i] for n, i in self.symbol.heads]
            effects = [
                values[id(n), 0]
                for n in units or self.symbol.nodes()
                if isinstance(n, Node) and n.op and (n.op.random or n.aux_entries)
            ]
            self._program = program = Program(heads + effects)
            self._gradients: dict[bool, list[tuple[Value, str]]] = {}
            self._heads_used: set[int] = set()
            if self.wanted:
                self._trace_gradients(values, heads, program, units)
        self._uses_blas = program.uses_blas

    def _trace_gradients(
        self,
        values: dict[tuple[int, int], Value],
        heads: list[Value],
        forward: Program,
        units: Sequence[Node | Segment],
    ) -> None:
        """Make the values of both backward passes, with given head gradients and with ones. Tell the forward
        program which values they read."""
        for given in (True, False):
            gs: list[Value | None] = []
            for i, ((n, _), v) in enumerate(zip(self.symbol.heads, heads)):
                if n.op is not None and n.op.ignores_head(n.p):
                    gs.append(None)
                elif given:
                    gs.append(leaf(("head", i), v.shape, v.dtype))
                else:
                    gs.append(const(1.0, v.shape, v.dtype))
            grads = trace_backward(self.symbol, values, gs, set(self.wanted), units)
            roots = []
            for name in self.wanted:
                array: np.ndarray = self.grads[name].data
                g = grads.get(name)
                if self.reqs[name] == "add":
                    if g is not None:
                        roots.append((leaf(("grad", name), array.shape, array.dtype) + g, name))
                else:
                    roots.append((const(0.0, array.shape, array.dtype) if g is None else g, name))
            self._gradients[given] = roots
            forward.keep_for([r for r, _ in roots])
            self._heads_used |= _heads_read([r for r, _ in roots])
            if given and not self._heads_used:
                self._gradients[False] = roots
                return
        for i in self._heads_used:
            self._arrays["head", i] = np.ones(heads[i].shape, heads[i].dtype)

    @cached_property
    def _inference(self) -> list[Node | Segment]:
        """The nodes and segments for inference. None of them if no operator is computed in another way."""
        units = divide(self.symbol, self._shapes, self._types)
        other = any(isinstance(u, Segment) or (u.op is not None and u.op.inference) for u in units)
        return units if other else []

    def _compile_inference(self) -> Calls:
        """The outputs alone. Operators' expressions for inference join the regions around them, and no value
        is stored for a backward pass."""
        with tape():
            values = trace_forward(self.symbol, self._shapes, self._types, self._inference, True)
            heads = [values[id(n), i] for n, i in self.symbol.heads]
            effects = [
                values[id(n), 0]
                for n in self.symbol.nodes()
                if n.op and (n.op.random or (n.aux_entries and n.op.inference is None))
            ]
            program = Program(heads + effects)
        return self._compile(program, [o.data for o in self.output_list])

    def _compile_both(self) -> Calls:
        roots, targets = self._gradient_roots(False)
        first = self._program.roots
        program = Program(first + roots)
        program.kept = self._program.kept  # so that `backward` can be called after it
        outputs = [o.data for o in self.output_list]
        return self._compile(program, [*outputs, *[None] * (len(first) - len(outputs)), *targets])

    def _gradient_roots(self, given: bool) -> tuple[list[Value], list[np.ndarray]]:
        """The values that the backward pass computes, and the arrays for them."""
        if not self.wanted:
            raise MxError(
                f'backward: no argument has a gradient; bind with {spelled("grad.req", "reqs")} = "write" '
                "(arguments named *data or *label, and fixed ones, never get one)"
            )
        roots = self._gradients[given]
        return [r for r, _ in roots], [self.grads[name].data for _, name in roots]

    @enough_memory()
    def _compile(self, program: Program, targets: Sequence[np.ndarray | None]) -> Calls:
        """The steps of a program, whose first roots are computed into `targets`."""
        self._uses_blas |= program.uses_blas
        all_targets = [*targets, *[None] * (len(program.roots) - len(targets))]
        with np.errstate(all="ignore"):  # numbers beyond the range of their type become infinite
            return program.compile(
                self._stored, self._arrays.__getitem__, self._buffers, self._run, all_targets
            )


def _may_write(n: Node) -> bool:
    """Whether a node may write into its inputs in a program without gradients. Batch normalization does not:
    its statistics change in the backward pass."""
    return n.op is not None and (n.op.open or (bool(n.aux_entries) and n.op.segment is None))


def _heads_read(roots: list[Value]) -> set[int]:
    """The indices of the outputs whose head gradients are read to compute `roots`."""
    return {v.arg[1] for v in reached(roots).values() if v.kind == "leaf" and v.arg[0] == "head"}
