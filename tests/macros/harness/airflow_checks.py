"""Airflow's check operators, executed on a real connection without a DAG run."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class AirflowChecks:
    """Run an operator and say whether it passed, as a whole and by metric.

    Parameters
    ----------
    connection : host, port, user, password, dbname of a Postgres
    home : Airflow's folder, if it is not imported yet
    run_date : what `{{ ds }}` is
    """

    def __init__(self, connection: Mapping[str, Any], home: Path, run_date: str) -> None:
        os.environ.setdefault("AIRFLOW_HOME", str(home))
        os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "CRITICAL")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Airflow's, about itself
            import psycopg2
            import psycopg2.errors
            from airflow.providers.common.sql.operators import sql
            from airflow.providers.postgres.hooks.postgres import PostgresHook
            from airflow.sdk.exceptions import AirflowException
            from airflow.sdk.execution_time import macros

        class KeptConnection(psycopg2.extensions.connection):  # type: ignore[misc]
            def close(self) -> None:
                """End the transaction but keep the connection, because connecting for each statement would take most of the time."""
                self.rollback()

        kept = psycopg2.connect(**connection, connection_factory=KeptConnection)
        kept.autocommit = True

        class Hook(PostgresHook):
            def get_conn(self) -> Any:
                return kept

        logging.getLogger("airflow").setLevel(logging.CRITICAL)
        self._operators = sql
        self._hook = Hook()
        self._context = {"ds": run_date, "macros": macros}
        self._kept = kept
        # a verdict, a comparison with NULL, at which these operators crash, or a number that is no double of Postgres
        self._failures = (AirflowException, TypeError, psycopg2.errors.NumericValueOutOfRange)

    def close(self) -> None:
        """Close the connection."""
        from psycopg2.extensions import connection

        connection.close(self._kept)

    def run(self, operator: str, **arguments: Any) -> tuple[bool, dict[str, bool]]:
        """Execute an operator.

        Returns
        -------
        whether it passed; whether each of its checks did, by name, where it got as far as comparing
        """
        check = getattr(self._operators, operator)(task_id="check", **arguments)
        check.get_db_hook = lambda: self._hook
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check.render_template_fields(self._context)
            try:
                check.execute({})
                passed = True
            except self._failures:
                passed = False
        results = getattr(check, "check_results", None) or []
        return passed, {result.name: bool(result.success) for result in results}
