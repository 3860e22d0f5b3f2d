"""Running things: executors, arrays, one operator at once, optimizers, operators as Python functions.

May import: compiler and what is below it.
"""
