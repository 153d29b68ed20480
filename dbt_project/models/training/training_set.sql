{# The snapshots whose labels have matured at the run date: label_end_date is not after it. Where
   more days of the label are excluded than var max_excluded_label_days, nobody knows who returned,
   and the snapshot is left out. #}
{{ config(materialized="table", indexes=[{"columns": ["snapshot_date", "customer_id"]}]) }}

with snapshots as (
    select
        *,
        cast(
            {{ dbt.dateadd("day", var("horizon_days") | int, "snapshot_date") }} as date
        ) as label_end_date
    from {{ ref("customer_snapshot") }}
),

customer_days as (
    select
        customer_id,
        interaction_date
    from {{ ref("customer_day") }}
),

matured as (
    select * from snapshots
    where
        label_end_date <= {{ gates.date_literal(gates.run_date()) }}
        and {{ excluded_label_days() }} <= {{ var("max_excluded_label_days") | int }}
),

returned as (
    select distinct
        matured.snapshot_date,
        matured.customer_id
    from matured
    inner join customer_days
        on
            matured.customer_id = customer_days.customer_id
            and matured.snapshot_date < customer_days.interaction_date
            and matured.label_end_date >= customer_days.interaction_date
),

final as (
    select
        matured.*,
        case when returned.customer_id is null then 0 else 1 end as label
    from matured
    left join returned
        on
            matured.snapshot_date = returned.snapshot_date
            and matured.customer_id = returned.customer_id
)

select * from final
