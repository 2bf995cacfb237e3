# make demo, make test: all that is needed is Python 3.11, make and a package registry.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
.DEFAULT_GOAL := help
.PHONY: help setup demo docs airflow screenshots bench test test-slow test-nightly lint lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: $(READY) ## make .venv from the hash-checked lock (once)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "This project runs on Python 3.11; name one: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Making $(VENV) from requirements.lock (once; a minute or two) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@PYTHONWARNINGS=ignore $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## settle the sample month, from deliveries to CSV exports and a report, below demo/
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" sh sample/demo.sh

docs: $(READY) ## the audit docs of the sample month, one page that opens offline
	@test -f demo/vgi.duckdb || $(MAKE) --no-print-directory demo
	@$(VENV)/bin/vgi --warehouse demo/vgi.duckdb docs --out demo/docs

airflow: $(READY) ## Airflow on this machine, settling the sample; Ctrl-C ends it
	@$(VENV)/bin/python -m dags.serve

screenshots: $(READY) ## docs/pictures/*.png anew, of an Airflow that settles the sample (needs a Chromium)
	@$(VENV)/bin/python -m docs.pictures.take

SIZES := 1M 10M
ROUNDS := 3

bench: $(READY) ## what each stage costs on this machine, against floors and bounds; SIZES="1M 10M" ROUNDS=3
	$(VENV)/bin/python -m benchmarks --sizes $(SIZES) --rounds $(ROUNDS) $(BENCH)

test: $(READY) lint ## fast tests and linters
	$(VENV)/bin/python -m pytest -m "not slow and not nightly" -n 2 --dist loadfile

test-slow: $(READY) ## the tests that take minutes
	$(VENV)/bin/python -m pytest -m slow -n 2 --dist loadfile

test-nightly: $(READY) ## 100,000 broken inputs, kills, damages and histories; hours. FUZZ_SEED=n repeats a night
	$(VENV)/bin/python -m pytest -m nightly -n 2 --dist worksteal

lint: $(READY) ## ruff, mypy, sqlfluff, import directions
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/sqlfluff lint dbt_project/models dbt_project/tests

lock: ## resolve requirements.in anew into requirements.lock (needs uv)
	uv pip compile requirements.in --generate-hashes --no-emit-index-url --no-header --no-annotate \
		--python-version 3.11 --output-file requirements.lock

clean: ## remove what demo and tests made; .venv stays
	rm -rf demo airflow-home dbt_project/target dbt_project/logs .pytest_cache .mypy_cache .ruff_cache .hypothesis
