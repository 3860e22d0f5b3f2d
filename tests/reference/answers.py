"""MXNet's answers as test data: tests/reference/answers/<family>.npz, one file per family of operators.

An answer is found by a hash of all that determines it, so a changed sample has none until
`python -m tests.reference record` is run again. In a file, the arrays of one element type are one long array;
an index (JSON) says where each one is.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np

from tests.ops import ours
from tests.ops.collect import Case

FOLDER = Path(__file__).with_name("answers")
LARGEST = FOLDER / "largest.json"


def key(case: Case) -> str:
    """The hash of a sample: the question and its inputs."""
    digest = hashlib.sha1(json.dumps(ours.question(case), sort_keys=True).encode())
    for x in case.inputs:
        digest.update(f"{x.dtype.name}{x.shape}".encode() + np.ascontiguousarray(x).tobytes())
    return digest.hexdigest()[:16]


def save(family: str, answers: dict[str, tuple[dict, dict]]) -> None:
    """Write the answers of one family. The same answers give the same bytes."""
    flat: dict[str, list] = {}
    index = {}
    for name, (meta, arrays) in sorted(answers.items()):
        places = {}
        for k, x in sorted(arrays.items()):
            part = flat.setdefault(x.dtype.name, [])
            places[k] = [x.dtype.name, sum(map(len, part)), list(x.shape)]
            part.append(x.ravel())
        index[name] = [meta, places]
    FOLDER.mkdir(exist_ok=True)
    content = {
        "index": np.frombuffer(json.dumps(index).encode(), np.uint8),
        **{k: np.concatenate(v) for k, v in flat.items()},
    }
    with zipfile.ZipFile(FOLDER / f"{family}.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, x in sorted(content.items()):
            member = io.BytesIO()
            np.lib.format.write_array(member, x)
            info = zipfile.ZipInfo(f"{name}.npy")  # dated 1980, not now
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, member.getvalue())


def forget_all_but(families) -> None:
    """Remove the answers of families that no longer exist."""
    for path in FOLDER.glob("*.npz"):
        if path.stem not in families:
            path.unlink()


@functools.cache
def load(family: str) -> dict[str, tuple[dict, dict]]:
    """hash -> (meta, arrays) of one family; empty if nothing is recorded."""
    path = FOLDER / f"{family}.npz"
    if not path.exists():
        return {}
    with np.load(path) as archive:
        flat = {k: archive[k] for k in archive.files}
    result = {}
    for name, (meta, places) in json.loads(flat.pop("index").tobytes()).items():
        result[name] = (
            meta,
            {
                k: flat[t][at : at + int(np.prod(shape, dtype=int))].reshape(shape)
                for k, (t, at, shape) in places.items()
            },
        )
    return result
