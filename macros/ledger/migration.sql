{# From the first version of the ledger to the present one, in place: columns are added, each gate gets the identity that it has now, and
   all rows so far are sealed as one entry. A gate that is gone keeps its id in dbt as its identity: what it rejected stays rejected. #}
{% macro migrate_statements() %}{{ return(adapter.dispatch("migrate_statements", "gates")()) }}{% endmacro %}

{% macro default__migrate_statements() %}
    {% do return(gates.add_columns_statements() + gates.identify_statements() + [gates.seal_before_sql()]) %}
{% endmacro %}

{# Most tables of Spark cannot be updated: old rows keep their id in dbt, and `gates.recorded_gate_id` reads that. #}
{% macro spark__migrate_statements() %}
    {% do return(gates.add_columns_statements() + [gates.seal_before_sql()]) %}
{% endmacro %}

{% macro add_columns_statements() %}
    {% set present, statements = [], [] %}
    {% for column in gates.columns_in_relation(gates.ledger()) %}{% do present.append(column.name) %}{% endfor %}
    {% for name, type in gates.ledger_columns().items() if name not in present %}
        {% do statements.append(gates.add_column_sql(name, type)) %}
    {% endfor %}
    {% do return(statements) %}
{% endmacro %}

{% macro add_column_sql(name, type) %}{{ return(adapter.dispatch("add_column_sql", "gates")(name, type)) }}{% endmacro %}
{% macro default__add_column_sql(name, type) %}
    {{ return("alter table " ~ gates.ledger() ~ " add column if not exists " ~ name ~ " " ~ type) }}
{% endmacro %}
{% macro spark__add_column_sql(name, type) %}
    {{ return("alter table " ~ gates.ledger() ~ " add columns (" ~ name ~ " " ~ type ~ ")") }}
{% endmacro %}

{% macro identify_statements() %}
    {% set pairs, ledger = [], gates.ledger() %}
    {% for node_id, gate_id in gates.gate_ids().items() %}
        {% do pairs.append("(" ~ gates.literal(node_id) ~ ", " ~ gates.literal(gate_id) ~ ")") %}
    {% endfor %}
    {% set statements = [
        "update " ~ ledger ~ " set gate_id = identities.gate_id from (values " ~ pairs | join(", ")
        ~ ") as identities (node_id, gate_id) where " ~ ledger.identifier ~ ".mode is null and "
        ~ ledger.identifier ~ ".node_id = identities.node_id"
    ] if pairs else [] %}
    {# a test that is no gate has one row, of its failures #}
    {% do return(statements + [
        "update " ~ ledger ~ " set gate_id = coalesce(gate_id, case when metric <> 'failures' or reason = 'query_error' then node_id end),"
        ~ " mode = 'run' where mode is null"
    ]) %}
{% endmacro %}

{# Accepted incidents, which an older ledger has among its evidence, become decisions where there is no table of these yet. #}
{% macro migrate_decisions_statements() %}
    {% if load_relation(gates.decisions_table()) %}{% do return([]) %}{% endif %}
    {% set columns, table = gates.decision_columns() | join(", "), gates.decisions_table() %}
    {% do return([
        "insert into " ~ table ~ " (" ~ columns ~ ") select " ~ columns ~ " from (" ~ gates.accepted_incidents()
        ~ ") as incidents where not exists (select 1 from " ~ table ~ ")",
        gates.seal_decisions_sql("1 = 1", condition="row_count > 0"),
    ]) %}
{% endmacro %}

{# One entry for all that was recorded before there were seals. #}
{% macro seal_before_sql() %}
    {% do return(gates.append_seal_sql(
        "before sealing", "before", gates.ledger_lines(sealed="select cast(null as " ~ gates.type_text() ~ ") as invocation_id where 1 = 0"),
        condition="row_count > 0 and seal_number = 1"
    )) %}
{% endmacro %}

{# Who a gate is in a row of the ledger. #}
{% macro recorded_gate_id(alias) %}
    {% if gates.ledger_state() == "old" %}{% do return(alias ~ ".node_id") %}{% endif %}
    {{ return(adapter.dispatch("recorded_gate_id", "gates")(alias)) }}
{% endmacro %}
{% macro default__recorded_gate_id(alias) %}{{ return(alias ~ ".gate_id") }}{% endmacro %}
{% macro spark__recorded_gate_id(alias) %}
    {{ return("coalesce(" ~ alias ~ ".gate_id, case when " ~ alias ~ ".mode is null then " ~ alias ~ ".node_id end)") }}
{% endmacro %}
