{# What the command `gates` builds for as long as it runs, in a schema that it drops at the end: GATES_SCRATCH names it. #}

{% macro scratch_relation(name, type="view") %}
    {% do return(api.Relation.create(
        database=target.get("database"), schema=env_var("GATES_SCRATCH"), identifier=name, type=type
    )) %}
{% endmacro %}

{# The statements that a connection begins with: what a replay asks is short, and read once. #}
{% macro replay_settings() %}{{ return(adapter.dispatch("replay_settings", "gates")()) }}{% endmacro %}
{% macro default__replay_settings() %}{{ return([]) }}{% endmacro %}
{# Compiling takes longer than these statements; with the 4 MB that a server gives by default they sort on disk. #}
{% macro postgres__replay_settings() %}{{ return(["set jit = off", "set work_mem = '64MB'"]) }}{% endmacro %}

{# The statements that make a table of a select, with what the planner wants to know of it. #}
{% macro create_scratch_table(relation, select) %}
    {{ return(adapter.dispatch("create_scratch_table", "gates")(relation, select)) }}
{% endmacro %}
{% macro default__create_scratch_table(relation, select) %}
    {{ return(["create table " ~ relation ~ " as " ~ select]) }}
{% endmacro %}
{% macro postgres__create_scratch_table(relation, select) %}
    {{ return(["create unlogged table " ~ relation ~ " as " ~ select, "analyze " ~ relation]) }}
{% endmacro %}
{% macro spark__create_scratch_table(relation, select) %}
    {{ return(["create table " ~ relation ~ " using parquet as " ~ select]) }}
{% endmacro %}

{# A date or a timestamp so many days later, of the same type. #}
{% macro moved_by_days(column, type, days) %}
    {{ return(adapter.dispatch("moved_by_days", "gates")(gates.column(column), type, days)) }}
{% endmacro %}
{% macro default__moved_by_days(value, type, days) -%}
    cast({{ value }} + interval '{{ days }} days' as {{ type }})
{%- endmacro %}
{% macro spark__moved_by_days(value, type, days) -%}
    cast({{ value }} + interval '{{ days }}' day as {{ type }})
{%- endmacro %}
