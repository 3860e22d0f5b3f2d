"""mxr's executor against MXNet's recorded answers (tests/reference/answers): the comparison with MXNet,
without MXNet."""

import pytest

import mxr
from mxr.operator import canonical
from tests.ops import ours
from tests.ops.collect import cases
from tests.reference import answers
from tests.reference.compare import graph, settled

OPERATORS = [op.name for op in canonical()]


@pytest.mark.parametrize("name", OPERATORS)
def test_as_recorded(name):
    found, stale = {}, []
    for case in cases(op=name):
        if not case.sample.reference:
            continue
        theirs = answers.load(case.op.family).get(answers.key(case))
        if theirs is None:
            stale.append(case.id)
        else:
            found[case.id], _ = ours.against(case, theirs)
    complaints = settled(name, found)
    if stale:
        complaints.append(
            f"no answer of MXNet is recorded for {', '.join(stale)}: run `python -m tests.reference record`"
        )
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("name", OPERATORS)
def test_json_of_mxnet(name):
    """MXNet's JSON is read, and written unchanged."""
    for case in cases(op=name):
        meta, _ = answers.load(case.op.family).get(answers.key(case), ({}, {}))
        for text in filter(None, (meta.get("json"), meta.get("auto_json"))):
            assert graph(mxr.sym.load_json(text).tojson()) == graph(text), case.id


FAMILIES = sorted({op.family for op in canonical()})


@pytest.mark.parametrize("family", FAMILIES)
def test_no_stale_answers(family):
    current = {answers.key(case) for case in cases(family=family) if case.sample.reference}
    left = answers.load(family).keys() - current
    assert not left, (
        f"{len(left)} recorded answers belong to no sample: "
        f"run `python -m tests.reference record --family {family}`"
    )


def test_no_stale_files():
    left = {path.stem for path in answers.FOLDER.glob("*.npz")} - {*FAMILIES}
    assert not left, f"{left} are no families of operators any more: run `python -m tests.reference record`"
