# Two commands do everything on a fresh machine: `make run` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The sample data ends here; with your own table: make run RUN_DATE=$(date +%F)
RUN_DATE ?= 2017-12-31

export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export MLFLOW_DISABLE_TELEMETRY := true
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup dev run test test-long lint airflow report bench lock clean

help: ## What there is to make
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

$(VENV)/.installed: requirements.txt pyproject.toml
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/pip install -q uv; }
	@echo "installing the lock into $(VENV) (about a minute the first time)"
	@$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.txt
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "installing what the tests need"
	@$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.txt
	@touch $@

dbt_project/dbt_packages/.installed: dbt_project/packages.yml $(VENV)/.installed
	@$(BIN)/training-pipeline packages
	@touch $@

setup: $(VENV)/.installed dbt_project/dbt_packages/.installed ## Install the environment and the dbt packages

dev: setup $(VENV)/.installed-dev ## The same, and what the tests need

run: setup ## Load, gate, train, validate, promote, report
	@$(BIN)/training-pipeline run --run-date $(RUN_DATE)

# By file, because the tests of a file share what is costly to build.
test: dev lint ## Every test
	@$(BIN)/pytest -n 2 --dist loadfile

test-long: dev ## What takes many minutes: Airflow's services, as processes
	@$(BIN)/pytest -m long

lint: dev ## ruff, mypy, sqlfluff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint -q dbt_project/models

airflow: setup ## A local Airflow with the DAG, on the embedded Postgres
	@scripts/airflow.sh

report: setup ## The report of the last run
	@$(BIN)/training-pipeline report --run-date $(RUN_DATE)

bench: dev ## Measurements, printed as ratios
	@$(BIN)/python -m benchmarks pipeline

lock: setup ## Rewrite the locks from pyproject.toml
	@scripts/lock.sh

clean: ## Stop the embedded Postgres and remove what was built
	@test ! -x $(BIN)/training-pipeline || $(BIN)/training-pipeline db stop
	@rm -rf $(VENV) .state dbt_project/dbt_packages dbt_project/target dbt_project/logs dbt_project/profiles.yml
