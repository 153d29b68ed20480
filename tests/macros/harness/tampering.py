"""What somebody may do to a ledger and its seals, and what is then found."""

from __future__ import annotations

from .engines import SCHEMA
from .run import LEDGER

SEALS = f"{SCHEMA}.gate_seals"
UNSEALED = (
    "no seal closes these rows: their run was killed, they were inserted by hand, or the seal was removed. They prove nothing."
    " Build that day again, then delete the rows of this invocation"
)
# The seals are those of three runs; the statements, and what `verify` then says.
OF_RUN = f"invocation_id = (select invocation_id from {SEALS} where seal_number = {{}})"
TAMPERED = {
    "a row changed": (
        [f"update {LEDGER} set statistic = 1 where {OF_RUN.format(2)}"],
        {
            (2, "row_existence", "2026-11-22", "rows were added or changed after the seal"),
            (2, "row_existence", "2026-11-22", "rows that were sealed are gone or changed"),
        },
    ),
    "a row added": (
        [
            f"insert into {LEDGER} (gate, run_date, verdict, invocation_id)"
            f" select 'not_stale', date '2026-11-20', 'pass', invocation_id from {SEALS} where seal_number = 2"
        ],
        {(2, "not_stale", "2026-11-20", "rows were added or changed after the seal")},
    ),
    "a row removed": (
        [f"delete from {LEDGER} where {OF_RUN.format(2)}"],
        {(2, "row_existence", "2026-11-22", "rows that were sealed are gone or changed")},
    ),
    "a row of a run that never was": (
        [f"insert into {LEDGER} (gate, verdict, invocation_id) values ('not_stale', 'pass', 'forged')"],
        {("forged", "-", "-", UNSEALED)},
    ),
    "rows of a run that was killed before it sealed them": (
        [
            f"insert into {LEDGER} (gate, run_date, verdict, invocation_id)"
            " values ('not_stale', date '2026-11-21', 'pass', 'killed'), ('not_stale', date '2026-11-20', 'pass', 'killed')"
        ],
        {("killed", "-", "2026-11-20", UNSEALED)},
    ),
    "a decision about a day that nobody made": (
        [
            f"insert into {LEDGER} (gate, verdict, status, invocation_id, node_id)"
            " values ('accepted_incident', 'warn', 'accepted', 'forged', 'accepted_incident')"
        ],
        {("forged", "-", "-", UNSEALED)},
    ),
    "a seal changed": (
        [f"update {SEALS} set row_count = 5 where seal_number = 2"],
        {(2, "-", "-", "the seal was changed")},
    ),
    "a seal made again": (
        [f"update {SEALS} set seal = 'another' where seal_number = 2"],
        {(2, "-", "-", "the seal was changed"), (3, "-", "-", "the seal before it is gone or changed")},
    ),
    "what a seal covers changed": (
        [
            f"update {SEALS} set lines = '' where seal_number = 2",
            f"delete from {LEDGER} where {OF_RUN.format(2)}",
        ],
        {(2, "-", "-", "the lines of the seal were changed")},
    ),
    "a seal removed": (
        [f"delete from {SEALS} where seal_number = 1"],
        {
            (1, "-", "2026-11-15", UNSEALED),
            (2, "-", "-", "the seal before it is gone or changed"),
        },
    ),
    "the last seal removed": (
        [f"delete from {SEALS} where seal_number = 3"],
        {(3, "-", "2026-11-15", UNSEALED)},
    ),
    "a seal twice": (
        [f"insert into {SEALS} select * from {SEALS} where seal_number = 2"],
        {(2, "-", "-", "the seal before it is gone or changed")},
    ),
    "what a seal covers is NULL, and its rows are removed": (
        [
            f"update {SEALS} set lines = null where seal_number = 2",
            f"delete from {LEDGER} where {OF_RUN.format(2)}",
        ],
        {(2, "-", "-", "the lines of the seal were changed")},
    ),
    "the kind of a seal is NULL, and its rows are removed": (
        [
            f"update {SEALS} set kind = null where seal_number = 2",
            f"delete from {LEDGER} where {OF_RUN.format(2)}",
        ],
        {(2, "-", "-", "the seal was changed")},
    ),
    "the hash of a seal is NULL": (
        [f"update {SEALS} set rows_sha256 = null where seal_number = 2"],
        {(2, "-", "-", "the seal was changed")},
    ),
    "the number of rows of a seal is NULL": (
        [f"update {SEALS} set row_count = null where seal_number = 2"],
        {(2, "-", "-", "the seal was changed")},
    ),
    "the time of a seal is NULL": (
        [f"update {SEALS} set sealed_at = null where seal_number = 2"],
        {(2, "-", "-", "the seal was changed")},
    ),
    "a seal is NULL": (
        [f"update {SEALS} set seal = null where seal_number = 2"],
        {(2, "-", "-", "the seal was changed"), (3, "-", "-", "the seal before it is gone or changed")},
    ),
    "the seal before is NULL": (
        [f"update {SEALS} set previous_seal = null where seal_number = 2"],
        {(2, "-", "-", "the seal before it is gone or changed")},
    ),
    "a seal that no run made": (
        [
            f"insert into {SEALS} select 4, 'forged', kind, 0, rows_sha256, '', seal, 'made up', sealed_at"
            f" from {SEALS} where seal_number = 3"
        ],
        {("forged", "-", "-", "the seal was changed")},
    ),
}
