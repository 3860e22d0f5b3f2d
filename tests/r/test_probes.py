"""Scripts in MXNet's R interface, under one of the hosts in turn, against the answers of MXNet's R package:
see probes/README.md."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.r.hosts import HERE, in_turn

PROBES = HERE / "probes"
NAMES = sorted(path.stem for path in PROBES.glob("[a-z]*.R"))

# Probes that do not agree yet, with the reason. If one of them agrees, the test fails: the list may only get
# shorter.
LATER: dict[str, str] = {}


@pytest.mark.parametrize(("name", "host"), in_turn(NAMES), indirect=["host"])
def test_probe(name, host, tmp_path, request):
    if name in LATER:
        request.applymarker(pytest.mark.xfail(reason=LATER[name], strict=True))
    out = tmp_path / "out.jsonl"
    done = host(PROBES / f"{name}.R", cwd=PROBES, PROBE_OUT=str(out))
    compared = (
        subprocess.run(
            [sys.executable, PROBES / "compare.py", PROBES / "golden" / f"{name}.jsonl", out],
            capture_output=True,
            text=True,
        )
        if out.exists()
        else None
    )
    words = f"{compared.stdout if compared else ''}\n---- stdout\n{done.stdout}\n---- stderr\n{done.stderr}"
    assert done.status == 0 and compared and compared.returncode == 0, words


def test_every_probe_has_its_answers():
    assert NAMES and [path.stem for path in sorted((PROBES / "golden").glob("*.jsonl"))] == NAMES


def test_a_wrong_answer_is_noticed(tmp_path):
    golden = PROBES / "golden" / "optimizers.jsonl"
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text(golden.read_text().replace('"value":["0.', '"value":["9.', 1))
    compared = subprocess.run(
        [sys.executable, PROBES / "compare.py", golden, wrong], capture_output=True, text=True
    )
    assert compared.returncode == 1, compared.stdout
