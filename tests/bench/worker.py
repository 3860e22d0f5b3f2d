"""One engine in a process of its own: `python worker.py mxnet|mxr|torch|compile|jax`. Reads commands as JSON
lines, answers as JSON lines.

{"load": file.npz}     ->  {"ok": true}      file: symbol JSON, arrays, wanted gradients, whether to update,
                                             whether forward and backward are two calls
{"run": n}             ->  {"seconds": ...}
{"steps": n}           ->  {"median": ...}   seconds of a step: the median of n
{"results": file.npz, "names": [...]}
                       ->  {"ok": true}      the loss and these gradients of the first step go there
{"read": [reader, given, check]}
                       ->  {"seconds": ..., "total": ...}    a pass over files (mxr and mxnet only)
{"memory": true}       ->  {"peak": ..., "now": ...}    MB above what there was after importing the engine
{"avx512": true}       ->  {"used": ...}     whether a thread of this process used AVX-512; null if unknown
{"copies": n}          ->  {"seconds": ...}  two arrays of n floats copied to two others (mxr only)
{"products": [...]}    ->  {"seconds": ...}  matrix products alone: lists of batch, m, k, n (mxr only)
"""

import io
import json
import os
import sys
import time

import numpy as np


class Mxnet:
    def __init__(self):
        import mxnet as mx

        self.mx = mx
        mx.nd.zeros(1).asnumpy()

    def load(self, z):
        mx = self.mx
        symbol = mx.sym.load_json(str(z["symbol"]))
        args = {k[4:]: mx.nd.array(z[k]) for k in z.files if k.startswith("arg:")}
        aux = {k[4:]: mx.nd.array(z[k]) for k in z.files if k.startswith("aux:")}
        wanted = [str(w) for w in z["wanted"]]
        grads = {k: mx.nd.zeros(args[k].shape) for k in wanted}
        self.ex = symbol.bind(
            mx.cpu(),
            args,
            args_grad=grads,
            grad_req={k: "write" if k in wanted else "null" for k in args},
            aux_states=aux,
        )
        self.predict = bool(z["predict"])
        self.state = (
            [(args[k], grads[k], mx.nd.zeros(args[k].shape)) for k in wanted] if bool(z["update"]) else []
        )

    def results(self):
        return self.ex.outputs[0].asnumpy(), {
            k: g.asnumpy() for k, g in self.ex.grad_dict.items() if g is not None
        }

    def step(self):
        if self.predict:
            self.ex.forward(is_train=False)
            self.mx.nd.waitall()
            return
        self.ex.forward(is_train=True)
        self.ex.backward()
        for w, g, m in self.state:
            self.mx.nd.sgd_mom_update(w, g, m, out=w, lr=1e-3, momentum=0.9, rescale_grad=0.01, wd=0.0)
        # a step ends when its results exist, as in a training loop that reads its loss
        self.mx.nd.waitall()


class Mxr:
    def __init__(self):
        import mxr

        self.mxr = mxr

    def load(self, z):
        """A step as in the R package's training loop; with `apart`, both passes are separate calls."""
        from mxr.engine.optimizer import Updater, rule

        symbol = self.mxr.sym.load_json(str(z["symbol"]))
        arrays = {k[4:]: z[k] for k in z.files if k[:4] in ("arg:", "aux:")}
        wanted = [str(w) for w in z["wanted"]]
        self.ex = symbol.simple_bind(
            {k: "write" if k in wanted else "null" for k in symbol.list_arguments()},
            **{k: arrays[k].shape for k in symbol.list_arguments()},
        )
        for k, a in (self.ex.args | self.ex.aux).items():
            a[:] = arrays[k]
        self.apart, self.predict = bool(z["apart"]), bool(z["predict"])
        self.updater = (
            Updater(rule("sgd", {"momentum": 0.9, "rescale_grad": 0.01})) if bool(z["update"]) else None
        )

    def results(self):
        return self.ex.output_list[0].asnumpy(), {
            k: g.asnumpy() for k, g in self.ex.grads.items() if g is not None
        }

    def step(self):
        if self.predict:
            self.ex.forward(False)
            return
        if self.apart:
            self.ex.forward(True)
            self.ex.backward()
        else:
            self.ex.forward_backward()
        if self.updater:
            self.updater.train(1e-3, self.ex)


def read(engine: str, reader: str, given: dict, check: bool) -> dict:
    """One pass over files, with the opening: seconds; with `check`, the sum of all data and labels."""
    start, total = time.perf_counter(), 0.0
    if engine == "mxnet":
        import mxnet as mx

        shape = {k: tuple(v) for k, v in given.items() if isinstance(v, list)}
        for batch in getattr(mx.io, reader)(**given | shape):
            for array in (*batch.data, *batch.label):
                array.wait_to_read()
                if check:
                    total += float(array.asnumpy().astype(np.float64).sum())
    else:
        from mxr.io import readers

        made = readers.create(reader, given)
        while made.next():
            if check:
                total += sum(float(array.sum(dtype=np.float64)) for array in made.value.values())
    return {"seconds": time.perf_counter() - start, "total": total}


def copies(n: int) -> float:
    """The time for reading and writing the arrays without computing, on the same threads."""
    from mxr.runtime import threads

    pairs = [(np.zeros(n, np.float32), np.ones(n, np.float32)) for _ in range(2)]
    lanes = threads.workers() if n >= 100_000 else 1
    edges = [n * i // lanes for i in range(lanes + 1)]
    tasks = [
        lambda a=a, b=b: [np.copyto(out[a:b], x[a:b]) for out, x in pairs] for a, b in zip(edges, edges[1:])
    ]
    return least(lambda: threads.run(tasks) if lanes > 1 else tasks[0]())


def products(shapes) -> float:
    """The time of the multiplications alone, computed as the program does."""
    from mxr.runtime import threads

    rng = np.random.default_rng(0)
    calls = []
    for batch, m, k, n in shapes:
        a, b = (rng.standard_normal((batch, *s) if batch > 1 else s, np.float32) for s in ((m, k), (k, n)))
        calls.append(threads.product(a, b, np.empty((batch, m, n) if batch > 1 else (m, n), np.float32)))
    with threads.single_blas():
        return sum(least(c) for c in calls)


def least(call, seconds=0.15) -> float:
    """The median time of a call."""
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def median_step(engine, n: int) -> float:
    """The median time of n steps, each timed by itself."""
    times = []
    with np.errstate(all="ignore"):
        for _ in range(n):
            start = time.perf_counter()
            engine.step()
            times.append(time.perf_counter() - start)
    return float(np.median(times))


def memory(which: str) -> float:
    """VmRSS or VmHWM of this process in MB."""
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith(which + ":"))


def used_avx512(since: float):
    """Whether a thread of this process used registers that only AVX-512 has, after `since` (time.monotonic).
    The kernel notes it when threads are switched. None if it does not."""
    tasks, found = "/proc/self/task", []
    for task in os.listdir(tasks):
        try:
            with open(f"{tasks}/{task}/arch_status") as f:
                text = f.read()
        except OSError:  # the thread has ended, or another kernel
            continue
        found += [int(line.split()[1]) for line in text.splitlines() if line.startswith("AVX512_elapsed_ms:")]
    age = (time.monotonic() - since) * 1e3
    # -1 is never. The first thread has what this process did before it was Python. 20 ms: the kernel's clock.
    return any(0 <= ms < age - 20 for ms in found) if found else None


def main():
    started = time.monotonic()
    name = sys.argv[1]
    if name in ("mxnet", "mxr"):
        engine = {"mxnet": Mxnet, "mxr": Mxr}[name]()
    else:
        import peers

        engine = peers.Peer(name)
    np.savez(io.BytesIO(), np.zeros(1))  # so that what this needs is there before memory counts
    before = memory("VmRSS")
    for line in sys.stdin:
        command = json.loads(line)
        if "load" in command:
            with np.load(command["load"]) as z:
                engine.load(z)
            with open("/proc/self/clear_refs", "w") as f:
                f.write("5")  # the peak counts from here
            with np.errstate(all="ignore"):
                engine.step()
            answer = {"ok": True}
        elif "results" in command:
            out, grads = engine.results()
            names = command["names"]
            np.savez(command["results"], out=out, **{"grad:" + k: grads[k] for k in names})
            answer = {"ok": True}
        elif "steps" in command:
            answer = {"median": median_step(engine, command["steps"])}
        elif "memory" in command:
            answer = {"peak": memory("VmHWM") - before, "now": memory("VmRSS") - before}
        elif "avx512" in command:
            answer = {"used": used_avx512(started)}
        elif "read" in command:
            answer = read(name, *command["read"])
        elif "copies" in command:
            answer = {"seconds": copies(command["copies"])}
        elif "products" in command:
            answer = {"seconds": products(command["products"])}
        else:
            with np.errstate(all="ignore"):
                start = time.perf_counter()
                for _ in range(command["run"]):
                    engine.step()
                answer = {"seconds": time.perf_counter() - start}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
