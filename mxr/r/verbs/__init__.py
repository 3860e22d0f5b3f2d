"""What R can ask for: one function per verb, by subject. Importing this package registers them all."""
from mxr.r.verbs import executor, io, looks, metric, model, ndarray, optimizer, symbol  # noqa: F401
