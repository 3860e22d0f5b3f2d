"""The functions that R calls (verbs), by subject. Importing this package registers them all.

May import: bridge, and everything below r.
"""

from mxr.r.verbs import (
    custom_operator,
    drawing,
    executor,
    io,
    kvstore,
    metric,
    model,
    ndarray,
    optimizer,
    symbol,
)

VERBS = (custom_operator, drawing, executor, io, kvstore, metric, model, ndarray, optimizer, symbol)
