# What to run. `make demo` and `make test` need Python 3.11 or newer and make, and install everything else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUNS := $(VENV)/.runs

.DEFAULT_GOAL := help
.PHONY: help demo test check bench migration openapi vendor

help: ## Show what can be run
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUNS) ## Run Assidu with an example programme (PORT and ASSIDU_HOME are honoured)
	@exec $(BIN)/assidu demo

test: $(STAMP) ## Run the tests, in parallel, on a real PostgreSQL
	$(BIN)/pytest -n 3 --dist loadgroup

check: $(STAMP) ## Lint, types, import contracts, OpenAPI, migrations, the wheel
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/assidu openapi | diff -u docs/openapi.json - || { echo "make openapi, then commit it"; exit 1; }
	$(BIN)/python -m tests.check_migrations
	$(BIN)/python scripts/check_wheel.py

bench: $(STAMP) ## Measure the hot paths against their limits
	$(BIN)/python benchmarks/scan.py
	$(BIN)/python benchmarks/reads.py
	$(BIN)/python benchmarks/push.py
	$(BIN)/python benchmarks/passes.py
	$(BIN)/python benchmarks/save_links.py

migration: $(STAMP) ## Say what a new migration is made of
	@echo "Write app/migrations/sql/NNNN_name.sql and app/migrations/versions/mNNNN_name.py; CONTRIBUTING.md has the rules."

openapi: $(STAMP) ## Write docs/openapi.json from the code
	$(BIN)/assidu openapi > docs/openapi.json.new && mv docs/openapi.json.new docs/openapi.json

vendor: ## Bring the browser libraries that our pages use, through npm
	$(PYTHON) scripts/vendor.py

$(STAMP): $(RUNS)
	@echo "Installing what tests, checks and benchmarks need…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint,bench]'
	@touch $(STAMP)

# pip would compile everything, one file after the other; much of what the libraries bring is never imported.
UNUSED := /(pip|setuptools|cloud|geodata|carrierdata|tzdata|testing)/

$(RUNS): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || { echo "Making a virtual environment…"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing what Assidu needs…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable .
	@$(BIN)/python -m compileall -q -j 0 -x '$(UNUSED)' $(VENV)/lib api app notifications wallet wire wsgi.py || true
	@touch $(RUNS)
