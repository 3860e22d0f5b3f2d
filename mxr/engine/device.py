"""Devices under MXNet's names. Everything is computed on the CPU."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from mxr.operator import MxError


@dataclass(frozen=True)
class Context:
    """A device: its `device_type`, "cpu", and its number. Functions accept it as `ctx=`; it has no effect."""

    device_type: str = "cpu"
    device_id: int = 0

    def __post_init__(self) -> None:
        if self.device_type not in ("cpu", "cpu_pinned", "cpu_shared"):
            raise MxError(f"Context: there is no device {self.device_type!r} here; mxr computes on mxr.cpu()")

    def __repr__(self) -> str:
        return f"{self.device_type}({self.device_id})"

    __str__ = __repr__

    def __enter__(self) -> Context:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def cpu(device_id: int = 0) -> Context:
    """The CPU."""
    return Context("cpu", device_id)


def gpu(device_id: int = 0) -> Context:
    """In MXNet a GPU; here the CPU, with a warning. The results are the same."""
    warnings.warn("mxr.gpu: no GPU is used here; computing on the CPU (same results)", stacklevel=2)
    return Context("cpu", device_id)


def num_gpus() -> int:
    """The number of GPUs that are used: 0."""
    return 0


def current_context() -> Context:
    return Context()


def checked(ctx: object, where: str) -> None:
    """MxError if `ctx` is neither None nor a device."""
    if ctx is not None and not isinstance(ctx, Context):
        raise MxError(f"{where}: ctx must be a device, such as mxr.cpu(), not {type(ctx).__name__}")
