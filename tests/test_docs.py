"""docs/operators.md and docs/coverage.md follow from the registry and the last comparison."""
import re

import pytest

from docs.tools import operators as docs
from mxr.operator import registry
from tests.known import listed, sections


@pytest.mark.parametrize("path", sorted(docs.pages()), ids=lambda p: p.name)
def test_up_to_date(path):
    assert path.exists() and path.read_text() == docs.pages()[path], f"docs/{path.name} is out of date: run `python -m docs.tools.operators`"


def test_marked_as_generated():
    assert all(text.startswith("<!-- generated") for text in docs.pages().values())


def test_missing_operators_are_known():
    missing = {n for n in docs.MXNET if n not in registry}
    assert missing == listed("missing").keys(), "tests/known.toml [missing] lists exactly the operators that mxr does not have"


def test_known_differences_are_of_operators():
    ids = [(section, id) for section in sections() for id in listed(section) if section != "missing"]
    strays = [(section, id) for section, id in ids if re.split(r"[ .:\[]", id)[0] not in registry]
    assert not strays
