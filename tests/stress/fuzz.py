"""Feeding the loaders damaged files, in a process with limits: any answer but success or an `MxError` is a
finding.

python -m tests.stress.fuzz "symbol JSON, bound and run" 100000       all inputs up to that number
python -m tests.stress.fuzz "symbol JSON, bound and run" --only 123   one of them, with its traceback
"""

from __future__ import annotations

import argparse
import collections
import json
import mmap
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

HEADROOM = 160 << 20  # address space above what the process has when it starts
SLOW = 5.0  # seconds of computing after which an input hangs
STUCK = 60.0  # seconds without progress after which the process is stopped


class Hang(BaseException):
    """Raised by the alarm; no handler takes it for an error of the file."""


def run(name: str, count: int, start: int = 0, progress=None) -> dict:
    """Feed inputs start..count to a loader in this process. Figures, and the findings by number."""
    from mxr import MxError

    from .targets import TARGETS

    target, outcome = TARGETS[name], collections.Counter()
    target.input(name, 0)
    findings, begin, slowest = [], time.perf_counter(), (0.0, 0)

    def alarm(*_):
        raise Hang

    former = signal.signal(signal.SIGVTALRM, alarm)
    scratch = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=scratch) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(start, count):
            content = target.input(name, number)
            if progress is not None:
                progress(number)
            since = time.process_time()
            try:
                signal.setitimer(signal.ITIMER_VIRTUAL, SLOW)
                target.use(Path(folder), content)
                outcome["loaded"] += 1
            except MxError as e:
                if _out_of_memory(e) and not target.asks:
                    findings.append((number, "MemoryError", str(e)[:200]))
                elif not str(e).strip() or len(str(e)) > 25_000:
                    findings.append((number, "message", f"{len(str(e))} characters: {str(e)[:200]}"))
                outcome["refused"] += 1
            except Hang:
                findings.append((number, "hang", traceback.format_exc(limit=-3)[-600:]))
            except Exception as e:
                where = traceback.extract_tb(e.__traceback__)[-1]
                mine = [f for f in traceback.extract_tb(e.__traceback__) if "/mxr/" in f.filename] or [where]
                findings.append(
                    (
                        number,
                        type(e).__name__,
                        f"{str(e)[:120]} ({Path(mine[-1].filename).name}:{mine[-1].lineno})",
                    )
                )
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            slowest = max(slowest, (time.process_time() - since, number))
    signal.signal(signal.SIGVTALRM, former)
    return {
        "inputs": count - start,
        **outcome,
        "findings": findings,
        "slowest": slowest,
        "seconds": time.perf_counter() - begin,
    }


def _out_of_memory(e: BaseException | None) -> bool:
    while e is not None:
        if isinstance(e, MemoryError):
            return True
        e = e.__cause__ or e.__context__
    return False


def _status(field: str) -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith(field))


def _worker(name: str, count: int, start: int, place: str) -> None:
    """The limited process: progress goes to the file `place`, figures to standard output."""
    run(name, min(40, count), progress=None)  # everything is imported, threads have started
    with open(place, "r+b") as file:
        memory = mmap.mmap(file.fileno(), 8)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before, limit = _status("VmRSS"), _status("VmSize") + HEADROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    found = run(name, count, start, progress=lambda n: memory.__setitem__(slice(0, 8), struct.pack("<q", n)))
    print(json.dumps(found | {"grown": _status("VmHWM") - before}))


def limited(name: str, count: int) -> dict:
    """Call `run` in separate processes with limits. An input that crashes or hangs its process is a finding;
    the next process continues after it."""
    total: dict = {
        "inputs": 0,
        "loaded": 0,
        "refused": 0,
        "findings": [],
        "slowest": (0.0, 0),
        "seconds": 0.0,
        "grown": 0,
    }
    start = 0
    while start < count:
        with tempfile.NamedTemporaryFile() as place:
            place.write(struct.pack("<q", start))
            place.flush()
            worker = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.stress.fuzz",
                    name,
                    str(count),
                    "--start",
                    str(start),
                    "--place",
                    place.name,
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            out, err = _watched(worker, place.name)
            last = struct.unpack("<q", Path(place.name).read_bytes()[:8])[0]
        if worker.returncode == 0:
            found = json.loads(out.splitlines()[-1])
            for key in ("inputs", "loaded", "refused", "seconds"):
                total[key] += found.get(key, 0)
            total["findings"] += found["findings"]
            total["slowest"] = max(tuple(total["slowest"]), tuple(found["slowest"]))
            total["grown"] = max(total["grown"], found["grown"])
            break
        total["findings"].append(
            (
                last,
                "crash" if worker.returncode != -signal.SIGKILL else "stuck",
                f"exit {worker.returncode}: {err[-300:]}",
            )
        )
        total["inputs"] += last + 1 - start
        start = last + 1
        if len(total["findings"]) > 200:
            break
    return total


def _watched(worker: subprocess.Popen, place: str) -> tuple[str, str]:
    last, since = b"", time.monotonic()
    while True:
        try:
            return worker.communicate(timeout=2)
        except subprocess.TimeoutExpired:
            now = Path(place).read_bytes()
            if now != last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since > STUCK:
                worker.kill()


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.stress.fuzz")
    parser.add_argument("target")
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--only", type=int)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--place")
    args = parser.parse_args()
    if args.place:
        _worker(args.target, args.count, args.start, args.place)
    elif args.only is not None:
        from .targets import TARGETS

        content = TARGETS[args.target].input(args.target, args.only)
        print(content[:4000])
        with tempfile.TemporaryDirectory() as folder:
            TARGETS[args.target].use(Path(folder), content)
    else:
        found = limited(args.target, args.count)
        findings = found.pop("findings")
        print(found)
        groups = collections.defaultdict(list)
        for number, kind, what in findings:
            groups[kind, what.split("(")[-1] if "(" in what else what[:60]].append((number, what))
        for (kind, _), examples in sorted(groups.items(), key=lambda g: -len(g[1])):
            print(len(examples), kind, examples[0])


if __name__ == "__main__":
    main()
