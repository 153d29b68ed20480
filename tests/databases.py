"""Copies of databases: each test begins with the state that it is about."""

from __future__ import annotations

from training_pipeline.config import Settings
from training_pipeline.warehouse.address import connect_to
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.roles import creation, grants


def replace_database(settings: Settings, template: str, database: str) -> None:
    """Replace a database by a copy of a template, with the privileges on the database, which are not copied."""
    with connect_to(embedded.start(settings), "postgres") as connection:
        connection.autocommit = True
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [template]
        )
        connection.execute(f"drop database if exists {database} with (force)")
        connection.execute(f"create database {database} template {template}")
        for statement in grants.databases(creation.place_of(settings)):
            connection.execute(statement)
