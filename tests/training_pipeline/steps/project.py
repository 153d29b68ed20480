"""The small dbt project of these tests: the repository's own where that is under test, else very little."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from adbc_driver_postgresql import dbapi
from psycopg import sql

from training_pipeline.config import Settings
from training_pipeline.warehouse import dbt
from training_pipeline.warehouse.postgres import address, connect

from .rows import RUN_DATE, training_rows

REPOSITORY = Path(__file__).parents[3]
# What is under test, as the repository has it
_SHARED = (
    "macros/certificate/certified_versions.sql",
    "macros/certificate/config_hashes.sql",
    "macros/certificate/evaluated_versions.sql",
    "models/training/training_certificate.sql",
    "models/evaluation/challenger_evaluation.sql",
    "models/evaluation/model_evaluation.yml",
)
_FILES = {
    "dbt_project.yml": """
name: small
config-version: 2
profile: training_pipeline
macro-paths: [macros]
models: {small: {+materialized: table}}
on-run-end: ["{{ gates.record(results) }}"]
""",
    "packages.yml": "packages: [{local: ../macros}]\n",
    "models/interaction.sql": """select * from {{ source("raw", "interaction") }}\n""",
    # depends on the interactions, though its rows are given
    "models/training_set.sql": """
select * from {{ source("raw", "training_rows") }}
where (select count(*) from {{ ref("interaction") }}) > 0
""",
    "models/models.yml": """
sources:
  - name: raw
    tables:
      - name: training_rows
      - name: interaction
        data_tests:
          - gates.row_existence: {name: raw_has_rows, arguments: {date_column: interaction_date}}
models:
  - name: interaction
    data_tests:
      - gates.value_range:
          name: amount_is_plausible
          arguments: {expression: avg(amount), min_value: 1, max_value: 10, date_column: interaction_date}
      - gates.value_range:
          name: amount_is_usual
          arguments: {expression: avg(amount), max_value: 5, date_column: interaction_date}
          config: {severity: warn}
  - name: training_set
    columns:
      - name: label
        data_tests: [{not_null: {name: label_is_known}}]
  - name: challenger_evaluation
    data_tests:
      - gates.value_range:
          name: challenger_auc
          arguments: {expression: min(value), min_value: 0.6, date_column: run_date, version: max(subject_version)}
          config: {tags: [model_gate], where: "metric = 'auc' and segment = 'all' and reference = 'none'"}
""",
}


def write_project(root: Path) -> None:
    """Write the project, with the gates as the package they are."""
    project = root / "dbt_project"
    for name, text in _FILES.items():
        file = project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for name in _SHARED:
        file = project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / "dbt_project" / name, file)
    shutil.copytree(REPOSITORY / "macros", root / "macros")
    shutil.copy(REPOSITORY / "profiles.yml", root)
    (project / "dbt_packages").mkdir()
    (project / "dbt_packages" / "gates").symlink_to(root / "macros")


def load(settings: Settings, rows: pa.Table | None = None, amounts: Sequence[float] = (2.0, 4.0)) -> None:
    """Fill the raw tables: one interaction of the run date for each amount, and the training rows."""
    with connect(settings) as connection:
        connection.execute("create schema if not exists raw")
        connection.execute("drop table if exists raw.interaction, raw.training_rows cascade")
        connection.execute("create table raw.interaction (interaction_date date, amount double precision)")
        connection.cursor().executemany(
            "insert into raw.interaction values (%s, %s)", [(RUN_DATE, amount) for amount in amounts]
        )
    with dbapi.connect(address(settings).uri()) as connection, connection.cursor() as cursor:
        cursor.adbc_ingest("training_rows", training_rows() if rows is None else rows, db_schema_name="raw")
        connection.commit()


def execute(settings: Settings, statement: str) -> None:
    """Change the warehouse behind the pipeline's back."""
    with connect(settings) as connection:
        connection.execute(sql.SQL(statement))


def build_data(settings: Settings, run_date: dt.date = RUN_DATE, *selection: str) -> dbt.DbtResult:
    """Build the data side with its gates."""
    return dbt.invoke(settings, ["build", "--exclude", "tag:model_gate", *selection], run_date)


def build_model_gates(settings: Settings, run_date: dt.date = RUN_DATE) -> dbt.DbtResult:
    """Build the model side: the gates on the evaluation."""
    return dbt.invoke(settings, ["build", "--select", "tag:model_gate"], run_date)
