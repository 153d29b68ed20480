{# Which days a gate judges. In `dbt test` that is the run date. With the variable `judged_from`, or the environment variable
   JUDGED_FROM, it is every day from that one to the run date, each as it would have been judged on that day: a backtest.
   Days are numbered from the run date, which is 0; the day before is -1. #}

{% macro is_backtest() %}
    {% do return(execute and (var("judged_from", none) or env_var("JUDGED_FROM", "")) != "") %}
{% endmacro %}

{# The first day that is judged, as a date. #}
{% macro first_judged() %}
    {% do return(gates.judged_from() if gates.is_backtest() else gates.run_date()) %}
{% endmacro %}

{# The day from which a backtest judges. A separate macro, because a run, which has no such day, need not compile it. #}
{% macro judged_from() %}
    {% set first_day = gates.parsed_day(
        "judged_from", var("judged_from", none) or env_var("JUDGED_FROM", ""),
        "Pass --vars '{judged_from: 2017-01-31, run_date: 2017-12-31}' or set JUDGED_FROM."
    ) %}
    {% if first_day > gates.run_date() %}
        {% do exceptions.raise_compiler_error(
            "gates: judged_from must be at most the run date " ~ gates.run_date().isoformat() ~ "; received "
            ~ first_day.isoformat() ~ ". Pass an earlier day.") %}
    {% endif %}
    {% do return(first_day) %}
{% endmacro %}

{# How many days before its own date the rows of a judged day stand: 0, unless a backtest of faults (environment variable
   JUDGED_SHIFT) keeps the broken rows of each day beside the healthy ones, at dates before all others. #}
{% macro judged_shift() %}
    {% do return(env_var("JUDGED_SHIFT", "0") | int if gates.is_backtest() else 0) %}
{% endmacro %}

{# The number of the first judged day. #}
{% macro first_number() %}
    {% do return((gates.first_judged() - gates.run_date()).days) %}
{% endmacro %}

{# One row for each judged day: its number, and the number under which its rows stand. #}
{% macro judged_days() %}
{% if not gates.is_backtest() -%}
select 0 as day_number, 0 as current_day
{%- else -%}
select
    day_number,
    day_number - {{ gates.judged_shift() }} as current_day
from (
    select cast({{ gates.day_number("profile_date", gates.run_date()) }} as integer) as day_number
    from ({{ gates.days_between(gates.first_judged(), gates.run_date()) }}) as judged_dates
) as judged
{%- endif %}
{% endmacro %}

{# A condition on the rows of the judged days and of the `days` before each; the column stays bare. #}
{% macro in_reach(date_column, days) -%}
    {% set first_day, last_day, shift = gates.first_judged(), gates.run_date(), gates.judged_shift() -%}
    {{ gates.in_days(date_column, gates.days_before(first_day, days), last_day) }}
    {%- if shift %}
    or {{ gates.in_days(date_column, gates.days_before(first_day, shift), gates.days_before(last_day, shift)) }}
    {%- endif %}
{%- endmacro %}

{# The segments that each judged day knows of: those that are listed, and those with rows on it or on the `days` before it; 'all'
   where there is none, so that a day without anything is judged too. From the CTEs `days` and `series`. #}
{% macro known_segments(segment_column, days, listed=[]) %}
{% if segment_column is none -%}
select
    day_number,
    current_day,
    'all' as segment
from days
{%- else -%}
select
    days.day_number,
    days.current_day,
    coalesce(seen.segment, 'all') as segment
from days
{{ "inner" if listed else "left" }} join (
    select
        judged.day_number,
        names.segment
    from days as judged
    cross join (select distinct segment from series) as names
    where
        exists (
            select 1
            from series
            where
                series.segment = names.segment
                and (
                    series.day_number = judged.current_day
                    or series.day_number between judged.day_number - {{ days }} and judged.day_number - 1
                )
        )
) as seen
    on days.day_number = seen.day_number
{%- for segment in listed %}
union
select
    day_number,
    current_day,
    {{ gates.literal(segment) }} as segment
from days
{%- endfor %}
{%- endif %}
{% endmacro %}

{# One row for each day and segment of the CTEs `known` and `series`: a judged day (is_judged) with its m0 as current_value and its
   sample_size, a day that serves as a reference with its own number as past_day, mostly both in one. #}
{% macro listed_days(leave_out_rejected) %}
{% set conditions = (["rejected.day_number is null"] if leave_out_rejected else [])
    + (["known.day_number is null"] if gates.judged_shift() else []) %}
select
    coalesce(known.day_number, series.day_number) as day_number,
    coalesce(known.segment, series.segment) as segment,
    known.day_number is not null as is_judged,
    series.m0 as current_value,
    coalesce(series.sample_size, 0) as sample_size,
    {{ "case when " ~ conditions | join(" and ") ~ " then series.day_number end" if conditions else "series.day_number" }} as past_day
from known
full join series on known.segment = series.segment and known.current_day = series.day_number
{% if leave_out_rejected -%}
left join rejected on series.day_number = rejected.day_number
{%- endif %}
{% endmacro %}
