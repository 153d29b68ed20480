"""Another dbt project: other names of tables and columns, and 200 days of rows that are the same on each engine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from tests.macros.harness.odd_rows import KEEP_ODD_ROWS

MACROS = Path(__file__).parents[2] / "macros"
FIRST_DAY, DAYS = dt.date(2025, 1, 6), 200
LAST_DAY = FIRST_DAY + dt.timedelta(DAYS - 1)
DOUBLED = FIRST_DAY + dt.timedelta(150)  # a day that is not healthy
CLOSED = FIRST_DAY + dt.timedelta(120)  # no rows

PARCEL = f"""
{{{{ config(materialized="table") }}}}
with days as (
    {{{{ gates.days_between(gates.parsed_day("day", "{FIRST_DAY}", ""), gates.parsed_day("day", "{LAST_DAY}", "")) }}}}
),

numbers as (
    {{% for number in range(60) %}}select {{{{ number }}}} as n{{{{ " union all " if not loop.last }}}}{{% endfor %}}
),

numbered as (
    select
        profile_date,
        n,
        {{{{ dbt.datediff("cast('{FIRST_DAY}' as date)", "profile_date", "day") }}}} as day_index
    from days
    cross join numbers
),

kept as (
    select
        cast(day_index * 100 + n as bigint) as "ParcelNo",
        cast(profile_date as date) as "SentOn",
        cast(case mod(n, 4) when 0 then 'road' when 1 then 'rail' when 2 then 'sea' else 'air' end as {{{{ gates.type_text() }}}})
            as carrier,
        cast(5 + mod(n * 7 + day_index * 3, 11) as {{{{ gates.type_double() }}}}) as weight_kg
    from numbered
    where n < 30 + mod(day_index * 5, 7) + case when profile_date = cast('{DOUBLED}' as date) then 25 else 0 end
        and profile_date <> cast('{CLOSED}' as date)
)

select * from kept
"""
BY_DAY = """
{{ config(materialized="table") }}
select
    "SentOn" as sent_day,
    count(*) as parcels,
    sum(weight_kg) as kilos
from {{ ref("parcel") }}
group by "SentOn"
"""
HEAVY = """
{{ config(materialized="view") }}
select sent_day, parcels, kilos / parcels as mean_kilos from {{ ref("parcel_by_day") }}
"""
PROPERTIES: Mapping[str, Any] = {
    "models": [
        {
            "name": "parcel",
            "data_tests": [
                {"gates.row_existence": {"name": "parcel_rows", "arguments": {"date_column": "SentOn"}}},
                {
                    "gates.category_match": {
                        "name": "parcel_carriers",
                        "arguments": {
                            "date_column": "SentOn",
                            "column_name": "carrier",
                            "max_unseen_share": 0.01,
                        },
                    }
                },
                {
                    "gates.value_range": {
                        "name": "parcel_weights",
                        "arguments": {
                            "date_column": "SentOn",
                            "expression": "max(weight_kg)",
                            "max_value": 20,
                        },
                    }
                },
            ],
        },
        {
            "name": "parcel_by_day",
            "data_tests": [
                {
                    "gates.interval_ratio": {
                        "name": "parcels_like_last_week",
                        "arguments": {
                            "date_column": "sent_day",
                            "weight": "parcels",
                            "metrics": {"sum(parcels)": 1.5, "sum(kilos)": 1.5},
                        },
                    }
                },
                {
                    "gates.metric_anomaly": {
                        "name": "parcels_as_usual",
                        "arguments": {
                            "date_column": "sent_day",
                            "weight": "parcels",
                            "metrics": ["sum(parcels)", "sum(kilos) / sum(parcels)"],
                        },
                        "config": {"severity": "warn"},
                    }
                },
            ],
        },
        {
            "name": "parcel_mean",
            "data_tests": [
                {
                    "gates.value_range": {
                        "name": "mean_weight",
                        "arguments": {
                            "date_column": "sent_day",
                            "weight": "parcels",
                            "expression": "avg(mean_kilos)",
                            "min_value": 5,
                            "max_value": 15,
                        },
                    }
                }
            ],
        },
    ]
}
FAULTS = {
    "all rows lost": {"keep": False},
    "doubled": {"copies": 2},
    "in grams": {"set": {"weight_kg": "weight_kg * 1000"}},
    "a day late": {"days_late": 1},
    "no such carrier": {"keep": "carrier <> 'pigeon'"},
    "means off": {"set": {"kilos": "kilos * 100"}, "inject_into": "parcel_by_day"},
}


def write_shop(
    directory: Path,
    profile: Mapping[str, Any],
    macros: Path = MACROS,
    added: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Write the project, its profile, its faults and what is added to it.

    The package is installed as a link, as `dbt deps` does.

    Parameters
    ----------
    added : mapping
        Further files by their path in the project.
    """
    quote = "`" if profile["type"] == "spark" else '"'
    files = {
        "models/parcel.sql": PARCEL,
        "models/parcel_by_day.sql": BY_DAY,
        "models/parcel_mean.sql": HEAVY,
        "macros/odd_rows.sql": KEEP_ODD_ROWS,
        "models/parcel.yml": yaml.safe_dump(dict(PROPERTIES), sort_keys=False),
        "faults.yml": yaml.safe_dump(FAULTS, sort_keys=False),
        "one_fault.yml": yaml.safe_dump({"in grams": FAULTS["in grams"]}),
        "dbt_project.yml": yaml.safe_dump(
            {
                "name": "freight",
                "version": "1.0.0",
                "profile": "freight",
                "on-run-end": ["{{ gates.record(results) }}"],
            }
        ),
        "profiles.yml": yaml.safe_dump({"freight": {"target": "test", "outputs": {"test": dict(profile)}}}),
    }
    for name, text in {**files, **added}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            text.replace('"SentOn"', f"{quote}SentOn{quote}").replace('"ParcelNo"', f"{quote}ParcelNo{quote}")
            if name.endswith(".sql") or name == "faults.yml"
            else text
        )
    (directory / "dbt_packages").mkdir()
    (directory / "dbt_packages" / "gates").symlink_to(macros, target_is_directory=True)
    return directory
