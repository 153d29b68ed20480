{# One row per customer and day with an interaction: a tenth of the rows of `interaction`, because
   every later snapshot reads each day again. A column looks at its day and earlier days, never at
   later ones, so a snapshot may use all days up to its date. Days that a person has excluded are
   left out. The model reads `interaction` three times, because Postgres would write one shared
   import to disk and read it serially, which takes twice as long. #}
{{ config(materialized="table", indexes=[{"columns": ["interaction_date"]}]) }}

-- dbt builds no training model before the gates that look back have passed
-- depends_on: {{ ref("interaction_daily") }}
{% if var("control_totals", false) %}-- depends_on: {{ ref("interaction_control") }}{% endif %}

{% set run_date = gates.date_literal(gates.run_date()) %}
{% set bigint = dbt.type_bigint() %}

with totals as (
    select
        customer_id,
        interaction_date,
        count(*) as lines,
        -- a sum of integers does not depend on the order of the rows, a sum of doubles does; not
        -- round(), because Postgres rounds a half to the even number, other engines away from zero
        coalesce(
            sum(cast(floor(amount * 10000 + 0.5) as {{ bigint }})), 0
        ) as amount_times_10000
    from {{ ref("interaction") }}
    where
        interaction_date <= {{ run_date }}
        and {{ gates.is_trained_on("interaction_date") }}
        and customer_id is not null
    group by customer_id, interaction_date
),

first_store_days as (
    select
        customer_id,
        store_id,
        min(interaction_date) as interaction_date
    from {{ ref("interaction") }}
    where
        interaction_date <= {{ run_date }}
        and {{ gates.is_trained_on("interaction_date") }}
        and customer_id is not null
        and store_id is not null
    group by customer_id, store_id
),

new_stores as (
    select
        customer_id,
        interaction_date,
        count(*) as new_stores
    from first_store_days
    group by customer_id, interaction_date
),

first_department_days as (
    select
        customer_id,
        department,
        min(interaction_date) as interaction_date
    from {{ ref("interaction") }}
    where
        interaction_date <= {{ run_date }}
        and {{ gates.is_trained_on("interaction_date") }}
        and customer_id is not null
        and department is not null
    group by customer_id, department
),

new_departments as (
    select
        customer_id,
        interaction_date,
        count(*) as new_departments
    from first_department_days
    group by customer_id, interaction_date
),

with_previous as (
    select
        *,
        lag(interaction_date) over (
            partition by customer_id order by interaction_date
        ) as previous_date
    from totals
),

final as (
    select
        totals.customer_id,
        cast(totals.lines as {{ bigint }}) as lines,
        cast(totals.amount_times_10000 as {{ bigint }}) as amount_times_10000,
        cast(coalesce(new_stores.new_stores, 0) as {{ bigint }}) as new_stores,
        cast(coalesce(new_departments.new_departments, 0) as {{ bigint }}) as new_departments,
        cast(
            {{ dbt.datediff("totals.previous_date", "totals.interaction_date", "day") }}
            as {{ bigint }}
        ) as gap_days,
        {{ is_weekend("totals.interaction_date") }} as is_weekend,
        totals.interaction_date
    from with_previous as totals
    left join new_stores
        on
            totals.customer_id = new_stores.customer_id
            and totals.interaction_date = new_stores.interaction_date
    left join new_departments
        on
            totals.customer_id = new_departments.customer_id
            and totals.interaction_date = new_departments.interaction_date
)

select * from final
