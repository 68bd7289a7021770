# driftlaw: `make figures`, `make test` and `make bench` set up what they need themselves.
PYTHON ?= python3
VENV ?= .venv
# Where `make bench` trains: cpu or cuda, whose records stand beside the others.
DEVICE ?= cpu
RUN := $(VENV)/bin/python
# What figures and verdicts need, and everything.
CORE := $(VENV)/.core
READY := $(VENV)/.ready
# One BLAS thread a process: the programs bring their own workers.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
export MPLBACKEND := Agg

.PHONY: figures verify bench gpu test test-slow test-long lint docs size setup lock clean

figures: verify
	@$(RUN) -m figures --out figures/out
	@$(RUN) -m figures.report --out figures/out --verdicts figures/out/verdicts.json

verify: $(CORE)
	@$(RUN) -m simulate verify --out figures/out/verdicts.json

# The loops of a researcher, which are measured too, may have all cores for their linear algebra.
BENCH = env -u OPENBLAS_NUM_THREADS -u OMP_NUM_THREADS $(RUN) tests/bench/bench
ON := $(if $(filter cpu,$(DEVICE)),,_$(DEVICE))
bench: setup
	@$(BENCH)_simulate.py --out figures/records/bench_simulate.jsonl
	@$(BENCH)_refute.py
	@$(BENCH)_deep_steps.py --device $(DEVICE) --out figures/records/bench_deep_steps$(ON).jsonl
	@$(BENCH)_deep_runs.py --device $(DEVICE) --out figures/records/bench_deep_runs$(ON).jsonl

# All that needs a GPU, eight minutes a call, each going on where the last one ended; IMAGES names what tests/bench/balanced_part.py writes.
gpu: setup
	@$(RUN) -m driftlaw gpu --out figures/out/gpu $(if $(IMAGES),--images $(IMAGES))

PYTEST = $(RUN) -m pytest -q -n 2
test: setup
	@$(PYTEST) --dist loadfile

# CI runs these, too: mutants of the law, every formula against simulation, whole commands.
test-slow: setup
	@$(PYTEST) --dist worksteal -m 'slow and not long'

test-long: setup
	@$(PYTEST) -m ''

# Rules and types are in pyproject.toml; the programs come with the extra `lint`.
lint: setup
	@$(RUN) -m ruff check .
	@$(RUN) -m basedpyright --level error --pythonpath $(RUN)

# Pages, in docs/_build/index.html; warnings are errors. Needs no network.
docs: setup
	@$(RUN) -m sphinx -q -W --keep-going docs docs/_build
	@echo "docs/_build/index.html"

# Code lines beside their ceilings.
size: setup
	@$(RUN) tests/tools/code_lines.py

setup: $(READY)

# All packages come from the lock, with their hashes. torch comes by its version alone, since each index serves builds of
# its own: PyPI one with CUDA for Linux, whose libraries torch itself pins; PIP_EXTRA_INDEX_URL may name PyTorch's index of
# CPU builds, which need nothing beyond the lock.
PIP = $(RUN) -m pip install --quiet --disable-pip-version-check
$(CORE): pyproject.toml requirements.lock tests/tools/locked.py
	@echo "Setting up $(VENV) (once; about a minute) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: driftlaw needs Python 3.11 or later; name one with make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) tests/tools/locked.py > $(VENV)/hashed.txt
	@$(PIP) --no-deps --require-hashes --requirement $(VENV)/hashed.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(READY): $(CORE)
	@echo "Adding what networks, tests and pages need (once; minutes) ..."
	@grep -v '^torch==' requirements.lock > $(VENV)/hashed.txt
	@$(PIP) --no-deps --require-hashes --requirement $(VENV)/hashed.txt
	@$(PIP) $$(grep -o '^torch==[^ ;]*' requirements.lock)
	@touch $@

# Makes the lock anew from pyproject.toml, for every platform and Python; pins that still fit stay. UPGRADE="--upgrade"
# moves all to the newest, UPGRADE="--upgrade-package numpy" one of them. Needs uv (pip install uv).
UV ?= uv
UPGRADE ?=
lock:
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' \
		--all-extras $(UPGRADE) pyproject.toml --output-file requirements.lock
	@awk '/^[a-z]/ { torch = /^torch==/ } torch && /--hash/ { next } torch { sub(/ \\$$/, "") } 1' requirements.lock > requirements.lock.tmp
	@mv requirements.lock.tmp requirements.lock

clean:
	rm -rf $(VENV) figures/out docs/_build docs/api .pytest_cache .hypothesis
