{# CTEs to `shared`: for each judged day, each segment and each category of it or of the `history_days` before, the rows that it has
   (today_size), on how many of the days before it had some (seen_days of day_count) and its share now and before. One row without
   a category where there is nothing to compare: no rows on the judged day, or on too few days before. #}
{% macro category_shares(model, column_name, date_column, history_days, segment_column, weight) %}
series as (
    {{ gates.daily_series(
        model, date_column, [], history_days, segment_column, weight, gates.category(column_name)
    ) }}
),

days as (
    {{ gates.judged_days() }}
),

{{ gates.bucket_sizes(history_days) }},

judged_sizes as (
    {{ gates.as_judged("bucket_sizes", ["segment", "bucket"], ["reference_size", "seen_days"]) }}
),

judged_totals as (
    {{ gates.as_judged("day_sizes", ["segment"], ["reference_size", "day_count"]) }}
),

known as (
    {{ gates.known_segments(segment_column, history_days) }}
),

extent as (
    select
        known.day_number,
        known.segment,
        coalesce(judged_totals.current_size, 0) as sample_size,
        judged_totals.day_count,
        judged_totals.reference_size as history_size
    from known
    left join judged_totals
        on known.segment = judged_totals.segment and known.day_number = judged_totals.day_number
),

shared as (
    select
        extent.day_number,
        extent.segment,
        extent.day_count,
        extent.sample_size,
        categories.bucket as category,
        categories.seen_days,
        categories.current_size as today_size,
        categories.current_size / nullif(extent.sample_size, 0) as share,
        categories.reference_size / nullif(extent.history_size, 0) as usual_share,
        sum(case when categories.seen_days = 0 then categories.current_size else 0 end)
            over (partition by extent.day_number, extent.segment)
        / nullif(extent.sample_size, 0) as unseen_share
    from extent
    left join judged_sizes as categories
        on extent.segment = categories.segment
        and extent.day_number = categories.day_number
        and (categories.current_size > 0 or categories.seen_days > 0)
        and extent.sample_size > 0
        and extent.day_count >= {{ history_days // 2 }}
)
{%- endmacro %}
