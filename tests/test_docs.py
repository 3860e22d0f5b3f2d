"""docs/operators.md and docs/coverage.md follow from the registry and the last comparison."""

import re

import pytest

import mxr
from docs.tools import operators as docs
from docs.tools import vignettes
from mxr.operator import NotImplementedInMxr, get, not_here, registry
from mxr.operator.refused import EXACT, why_not
from tests.known import listed, sections


@pytest.mark.parametrize("path", sorted(docs.pages()), ids=lambda p: p.name)
def test_up_to_date(path):
    assert path.exists() and path.read_text() == docs.pages()[path], (
        f"docs/{path.name} is out of date: run `python -m docs.tools.operators`"
    )


def test_marked_as_generated():
    assert all(text.startswith("<!-- generated") for text in docs.pages().values())


def test_every_operator_of_mxnet_is_here_or_says_why():
    missing = [n for n in docs.REGISTRY if n not in registry]
    assert [n for n in missing if not why_not(n)] == []
    for name in missing:
        with pytest.raises(NotImplementedInMxr) as found:
            get(name)
        assert str(found.value) == f"the operator {name} is not in mxr: {why_not(name)}"
        for module in (mxr.sym, mxr.nd):
            with pytest.raises(AttributeError) as found:
                getattr(module, name)
            assert str(found.value) == not_here(name)
    assert [n for n in missing if n.startswith("_contrib_") and not n.startswith("_contrib_backward")] == [
        n for n in sorted(EXACT) if n.startswith("_contrib_")
    ]
    both = [n for n in EXACT if n in registry]
    assert both == []
    with pytest.raises(
        NotImplementedInMxr,
        match="the operator _contrib_quantize_v2 is not in mxr: it belongs to quantized networks",
    ):
        get("_contrib_quantize_v2")


def test_known_differences_are_of_operators():
    ids = [(section, id) for section in sections() for id in listed(section)]
    strays = [(section, id) for section, id in ids if re.split(r"[ .:\[]", id)[0] not in registry]
    assert not strays


def test_kept_vignettes_are_those_of_the_pages():
    assert vignettes.stale() == [], "run `make vignettes`"


def test_a_changed_vignette_is_noticed():
    kept = "<html><style>p {}</style><p>The loss is <b>0.12345</b> now</p></html>"
    assert vignettes.difference(kept, kept.replace("0.12345", "0.12346")) is None
    assert vignettes.difference(kept, kept.replace("0.12345", "0.2")) == "0.12345 is kept, 0.2 is new"
    assert vignettes.difference(kept, kept.replace(" now", "")) == "now is kept, (nothing) is new"
