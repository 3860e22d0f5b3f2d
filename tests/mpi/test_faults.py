"""A failure of one worker ends all workers within seconds, with an error that names it, and leaves no process
behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time

import pytest

from tests.mpi.launch import HERE, MPIRUN, alive, workers
from tests.r.hosts import HOSTS, command, environment

SECONDS = 10  # from the fault to the end of all
DIFFER = "the workers' trainings differ, and cannot be summed: "


@pytest.mark.parametrize(
    "case, words",
    [
        (
            "error",
            [
                "worker 1 of 2 has failed: Error in batch.end.callback",
                "worker 1 has stopped: Error in batch.end.callback",
                "the disk is on fire",
            ],
        ),
        ("kill", ["worker 1 (process {pid} on ", "has died, and this worker cannot go on without it"]),
        ("interrupt", ["worker 1 has stopped: its script was interrupted"]),
        (
            "caught",
            [
                "worker 1 has stopped: exit status 3; its last error: "
                "Error in try(stop(\"an error of before\")"
            ],
        ),
        ("quit", ["worker 1 has ended its script, but this worker waits for it in a training step"]),
        ("barrier", ["the workers' scripts differ: worker", "at kv$barrier()", "at a training step"]),
        (
            "own",
            [
                "after round 2 the workers' parameters are not the same any more: "
                "worker 1 and worker 0 have different",
                "fc2_bias",
            ],
        ),
    ],
)
def test_a_fault_in_training(case, words):
    run = workers(2, "faults.R", case)
    assert run.status != 0 and "done" not in run.text, run.text
    assert run.seconds_after("fault") < SECONDS
    for word in words:
        assert word.format(pid=run.pids()[1]) in run.text, run.text


@pytest.mark.parametrize("host", HOSTS)
def test_a_killed_worker_of_four(host):
    run = workers(4, "faults.R", "kill", host=host)
    assert run.status != 0 and run.seconds_after("fault") < SECONDS
    assert f"worker 1 (process {run.pids()[1]} on " in run.text, run.text


@pytest.mark.parametrize(
    "case, words",
    [
        ("unequal", "the number of batches in a round is 12 on worker 0, 10 on worker 1, 12 on worker 2"),
        (
            "shapes",
            "the shape of fc1_weight is c(4, 8) on worker 0, c(5, 8) on worker 1, c(4, 8) on worker 2",
        ),
        ("names", "the shape of fc1_weight is c(4, 8) on worker 0, nothing on worker 1"),
        ("rate", "the learning rate is 0.1 on worker 0, 0.2 on worker 1"),
        ("rounds", "the number of rounds is 4 on worker 0, 3 on worker 1"),
    ],
)
def test_different_trainings_do_not_begin(case, words):
    run = workers(3, "faults.R", case)
    assert run.status != 0 and run.text.count(DIFFER + words) == 3, run.text
    assert "fault" not in run.text


def test_a_round_ends_with_the_fewest_batches():
    run = workers(2, "faults.R", "uneven")
    assert run.status == 0, run.text
    assert (
        run.text.count(
            "a round ends with the fewest: worker 1 has 3 in round 1, others have more, which are not used"
        )
        == 1
    ), run.text
    assert len(set(re.findall(r"done \d (\S+)", run.text))) == 1


def test_one_worker_ends_the_training_of_all():
    run = workers(2, "faults.R", "stop")
    assert run.status == 0 and run.text.count("done") == 2, run.text


def test_no_half_checkpoint(tmp_path):
    """Only worker 0 writes files, and those of the rounds before the fault are complete."""
    from mxr.io import params

    run = workers(2, "faults.R", "kill", str(tmp_path))
    assert run.status != 0
    assert sorted(f.name for f in tmp_path.iterdir()) == ["net-0001.params", "net-symbol.json"]
    assert "arg:fc1_weight" in params.load(str(tmp_path / "net-0001.params"))


def test_logs_are_worker_0s_and_metrics_each_workers_own():
    run = workers(2, "faults.R", "logs")
    assert run.status == 0 and run.text.count("Batch [5] Train-rmse") == 4, run.text  # four rounds
    assert [len(re.findall(rf"worker {r}: \[\d\] Train-rmse=", run.text)) for r in (0, 1)] == [4, 4]
    assert "logged 0 8" in run.text and "logged 1 8" in run.text  # lines of two workers may run together


def test_metrics_over_all_workers():
    single = workers(2, "faults.R", "sums")
    assert single.status == 0 and "worker 0: [" not in single.text
    assert len(re.findall(r"^\[\d\] Train-rmse=", single.text, re.M)) == 4, single.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_launcher_ends(number):
    process = subprocess.Popen(
        [*MPIRUN, "-n", "2", *command("mxr run"), str(HERE / "faults.R"), "none"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
    )
    assert process.stdout is not None
    lines = []
    while len(lines) < 2:
        line = process.stdout.readline()
        assert line, "the run ended before the workers had begun"
        lines += [line] if line.startswith("pid") else []
    process.send_signal(number)
    until = time.time() + SECONDS
    pids = [int(line.split()[2]) for line in lines]
    while any(alive(pid) for pid in pids) and time.time() < until:
        time.sleep(0.1)
    assert not any(alive(pid) for pid in pids)
    text, _ = process.communicate(timeout=SECONDS)
    assert process.returncode != 0 and "done" not in text


# ---------------------------------------------------------------- what is not there


def test_without_mpi4py(tmp_path):
    (tmp_path / "mpi4py.py").write_text("raise ImportError('no')")
    run = workers(2, "faults.R", "none", PYTHONPATH=str(tmp_path))
    assert run.status != 0
    assert (
        "workers were started, and to connect them mpi4py is missing: pip install 'mxr[mpi]'" in run.text
    ), run.text


def test_a_launcher_that_mpi_does_not_know():
    run = workers(1, "faults.R", "none", launcher=[], SLURM_STEP_NUM_TASKS="2")
    assert (
        run.status != 0
        and "2 workers were started, but MPI finds 1: the launcher and the MPI library do not belong together"
        in run.text
    )


def test_a_script_without_a_store_needs_no_mpi(tmp_path):
    """Without a store, every process under mpirun runs alone, and mpi4py is not imported."""
    (tmp_path / "mpi4py.py").write_text("raise ImportError('no')")
    done = subprocess.run(
        [
            *MPIRUN,
            "-n",
            "2",
            *command("mxr run"),
            "-e",
            "library(mxnet); cat(paste0(paste(as.array(mx.nd.ones(2)), collapse = ' '), '\\n'))",
        ],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        env=environment(PYTHONPATH=str(tmp_path)),
    )
    assert done.returncode == 0 and done.stdout.count("1 1") == 2, done.stderr


def test_names_of_types():
    code = """library(mxnet)
for (type in c("dist_sync", "dist_device_sync", "dist_sync_device", "local", "device"))
  print(mx.kv.create(type))
cat(tryCatch(mx.kv.create("dist_async"), error = conditionMessage), "\\n")"""
    done = subprocess.run(
        [*command("mxr run"), "-e", code],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        env={k: v for k, v in environment().items() if not k.startswith(("OMPI", "PMI", "SLURM"))},
    )
    assert [line for line in done.stdout.splitlines() if not line.startswith(" ")] == [
        "<key-value store dist_sync> 0 keys",
        "<key-value store dist_device_sync> 0 keys",
        "<key-value store dist_sync_device> 0 keys",
        "<key-value store local> 0 keys",
        "<key-value store device> 0 keys",
        'mx.kv.create: "dist_async", where workers do not wait for each other, is not part of this package; '
        '"dist_sync" is, where all workers take every step together ',
    ], done.stderr
    assert os.environ.get("OMPI_COMM_WORLD_SIZE") is None
