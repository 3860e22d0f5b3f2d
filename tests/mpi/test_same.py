"""N workers with batches of b train like one process with batches of N * b, with any optimizer and interface;
all workers have the same bits."""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np
import pytest

from mxr.io import params
from tests.mpi.launch import Run, workers
from tests.r.hosts import HOSTS

WAYS = [
    "sgd",
    "momentum",
    "adam",
    "custom",
    "fixed",
    "devices",
    "own_operator",
    "own_optimizer",
    "mlp",
    "buckets",
    "lstm",
    "loop",
]


def hashes(run: Run) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name, value in re.findall(r"hash (\w+) (\w+)", run.text):
        found[name].append(value)
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The parameters after 50 steps, by the number of workers; those of one worker need no mpirun."""
    made = {}

    def get(count: int):
        if count not in made:
            folder = tmp_path_factory.mktemp(f"workers{count}")
            run = workers(count, "same.R", str(folder), launcher=[] if count == 1 else None)
            assert run.status == 0, run.text
            made[count] = run, {f.stem: params.load(str(f)) for f in folder.glob("*.params")}
        return made[count]

    return get


@pytest.mark.parametrize("count", [2, 4])
def test_workers_are_one_process_with_a_larger_batch(runs, count):
    (_, alone), (run, together) = runs(1), runs(count)
    assert set(WAYS) <= set(together)
    for way in WAYS:
        assert list(alone[way]) == list(together[way])
        for name, want in alone[way].items():
            np.testing.assert_allclose(
                together[way][name], want, rtol=2e-5, atol=2e-6, err_msg=f"{way}: {name}"
            )
    for way, found in hashes(run).items():
        assert len(found) == count and len(set(found)) == 1, f"{way}: the workers' parameters differ: {found}"


def test_batchnorm_has_the_statistics_of_each_worker(runs):
    """The same as with two devices of one process, bit for bit."""
    assert hashes(runs(1)[0])["batchnorm"] == list(set(hashes(runs(2)[0])["batchnorm"]))


def test_one_worker_under_mpirun_is_a_process_alone(runs, tmp_path):
    run = workers(1, "same.R", str(tmp_path))
    assert run.status == 0 and hashes(run) == hashes(runs(1)[0])


@pytest.mark.parametrize("host", HOSTS)
def test_both_hosts(host):
    run = workers(2, "faults.R", "none", host=host)
    values = re.findall(r"done \d (\S+)", run.text)
    assert run.status == 0 and len(values) == 2 and len(set(values)) == 1, run.text
