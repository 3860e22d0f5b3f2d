"""The environment variables of the engines: those that are removed, and those that limit them to AVX2.

Engines that start within `limited` have the second kind. When they end, their workers tell whether they used
AVX-512 all the same (`worker.py`), so a variable that an engine does not know is noticed.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from pathlib import Path

# settings that make an engine slower or faster
TUNING = (
    "OPENBLAS_",
    "GOTO_",
    "MKL_",
    "MKLDNN_",
    "DNNL_",
    "ONEDNN_",
    "OMP_",
    "GOMP_",
    "KMP_",
    "MXNET_",
    "ATEN_",
    "TORCHINDUCTOR_",
    "XLA_",
    "NPY_",
    "GLIBC_TUNABLES",
)

# The limits of libraries that several engines use. oneDNN has two names, by its version. NumPy's first three
# groups are those of 2.4 and later; it ignores names that a version does not have. The C library copies and
# compares memory with AVX-512.
_ONEDNN = {"DNNL_MAX_CPU_ISA": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
_OPENBLAS = {"OPENBLAS_CORETYPE": "Haswell"}
_NUMPY = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR "
    "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_KNL AVX512_KNM"
}
_LIBC = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512CD,-AVX512DQ"}
# YNNPACK has no limit: it is left out. Eigen, whose products and convolutions are used instead, calls oneDNN.
_XLA = {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2 --xla_cpu_experimental_ynn_fusion_type="}
_TORCH = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}

AVX2 = {
    "mxr": {"MXR_NATIVE": "avx2"} | _ONEDNN | _OPENBLAS | _NUMPY | _LIBC,
    "mxnet": _ONEDNN | _OPENBLAS | _NUMPY | _LIBC,
    "torch": _TORCH | _ONEDNN | _OPENBLAS | _NUMPY | _LIBC,
    "compile": {"TORCHINDUCTOR_CPP_MARCH": "haswell"} | _TORCH | _ONEDNN | _OPENBLAS | _NUMPY | _LIBC,
    "jax": _XLA | _ONEDNN | _OPENBLAS | _NUMPY | _LIBC,
}

_limits: list[dict[str, dict[str, str]]] = []  # of the blocks of `limited` that are open


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Engines that start within this block use AVX2 at most."""
    _limits.append(AVX2)
    try:
        yield
    finally:
        _limits.pop()


def is_limited() -> bool:
    return bool(_limits)


@functools.cache
def processor() -> tuple[str, frozenset[str]]:
    """The processor's name and its flags."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.exists() else []
    info = {name.strip(): text.strip() for name, _, text in (line.partition(":") for line in lines)}
    return info.get("model name", ""), frozenset(info.get("flags", "").split())


def clean() -> None:
    """Remove this process's own settings; engines inherit its environment."""
    for name in [name for name in os.environ if name.startswith(TUNING)]:
        del os.environ[name]


def of(engine: str) -> dict[str, str]:
    """The variables that an engine gets now, besides those of this process."""
    return _limits[-1][engine] if _limits else {}
