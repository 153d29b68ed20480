"""The specs of the gates of this checkout, read from the property YAML as dbt reads it."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from gates.spec.spec import Spec, spec_of_other_tests, specs_of
from tests.conftest import ROOT


@cache
def read_macros() -> dict[str, dict[str, Any]]:
    """Return what a manifest of dbt holds of the macros with a spec."""
    files = [*(ROOT / "macros" / "gates").glob("*.yml"), ROOT / "macros" / "spec" / "reasons.yml"]
    return {
        macro["name"]: {"meta": macro["config"]["meta"]}
        for file in files
        for macro in yaml.safe_load(file.read_text(encoding="utf-8"))["macros"]
    }


def read_specs() -> dict[str, Spec]:
    return specs_of(read_macros())


def read_spec_of_other_tests() -> Spec:
    return spec_of_other_tests(read_macros())
