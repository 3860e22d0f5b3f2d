"""MXNet's side of the comparison: a process that computes samples with MXNet 1.9.1 and answers on its
standard output.

It is started by tests/reference/oracle.py with the Python of MXNet's own environment, so it imports nothing
but the standard library, NumPy and MXNet. A message is eight bytes of length and an npz archive whose entry
`meta` is JSON; every other entry is an array.
"""

import ctypes
import io
import json
import os
import struct
import sys
import zlib

import numpy as np

ADD_START = 0.5  # what gradient arrays hold before the first backward pass under the request "add"


def head_gradient(i, shape, dtype):
    """The head gradient of output `i`; the same one in every process (RandomState's streams are frozen)."""
    rng = np.random.RandomState(zlib.crc32(f"{i} {tuple(shape)}".encode()))
    return rng.standard_normal(shape).astype(np.float32).astype(dtype)


def write_message(stream, meta, arrays):
    buffer = io.BytesIO()
    np.savez(buffer, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), **arrays)
    stream.write(struct.pack("<q", buffer.tell()) + buffer.getvalue())
    stream.flush()


def read_message(stream):
    """(meta, arrays), or None at the end of the stream."""
    header = stream.read(8)
    if len(header) < 8:
        return None
    body = stream.read(struct.unpack("<q", header)[0])
    with np.load(io.BytesIO(body)) as archive:
        arrays = {key: archive[key] for key in archive.files}
    return json.loads(arrays.pop("meta").tobytes()), arrays


class Worker:
    """One method for every kind of question; each takes (meta, arrays) and returns (meta, arrays)."""

    def __init__(self):
        import mxnet
        from mxnet._ctypes.ndarray import _imperative_invoke
        from mxnet._ctypes.symbol import _symbol_creator

        self.mx, self._create, self._invoke = mxnet, _symbol_creator, _imperative_invoke

    def handle(self, op):
        handle = ctypes.c_void_p()
        self.mx.base.check_call(self.mx.base._LIB.NNGetOpHandle(op.encode(), ctypes.byref(handle)))
        return handle.value

    def symbol(self, op, params, inputs, name=None):
        """Any registered operator as a function of symbols, from any module of MXNet's Python package."""
        name = self.mx.name.NameManager.current.get(name, op.lower().lstrip("_"))
        return self._create(self.handle(op), inputs, {}, list(params), list(params.values()), name, False)

    def array(self, x):
        return self.mx.nd.array(x, dtype=x.dtype)

    def names(self, q, arrays):
        """Everything in the registry."""
        count, found = ctypes.c_uint(), ctypes.POINTER(ctypes.c_char_p)()
        self.mx.base.check_call(self.mx.base._LIB.MXListAllOpNames(ctypes.byref(count), ctypes.byref(found)))
        return {"names": sorted(found[i].decode() for i in range(count.value))}, {}

    # --------------------------------------------------------------------------------- one operator, symbolic

    def sample(self, q, arrays):
        values = {f"v{i}": arrays[f"in{i}"] for i in range(q["inputs"])}
        variables = [self.mx.sym.Variable(name) for name in values]
        symbol = self.symbol(q["op"], q["params"], variables, "op")
        meta = {
            "json": symbol.tojson(),
            "outputs": symbol.list_outputs(),
            "aux": symbol.list_auxiliary_states(),
            "arguments": symbol.list_arguments(),
        }
        if not q["variadic"] and len(variables) > 1:
            meta["auto_json"] = self.auto_json(q, variables[0])
        shapes = {name: value.shape for name, value in values.items()}
        _, meta["shapes"], _ = symbol.infer_shape(**shapes)
        meta["from_first"] = self.from_first(symbol, shapes) if values else {}
        types = symbol.infer_type(**{name: value.dtype for name, value in values.items()})[1]
        meta["types"] = [np.dtype(t).name for t in types] if types else None
        out = self.passes(symbol, values, q, meta)
        return meta, out

    def auto_json(self, q, first):
        """The symbol with its other inputs named by MXNet; None if MXNet cannot."""
        try:
            return self.symbol(q["op"], q["params"], [first], "op").tojson()
        except self.mx.MXNetError:
            return None

    def from_first(self, symbol, shapes):
        """All shapes if they follow from the first input's; else {}."""
        try:
            args, outs, aux = symbol.infer_shape(v0=shapes["v0"])
        except self.mx.MXNetError:
            return {}
        names = symbol.list_arguments() + symbol.list_auxiliary_states() + symbol.list_outputs()
        return dict(zip(names, [*args, *aux, *outs])) if args else {}

    def partial(self, q, arrays):
        """The shapes that follow from some shapes of a symbol that mxr wrote."""
        symbol = self.mx.sym.load_json(q["json"])
        args, outs, aux = symbol.infer_shape_partial(**{k: tuple(s) for k, s in q["shapes"].items()})
        names = symbol.list_arguments() + symbol.list_auxiliary_states() + symbol.list_outputs()
        return {"shapes": dict(zip(names, [*args, *aux, *outs]))}, {}

    def passes(self, symbol, values, q, meta):
        """Forward, backward, and twice both under "add"; sets meta["no_gradient"] if MXNet has none."""
        run = self.bind(symbol, values, q["grad"], "write", meta)
        out = {f"out{i}": x for i, x in enumerate(self.forward(run, q))}
        if run.grads:
            self.backward(run)
            out.update({"grad" + name[1:]: g.asnumpy() for name, g in run.grads.items()})
        out.update({"aux" + name[1:]: a.asnumpy() for name, a in run.aux.items()})
        if run.grads:
            run = self.bind(symbol, values, q["grad"], "add", meta)
            self.mx.random.seed(q["seed"])
            try:
                for _ in range(2):
                    run.executor.forward(is_train=True)
                    self.backward(run)
                out.update({"add" + name[1:]: g.asnumpy() for name, g in run.grads.items()})
            except self.mx.MXNetError as e:
                if "AddTo is not supported" not in str(e):
                    raise
        return out

    def bind(self, symbol, values, wanted, request, meta):
        aux_names = symbol.list_auxiliary_states()
        run = Bound()
        run.args = {n: self.array(v) for n, v in values.items() if n not in aux_names}
        run.aux = {n: self.array(v) for n, v in values.items() if n in aux_names}
        for names in (wanted, []):
            run.grads = {n: self.array(np.full_like(values[n], ADD_START)) for n in names}
            requests = {n: request if n in run.grads else "null" for n in run.args}
            try:
                run.executor = symbol.bind(self.mx.cpu(), run.args, run.grads, requests, run.aux)
                return run
            except self.mx.MXNetError as e:  # no gradient, or (sort) one that MXNet cannot make
                if not names:
                    raise
                meta["no_gradient"] = str(e)

    def forward(self, run, q):
        self.mx.random.seed(q["seed"])
        return [x.asnumpy() for x in run.executor.forward(is_train=q["train"])]

    def backward(self, run):
        heads = [self.array(head_gradient(i, x.shape, x.dtype)) for i, x in enumerate(run.executor.outputs)]
        run.executor.backward(heads)

    # ------------------------------------------------------------------------------- one operator, imperative

    def imperative(self, q, arrays):
        """Outputs, and the inputs that the operator writes in place."""
        self.mx.random.seed(q["seed"])
        inputs = [self.array(arrays[f"in{i}"]) for i in range(q["inputs"])]
        with self.mx.autograd.record(q["train"]) if q["train"] else self.mx.autograd.pause(False):
            # the multi_* operators infer nothing without arrays to write into
            outputs = [self.array(np.zeros(shape, dtype)) for shape, dtype in q["outs"]]
            self._invoke(
                self.handle(q["op"]),
                inputs,
                list(q["params"]),
                list(q["params"].values()),
                outputs,
                False,
                True,
            )
        out = {f"out{i}": x.asnumpy() for i, x in enumerate(outputs)}
        out.update({f"mut{i}": inputs[i].asnumpy() for i in q["mutates"]})
        return {}, out

    def arrays(self, q, arrays):
        """Outputs, and gradients by autograd, of an operator that cannot be bound; `into`: the input that it
        needs for its output."""
        self.mx.random.seed(q["seed"])
        inputs = [self.array(arrays[f"in{i}"]) for i in range(q["inputs"])]
        wanted = [int(name[1:]) for name in q["grad"]]
        for i in wanted:
            inputs[i].attach_grad()
        outputs = None
        if not wanted:
            outputs = (
                [self.array(np.zeros(shape, dtype)) for shape, dtype in q["outs"]]
                if q["into"] is None
                else [inputs[q["into"]]]
            )
        with self.mx.autograd.record(q["train"]) if wanted else self.mx.autograd.pause(q["train"]):
            outputs = (
                self._invoke(
                    self.handle(q["op"]),
                    inputs,
                    list(q["params"]),
                    list(q["params"].values()),
                    outputs,
                    False,
                    True,
                )
                or outputs
            )
        if wanted:
            heads = [self.array(head_gradient(i, x.shape, x.dtype)) for i, x in enumerate(outputs)]
            self.mx.autograd.backward(outputs, heads, train_mode=q["train"])
        return {}, {f"out{i}": x.asnumpy() for i, x in enumerate(outputs)} | {
            f"grad{i}": inputs[i].grad.asnumpy() for i in wanted
        }

    # ------------------------------------------------------------------------------ must-fail samples, graphs

    def fails(self, q, arrays):
        """Composes, binds to zeros and runs; the error, if there is one, is the answer."""
        variables = [self.mx.sym.Variable(f"v{i}") for i in range(len(q["shapes"]))]
        symbol = self.symbol(q["op"], q["params"], variables, "op")
        run = symbol.simple_bind(
            self.mx.cpu(), **{f"v{i}": tuple(s) for i, s in enumerate(q["shapes"]) if s is not None}
        )
        return {}, {f"out{i}": x.asnumpy() for i, x in enumerate(run.forward(is_train=True))}

    def graph(self, q, arrays):
        """A whole symbol (JSON), bound with the given arguments."""
        symbol = self.mx.sym.load_json(q["json"])
        run = self.bind(symbol, arrays, q["grad"], q["request"], {})
        out = {f"out_{i}": x for i, x in enumerate(self.forward(run, q))}
        if run.grads:
            self.backward(run)
            out.update({f"grad_{n}": g.asnumpy() for n, g in run.grads.items()})
        return {}, out

    # ---------------------------------------------------------------------------- operators of the user's own

    def register(self, q, arrays):
        """Make those of custom_operators.py known."""
        from custom_operators import register

        register(self.mx)
        return {}, {}

    def steps(self, q, arrays):
        """Gradient descent by `rate` of what has a gradient; its end, the last outputs and gradients, and the
        outputs without training."""
        symbol = self.mx.sym.load_json(q["json"])
        run = self.bind(symbol, arrays, q["grad"], q["request"], {})
        for _ in range(q["steps"]):
            outs = self.forward(run, {"seed": 0, "train": True})
            self.backward(run)
            for name, g in run.grads.items():
                run.args[name][:] = run.args[name] - q["rate"] * g
        return {}, {
            **{f"out_{i}": x for i, x in enumerate(outs)},
            **{f"grad_{n}": g.asnumpy() for n, g in run.grads.items()},
            **{f"end_{n}": run.args[n].asnumpy() for n in run.grads},
            **{f"aux_{n}": x.asnumpy() for n, x in run.aux.items()},
            **{f"plain_{i}": x for i, x in enumerate(self.forward(run, {"seed": 0, "train": False}))},
        }

    def custom(self, q, arrays):
        """`mx.nd.Custom` on arrays."""
        inputs = [self.array(arrays[f"in{i}"]) for i in range(len(arrays))]
        return {}, {"out": self.mx.nd.Custom(*inputs, op_type=q["op"], **q["params"]).asnumpy()}

    # ------------------------------------------------------------------------------------------------ files

    def files(self, q, arrays):
        """A model from files that mxr wrote: its outputs; and MXNet's own files of it, beside."""
        symbol, args, states = self.mx.model.load_checkpoint(q["prefix"], q["epoch"])
        self.mx.model.save_checkpoint(q["copy"], q["epoch"], symbol, args, states)
        args.update({k: self.array(v) for k, v in arrays.items()})
        run = symbol.bind(self.mx.cpu(), args, aux_states=states)
        return {}, {f"out{i}": x.asnumpy() for i, x in enumerate(run.forward(is_train=False))}


class Bound:
    """An executor with its arrays."""


def main():
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # MXNet's own output must not mix with the answers
    worker = Worker()
    write_message(answers, {"version": worker.mx.__version__}, {})
    while (message := read_message(sys.stdin.buffer)) is not None:
        meta, arrays = message
        try:
            answer = getattr(worker, meta["ask"])(meta, arrays)
        except Exception as e:
            answer = {"error": f"{type(e).__name__}: {e}"}, {}
        write_message(answers, *answer)


if __name__ == "__main__":
    main()
