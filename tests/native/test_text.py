"""Numbers in text, read by the core, against Python's float() and int()."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mxr import native
from mxr.io import text
from mxr.runtime import costs, threads

FLOAT, INT, LONG = np.dtype("float32"), np.dtype("int32"), np.dtype("int64")


def table(content: bytes, width: int, dtype: np.dtype = FLOAT) -> np.ndarray | None:
    found = text.table([content], width, dtype)
    return None if found is None else np.concatenate([np.empty((0, width), dtype), *found])


def rounded(numbers: list[str]) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.array([float(x) for x in numbers]).astype(np.float32)


def same_bits(got: np.ndarray | None, want: np.ndarray) -> None:
    assert got is not None
    got = got.reshape(-1)
    equal = (got.view(np.uint32) == want.view(np.uint32)) | (np.isnan(got) & np.isnan(want))
    assert equal.all(), (got[~equal], want[~equal])


BETWEEN = [2.0**e * (1 + (m + 0.5) / 2**23) for e in (-30, 0, 23, 90) for m in (0, 1, 4_000_001)]
SPECIAL = [
    *(
        "0",
        "-0",
        "+0",
        "-0.0",
        "1",
        "-1",
        "+3",
        "5.",
        ".5",
        "-.5",
        "1e0",
        "1E+2",
        "1e-2",
        "1.e3",
        "00012",
        "0e999",
    ),
    *("nan", "NaN", "inf", "-INF", "infinity", "1e39", "-1e400", "1e-46", "1e-400", "1e38", "3.4028236e38"),
    *(
        "1.1754944e-38",
        "1e-38",
        "1e-40",
        "1.4e-45",
        "16777217",
        "16777219",
        "9007199254740993",
        "0." + "0" * 50 + "1",
    ),
    *(
        "12345678901234567890123456789",
        "0.1234567890123456789012345",
        "1" + "0" * 60,
        "4.940656458412465e-324",
    ),
    *("5.000000000000000000e-01", "1.000000000000000048e-04", "18446744073709551615", "18446744073709551616"),
    *(f"{x:.30e}" for x in BETWEEN),  # halfway between two numbers of single precision
    *(f"{x:.20e}" for x in BETWEEN),
    *(repr(float(np.nextafter(x, 0))) for x in BETWEEN),
    *(repr(float(np.nextafter(x, np.inf))) for x in BETWEEN),
]


def test_special_numbers():
    for x in SPECIAL:
        same_bits(table(x.encode(), 1), rounded([x]))
    same_bits(table(",".join(SPECIAL).encode(), len(SPECIAL)), rounded(SPECIAL))


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.one_of(
            st.floats().map(repr),
            st.floats(width=32).map(repr),
            st.floats(width=32, allow_nan=False, allow_infinity=False).map(lambda x: f"{x:.18e}"),
            st.integers(-(10**30), 10**30).map(str),
            st.decimals(allow_nan=False, allow_infinity=False, places=7).map(str),
            st.from_regex(r"[-+]?[0-9]{0,22}\.[0-9]{1,22}(e[-+]?[0-9]{1,2})?", fullmatch=True),
        ),
        min_size=1,
    ),
    st.sampled_from(["", " ", "\t", "  \v"]),
)
def test_numbers_are_pythons(numbers, blank):
    content = ",".join(blank + x + blank for x in numbers).encode()
    same_bits(table(content, len(numbers)), rounded(numbers))


@pytest.mark.parametrize(
    "field",
    [
        "",
        " ",
        "-",
        "+",
        ".",
        "e5",
        "1e",
        "1e+",
        "1-",
        "--1",
        "1.2.3",
        "1_0",
        "1 2",
        "x",
        "0x10",
        "2x",
        "1\0",
        "NA",
        "1" * 500,
    ],
)
def test_what_is_no_number_is_left_to_python(field):
    assert table(f"1,{field},3\n".encode(), 3) is None
    assert table(f"{field},1\n".encode() if field.strip() else b",1\n", 2) is None
    assert text.sparse([f"1 0:{field}z\n".encode()], 3) is None


def test_lines():
    want = [[1, 2], [3, 4], [-5, 0.5]]
    for end in ("\n", "\r\n", "\r", "\n\n", "\r\n \r\n", " \n", ",\n", ",,\r\n"):
        content = end.join(("1,2", "3, 4", "-5,.5")).encode()
        got = table(content, 2)
        assert got is not None and got.tolist() == want, end
    assert table(b"", 2).shape == (0, 2) and table(b" \n\n", 2).shape == (0, 2)
    for wrong in (
        b"1\n",
        b"1,2,3\n",
        b"1,,2\n",
        b",\n",
        b"1,2, \n",
        b",1,2\n",
        b"1;2\n",
        b"1,2 3,4\n",
        b"1,2\n3\n",
    ):
        assert table(wrong, 2) is None, wrong


@pytest.mark.parametrize("dtype", [INT, LONG])
def test_integers(dtype):
    got = table(b"0,-0,+7, 12 \n-2147483648,2147483647,007,-1,\n", 4, dtype)
    assert got is not None and got.dtype == dtype
    assert got.tolist() == [[0, 0, 7, 12], [-2147483648, 2147483647, 7, -1]]
    if dtype == LONG:
        assert table(b"-999999999999999999,999999999999999999", 2, dtype).tolist() == [
            [1 - 10**18, 10**18 - 1]
        ]
    for wrong in (b"1.0", b"1e3", b",", b"-", b"nan", b"1234567890123456789", b"1_0"):
        assert table(wrong + b"\n", 1, dtype) is None


def test_no_more_rows_than_there_is_memory_for():
    out = np.full((3, 2), 9, np.float32)
    assert native.core.table(b"1,2\n3,4\n5,6\n", out, 2, 2, "f") is None and out[2].tolist() == [9, 9]
    assert native.core.table(b"1,2\n", out, 4, 2, "f") is None  # `out` has fewer rows than this
    assert native.core.table(b"1,2\n3,4\n5,6\n", out, 3, 2, "f") == 3
    labels, counts = np.full(3, 9, np.float32), np.full(3, 9, np.int64)
    indices, values = np.full(3, 9, np.int64), np.full(3, 9, np.float32)

    def sparse(content: bytes, n: int) -> object:
        return native.core.sparse(content, labels[:n], counts[:n], indices[:n], values[:n], 5)

    assert sparse(b"1 0:1\n1 0:1\n1\n", 2) is None and sparse(b"1 0:1 1:1 2:1\n", 2) is None
    assert (labels[2], counts[2], indices[2], values[2]) == (9, 9, 9, 9)
    assert sparse(b"1 0:1\n1 0:1\n1 4:1\n", 3) == (3, 3)


def test_sparse_rows():
    rows = text.sparse(
        [b"1 0:2.5 3:-1e2 # a comment\n\n# only a comment\n-2.5:0.5 qid:7 1\n", b"nan 2:inf 2:0.1\t4:7#x\n3"],
        5,
    )
    assert rows is not None
    labels, counts, indices, values = rows
    same_bits(labels, rounded(["1", "-2.5", "nan", "3"]))
    assert counts.tolist() == [2, 1, 3, 0] and indices.tolist() == [0, 3, 1, 2, 2, 4]
    same_bits(values, rounded(["2.5", "-1e2", "1", "inf", "0.1", "7"]))


@pytest.mark.parametrize(
    "line",
    ["x", ":1", "1 5:1", "1 -1:1", "1 1.0:2", "1 a:2", "1 0:", "1 0:1:2", "1 0:x", "1 :2", "1,0:2", "1 0 :2"],
)
def test_wrong_sparse_rows_are_left_to_python(line):
    assert text.sparse([f"1 0:1\n{line}\n".encode()], 5) is None


def test_parts_of_several_threads_are_the_whole(monkeypatch):
    rng = np.random.default_rng(1)
    numbers = rng.standard_normal((500, 7)).astype(np.float32)
    content = "\n".join(",".join(map(str, row)) for row in numbers.tolist()).encode()
    whole = table(content, 7)
    monkeypatch.setattr(costs, "NATIVE_TEXT_SHARED", 1)
    monkeypatch.setattr(threads, "_count", 4)
    assert len(text._parts(content)) == 4
    same_bits(table(content, 7), whole.reshape(-1))
    assert table(content + b"\nx", 7) is None
    assert len(text._parts(content.replace(b"\n", b"\r"))) == 1
    assert b"".join(text._parts(b"1\n2\n")) == b"1\n2\n"
    assert b"".join(text._parts(b"1")) == b"1"
