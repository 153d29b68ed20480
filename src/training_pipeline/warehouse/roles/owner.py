"""A plain role that owns one database, such as Airflow's: whoever has its login reaches nothing else."""

from __future__ import annotations

from dataclasses import replace

from psycopg import sql

from training_pipeline.warehouse.address import PostgresAddress, connect_to, ensure_database
from training_pipeline.warehouse.roles.creation import relations


def own_database(server: PostgresAddress, name: str, password: str) -> PostgresAddress:
    """Create or update a role and the database of its name, with all that is in the database, and return its address.

    Parameters
    ----------
    server : PostgresAddress
        With the login of the administrator.
    """
    ensure_database(server, name)
    role = sql.Identifier(name)
    with connect_to(server, name) as connection:
        verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
        known = connection.execute("select from pg_roles where rolname = %s", [name]).fetchone()
        connection.execute(
            sql.SQL("{} role {} login nosuperuser nocreatedb nocreaterole password {}").format(
                sql.SQL("alter" if known is not None else "create"), role, sql.Literal(verifier.decode())
            )
        )
        connection.execute(sql.SQL("alter database {} owner to {}").format(role, role))
        connection.execute(sql.SQL("revoke connect on database {} from public").format(role))
        for relation, _, owner in relations(connection, "public"):
            if owner != name:
                connection.execute(sql.SQL(f"alter table {relation} owner to {{}}").format(role))
    return replace(server, user=name, password=password, database=name)
