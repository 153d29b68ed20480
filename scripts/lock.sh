#!/usr/bin/env bash
# Rewrites both locks from pyproject.toml: the packages of users, and the further packages of developers. Together they
# contain every extra. Locked versions stay unless pyproject.toml needs others; to upgrade: scripts/lock.sh --upgrade-package NAME.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header "$@"; }
compile "$@" pyproject.toml --extra airflow --extra sample -o requirements.txt
compile "$@" pyproject.toml --extra duckdb --extra spark --group dev -c requirements.txt -o requirements-dev.txt
