"""Execution: executors, arrays, single operators, optimizers, workers, operators as Python functions.

May import: compiler and the folders below it.
"""
