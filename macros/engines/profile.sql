{# What the daily profile asks of each row, where Postgres, DuckDB and Spark differ. #}

{# The start of the hour (UTC) of a timestamp; cheaper than any number made of it. #}
{% macro hour_start(column) %}{{ return(adapter.dispatch("hour_start", "gates")(column)) }}{% endmacro %}
{% macro default__hour_start(column) -%}
    date_bin('1 hour', {{ gates.column(column) }}, '2000-01-01 00:00:00+00')
{%- endmacro %}
{% macro duckdb__hour_start(column) -%}
    time_bucket(interval '1 hour', {{ gates.column(column) }})
{%- endmacro %}
{% macro spark__hour_start(column) -%}
    date_trunc('hour', {{ gates.column(column) }})
{%- endmacro %}

{# Seconds since 1970 (UTC); a timestamp without a time zone is taken to be in UTC, on Spark in the zone of the session. #}
{% macro epoch(instant) %}{{ return(adapter.dispatch("epoch", "gates")(instant)) }}{% endmacro %}
{% macro default__epoch(instant) %}{{ return("date_part('epoch', " ~ instant ~ ")") }}{% endmacro %}
{% macro spark__epoch(instant) %}{{ return("unix_timestamp(" ~ instant ~ ")") }}{% endmacro %}

{# How many values a column has, without NULL. #}
{% macro count_distinct(column) %}{{ return(adapter.dispatch("count_distinct", "gates")(gates.column(column))) }}{% endmacro %}
{% macro default__count_distinct(value) %}{{ return("count(distinct " ~ value ~ ")") }}{% endmacro %}
{# Postgres sorts either whole rows beforehand or bare values within the aggregate, which is much cheaper. It does the latter
   where there is a filter and anything but a bare column. #}
{% macro postgres__count_distinct(value) -%}
    count(distinct case when {{ value }} is not null then {{ value }} end) filter (where {{ value }} is not null)
{%- endmacro %}

{# The same for texts. On Postgres by a 64-bit hash, because texts are expensive to sort. Among n texts, two have the same hash with
   a probability of at most n² / 2^65 (birthday bound), 2e-10 for 83,000; the count is then too small by one. #}
{% macro count_distinct_texts(column) %}{{ return(adapter.dispatch("count_distinct_texts", "gates")(gates.column(column))) }}{% endmacro %}
{% macro default__count_distinct_texts(value) %}{{ return("count(distinct " ~ value ~ ")") }}{% endmacro %}
{% macro postgres__count_distinct_texts(value) -%}
    count(distinct hashtextextended({{ value }}, 0)) filter (where {{ value }} is not null)
{%- endmacro %}
