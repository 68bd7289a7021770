# driftlaw: `make figures`, `make test` and `make bench` set up what they need themselves.
PYTHON ?= python3
VENV ?= .venv
# Where `make bench` trains: cpu or cuda, whose records stand beside the others.
DEVICE ?= cpu
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
# One BLAS thread a process: the programs bring their own workers.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
export MPLBACKEND := Agg

.PHONY: figures verify bench test test-long size setup clean

figures: verify
	@$(RUN) -m figures
	@$(RUN) -m figures.report --verdicts figures/out/verdicts.json

verify: setup
	@$(RUN) -m simulate verify --out figures/out/verdicts.json

# The loops of a researcher, which are measured too, may have all cores for their linear algebra.
BENCH = env -u OPENBLAS_NUM_THREADS -u OMP_NUM_THREADS $(RUN) tests/bench/bench
ON := $(if $(filter cpu,$(DEVICE)),,_$(DEVICE))
bench: setup
	@$(BENCH)_simulate.py --out figures/records/bench_simulate.jsonl
	@$(BENCH)_deep_steps.py --device $(DEVICE) --out figures/records/bench_deep_steps$(ON).jsonl
	@$(BENCH)_deep_runs.py --device $(DEVICE) --out figures/records/bench_deep_runs$(ON).jsonl

test: setup
	@$(RUN) -m pytest -q -n 2 --dist loadfile

test-long: setup
	@$(RUN) -m pytest -q -n 2 -m ''

# Code lines beside their ceilings.
size: setup
	@$(RUN) tests/tools/code_lines.py

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (once; about a minute) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: driftlaw needs Python 3.11 or later; name one with make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) figures/out .pytest_cache .hypothesis
