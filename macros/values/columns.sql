{# The columns of a relation, as its YAML declares them and as the database has them. #}

{# A list [column, type found, type declared, reason] for each column that is declared or found. #}
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

{# The declared columns of a model or a source: name to type. #}
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
