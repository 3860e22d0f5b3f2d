"""Golden files: recorded numbers of a script, to compare with later runs, for porting from MXNet.

There is one JSON line per observation: {"name", "kind" ("num", "lgl", "chr", "null"), "dim", "value"}. `dim`
is in R's order, the reverse of Python's, and the values are in the order of an array's memory in Python.
Numbers are text with nine digits. observe.R writes the same files in any R, with MXNet's package or mxr's.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mxr.engine.ndarray import NDArray
from mxr.operator import MxError

OBSERVE_R = Path(__file__).with_name("observe.R")
_NUMBER = (int, float, np.generic)
RTOL, ATOL = 1e-4, 1e-5  # for float32 computations with another order of additions


def observation(value: Any) -> dict[str, Any]:
    """One value in the form of a golden file: a number, logical or text, a list of these, or an array."""
    if value is None:
        return {"kind": "null", "dim": [0], "value": []}
    if isinstance(value, str) or (
        isinstance(value, (list, tuple)) and value and all(isinstance(v, str) for v in value)
    ):
        texts = [value] if isinstance(value, str) else list(value)
        return {"kind": "chr", "dim": [len(texts)], "value": texts}
    a = value.data if isinstance(value, NDArray) else np.asarray(value)
    if a.dtype.kind not in "biuf":
        raise MxError(
            "an observation is numbers, logicals, texts or a list or dict of these, "
            f"not {type(value).__name__}"
        )
    dim = list(reversed(a.shape)) or [1]
    if a.dtype == bool:
        return {"kind": "lgl", "dim": dim, "value": ["true" if v else "false" for v in a.ravel()]}
    return {"kind": "num", "dim": dim, "value": [_text(float(v)) for v in a.ravel()]}


def _text(v: float) -> str:
    return "NaN" if math.isnan(v) else ("Inf" if v > 0 else "-Inf") if math.isinf(v) else f"{v:.9g}"


def observations(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Observations by name. Items of a list or dict are named `name$part`, as in observe.R."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        nested = value if isinstance(value, Mapping) else None
        if isinstance(value, (list, tuple)) and not any(
            all(isinstance(v, kind) for v in value) for kind in (str, _NUMBER)
        ):
            nested = {str(i + 1): v for i, v in enumerate(value)}
        found |= (
            {name: observation(value)}
            if nested is None
            else observations({f"{name}${k}": v for k, v in nested.items()})
        )
    return found


def record(path: str | os.PathLike, values: Mapping[str, Any] | None = None, /, **named: Any) -> None:
    """Write a golden file of these values, by name."""
    write(path, observations({**(values or {}), **named}))


def write(path: str | os.PathLike, found: Mapping[str, dict[str, Any]]) -> None:
    """Write a golden file of observations."""
    if not found:
        raise MxError("record: there is nothing to record")
    lines = [
        json.dumps({"name": name, **o}, ensure_ascii=False, separators=(",", ":")) + "\n"
        for name, o in found.items()
    ]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("".join(lines), encoding="utf-8")


def read(path: str | os.PathLike) -> dict[str, dict[str, Any]]:
    """The observations in a golden file, by name."""
    found: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                row = json.loads(line)
                found[row["name"]] = {k: row[k] for k in ("kind", "dim", "value")}
            except (ValueError, KeyError, TypeError):
                raise MxError(f"{path}, line {number}, is no observation: {line[:80]}") from None
    return found


def compare(
    golden: Mapping[str, dict[str, Any]],
    actual: Mapping[str, dict[str, Any]],
    rtol: float = RTOL,
    atol: float = ATOL,
) -> list[str]:
    """A line for each observation that differs, is missing, or is not in the golden file. Numbers are equal
    if |a - b| <= atol + rtol * |golden|, everything else only if it is the same."""
    said = [
        f"{name}: {why}"
        for name, want in golden.items()
        if (why := _difference(want, actual.get(name), rtol, atol))
    ]
    return said + [f"{name}: not in the golden file" for name in actual if name not in golden]


def _difference(want: dict[str, Any], got: dict[str, Any] | None, rtol: float, atol: float) -> str:
    if got is None:
        return "missing"
    for what in ("kind", "dim"):
        if got[what] != want[what]:
            return f"{what} {got[what]}, not {want[what]}"
    pairs = list(zip(want["value"], got["value"], strict=True))
    if want["kind"] != "num":
        return "" if got["value"] == want["value"] else f"{got['value']!r}, not {want['value']!r}"
    off = [i for i, (a, b) in enumerate(pairs) if not _close(a, b, rtol, atol)]
    return (
        f"{len(off)} of {len(pairs)} numbers, the first at {off[0] + 1}: {pairs[off[0]][1]}, "
        f"not {pairs[off[0]][0]}"
        if off
        else ""
    )


def _close(want: str, got: str, rtol: float, atol: float) -> bool:
    try:
        a, b = float(want), float(got)
    except ValueError:  # NA
        return want == got
    if not math.isfinite(a) or not math.isfinite(b):
        return a == b or (math.isnan(a) and math.isnan(b))
    return abs(a - b) <= atol + rtol * abs(a)


def assert_golden(
    path: str | os.PathLike,
    values: Mapping[str, Any] | None = None,
    /,
    rtol: float = RTOL,
    atol: float = ATOL,
    **named: Any,
) -> None:
    """Assert that these values are those of the golden file. The AssertionError has a line for each
    difference."""
    __tracebackhide__ = True
    check(path, observations({**(values or {}), **named}), rtol, atol)


def check(
    path: str | os.PathLike, found: Mapping[str, dict[str, Any]], rtol: float = RTOL, atol: float = ATOL
) -> None:
    """As `assert_golden`, for observations."""
    __tracebackhide__ = True
    if not Path(path).exists():
        raise AssertionError(f"there is no golden file {path}: make it by record(), or by pytest --r-record")
    said = compare(read(path), found, rtol, atol)
    if said:
        raise AssertionError(
            f"{len(said)} observations differ from {path} (rtol {rtol:g}, atol {atol:g}):\n  "
            + "\n  ".join(said)
        )
