{# CTEs from `series` (with bucket), which holds the judged days and the `reach` days before them, to `bucket_sizes` and `day_counts`.
     bucket_sizes   a row for each bucket of a segment and each day: its rows on that day (current_size), its rows on the
                    `history_days` before it that may serve as a reference (reference_size), on how many of these days it has
                    rows (seen_days)
     day_counts     a row for each segment and day: whether the day has rows and may serve as a reference (is_kept, 1 or 0), and
                    how many of the `history_days` before it do (day_count)
   Buckets have numbers, because numbers sort faster than texts; their names are in `buckets`. #}
{% macro bucket_sizes(history_days, reach, segment_column) %}
{% set first_day, today = gates.days_before(gates.first_judged(), reach), gates.run_date() %}
{% set of_bucket = gates.days_preceding("bucket_id", history_days, frame="rows") %}
{% set of_segment = gates.days_preceding("segment", history_days, frame="rows") %}
{% set double = gates.type_double() %}
{% set segment = "'all'" if segment_column is none else "segment" %}
rejected as (
    {{ gates.rejected_days(reach) }}
),

reached_days as (
    -- days without rows are here too, because the window frames below count rows as days
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

buckets as (
    select
        segment,
        bucket,
        cast(row_number() over (order by segment, bucket) as integer) as bucket_id
    from (select distinct {{ segment }} as segment, bucket from series) as names
),

counted as (
    -- each bucket on each day, also on a day without rows: so one running sum over the days gives the reference of each day.
    -- A union, of which `sized` takes the larger number, because a server without statistics joins the two sides badly
    select
        buckets.bucket_id,
        series.day_number,
        0 as is_kept,
        series.sample_size
    from series
    inner join buckets
        on series.bucket = buckets.bucket{{ " and series.segment = buckets.segment" if segment_column is not none }}
    union all
    select
        buckets.bucket_id,
        reached_days.day_number,
        reached_days.is_kept,
        cast(0 as bigint) as sample_size
    from buckets
    cross join reached_days
),

sized as (
    -- whole numbers, because a server moves a sum of whole numbers from day to day and computes a sum of doubles again
    select
        bucket_id,
        day_number,
        max(sample_size) as row_count,
        max(sample_size) * max(is_kept) as kept_count
    from counted
    group by bucket_id, day_number
),

summed as (
    select
        bucket_id,
        day_number,
        cast(row_count as {{ double }}) as current_size,
        -- Postgres sums to a numeric, and casts it to a double through a text unless it is a bigint first
        cast(cast(sum(kept_count) over ({{ of_bucket }}) as bigint) as {{ double }}) as reference_size,
        count(case when kept_count > 0 then 1 end) over ({{ of_bucket }}) as seen_days
    from sized
),

bucket_sizes as (
    select
        {{ segment }} as segment,
        bucket_id,
        day_number,
        current_size,
        reference_size,
        seen_days
    from summed
    {% if segment_column is not none -%}
    inner join buckets using (bucket_id)
    {%- endif %}
),

day_counts as {{ gates.materialized() }} (
    select
        *,
        count(case when is_kept = 1 then 1 end) over ({{ of_segment }}) as day_count
    from (
        select
            segment,
            day_number,
            max(is_kept) as is_kept
        from (
            select
                segments.segment,
                reached_days.day_number,
                0 as is_kept
            from (select distinct {{ segment }} as segment from buckets) as segments
            cross join reached_days
            union all
            select
                seen.segment,
                seen.day_number,
                reached_days.is_kept
            from (select distinct {{ segment }} as segment, day_number from series) as seen
            inner join reached_days on seen.day_number = reached_days.day_number
        ) as days_with_rows
        group by segment, day_number
    ) as kept_days
)
{%- endmacro %}

{# The judged days of bucket_sizes. Where the rows of the judged days stand at other days (gates.judged_shift), current_size is the size
   on these other days. #}
{% macro as_judged(columns_of_history) %}
{% set shift = gates.judged_shift() %}
select
    past.segment,
    past.bucket_id,
    past.day_number,
    {% for column in columns_of_history -%}
    past.{{ column }},
    {% endfor -%}
    {{ "today" if shift else "past" }}.current_size
from bucket_sizes as past
{% if shift -%}
inner join bucket_sizes as today on past.day_number - {{ shift }} = today.day_number and past.bucket_id = today.bucket_id
{% endif -%}
where past.day_number >= {{ gates.first_number() }}
{% endmacro %}
