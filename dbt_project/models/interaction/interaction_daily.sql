{# The daily profile of `interaction`. Gates that look back read it instead of the history.
   It has two indexes: a gate reads some days of one slice, a replacement reads some days of all slices.
   A run replaces the same days as in `interaction`. Every day has a row, even a day that lost all its rows.
   Its gates read the calendar, so dbt must build the calendar first: #}
-- depends_on: {{ ref("calendar") }}
{{ config(
    materialized="incremental",
    incremental_strategy=replacing_strategy(),
    partition_by="profile_date",
    indexes=[{"columns": ["profile_date"]}, {"columns": ["slice", "profile_date"]}],
    on_schema_change="fail",
    pre_hook="{{ before_replacement() }}",
) }}

{{ gates.daily_profile(
    ref("interaction"),
    date_column="interaction_date",
    first_day=first_profiled_date(ref("interaction"), "interaction_date"),
    last_day=gates.run_date(),
    measures={"amount": var("amount_bin_edges"), "quantity": []},
    categories=["department"],
    hour_of="interaction_at",
    distinct=["customer_id", "store_id"],
    distinct_texts=["interaction_id"],
    nulls=["interaction_id", "customer_id", "interaction_at", "store_id", "department"],
) }}
