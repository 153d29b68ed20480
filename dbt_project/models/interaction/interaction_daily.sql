{# The profile of `interaction`, day by day: what the gates that look back read instead of the history.
   A gate reads some days of one slice, a replacement some days of all: hence two indexes.
   Replaces the same days as `interaction` does, and each of them has a row, also one that has lost all its rows.
   Its gates read the calendar, so that has to be there first: #}
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
