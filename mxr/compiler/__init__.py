"""From operators' own NumPy code to steps: tracing, gradients, programs, and lowering to NumPy and to C.

May import: graph and the folders below it.
"""
