"""The comparison with MXNet 1.9.1 itself: `python -m tests.reference`."""
