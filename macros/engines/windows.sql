{# Medians over the days before a day, which no engine has as a window: the values of the window are collected, and the median
   is that of the collection. #}

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

{# An aggregate: the value at the row where the ranks, numbers that are compared one after the other, are largest. #}
{% macro value_at_largest(value, ranks) %}{{ return(adapter.dispatch("value_at_largest", "gates")(value, ranks)) }}{% endmacro %}
{% macro default__value_at_largest(value, ranks) %}
    {{ return("(max(array[" ~ (ranks + [value]) | join(", ") ~ "]))[" ~ (ranks | length + 1) ~ "]") }}
{% endmacro %}
{% macro spark__value_at_largest(value, ranks) %}
    {{ return("max(struct(" ~ ranks | join(", ") ~ ", " ~ value ~ " as value)).value") }}
{% endmacro %}

{# The median of what `collected` has, or of how far that is from `centre`; NULL where there is nothing. #}
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
