{# The columns of a relation, as its YAML declares them and as the database has them. #}

{# A list [column, type found, type declared, reason] for each column that is declared or found. #}
{% macro compare_columns(relation) %}
    {% set declared = gates.declared_columns(gates.tested_node(model)) %}
    {% set actual = {} %}
    {% for column in gates.columns_of_node(gates.tested_node(model), relation) %}
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

{# The columns of a model, source, seed or snapshot as they are, each with name and data_type; asked once in an invocation. relation:
   what stands for an ephemeral model in the query of a test. #}
{% macro columns_of_node(node, relation) %}
    {% set kept = gates.kept_evidence().setdefault("columns", {}) %}
    {% if node.unique_id not in kept %}
        {% if node.config.materialized == "ephemeral" %}
            {% set columns = gates.described_columns(gates.with_ephemeral_models("select * from " ~ relation)) %}
        {% else %}
            {% set columns = gates.columns_in_relation(api.Relation.create(
                database=node.database, schema=node.schema, identifier=node.identifier or node.alias
            )) %}
        {% endif %}
        {% do kept.update({node.unique_id: columns}) %}
    {% endif %}
    {% do return(kept[node.unique_id]) %}
{% endmacro %}

{# Refuses a column of the day that holds texts or numbers: one engine compares them with a day as best it can, another says that it
   has no such operator. test_node: a gate. #}
{% macro refuse_day_that_is_no_date(test_node, relation) %}
    {% set name = test_node.test_metadata.kwargs.date_column %}
    {% if name is string %}
        {% set node, bare = gates.tested_node(test_node), name.strip('"`') | lower %}
        {% for column in gates.columns_of_node(node, relation) if column.name | lower == bare and gates.is_no_day(column.data_type) %}
            {% do gates.refuse(
                test_node.test_metadata.name, "date_column", "a column of type date or timestamp", name,
                hint="In " ~ gates.relation_name(test_node) ~ " it is of type " ~ column.data_type
                    ~ ": make it a date in the model that the gate looks at, by a cast, or by to_date where it holds numbers like 20261122."
            ) %}
        {% endfor %}
    {% endif %}
{% endmacro %}

{# Whether a type holds texts or numbers; of types that are not known here the database decides. #}
{% macro is_no_day(type) %}
    {% do return(gates.canonical_type(type).split("(")[0] in [
        "text", "character", "char", "bpchar", "tinyint", "smallint", "integer", "bigint", "hugeint", "byte", "short",
        "utinyint", "usmallint", "uinteger", "ubigint", "uhugeint", "numeric", "real", "float", "double", "boolean",
    ]) %}
{% endmacro %}
