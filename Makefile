# Every target installs what it needs into .venv first; a second call installs nothing.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check bench docs clean

# Threads that wait by spinning steal the cores that the others need.
export OMP_WAIT_POLICY := passive
# mkdocs-material announces its own future at each build.
export NO_MKDOCS_2_WARNING := 1

PYTHON = $(shell for python in python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
BENCHMARKS := $(wildcard benchmarks/*.py)
PEERS := $(wildcard benchmarks/requirements.txt)
BENCH_VENV := $(if $(PEERS),.venv-bench,.venv)

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-6s  %s\n", $$1, $$2}' Makefile

demo: .venv/.installed ## train, explain and measure on painted birds; writes runs/demo
	$(BIN)/whynet demo

test: .venv/.installed ## run the quick tests, on all cores
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

check: .venv/.installed ## format, lint, types, floors, pre-commit's settings, documentation and wheel, as CI does
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pre-commit validate-config
	$(BIN)/mkdocs build --strict --quiet
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m build --wheel --outdir dist

bench: $(BENCH_VENV)/.installed ## measure speed against the peers; writes runs/bench/*.json
	@test -n "$(BENCHMARKS)" || echo "There are no benchmarks/*.py: nothing to measure."
	@mkdir -p runs/bench
	@failed=; for file in $(BENCHMARKS); do echo "$$file"; \
		$(BENCH_VENV)/bin/python $$file --json runs/bench/$$(basename $$file .py).json || failed="$$failed $$file"; \
		done; test -z "$$failed" || { echo "Not measured:$$failed" >&2; exit 1; }

docs: .venv/.installed ## build the documentation into site/
	$(BIN)/mkdocs build --strict

clean: ## remove all that make has made, environments included; runs/ stays
	rm -rf .venv .venv-bench site dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# $(call install,FOLDER,WHAT): torch goes first and pinned, so that nothing after it can choose another build.
define install
@test -n "$(PYTHON)" || { echo "whynet needs CPython 3.11 or newer, and neither python3.11 nor python3 is one;" \
	"install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "whynet needs CPython 3.11 or newer, but $(PYTHON) is older or does not run; name another as PYTHON" >&2; exit 1; }
@echo "Installing into $(1) with $$($(PYTHON) --version); this takes a few minutes, once."
@rm -f $@
@$(PYTHON) -m venv $(1)
@$(1)/bin/python -m pip install --quiet --constraint constraints.txt torch
@$(1)/bin/python -m pip install --quiet --constraint constraints.txt $(2)
@touch $@
endef

.venv/.installed: pyproject.toml constraints.txt
	$(call install,.venv,--editable ".[dev]")

.venv-bench/.installed: pyproject.toml constraints.txt $(PEERS)
	$(call install,.venv-bench,--editable ".[web]" --requirement benchmarks/requirements.txt)
