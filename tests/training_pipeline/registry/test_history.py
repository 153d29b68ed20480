"""Who is champion by the decisions of the history."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from training_pipeline.registry.history import (
    ADOPTED,
    KEPT,
    PROMOTED,
    REJECTED,
    RETIRED,
    ROLLED_BACK,
    Standing,
    standing,
)

MONTHS = {month: dt.date(2018, month, 28) for month in range(1, 13)}


def row(decision: str, version: str, month: int = 1, digest: str | None = None) -> dict[str, Any]:
    return {
        "decision": decision,
        "model_version": version,
        "run_date": MONTHS[month],
        "model_name": "m",
        "digest": digest,
        "data_fingerprint": "",
        "git_commit": "",
        "manifest_hash": "",
        "evaluation": None,
        "gates": [],
    }


def _versions(found: Standing) -> list[str]:
    return [champion.version for champion in found.champions]


@pytest.mark.parametrize(
    ("rows", "champions", "rolled_back"),
    [
        ([], [], set()),
        ([row(REJECTED, "1")], [], set()),
        ([row(PROMOTED, "1"), row(PROMOTED, "2")], ["1", "2"], set()),
        ([row(PROMOTED, "1"), row(KEPT, "2"), row(REJECTED, "3")], ["1"], set()),
        ([row(PROMOTED, "1"), row(PROMOTED, "2"), row(ROLLED_BACK, "1")], ["1"], {"2"}),
        (
            [row(PROMOTED, "1"), row(PROMOTED, "2"), row(PROMOTED, "3"), row(ROLLED_BACK, "1")],
            ["1"],
            {"2", "3"},
        ),
        (
            [row(PROMOTED, "1"), row(PROMOTED, "2"), row(ROLLED_BACK, "1"), row(ROLLED_BACK, "2")],
            ["1", "2"],
            set(),
        ),
        ([row(PROMOTED, "1"), row(PROMOTED, "2"), row(RETIRED, "2")], [], set()),
        ([row(PROMOTED, "1"), row(RETIRED, "1"), row(PROMOTED, "2")], ["2"], set()),
    ],
)
def test_champions(rows: list[dict[str, Any]], champions: list[str], rolled_back: set[str]) -> None:
    found = standing(rows)
    assert (_versions(found), set(found.rolled_back)) == (champions, rolled_back)
    assert set(found.once) == {one["model_version"] for one in rows if one["decision"] == PROMOTED}


def test_champion_of_a_past_run_date() -> None:
    found = standing([row(PROMOTED, "1", 3), row(PROMOTED, "2", 6)])
    assert found.as_of(MONTHS[2]) is None
    of = {month: found.as_of(MONTHS[month]) for month in (3, 5, 6, 7)}
    assert {month: one and one.version for month, one in of.items()} == {3: "1", 5: "1", 6: "2", 7: "2"}


def test_champion_that_was_trained_again_is_confirmed_for_that_run_date() -> None:
    found = standing([row(PROMOTED, "1", 3), row(KEPT, "1", 6), row(KEPT, "2", 9)]).present
    assert found is not None
    assert (found.since, found.confirmed) == (MONTHS[3], MONTHS[6])


def test_digest_of_a_champion_from_before_digests_is_the_one_that_was_adopted() -> None:
    found = standing([row(PROMOTED, "1"), row(ADOPTED, "1", digest="abc")])
    assert found.present is not None and found.present.basis.digest == "abc"
    assert found.once["1"].basis.digest == "abc"
