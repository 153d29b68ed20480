"""The engines of the tests of the macros."""

from __future__ import annotations

from tests.macros.conftest import _clean_environment, make_postgres

__all__ = ["_clean_environment", "make_postgres"]
