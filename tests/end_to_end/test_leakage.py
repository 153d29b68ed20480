"""Nothing of the future is in the features, and no label is used before its time has come."""

from __future__ import annotations

import datetime

from training_pipeline.config import Settings
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.postgres import connect

from .conftest import HEALTHY, RUN_DATE

SNAPSHOT = datetime.date(2017, 3, 31)
BUILD = ("run", "--select", "+training_set", *HEALTHY)
FEATURES = f"select customer_snapshot::text from analytics.customer_snapshot where snapshot_date <= '{SNAPSHOT}' order by 1"
# A purchase a day of every customer, so large that any feature that saw it would change.
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
    assert after == before, "not a byte of a snapshot may depend on what came after it"
    with connect(loaded_settings) as connection:
        seen = connection.execute(
            "select count(*) from analytics.interaction where department = 'LATER'"
        ).fetchone()
    assert seen and seen[0] > 0, (
        "the later interactions must have reached the models, or the test shows nothing"
    )


def test_label_is_absent_until_it_has_matured(loaded_settings: Settings) -> None:
    matures = SNAPSHOT + datetime.timedelta(days=30)
    found: dict[datetime.date, int] = {}
    for day in (matures - datetime.timedelta(days=1), matures):
        dbt.invoke(loaded_settings, BUILD, day)
        with connect(loaded_settings) as connection:
            rows = connection.execute(
                "select count(*) from analytics.training_set where snapshot_date = %s", [SNAPSHOT]
            ).fetchone()
        found[day] = rows[0] if rows else -1

    assert found[matures - datetime.timedelta(days=1)] == 0, "the last day of the label is not over"
    assert found[matures] > 250
