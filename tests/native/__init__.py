"""The native core (mxr/native) by itself. `make sanitize` runs these tests on a core built with sanitizers."""
