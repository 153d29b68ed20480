{% test distribution_drift(
    model, column_name, date_column, method="psi", warn_score=none, fail_score=none, noise_z=4,
    reference_days=28, noise_days=56, edges=none,
    segment_column=none, min_segment_size=1, weight=none, on_missing="fail", on_short="warn"
) %}
{{ gates.configure() }}
{% set warn_at = gates.usual_score(method, "warn") if warn_score is none else warn_score %}
{% set fail_at = gates.usual_score(method, "fail") if fail_score is none else fail_score %}
{% if not execute %}
    {% do gates.check_distribution_drift(
        column_name, date_column, method, noise_z, reference_days, noise_days, edges, segment_column,
        min_segment_size, weight, on_missing, on_short, warn_at, fail_at
    ) %}
{% endif %}
{% set bucket = gates.bin(column_name, edges) if edges else gates.category(column_name) %}
with series as (
    {{ gates.daily_series(
        model, date_column, [], reference_days + noise_days, segment_column, weight, bucket
    ) }}
),

{{ gates.drift_scores(method, segment_column, reference_days, noise_days) }},

judged as (
    select
        day_number,
        {{ gates.literal(method ~ " of " ~ column_name) }} as metric,
        segment,
        current_share as current_value,
        reference_share as reference_value,
        score as statistic,
        null as lower_bound,
        greatest(
            case when score > greatest({{ fail_at }}, noise_bound) then {{ fail_at }} else {{ warn_at }} end,
            noise_bound
        ) as upper_bound,
        score > greatest({{ fail_at }}, noise_bound) as is_gross,
        sample_size,
        case
            when sample_size = 0 then 'no_current'
            when sample_size < {{ min_segment_size }} then 'insufficient_history'
            when day_count < {{ reference_days // 2 }} or noise_count < {{ noise_days // 2 }} then 'insufficient_history'
            when score > greatest({{ warn_at }}, noise_bound) then 'out_of_bounds'
            else 'ok'
        end as reason
    from (select scored.*, exp(log_median + {{ noise_z }} * noise) as noise_bound from scored) as bounded
)

{% set verdicts = gates.short_verdicts(min_segment_size, on_short) %}
{% do verdicts.update({"out_of_bounds": "case when is_gross then 'fail' else 'warn' end"}) %}
{{ gates.evidence_rows("distribution_drift", "judged", on_missing, verdicts) }}
{% endtest %}

{% macro check_distribution_drift(
    column_name, date_column, method, noise_z, reference_days, noise_days, edges, segment_column, min_segment_size,
    weight, on_missing, on_short, warn_at, fail_at
) %}
    {% do gates.require_column("distribution_drift", "column_name", column_name) %}
    {% do gates.require_column("distribution_drift", "date_column", date_column) %}
    {% do gates.require_choice("distribution_drift", "method", method, ["psi", "js"]) %}
    {% do gates.require_number("distribution_drift", "warn_score", warn_at, above=0) %}
    {% do gates.require_number("distribution_drift", "fail_score", fail_at, at_least=warn_at) %}
    {% do gates.require_number("distribution_drift", "noise_z", noise_z, above=0) %}
    {% do gates.require_integer("distribution_drift", "reference_days", reference_days, 7) %}
    {% do gates.require_integer("distribution_drift", "noise_days", noise_days, 14) %}
    {% do gates.require_edges("distribution_drift", edges) %}
    {% do gates.require_common(
        "distribution_drift", date_column, 0, segment_column, min_segment_size, on_missing, weight
    ) %}
    {% do gates.require_choice("distribution_drift", "on_short", on_short, ["pass", "warn", "fail"]) %}
{% endmacro %}
