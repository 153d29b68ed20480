{% test schema_match(model, unexpected="fail") %}
{{ gates.configure() }}
{% set evidence %}
{% if not execute %}{% do gates.check_schema_match(unexpected) %}{% endif %}
{% if config.get("where") %}
    {% do gates.refuse("schema_match", "where", "left out: all rows have the same columns", config.get("where")) %}
{% endif %}
{% set found = gates.compare_columns(model) if execute else [["", none, none, "ok"]] %}
{% set types = {none: "null"} %}
{% for type in (found | map(attribute=1) | list + found | map(attribute=2) | list) | unique(true) if type %}
    {% do types.update({type: gates.literal(type)}) %}
{% endfor %}
with judged as (
    {% for name, actual_type, declared_type, reason in found -%}
    select
        0 as day_number,
        {{ gates.literal(name) }} as metric,
        'all' as segment,
        {{ types[actual_type] }} as current_value,
        {{ types[declared_type] }} as reference_value,
        null as statistic,
        null as lower_bound,
        null as upper_bound,
        null as sample_size,
        '{{ reason }}' as reason
    {{ "union all" if not loop.last }}
    {% endfor %}
)

{{ gates.evidence_rows("schema_match", "judged", verdicts={
    "unexpected_column": "'pass'" if unexpected == "ignore" else "'" ~ unexpected ~ "'"
}) }}
{% endset %}
{{ gates.decided(evidence) }}
{% endtest %}

{% macro check_schema_match(unexpected) %}
    {% do gates.require_choice("schema_match", "unexpected", unexpected, ["fail", "warn", "ignore"]) %}
{% endmacro %}

{# One [column, type found, type declared, reason] for each column that is declared or found. #}
{% macro compare_columns(relation) %}
    {% set declared = gates.declared_columns(gates.tested_node(model)) %}
    {% set actual = {} %}
    {% for column in gates.columns_in_relation(relation) %}
        {% do actual.update({column.name: column.data_type}) %}
    {% endfor %}
    {% set rows = [] %}
    {% for name, data_type in declared.items() %}
        {% set reason = "missing_column" if name not in actual
            else ("ok" if data_type == actual[name] or gates.is_same_type(data_type, actual[name]) else "type_changed") %}
        {% do rows.append([name, actual.get(name), data_type, reason]) %}
    {% endfor %}
    {% for name, data_type in actual.items() if name not in declared %}
        {% do rows.append([name, data_type, none, "unexpected_column"]) %}
    {% endfor %}
    {% do return(rows) %}
{% endmacro %}

{# The columns of a model or a source as its YAML declares them: name to type. #}
{% macro declared_columns(node) %}
    {% set columns = {} %}
    {% for column in node.columns.values() %}
        {% if not column.data_type %}
            {% do exceptions.raise_compiler_error(
                "gates.schema_match: column `" ~ column.name ~ "` of " ~ node.unique_id ~ " has no data_type;"
                ~ " declare it in the YAML of that model or source.") %}
        {% endif %}
        {% do columns.update({column.name if column.quote else column.name | lower: column.data_type}) %}
    {% endfor %}
    {% if not columns %}
        {% do exceptions.raise_compiler_error(
            "gates.schema_match: the YAML of " ~ node.unique_id ~ " declares no columns; list them with their data_type.") %}
    {% endif %}
    {% do return(columns) %}
{% endmacro %}
