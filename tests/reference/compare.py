"""Comparing two answers: what differs, and by how much."""

from __future__ import annotations

import json

import numpy as np

from tests.known import listed, settle
from tests.ops.collect import Case
from tests.reference.worker import ADD_START


def differences(case: Case, ours: tuple[dict, dict], theirs: tuple[dict, dict]) -> dict[str, str]:
    """What differs between our answer and MXNet's: {what: a sentence}; empty if they agree."""
    result = facts(ours[0], theirs[0]) if "json" in theirs[0] else {}
    sample = case.sample
    for key in sorted({*ours[1], *theirs[1]}):
        if key not in theirs[1] and not key.startswith("add"):
            if key.startswith("grad") and "no_gradient" in theirs[0]:
                continue  # an operator without a gradient in MXNet
            result[key] = "MXNet has no such array"
        elif key not in ours[1]:
            result[key] = "missing"
        elif (theirs_array := expected(case, key, theirs[1])) is None:
            continue
        elif text := array_difference(
            added(key, ours[1][key]), added(key, theirs_array), sample.rtol, sample.atol
        ):
            result[key] = text
    return result


def added(key: str, x: np.ndarray) -> np.ndarray:
    """The arrays compared under "add": what each of the two passes has added, which may cancel the previous
    values."""
    return (x - x.dtype.type(ADD_START)) / x.dtype.type(2) if key.startswith("add") else x


def expected(case: Case, key: str, theirs: dict) -> np.ndarray | None:
    """MXNet's array. The expected result of "add" is computed from the gradient if MXNet's kernel does not
    add, or if it is not recorded."""
    if key.startswith("add") and (key not in theirs or case.op.name in listed("add")):
        return twice_added(theirs.get("grad" + key[3:]))
    return theirs[key]


def twice_added(gradient: np.ndarray | None) -> np.ndarray | None:
    return None if gradient is None else (ADD_START + gradient + gradient).astype(gradient.dtype)


def adds(theirs: dict, tolerance: float) -> bool:
    """Whether MXNet's arrays under "add" are what two passes must give (random operators draw twice: theirs
    are taken as they are)."""
    return not any(
        array_difference(x, twice_added(theirs["grad" + k[3:]]), tolerance, tolerance)
        for k, x in theirs.items()
        if k.startswith("add")
    )


def essential(case: Case, theirs: tuple[dict, dict]) -> tuple[dict, dict]:
    """MXNet's answer without the arrays that `expected` can compute."""
    meta, arrays = theirs
    if case.op.name in listed("add") or adds(arrays, 1e-6):
        arrays = {k: x for k, x in arrays.items() if not k.startswith("add")}
    return meta, arrays


def facts(ours: dict, theirs: dict) -> dict[str, str]:
    """Differences in what is inferred and written: names, shapes, types, JSON."""
    result = {}
    for key in ("arguments", "aux", "outputs", "shapes", "types"):
        if ours.get(key) != theirs.get(key):
            result[key] = f"{ours.get(key)}, in MXNet {theirs.get(key)}"
    renamed = dict(zip(ours.get("outputs", ()), theirs.get("outputs", ())))
    for name, shape in theirs.get("from_first", {}).items():
        mine = {renamed.get(k, k): v for k, v in ours["from_first"].items()}.get(name)
        if shape and 0 not in shape and mine != shape:
            result[f"from_first {name}"] = f"{mine} follows from the first input's shape, in MXNet {shape}"
    for key in ("json", "auto_json"):
        if theirs.get(key) and (a := graph(ours.get(key))) != (b := graph(theirs.get(key))):
            result[key] = next((f"{x} in MXNet {y}" for x, y in zip(a, b) if x != y), f"{a} in MXNet {b}")
    return result


def graph(text: str) -> list:
    """The content of symbol JSON, as a list of comparable parts."""
    tree = json.loads(text)
    return [*tree["nodes"], tree["arg_nodes"], tree["node_row_ptr"], tree["heads"]]


def array_difference(a: np.ndarray, b: np.ndarray, rtol: float, atol: float) -> str | None:
    """A sentence about how array `a` differs from MXNet's `b`, or None."""
    if a.shape != b.shape:
        return f"shape {a.shape}, in MXNet {b.shape}"
    if a.dtype != b.dtype:
        return f"{a.dtype}, in MXNet {b.dtype}"
    if a.dtype == np.float16:
        rtol, atol = max(rtol, 1e-3), max(atol, 1e-3)  # one unit in the last place is 1e-3
    bad = ~np.isclose(a.astype(np.float64), b.astype(np.float64), rtol, atol, equal_nan=True)
    if not bad.any():
        return None
    at = tuple(int(i) for i in np.argwhere(bad)[0]) if a.ndim else ()
    return f"{bad.sum()} of {a.size} differ; at {at}: {a[at]!r}, in MXNet {b[at]!r}"


def largest(ours: dict, theirs: dict) -> float:
    """The largest difference between values, relative to max(1, |MXNet's value|); sums under "add" follow
    from the gradients."""
    worst = 0.0
    for key in (k for k in theirs.keys() & ours.keys() if not k.startswith("add")):
        a, b = np.asarray(ours[key], np.float64), np.asarray(theirs[key], np.float64)
        if a.shape == b.shape and a.size:
            with np.errstate(all="ignore"):
                d = np.abs(a - b) / np.maximum(1, np.abs(b))
            d = d[np.isfinite(d)]
            worst = max(worst, float(d.max(initial=0)))
    return worst


def settled(op: str, found: dict[str, dict[str, str]]) -> list[str]:
    """Unlisted differences of one operator: `found` is sample id -> differences; tests/known.toml may say
    "Operator[3]: what" or, for all samples, "Operator: what"."""
    known = listed("reference")
    flat = {}
    for id, parts in found.items():
        for what, text in parts.items():
            general = f"{op}: {what.split()[0]}"
            flat[general if general in known else f"{id}: {what}"] = text
    return settle("reference", flat, ran=lambda id: id.split(":")[0] in {op, *found})
