"""Damaged files, made from good ones by a random generator. A number determines each, so a finding can be
reproduced."""

from __future__ import annotations

import copy
import itertools
import json
import random
import struct
from bisect import bisect

from mxr.operator import registry

_LONGEST = 1 << 17
_NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    31,
    127,
    128,
    255,
    256,
    2**15,
    2**16 - 1,
    2**28,
    2**29 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**62,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
WORDS = (
    "",
    "0",
    "-1",
    "1",
    "2",
    "-2",
    "7",
    "1e999",
    "-1e999",
    "nan",
    "NaN",
    "inf",
    "1.5",
    "1_0",
    "0x10",
    "9" * 25,
    "9" * 5000,
    "1000000000000000000",
    "2147483648",
    "16777217",
    "None",
    "True",
    "False",
    "é",
    "\u65e5\u672c",
    "\0",
    " ",
    "data",
    "null",
    "float16",
    "int64",
    "float99",
    "()",
    "(,)",
    "(1,)",
    "(0,)",
    "(-1,)",
    "(2, 3)",
    "(3, 2)",
    "(0, 0)",
    "(-1, -1)",
    "(1, 1, 1, 1)",
    "(0, -3, -4, 2)",
    "(1e999,)",
    "(1000000000, 1000000000)",
    "(1000000000000000000,)",
    "(nan, 1)",
    "[1, [2]]",
    "(None, 2)",
    "((1,2),(3,4))",
    "(" * 300,
    "__import__('os').system('true')",
    "max",
    "relu",
    "write",
    ":",
    ",",
    "1:",
    ":1",
    "1:1",
    "qid:1",
    "#",
    "\ufeff",
)


def data(seed: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """`seed` with one to six changes of its bytes."""
    out = bytearray(seed)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        _change(out, rng, others)
    return bytes(out[:_LONGEST])


def _change(out: bytearray, rng: random.Random, others: list[bytes]) -> None:
    # headers are at the beginning
    at = rng.randrange(len(out) + 1) if rng.random() < 0.6 else rng.randrange(min(len(out), 64) + 1)
    kind = rng.randrange(9)
    if kind == 0 and at < len(out):
        out[at] ^= 1 << rng.randrange(8)
    elif kind == 1 and at < len(out):
        out[at] = rng.choice((0, 1, 10, 32, 44, 127, 128, 255, rng.randrange(256)))
    elif kind == 2:
        del out[at : at + rng.choice((1, 2, 4, 8, rng.randrange(1, 200)))]
    elif kind == 3:
        out[at:at] = rng.randbytes(rng.choice((1, 4, 8, 40)))
    elif kind in (4, 5):
        at -= at % rng.choice((1, 4, 4, 8))
        width = rng.choice("IQ")
        number = rng.choice(_NUMBERS) + rng.choice((-1, 0, 0, 1))
        out[at : at + struct.calcsize(width)] = struct.pack(
            rng.choice("<<>") + width, number % 2 ** (8 * struct.calcsize("<" + width))
        )
    elif kind == 6:
        del out[at:]
    elif kind == 7:
        other = rng.choice(others)
        begin = rng.randrange(len(other) + 1)
        out[at : at + rng.choice((0, 16, len(out)))] = other[begin : begin + rng.choice((8, 64, len(other)))]
    else:
        piece = out[at : at + rng.choice((1, 8, 60))]
        out[at:at] = piece * rng.choice((1, 2, 20, 1000))


def text(seed: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """A table of numbers with changed fields, or changed bytes."""
    if rng.random() < 0.4:
        return data(seed, rng, others)
    lines = [line.replace(b",", b" , ").replace(b":", b" : ").split() for line in seed.splitlines()]
    for _ in range(rng.choice((1, 1, 2, 5))):
        line = rng.choice(lines) if lines else []
        field = rng.choice(WORDS).encode()
        kind = rng.randrange(4)
        if kind == 0 and line:
            line[rng.randrange(len(line))] = field
        elif kind == 1:
            line.insert(rng.randrange(len(line) + 1), field)
        elif kind == 2 and line:
            del line[rng.randrange(len(line))]
        else:
            lines.insert(rng.randrange(len(lines) + 1), (line * rng.choice((1, 2, 200)))[:20_000])
    for line in lines:
        # before it is assembled, because its memory would count
        del line[bisect([*itertools.accumulate(map(len, line))], _LONGEST) :]
    glue = rng.choice((b"", b"", b" "))
    rows = [b" ".join(line).replace(b" , ", glue + b"," + glue).replace(b" : ", b":") for line in lines]
    return rng.choice((b"\n", b"\n", b"\r\n", b"\r")).join(rows)[:_LONGEST]


# --------------------------------------------------------------------------------------------- symbol JSON


def symbol(seed: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """A graph with changed operators, parameters, names and edges, or changed bytes."""
    if rng.random() < 0.25:
        return data(seed, rng, others)
    graph = json.loads(seed)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        _change_graph(graph, rng)
    out = json.dumps(graph, ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.03:
        depth = rng.choice((50, 990, 5000))
        out = out.replace('"inputs": []', '"inputs": ' + "[" * depth + "]" * depth, 1)
    return out.encode(errors="surrogatepass")[:_LONGEST]


def _value(rng: random.Random):
    return rng.choice(
        (
            None,
            True,
            0,
            1,
            -1,
            2**31,
            10**18,
            10**30,
            1.5,
            float("nan"),
            float("inf"),
            "",
            [],
            {},
            [[0, 0]],
            [0],
            ["a"],
            {"a": 1},
            "\ud800",
            "name",
            rng.choice(WORDS),
        )
    )


def _change_graph(graph, rng: random.Random) -> None:
    nodes = graph.get("nodes") if isinstance(graph, dict) else None
    rows = [n for n in nodes if isinstance(n, dict)] if isinstance(nodes, list) else []
    kind = rng.randrange(12)
    if not rows or kind == 0:
        _change_anywhere(graph, rng)
        return
    row = rng.choice(rows)
    attrs = next(
        (row[k] for k in ("attrs", "param", "attr") if isinstance(row.get(k), dict) and row[k]), None
    )
    if kind <= 3 and attrs:
        attrs[rng.choice(list(attrs))] = rng.choice(WORDS)
    elif kind == 4:
        key = rng.choice(
            (
                "__shape__",
                "__dtype__",
                "lr_mult",
                "__lr_mult__",
                "num_args",
                "weight_lr_mult",
                "axis",
                "é",
                "shape",
                "__init__",
            )
        )
        row.setdefault("attrs", {})[key] = rng.choice(WORDS)
    elif kind == 5:
        row["op"] = rng.choice(
            (
                rng.choice(sorted(registry)),
                rng.choice(sorted(registry)),
                "null",
                "NoSuchOperator",
                "Custom",
                "__import__",
                "",
            )
        )
    elif kind == 6:
        row["name"] = rng.choice((rng.choice(rows).get("name"), "", "é\u65e5", "x" * 10_000, "a b\n"))
    elif kind == 7:
        row["inputs"] = [
            [rng.randrange(-1, len(rows) + 2), rng.choice((0, 0, 0, 1, 2, -1)), 0][: rng.choice((2, 3, 3, 1))]
            for _ in range(rng.choice((0, 1, 2, 3, 4, 500)))
        ]
    elif kind == 8:
        edges = row.get("inputs")
        if isinstance(edges, list) and edges:
            edges[rng.randrange(len(edges))] = [rng.randrange(len(rows)), rng.choice((0, 0, 1)), 0]
    elif kind == 9:
        nodes.insert(rng.randrange(len(nodes) + 1), copy.deepcopy(row))
    elif kind == 10:
        nodes.remove(row)
    else:
        graph["heads"] = [
            [rng.randrange(len(nodes) + 1), rng.choice((0, 0, 1)), 0]
            for _ in range(rng.choice((0, 1, 3, 1000)))
        ]


def _change_anywhere(tree, rng: random.Random) -> None:
    """Replace, delete or add one value somewhere in a JSON tree."""
    while True:
        if not isinstance(tree, (dict, list)) or not tree:
            return
        key = rng.choice(list(tree)) if isinstance(tree, dict) else rng.randrange(len(tree))
        if not isinstance(tree[key], (dict, list)) or not tree[key] or rng.random() < 0.3:
            break
        tree = tree[key]
    kind = rng.randrange(3)
    if kind == 0:
        del tree[key]
    elif kind == 1:
        tree[key] = _value(rng)
    elif isinstance(tree, dict):
        tree[rng.choice(WORDS)] = _value(rng)
    else:
        tree.append(_value(rng))
