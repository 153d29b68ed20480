{# Medians over the days before a day. No engine has them as a window function, so the values of the window are collected, and the
   median of the collection is taken. #}

{# The keyword of a CTE that is computed once, and not for each use. Spark has none. #}
{% macro materialized() %}{{ return(adapter.dispatch("materialized", "gates")()) }}{% endmacro %}
{% macro default__materialized() %}{{ return("materialized") }}{% endmacro %}
{% macro spark__materialized() %}{{ return("") }}{% endmacro %}

{# The values of the days from `first` to `last` days before, among the rows with the same keys, in a collection without NULL; NULL
   or empty where there is none. On Postgres a slice of all of them, because it cannot take a value from a collection that it has
   gathered, and would gather each again. #}
{% macro collected(expression, keys, first, last=1) %}
    {{ return(adapter.dispatch("collected", "gates")(expression, keys, first, last)) }}
{% endmacro %}
{% macro default__collected(expression, keys, first, last) %}
    {{ return(
        "array_agg(" ~ expression ~ ") filter (where " ~ expression ~ " is not null) over ("
        ~ gates.days_preceding(keys, first, last) ~ ")"
    ) }}
{% endmacro %}
{% macro postgres__collected(expression, keys, first, last) %}
    {% set until = "count(" ~ expression ~ ") over (" ~ gates.days_preceding(keys, "unbounded", last) ~ ")" %}
    {% set within = "count(" ~ expression ~ ") over (" ~ gates.days_preceding(keys, first, last) ~ ")" %}
    {{ return(
        "(array_agg(" ~ expression ~ ") filter (where " ~ expression ~ " is not null) over (partition by " ~ keys
        ~ " order by day_number rows between unbounded preceding and unbounded following))["
        ~ until ~ " - " ~ within ~ " + 1:" ~ until ~ "]"
    ) }}
{% endmacro %}
{% macro spark__collected(expression, keys, first, last) %}
    {{ return("collect_list(" ~ expression ~ ") over (" ~ gates.days_preceding(keys, first, last) ~ ")") }}
{% endmacro %}

{# An aggregate: the `column`, one of the `columns`, of the row where the ranks, numbers that are compared one after the other, are
   largest. #}
{% macro at_largest(ranks, columns, column) %}
    {{ return(adapter.dispatch("at_largest", "gates")(ranks, columns, column)) }}
{% endmacro %}
{% macro default__at_largest(ranks, columns, column) %}
    {{ return(
        "(max(array[" ~ (ranks + columns) | join(", ") ~ "]))[" ~ (ranks | length + columns.index(column) + 1) ~ "]"
    ) }}
{% endmacro %}
{% macro spark__at_largest(ranks, columns, column) %}
    {{ return("max(struct(" ~ (ranks + columns) | join(", ") ~ "))." ~ column) }}
{% endmacro %}

{# The median of a collection, or of the distances of its values from `centre`; NULL for an empty collection. #}
{% macro median(values, centre=none) %}{{ return(adapter.dispatch("median", "gates")(values, centre)) }}{% endmacro %}
{% macro default__median(values, centre) -%}
    (
        select percentile_cont(0.5) within group (order by {{ "value" if centre is none else "abs(value - " ~ centre ~ ")" }})
        from (select unnest({{ values }}) as value) as past
    )
{%- endmacro %}
{% macro spark__median(values, centre) -%}
    transform(
        array(array_sort({{ values if centre is none else "transform(" ~ values ~ ", value -> abs(value - " ~ centre ~ "))" }})),
        sorted -> get(sorted, (size(sorted) - 1) div 2) / 2 + get(sorted, size(sorted) div 2) / 2
    )[0]
{%- endmacro %}
