"""Random numbers: MXNet's streams and samplers, bit for bit, and the C++ generator that readers draw from.

May import: runtime, operator.
"""

from mxr.random.streams import normal, seed, uniform

__all__ = ["normal", "seed", "uniform"]
