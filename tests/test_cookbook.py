"""The cookbook of losses: each recipe trains in R, reaches the numbers of R's own model, and is the same
network in Python."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest

import mxr
from docs.tools import cookbook
from tests.r.hosts import command, environment, run_code, succeeds

RECIPES = {r.name: r for r in cookbook.recipes()}
KEPT = json.loads(cookbook.NUMBERS.read_text())


class Kitchen:
    """The selected recipes, run one after the other in one R process."""

    def __init__(self, names, folder):
        self.folder, self.done, self.failed = folder, {}, None
        options = {"env": environment(), "cwd": folder}
        self.running = cookbook.run([RECIPES[n] for n in names], folder, command("Rscript"), **options)

    def numbers(self, name):
        while name not in self.done:
            try:
                next_name, numbers = next(self.running)
            except subprocess.CalledProcessError as error:
                self.failed = error.output
            except StopIteration:
                pass
            else:
                self.done[next_name] = numbers
                continue
            pytest.fail(f"R did not finish {name}: {self.failed}")
        return self.done[name]


@pytest.fixture(scope="module")
def kitchen(request, tmp_path_factory):
    names = [
        item.callspec.params["name"] for item in request.session.items if item.name.startswith("test_recipe[")
    ]
    return Kitchen(names, tmp_path_factory.mktemp("cookbook"))


@pytest.mark.parametrize("name", RECIPES)
def test_recipe(kitchen, name):
    """mxr reaches R's numbers, the page shows them, and Python's network is the same as R's."""
    recipe, numbers = RECIPES[name], kitchen.numbers(name)
    far = [w for w, off in zip(numbers["what"], cookbook.differences(numbers)) if not off <= recipe.tolerance]
    assert not far, f"further from {numbers['model'][0]} than {recipe.tolerance}: {far} in {numbers}"
    assert (KEPT[name]["what"], KEPT[name]["model"]) == (numbers["what"], numbers["model"])
    shown = cookbook.differences({"mxr": numbers["mxr"], "R": KEPT[name]["mxr"]})
    assert max(shown) <= recipe.tolerance, (
        "the page's numbers are old: run `python -m docs.tools.cookbook run`"
    )
    same_network(recipe, kitchen.folder)


def same_network(recipe, folder):
    """The page's Python code makes the network that R trained: equal arguments, outputs and gradients on R's
    arrays."""
    space: dict = {}
    exec(compile(recipe.python, f"{recipe.name}.md", "exec"), space)
    saved = {
        tuple(k.split(":")): v.asnumpy()
        for k, v in mxr.nd.load(str(folder / f"{recipe.name}.params")).items()
    }
    # away from the trained values, where the gradients are not zero
    arrays = {name: v if kind == "input" else 1.1 * v + 0.05 for (kind, name), v in saved.items()}
    learned = sorted(name for kind, name in saved if kind == "param")
    theirs = mxr.sym.load(str(folder / f"{recipe.name}.json"))
    assert sorted(space["loss"].list_arguments()) == sorted(theirs.list_arguments()) == sorted(arrays)
    results = []
    for symbol in (space["loss"], theirs):
        executor = symbol.simple_bind(**{k: v.shape for k, v in arrays.items()})
        for k, v in arrays.items():
            executor.args[k][:] = v
        executor.forward(is_train=True)
        executor.backward()
        results.append(
            [o.asnumpy().reshape(-1) for o in executor.output_list]
            + [executor.grads[k].asnumpy() for k in learned]
        )
    assert len(results[1]) > len(theirs.list_outputs())
    for ours, rs in zip(*results, strict=True):
        assert np.abs(rs).max() > 1e-4
        np.testing.assert_allclose(ours, rs, rtol=1e-4, atol=1e-5 * np.abs(rs).max())


def test_there_are_enough():
    assert len(RECIPES) >= 20
    assert {r.family for r in RECIPES.values()} == set(cookbook.FAMILIES)


def test_generated_files_are_up_to_date():
    assert not cookbook.stale(), "run `python -m docs.tools.cookbook`"


def test_a_page_without_a_section_is_refused(tmp_path):
    page = tmp_path / "x.md"
    text = (cookbook.PAGES / "huber.md").read_text()
    for broken in (
        text.replace("## In Python", "## Python"),
        text.replace("family: Numbers\n", ""),
        text.replace("**When.**", "When"),
    ):
        page.write_text(broken)
        with pytest.raises(ValueError, match=r"x\.md: a recipe has"):
            cookbook.read(page)


def test_a_difference_is_relative_to_large_numbers():
    assert cookbook.differences({"mxr": [0.5, 101.0], "R": [0.4, 100.0]}) == pytest.approx([0.1, 0.01])


def test_a_demo_runs_by_its_name():
    said = succeeds(
        run_code(
            "Rscript",
            'demo("focal-loss", package = "mxnet", ask = FALSE)\n'
            'cat(nrow(demo(package = "mxnet")$results), "demos\\n")',
        )
    )
    assert "mean loss" in said and f"{len(RECIPES)} demos" in said
