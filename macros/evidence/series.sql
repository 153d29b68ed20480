{# The history that a gate looks back on: one row per day and segment, and per bucket of a column where one is given.
   Days are numbered from the run date, which is 0; the day before is -1. Days without rows have no row. #}
{% macro daily_series(
    model, date_column, expressions=[], days=28, segment_column=none, weight=none, bucket=none
) %}
{% set today = gates.run_date() %}
select
    {{ gates.day_number(date_column, today) }} as day_number,
    {{ gates.segment(segment_column) if segment_column is not none else "'all'" }} as segment,
    {% if bucket is not none -%}
    {{ bucket }} as bucket,
    {% endif -%}
    {% for expression in expressions -%}
    cast({{ expression }} as {{ gates.type_double() }}) as m{{ loop.index0 }},
    {% endfor -%}
    {{ gates.row_count(weight) }} as sample_size
from {{ model }}
where {{ gates.in_days(date_column, gates.days_before(today, days), today) }}
group by
    {{ gates.day_number(date_column, today) }}
    {%- if segment_column is not none %}, {{ gates.segment(segment_column) }}{% endif %}
    {%- if bucket is not none %}, {{ bucket }}{% endif %}
having {{ gates.row_count(weight) }} > 0
{% endmacro %}

{# Days that never serve as a reference: those on which this gate has failed, and those that the calendar or a person
   (an accepted incident in the ledger) has marked. Empty where neither table exists yet. #}
{% macro rejected_days() %}
{% set today = gates.run_date() %}
{% if execute and load_relation(gates.ledger()) %}
select {{ gates.day_number("run_date", today) }} as day_number
from (
    select
        run_date,
        status,
        rank() over (partition by run_date, node_id order by recorded_at desc) as recency
    from {{ gates.ledger() }}
    where
        node_id in ({{ gates.literal(model.unique_id) }}, {{ gates.literal(gates.accepted_incident()) }})
        and run_date < {{ gates.date_literal(today) }}
) as decided
where recency = 1 and status in ('fail', 'error', 'accepted')
{% else %}
select 0 as day_number where 1 = 0
{% endif %}
{% if execute and load_relation(gates.calendar()) %}
union
select {{ gates.day_number("calendar_date", today) }} as day_number
from {{ gates.calendar() }}
where calendar_date < {{ gates.date_literal(today) }}
{% endif %}
{% endmacro %}

{# The median of an expression over a group. #}
{% macro median(expression) -%}
    percentile_cont(0.5) within group (order by {{ expression }})
{%- endmacro %}
