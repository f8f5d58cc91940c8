# Everything a clone needs: `make demo` runs a village, `make test` proves it. Both do their own set-up.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
WEB := gateway/console/web
WEB_SOURCES := $(shell find $(WEB) -type f -not -path '*/node_modules/*' 2>/dev/null)

.PHONY: help demo test faults check lint setup setup-test console servers format lock docs bench screenshots clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: setup ## a simulated village with the whole gateway; ARGS="--port 8090 --minutes 5"
	@$(BIN)/maplebridge demo $(ARGS)

test: setup-test servers ## all set-up, then all tests; ARGS="-k story" narrows
	@$(BIN)/pytest -q -n 2 --dist loadfile $(ARGS)

faults: setup-test servers ## the long set: kills, power cuts, damage, and what each stage still has; ARGS="-k kill" narrows
	@FAULTS=long $(BIN)/pytest -q tests/faults $(ARGS)

check: lint test ## format, lint, strict types, import contracts, tests

lint: setup-test ## all of check but the tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

setup: $(VENV)/run.stamp ## the environment that the gateway runs in

setup-test: $(VENV)/test.stamp

$(VENV)/bin/python:
	@.ci/venv $(VENV)

$(VENV)/packages.stamp: requirements/run.lock requirements/build.lock | $(VENV)/bin/python
	@echo "installing locked packages" >&2
	@$(BIN)/pip install -q --require-hashes -r requirements/run.lock -r requirements/build.lock
	@touch $@

$(VENV)/run.stamp: $(VENV)/packages.stamp pyproject.toml hatch_build.py $(WEB_SOURCES)
	@echo "installing maplebridge and building its console" >&2
	@$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp requirements/test.lock
	@echo "installing what the tests need" >&2
	@$(BIN)/pip install -q --require-hashes -r requirements/test.lock
	@touch $@

servers:
	@.ci/servers

console: setup ## build the console's front end

format: setup-test ## format and mend what can be mended by itself
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: setup ## regenerate the pages that are made from data
	@$(BIN)/python -m gateway.handbook docs

bench: setup-test ## the measurements behind benchmarks/README.md
	@$(BIN)/python benchmarks/reference_load.py

screenshots: setup-test servers ## docs/console/*.png from the running demo
	@$(BIN)/python docs/screenshots.py

lock: setup-test ## renew requirements/*.lock (needs uv)
	@cd requirements && for name in run build test; do \
	  source=$$name.in; [ $$name = run ] && source=../pyproject.toml; \
	  constraint=""; [ $$name = run ] || constraint="-c run.lock"; \
	  uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    $$source $$constraint -o $$name.lock; done

clean: ## remove what was built
	@rm -rf $(VENV) gateway/console/static $(WEB)/node_modules dist build *.egg-info
