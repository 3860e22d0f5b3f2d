"""The native core, and the R package within what setuptools builds; everything else is in pyproject.toml."""

import os
import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "R"
BUILT = HERE / "build" / "r" / "mxnet"  # by `make wheel`: the same with its vignettes
VIGNETTES = ("inst/doc", "build")


def add_vignettes(package: Path) -> None:
    """The vignettes that `make wheel` has built, into a copy of the R package's sources."""
    for name in VIGNETTES:
        if (BUILT / name).is_dir():
            shutil.copytree(BUILT / name, package / name, dirs_exist_ok=True)


class BuildWithR(build_py):
    """A wheel has the R package's sources at mxr/r/package, for `mxr install-r`. In place, the checkout's own
    are used."""

    def run(self):
        library = Path(self.build_lib, "mxr")
        if not self.editable_mode:
            shutil.rmtree(library, ignore_errors=True)  # files of an earlier build that are gone since
        super().run()
        if not self.editable_mode:
            shutil.copytree(
                SOURCE,
                library / "r" / "package",
                ignore=shutil.ignore_patterns("stamp", "NEWS.Rd", "Rplots.pdf"),
            )
            add_vignettes(library / "r" / "package")


class SdistWithR(sdist):
    """The source distribution's copy of the R package has its vignettes, where they were built."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        add_vignettes(Path(base_dir, "R"))


# C11. A build that fails leaves mxr without it (`optional`): NumPy computes then. MXR_BUILD_NATIVE=0 leaves
# it out, so that the wheel is for every platform.
NATIVE = Extension(
    "mxr.native._core",
    sources=[f"mxr/native/{name}.c" for name in ("core", "plain", "avx2", "avx512")],
    depends=["mxr/native/core.h", "mxr/native/vectors.h"],
    extra_compile_args=[]
    if sys.platform == "win32"
    else [
        "-std=gnu11",
        "-O3",
        "-fno-math-errno",
        "-fno-trapping-math",
        "-ffp-contract=fast",
        "-fvisibility=hidden",
    ],
    py_limited_api=True,
    optional=True,
)

# The door between R and Python; without it the door is Python code alone.
CROSSING = Extension(
    "mxr.r.bridge._crossing",
    sources=["mxr/r/bridge/crossing.c"],
    extra_compile_args=NATIVE.extra_compile_args,
    py_limited_api=True,
    optional=True,
)

with_native = {}
if os.environ.get("MXR_BUILD_NATIVE") != "0":
    with_native = {"ext_modules": [NATIVE, CROSSING], "options": {"bdist_wheel": {"py_limited_api": "cp311"}}}

setup(cmdclass={"build_py": BuildWithR, "sdist": SdistWithR}, **with_native)
