"""The focal loss of a binary classifier, in Python: the port of focal.R."""
import mxr as mx


def focal(p: mx.Symbol, y: mx.Symbol, gamma: float = 2) -> mx.Symbol:
    right = y * p + (1 - y) * (1 - p)
    return mx.sym.MakeLoss(-1 * (1 - right) ** gamma * mx.sym.log(right), name="focal")
