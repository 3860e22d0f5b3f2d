"""Reading and writing MXNet's files."""
