"""Starts workers by mpirun, and checks that none of them is left running."""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.r.hosts import command, environment

HERE = Path(__file__).resolve().parent
MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe"]


@dataclass
class Run:
    """How a run of workers ended. `ends` is the clock at its end."""

    status: int
    text: str
    ends: float

    def pids(self) -> dict[int, int]:
        return {int(rank): int(pid) for rank, pid in re.findall(r"pid (\d+) (\d+)", self.text)}

    def seconds_after(self, word: str) -> float:
        """Seconds from the whole second that a worker has printed behind `word` to the end."""
        found = re.search(rf"{word} (\d+)", self.text)
        assert found, self.text
        return self.ends - int(found[1])


def workers(
    count: int,
    script: str,
    *words: str,
    host: str = "mxr run",
    launcher: list[str] | None = None,
    timeout: float = 120,
    **variables: str,
) -> Run:
    """Run a script of this folder on `workers` workers to its end, with any exit status. None of its
    processes may be left."""
    start = [*(MPIRUN if launcher is None else launcher), *(["-n", str(count)] if launcher is None else [])]
    process = subprocess.Popen(
        [*start, *command(host), str(HERE / script), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(**variables),
    )
    try:
        text, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        text, _ = process.communicate()
        raise AssertionError(f"{script} {words} did not end in {timeout} s:\n{text}") from None
    run = Run(process.returncode, text, time.time())
    until = time.monotonic() + 2  # mpirun may end a moment before its last worker
    while (left := [pid for pid in run.pids().values() if alive(pid)]) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left, f"processes {left} were left behind:\n{text}"
    return run


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
