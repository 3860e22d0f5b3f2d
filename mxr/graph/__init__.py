"""Graphs of operator calls: symbols, composing, inference of shapes and types, JSON, drawings.

May import: runtime, operator, random, io.
"""
