{# The ledger `gate_results`: append-only evidence of every test of every run. #}

{% macro ledger_columns() %}
    {% set text, double = gates.type_text(), gates.type_double() %}
    {% do return({
        "gate": text, "metric": text, "segment": text, "run_date": "date",
        "current_value": text, "reference_value": text, "statistic": double,
        "lower_bound": double, "upper_bound": double, "sample_size": "bigint",
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
    {% for statement in gates.create_ledger_statements() %}{% do gates.execute_and_commit(statement) %}{% endfor %}
{% endmacro %}

{# A hook runs in whatever transaction is open, and dbt rolls that back when the hook ends: so begin, and commit. #}
{% macro execute_and_commit(sql, fetch=false) %}
    {% call statement("ledger", fetch_result=fetch, auto_begin=true) %}{{ sql }}{% endcall %}
    {% do adapter.commit() %}
    {% if fetch %}{% do return(load_result("ledger").table.rows) %}{% endif %}
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

{# on-run-end: prints the evidence of all tests of this invocation, or of `dbt source freshness`, and returns what keeps it.
   dbt runs what a hook returns: where that fails, the hook has failed, while the verdicts stay and have been told. #}
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
    {% set is_new = load_relation(gates.ledger()) is none %}
    {% set evidence = gates.evidence_sql(tests) %}
    {% do gates.print_evidence(tests, gates.execute_and_commit(
        "select * from (" ~ evidence ~ ") as told order by relation, gate, metric, segment", fetch=true
    )) %}
    {% if is_new %}{% do gates.ensure_ledger() %}{% endif %}
    {% set copied = [] %}
    {% for result in tests if result.status == "pass" and gates.is_gate(result.node) %}
        {% do copied.append(result.node.relation_name) %}
    {% endfor %}
    {% do return(gates.keep_evidence_sql(gates.insert_evidence_sql(evidence), copied)) %}
{% endmacro %}

{# The insert, and the end of the tables that it has copied, which dbt would else drop one by one in the next run. Those of gates
   that did not pass stay: dbt has just printed their names. No transaction is open when dbt runs this. #}
{% macro keep_evidence_sql(insert, copied) %}
    {{ return(adapter.dispatch("keep_evidence_sql", "gates")(insert, copied)) }}
{% endmacro %}

{# An engine that takes one statement at a time. #}
{% macro default__keep_evidence_sql(insert, copied) %}{{ return(insert) }}{% endmacro %}

{% macro duckdb__keep_evidence_sql(insert, copied) %}
    {% set statements = ["begin transaction", insert] %}
    {% for table in copied %}{% do statements.append("drop table " ~ table) %}{% endfor %}
    {% do return((statements + ["commit"]) | join("; ")) %}
{% endmacro %}

{# The driver begins a transaction by itself, and would end it with a rollback. #}
{% macro postgres__keep_evidence_sql(insert, copied) %}
    {% set drop = ["drop table " ~ copied | join(", ") ~ " cascade"] if copied else [] %}
    {% do return(([insert] + drop + ["commit"]) | join("; ")) %}
{% endmacro %}

{# One insert for all tests; what they have in common, once. #}
{% macro insert_evidence_sql(evidence) %}
insert into {{ gates.ledger() }} ({{ gates.ledger_columns() | join(", ") }})
select
    {{ gates.evidence_columns() | join(", ") }},
    current_timestamp,
    {{ gates.literal(invocation_id) }},
    node_id, relation, severity, status,
    {{ gates.literal_or_null(env_var("AIRFLOW_CTX_DAG_ID", "")) }},
    {{ gates.literal_or_null(env_var("AIRFLOW_CTX_DAG_RUN_ID", "")) }},
    {{ gates.literal_or_null(env_var("AIRFLOW_CTX_TASK_ID", "")) }},
    {{ gates.literal_or_null(env_var("AIRFLOW_CTX_TRY_NUMBER", ""), "integer") }},
    config_hash
from (
{{ evidence }}
) as recorded
{% endmacro %}

{# The evidence of all tests, each row with its test: what a gate has stored, else one row made from dbt's own result. #}
{% macro evidence_sql(tests) %}
{% set columns = gates.evidence_columns() | join(", ") %}
{% for result in tests -%}
{% set node, status = result.node, gates.status(result) -%}
select
    evidence.*,
    {{ gates.literal(node.unique_id) }} as node_id,
    {{ gates.literal_or_null(gates.relation_name(node)) }} as relation,
    '{{ node.config.severity | default("error") | lower }}' as severity,
    '{{ status }}' as status,
    '{{ gates.config_hash(node) }}' as config_hash
from (
    {% if gates.is_gate(node) and status in ["pass", "warn", "fail"] -%}
    select {{ columns }} from {{ node.relation_name }}
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
    cast(null as bigint) as sample_size,
    '{{ verdict }}' as verdict,
    '{{ reason }}' as reason
{% endmacro %}
