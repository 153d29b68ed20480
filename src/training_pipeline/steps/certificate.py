"""The certificate: proof that every gate on the way to `training_set` passed, on the data as they are now, and that each day which
training reads is proven or decided about.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psycopg import sql
from psycopg.rows import dict_row

from gates.days import statuses
from gates.days.calendar import Calendar
from gates.days.statuses import DayStatus
from gates.ledger import evidence, seals
from training_pipeline.config import Settings
from training_pipeline.errors import GateStopped
from training_pipeline.steps import past_days
from training_pipeline.steps.gating import failure_cards
from training_pipeline.warehouse import ledger
from training_pipeline.warehouse.dbt import compile_inline, read_manifest
from training_pipeline.warehouse.postgres import connect
from training_pipeline.warehouse.required_gates import gates_of_past_days, required_data_gates

TABLE = "training_certificate"

# dbt answers in one go: the SQL that computes the versions, and the hash of every test's present
# configuration. The definitions of both stay in dbt, where the gates used them.
_QUESTION = """
{%- set config_hashes = {} -%}
{%- for node in graph.nodes.values() if node.resource_type == "test" -%}
    {%- do config_hashes.update({node.unique_id: gates.config_hash(node)}) -%}
{%- endfor -%}
{{ tojson({
    "versions_sql": certified_versions(), "config_hashes": config_hashes, "broken_seals_sql": BROKEN_SEALS_SQL,
    "statuses_sql": STATUSES_SQL
}) }}
"""


@dataclass(frozen=True)
class Certificate:
    """What proves one run date fit for training.

    Attributes
    ----------
    versions : of the data, by relation
    rows : the ledger rows of the gates
    days : the status of each day that training reads
    versions_sql : selects the versions of the data as they are when it runs
    """

    run_date: dt.date
    versions: Mapping[str, str]
    rows: tuple[evidence.Row, ...]
    days: tuple[DayStatus, ...]
    versions_sql: str

    @property
    def invocation_ids(self) -> list[str]:
        """The dbt invocations in which the gates ran."""
        return sorted({row["invocation_id"] for row in self.rows})

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the versions of the data, the status of each day, and what each gate said when and with which configuration."""
        gates = sorted(
            [
                row["node_id"],
                row["invocation_id"],
                row["metric"],
                row["segment"],
                row["verdict"],
                row["config_hash"],
            ]
            for row in self.rows
        )
        days = [[each.relation, str(each.day), each.status] for each in self.days]
        text = json.dumps([str(self.run_date), sorted(self.versions.items()), gates, days])
        return hashlib.sha256(text.encode()).hexdigest()


def check(settings: Settings, run_date: dt.date) -> Certificate:
    """The certificate of a run date; there is no way to train without one.

    A gate counts by what it said last about the run date, with the configuration it has now, in the build
    that also wrote the certificate: one dbt invocation, or one Airflow run. So a build that skips the gates
    (`dbt run`) certifies nothing, even where an earlier one passed.

    Raises
    ------
    GateStopped
        A gate has failed or has not run, or the data are not those that the gates saw. The message names the
        gate, the metric, both values and the bound, or what is missing; `evidence` holds the ledger rows.
    PipelineError
        There is no manifest, or it has no gate on the way to `training_set`.
    """
    manifest = read_manifest(settings)
    required = required_data_gates(manifest)
    latest = ledger.latest(settings, run_date, required, mode="run")
    rows = [row for found in latest.values() for row in found]
    if failed := evidence.failed(rows):
        raise GateStopped(
            "\n".join([f"training stopped on {run_date}", *failure_cards(settings, failed)]), failed
        )
    if absent := sorted(set(required) - set(latest)):
        raise _stopped(
            run_date,
            f"{len(absent)} of {len(required)} gates have no row in the ledger: {evidence.names(absent)}",
            rows,
        )
    certified = _certified(settings, run_date)
    if not certified:
        raise _stopped(run_date, f"{TABLE} has no row for it", rows)
    if strangers := sorted({row["node_id"] for row in rows if not _same_build(row, certified)}):
        raise _stopped(
            run_date,
            f"{len(strangers)} gates did not run in the build that wrote the certificate but in another one: "
            f"{evidence.names(strangers)}",
            rows,
        )
    # about all runs: the days before the run date rest on many
    question = _QUESTION.replace("BROKEN_SEALS_SQL", seals.question())
    question = question.replace("STATUSES_SQL", statuses.question(gates_of_past_days(manifest)))
    answer = json.loads(compile_inline(settings, question, run_date))
    if changed := sorted({row["node_id"] for row in rows if _is_reconfigured(row, answer["config_hashes"])}):
        raise _stopped(
            run_date, f"the configuration of {evidence.names(changed)} has changed since it ran", rows
        )
    if broken := ledger.broken_seals(settings, answer["broken_seals_sql"]):
        raise _stopped(run_date, seals.summary(broken), rows)
    days = _days(settings, answer["statuses_sql"])
    past_days.require_fit(run_date, Calendar(days))
    certificate = Certificate(
        run_date=run_date,
        versions={row["relation"]: row["version"] for row in certified},
        rows=tuple(rows),
        days=days,
        versions_sql=answer["versions_sql"],
    )
    require_unchanged(settings, certificate)
    return certificate


def require_unchanged(settings: Settings, certificate: Certificate) -> None:
    """Compare the data as they are now with what the certificate is about.

    Raises
    ------
    GateStopped
        They differ.
    """
    with connect(settings) as connection:
        found = connection.execute(sql.SQL(certificate.versions_sql)).fetchall()
    current: dict[str, str] = dict(found)
    differing = [
        f"{relation} was {certificate.versions.get(relation, 'absent')} when the gates ran and is "
        f"{current.get(relation, 'absent')} now (rows:hash:columns)"
        for relation in sorted(current.keys() | certificate.versions.keys())
        if current.get(relation) != certificate.versions.get(relation)
    ]
    if differing:
        raise _stopped(
            certificate.run_date, f"the data have changed: {'; '.join(differing)}", certificate.rows
        )


def _days(settings: Settings, statement: str) -> tuple[DayStatus, ...]:
    """Return the status of each day that training reads."""
    with connect(settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement.encode()).fetchall() if statement else []
    return tuple(DayStatus.of_row(row) for row in rows)


def _certified(settings: Settings, run_date: dt.date) -> list[evidence.Row]:
    """The latest certificate rows of a run date, one for each relation; none where the table is absent."""
    name = sql.Identifier(settings.schema, TABLE)
    query = sql.SQL(
        "select * from ("
        " select *, rank() over (order by certified_at desc, invocation_id desc) as age"
        " from {table} where run_date = %s"
        ") as ranked where age = 1"
    ).format(table=name)
    with connect(settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        if not ledger.exists(connection, name):
            return []
        return cursor.execute(query, [run_date]).fetchall()


def _same_build(row: evidence.Row, certified: Iterable[evidence.Row]) -> bool:
    return all(
        row["invocation_id"] == other["invocation_id"]
        or (row["dag_run_id"] is not None and row["dag_run_id"] == other["dag_run_id"])
        for other in certified
    )


def _is_reconfigured(row: evidence.Row, config_hashes: Mapping[str, str]) -> bool:
    return bool(row["config_hash"] != config_hashes.get(row["node_id"]))


def _stopped(run_date: dt.date, what: str, rows: Iterable[evidence.Row]) -> GateStopped:
    return GateStopped(
        f"training stopped on {run_date}: {what}. Run the whole data build again: "
        f"training-pipeline run --run-date {run_date}, or dbt build",
        list(rows),
    )
