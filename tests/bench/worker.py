"""One engine in a process of its own: `python worker.py mxnet|mxr`. Reads commands as JSON lines, answers as JSON lines.

    {"load": file.npz}  ->  {"ok": true}            file: symbol JSON, arrays, wanted gradients, whether to update
    {"run": n}          ->  {"seconds": ..., "peak_kb": ...}
"""
import json
import resource
import sys
import time

import numpy as np


class Mxnet:
    def load(self, z):
        import mxnet as mx
        self.mx = mx
        symbol = mx.sym.load_json(str(z["symbol"]))
        args = {k[4:]: mx.nd.array(z[k]) for k in z.files if k.startswith("arg:")}
        aux = {k[4:]: mx.nd.array(z[k]) for k in z.files if k.startswith("aux:")}
        wanted = [str(w) for w in z["wanted"]]
        grads = {k: mx.nd.zeros(args[k].shape) for k in wanted}
        self.ex = symbol.bind(mx.cpu(), args, args_grad=grads, grad_req={k: "write" if k in wanted else "null" for k in args}, aux_states=aux)
        self.state = [(args[k], grads[k], mx.nd.zeros(args[k].shape)) for k in wanted] if bool(z["update"]) else []

    def step(self):
        self.ex.forward(is_train=True)
        self.ex.backward()
        for w, g, m in self.state:
            self.mx.nd.sgd_mom_update(w, g, m, out=w, lr=1e-3, momentum=0.9, rescale_grad=0.01, wd=0.0)
        self.mx.nd.waitall()        # a step ends when its results exist, as they do for a loop that looks at its loss


class Mxr:
    def load(self, z):
        import mxr
        from mxr.op import Run, get
        symbol = mxr.sym.load_json(str(z["symbol"]))
        args = {k[4:]: z[k] for k in z.files if k.startswith("arg:")}
        aux = {k[4:]: z[k] for k in z.files if k.startswith("aux:")}
        wanted = [str(w) for w in z["wanted"]]
        grads = {k: np.zeros_like(args[k]) for k in wanted}
        self.ex = symbol.bind(args, grads, {k: "write" if k in wanted else "null" for k in args}, aux)
        self.state = []
        if bool(z["update"]):
            op, run = get("sgd_mom_update"), Run()
            p = op.parse({"lr": 1e-3, "momentum": 0.9, "rescale_grad": 0.01})
            for k in wanted:
                ins = [args[k], grads[k], np.zeros_like(args[k])]
                self.state.append((op.compute, (p, run, ins, [args[k]])))

    def step(self):
        self.ex.forward(True)
        self.ex.backward()
        for fn, a in self.state:
            fn(*a)


def main():
    engine = {"mxnet": Mxnet, "mxr": Mxr}[sys.argv[1]]()
    for line in sys.stdin:
        command = json.loads(line)
        if "load" in command:
            engine.load(np.load(command["load"]))
            engine.step()
            answer = {"ok": True}
        else:
            start = time.perf_counter()
            for _ in range(command["run"]):
                engine.step()
            answer = {"seconds": time.perf_counter() - start, "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}
        print(json.dumps(answer), flush=True)


main()
