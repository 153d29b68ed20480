{# The history that a gate looks back on: a row for each day and segment, and for each bucket where an SQL bucket is given.
   Days have numbers: the run date is 0, the day before is -1. A day without rows has no row. #}
{% macro daily_series(model, args, expressions, days, bucket=none, type=none) %}
{% set value_type, segment_column = type or gates.type_double(), args.segment_column %}
{% set day, row_count = gates.day_number(args.date_column, gates.run_date()), gates.row_count(args.weight, as_double=true) %}
select
    {{ day }} as day_number,
    {{ gates.segment(segment_column) if segment_column is not none else "'all'" }} as segment,
    {% if bucket is not none -%}
    {{ bucket }} as bucket,
    {% endif -%}
    {% for expression in expressions -%}
    cast({{ expression }} as {{ value_type }}) as m{{ loop.index0 }},
    {% endfor -%}
    cast({{ row_count }} as bigint) as sample_size
from {{ model }}
where {{ gates.in_reach(args.date_column, days) }}
group by
    {{ day }}
    {%- if segment_column is not none %}, {{ gates.segment(segment_column) }}{% endif %}
    {%- if bucket is not none %}, {{ bucket }}{% endif %}
having {{ row_count }} > 0
{% endmacro %}

{# CTEs from `series` to `listed`: the judged days and the days that may serve as a reference (gates.listed_days). #}
{% macro judged_series(args, days, leave_out_rejected) %}
days as (
    {{ gates.judged_days() }}
),

{% if leave_out_rejected -%}
rejected as (
    {{ gates.rejected_days(days) }}
),

{% endif -%}
known as (
    {{ gates.known_segments(args.segment_column, days) }}
),

listed as (
    {{ gates.listed_days(leave_out_rejected) }}
)
{%- endmacro %}

{# The bucket of a row where each value of the column is a bucket. #}
{% macro category(column_name) -%}
    coalesce(cast({{ gates.column(column_name) }} as {{ gates.type_text() }}), '(null)')
{%- endmacro %}

{# A window: the rows with the same keys from `first` to `last` days before the day of a row. Where each key has a row for every day,
   the frame may be `rows`, which is cheaper than to compare days. #}
{% macro days_preceding(keys, first, last=1, frame="range") -%}
    partition by {{ keys }} order by day_number {{ frame }} between {{ first }} preceding and {{ last }} preceding
{%- endmacro %}
