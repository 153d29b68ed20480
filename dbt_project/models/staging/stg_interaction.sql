{# Renames and casts only. If your table has other column names, change them here and in
   raw_interaction.yml. Postgres drops a cast to the type that a column already has, so it still uses
   the index on the date. #}
{{ config(materialized="view") }}

with interactions as (
    select * from {{ source("raw", "interaction") }}
),

renamed as (
    select
        cast(interaction_id as {{ dbt.type_string() }}) as interaction_id,
        cast(customer_id as {{ dbt.type_bigint() }}) as customer_id,
        cast(store_id as {{ dbt.type_bigint() }}) as store_id,
        cast(department as {{ dbt.type_string() }}) as department,
        cast(quantity as {{ dbt.type_bigint() }}) as quantity,
        cast(amount as {{ gates.type_double() }}) as amount,
        cast(interaction_at as {{ dbt.type_timestamp() }}) as interaction_at,
        cast(interaction_date as date) as interaction_date
    from interactions
)

select * from renamed
