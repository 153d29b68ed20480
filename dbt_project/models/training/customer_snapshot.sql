{# The features of each customer at each month end, from the days up to it. No feature is NULL: a
   feature with nothing to measure is 0, except for the gaps between visits (see below). A window
   that starts before the first day of the data is as short as the data. #}
{{ config(materialized="table", indexes=[{"columns": ["snapshot_date", "customer_id"]}]) }}

{% set visit_windows = [7, 14, 30, 60, 90, 180, 365] %}
{% set volume_windows = [30, 90, 365] %}
{% set double = gates.type_double() %}
{% set bigint = dbt.type_bigint() %}

with customer_days as (
    select * from {{ ref("customer_day") }}
),

-- older month ends say little about today's customers
month_ends as (
    {{ month_ends(years=20) }}
),

snapshot_dates as (
    -- distinct, so that Postgres computes the dates once and not again for each joined row
    select distinct snapshot_date from month_ends
    where snapshot_date >= (select min(customer_days.interaction_date) from customer_days)
),

days_before as (
    select
        snapshot_dates.snapshot_date,
        customer_days.*,
        {{ dbt.datediff(
            "customer_days.interaction_date", "snapshot_dates.snapshot_date", "day"
        ) }} as days_ago
    from snapshot_dates
    inner join customer_days
        on snapshot_dates.snapshot_date >= customer_days.interaction_date
),

history as (
    select
        snapshot_date,
        customer_id,
        min(days_ago) as recency_days,
        max(days_ago) as tenure_days,
        count(*) as visit_days,
        {% for days in visit_windows -%}
        sum(case when days_ago < {{ days }} then 1 else 0 end) as visit_days_{{ days }},
        {% endfor -%}
        sum(lines) as lines,
        {% for days in volume_windows -%}
        sum(case when days_ago < {{ days }} then lines else 0 end) as lines_{{ days }},
        {% endfor -%}
        sum(amount_times_10000) as amount,
        {% for days in volume_windows -%}
        sum(
            case when days_ago < {{ days }} then amount_times_10000 else 0 end
        ) as amount_{{ days }},
        {% endfor -%}
        sum(gap_days * gap_days) as squared_gaps,
        max(gap_days) as max_gap_days,
        sum(new_stores) as stores,
        sum(new_departments) as departments,
        sum(case when is_weekend then 1 else 0 end) as weekend_visit_days
    from days_before
    group by snapshot_date, customer_id
),

-- the gaps of a customer add up to the time between the first and the last visit
gaps as (
    select
        *,
        visit_days - 1 as gap_count,
        tenure_days - recency_days as gap_sum
    from history
),

gap_statistics as (
    select
        *,
        -- after one visit no gap has ended; the current gap is at least tenure_days long
        case
            when gap_count > 0 then cast(gap_sum as {{ double }}) / gap_count
            else cast(tenure_days as {{ double }})
        end as mean_gap_days,
        -- from integers, so that the result does not depend on the order of the rows
        case
            when gap_count > 1
                then sqrt(
                    cast(gap_count * squared_gaps - gap_sum * gap_sum as {{ double }})
                    / (gap_count * (gap_count - 1))
                )
            else 0
        end as sd_gap_days
    from gaps
),

final as (
    select
        snapshot_date,
        customer_id,
        cast(recency_days as {{ bigint }}) as recency_days,
        cast(tenure_days as {{ bigint }}) as tenure_days,
        cast(visit_days as {{ bigint }}) as visit_days,
        {% for days in visit_windows -%}
        cast(visit_days_{{ days }} as {{ bigint }}) as visit_days_{{ days }},
        {% endfor -%}
        {% for days in volume_windows -%}
        cast(lines_{{ days }} as {{ bigint }}) as lines_{{ days }},
        {% endfor -%}
        {% for days in volume_windows -%}
        cast(amount_{{ days }} as {{ double }}) / 10000 as amount_{{ days }},
        {% endfor -%}
        cast(lines as {{ double }}) / visit_days as lines_per_visit_day,
        cast(amount as {{ double }}) / 10000 / visit_days as amount_per_visit_day,
        cast(visit_days as {{ double }}) / (tenure_days + 1) as visit_day_share,
        cast(weekend_visit_days as {{ double }}) / visit_days as weekend_share,
        cast(stores as {{ bigint }}) as stores,
        cast(departments as {{ bigint }}) as departments,
        mean_gap_days,
        cast(sd_gap_days as {{ double }}) as sd_gap_days,
        -- after one visit: tenure_days, as for the mean
        cast(coalesce(max_gap_days, tenure_days) as {{ bigint }}) as max_gap_days,
        -- divide by at least one day, so that a daily customer's absence does not explode
        recency_days
        / greatest(mean_gap_days, cast(1 as {{ double }})) as recency_over_mean_gap,
        cast(recency_days as {{ double }})
        / greatest(coalesce(max_gap_days, tenure_days), 1) as recency_over_max_gap,
        -- 1 means no change; 0 if there was no visit in 90 days
        coalesce(
            cast(visit_days_30 as {{ double }}) / nullif(visit_days_90, 0) * 3, 0
        ) as visit_days_trend,
        coalesce(cast(amount_30 as {{ double }}) / nullif(amount_90, 0) * 3, 0) as amount_trend
    from gap_statistics
)

select * from final
