"""Builds the native core, and adds the R package to wheels. Everything else is in pyproject.toml."""

import os
import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "R"
BUILT = HERE / "build" / "r" / "mxnet"  # the R package with built vignettes, from `make wheel`
VIGNETTES = ("inst/doc", "build")


def add_vignettes(package: Path) -> None:
    """Copy the vignettes that `make wheel` has built into a copy of the R package's sources."""
    for name in VIGNETTES:
        if (BUILT / name).is_dir():
            shutil.copytree(BUILT / name, package / name, dirs_exist_ok=True)


class BuildWithR(build_py):
    """Adds the R package's sources to a wheel, at mxr/r/package, for `mxr install-r`. An editable
    installation uses those of the checkout."""

    def run(self):
        library = Path(self.build_lib, "mxr")
        if not self.editable_mode:
            shutil.rmtree(
                library, ignore_errors=True
            )  # an earlier build may have files that were deleted since
        super().run()
        if not self.editable_mode:
            shutil.copytree(
                SOURCE,
                library / "r" / "package",
                ignore=shutil.ignore_patterns("stamp", "NEWS.Rd", "Rplots.pdf"),
            )
            add_vignettes(library / "r" / "package")


class SdistWithR(sdist):
    """Adds the built vignettes, if any, to the R package in a source distribution."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        add_vignettes(Path(base_dir, "R"))


FLAGS = [
    "-std=gnu11",
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fvisibility=hidden",
]
if sys.platform == "win32":
    FLAGS = []

# C11. It is optional: if the build fails, mxr is installed without it, and NumPy computes. With
# MXR_BUILD_NATIVE=0 it is left out, so that the wheel is for every platform.
NATIVE = Extension(
    "mxr.native._core",
    sources=[f"mxr/native/{name}.c" for name in ("core", "text", "pixels", "plain", "avx2", "avx512")],
    depends=["mxr/native/core.h", "mxr/native/vectors.h"],
    extra_compile_args=FLAGS,
    py_limited_api=True,
    optional=True,
)

# The part in C of the door between R and Python. Without it, Python code does the same work.
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
