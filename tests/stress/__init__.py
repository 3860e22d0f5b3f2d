"""Long runs against faults, load and bad input: `python -m tests.stress` (figures in docs/reliability.md).
Short, seeded parts of them are in tests/io/test_damaged_files.py and tests/engine/test_limits.py."""
