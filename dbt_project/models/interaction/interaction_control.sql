{# One row for each profiled day. A day that the source system has not confirmed has no expected
   values, so its gates fail. #}
{{ config(materialized="view") }}

with profiled as (
    select *
    from {{ ref("interaction_daily") }}
    where slice = 'all'
),

sent as (
    select * from {{ source("control", "control_total") }}
),

compared as (
    select
        profiled.profile_date as control_date,
        profiled.row_count,
        profiled.amount_sum,
        sent.expected_rows,
        sent.expected_amount
    from profiled
    left join sent on profiled.profile_date = sent.control_date
)

select * from compared
