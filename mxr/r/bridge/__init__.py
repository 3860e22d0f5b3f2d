"""Between R's memory and Python's: R's C functions, conversion, handles, the door and its registry,
interrupts, output."""
