"""mxr: the engine of Apache MXNet's R scripts, on NumPy. `import mxr` needs neither R nor rpy2.

    x = mxr.sym.Variable("x")
    loss = mxr.sym.MakeLoss(mxr.sym.square(x), grad_scale=2, name="loss")
    ex = loss.simple_bind(x=(3,)); ex.args["x"][:] = [1, 2, 3]; ex.forward(is_train=True); ex.backward()
"""
import mxr.engine.bind  # noqa: F401  (gives Symbol its `bind` and `simple_bind`)
from mxr import nd, operator, random, sym
from mxr.config import show_config
from mxr.engine.executor import Executor
from mxr.engine.ndarray import NDArray
from mxr.graph.symbol import Symbol
from mxr.operator import MxError, NotImplementedInMxr, ParamError, ShapeError

symbol, ndarray = sym, nd         # the names that they have in MXNet as well
__version__ = "0.2.0"
__all__ = ["sym", "symbol", "nd", "ndarray", "operator", "random", "Executor", "NDArray", "Symbol", "MxError", "ParamError", "ShapeError",
           "NotImplementedInMxr", "show_config"]
