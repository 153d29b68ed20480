"""`gates verify` says where the ledger is not as it was sealed, on any project through dbt's own adapter."""

from __future__ import annotations

from pathlib import Path

import pytest

from gates.commands import verify
from gates.errors import GatesError
from gates.project.config import Project
from tests.macros.harness.engines import DuckDB
from tests.macros.harness.run import LEDGER
from tests.macros.harness.shop import Shop, gate, properties_of


def test_a_row_that_was_changed_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = gate("row_existence", {"date_column": "order_date"})
    shop = Shop(
        tmp_path / "shop",
        DuckDB(tmp_path / "shop.duckdb"),
        {"seeds/orders.yml": properties_of("orders", [rows])},
    )
    project = Project(shop.directory, shop.directory, environment={"RUN_DATE": "2026-11-22"})
    with pytest.raises(GatesError, match="there are no seals"):
        verify(project)
    assert shop.dbt("build").success
    verify(project)
    assert "the ledger is as it was sealed" in capsys.readouterr().out

    shop.engine.execute([f"update {LEDGER} set statistic = 1"])

    with pytest.raises(
        GatesError, match=r"invocation \S+, gate row_existence, day 2026-11-22: rows .*; and 1 more"
    ):
        verify(project)
    assert capsys.readouterr().out.count("gate row_existence, day 2026-11-22") == 2
