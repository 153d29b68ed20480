{# The ledger `gate_results`: append-only evidence of every test of every run. #}

{% macro ledger_columns() %}
    {% set text, double = gates.type_text(), gates.type_double() %}
    {% do return({
        "gate": text, "metric": text, "segment": text, "run_date": "date",
        "current_value": text, "reference_value": text, "statistic": double,
        "lower_bound": double, "upper_bound": double, "sample_size": gates.type_bigint(),
        "verdict": text, "reason": text,
        "recorded_at": gates.type_timestamp(), "invocation_id": text, "node_id": text, "relation": text,
        "severity": text, "status": text,
        "dag_id": text, "dag_run_id": text, "task_id": text, "try_number": "integer", "config_hash": text,
    }) %}
{% endmacro %}

{% macro ledger() %}
    {% do return(api.Relation.create(
        database=target.get("database"), schema=var("gate_results_schema", target.schema), identifier="gate_results",
        type="table"
    )) %}
{% endmacro %}

{# Known days, a table with a column calendar_date in the schema of the ledger: they never serve as a reference. #}
{% macro calendar() %}
    {% do return(gates.ledger().incorporate(path={"identifier": var("gates_calendar", "calendar")})) %}
{% endmacro %}

{# What the ledger names as the test where a person has accepted an incident. #}
{% macro accepted_incident() %}{{ return("accepted_incident") }}{% endmacro %}

{# Creates the ledger where it is not there yet. Many dbt processes may try at once. #}
{% macro ensure_ledger() %}
    {% if not load_relation(gates.ledger()) %}
        {% for statement in gates.create_ledger_statements() %}{% do gates.execute_and_commit(statement) %}{% endfor %}
    {% endif %}
{% endmacro %}

{# A hook runs in whatever transaction is open, and dbt rolls that back when the hook ends: so begin, and commit. #}
{% macro execute_and_commit(sql) %}
    {% call statement("ledger", auto_begin=true) %}{{ sql }}{% endcall %}
    {% do adapter.commit() %}
{% endmacro %}

{% macro create_ledger_statements() %}{{ return(adapter.dispatch("create_ledger_statements", "gates")()) }}{% endmacro %}

{% macro default__create_ledger_statements() %}
    {% set columns = [] %}
    {% for name, type in gates.ledger_columns().items() %}{% do columns.append(name ~ " " ~ type) %}{% endfor %}
    {% do return([
        "create schema if not exists " ~ gates.ledger().include(database=false, identifier=false),
        "create table if not exists " ~ gates.ledger() ~ " (" ~ columns | join(", ") ~ ")",
    ]) %}
{% endmacro %}

{# One statement, and one process at a time: "if not exists" alone fails when another creates the same table just now. #}
{% macro postgres__create_ledger_statements() %}
    {% do return([(
        ["select pg_advisory_xact_lock(hashtext('" ~ gates.ledger() ~ "'))"]
        + gates.default__create_ledger_statements()
        + [
            "create index if not exists gate_results_run_date on " ~ gates.ledger() ~ " (run_date, node_id, recorded_at)",
            "create index if not exists gate_results_invocation on " ~ gates.ledger() ~ " (invocation_id)",
        ]
    ) | join("; ")]) %}
{% endmacro %}

{# on-run-end: keeps the evidence of all tests of this invocation, or of `dbt source freshness`, and prints it. #}
{% macro record(results) %}
    {% set tests = [] %}
    {% for result in results if result.node.resource_type in ["test", "source"] and result.status != "skipped" %}
        {% do tests.append(result) %}
    {% endfor %}
    {% if not execute or not tests %}{% do return("") %}{% endif %}
    {% if gates.is_backtest() %}
        {% do gates.print_backtest(tests) %}
        {% do return("") %}
    {% endif %}
    {% do gates.ensure_ledger() %}
    {% do gates.execute_and_commit(gates.insert_evidence_sql(tests)) %}
    {% do gates.print_evidence(tests) %}
    {% do return("") %}
{% endmacro %}

{# One insert for all tests: their stored evidence, or one row made from dbt's own result. #}
{% macro insert_evidence_sql(tests) %}
insert into {{ gates.ledger() }} ({{ gates.ledger_columns() | join(", ") }})
{% for result in tests -%}
{% set node = result.node -%}
{% set status = gates.status(result) -%}
select
    evidence.*,
    current_timestamp as recorded_at,
    {% for value in [
        invocation_id, node.unique_id, gates.relation_name(node), node.config.severity | default("error") | lower, status,
        env_var("AIRFLOW_CTX_DAG_ID", ""), env_var("AIRFLOW_CTX_DAG_RUN_ID", ""), env_var("AIRFLOW_CTX_TASK_ID", "")
    ] -%}
    {{ gates.literal_or_null(value) }},
    {% endfor -%}
    {{ gates.literal_or_null(env_var("AIRFLOW_CTX_TRY_NUMBER", ""), "integer") }},
    {{ gates.literal_or_null(gates.config_hash(node)) }}
from (
    {% if gates.is_gate(node) and status in ["pass", "warn", "fail"] -%}
    select {{ gates.evidence_columns() | join(", ") }} from {{ node.relation_name }}
    {%- elif node.resource_type == "source" -%}
    {{ gates.evidence_of_freshness(result) }}
    {%- else -%}
    {{ gates.evidence_of_status(result) }}
    {%- endif %}
) as evidence
{{ "union all" if not loop.last }}
{% endfor %}
{% endmacro %}

{% macro evidence_columns() %}
    {% do return((gates.ledger_columns() | list)[:12]) %}
{% endmacro %}

{% macro relation_name(test_node) %}
    {% set node = gates.tested_node(test_node) %}
    {% do return(node.schema ~ "." ~ (node.identifier or node.alias) if node else "") %}
{% endmacro %}

{% macro literal_or_null(value, type=none) %}
    {% do return("cast(" ~ (gates.literal(value) if value else "null") ~ " as " ~ (type or gates.type_text()) ~ ")") %}
{% endmacro %}

{# The evidence row of a test that is not a gate, or of a gate whose statement did not run: the number of failures. #}
{% macro evidence_of_status(result) %}
    {% set verdict = {"pass": "pass", "warn": "warn"}.get(result.status | string, "fail") %}
    {% set name = result.node.test_metadata.name if result.node.test_metadata else result.node.name %}
    {% set reason = "query_error" if result.status == "error" else ("ok" if verdict == "pass" else "out_of_bounds") %}
select
    {{ gates.literal(name) }} as gate,
    'failures' as metric,
    'all' as segment,
    {{ gates.date_literal(gates.run_date()) }} as run_date,
    {{ gates.literal_or_null(result.failures | string if result.failures is not none else none) }} as current_value,
    cast(null as {{ gates.type_text() }}) as reference_value,
    cast(null as {{ gates.type_double() }}) as statistic,
    cast(null as {{ gates.type_double() }}) as lower_bound,
    cast(0 as {{ gates.type_double() }}) as upper_bound,
    cast(null as {{ gates.type_bigint() }}) as sample_size,
    '{{ verdict }}' as verdict,
    '{{ reason }}' as reason
{% endmacro %}
