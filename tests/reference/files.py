"""Models through files: what mxr saves, MXNet loads, computes with and saves again, byte for byte."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import mxr
from tests.bench import workloads
from tests.reference import oracle

MODELS = (
    workloads.mlp,
    workloads.lenet,
    workloads.residual,
    workloads.lstm,
    workloads.cox,
    workloads.contrastive,
    workloads.vae,
    workloads.detection,
)


def compare() -> int:
    """Save, load and compute with every model. The number of those that differ."""
    bad = 0
    with oracle.Oracle() as mxnet, tempfile.TemporaryDirectory() as folder:
        for make in MODELS:
            if text := difference(mxnet, make(), Path(folder) / make.__name__):
                bad += 1
                print(f"files of {make.__name__}: {text}", flush=True)
    print(f"{len(MODELS):5} models through files", flush=True)
    return bad


def difference(mxnet, work: workloads.Workload, prefix: Path) -> str | None:
    arrays, states = work.arrays(), work.symbol.list_auxiliary_states()
    inputs = {k: v for k, v in arrays.items() if k in {*work.shapes, *work.draw}}
    work.symbol.save(f"{prefix}-symbol.json")
    mxr.nd.save(
        f"{prefix}-0003.params",
        {
            ("aux:" if k in states else "arg:") + k: mxr.NDArray(v)
            for k, v in arrays.items()
            if k not in inputs
        },
    )
    meta, theirs = mxnet.ask("files", inputs, prefix=str(prefix), epoch=3, copy=f"{prefix}-copy")
    if "error" in meta:
        return f"MXNet: {meta['error']}"
    for name in ("symbol.json", "0003.params"):
        if Path(f"{prefix}-{name}").read_bytes() != Path(f"{prefix}-copy-{name}").read_bytes():
            return f"MXNet writes another {name}"
    run = work.symbol.bind(
        {k: v for k, v in arrays.items() if k not in states}, None, "null", {k: arrays[k] for k in states}
    )
    for i, x in enumerate(run.forward(False)):
        if not np.allclose(x.data, theirs[f"out{i}"], rtol=1e-4, atol=1e-5):
            return f"output {i} differs by {np.abs(x.data - theirs[f'out{i}']).max()}"
    return None
