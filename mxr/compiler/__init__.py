"""From operators' own NumPy code to steps: tracing, gradients, the plan, and its lowering to NumPy calls.

May import: graph and what is below it.
"""
