"""The random streams: numbers that MXNet drew, independence of threads and calls, and no waste for small
fills."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import mxr.nd
from mxr import MxError
from mxr.random import samplers
from mxr.random import streams as random

GOLDEN = json.loads((Path(__file__).parents[1] / "data" / "random.json").read_text())


@pytest.mark.parametrize(
    "case", GOLDEN["fills"], ids=lambda c: f"{c['kind']}-{c['dtype']}-{c['seed']}-{c['n']}"
)
def test_fills_are_mxnets_own(case):
    """Each case: MXNet's values at some positions of two consecutive fills after seeding, and a checksum over
    all of them."""
    random.seed(case["seed"])
    fill = getattr(random, case["kind"])
    for expected in case["fills"]:
        x = fill(case["n"], *case["args"], dtype=case["dtype"])
        assert x.dtype == case["dtype"] and x.shape == (case["n"],)
        found, total = x[case["places"]].astype(float).tolist(), math.fsum(x.tolist())
        values = [float.fromhex(v) for v in expected["values"]]
        # NumPy's own logarithm: on some processors the last bit differs
        if case["kind"] == "normal" and case["dtype"] != "float32":
            assert np.allclose(found, values, rtol=1e-14 if case["dtype"] == "float64" else 1e-3, atol=0)
        else:
            assert found == values and total == float.fromhex(expected["sum"])


def test_default_is_seed_zero():
    random.seed(0)
    first = random.uniform(3)
    random._source = random._Source(0)
    assert (random.uniform(3) == first).all()
    assert first[0] == np.float32(0.5488135)


def test_negative_and_large_seeds_wrap():
    random.seed(-1)
    a = random.uniform(5)
    random.seed(2**32 - 1)
    assert (random.uniform(5) == a).all()


def test_uniform_never_reaches_one():
    draws = np.array([2**32 - 1, 2**32 - 127, 2**31, 0], np.uint64)
    x = random.unit(draws)
    assert x.dtype == np.float32 and x[0] < 1 and x[1] < 1 and x[2] == 0.5 and x[3] == 0
    assert random.unit(draws[:2].repeat(2), np.float64).max() < 1


def test_fill_in_place_keeps_shape():
    out = np.empty((3, 4, 5), np.float32)
    random.seed(3)
    random.uniform_into(out)
    random.seed(3)
    assert (random.uniform((3, 4, 5)) == out).all()
    assert random.uniform((0, 3)).shape == (0, 3)


def test_log_is_close():
    x = np.concatenate([np.geomspace(1e-30, 1, 10001), 1 - np.geomspace(1e-7, 0.5, 1001)]).astype(np.float32)
    assert np.allclose(random.log(x), np.log(x.astype(float)), rtol=2e-7, atol=0)


def test_normals_look_normal():
    random.seed(12)
    x = random.normal(200_000, 3, 2).astype(float)
    assert abs(x.mean() - 3) < 0.02 and abs(x.std() - 2) < 0.02


def test_small_fills_make_only_the_stream_they_need():
    random.seed(1)
    random.uniform(10)
    assert len(random._source._streams) == 1


def test_numbers_below_bounds_are_drawn_one_by_one():
    """Rejected draws are skipped, with any number of values drawn in advance."""
    bounds = np.array([2**31 + 1, 5, 3 * 2**30, 1, 2**32 - 2] * 20)
    random.seed(4)
    draws = iter(random.engine().take(1000).tolist())
    expected = []
    for bound in bounds.tolist():
        bucket = (2**32 - 1) // bound
        expected.append(next(d for d in draws if d < bound * bucket) // bucket)
    random.seed(4)
    assert random.below(bounds).tolist() == expected
    assert random.engine().take(1)[0] == next(draws)


def test_unique_classes():
    out, tries = np.empty((3, 40), np.int64), np.empty(3, np.int64)
    random.seed(1)
    samplers.zipfian(out, tries, 50)
    assert all(len(set(row)) == 40 for row in out.tolist()) and out.min() >= 0 and out.max() < 50
    assert (tries >= 40).all()


@pytest.mark.parametrize(
    ("kind", "params", "mean", "variance"),
    [
        ("gamma", (0.4, 2), 0.8, 1.6),
        ("gamma", (5, 0.5), 2.5, 1.25),
        ("poisson", (3,), 3, 3),
        ("poisson", (60,), 60, 60),
        ("negative_binomial", (4, 0.4), 6, 15),
        ("generalized_negative_binomial", (5, 0.3), 5, 12.5),
    ],
)
def test_samplers_have_the_right_moments(kind, params, mean, variance):
    random.seed(8)
    out = np.empty(30_000, np.float32)
    samplers.fill(out, kind, *(np.float32([x]) for x in params))
    assert abs(out.mean(dtype=float) - mean) < 5 * (variance / len(out)) ** 0.5
    assert abs(out.var(dtype=float) / variance - 1) < 0.1


@pytest.mark.parametrize(
    "name, params",
    [
        ("gamma", ([np.nan, np.inf, -3.0, -0.5, 0.0, 2.0], [1.0] * 6)),
        ("poisson", ([np.nan, np.inf, -1.0, 1e30, 1e38, 2.0],)),
        ("negative_binomial", ([1.0, np.nan, -2.0, np.inf, 0.0, 2.0], [0.0, 0.5, 0.5, 0.5, 0.0, 0.5])),
        (
            "generalized_negative_binomial",
            ([np.nan, np.inf, -1.0, 1e30, 1.0, 2.0], [1.0, 1.0, 1.0, 1.0, np.inf, 0.5]),
        ),
    ],
)
def test_parameters_out_of_range_end(name, params):
    """MXNet rejects until it finds a number that fits, which is never."""
    out = getattr(mxr.nd, f"sample_{name}")(
        *(mxr.NDArray(np.array(x, np.float32)) for x in params), shape=(2,)
    ).data
    assert out.shape == (6, 2)
    assert np.isfinite(out[-1]).all(), "a valid parameter beside invalid ones"


def test_parameters_of_two_types_are_refused():
    with pytest.raises(MxError, match="float16, float32.*Cast"):
        mxr.nd.sample_normal(mxr.NDArray(np.ones(2, np.float16)), mxr.NDArray(np.ones(2, np.float32)))


def test_states_that_go_through_numpys_public_property_give_the_same(monkeypatch):
    """The fallback if the generator's memory has another layout."""
    random.seed(5)
    fast = [random.uniform(300), random.normal(300), random.engine().take(7)]
    assert random._machine.direct
    monkeypatch.setattr(random._machine, "direct", False)
    random.seed(5)
    for a, b in zip(fast, [random.uniform(300), random.normal(300), random.engine().take(7)], strict=True):
        assert (a == b).all()
