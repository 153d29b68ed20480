#!/usr/bin/env bash
# Rewrites both locks from pyproject.toml: what users run, and what developers add to it.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header "$@"; }
compile pyproject.toml -o requirements.txt
compile --group dev -c requirements.txt -o requirements-dev.txt
