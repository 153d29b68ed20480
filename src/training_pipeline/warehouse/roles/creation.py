"""Create or update the roles on a Postgres server: one transaction in the warehouse, one in MLflow's database."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import yaml
from psycopg import sql

from gates.ledger.evidence import LEDGER, SEALS
from training_pipeline.errors import PipelineError
from training_pipeline.roles import ROLES, Role
from training_pipeline.warehouse import ml_tables
from training_pipeline.warehouse.address import PostgresAddress, connect_to, ensure_database, one_line
from training_pipeline.warehouse.roles import grants
from training_pipeline.warehouse.roles.grants import ML, RAW, Place

if TYPE_CHECKING:
    from training_pipeline.config import Settings

LEDGER_TABLES = (LEDGER, SEALS, "gate_decisions")
# Changes with every change of what is granted, so that a database is brought up to date once.
_CONTENT = b"".join(Path(str(module.__file__)).read_bytes() for module in (grants, ml_tables))
MARK = f"roles and tables of training-pipeline, {hashlib.sha256(_CONTENT).hexdigest()[:16]}"

_IS_CURRENT = """
select obj_description(to_regnamespace('ml')::oid, 'pg_namespace') is not distinct from %(mark)s
    and (select count(*) from pg_roles where rolname = any(%(roles)s)) = cardinality(%(roles)s::text[])
    and exists (
        -- the privileges on a database are not copied with it
        select from pg_database, aclexplode(datacl) as acl
        where datname = current_database() and acl.privilege_type = 'CREATE'
            and acl.grantee = to_regrole(quote_ident(%(build)s))
    )
    and not exists (
        select from pg_class
        where relnamespace = to_regnamespace(quote_ident(%(ledger_schema)s)) and relname = any(%(ledger_tables)s)
            and relowner <> to_regrole(quote_ident(%(ledger)s))
    )
"""
# The sequence of a column follows its table.
_RELATIONS = """
select oid::regclass::text, relname, pg_get_userbyid(relowner)
from pg_class as relation
where relnamespace = to_regnamespace(quote_ident(%s)) and relkind = any('{r,p,v,m,f,S}')
    and not exists (
        select from pg_depend
        where classid = 'pg_class'::regclass and objid = relation.oid and deptype in ('a', 'i') and relkind = 'S'
    )
order by 1
"""
_VERIFIER = re.compile(r"'SCRAM-SHA-256[^']*'")


def place_of(settings: Settings) -> Place:
    """Return where the relations of the pipeline are."""
    project = yaml.safe_load((settings.dbt_project / "dbt_project.yml").read_text(encoding="utf-8"))
    ledger = (project.get("vars") or {}).get("gate_results_schema") or settings.schema
    schema, table = settings.source.split(".", 1)
    return Place(settings.database, settings.mlflow_database, settings.schema, str(ledger), schema, table)


def is_current(connection: psycopg.Connection, place: Place) -> bool:
    """Return whether roles, tables and privileges are those of this version."""
    row = connection.execute(
        _IS_CURRENT,
        {
            "mark": MARK,
            "roles": [place.name(role) for role in ROLES],
            "build": place.name(Role.BUILD),
            "ledger": place.name(Role.LEDGER),
            "ledger_schema": place.ledger,
            "ledger_tables": list(LEDGER_TABLES),
        },
    ).fetchone()
    return row == (True,)


def create(
    server: PostgresAddress,
    place: Place,
    passwords: Mapping[str, str],
    ledger_statements: Sequence[str] = (),
    *,
    adopt: bool = False,
    dry_run: bool = False,
) -> list[str]:
    """Create or update the roles, what they own and what they may do.

    Parameters
    ----------
    server : PostgresAddress
        A login that may create roles and owns, or may change, what exists already: a superuser or, from Postgres 16
        on, the owner of the databases with CREATEROLE.
    passwords : mapping of str to str
        By the name of the role on the server.
    ledger_statements : sequence of str
        What creates or migrates the ledger; run as the role `ledger`.
    adopt : bool
        Give every other schema of the login to `build`: on a server on which one login did everything.
    dry_run : bool
        Undo everything at the end.

    Returns
    -------
    list of str
        The statements, without passwords.

    Raises
    ------
    PipelineError
        A database does not exist and may not be created, or the login may not do this.
    """
    recorded: list[str] = []
    if not dry_run:
        for database in (place.database, place.registry):
            ensure_database(server, database)
    try:
        with connect_to(server, place.database) as connection:
            _Work(connection, place, recorded).warehouse(passwords, ledger_statements, adopt)
            if dry_run:
                connection.rollback()
                recorded.append(f"-- in database {place.registry}")
                return recorded + [statement.as_string() for statement in grants.registry(place)]
        with connect_to(server, place.registry) as connection:
            _Work(connection, place, recorded).registry()
    except psycopg.Error as error:
        raise PipelineError(
            f"the roles cannot be created on {server}: {one_line(str(error))}. Connect as a superuser, or with CREATEROLE "
            "as the owner of the databases and of what is in their schemas. The transaction was rolled back"
        ) from error
    return recorded


def relations(connection: psycopg.Connection, schema: str) -> list[tuple[str, str, str]]:
    """Return the relations of a schema as they are written in SQL, their names and their owners."""
    return connection.execute(_RELATIONS, [schema]).fetchall()


class _Work:
    """The statements of one transaction; all that change something are recorded."""

    def __init__(self, connection: psycopg.Connection, place: Place, recorded: list[str]) -> None:
        connection.cursor_factory = _recording(recorded)
        self._connection = connection
        self._place = place
        # one process at a time, because a catalog row that two change at once is an error
        connection.execute("select pg_advisory_xact_lock(hashtext('training_pipeline.roles'))")
        row = connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
        self._is_superuser = row == (True,)

    def warehouse(self, passwords: Mapping[str, str], ledger_statements: Sequence[str], adopt: bool) -> None:
        place, ledger, build = self._place, self._place.name(Role.LEDGER), self._place.name(Role.BUILD)
        self._create_roles(passwords)
        self._join()
        for schema in dict.fromkeys((RAW, place.source)):
            self._create_schema(schema)
        for schema in dict.fromkeys((place.models, place.ledger, ML)):
            self._create_schema(schema)
            self._own_schema(schema, ledger)
        self._run_all(grants.schemas(place))
        self._own_tables(place.models, build, lambda name: name not in LEDGER_TABLES)
        self._own_tables(place.ledger, ledger, lambda name: name in LEDGER_TABLES)
        self._own_tables(ML, ledger)
        self._own_functions(ML, ledger)
        self._own_tables(RAW, place.name(Role.LOAD), lambda name: name == "interaction")
        self._run(place.format("set local role {ledger}"))
        self._run_all([sql.SQL(statement) for statement in ledger_statements])
        ml_tables.ensure(self._connection)
        self._run(sql.SQL("reset role"))
        if adopt:
            self._adopt_schemas()
        present = [name for name in self._tables(place.ledger) if name in LEDGER_TABLES]
        self._run_all([*grants.tables(place, present, self._tables(ML)), *grants.functions(place)])
        if place.source_table in self._tables(place.source):
            self._run(grants.source(place))
        self._run(sql.SQL("comment on schema ml is {}").format(sql.Literal(MARK)))
        self._leave()

    def registry(self) -> None:
        self._join()
        self._own_tables("public", self._place.name(Role.LEDGER))
        self._run_all(grants.registry(self._place))
        self._leave()

    def _create_roles(self, passwords: Mapping[str, str]) -> None:
        known = {name for (name,) in self._connection.execute("select rolname from pg_roles")}
        # who is no superuser may not name what it may not grant; a new role has none of it
        rest = " nosuperuser nocreatedb nocreaterole noreplication nobypassrls" if self._is_superuser else ""
        for role in ROLES:
            name = self._place.name(role)
            # a hash, so that the password is in no log of the server
            verifier = self._connection.pgconn.encrypt_password(
                passwords[name].encode(), name.encode(), b"scram-sha-256"
            ).decode()
            statement = sql.SQL("{verb} role {name} {attributes} password {verifier}")
            self._run(
                statement.format(
                    verb=sql.SQL("alter" if name in known else "create"),
                    name=sql.Identifier(name),
                    attributes=sql.SQL(f"login{rest}"),
                    verifier=sql.Literal(verifier),
                )
            )
        self._run(self._place.format("alter role {report} set default_transaction_read_only = on"))

    def _join(self) -> None:
        """Let a login that is no superuser act for the roles until `_leave`."""
        if not self._is_superuser:
            self._run(self._place.format("grant {everyone} to current_user"))

    def _leave(self) -> None:
        if not self._is_superuser:
            self._run(self._place.format("revoke {everyone} from current_user"))

    def _create_schema(self, schema: str) -> None:
        found = self._connection.execute("select to_regnamespace(quote_ident(%s))", [schema]).fetchone()
        if found == (None,):
            self._run(sql.SQL("create schema {}").format(sql.Identifier(schema)))

    def _own_schema(self, schema: str, owner: str) -> None:
        self._run(
            sql.SQL("alter schema {} owner to {}").format(sql.Identifier(schema), sql.Identifier(owner))
        )

    def _own_tables(
        self, schema: str, owner: str, wanted: Callable[[str], bool] = lambda _name: True
    ) -> None:
        """Give the relations of a schema to their owner."""
        for relation, name, present in relations(self._connection, schema):
            if wanted(name) and present != owner:
                self._run(sql.SQL(f"alter table {relation} owner to {{}}").format(sql.Identifier(owner)))

    def _own_functions(self, schema: str, owner: str) -> None:
        """Give the functions of a schema to their owner."""
        found = self._connection.execute(
            "select oid::regprocedure::text from pg_proc"
            " where pronamespace = to_regnamespace(quote_ident(%s)) and pg_get_userbyid(proowner) <> %s",
            [schema, owner],
        ).fetchall()
        for (function,) in found:
            self._run(sql.SQL(f"alter function {function} owner to {{}}").format(sql.Identifier(owner)))

    def _adopt_schemas(self) -> None:
        """Give what else the login owns to `build`."""
        build = self._place.name(Role.BUILD)
        found = self._connection.execute(
            "select nspname from pg_namespace where pg_get_userbyid(nspowner) = current_user"
            " and nspname !~ '^pg_' and nspname not in ('information_schema', 'public', 'raw')"
        ).fetchall()
        for (schema,) in found:
            self._own_schema(schema, build)
            self._own_tables(schema, build)

    def _tables(self, schema: str) -> list[str]:
        return [name for _, name, _ in relations(self._connection, schema)]

    def _run_all(self, statements: Iterable[sql.SQL | sql.Composed]) -> None:
        for statement in statements:
            self._run(statement)

    def _run(self, statement: sql.SQL | sql.Composed) -> None:
        self._connection.execute(statement)


def _recording(recorded: list[str]) -> type[psycopg.Cursor[Any]]:
    """Return a class of cursors that remember what they have run, without questions and passwords."""

    class Recording(psycopg.Cursor[Any]):
        def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            text = (query if isinstance(query, str) else query.as_string(self)).strip()
            if not text.startswith("select"):
                recorded.append(_VERIFIER.sub("'…'", text).removesuffix(";"))
            return super().execute(query, *args, **kwargs)

    return Recording
