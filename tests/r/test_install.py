"""The distributed files: the wheel and the source distribution install into an empty environment outside the
checkout, and work there; so does the R package alone, which makes its own environment.

Nothing is downloaded: mxr's dependencies come from the environment that runs the tests.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import mxr
from docs.tools import vignettes
from mxr.r.host.installation import CHECKOUT, LOCAL_LIBRARY, r_home

SCRIPT = CHECKOUT / "tests" / "r" / "scripts" / "huber.R"
OURS = {"PYTHONPATH", "R_LIBS", "MXR_PYTHON", "VIRTUAL_ENV", "RETICULATE_PYTHON", "CONDA_PREFIX"}


def run(*words, cwd, **variables) -> subprocess.CompletedProcess:
    """The output of a command in a user's shell."""
    kept = {k: v for k, v in os.environ.items() if k not in OURS}
    done = subprocess.run(
        [str(w) for w in words],
        cwd=cwd,
        env=kept | {"LC_ALL": "C.UTF-8", "PIP_DISABLE_PIP_VERSION_CHECK": "1"} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Path]:
    """(wheel, source distribution), built from a copy of the sources."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, CHECKOUT, cwd=folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def environment(folder: Path) -> Path:
    """The python of a virtual environment that has only mxr's dependencies."""
    run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    (next((folder / "lib").glob("python*")) / "site-packages" / "needed.pth").write_text(
        sysconfig.get_path("purelib") + "\n"
    )
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Path:
    """The folder of an environment with the wheel."""
    folder = tmp_path_factory.mktemp("elsewhere") / "env"
    python = environment(folder)
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", built[0], cwd=folder)
    where = run(python, "-c", "import mxr; print(mxr.__file__)", cwd=folder).stdout
    assert where.startswith(str(folder)), where
    return folder


@pytest.fixture(scope="module")
def library(installed, tmp_path_factory) -> tuple[Path, list[str]]:
    """An R library into which `mxr install-r` has installed, and the lines that it printed."""
    folder = tmp_path_factory.mktemp("library")
    done = run(installed / "bin" / "mxr", "install-r", "--lib", folder, cwd=folder)
    return folder, done.stdout.splitlines()


def test_the_wheel_carries_the_r_package_and_nothing_stale(built):
    with zipfile.ZipFile(built[0]) as wheel:
        names = set(wheel.namelist())
    sources = {
        str(p.relative_to(CHECKOUT / "R"))
        for p in (CHECKOUT / "R").rglob("*")
        if p.is_file() and p.name not in ("stamp", "NEWS.Rd", "Rplots.pdf")
    }
    assert {n.removeprefix("mxr/r/package/") for n in names if n.startswith("mxr/r/package/")} >= sources
    with tarfile.open(built[1]) as archive:
        assert not [n for n in archive.getnames() if n.endswith(".so")]  # each machine builds its own
    modules = {str(p.relative_to(CHECKOUT)) for p in (CHECKOUT / "mxr").rglob("*.py")}
    # this machine has a compiler: rpy2 needed one
    assert [n for n in names if n.startswith("mxr/native/_core")]
    assert [n for n in names if n.startswith("mxr/r/bridge/_crossing")]
    assert {n for n in names if n.endswith(".py")} == modules | {"pytest_mxr.py"}
    assert not [n for n in names if n.startswith(("tests/", "setup"))]
    assert {f"mxr-{mxr.__version__}.dist-info/licenses/{n}" for n in ("LICENSE", "NOTICE")} <= names


def test_a_script_and_the_doctor(installed, library, tmp_path):
    command, (library, lines) = installed / "bin" / "mxr", library
    assert lines == [
        f"installed the R package mxnet {mxr.__version__} into {library}",
        f"its Python is {installed}/bin/python",
        f"R does not look there by itself: R_LIBS={library} Rscript script.R",
    ], lines
    (tmp_path / "_check.R").write_text((SCRIPT.parent / "_check.R").read_text())
    (tmp_path / "script.R").write_text(
        "library(mxnet); cat(mxr_path <- mx.python()$python, ''); cat(sum(as.array(mx.nd.ones(3))))"
    )
    for words in ([r_home() / "bin" / "Rscript"], [command, "run"]):
        assert (
            run(*words, "script.R", cwd=tmp_path, R_LIBS=str(library)).stdout == f"{installed}/bin/python 3"
        )
        run(*words, SCRIPT, cwd=SCRIPT.parent, R_LIBS=str(library))
    said = run(command, "doctor", cwd=tmp_path, R_LIBS=str(library)).stdout
    assert (
        said.endswith("everything fits together\n") and f"mxnet       {mxr.__version__} in {library}" in said
    ), said
    assert run(command, "--version", cwd=tmp_path).stdout == f"mxr {mxr.__version__}\n"
    gen = subprocess.run([command, "gen"], cwd=tmp_path, capture_output=True, text=True)
    assert gen.returncode == 1 and "this mxr is installed in" in gen.stderr, gen


VIGNETTES = """
v <- browseVignettes("mxnet")$mxnet
for (i in seq_len(nrow(v))) stopifnot(file.exists(file.path(v[i, "Dir"], "doc", v[i, c("File", "PDF", "R")])))
cat(v[, "PDF"])
"""


def pages_of(library: Path) -> set[str]:
    """The vignettes that R finds in a library, whose files are all there."""
    found = run(r_home() / "bin" / "Rscript", "-e", VIGNETTES, cwd=library, R_LIBS=str(library)).stdout
    return set(found.split())


def test_news_citation_and_vignettes(library, tmp_path):
    library, _ = library
    code = (
        "options(warn = 2); n <- news(package = 'mxnet'); stopifnot(n$Version[[1]] == "
        "as.character(packageVersion('mxnet')), nrow(n) >= 2)\nprint(citation('mxnet')); "
        "cat(toBibtex(citation('mxnet')))"
    )
    done = run(r_home() / "bin" / "Rscript", "-e", code, cwd=tmp_path, R_LIBS=str(library))
    assert "Apache MXNet" in done.stdout and done.stderr == "", done
    assert pages_of(library) == {f"{page.stem}.html" for page in vignettes.sources()}


def test_uninstall_r(installed, library, tmp_path):
    """The last test that uses this library."""
    command, (library, _) = installed / "bin" / "mxr", library
    again = run(command, "uninstall-r", "--lib", library, cwd=tmp_path).stdout
    assert again == f"removed the R package mxnet from {library}\n" and not list(library.iterdir())
    gone = subprocess.run(
        [command, "uninstall-r", "--lib", library], cwd=tmp_path, capture_output=True, text=True
    )
    assert gone.returncode == 1 and "is not in" in gone.stderr, gone


def unpacked(archive: Path, folder: Path) -> Path:
    # tarfile's `filter` is not in every Python 3.11, and newer ones warn without it
    run("tar", "-xf", archive, "-C", folder, cwd=folder)
    return folder / f"mxr-{mxr.__version__}"


def test_r_first(built, tmp_path):
    """`R CMD INSTALL` of the sources, without a recorded Python: uses the activated environment, or the one
    that R makes."""
    library = tmp_path / "library"
    library.mkdir()
    source = unpacked(built[1], tmp_path)
    run(
        r_home() / "bin" / "R",
        "CMD",
        "INSTALL",
        "--no-test-load",
        f"--library={library}",
        source / "R",
        cwd=tmp_path,
    )
    assert (library / "mxnet" / "stamp").exists()
    assert pages_of(library) == {f"{page.stem}.html" for page in vignettes.sources()}
    python = environment(tmp_path / "env")
    # follows: install mxr from its wheel
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", built[0], cwd=tmp_path)
    code = "library(mxnet); cat(sum(as.array(mx.nd.ones(3))), mx.python()$python)"
    settings = dict(
        R_LIBS=str(library),
        R_USER_DATA_DIR=str(tmp_path / "data"),
        R_USER_CONFIG_DIR=str(tmp_path / "config"),
    )
    done = run(
        r_home() / "bin" / "Rscript", "-e", code, cwd=tmp_path, VIRTUAL_ENV=str(tmp_path / "env"), **settings
    )
    assert (done.stdout, done.stderr) == (f"3 {python}", ""), done

    # made by R: pip is told to take what is needed from here, and finds it on the way that `needed.pth` shows
    # follows: make one by mx.install.python()
    # follows: give source =
    make = f"mxnet::mx.install.python(source = '{built[0]}', python = '{sys.executable}')"
    done = run(
        r_home() / "bin" / "Rscript",
        "-e",
        make,
        cwd=tmp_path,
        PIP_NO_DEPS="1",
        PIP_NO_INDEX="1",
        PYTHONPATH=sysconfig.get_path("purelib"),
        **settings,
    )
    made = next((tmp_path / "data").rglob("bin/python"))
    assert f"recorded {made}" in done.stderr, done.stderr
    done = run(
        r_home() / "bin" / "Rscript",
        "-e",
        code,
        cwd=tmp_path,
        PYTHONPATH=sysconfig.get_path("purelib"),
        **settings,
    )
    assert (done.stdout, done.stderr) == (f"3 {made}", ""), done


def test_the_tests_of_the_source_distribution_run(built, tmp_path):
    source = unpacked(built[1], tmp_path)
    done = run(
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/graph",
        "tests/test_architecture.py",
        "tests/r/test_package.py",
        "-k",
        "not testthat and not every_example",
        cwd=source,
        PYTHONPATH=str(source),
        R_LIBS=str(LOCAL_LIBRARY),
    )
    assert re.search(r"\d+ passed", done.stdout), done.stdout


def test_an_edited_package_is_noticed(tmp_path):
    """The stamp: the installed files are compared with the sources of the running mxr."""
    from mxr.r.host.installation import package_source
    from mxr.r.host.stamp import mismatch, sums

    now = [f"{s} {name}" for name, s in sums(package_source()).items()]
    assert mismatch(mxr.__version__, now) == "" and mismatch(mxr.__version__, [""]) == ""
    assert "from other files" in mismatch(mxr.__version__, now[1:]) and "R/gone.R" in mismatch(
        mxr.__version__, [*now, "0 R/gone.R"]
    )
    changed = [line.replace(line[:4], "zzzz") if line.endswith("R/model.R") else line for line in now]
    assert "(R/model.R): run `mxr install-r`" in mismatch(mxr.__version__, changed)
    assert "0.0.9, mxr in Python is" in mismatch("0.0.9", now)


def test_one_version_everywhere():
    with open(CHECKOUT / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    assert f"Version: {mxr.__version__}\n" in (CHECKOUT / "R" / "DESCRIPTION").read_text()
    assert f"\nversion: {mxr.__version__}\n" in (CHECKOUT / "CITATION.cff").read_text()
    assert f"\n## {mxr.__version__}\n" in (CHECKOUT / "CHANGELOG.md").read_text()
    assert (CHECKOUT / "R" / "NEWS.md").read_text().startswith(f"# mxnet {mxr.__version__}\n")
    assert any(r.startswith("numpy>=2.1") for r in project["dependencies"])
