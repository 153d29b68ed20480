"""The tables of decisions: rows are added and never changed, and older tables keep theirs."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from training_pipeline.config import Settings
from training_pipeline.registry import history
from training_pipeline.registry.history import Basis, Decision
from training_pipeline.warehouse import ml_tables
from training_pipeline.warehouse.postgres import connect

from ..steps.rows import RUN_DATE

_FIRST_VERSION = """
drop schema if exists ml cascade;
create schema ml;
create table ml.promotion_history (
    decided_at timestamp with time zone not null,
    run_date date not null,
    model_name text not null,
    model_version text not null,
    previous_version text,
    decision text not null check (decision in ('promoted', 'kept', 'rolled_back')),
    reason text not null,
    gates jsonb not null,
    data_fingerprint text not null,
    git_commit text not null,
    manifest_hash text not null,
    decided_by text not null
);
insert into ml.promotion_history values
    ('2018-01-02 10:00+00', '2017-12-30', 'm', '1', null, 'promoted', 'first', '[]', 'a', 'b', 'c', 'me'),
    ('2018-01-03 10:00+00', '2017-12-31', 'm', '2', '1', 'promoted', 'better', '[]', 'a', 'b', 'c', 'me'),
    ('2018-01-04 10:00+00', '2017-12-30', 'm', '1', '2', 'rolled_back', 'worse', '[]', 'a', 'b', 'c', 'me')
"""
_BASIS = Basis(RUN_DATE, "m", "digest", "data", "commit", "manifest")


@pytest.fixture
def connection(settings: Settings) -> Iterator[psycopg.Connection]:
    with connect(settings) as opened:
        opened.autocommit = True
        yield opened


@pytest.mark.parametrize("table", ["ml.promotion_history", "ml.challenger"])
@pytest.mark.parametrize("statement", ["update {} set model_version = '2'", "delete from {}", "truncate {}"])
def test_what_was_written_stays(connection: psycopg.Connection, table: str, statement: str) -> None:
    ml_tables.ensure(connection)
    with pytest.raises(
        psycopg.Error, match=f"{table} is append-only: its rows are neither changed nor removed"
    ):
        connection.execute(statement.format(table).encode())


def test_history_of_the_first_version_keeps_its_rows(connection: psycopg.Connection) -> None:
    connection.execute(_FIRST_VERSION.encode())
    ml_tables.ensure(connection)
    ml_tables.ensure(connection)
    rows = ml_tables.history(connection)
    assert [(row["number"], row["decision"], row["model_version"], row["digest"]) for row in rows] == [
        (1, "promoted", "1", None),
        (2, "promoted", "2", None),
        (3, "rolled_back", "1", None),
    ]
    found = history.standing(rows)
    assert found.present is not None and found.present.version == "1"
    assert found.rolled_back == {"2"}
    number = history.append(connection, Decision("promoted", "best", "3", "1"), _BASIS)
    assert number == 4


def test_a_decision_that_is_repeated_is_said_once(connection: psycopg.Connection) -> None:
    ml_tables.ensure(connection)
    kept = Decision("kept", "it is the champion already", "1", "1")
    assert history.append(connection, kept, _BASIS) == history.append(connection, kept, _BASIS)
    assert len(ml_tables.history(connection)) == 1


def test_an_intent_is_open_until_a_row_closes_it(connection: psycopg.Connection) -> None:
    ml_tables.ensure(connection)
    promoted = Decision("promoted", "better", "2", "1")
    number = history.append(connection, promoted, _BASIS, history.INTENT)
    assert history.open_intent(connection) == (number, promoted, _BASIS)
    assert ml_tables.history(connection) == [], "nothing was carried out yet"
    history.append(connection, promoted, _BASIS, history.DONE, number)
    assert history.open_intent(connection) is None
    assert [row["decision"] for row in ml_tables.history(connection)] == ["promoted"]
