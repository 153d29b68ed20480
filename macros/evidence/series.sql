{# The history that a gate looks back on: one row per day and segment, and per bucket of a column where one is given.
   Days are numbered from the run date, which is 0; the day before is -1. Days without rows have no row. #}
{% macro daily_series(
    model, date_column, expressions=[], days=28, segment_column=none, weight=none, bucket=none, type=none
) %}
{% set today, value_type = gates.run_date(), type or gates.type_double() %}
{% set day = gates.day_number(date_column, today) %}
select
    {{ day }} as day_number,
    {{ gates.segment(segment_column) if segment_column is not none else "'all'" }} as segment,
    {% if bucket is not none -%}
    {{ bucket }} as bucket,
    {% endif -%}
    {% for expression in expressions -%}
    cast({{ expression }} as {{ value_type }}) as m{{ loop.index0 }},
    {% endfor -%}
    cast({{ gates.row_count(weight) }} as bigint) as sample_size
from {{ model }}
where {{ gates.in_reach(date_column, days) }}
group by
    {{ day }}
    {%- if segment_column is not none %}, {{ gates.segment(segment_column) }}{% endif %}
    {%- if bucket is not none %}, {{ bucket }}{% endif %}
having {{ gates.row_count(weight) }} > 0
{% endmacro %}

{# A column as a bucket of its own for each value. #}
{% macro category(column_name) -%}
    coalesce(cast({{ gates.column(column_name) }} as {{ gates.type_text() }}), '(null)')
{%- endmacro %}

{# A window: the rows with the same keys whose day lies from `first` to `last` days before that of a row. Where each key has a row
   for every day, the frame may be `rows`, which is cheaper than to compare days. #}
{% macro days_preceding(keys, first, last=1, frame="range") -%}
    partition by {{ keys }} order by day_number {{ frame }} between {{ first }} preceding and {{ last }} preceding
{%- endmacro %}

{# CTEs from `series` (with bucket), which has the `reach` days before those that are judged, to `bucket_sizes` and `day_counts`: the
   rows of each bucket of a segment on each day (current_size), and on the `history_days` before it, of which the days that must
   not serve as a reference are left out (reference_size). seen_days and day_count are those of the days before on which the
   bucket, or any bucket, has rows; largest_kept, of any bucket, is above 0 on a day that serves as a reference itself. #}
{% macro bucket_sizes(history_days, reach) %}
{% set first_day, today = gates.days_before(gates.first_judged(), reach), gates.run_date() %}
{% set of_bucket = gates.days_preceding("bucket, segment", history_days, frame="rows") %}
{% set of_segment = gates.days_preceding("segment", history_days, frame="rows") %}
{% set double = gates.type_double() %}
rejected as (
    {{ gates.rejected_days() }}
),

reached_days as (
    -- also those without rows, because the frames below take a row for a day
    select
        each_day.day_number,
        case when rejected.day_number is null then 1 else 0 end as is_kept
    from (
        select {{ gates.day_number("profile_date", today) }} as day_number
        from ({{ gates.days_between(first_day, today) }}) as reached_dates
        {% if gates.judged_shift() -%}
        union
        select current_day as day_number from days
        {%- endif %}
    ) as each_day
    left join rejected on each_day.day_number = rejected.day_number
),

counted as (
    -- each bucket on each day, also where it has no rows: then one running sum over the days is the reference of each;
    -- as a list of which the larger is taken, because servers that know nothing of the sizes join the two badly
    select
        segment,
        bucket,
        day_number,
        0 as is_kept,
        sample_size
    from series
    union all
    select
        buckets.segment,
        buckets.bucket,
        reached_days.day_number,
        reached_days.is_kept,
        cast(0 as bigint) as sample_size
    from (select distinct segment, bucket from series) as buckets
    cross join reached_days
),

sized as (
    -- whole numbers: sums of those can be moved along from day to day, while sums of doubles are made anew for each
    select
        segment,
        bucket,
        day_number,
        max(sample_size) as row_count,
        max(sample_size) * max(is_kept) as kept_count
    from counted
    group by segment, bucket, day_number
),

bucket_sizes as (
    select
        segment,
        bucket,
        day_number,
        cast(row_count as {{ double }}) as current_size,
        -- Postgres sums to a numeric, which it makes a double of by way of a text unless it is a bigint first
        cast(cast(sum(kept_count) over ({{ of_bucket }}) as bigint) as {{ double }}) as reference_size,
        count(case when kept_count > 0 then 1 end) over ({{ of_bucket }}) as seen_days
    from sized
),

day_counts as {{ gates.materialized() }} (
    select
        *,
        count(case when largest_kept > 0 then 1 end) over ({{ of_segment }}) as day_count
    from (
        select
            segment,
            day_number,
            max(kept_count) as largest_kept
        from sized
        group by segment, day_number
    ) as kept_days
)
{%- endmacro %}

{# The judged days of bucket_sizes; where their rows stand at another day, with the current_size of that one. #}
{% macro as_judged(columns_of_history) %}
{% set shift = gates.judged_shift() %}
select
    past.segment,
    past.bucket,
    past.day_number,
    {% for column in columns_of_history -%}
    past.{{ column }},
    {% endfor -%}
    {{ "today" if shift else "past" }}.current_size
from bucket_sizes as past
{% if shift -%}
inner join bucket_sizes as today
    on past.day_number - {{ shift }} = today.day_number and past.segment = today.segment and past.bucket = today.bucket
{% endif -%}
where past.day_number >= {{ gates.first_number() }}
{% endmacro %}

{# Days that never serve as a reference: those on which this gate has failed, and those that the calendar or a person
   (an accepted incident in the ledger) has marked. Empty where neither table exists yet. #}
{% macro rejected_days() %}
{% set today = gates.run_date() %}
{% if execute and load_relation(gates.ledger()) %}
select distinct {{ gates.day_number("run_date", today) }} as day_number
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
