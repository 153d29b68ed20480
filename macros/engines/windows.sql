{# Medians over the days before a day, which no engine has as a window: the values of the window are collected, and the median
   is that of the collection. #}

{# The days that lie from `from_days` to `to_days` before the day of a row, as the frame of a window. #}
{% macro days_preceding(keys, from_days, to_days=1) -%}
    partition by {{ keys }} order by day_number range between {{ from_days }} preceding and {{ to_days }} preceding
{%- endmacro %}

{# What stands before the brackets of a CTE whose expressions are to be computed once and not wherever they are used. Spark has no
   word for it. #}
{% macro materialized() %}{{ return(adapter.dispatch("materialized", "gates")()) }}{% endmacro %}
{% macro default__materialized() %}{{ return("materialized") }}{% endmacro %}
{% macro spark__materialized() %}{{ return("") }}{% endmacro %}

{# The values of a window in a collection, without NULL; NULL or empty where there is none. #}
{% macro collected(expression) %}{{ return(adapter.dispatch("collected", "gates")(expression)) }}{% endmacro %}
{% macro default__collected(expression) %}
    {{ return("array_agg(" ~ expression ~ ") filter (where " ~ expression ~ " is not null)") }}
{% endmacro %}
{% macro spark__collected(expression) %}{{ return("collect_list(" ~ expression ~ ")") }}{% endmacro %}

{# The median of a collection, or of how far its values are from `centre`. NULL does not count; NULL where there is nothing else. #}
{% macro median(values, centre=none) %}{{ return(adapter.dispatch("median", "gates")(values, centre)) }}{% endmacro %}
{% macro default__median(values, centre) -%}
    (
        select percentile_cont(0.5) within group (order by {{ "past_value" if centre is none else "abs(past_value - " ~ centre ~ ")" }})
        from unnest({{ values }}) as past (past_value)
    )
{%- endmacro %}
{% macro spark__median(values, centre) -%}
    transform(
        array(array_sort(filter(
            {{ values if centre is none else "transform(" ~ values ~ ", x -> abs(x - " ~ centre ~ "))" }}, x -> x is not null
        ))),
        s -> get(s, (size(s) - 1) div 2) / 2 + get(s, size(s) div 2) / 2
    )[0]
{%- endmacro %}
