"""mxr: runs Apache MXNet's symbols and R scripts, on NumPy. `import mxr` needs neither R nor rpy2.

x = mxr.sym.Variable("x")
loss = mxr.sym.MakeLoss(mxr.sym.square(x), grad_scale=2, name="loss")
ex = loss.simple_bind(x=(3,)); ex.args["x"][:] = [1, 2, 3]; ex.forward(is_train=True); ex.backward()
"""

from typing import NoReturn

import mxr.engine.bind  # noqa: F401  (gives Symbol its `bind` and `simple_bind`)
from mxr import nd, operator, optimizer, random, sym
from mxr.config import show_config
from mxr.engine.device import Context, cpu, current_context, gpu, num_gpus
from mxr.engine.executor import Executor
from mxr.engine.ndarray import NDArray
from mxr.graph.symbol import Symbol
from mxr.operator import FileError, MxError, NotImplementedInMxr, ParamError, ShapeError

symbol, ndarray = sym, nd  # MXNet's longer names
__version__ = "0.2.0"
__all__ = [
    "sym",
    "symbol",
    "nd",
    "ndarray",
    "operator",
    "random",
    "optimizer",
    "Executor",
    "NDArray",
    "Symbol",
    "Context",
    "cpu",
    "gpu",
    "num_gpus",
    "current_context",
    "show_config",
    "FileError",
    "MxError",
    "ParamError",
    "ShapeError",
    "NotImplementedInMxr",
]

_ELSEWHERE = {  # modules of MXNet's Python package that mxr does not have, and what to use instead
    "autograd": "bind a symbol: executor.forward_backward() fills executor.grads",
    "gluon": "compose symbols by mxr.sym and bind them",
    "mod": "symbol.simple_bind(...), executor.forward_backward() and mxr.optimizer",
    "module": "symbol.simple_bind(...) and mxr.optimizer",
    "model": "mxr.nd.load and mxr.sym.load read its files",
    "init": "write numbers into executor.args[name][:]",
    "initializer": "write numbers into executor.args[name][:]",
    "metric": "NumPy, on executor.outputs[name].asnumpy()",
    "kv": "several processes train together from R: mx.kv.create, docs/distributed.md",
    "kvstore": "several processes train together from R: mx.kv.create, docs/distributed.md",
    "viz": "a symbol draws itself in notebooks; symbol.debug_str()",
    "visualization": "symbol.debug_str()",
    "np": "NumPy itself, and mxr.nd",
    "npx": "mxr.nd",
    "lr_scheduler": "a function of the number of updates, as lr_scheduler=",
}


def __getattr__(name: str) -> NoReturn:
    if name in _ELSEWHERE:
        raise AttributeError(
            f"mxr has no {name} (it does not have MXNet's training interface for Python); instead: "
            f"{_ELSEWHERE[name]}"
        )
    raise AttributeError(f"module 'mxr' has no attribute {name!r}")
