{# dbt run-operation prune_gate_results --args '{keep_days: 730}': forgets the invocations that are about run dates before that only.
   Gates that look back ask the ledger which days were rejected, so the longest look-back is kept in any case. keep_invocations: what a
   certificate or a promotion rests on. Seals stay, so that their chain holds; a separate entry says which invocations are gone. #}
{% macro prune_gate_results(keep_days, keep_invocations=[]) %}
    {% do gates.require("prune_gate_results", "keep_days", keep_days, {"kind": "integer", "at_least": 120}) %}
    {% if execute and gates.ledger_state() != "absent" %}
        {% do gates.ensure_ledger() %}
        {% set first_kept = gates.days_before(gates.run_date(), keep_days) %}
        {% do gates.execute_all(gates.prune_statements(first_kept, keep_invocations)) %}
        {% do log("gate_results now begins at " ~ first_kept.isoformat(), info=true) %}
    {% endif %}
{% endmacro %}

{% macro prune_statements(first_kept, keep_invocations) %}
    {% set kept = ["''"] %}
    {% for id in keep_invocations %}{% do kept.append(gates.literal(id)) %}{% endfor %}
    {% set pruned = "(select " ~ gates.each_line("lines") ~ " from " ~ gates.seals() ~ " where kind = 'pruned')" %}
    {% set lines %}
        select invocation_id as line, 0 as row_count
        from {{ gates.ledger() }}
        where invocation_id not in ({{ kept | join(", ") }})
        group by invocation_id
        having max(run_date) < {{ gates.date_literal(first_kept) }}
    {% endset %}
    {% do return([
        gates.append_seal_sql(invocation_id, "pruned", lines, condition="lines <> ''"),
        "delete from " ~ gates.ledger() ~ " where invocation_id in " ~ pruned,
        "update " ~ gates.seals() ~ " set lines = '' where kind = 'run' and invocation_id in " ~ pruned,
    ]) %}
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
