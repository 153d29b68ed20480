"""The privileges of the roles, as SQL: docs/privileges.md is this as a table.

What proves something (ledger, seals, decisions, history) belongs to the role `ledger`, who writes no proof: who writes can
neither change, remove nor drop what is there. A schema's owner can drop any table in it, so the schemas are the ledger's too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from psycopg import sql

from training_pipeline.roles import ROLES, Role, role_name

RAW, ML = "raw", "ml"
READERS = tuple(role for role in ROLES if role != Role.LOAD)
# Who asks MLflow's database.
REGISTRY_READERS = (Role.EVALUATE, Role.REPORT)
REGISTRY_WRITERS = (Role.TRAIN, Role.PROMOTE)
# Beyond reading, which all but `load` may.
ML_WRITERS: Mapping[str, Mapping[Role, str]] = {
    "promotion_history": {Role.PROMOTE: "insert"},
    "challenger": {Role.TRAIN: "insert"},
    "model_evaluation": {Role.EVALUATE: "insert, delete"},
    "run_lock": {role: "select, insert, update" for role in ROLES if role not in (Role.LEDGER, Role.REPORT)},
}
APPEND_ONLY = ("promotion_history", "challenger")


@dataclass(frozen=True)
class Place:
    """Where the relations are.

    Attributes
    ----------
    database, registry : str
        The names of the warehouse and of MLflow's database.
    models : str
        The schema in which dbt builds.
    ledger : str
        The schema of the ledger, which may be the same.
    source, source_table : str
        The schema and name of the table that dbt reads.
    """

    database: str
    registry: str
    models: str
    ledger: str
    source: str
    source_table: str

    def name(self, role: Role) -> str:
        """Return the name of a role on the server."""
        return role_name(self.database, role)

    def format(self, text: str, **more: sql.Composable) -> sql.Composed:
        """Fill in the names of roles, databases and schemas."""
        return sql.SQL(text).format(
            **{role.value: sql.Identifier(self.name(role)) for role in ROLES},
            everyone=self.names(ROLES),
            readers=self.names(READERS),
            database=sql.Identifier(self.database),
            mlflow=sql.Identifier(self.registry),
            models=sql.Identifier(self.models),
            ledger_schema=sql.Identifier(self.ledger),
            source=sql.Identifier(self.source),
            **more,
        )

    def names(self, roles: Iterable[Role]) -> sql.Composed:
        """Return the names of some roles, with commas."""
        return sql.SQL(", ").join(sql.Identifier(self.name(role)) for role in roles)


# `build` makes the scratch schemas of `gates backtest` and the schemas of dbt, `ledger` those of ledger and history.
_DATABASE = """
grant connect, temporary on database {database} to {everyone};
grant create on database {database} to {build}, {ledger}
"""

_SCHEMAS = """
grant usage, create on schema raw to {load};
grant usage on schema raw to {readers};
grant usage on schema {source} to {readers};
grant usage on schema {models}, ml to {everyone};
grant usage on schema {ledger_schema} to {readers};
grant create on schema {models} to {build}
"""

# What is created later: dbt drops and creates its tables, and privileges go with a table.
_DEFAULTS = """
alter default privileges for role {load} in schema raw grant select on tables to {readers};
alter default privileges in schema raw grant select on tables to {readers};
alter default privileges for role {build} grant select on tables to {train}, {evaluate}, {promote}, {report};
alter default privileges for role {build} grant select, delete on tables to {ledger};
alter default privileges for role {ledger} in schema {ledger_schema} grant select on tables to {readers};
alter default privileges for role {ledger} in schema {ledger_schema} grant insert on tables to {build};
alter default privileges for role {ledger} in schema ml grant select on tables to {readers}
"""

# Models first: the ledger may be in their schema.
_TABLES = """
revoke all on all tables in schema {models} from public, {load}, {train}, {evaluate}, {promote}, {report};
grant select on all tables in schema {models} to {train}, {evaluate}, {promote}, {report};
grant select, delete on all tables in schema {models} to {ledger};
revoke all on all tables in schema ml from public, {load}, {build}, {train}, {evaluate}, {promote}, {report};
grant select on all tables in schema ml to {readers}
"""

# `load` empties what dbt has built incrementally from the rows that it replaces, and can do nothing else to models.
_FORGET_MODELS = """
create or replace function {models}.forget_interactions() returns void language plpgsql
security definer set search_path = pg_catalog as {body};
alter function {models}.forget_interactions() owner to {build};
revoke all on function {models}.forget_interactions() from public;
grant execute on function {models}.forget_interactions() to {load}
"""
_BODY = "begin drop table if exists {models}.interaction, {models}.interaction_daily cascade; end"

_REGISTRY = """
grant connect, temporary on database {mlflow} to {ledger}, {registry_users};
grant usage, create on schema public to {ledger};
grant usage on schema public to {registry_users};
alter default privileges for role {ledger} in schema public grant select on tables to {registry_readers};
alter default privileges for role {ledger} in schema public
    grant select, insert, update, delete on tables to {registry_writers};
alter default privileges for role {ledger} in schema public grant usage, select on sequences to {registry_writers};
grant select on all tables in schema public to {registry_readers};
grant select, insert, update, delete on all tables in schema public to {registry_writers};
grant usage, select on all sequences in schema public to {registry_writers}
"""


def databases(place: Place) -> list[sql.Composed]:
    """Return the privileges on the database, which a copy of it does not have."""
    return _split(place, _DATABASE)


def schemas(place: Place) -> list[sql.Composed]:
    """Return what lets the roles into the database and its schemas; these and the roles exist."""
    return [*databases(place), *_split(place, _SCHEMAS), *_split(place, _DEFAULTS)]


def tables(place: Place, ledger: Iterable[str], ml: Iterable[str]) -> list[sql.Composed]:
    """Return the privileges on what exists already.

    Parameters
    ----------
    ledger, ml : iterable of str
        The names of the tables of the ledger and of schema `ml`.
    """
    statements = _split(place, _TABLES)
    for table in ledger:
        relation = sql.Identifier(place.ledger, table)
        everybody_else = place.names(role for role in ROLES if role != Role.LEDGER)
        statements += [
            place.format(
                "revoke all on {relation} from public, {others}", relation=relation, others=everybody_else
            ),
            place.format("grant select on {relation} to {readers}", relation=relation),
            place.format("grant insert on {relation} to {build}", relation=relation),
        ]
    for table in ml:
        relation = sql.Identifier(ML, table)
        for role, privileges in ML_WRITERS.get(table, {}).items():
            statements.append(
                place.format(
                    f"grant {privileges} on {{relation}} to {{role}}",
                    relation=relation,
                    role=sql.Identifier(place.name(role)),
                )
            )
        if table in APPEND_ONLY:
            statements.append(
                place.format("revoke update, delete, truncate on {relation} from {ledger}", relation=relation)
            )
    return statements


def source(place: Place) -> sql.Composed:
    """Return the privilege on the table that dbt reads, which exists."""
    relation = sql.Identifier(place.source, place.source_table)
    return place.format("grant select on {relation} to {readers}", relation=relation)


def functions(place: Place) -> list[sql.Composed]:
    """Return the one function through which a role does what it may not do itself."""
    body = sql.Literal(sql.SQL(_BODY).format(models=sql.Identifier(place.models)).as_string())
    return _split(place, _FORGET_MODELS, body=body)


def registry(place: Place) -> list[sql.Composed]:
    """Return the privileges in MLflow's database."""
    return _split(
        place,
        _REGISTRY,
        registry_readers=place.names(REGISTRY_READERS),
        registry_writers=place.names(REGISTRY_WRITERS),
        registry_users=place.names([*REGISTRY_READERS, *REGISTRY_WRITERS]),
    )


def _split(place: Place, text: str, **more: sql.Composable) -> list[sql.Composed]:
    return list(_statements(place, text, more))


def _statements(place: Place, text: str, more: Mapping[str, sql.Composable]) -> Iterator[sql.Composed]:
    for statement in text.strip().split(";\n"):
        yield place.format(statement, **more)
