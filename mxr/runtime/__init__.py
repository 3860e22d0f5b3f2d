"""This machine: threads, memory, tuning numbers, and the parts of SciPy that are imported when first used.

Knows no operators. May import: nothing of mxr.
"""
