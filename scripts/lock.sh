#!/usr/bin/env bash
# Rewrites both locks from pyproject.toml: what users run, and what developers add to it. Together they hold every extra.
# What is locked stays as it is unless pyproject.toml asks for more; to upgrade: scripts/lock.sh --upgrade-package NAME.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header "$@"; }
compile "$@" pyproject.toml --extra airflow --extra sample -o requirements.txt
compile "$@" pyproject.toml --extra duckdb --extra spark --group dev -c requirements.txt -o requirements-dev.txt
