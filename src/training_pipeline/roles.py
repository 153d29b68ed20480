"""The roles of the warehouse: what a step may do there, docs/privileges.md."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from training_pipeline.config import Settings

P = ParamSpec("P")
T = TypeVar("T")


class Role(StrEnum):
    """Who asks the warehouse: a role with a login for each kind of step, and the administrator of the server.

    The administrator starts the embedded server and creates databases and roles; no step acts as it.
    """

    LOAD = "load"
    BUILD = "build"
    LEDGER = "ledger"
    TRAIN = "train"
    EVALUATE = "evaluate"
    PROMOTE = "promote"
    REPORT = "report"
    ADMINISTRATOR = "administrator"


ROLES = tuple(role for role in Role if role != Role.ADMINISTRATOR)


def role_name(database: str, role: Role) -> str:
    """Return the name of a role on the server; roles belong to the server, so the name of the database is in it.

    Examples
    --------
    >>> role_name("warehouse", Role.TRAIN)
    'warehouse_train'
    """
    return f"{database}_{role}"


def acting_as(
    role: Role,
) -> Callable[[Callable[Concatenate[Settings, P], T]], Callable[Concatenate[Settings, P], T]]:
    """Return a decorator: the function, whose first argument is the settings, asks the warehouse as `role`."""

    def decorate(function: Callable[Concatenate[Settings, P], T]) -> Callable[Concatenate[Settings, P], T]:
        @functools.wraps(function)
        def acting(settings: Settings, /, *args: P.args, **kwargs: P.kwargs) -> T:
            return function(replace(settings, role=role), *args, **kwargs)

        return acting

    return decorate
