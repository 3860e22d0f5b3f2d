"""The oracle: MXNet 1.9.1 in its own virtual environment, called through a worker process."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.reference.worker import read_message, write_message

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".reference"
PACKAGES = ("mxnet==1.9.1", "numpy<1.24")

# The plain CPU kernels: oneDNN's choose algorithm and order of summation by shape and by processor, so that
# its last digits differ from machine to machine; at a tolerance of 1e-4 both give the same for every sample
# but softmax of infinities, the mask of dropout inside RNN, and a few gradients under "add". The subgraph
# pass would fuse operators that are to be seen one by one.
PLAIN = {
    "MXNET_MKLDNN_ENABLED": "0",
    "MXNET_USE_MKLDNN_RNN": "0",
    "MXNET_SUBGRAPH_BACKEND": "NONE",
    "MXNET_SUBGRAPH_VERBOSE": "0",
    "OMP_NUM_THREADS": "1",
    "MXNET_CPU_WORKER_NTHREADS": "1",
}
ONEDNN = PLAIN | {"MXNET_MKLDNN_ENABLED": "1"}


def python() -> Path:
    """The oracle's interpreter: $MXR_REFERENCE_PYTHON, or .reference/bin/python."""
    given = os.environ.get("MXR_REFERENCE_PYTHON")
    return Path(given) if given else HOME / "bin" / "python"


def install() -> None:
    """Make .reference with MXNet 1.9.1 in it, unless there is one already (or $MXR_REFERENCE_PYTHON says
    where)."""
    if (
        python().exists()
        and subprocess.run([python(), "-c", "import mxnet"], capture_output=True).returncode == 0
    ):
        return
    if "MXR_REFERENCE_PYTHON" in os.environ:
        raise SystemExit(f"MXR_REFERENCE_PYTHON={python()} cannot import mxnet")
    print(f"installing {' and '.join(PACKAGES)} into {HOME} ...", flush=True)
    venv.create(HOME, clear=True, with_pip=True)
    subprocess.run(
        [python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES], check=True
    )
    subprocess.run([python(), "-c", "import mxnet"], check=True, stderr=subprocess.DEVNULL)


class Oracle:
    """A running MXNet. `ask(kind, arrays, **meta)` answers (meta, arrays); a crash or a timeout is an answer
    with "error", and the next question starts a new process."""

    def __init__(self, timeout: float = 20.0, environment: dict[str, str] = PLAIN):
        self.timeout, self.environment = timeout, environment
        self._process: subprocess.Popen | None = None
        self._log = tempfile.TemporaryFile()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._stop()
        self._log.close()

    def ask(self, ask: str, arrays: dict, **meta) -> tuple[dict, dict]:
        process = self._running()
        try:
            write_message(process.stdin, {"ask": ask, **meta}, arrays)
            answer = self._read(process, self.timeout)
        except BrokenPipeError:
            answer = None
        if answer is None:
            self._stop()
            return {"error": f"MXNet crashed: {self._last_words()}"}, {}
        if isinstance(answer, str):
            self._stop()
            return {"error": answer}, {}
        return answer

    def _running(self) -> subprocess.Popen:
        if self._process is None:
            worker = Path(__file__).with_name("worker.py")
            self._process = subprocess.Popen(
                [python(), "-u", "-W", "ignore", worker],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env={**os.environ, **self.environment, "PYTHONPATH": ""},
            )
            greeting = self._read(self._process, 120)
            if not isinstance(greeting, tuple):
                raise SystemExit(
                    f"the oracle {python()} does not start: {greeting or self._last_words()}\n"
                    f"`{sys.executable} -m tests.reference install` installs it"
                )
        return self._process

    def _read(self, process, timeout):
        if not select.select([process.stdout], [], [], timeout)[0]:
            return f"no answer within {timeout:.0f} s"
        return read_message(process.stdout)

    def _stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            with contextlib.suppress(BrokenPipeError):  # the rest of a question that the worker did not read
                self._process.stdin.close()
            self._process.stdout.close()
            self._process = None

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:]) or "no message"
