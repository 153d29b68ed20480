{# The ledger `gate_results`: append-only evidence of every test of every run. #}

{% macro ledger_columns() %}
    {% set text, double = gates.type_text(), gates.type_double() %}
    {% do return({
        "gate": text, "metric": text, "segment": text, "run_date": "date",
        "current_value": text, "reference_value": text, "statistic": double,
        "lower_bound": double, "upper_bound": double, "sample_size": "bigint",
        "verdict": text, "reason": text, "subject_version": text,
        "recorded_at": gates.type_timestamp(), "invocation_id": text, "node_id": text, "gate_id": text, "relation": text,
        "severity": text, "status": text,
        "dag_id": text, "dag_run_id": text, "task_id": text, "try_number": "integer", "config_hash": text, "mode": text,
    }) %}
{% endmacro %}

{# The columns that a gate returns. #}
{% macro evidence_columns() %}
    {% do return((gates.ledger_columns() | list)[:13]) %}
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

{# What an older ledger names as the test where a person has accepted an incident. #}
{% macro accepted_incident() %}{{ return("accepted_incident") }}{% endmacro %}

{# Creates or migrates the ledger. Many dbt processes may try at once. #}
{% macro ensure_ledger() %}
    {% set statements = gates.prepare_ledger_statements() %}
    {% if statements %}{% do gates.execute_all(statements) %}{% endif %}
    {% do gates.kept_evidence().update({"ledger_state": "current"}) %}
    {% do gates.kept_evidence().pop("decisions", none) %}
{% endmacro %}

{# Adds rows outside a run's end, and closes this invocation with a seal: over all rows of evidence that it has written, unless another
   seal is given. #}
{% macro keep_sealed(inserts, seal=none) %}
    {% do gates.execute_all(gates.prepare_ledger_statements() + inserts + [seal or gates.seal_invocation_sql()]) %}
    {% do gates.kept_evidence().update({"ledger_state": "current"}) %}
    {% do gates.kept_evidence().pop("decisions", none) %}
{% endmacro %}

{# A hook runs in whatever transaction is open, and dbt rolls that back when the hook ends: so begin, and commit. #}
{% macro execute_and_commit(sql) %}
    {% call statement("ledger", auto_begin=true) %}{{ sql }}{% endcall %}
    {% do adapter.commit() %}
{% endmacro %}

{# What makes the ledger and its seals as they are described here; nothing where they are. #}
{% macro prepare_ledger_statements() %}
    {% set state = gates.ledger_state() %}
    {% if state == "current" %}{% do return([]) %}{% endif %}
    {# the right to create schemas is asked for only where there is none to create the table in #}
    {% set schema_exists = state != "absent" or adapter.check_schema_exists(gates.ledger().database, gates.ledger().schema) %}
    {% set statements = [] if schema_exists else [
        "create schema if not exists " ~ gates.ledger().include(database=false, identifier=false)
    ] %}
    {% set statements = statements + [
        gates.create_table_sql(gates.ledger(), gates.ledger_columns()),
        gates.create_table_sql(gates.seals(), gates.seal_columns()),
        gates.create_table_sql(gates.decisions_table(), gates.decision_columns()),
    ] %}
    {% do return(statements + (gates.migrate_statements() if state == "old" else [])
        + (gates.migrate_decisions_statements() if state in ["old", "unsealed", "undecided"] else []) + gates.index_statements()) %}
{% endmacro %}

{% macro create_table_sql(relation, columns) %}
    {% set declared = [] %}
    {% for name, type in columns.items() %}{% do declared.append(name ~ " " ~ type) %}{% endfor %}
    {% do return("create table if not exists " ~ relation ~ " (" ~ declared | join(", ") ~ ")") %}
{% endmacro %}

{% macro index_statements() %}{{ return(adapter.dispatch("index_statements", "gates")()) }}{% endmacro %}
{% macro default__index_statements() %}{{ return([]) }}{% endmacro %}
{% macro postgres__index_statements() %}
    {% set statements = [] %}
    {% for name, columns in {
        "run_date": "(run_date, node_id, recorded_at)",
        "invocation": "(invocation_id)",
        "gate": "(gate_id, run_date, recorded_at)",
        "rejected": "(relation, run_date) where status in ('fail', 'error', 'accepted')",
    }.items() %}
        {% do statements.append("create index if not exists gate_results_" ~ name ~ " on " ~ gates.ledger() ~ " " ~ columns) %}
    {% endfor %}
    {% do return(statements) %}
{% endmacro %}

{# Whether the ledger is "absent", "old" (without all its columns, as the first version made it), "unsealed" (the table of seals is gone: what
   there is stays unsealed, and `verify` names it), "undecided" (from before there was a table of decisions) or "current"; asked once in an invocation. #}
{% macro ledger_state() %}
    {% set kept = gates.kept_evidence() %}
    {% if "ledger_state" not in kept %}
        {% set state = "absent" %}
        {% if load_relation(gates.ledger()) %}
            {% set names = gates.columns_in_relation(gates.ledger()) | map(attribute="name") | list %}
            {% set state = "old" if gates.ledger_columns() | reject("in", names) | list else "unsealed" if not load_relation(gates.seals())
                else "current" if load_relation(gates.decisions_table()) else "undecided" %}
        {% endif %}
        {% do kept.update({"ledger_state": state}) %}
    {% endif %}
    {% do return(kept.ledger_state) %}
{% endmacro %}
