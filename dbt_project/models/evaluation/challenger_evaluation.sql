{# What is known of the model that was evaluated last for each run date: what model gates judge. #}
{{ config(materialized="view", tags=["model_gate"]) }}

with evaluations as (
    select * from {{ source("ml", "model_evaluation") }}
),

versions as (
    {{ evaluated_versions() }}
),

last_evaluated as (
    select
        *,
        max(evaluated_at) over (partition by run_date) as last_evaluated_at,
        max(evaluated_at) over (
            partition by run_date, model_name, model_version
        ) as version_evaluated_at
    from evaluations
),

challenger as (
    select
        run_date,
        model_name,
        model_version,
        digest,
        snapshot_date,
        evaluated_at,
        metric,
        segment,
        value,
        lower,
        upper,
        sample_size,
        reference,
        reference_version,
        reference_value,
        reference_lower,
        reference_upper,
        difference,
        difference_lower,
        difference_upper,
        status,
        note
    from last_evaluated
    where version_evaluated_at = last_evaluated_at
),

identified as (
    select
        challenger.*,
        versions.subject_version
    from challenger
    inner join versions
        on
            challenger.run_date = versions.run_date
            and challenger.model_name = versions.model_name
            and challenger.model_version = versions.model_version
)

select * from identified
