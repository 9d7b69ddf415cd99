# Two commands: `make lab` opens the course, `make test` proves it correct. `make help` lists all.
#
#   PYTHON      the Python that makes .venv (3.11 or newer)       make lab PYTHON=python3.12
#   LAB_ARGS    options for JupyterLab                            make lab LAB_ARGS="--no-browser --port 8899"
#   PIP_FLAGS   options for pip, such as --index-url              make lab PIP_FLAGS="--index-url ..."
#   LESSON      one lesson or several, by id                      make run LESSON=1.1
#   BENCH_ARGS  sections of the benchmark, and its options        make bench BENCH_ARGS="loops --repeats 3"
#   SCREENSHOTS folder for what the browser showed                make test-browser SCREENSHOTS=shots

PYTHON    ?= python3
VENV      ?= .venv
PROFILE   ?= laptop
LAB_ARGS  ?=
PIP_FLAGS ?=
TEST_ARGS ?=
LESSON    ?=
SCREENSHOTS ?= build/screenshots

BENCH_VENV ?= .venv-bench
BENCH_ARGS ?=

PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed
VOICES := $(VENV)/.installed-voices
SPHINX := $(VENV)/.installed-site
DRIVER := $(VENV)/.installed-browser

BENCH_PY    := $(BENCH_VENV)/bin/python
BENCH_STAMP := $(BENCH_VENV)/.installed

# Checks run offline, after the fetch, with one thread a process: two of them share two cores.
OFFLINE := TL_OFFLINE=1 HF_HUB_OFFLINE=1 TL_PROGRESS=0 TOKENIZERS_PARALLELISM=false \
           OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help setup fetch fetch-first lab test test-browser site run notebooks bench lint format clean

help:  ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "This course needs Python 3.11 or newer; $(PYTHON) is " + sys.version.split()[0] + ". Install a newer one and name it: make lab PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

# The one tested set, installed once: again only when the dependencies or their pins change.
$(STAMP): pyproject.toml constraints.txt | $(PY)
	$(PY) -m pip install $(PIP_FLAGS) -c constraints.txt -e ".[dev]"
	@touch $@

setup: $(STAMP)  ## make .venv and install the tested set

fetch: $(STAMP)  ## download and verify what the lessons need; what is there stays
	@$(PY) -m tl_helpers fetch --all

# Only what the first lessons need: every other lesson fetches its own when it first runs.
fetch-first: $(STAMP)
	@$(PY) -m tl_helpers fetch --track 00
	@$(PY) -m tl_helpers fetch --track 01

lab: fetch-first  ## open JupyterLab on lesson 00 (LAB_ARGS="--no-browser --port 8899")
	$(PY) -m tl_helpers lab 00 -- $(LAB_ARGS)

# What stays out of the kit for its licence; the checks need it, so that no lesson is skipped.
$(VOICES): $(STAMP)
	$(PY) -m pip install $(PIP_FLAGS) -c constraints.txt -e ".[voices]"
	@touch $@

test: lint $(VOICES) fetch  ## lint, unit, structure and lesson tests, offline
	$(OFFLINE) $(PY) -m pytest -n 2 --dist worksteal $(TEST_ARGS)

$(DRIVER): $(STAMP)
	$(PY) -m pip install $(PIP_FLAGS) -c constraints.txt -e ".[browser]"
	@touch $@

test-browser: fetch $(DRIVER) $(SPHINX)  ## drive lesson 00 and the site in Chromium, which has to be installed
	$(OFFLINE) $(PY) -m pytest tests/browser --screenshots $(SCREENSHOTS)

$(SPHINX): $(STAMP)
	$(PY) -m pip install $(PIP_FLAGS) -c constraints.txt -e ".[site]"
	@touch $@

site: $(SPHINX)  ## the lessons as a static site, in build/site; executes nothing
	$(PY) site/build.py

run: $(STAMP)  ## run lessons and report on them (LESSON=1.1, PROFILE=smoke)
	$(PY) -m tl_helpers run $(or $(LESSON),--all) --profile $(PROFILE)

notebooks: fetch  ## execute again and clean the committed notebooks (LESSON=1.1 for some)
	$(PY) -m tl_helpers notebooks $(LESSON)

# The libraries that the benchmark compares with stay out of the course's own environment.
$(BENCH_STAMP): pyproject.toml constraints.txt $(STAMP)
	$(PY) -m venv $(BENCH_VENV)
	$(BENCH_PY) -m pip install $(PIP_FLAGS) -c constraints.txt -e ".[bench]"
	@touch $@

bench: fetch $(BENCH_STAMP)  ## measure the helpers' speed (BENCH_ARGS="loops --repeats 3")
	PYTHONPATH=tests/support $(OFFLINE) $(BENCH_PY) -m bench $(BENCH_ARGS)

lint: $(STAMP)  ## ruff on code and notebooks, mypy on the package
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: $(STAMP)  ## let ruff rewrite code and notebooks
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

clean:  ## remove .venv and caches; my_work/ and fetched assets stay
	rm -rf $(VENV) $(BENCH_VENV) build dist .pytest_cache .ruff_cache
