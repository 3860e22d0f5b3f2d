"""Graphs of operator calls: symbols, composing, inference of shapes and types, JSON.

May import: runtime, operator, random, io.
"""
