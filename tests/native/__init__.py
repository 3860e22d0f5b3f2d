"""The native core (mxr/native) by itself. `make test-native` runs these tests on a core built with
sanitizers."""
