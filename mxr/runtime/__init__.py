"""This machine: threads, memory, tuning numbers, and parts of SciPy that are imported on first use.

May import: nothing of mxr.
"""
