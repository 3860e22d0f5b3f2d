"""Devices, as MXNet's Python programs name them. Everything is computed on the processor."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from mxr.operator import MxError


@dataclass(frozen=True)
class Context:
    """A device: `device_type` "cpu", and its number, which has no effect. Functions take it as `ctx=` and
    compute as ever."""

    device_type: str = "cpu"
    device_id: int = 0

    def __post_init__(self) -> None:
        if self.device_type not in ("cpu", "cpu_pinned", "cpu_shared"):
            raise MxError(
                f"Context: there is no device {self.device_type!r} here; mxr.cpu() is what computes"
            )

    def __repr__(self) -> str:
        return f"{self.device_type}({self.device_id})"

    __str__ = __repr__

    def __enter__(self) -> Context:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def cpu(device_id: int = 0) -> Context:
    """The processor."""
    return Context("cpu", device_id)


def gpu(device_id: int = 0) -> Context:
    """A graphics card in MXNet; here the processor, with a warning: the results are the same."""
    warnings.warn("mxr.gpu: no GPU is used here; computing on the CPU (same results)", stacklevel=2)
    return Context("cpu", device_id)


def num_gpus() -> int:
    """How many graphics cards are used: none."""
    return 0


def current_context() -> Context:
    return Context()


def checked(ctx: object, where: str) -> None:
    """MxError where what is given as a device is none."""
    if ctx is not None and not isinstance(ctx, Context):
        raise MxError(f"{where}: ctx must be a device, such as mxr.cpu(), not {type(ctx).__name__}")
