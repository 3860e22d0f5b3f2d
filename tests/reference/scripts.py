"""The real networks of tests/r/scripts at published widths: each trained in R for three steps (inception only
predicts), its losses, outputs, gradients and weights compared with what MXNet makes of the same symbol and
arrays."""

from __future__ import annotations

import tempfile
import time

from tests.r.hosts import run_script
from tests.r.scripts.__main__ import HERE, record

# the part of the published channels; Faster R-CNN's first dense layer alone has 100 million weights at 1
WIDTHS = {"ssd": "1", "faster_rcnn": "0.25", "unet": "1", "inception": "1"}
STEPS = "3"


def compare() -> int:
    """The number of networks that differ."""
    bad = 0
    for name, width in WIDTHS.items():
        started = time.time()
        variables = {"MXR_WIDTH": width, "MXR_STEPS": STEPS}
        with tempfile.TemporaryDirectory() as expected:
            record(expected, [name], **variables)
            print(f"{name}: MXNet took {time.time() - started:.0f} s; now in R", flush=True)
            done = run_script("Rscript", f"{name}.R", cwd=HERE, MXR_EXPECTED=expected, **variables)
        if done.returncode:
            bad += 1
        print(f"{done.stdout}{done.stderr}".strip(), flush=True)
        print(f"{name} at width {width}, {STEPS} steps, {time.time() - started:.0f} s", flush=True)
    return bad
