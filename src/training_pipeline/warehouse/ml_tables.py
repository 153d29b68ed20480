"""The tables that Python writes: schema `ml`, sources of the dbt project."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
from psycopg.rows import dict_row

_DDL = """
create schema if not exists ml;

create table if not exists ml.model_evaluation (
    run_date date not null,
    model_name text not null,
    model_version text not null,
    snapshot_date date not null,
    evaluated_at timestamp with time zone not null,
    metric text not null,
    segment text not null,
    value double precision,
    lower double precision,
    upper double precision,
    sample_size bigint not null,
    reference text not null,
    reference_version text,
    reference_value double precision,
    reference_lower double precision,
    reference_upper double precision,
    difference double precision,
    difference_lower double precision,
    difference_upper double precision,
    status text not null default 'measured',
    note text,
    primary key (run_date, model_name, model_version, metric, segment, reference)
);
comment on column ml.model_evaluation.value is
    'the metric on the test snapshot; NULL where it is undefined; lower and upper bound its 95 % interval';
comment on column ml.model_evaluation.difference is
    'how much better the model is than the reference on the same rows: positive is better for every metric
(auc: value - reference_value; predicted_over_actual, calibration_slope, calibration_intercept: how much nearer the
model is to 1, 1 and 0; the others: reference_value - value); lower and upper bound its 95 % interval, from paired
resamples; in a segment the intervals of all segments hold at once';

-- a table from before these columns keeps its rows
alter table ml.model_evaluation add column if not exists status text not null default 'measured';
alter table ml.model_evaluation add column if not exists note text;
alter table ml.model_evaluation add column if not exists digest text;
comment on column ml.model_evaluation.status is
    'measured; undecided where the customers are too few or of one kind; not comparable, e.g. a champion that was
fitted on days of the test snapshot';
comment on column ml.model_evaluation.note is 'why it is not measured, and what is needed; or what the reference is';
comment on column ml.model_evaluation.digest is 'SHA-256 over all files of the model version that was measured';

create table if not exists ml.promotion_history (
    decided_at timestamp with time zone not null,
    run_date date not null,
    model_name text not null,
    model_version text not null,
    previous_version text,
    decision text not null,
    reason text not null,
    gates jsonb not null,
    data_fingerprint text not null,
    git_commit text not null,
    manifest_hash text not null,
    decided_by text not null
);
-- the rows of an older table are decisions that were carried out, of models whose digest nobody knew
alter table ml.promotion_history add column if not exists number bigint generated always as identity;
alter table ml.promotion_history add column if not exists step text not null default 'done';
alter table ml.promotion_history add column if not exists intent bigint;
alter table ml.promotion_history add column if not exists evaluation text;
alter table ml.promotion_history add column if not exists digest text;
alter table ml.promotion_history drop constraint if exists promotion_history_decision_check;
alter table ml.promotion_history add constraint promotion_history_decision_check
    check (decision in ('promoted', 'kept', 'rejected', 'rolled_back', 'retired', 'adopted'));
alter table ml.promotion_history drop constraint if exists promotion_history_step_check;
alter table ml.promotion_history add constraint promotion_history_step_check
    check (step in ('intent', 'done', 'undone'));
comment on column ml.promotion_history.step is
    'intent before MLflow is told who is champion, done afterwards; undone where that was not possible';
comment on column ml.promotion_history.intent is 'the number of the intent that this row closes';
comment on column ml.promotion_history.evaluation is 'subject_version of the gates: the model version and its evaluation';
comment on column ml.promotion_history.digest is 'SHA-256 over all files of the model version';
comment on table ml.promotion_history is 'append-only: every decision about the champion';

create table if not exists ml.challenger (
    number bigint generated always as identity,
    trained_at timestamp with time zone not null default clock_timestamp(),
    run_date date not null,
    model_name text not null,
    model_version text not null,
    digest text not null,
    facts jsonb not null
);
comment on table ml.challenger is
    'append-only: which version is the challenger of a run date, and the proof that it was trained on';

create or replace function ml.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only: its rows are neither changed nor removed', tg_relid::regclass;
end
$$;
drop trigger if exists append_only on ml.promotion_history;
create trigger append_only before update or delete or truncate on ml.promotion_history
    for each statement execute function ml.refuse_change();
drop trigger if exists append_only on ml.challenger;
create trigger append_only before update or delete or truncate on ml.challenger
    for each statement execute function ml.refuse_change();
revoke update, delete, truncate on ml.promotion_history, ml.challenger from public, current_user;

create table if not exists ml.run_lock (
    warehouse_schema text primary key,
    backend integer not null,
    holder text not null,
    process integer not null,
    host text not null,
    command text not null,
    since timestamp with time zone not null
);
comment on table ml.run_lock is
    'who holds the lock of a schema, or held it last; backend is the session on the server that has it';
"""

INSERT_EVALUATION = """
insert into ml.model_evaluation (
    evaluated_at, run_date, model_name, model_version, digest, snapshot_date, metric, segment, value, lower, upper,
    sample_size, reference, reference_version, reference_value, reference_lower, reference_upper,
    difference, difference_lower, difference_upper, status, note
) values (
    transaction_timestamp(), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s
)
"""

# The table that is made last, and with it all others.
_IS_CURRENT = """
select to_regclass('ml.run_lock') is not null and exists (
    select from pg_attribute where attrelid = to_regclass('ml.model_evaluation') and attname = 'digest'
)
"""


def ensure(connection: psycopg.Connection) -> None:
    """Create the tables, or add what older ones lack. Safe when several processes do at once."""
    if connection.execute(_IS_CURRENT).fetchone() == (True,):
        return
    # "if not exists" alone fails when another process creates the same table just now
    connection.execute("select pg_advisory_xact_lock(hashtext('ml tables'))")
    connection.execute(_DDL)


def latest_evaluation(connection: psycopg.Connection, run_date: dt.date) -> list[dict[str, Any]]:
    """The rows of the model that was evaluated last for a run date, in the order of metric and segment."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "select * from ("
            " select *, rank() over (order by evaluated_at desc) as age"
            " from ml.model_evaluation where run_date = %s"
            ") as ranked where age = 1 order by metric, segment, reference",
            [run_date],
        ).fetchall()


def history(connection: psycopg.Connection) -> list[dict[str, Any]]:
    """All decisions about the champion that were carried out, earliest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "select * from ml.promotion_history where step = 'done' order by number"
        ).fetchall()


def may_decide(connection: psycopg.Connection) -> bool:
    """Say whether this login may add decisions to the history."""
    row = connection.execute("select has_table_privilege('ml.promotion_history', 'insert')").fetchone()
    return row == (True,)
