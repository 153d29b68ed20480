{# CTEs to `shared`: a row for each judged day, segment and category (by its number in `buckets`), with
     today_size, seen_days     its rows on the judged day, and on how many of the `history_days` before it has rows
     share, usual_share        its share of the rows on the judged day and on the days before
     unseen_share              the share of all categories together that no day before has
     is_comparable             whether the judged day has rows, and enough of the days before have
   The categories that are neither unseen nor possibly gone share one row without a category. #}
{% macro category_shares(model, args) %}
{% set history_days, segment_column = args.history_days, args.segment_column %}
{% set of_day = "partition by day_number, segment" %}
{% set enough_days = history_days // 2 %}
{% set suspect = "case when seen_days = 0 or (current_size = 0 and seen_days >= " ~ enough_days ~ ") then bucket_id end" %}
series as (
    {{ gates.daily_series(model, args, [], history_days, gates.category(args.column_name)) }}
),

days as (
    {{ gates.judged_days() }}
),

{{ gates.bucket_sizes(history_days, history_days, segment_column) }},

judged_sizes as (
    {{ gates.as_judged(["reference_size", "seen_days"]) }}
),

gathered as (
    -- one row for all categories that are neither unseen nor gone, so that later steps have less to do
    select
        segment,
        day_number,
        {{ suspect }} as bucket_id,
        max(seen_days) as seen_days,
        sum(current_size) as today_size,
        sum(reference_size) as reference_size
    from judged_sizes
    where current_size > 0 or seen_days > 0
    group by segment, day_number, {{ suspect }}
),

totalled as (
    select
        *,
        sum(today_size) over ({{ of_day }}) as sample_size,
        sum(reference_size) over ({{ of_day }}) as history_size,
        sum(case when seen_days = 0 then today_size else 0 end) over ({{ of_day }}) as unseen_size
    from gathered
),

known as (
    {{ gates.known_segments(segment_column, history_days) }}
),

shared as (
    select
        known.day_number,
        known.segment,
        day_counts.day_count,
        coalesce(totalled.sample_size, 0) as sample_size,
        totalled.sample_size > 0
        and day_counts.day_count >= {{ enough_days }} as is_comparable,
        totalled.bucket_id,
        totalled.seen_days,
        totalled.today_size,
        totalled.today_size / nullif(totalled.sample_size, 0) as share,
        totalled.reference_size / nullif(totalled.history_size, 0) as usual_share,
        totalled.unseen_size / nullif(totalled.sample_size, 0) as unseen_share
    from known
    left join totalled
        on known.day_number = totalled.day_number and known.segment = totalled.segment
    left join day_counts
        on known.day_number = day_counts.day_number and known.segment = day_counts.segment
)
{%- endmacro %}

{# CTEs from `decided`, which is `shared` with a reason, to `judged`: a row for each unseen or missing category, and one for all others. #}
{% macro offending_categories(args) %}
{% set offender = "buckets.bucket" if args.segment_column is none else "grouped.part || ': ' || buckets.bucket" %}
{% set offending = "case when reason in ('unseen_category', 'missing_category') then bucket_id end" %}
grouped as (
    -- the categories of a segment that are as usual share a row
    select
        day_number,
        segment as part,
        reason,
        {{ offending }} as bucket_id,
        sum(case when is_comparable then share end) as current_value,
        sum(case when is_comparable then usual_share end) as reference_value,
        max(case when is_comparable then unseen_share end) as statistic,
        max(sample_size) as sample_size
    from decided
    group by day_number, segment, reason, {{ offending }}
),

judged as (
    select
        grouped.*,
        {{ gates.literal("share of " ~ args.column_name) }} as metric,
        coalesce({{ offender }}, grouped.part) as segment,
        null as lower_bound,
        {{ gates.number(args.max_unseen_share) }} as upper_bound
    from grouped
    left join buckets on grouped.bucket_id = buckets.bucket_id
)
{%- endmacro %}
