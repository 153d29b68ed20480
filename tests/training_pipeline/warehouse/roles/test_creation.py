"""The roles are created, updated and migrated to, by whoever may, on any Postgres."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest

from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.roles import ROLES, Role, role_name
from training_pipeline.source.loading import load
from training_pipeline.warehouse.address import PostgresAddress, connect_to
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.postgres import PASSWORDS, address, connect
from training_pipeline.warehouse.roles import creation, passwords

ELSEWHERE, REGISTRY = "elsewhere", "elsewhere_mlflow"
CREATED = "select count(*) from pg_roles where rolname like 'elsewhere\\_%'"


@pytest.fixture
def administrator(server: Settings) -> Iterator[PostgresAddress]:
    """The superuser of a server that has no such database and no roles for it."""
    address = embedded.start(server)
    yield address
    with connect_to(address, "postgres") as connection:
        connection.autocommit = True
        for database in (ELSEWHERE, REGISTRY):
            connection.execute(f"drop database if exists {database} with (force)")
        for (role,) in connection.execute(
            "select rolname from pg_roles where rolname like 'elsewhere\\_%'"
        ).fetchall():
            connection.execute(f"drop owned by {role} cascade")
            connection.execute(f"drop role {role}")


@pytest.fixture
def anywhere(administrator: PostgresAddress, environment: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Reach the server as any other Postgres, as the superuser or as a login that is given."""

    def use(login: PostgresAddress = administrator) -> Settings:
        for name, value in {
            "DBT_TARGET": "postgres",
            "PGHOST": login.host,
            "PGPORT": str(login.port),
            "PGUSER": login.user,
            "PGPASSWORD": login.password,
            "PGDATABASE": ELSEWHERE,
            "MLFLOW_DATABASE": REGISTRY,
        }.items():
            environment.setenv(name, value)
        return Settings.load()

    return use


def roles(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `training-pipeline db roles` as a person does."""
    command = [sys.executable, "-m", "training_pipeline.cli", "db", "roles", *arguments]
    script = "import sys; from training_pipeline.cli import main; sys.argv[0] = 'training-pipeline'; main()"
    command = [sys.executable, "-c", script, *command[3:]]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))


def secrets(settings: Settings) -> dict[str, str]:
    return {role_name(settings.database, role): f"secret of {role}" for role in ROLES}


def state(login: PostgresAddress) -> list[tuple[object, ...]]:
    """Owners and privileges of everything in the warehouse."""
    with connect_to(login, ELSEWHERE) as connection:
        return connection.execute(
            "select nspname, relname, pg_get_userbyid(relowner), relacl::text from pg_class"
            " join pg_namespace on pg_namespace.oid = relnamespace where nspname !~ '^(pg_|information)'"
            " union all select nspname, '', pg_get_userbyid(nspowner), nspacl::text from pg_namespace"
            " union all select 'default', defaclobjtype::text, pg_get_userbyid(defaclrole), defaclacl::text"
            " from pg_default_acl order by 1, 2, 3, 4"
        ).fetchall()


def test_the_command_creates_and_updates_the_roles_of_any_postgres(
    anywhere: Callable[..., Settings],
    administrator: PostgresAddress,
    environment: pytest.MonkeyPatch,
    tmp_path: object,
) -> None:
    file = f"{tmp_path}/roles"
    anywhere()
    environment.setenv("WAREHOUSE_REPORT_PASSWORD", "given")
    environment.setenv(PASSWORDS, file)
    first = roles()
    environment.delenv(PASSWORDS)
    assert first.returncode == 0, first.stderr
    assert "elsewhere_load, elsewhere_build" in first.stdout
    before = state(administrator)
    assert roles("--passwords", file).returncode == 0
    assert state(administrator) == before, "running it again changes nothing"

    shown = roles("--passwords", file, "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert 'alter role "elsewhere_load" login' in shown.stdout
    assert "SCRAM" not in shown.stdout

    # from now on without the administrator
    for name in ("PGUSER", "PGPASSWORD"):
        environment.delenv(name)
    environment.setenv(PASSWORDS, file)
    settings = Settings.load()
    assert address(replace(settings, role=Role.REPORT)).password == "given"
    load(settings, fixture=True)
    for role in ROLES:
        with connect(replace(settings, role=role)) as connection:
            assert connection.execute("select session_user::text").fetchone() == (f"elsewhere_{role}",)
    environment.setenv(PASSWORDS, f"{tmp_path}/other")
    with pytest.raises(
        PipelineError, match=r"WAREHOUSE_PASSWORDS must name a file with a password of elsewhere_report"
    ):
        address(settings)


def test_a_dry_run_changes_nothing(anywhere: Callable[..., Settings], administrator: PostgresAddress) -> None:
    settings = anywhere()
    place = creation.place_of(settings)
    with connect_to(administrator, "postgres") as connection:
        connection.autocommit = True
        connection.execute(f"create database {ELSEWHERE}")
    before = state(administrator)
    statements = creation.create(administrator, place, secrets(settings), dry_run=True)
    assert any(statement.startswith('create role "elsewhere_promote"') for statement in statements)
    assert any("promotion_history" in statement for statement in statements)
    assert not any("secret" in statement or "SCRAM" in statement for statement in statements)
    assert state(administrator) == before
    with connect_to(administrator) as connection:
        assert connection.execute(CREATED).fetchone() == (0,)


def test_whoever_owns_the_databases_and_may_create_roles_is_enough(
    anywhere: Callable[..., Settings], administrator: PostgresAddress
) -> None:
    owner = replace(administrator, user="elsewhere_owner", password="owner", database=ELSEWHERE)
    with connect_to(administrator, "postgres") as connection:
        connection.autocommit = True
        connection.execute("create role elsewhere_owner login createrole password 'owner'")
        for database in (ELSEWHERE, REGISTRY):
            connection.execute(f"create database {database} owner elsewhere_owner")
    settings = anywhere(owner)
    place = creation.place_of(settings)
    for _ in range(2):
        creation.create(owner, place, secrets(settings))
    with connect_to(owner) as connection:
        assert creation.is_current(connection, place)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from ml.promotion_history")


def test_who_may_not_is_told_in_one_line_and_nothing_is_left(
    anywhere: Callable[..., Settings], administrator: PostgresAddress
) -> None:
    guest = replace(administrator, user="elsewhere_guest", password="guest", database=ELSEWHERE)
    with connect_to(administrator, "postgres") as connection:
        connection.autocommit = True
        connection.execute("create role elsewhere_guest login password 'guest'")
        for database in (ELSEWHERE, REGISTRY):
            connection.execute(f"create database {database}")
    settings = anywhere(guest)
    with pytest.raises(
        PipelineError, match=r"roles cannot be created on elsewhere_guest@.*permission denied"
    ) as caught:
        creation.create(guest, creation.place_of(settings), secrets(settings))
    assert "\n" not in str(caught.value)
    with connect_to(administrator) as connection:
        assert connection.execute(CREATED).fetchone() == (1,), "the guest only"


def test_what_one_login_has_made_is_given_to_the_roles_and_nothing_is_lost(
    settings: Settings, server: Settings
) -> None:
    """A state folder of the first version: everything belongs to the superuser."""
    administrator = embedded.start(settings)
    with connect(settings) as connection:
        for role in ROLES:
            name = role_name(settings.database, role)
            connection.execute(f"reassign owned by {name} to postgres")
            connection.execute(f"drop owned by {name}")
        connection.execute("comment on schema ml is null")
        connection.execute("create table raw.interaction as select 1 as interaction_id")
        connection.execute("create table analytics.interaction as select 2 as interaction_id")
        connection.execute("create view analytics.kept as select * from analytics.interaction")
        connection.execute("create table analytics.gate_results as select 'old' as gate")
        connection.execute("create schema gates_scratch create table left_over (what text)")
        connection.execute(
            "drop table ml.run_lock"
        )  # as of an older version, whose tables are brought up to date
        connection.execute("insert into ml.promotion_history (decided_at, run_date, model_name, model_version, decision,"
            " reason, gates, data_fingerprint, git_commit, manifest_hash, decided_by)"
            " values (now(), '2017-04-30', 'm', '1', 'kept', 'r', '[]', 'f', 'c', 'h', 'me')")  # fmt: skip
    with connect(settings) as connection:
        assert not creation.is_current(connection, creation.place_of(settings))
    users = passwords.read(embedded.role_passwords(settings))
    creation.create(administrator, creation.place_of(settings), users, adopt=True)

    with connect(settings) as connection:
        assert creation.is_current(connection, creation.place_of(settings))
        owners: dict[str, str] = dict(
            connection.execute(
                "select oid::regclass::text, pg_get_userbyid(relowner) from pg_class where relkind in ('r', 'v')"
                " and relnamespace::regnamespace::text in ('raw', 'analytics', 'ml', 'gates_scratch')"
            ).fetchall()
        )
        functions = connection.execute(
            "select pg_get_userbyid(proowner) from pg_proc where pronamespace = 'ml'::regnamespace"
        ).fetchall()
    assert functions == [(role_name(settings.database, Role.LEDGER),)], "of the trigger that refuses changes"
    expected = {
        "raw.interaction": "load",
        "analytics.interaction": "build",
        "analytics.kept": "build",
        "analytics.gate_results": "ledger",
        "ml.promotion_history": "ledger",
        "ml.model_evaluation": "ledger",
        "gates_scratch.left_over": "build",
    }
    assert {table: owners[table] for table in expected} == {
        table: role_name(settings.database, Role(role)) for table, role in expected.items()
    }
    with connect(replace(settings, role=Role.REPORT)) as connection:
        for table, count in {
            "raw.interaction": 1,
            "analytics.gate_results": 1,
            "ml.promotion_history": 1,
        }.items():
            assert connection.execute(f"select count(*) from {table}").fetchone() == (count,)
