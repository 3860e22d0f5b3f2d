"""The environment of the bench's engines, and a run that is interrupted and goes on. Nothing is timed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mxr import native
from tests.bench import __main__ as bench
from tests.bench import environment, measure, workloads

ROOT = Path(__file__).resolve().parents[1]


def test_every_engine_has_a_limit() -> None:
    assert set(environment.AVX2) == {"mxr", *measure.ALL_PEERS}


def test_limits_are_removed_from_a_run_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """So no engine is limited by the environment of a user."""
    given = {name: value for limits in environment.AVX2.values() for name, value in limits.items()}
    monkeypatch.setattr(os, "environ", given | {"HOME": "/"})
    environment.clean()
    assert set(os.environ) == {"HOME", "MXR_NATIVE"}  # the page says what mxr's core uses


def test_engines_are_limited_within_the_block_only() -> None:
    assert environment.of("mxr") == {}
    with environment.limited():
        assert environment.of("jax") == environment.AVX2["jax"]
        assert environment.is_limited()
    assert environment.of("jax") == {}


@pytest.mark.skipif(
    not native.vectors or "avx2" not in environment.processor()[1],
    reason="a native core with AVX2 is limited",
)
def test_a_limited_mxr_computes_with_avx2() -> None:
    """Its core has the vectors, and its worker has used no others. The kernel may not tell: then null."""
    code = (
        "import time; since = time.monotonic(); from tests.bench import worker; import numpy as np; "
        "from mxr import native; a = np.ones((300, 300), np.float32); [np.exp(a @ a) for _ in range(300)]; "
        "print(native.vectors, worker.used_avx512(since))"
    )
    with environment.limited():
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, **environment.of("mxr")},
            capture_output=True,
            text=True,
            check=True,
        )
    vectors, used = done.stdout.split()
    assert vectors == "avx2" and used in ("False", "None")


class Rows:
    """Two parts of two rows, which count how often they are measured."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.errors: dict[str, BaseException] = {}

    def parts(self) -> list[bench.Part]:
        head = ("| work |", "|---|")
        return [
            bench.Part(part, part, head, {name: self.row(name) for name in names}, 1)
            for part, names in (("first", ("a", "b")), ("second", ("c", "d")))
        ]

    def row(self, name: str) -> bench.Row:
        def measured() -> str:
            self.calls.append(name)
            if name in self.errors:
                raise self.errors[name]
            return f"| {name} {len(self.calls)} |"

        return measured


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    for name in ("PAGE", "DRAFT", "MEASURED", "DURATIONS"):
        monkeypatch.setattr(bench, name, tmp_path / name)
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    return Rows()


OPTIONS: dict[str, float] = {"seconds": 0.3, "pairs": 5}


def whole(rows: Rows, resume: bool, **options: float) -> int:
    return bench.whole(rows.parts(), resume, OPTIONS | options)


def page(path: Path) -> list[str]:
    return [
        line for line in path.read_text().splitlines() if line.startswith(("## ", "| a", "| b", "| c", "| d"))
    ]


WHOLE = ["## first", "| a 1 |", "| b 2 |", "## second", "| c 3 |", "| d 5 |"]


@pytest.mark.parametrize("how", [KeyboardInterrupt(), SystemExit(143), ValueError("a worker died")])
def test_a_resumed_run_measures_only_what_is_missing(rows: Rows, how: BaseException) -> None:
    rows.errors["d"] = how
    if isinstance(how, SystemExit):
        with pytest.raises(SystemExit):
            whole(rows, False)
    else:
        assert whole(rows, False) in (1, 130)
    assert not bench.PAGE.exists() and rows.calls == ["a", "b", "c", "d"]
    del rows.errors["d"]
    assert whole(rows, True) == 0
    assert rows.calls == ["a", "b", "c", "d", "d"]
    assert page(bench.PAGE)[:6] == WHOLE
    assert not bench.MEASURED.exists()
    assert set(json.loads(bench.DURATIONS.read_text())) == {"first: a", "first: b", "second: c", "second: d"}


def test_rows_that_were_measured_in_another_way_are_not_taken(
    rows: Rows, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows.errors["b"] = KeyboardInterrupt()
    for change in ("pairs", "sources", "machine"):
        assert whole(rows, False) == 130
        rows.calls.clear()
        with monkeypatch.context() as m:
            if change != "pairs":
                m.setattr(bench, change, lambda: "another")
            assert whole(rows, True, **({"pairs": 3} if change == "pairs" else {})) == 130
        assert rows.calls == ["a", "b"]
        assert f"the interrupted run had other {change}: every row is measured" in capsys.readouterr().out


def test_without_resume_every_row_is_measured(rows: Rows) -> None:
    rows.errors["d"] = KeyboardInterrupt()
    assert whole(rows, False) == 130
    rows.calls.clear()
    assert whole(rows, False) == 130
    assert rows.calls == ["a", "b", "c", "d"]


def test_resume_without_a_former_run_measures_every_row(
    rows: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    assert whole(rows, True) == 0
    assert rows.calls == ["a", "b", "c", "d"]
    assert "there is no interrupted run" in capsys.readouterr().out


def test_a_run_that_is_killed_while_it_writes_leaves_the_former_rows(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write_json(bench.MEASURED, {"rows": 1})
    with monkeypatch.context() as m:

        def killed(path: Path, text: str) -> None:
            with path.open("w") as f:
                f.write(text[: len(text) // 2])
            raise SystemExit

        m.setattr(Path, "write_text", killed)
        with pytest.raises(SystemExit):
            bench.write_json(bench.MEASURED, {"rows": 2})
    assert bench.read_json(bench.MEASURED) == {"rows": 1}


@pytest.mark.parametrize(
    "given",
    [
        ["--resume", "--try"],
        ["--resume", "--networks"],
        ["--resume", "--only", "LSTM"],
        ["--resume", "--avx2"],
        ["--resume", "--costs"],
        ["--avx2", "--r"],
        ["--avx2", "--costs"],
    ],
)
def test_options_that_would_be_ignored_are_refused(given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", *given])
    with pytest.raises(SystemExit) as e:
        bench.arguments()
    assert e.value.code == 2


@pytest.mark.parametrize(
    "given, parts, limits",
    [
        (["--avx2"], ["avx2"], True),
        (["--avx2", "--only", "LSTM"], ["avx2"], True),
        (["--avx2", "--networks", "--peers"], ["peers", "networks"], True),
        (["--networks", "--only", "LSTM"], ["networks"], False),
        (["--only", "LSTM"], ["only"], False),
        ([], [], False),
    ],
)
def test_avx2_selects_its_part_or_limits_others(
    given: list[str], parts: list[str], limits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NETWORKS", "LIMITED", "MAIN", "APART", "SCALING"):  # fewer works: all take seconds to build
        monkeypatch.setattr(workloads, name, [workloads.lenet, workloads.lstm])
    for name in ("main_row", "network_row", "row"):
        monkeypatch.setattr(measure, name, lambda w, *_: f"{w.name}: {environment.is_limited()}")
    monkeypatch.setattr(sys, "argv", ["bench", *given])
    monkeypatch.setattr(environment, "processor", lambda: ("", frozenset({"avx2"})))
    monkeypatch.delenv("MXR_NATIVE", raising=False)
    selected = bench.select(bench.arguments(), bench.parts(0, 1), 0, 1)
    assert [part.option for part in selected] == parts
    lines = ["".join(row()) for part in selected for row in part.rows.values()]
    assert all(line.endswith(str(limits)) for line in lines) and bool(lines) == bool(parts)
    assert all("LSTM" in line for line in lines) or "--only" not in given
