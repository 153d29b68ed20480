{# What a model gate judges: for each run date and model version the version with a SHA-256 over the rows of its evaluation.
   The promotion runs this same macro, so that there is one definition. #}
{% macro evaluated_versions() %}
{% set text, values = gates.type_text(), [] %}
{% for name, type in {
    "digest": text, "snapshot_date": "date", "evaluated_at": gates.type_timestamp(),
    "metric": text, "segment": text, "value": gates.type_double(), "lower": gates.type_double(), "upper": gates.type_double(),
    "sample_size": "bigint", "reference": text, "reference_version": text, "reference_value": gates.type_double(),
    "reference_lower": gates.type_double(), "reference_upper": gates.type_double(), "difference": gates.type_double(),
    "difference_lower": gates.type_double(), "difference_upper": gates.type_double(), "status": text, "note": text,
}.items() %}
    {% set value = gates.canonical("evaluation." ~ name, type) %}
    {% do values.append("coalesce(cast(length(" ~ value ~ ") as " ~ text ~ ") || ':' || " ~ value ~ ", '-')") %}
{% endfor %}
select
    run_date,
    model_name,
    model_version,
    model_version || ' ' || {{ gates.sha256(gates.text_of_all("row_sha256", "")) }} as subject_version
from (
    select
        run_date,
        model_name,
        model_version,
        {{ gates.sha256(values | join(" || ")) }} as row_sha256
    from {{ source("ml", "model_evaluation") }} as evaluation
) as hashed
group by run_date, model_name, model_version
{% endmacro %}
