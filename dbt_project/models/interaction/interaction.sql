{# After the first build a run reads and replaces only the days from first_replaced_date() on, so
   its cost does not grow with the history. #}
{{ config(
    materialized="incremental",
    incremental_strategy=replacing_strategy(),
    partition_by="interaction_date",
    indexes=[{"columns": ["interaction_date"]}],
    on_schema_change="fail",
    pre_hook="{{ before_replacement() }}",
) }}

with interactions as (
    select * from {{ ref("stg_interaction") }}
),

until_run_date as (
    select
        interaction_id,
        customer_id,
        store_id,
        department,
        quantity,
        amount,
        interaction_at,
        interaction_date
    from interactions
    where
        interaction_date <= {{ gates.date_literal(gates.run_date()) }}
        {% if is_incremental() -%}
        and interaction_date >= {{ first_replaced_date(this, "interaction_date") }}
        {%- endif %}
)

select * from until_run_date
