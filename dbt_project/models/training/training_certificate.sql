{# dbt builds this model only when every upstream gate of severity error has passed, because it
   skips every node downstream of a failed test. The table is evidence: it is append-only, a full
   refresh keeps its rows, and dbt adds a new column to the existing table. #}
{{ config(
    materialized="incremental",
    incremental_strategy="append",
    full_refresh=false,
    on_schema_change="append_new_columns",
    tags=["data"],
) }}

with versions as (
    {{ certified_versions() }}
),

certificate as (
    select
        {{ gates.date_literal(gates.run_date()) }} as run_date,
        cast({{ dbt.current_timestamp() }} as {{ gates.type_timestamp() }}) as certified_at,
        cast('{{ invocation_id }}' as {{ dbt.type_string() }}) as invocation_id,
        -- the certificate also covers gates that ran in other tasks of the same Airflow run
        {{ gates.literal_or_null(
            env_var("AIRFLOW_CTX_DAG_RUN_ID", "") if execute else ""
        ) }} as dag_run_id,
        cast(relation as {{ dbt.type_string() }}) as relation,
        cast(version as {{ dbt.type_string() }}) as version
    from versions
)

select * from certificate
