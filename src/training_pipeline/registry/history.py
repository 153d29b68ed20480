"""The history of promotions: decisions about the champion, in an append-only table, and who is champion by them.

A decision that moves the champion has two rows, an intent before MLflow is told and one that closes it afterwards. So what
a killed process left is seen, and differs from what somebody did by hand.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from training_pipeline.warehouse.caller import decided_by

PROMOTED = "promoted"
KEPT = "kept"
REJECTED = "rejected"
ROLLED_BACK = "rolled_back"
RETIRED = "retired"
ADOPTED = "adopted"

INTENT, DONE, UNDONE = "intent", "done", "undone"

_COLUMNS = (
    "run_date", "model_name", "model_version", "previous_version", "decision", "reason", "gates", "evaluation", "digest",
    "data_fingerprint", "git_commit", "manifest_hash", "decided_by", "step", "intent",
)  # fmt: skip


@dataclass(frozen=True)
class Decision:
    """A decision about the champion.

    Attributes
    ----------
    decision : str
        'promoted', 'kept', 'rejected', 'rolled_back', 'retired' (there is no champion any more) or 'adopted' (the
        files of a version from before there were digests are recorded as they are).
    model_version : str
        The version that the decision is about.
    previous_version : str or None
        The champion before the decision, None if there was none.
    """

    decision: str
    reason: str
    model_version: str
    previous_version: str | None


@dataclass(frozen=True)
class Basis:
    """What a decision rests on.

    Attributes
    ----------
    digest : str or None
        Of the model's files; None where it is not known any more.
    evaluation : str or None
        What the gates judged, `subject_version` of their rows; None where none were asked.
    gates : sequence of mapping
        Their rows, in a few columns.
    """

    run_date: dt.date
    model_name: str
    digest: str | None
    data_fingerprint: str
    git_commit: str
    manifest_hash: str
    evaluation: str | None = None
    gates: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Champion:
    """A version that is or was champion.

    Attributes
    ----------
    since : datetime.date
        The run date that it was promoted for.
    confirmed : datetime.date
        The last run date whose challenger was the champion itself; at first the one that it was promoted for.
    basis : Basis
        What its promotion rested on.
    """

    version: str
    since: dt.date
    confirmed: dt.date
    basis: Basis


@dataclass(frozen=True)
class Standing:
    """Who is champion by the history.

    Attributes
    ----------
    champions : tuple of Champion
        Earliest first; those that were rolled back or retired are not among them.
    rolled_back : frozenset of str
        The versions that a rollback took away, and that none brought back.
    once : mapping of str to Champion
        Every version that ever was champion.
    """

    champions: tuple[Champion, ...]
    rolled_back: frozenset[str]
    once: Mapping[str, Champion]

    @property
    def present(self) -> Champion | None:
        """The champion."""
        return self.champions[-1] if self.champions else None

    def as_of(self, run_date: dt.date) -> Champion | None:
        """The champion of a run date: the last one that was promoted for it or for an earlier one."""
        return next((one for one in reversed(self.champions) if one.since <= run_date), None)


def standing(rows: Iterable[Mapping[str, Any]]) -> Standing:
    """Return who is champion.

    Parameters
    ----------
    rows : iterable of mapping
        The decisions that were carried out, earliest first.
    """
    champions: list[Champion] = []
    rolled_back: set[str] = set()
    once: dict[str, Champion] = {}
    for row in rows:
        version, decision = row["model_version"], row["decision"]
        places = [place for place, one in enumerate(champions) if one.version == version]
        if decision == PROMOTED:
            champions.append(_champion(row))
        elif decision == ROLLED_BACK and places:
            rolled_back |= {one.version for one in champions[places[-1] + 1 :]}
            champions = champions[: places[-1] + 1]
        elif decision == ROLLED_BACK:  # to a version that had been rolled back itself
            champions.append(_champion(row))
        elif decision == RETIRED:
            champions = []
        elif decision == KEPT and places and places[-1] == len(champions) - 1:
            last = champions[-1]
            champions[-1] = replace(last, confirmed=max(last.confirmed, row["run_date"]))
        elif decision == ADOPTED:
            champions = [
                _with_digest(one, row["digest"]) if one.version == version else one for one in champions
            ]
            once[version] = _with_digest(once[version], row["digest"])
        rolled_back -= {one.version for one in champions[-1:]}
        once |= {one.version: one for one in champions}
    return Standing(tuple(champions), frozenset(rolled_back), once)


def append(
    connection: psycopg.Connection,
    decision: Decision,
    basis: Basis,
    step: str = DONE,
    intent: int | None = None,
) -> int:
    """Append a decision and return its number.

    A decision that changes nothing and repeats the row before it adds no row, so that a repeated run leaves one.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        last = cursor.execute("select * from ml.promotion_history order by number desc limit 1").fetchone()
        values = {
            "run_date": basis.run_date,
            "model_name": basis.model_name,
            "model_version": decision.model_version,
            "previous_version": decision.previous_version,
            "decision": decision.decision,
            "reason": decision.reason,
            "gates": Jsonb(list(basis.gates)),
            "evaluation": basis.evaluation,
            "digest": basis.digest,
            "data_fingerprint": basis.data_fingerprint,
            "git_commit": basis.git_commit,
            "manifest_hash": basis.manifest_hash,
            "decided_by": decided_by(),
            "step": step,
            "intent": intent,
        }
        said = ("run_date", "model_version", "decision", "reason", "step", "intent")
        if (
            last is not None
            and step == DONE
            and intent is None
            and all(last[name] == values[name] for name in said)
        ):
            return int(last["number"])
        places = ", ".join(f"%({name})s" for name in _COLUMNS)
        row = cursor.execute(
            f"insert into ml.promotion_history (decided_at, {', '.join(_COLUMNS)})"
            f" values (clock_timestamp(), {places}) returning number".encode(),
            values,
        ).fetchone()
        assert row is not None
        return int(row["number"])


def open_intent(connection: psycopg.Connection) -> tuple[int, Decision, Basis] | None:
    """Return the intent that no row closes, with its number; None when there is none."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            "select * from ml.promotion_history as intended where step = 'intent' and not exists ("
            " select from ml.promotion_history as closing where closing.intent = intended.number"
            ") order by number desc limit 1"
        ).fetchone()
    if row is None:
        return None
    decision = Decision(row["decision"], row["reason"], row["model_version"], row["previous_version"])
    return row["number"], decision, _basis(row)


def _champion(row: Mapping[str, Any]) -> Champion:
    return Champion(row["model_version"], row["run_date"], row["run_date"], _basis(row))


def _with_digest(champion: Champion, digest: str) -> Champion:
    return replace(champion, basis=replace(champion.basis, digest=digest))


def _basis(row: Mapping[str, Any]) -> Basis:
    return Basis(
        run_date=row["run_date"],
        model_name=row["model_name"],
        digest=row["digest"],
        data_fingerprint=row["data_fingerprint"],
        git_commit=row["git_commit"],
        manifest_hash=row["manifest_hash"],
        evaluation=row["evaluation"],
        gates=tuple(row["gates"]),
    )
