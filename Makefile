# The system packages, .venv and .rlib are file targets, so they are made once.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv/bin
# R packages with which the cookbook compares its losses
COOKBOOK := MASS e1071 nlme nnet quantreg survival
R_SOURCES := $(shell find R -type f)
PYTHON_SOURCES := $(shell find mxr -name '*.py')
NATIVE_SOURCES := $(wildcard mxr/native/*.[ch] mxr/r/bridge/*.c)
export R_LIBS := $(CURDIR)/.rlib$(if $(R_LIBS),:$(R_LIBS))
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .rlib/mxnet/python ## a custom-loss regression on Boston housing, by plain Rscript
	Rscript demo/boston.R </dev/null

test: .rlib/mxnet/python ## every Python and R test
	@scripts/install-r-packages $(COOKBOOK)
	$(VENV)/python -m pytest tests -n auto --dist loadfile --ignore=tests/reference --ignore=tests/bench --ignore=tests/mpi </dev/null

test-numpy: .rlib/mxnet/python ## the engine's tests without the native core
	MXR_NATIVE=0 $(VENV)/python -m pytest tests/compiler tests/engine tests/ops tests/properties -n auto --dist loadfile </dev/null

test-native: .rlib/mxnet/python ## the native core under sanitizers, with each kind of vectors; compiler and executor without it
	scripts/test-native $(VENV)/python
	MXR_NATIVE=0 $(VENV)/python -m pytest tests/compiler tests/engine -n auto --dist loadfile </dev/null

test-mpi: .rlib/mxnet/python .cache/mpi ## several workers by mpirun (installs Open MPI and mpi4py)
	$(VENV)/python -m pytest tests/mpi </dev/null

reference: .rlib/mxnet/python ## every operator against Apache MXNet 1.9.1 itself (installs it into .reference)
	$(VENV)/python -m tests.reference </dev/null

bench: .rlib/mxnet/python ## how fast it is
	$(VENV)/python -m tests.bench

docs: .rlib/mxnet/python ## the documentation as a site, in build/site
	@scripts/install-r-packages $(COOKBOOK) knitr
	@$(VENV)/python -m pip install -qq --editable '.[docs]' </dev/null
	$(VENV)/python -m docs.tools.site build/site </dev/null

vignettes: .rlib/mxnet/python ## the built vignettes that are kept in R/inst/doc
	@scripts/install-r-packages knitr rmarkdown
	$(VENV)/python -m docs.tools.vignettes </dev/null

check: .rlib/mxnet/python ## R CMD check of the R package, with its vignettes, in build/check
	@scripts/install-r-packages $(COOKBOOK) knitr rmarkdown
	scripts/check-r build/check
	$(VENV)/python -m docs.tools.vignettes --check </dev/null

wheel: .rlib/mxnet/python ## the wheel, the source distribution, the R package's source file, in build/dist
	@scripts/install-r-packages knitr rmarkdown
	scripts/build-packages

lowest: .cache/system ## the engine's tests with the lowest NumPy, SciPy and threadpoolctl that are declared, in .cache/lowest
	scripts/test-lowest $(PYTHON)

clients: .rlib/mxnet/python ## other people's R packages that use mxnet: caret (Debian's r-cran-caret)
	@scripts/install-r-packages caret
	Rscript tests/clients/caret.R </dev/null

stress: .venv/ready ## the long runs: damaged files, faults, memory; under an hour
	$(VENV)/python -m tests.stress </dev/null

lint: .rlib/mxnet/python ## style, and that the generated files are up to date
	$(VENV)/ruff check mxr tests demo docs --exclude tests/r/probes
	$(VENV)/ruff format --check mxr tests demo docs setup.py pytest_mxr.py --exclude tests/r/probes
	$(VENV)/mypy
	$(VENV)/python -m mxr gen --check
	scripts/lint-r

gen: .venv/ready ## write the files that follow from the operator declarations
	$(VENV)/python -m mxr gen

doctor: .rlib/mxnet/python ## whether R, Python and rpy2 fit together
	$(VENV)/mxr doctor

clean: ## remove what make has made (not the system packages)
	rm -rf .venv .rlib .reference .cache build *.egg-info

.PHONY: help demo test test-numpy test-native test-mpi reference bench stress docs vignettes check clients wheel lowest lint gen doctor clean

.cache/system: scripts/install-system
	@scripts/install-system $(PYTHON)
	@mkdir -p $(@D) && touch $@

.cache/mpi: .venv/ready
	@command -v mpirun >/dev/null || scripts/apt-install openmpi-bin
	@$(VENV)/python -m pip install -qq --editable '.[mpi]' </dev/null
	@touch $@

.venv/ready: pyproject.toml | .cache/system
	@echo "making .venv"
	@$(PYTHON) -m venv --clear .venv
	@$(VENV)/python -m pip install -qq --editable '.[test]' </dev/null
	@$(VENV)/mxr install-rpy2
	@touch $@

.rlib/mxnet/python: .venv/ready $(R_SOURCES) | .cache/compiled .cache/native
	@$(VENV)/mxr install-r --lib .rlib

# `pip install --editable` has built it; this builds it again after a source has changed
.cache/native: .venv/ready $(NATIVE_SOURCES)
	@$(VENV)/python setup.py -q build_ext --inplace
	@touch $@

# Python's bytecode. If Python cannot write it (PYTHONDONTWRITEBYTECODE, a read-only folder), every start would compile the modules.
.cache/compiled: .venv/ready $(PYTHON_SOURCES)
	@$(VENV)/python -m compileall -q mxr
	@touch $@
