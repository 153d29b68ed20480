"""The faults that are injected, each as SQL (DuckDB) that makes the rows of a faulty day from the healthy rows of that day.

`healthy` is the whole sample; a statement spoils all its days at once, and each of them is then judged alone.
"""

from __future__ import annotations

from dataclasses import dataclass

LOCAL_TIME = "timezone('America/New_York', timezone('UTC', interaction_at))"


@dataclass(frozen=True)
class Fault:
    """One way in which a day can arrive broken."""

    name: str
    sql: str


def chosen(share: float) -> str:
    """Return a condition that is true for a share of the rows, the same ones each time."""
    return f"hash(interaction_id, 'chosen') % 100000 < {round(share * 100_000)}"


def _replace(column: str, expression: str) -> str:
    return f"select * replace ({expression} as {column}) from healthy"


def _only(condition: str) -> str:
    return f"select * from healthy where {condition}"


HEALTHY = Fault("healthy", "select * from healthy")

ALL_LOST = Fault("all rows are lost", _only("false"))

FAULTS = (
    ALL_LOST,
    Fault("half of the rows lost", _only(f"not {chosen(0.5)}")),
    Fault("a fifth of the rows lost", _only(f"not {chosen(0.2)}")),
    Fault("load doubled", "select * from healthy union all select * from healthy"),
    Fault("amounts x 100", _replace("amount", "amount * 100")),
    Fault("amounts x 100 in 5 %", _replace("amount", f"amount * if({chosen(0.05)}, 100, 1)")),
    Fault("amount NULL in 10 %", _replace("amount", f"if({chosen(0.1)}, null, amount)")),
    Fault("amount NULL in 30 %", _replace("amount", f"if({chosen(0.3)}, null, amount)")),
    Fault("amount + 20 %", _replace("amount", "round(amount * 1.2, 2)")),
    Fault("amount + 50 %", _replace("amount", "round(amount * 1.5, 2)")),
    Fault(
        "the day before copied",
        "select * exclude (next_day) replace (next_day as interaction_date,"
        " interaction_at + to_days(cast(next_day - interaction_date as integer)) as interaction_at)"
        " from healthy natural join ("
        "select interaction_date, lead(interaction_date) over (order by interaction_date) as next_day"
        " from (select distinct interaction_date from healthy)"
        ") where next_day is not null",
    ),
    Fault("a department of 11 % gone", _only("department is distinct from 'DRUG GM'")),
    Fault("a department of 1.5 % gone", _only("department is distinct from 'PASTRY'")),
    Fault("a department of 1.3 % gone", _only("department is distinct from 'NUTRITION'")),
    Fault("a new department in 5 %", _replace("department", f"if({chosen(0.05)}, 'UNKNOWN 7', department)")),
    Fault("clock: local time as UTC", _replace("interaction_at", LOCAL_TIME)),
    Fault("clock: days cut in UTC", _replace("interaction_date", "cast(interaction_at as date)")),
    Fault("last 5 hours lost", _only(f"extract(hour from {LOCAL_TIME}) < 19")),
    Fault("amount - 1 in 1 %", _replace("amount", f"if({chosen(0.01)}, -1, amount)")),
    Fault("customer NULL in 10 %", _replace("customer_id", f"if({chosen(0.1)}, null, customer_id)")),
)

# What a change of the source does to its table; judged by the schema gates, on any day alike.
SCHEMA_FAULTS = {
    "column dropped": "select * exclude (quantity) from healthy",
    "column renamed": "select * exclude (quantity), quantity as units from healthy",
    "column retyped": "select * replace (cast(amount as varchar) as amount) from healthy",
    "column added": "select *, 1 as coupon from healthy",
}
