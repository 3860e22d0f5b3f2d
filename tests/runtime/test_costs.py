"""The tuning numbers: each has a description and a measurement, and there are none in other modules."""

import ast
import re
from pathlib import Path

import pytest

from mxr.runtime import costs
from tests.bench import costs as measured

ROOT = Path(costs.__file__).parents[1]
TABLE = costs.table()


def test_every_number_of_the_file_is_in_the_table():
    body = ast.parse(Path(costs.__file__).read_text()).body
    assert [n.target.id for n in body if isinstance(n, ast.AnnAssign)] == list(TABLE)
    assert not [t.id for n in body if isinstance(n, ast.Assign) for t in n.targets]


@pytest.mark.parametrize("name", TABLE)
def test_a_number_has_a_unit_a_purpose_and_a_measurement_or_a_source(name):
    number = TABLE[name]
    assert number.value > 0 and number.about.unit and number.about.decides
    assert (name in measured.TIMES) + (name in measured.TRIALS) + bool(number.about.fixed) == 1
    assert number.command.endswith(name) or number.about.fixed


def test_every_number_is_used():
    text = "\n".join(p.read_text() for p in ROOT.rglob("*.py") if p.name != "costs.py")
    assert [name for name in TABLE if not re.search(rf"\b{name}\b", text)] == []


def test_tuning_numbers_are_only_in_costs():
    """No other module has a top-level number named like a limit or a block's size."""
    words = re.compile(
        r"^_?(?:WAKE|BLOCK|CHUNK|PIECE|FEW|SMALL|LARGE|TALL|DEAR|EXPENSIVE|THRESHOLD)(?:_\w+)? = [\d_.(]+",
        re.MULTILINE,
    )
    assert words.search("\n_BLOCK = 1 << 17  # elements")
    found = {p.name: words.findall(p.read_text()) for p in ROOT.rglob("*.py") if p.name != "costs.py"}
    assert {name: hits for name, hits in found.items() if hits} == {}


def test_a_trial_tries_every_value_and_restores_the_number():
    before, seen = costs.READER_DRAWS, []
    answer = measured.tried("READER_DRAWS", lambda: seen.append(costs.READER_DRAWS) or (lambda: None))
    assert seen == [256, 512, 1024, 2048, 4096]
    assert before == costs.READER_DRAWS and answer
