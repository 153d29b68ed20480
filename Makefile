# On a fresh machine, `make run` runs the whole pipeline and `make test` runs every test.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The last day of the sample. With your table: make run RUN_DATE=$(date +%F)
RUN_DATE ?= 2017-12-31

# Both workers take the groups of tests/conftest.py, slow ones first.
PYTEST := $(BIN)/pytest -n 2 --dist loadgroup --no-loadscope-reorder
UNIT_TESTS := src tests/test_house.py tests/gates tests/training_pipeline tests/macros/test_arguments.py \
	tests/macros/test_truth_table.py

export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export MLFLOW_DISABLE_TELEMETRY := true
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup dev run check test test-long lint airflow report bench lock clean

help: ## List these commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

$(VENV)/.installed: requirements.txt pyproject.toml
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/pip install -q uv; }
	@echo "installing the lock into $(VENV) (about a minute the first time)"
	@$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.txt
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "installing the packages of the tests"
	@$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.txt
	@touch $@

dbt_project/dbt_packages/.installed: dbt_project/packages.yml $(VENV)/.installed
	@$(BIN)/training-pipeline packages
	@touch $@

setup: $(VENV)/.installed dbt_project/dbt_packages/.installed ## Install the environment and the dbt packages

dev: setup $(VENV)/.installed-dev ## Install the environment and the packages of the tests

run: setup ## Load, gate, train, validate, promote, report
	@$(BIN)/training-pipeline run --run-date $(RUN_DATE)

check: dev lint ## Lint, unit tests and the truth table on Postgres, in two minutes
	@$(PYTEST) $(UNIT_TESTS) -k "not duckdb- and not spark-"

test: dev lint ## Lint and every test but the long ones
	@$(PYTEST)

test-long: dev ## Tests of many minutes: Airflow's services, the oldest dbt, the wheel alone, two processes
	@$(BIN)/pytest -m long

lint: dev ## Run ruff, mypy, sqlfluff, import contracts, declared dependencies
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@output=$$($(BIN)/lint-imports --no-cache 2>&1) || { echo "$$output"; exit 1; }
	@$(BIN)/deptry src dags
	@$(BIN)/sqlfluff lint -q dbt_project/models

airflow: setup ## Start a local Airflow with the DAG, on the embedded Postgres
	@scripts/airflow.sh

report: setup ## Write the report of the run date
	@$(BIN)/training-pipeline report --run-date $(RUN_DATE)

bench: dev ## Measure the seconds of each step of `make run`
	@$(BIN)/python -m benchmarks pipeline

lock: setup ## Rewrite the locks from pyproject.toml
	@scripts/lock.sh

clean: ## Stop the embedded Postgres and remove what was built
	@test ! -x $(BIN)/training-pipeline || $(BIN)/training-pipeline db stop
	@rm -rf $(VENV) .state dbt_project/dbt_packages dbt_project/target dbt_project/logs dbt_project/profiles.yml
