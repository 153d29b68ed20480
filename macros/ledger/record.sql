{# on-run-end: prints the evidence of all tests of this invocation, or of `dbt source freshness`, and returns what keeps it.
   dbt runs what a hook returns: where that fails, the hook has failed, while the verdicts stay and have been printed. #}
{% macro record(results) %}
    {% set tests = [] %}
    {% for result in results if result.node.resource_type in ["test", "source"] and result.status != "skipped" %}
        {% do tests.append(result) %}
    {% endfor %}
    {% if not execute or not tests %}{% do return("") %}{% endif %}
    {% if gates.is_dry_run() %}
        {% do log("gates: nothing is decided with --empty or --sample, and nothing is recorded", info=true) %}
        {% do return("") %}
    {% endif %}
    {% if gates.is_backtest() %}
        {% do gates.print_backtest(tests) %}
        {% do return("") %}
    {% endif %}
    {% set rows = gates.evidence_of_tests(tests) %}
    {% do gates.print_evidence(tests, rows) %}
    {% do return(gates.keep_evidence_sql(gates.insert_evidence_sql(rows))) %}
{% endmacro %}

{# What makes the ledger ready, adds the rows and seals them, in one transaction. No transaction is open when dbt runs it. #}
{% macro keep_evidence_sql(insert) %}{{ return(adapter.dispatch("keep_evidence_sql", "gates")(insert)) }}{% endmacro %}

{# An engine that takes one statement at a time. #}
{% macro default__keep_evidence_sql(insert) %}
    {% do gates.ensure_ledger() %}
    {% do gates.execute_and_commit(insert) %}
    {% do return(gates.seal_invocation_sql()) %}
{% endmacro %}

{% macro duckdb__keep_evidence_sql(insert) %}
    {% set prepare = gates.prepare_ledger_statements() %}
    {% do gates.execute_and_commit("select 1") %}  {# ends the transaction that questions to the catalog have left open #}
    {% do return((["begin transaction"] + prepare + [insert, gates.seal_invocation_sql(), "commit"]) | join("; ")) %}
{% endmacro %}

{# One process at a time, so that seals are a chain, and because "if not exists" alone fails when another creates the same table just
   now. The driver begins a transaction by itself, and would end it with a rollback. #}
{% macro postgres__keep_evidence_sql(insert) %}
    {% set prepare = gates.prepare_ledger_statements() %}
    {% do return(([gates.lock_sql()] + prepare + [insert, gates.seal_invocation_sql(), "commit"]) | join("; ")) %}
{% endmacro %}

{# One insert for all tests. The rows come as texts, which each engine reads back to the last bit, and are cast once. #}
{% macro insert_evidence_sql(rows) %}
{% set columns = gates.ledger_columns() %}
{% set given = rows[0] | list %}
insert into {{ gates.ledger() }} ({{ columns | join(", ") }})
select
    {%- for name, type in columns.items() %}
    {{ "cast(" ~ name ~ " as " ~ type ~ ")" if name in given else gates.recorded_value(name, type) }} as {{ name }}
    {{- "," if not loop.last }}
    {%- endfor %}
from (
    values
    {%- for row in rows %}
    ({% for value in row.values() %}{{ "null" if value is none else gates.literal(value) }}{{ ", " if not loop.last }}{% endfor %})
    {{- "," if not loop.last }}
    {%- endfor %}
) as kept ({{ given | join(", ") }})
{% endmacro %}

{# What all rows of an invocation have in common. #}
{% macro recorded_value(name, type) %}
    {% if name == "recorded_at" %}{% do return("current_timestamp") %}{% endif %}
    {% do return(gates.literal_or_null({
        "invocation_id": invocation_id,
        "dag_id": env_var("AIRFLOW_CTX_DAG_ID", ""),
        "dag_run_id": env_var("AIRFLOW_CTX_DAG_RUN_ID", ""),
        "task_id": env_var("AIRFLOW_CTX_TASK_ID", ""),
        "try_number": env_var("AIRFLOW_CTX_TRY_NUMBER", ""),
        "mode": "run",
    }[name], type)) %}
{% endmacro %}

{# The evidence of all tests, each row with its test, in the order of relation, gate, metric and segment: what a gate has kept, else
   one row made from dbt's own result. #}
{% macro evidence_of_tests(tests) %}
    {% set kept, identities, rows = gates.kept_evidence().rows, gates.gate_ids(), [] %}
    {% for result in tests %}
        {% set node, status = result.node, gates.status(result) %}
        {% set about = {
            "node_id": node.unique_id,
            "gate_id": identities.get(node.unique_id),
            "relation": gates.relation_name(node) or none,
            "severity": node.config.severity | default("error") | lower,
            "status": "accepted" if node.unique_id in gates.kept_evidence().decided else status,
            "config_hash": gates.config_hash(node),
        } %}
        {% if node.resource_type == "source" %}
            {% set evidence = [gates.evidence_of_freshness(result)] %}
        {% else %}
            {% set evidence = kept.get(node.unique_id) or [gates.evidence_of_status(result)] %}
        {% endif %}
        {% for row in evidence %}
            {# the last number makes each key another, so that rows themselves are never compared #}
            {% set words = [about.relation or "", row.gate or "", row.metric or "", row.segment or ""] %}
            {% do rows.append([words + [rows | length], dict(row, **about)]) %}
        {% endfor %}
    {% endfor %}
    {% do return(rows | sort | map(attribute=1) | list) %}
{% endmacro %}

{# An evidence row with the values that are given, for the run date; all others are NULL. #}
{% macro evidence_row(values) %}
    {% set row = {} %}
    {% for name in gates.evidence_columns() %}{% do row.update({name: none}) %}{% endfor %}
    {% do row.update({"segment": "all", "run_date": gates.run_date()}) %}
    {% do row.update(values) %}
    {% do return(row) %}
{% endmacro %}

{# The evidence row of a test that is not a gate, or of a gate whose query did not run: the number of failures. #}
{% macro evidence_of_status(result) %}
    {% set verdict = {"pass": "pass", "warn": "warn"}.get(result.status | string, "fail") %}
    {% do return(gates.evidence_row({
        "gate": result.node.test_metadata.name if result.node.test_metadata else result.node.name,
        "metric": "failures",
        "current_value": result.failures,
        "upper_bound": 0.0,
        "verdict": verdict,
        "reason": "query_error" if result.status == "error" else ("ok" if verdict == "pass" else "out_of_bounds"),
    })) %}
{% endmacro %}
