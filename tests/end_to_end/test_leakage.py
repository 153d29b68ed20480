"""Features do not depend on the future, and no label is used before it has matured."""

from __future__ import annotations

import datetime

from training_pipeline.config import Settings
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.postgres import connect

from .conftest import HEALTHY, RUN_DATE

SNAPSHOT = datetime.date(2017, 3, 31)
BUILD = ("run", "--select", "+training_set", *HEALTHY)
FEATURES = f"select customer_snapshot::text from analytics.customer_snapshot where snapshot_date <= '{SNAPSHOT}' order by 1"
# A daily purchase of every customer, large enough to change every feature that sees it.
FUTURE = f"""
    insert into raw.interaction
    select 'later-' || customer_id || '-' || day, customer_id, day, day::date, 999999, 'LATER', 1000, 100000
    from (select distinct customer_id from raw.interaction) as customers
    cross join generate_series('{SNAPSHOT}'::timestamp + interval '1 day', '{RUN_DATE}', interval '1 day') as days (day)
"""


def test_later_interactions_do_not_change_a_snapshot(loaded_settings: Settings) -> None:
    def features() -> list[tuple[str]]:
        dbt.invoke(loaded_settings, (*BUILD, "--full-refresh"), RUN_DATE)
        with connect(loaded_settings) as connection:
            return connection.execute(FEATURES).fetchall()

    before = features()
    with connect(loaded_settings) as connection:
        connection.execute(FUTURE)
    after = features()

    assert len(before) > 250
    assert after == before, "no byte of a snapshot may depend on later interactions"
    with connect(loaded_settings) as connection:
        seen = connection.execute(
            "select count(*) from analytics.interaction where department = 'LATER'"
        ).fetchone()
    assert seen and seen[0] > 0, (
        "the later interactions must reach the models, otherwise this test proves nothing"
    )


def test_label_is_absent_until_it_has_matured(loaded_settings: Settings) -> None:
    matures = SNAPSHOT + datetime.timedelta(days=30)
    row_counts: dict[datetime.date, int] = {}
    for day in (matures - datetime.timedelta(days=1), matures):
        dbt.invoke(loaded_settings, BUILD, day)
        with connect(loaded_settings) as connection:
            rows = connection.execute(
                "select count(*) from analytics.training_set where snapshot_date = %s", [SNAPSHOT]
            ).fetchone()
        row_counts[day] = rows[0] if rows else -1

    assert row_counts[matures - datetime.timedelta(days=1)] == 0, "the last day of the label is not over"
    assert row_counts[matures] > 250
