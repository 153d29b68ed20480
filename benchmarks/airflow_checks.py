"""Run Airflow's three check operators on one day in one process: `python -m benchmarks.airflow_checks YYYY-MM-DD`.

The connection is Airflow's `generated` (AIRFLOW_CONN_GENERATED). The thresholds are wide, because only the cost matters here.
"""

from __future__ import annotations

import sys
from typing import Any


def main(run_date: str) -> None:
    """Execute the operators; a failed check raises."""
    from airflow.providers.common.sql.operators.sql import (
        SQLCheckOperator,
        SQLIntervalCheckOperator,
        SQLValueCheckOperator,
    )
    from airflow.sdk.execution_time import macros

    context: Any = {"ds": run_date, "macros": macros}
    day = f"interaction_date = '{run_date}'"
    operators = [
        SQLCheckOperator(
            task_id="exists", conn_id="generated", sql=f"select count(*) from raw.interaction where {day}"
        ),
        SQLIntervalCheckOperator(
            task_id="interval",
            conn_id="generated",
            table="raw.interaction",
            metrics_thresholds={"count(*)": 9, "max(amount)": 9, "min(amount)": 9, "sum(amount)": 9},
            date_filter_column="interaction_date",
            days_back=7,
        ),
        SQLValueCheckOperator(
            task_id="value",
            conn_id="generated",
            sql=f"select count(*) from raw.interaction where {day}",
            pass_value=100_000,
            tolerance=0.9,
        ),
    ]
    for operator in operators:
        operator.render_template_fields(context)
        operator.execute(context)


if __name__ == "__main__":
    main(sys.argv[1])
