"""Long runs against faults, load and bad input: `python -m tests.stress` (figures in docs/reliability.md). Short, seeded parts of them are
in tests/test_fuzz.py and tests/test_limits.py."""
