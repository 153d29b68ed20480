{# dbt run-operation prune_gate_results --args '{keep_days: 730, dry_run: true}': forgets the runs whose run dates are all more than
   keep_days days before the run date. keep_invocations: the runs that a certificate or a promotion rests on. Seals stay, so that their
   chain holds; a separate entry says which runs are gone. #}
{% macro prune_gate_results(keep_days, keep_invocations=[], dry_run=false) %}
    {% if not execute %}{% do return("") %}{% endif %}
    {% set least = gates.look_back_days() %}
    {% if gates.broken_rule("keep_days", keep_days, {"kind": "integer", "at_least": least}, {}) %}
        {% do gates.refuse(
            "prune_gate_results", "keep_days", "a whole number of at least " ~ least, keep_days,
            hint="The gates of this project ask the ledger which of the " ~ least ~ " days before the run date were rejected."
        ) %}
    {% endif %}
    {% if gates.ledger_state() == "absent" %}
        {% do log("gates: there is no ledger, so nothing to prune", info=true) %}
        {% do return("") %}
    {% endif %}
    {% do gates.ensure_ledger() %}
    {% set doomed = gates.prunable_invocations_sql(gates.days_before(gates.run_date(), keep_days), keep_invocations) %}
    {% set found = gates.fetched("select count(*), coalesce(sum(row_count), 0) from (" ~ doomed ~ ") as doomed", ["runs", "rows"])[0] %}
    {% if not dry_run %}{% do gates.execute_all(gates.prune_statements(doomed)) %}{% endif %}
    {% do log(
        ("gates: a dry run, " if dry_run else "gates: ") ~ found.rows ~ " rows of " ~ found.runs ~ " runs that are about days before "
        ~ gates.days_before(gates.run_date(), keep_days).isoformat() ~ (" would be removed" if dry_run else " are removed"), info=true
    ) %}
{% endmacro %}

{# The runs that may go, each with the number of its rows: none that is kept by name, none that is not as it was sealed, for its rows
   show that, none that has judged past days and whose verdict on one of them is still the last, and none of an id that the entry could
   not name, as people have written into older ledgers. Decisions about days are in another table, and none is ever removed. #}
{% macro prunable_invocations_sql(first_kept, keep_invocations) %}
{% set kept = ["''"] %}
{% for id in keep_invocations %}{% do kept.append(gates.literal(id)) %}{% endfor %}
select
    recorded.invocation_id,
    count(*) as row_count
from {{ gates.ledger() }} as recorded
left join (
    select distinct invocation_id
    from ({{ gates.broken_seals_sql() }}) as findings
) as broken
    on recorded.invocation_id = broken.invocation_id
left join (
    select distinct invocation_id
    from (
        select
            invocation_id,
            mode,
            rank() over (partition by gate_id, run_date order by recorded_at desc, invocation_id desc) as age
        from {{ gates.ledger() }}
    ) as verdicts
    where age = 1 and mode = 'window'
) as windows
    on recorded.invocation_id = windows.invocation_id
where
    broken.invocation_id is null
    and windows.invocation_id is null
    and recorded.invocation_id not in ({{ kept | join(", ") }})
    and recorded.invocation_id = {{ gates.one_word("recorded.invocation_id") }}
group by recorded.invocation_id
having max(recorded.run_date) < {{ gates.date_literal(first_kept) }}
{% endmacro %}

{# What was pruned before is deleted as well: a run that was killed, on an engine without transactions, has said so and not done it. #}
{% macro prune_statements(doomed) %}
    {% set pruned = "(select " ~ gates.each_line("lines") ~ " from " ~ gates.seals() ~ " where kind = 'pruned')" %}
    {% do return([
        gates.append_seal_sql(
            invocation_id, "pruned", "select invocation_id as line, 0 as row_count from (" ~ doomed ~ ") as doomed", condition="lines <> ''"
        ),
        "delete from " ~ gates.ledger() ~ " where invocation_id in " ~ pruned,
        "update " ~ gates.seals() ~ " set lines = '' where kind = 'run' and invocation_id in " ~ pruned,
    ]) %}
{% endmacro %}

{# How many days back the gates of the project ask the ledger at most: what their specs say of the arguments that reach back. #}
{% macro look_back_days() %}
    {% set longest = namespace(days=0) %}
    {% for node in graph.nodes.values() if gates.is_gate(node) %}
        {% set days = namespace(sum=0) %}
        {% for name, argument in gates[node.test_metadata.name ~ "_spec"]().arguments.items() if argument.looks_back %}
            {% set value = node.test_metadata.kwargs.get(name, argument.default) %}
            {% set days.sum = days.sum + argument.looks_back * (value if value is number else render(value) | int) %}
        {% endfor %}
        {% set longest.days = [longest.days, days.sum] | max %}
    {% endfor %}
    {% do return(longest.days) %}
{% endmacro %}

{# For the command `training-pipeline prune`, which runs the statements of a plan itself, in one transaction, on Postgres. `runs` is a
   table that `prepare` makes, of the runs that go. #}
{% macro prune_plan(keep_days, keep_invocations) %}
    {% set doomed = gates.prunable_invocations_sql(gates.days_before(gates.run_date(), keep_days), keep_invocations) %}
    {% set runs = "gates_pruned_runs" %}
    {% do return({
        "look_back_days": gates.look_back_days(),
        "runs": runs,
        "prepare": [gates.lock_sql()] + gates.prepare_ledger_statements()
            + ["create temporary table " ~ runs ~ " on commit drop as " ~ doomed],
        "remove": gates.prune_statements("select * from " ~ runs),
    }) %}
{% endmacro %}

{# Several statements, in one transaction where the engine has one. #}
{% macro execute_all(statements) %}{{ return(adapter.dispatch("execute_all", "gates")(statements)) }}{% endmacro %}
{% macro default__execute_all(statements) %}
    {% for statement in statements %}{% do gates.execute_and_commit(statement) %}{% endfor %}
{% endmacro %}
{% macro duckdb__execute_all(statements) %}{% do gates.execute_and_commit(statements | join("; ")) %}{% endmacro %}
{% macro postgres__execute_all(statements) %}
    {% do gates.execute_and_commit(([gates.lock_sql()] + statements) | join("; ")) %}
{% endmacro %}

{# One process at a time writes the ledger of a schema on Postgres. #}
{% macro lock_sql() %}{% do return("select pg_advisory_xact_lock(hashtext('" ~ gates.ledger() ~ "'))") %}{% endmacro %}
