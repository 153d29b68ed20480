"""docs/privileges.md is true: each cell by the catalog and by trying, on a warehouse on which a whole run was made."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from training_pipeline.config import Settings
from training_pipeline.registry import models as registry
from training_pipeline.roles import ROLES, Role, role_name
from training_pipeline.warehouse import dbt, ledger_owner
from training_pipeline.warehouse.postgres import connect

ROOT = Path(__file__).parents[4]
LETTERS = {"S": "select", "I": "insert", "U": "update", "D": "delete"}
RUN_DATE = dt.date(2017, 4, 30)
EVIDENCE = (
    "analytics.gate_results",
    "analytics.gate_seals",
    "analytics.gate_decisions",
    "ml.promotion_history",
)


def documented() -> Iterator[tuple[str, Role, str]]:
    """Each cell of the table: relation, role, privileges."""
    lines = (ROOT / "docs" / "privileges.md").read_text().splitlines()
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    header = next(row for row in rows if row[0] == "relation")
    for row in rows[rows.index(header) + 2 :]:
        for name, cell in zip(header[1:], row[1:], strict=True):
            yield row[0], Role(name), cell


CELLS = list(documented())


@pytest.fixture(scope="module")
def built(
    server: Settings,
    copy_database: Callable[[str, str], None],
    _loaded_template: str,
    _registry_template: str,
) -> Settings:
    """A warehouse in which the fixture was loaded and everything of it built, a second time as on the next day."""
    copy_database(_loaded_template, server.database)
    copy_database(_registry_template, server.mlflow_database)
    ledger_owner.prepare(server)
    for _ in range(2):
        ended = dbt.invoke(
            server, ["build", "--exclude", "tag:model_gate", "resource_type:unit_test"], RUN_DATE
        )
        assert ended.success, ended.failed
    return server


def test_the_table_has_every_role_and_no_cell_twice() -> None:
    assert {role for _, role, _ in CELLS} == set(ROLES)
    assert len({(relation, role) for relation, role, _ in CELLS}) == len(CELLS)


@pytest.mark.parametrize(("relation", "role", "cell"), CELLS)
def test_cell(built: Settings, relation: str, role: Role, cell: str) -> None:
    database = built.mlflow_database if relation.startswith("mlflow: ") else built.database
    table = relation.removeprefix("mlflow: ")
    user = role_name(built.database, role)
    with connect(built, database) as connection:
        granted = {
            letter: connection.execute(
                "select has_table_privilege(%s, %s, %s)", [user, table, privilege]
            ).fetchone()
            for letter, privilege in LETTERS.items()
        }
        owner = connection.execute(
            "select pg_get_userbyid(relowner) from pg_class where oid = to_regclass(%s)", [table]
        ).fetchone()
        truncates = connection.execute(
            "select has_table_privilege(%s, %s, 'truncate')", [user, table]
        ).fetchone()
    allowed = set("SIUD" if cell == "owner" else cell.replace("-", ""))
    assert {letter for letter, has in granted.items() if has == (True,)} == allowed
    assert truncates == (cell == "owner",)
    if cell == "owner":
        assert owner == (user,)
    _try(built, database, table, role, allowed)


def _try(built: Settings, database: str, table: str, role: Role, allowed: set[str]) -> None:
    """Run a statement of each kind as the role; it must be refused exactly where the table says so."""
    relation = sql.SQL(table)
    attempts = {
        "S": sql.SQL("select count(*) from {}").format(relation),
        "I": sql.SQL("insert into {0} select * from {0} where false").format(relation),
        "U": sql.SQL("update {} set {} = default where false").format(
            relation, sql.Identifier(_column(built, database, table))
        ),
        "D": sql.SQL("delete from {} where false").format(relation),
    }
    needed = {"S": {"S"}, "I": {"S", "I"}, "U": {"U"}, "D": {"D"}}
    for letter, statement in attempts.items():
        if table in ("ml.promotion_history", "ml.challenger") and letter != "S":
            continue  # its own test: a trigger refuses first
        assert _refused(built, database, role, statement) is not needed[letter].issubset(allowed), (
            role,
            statement,
        )


def _column(built: Settings, database: str, table: str) -> str:
    with connect(built, database) as connection:
        row = connection.execute(
            "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum = 1", [table]
        ).fetchone()
    assert row is not None
    return str(row[0])


def _refused(settings: Settings, database: str, role: Role, statement: sql.SQL | sql.Composed) -> bool:
    with connect(replace(settings, role=role), database) as connection:
        connection.read_only = False  # whatever the role's own default is
        try:
            connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return True
        finally:
            connection.rollback()
    return False


_FIELD = {"analytics.gate_seals": "seal", "analytics.gate_decisions": "why"}


@pytest.mark.parametrize("relation", EVIDENCE)
@pytest.mark.parametrize("role", [role for role in ROLES if role != Role.LEDGER])
@pytest.mark.parametrize(
    "attack",
    [
        "update {} set run_date = run_date",
        "delete from {}",
        "truncate {}",
        "drop table {}",
        "alter table {} disable trigger all",
        "alter table {} add column note text",
        "alter table {} owner to current_user",
        "grant all on {} to current_user",
    ],
)
def test_no_step_changes_evidence(built: Settings, relation: str, role: Role, attack: str) -> None:
    statement = sql.SQL(attack.replace("run_date", _FIELD.get(relation, "run_date")))
    refused = _refused(built, built.database, role, statement.format(sql.SQL(relation)))
    if attack.startswith("grant"):  # Postgres only warns that nothing was granted
        refused = _refused(built, built.database, role, sql.SQL("delete from {}").format(sql.SQL(relation)))
    assert refused


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_nobody_else(built: Settings, role: Role) -> None:
    """No step is a superuser, a member of another role, or may give a schema of evidence away."""
    with connect(replace(built, role=role)) as connection:
        assert connection.execute("select session_user::text").fetchone() == (
            role_name(built.database, role),
        )
        assert (
            connection.execute(
                "select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls from pg_roles"
                " where rolname = session_user"
            ).fetchone()
            == (False,) * 5
        )
        memberships = connection.execute(
            "select count(*) from pg_auth_members where member = to_regrole(session_user::text)"
        ).fetchone()
        assert memberships == (0,)
    if role != Role.LEDGER:
        for schema in ("analytics", "ml"):
            assert _refused(
                built, built.database, role, sql.SQL("drop schema {} cascade").format(sql.SQL(schema))
            )


def test_only_load_may_drop_the_models_that_it_makes_stale(built: Settings) -> None:
    call = sql.SQL("select analytics.forget_interactions()")
    assert [role for role in ROLES if not _refused(built, built.database, role, call)] == [
        Role.LOAD,
        Role.BUILD,
    ]
    assert _refused(built, built.database, Role.LOAD, sql.SQL("drop table analytics.training_set"))


def test_history_refuses_its_owner_too(built: Settings) -> None:
    for attack in ("update ml.promotion_history set reason = ''", "truncate ml.promotion_history"):
        assert _refused(built, built.database, Role.LEDGER, sql.SQL(attack))


def test_a_report_reads_only(built: Settings) -> None:
    with connect(replace(built, role=Role.REPORT)) as connection:
        assert connection.execute("show transaction_read_only").fetchone() == ("on",)


def test_registry_belongs_to_the_ledger(built: Settings) -> None:
    registry.client(replace(built, role=Role.REPORT)).search_registered_models()
    with connect(built, built.mlflow_database) as connection:
        owners = connection.execute(
            "select distinct pg_get_userbyid(relowner) from pg_class where relnamespace = 'public'::regnamespace"
            " and relkind = 'r'"
        ).fetchall()
    assert owners == [(role_name(built.database, Role.LEDGER),)]


def test_documented_roles_are_the_roles() -> None:
    text = (ROOT / "docs" / "privileges.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(ROLES)
