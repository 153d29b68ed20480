{# CTEs to `shared`: for each category of the run date or of the `history_days` before, the rows that it has (today_size,
   seen_size), on how many of the days (seen_days of day_count) and its share now and before. One row without a category
   where there is nothing to compare: no rows on the run date, or on too few days before. #}
{% macro category_shares(model, column_name, date_column, history_days, weight) %}
{% set category = "coalesce(cast(" ~ gates.column(column_name) ~ " as " ~ gates.type_text() ~ "), '(null)')" %}
series as (
    {{ gates.daily_series(model, date_column, [], history_days, weight=weight, bucket=category) }}
),

rejected as (
    {{ gates.rejected_days() }}
),

history as (
    select series.*
    from series
    left join rejected on series.day_number = rejected.day_number
    where series.day_number < 0 and rejected.day_number is null
),

today as (
    select bucket, sample_size from series where day_number = 0
),

extent as (
    select
        (select count(distinct day_number) from history) as day_count,
        (select sum(sample_size) from history) as history_size,
        (select coalesce(sum(sample_size), 0) from today) as sample_size
),

categories as (
    select
        coalesce(past.bucket, today.bucket) as category,
        coalesce(today.sample_size, 0) as today_size,
        coalesce(past.day_count, 0) as seen_days,
        coalesce(past.seen_size, 0) as seen_size
    from today
    full outer join (
        select bucket, count(*) as day_count, sum(sample_size) as seen_size from history group by bucket
    ) as past on today.bucket = past.bucket
),

shared as (
    select
        extent.day_count,
        extent.sample_size,
        categories.category,
        categories.seen_days,
        categories.today_size,
        categories.today_size / nullif(cast(extent.sample_size as {{ gates.type_double() }}), 0) as share,
        categories.seen_size / nullif(cast(extent.history_size as {{ gates.type_double() }}), 0) as usual_share,
        sum(case when categories.seen_days = 0 then categories.today_size else 0 end) over ()
        / nullif(cast(extent.sample_size as {{ gates.type_double() }}), 0) as unseen_share
    from extent
    left join categories on extent.sample_size > 0 and extent.day_count >= {{ history_days // 2 }}
)
{%- endmacro %}
