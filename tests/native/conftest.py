import pytest

from mxr import native

if not native.active():
    collect_ignore_glob = ["test_*.py"]  # NumPy computes: there was no compiler, or MXR_NATIVE=0

AVAILABLE = [name for name in native.VECTORS if native.core is not None and native.core.use(name)]


@pytest.fixture(params=AVAILABLE)
def vectors(request, monkeypatch):
    """Each kind of vector instructions that the processor has, for the steps made in the test."""
    monkeypatch.setattr(native, "vectors", request.param)
    native.core.use(request.param)
    yield request.param
    monkeypatch.undo()
    native.core.use(native.vectors or native.VECTORS[-1])
