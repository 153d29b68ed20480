{% test distribution_drift(
    model, column_name, date_column, method="psi", warn_score=none, fail_score=none, noise_z=4,
    reference_days=28, noise_days=56, edges=none,
    segment_column=none, segments=none, min_segment_size=1, weight=none, on_missing="fail", on_short="warn"
) %}
{{ gates.configure() }}
{% set evidence %}
{% set levels = {
    "warn_score": gates.usual_score(method, "warn") if warn_score is none else warn_score,
    "fail_score": gates.usual_score(method, "fail") if fail_score is none else fail_score
} %}
{% if not execute %}
    {% do gates.check_distribution_drift(
        column_name, date_column, method, levels, noise_z, reference_days, noise_days, edges, segment_column, segments,
        min_segment_size, weight, on_missing, on_short
    ) %}
{% endif %}
{% set bucket = gates.bin(column_name, edges) if edges else gates.category(column_name) %}
with series as (
    {{ gates.daily_series(
        model, date_column, [], reference_days + noise_days, segment_column, weight, bucket
    ) }}
),

{{ gates.drift_scores(method, levels, noise_z, reference_days, noise_days, segment_column, segments or {}) }},

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
            case when score > greatest(fail_score, noise_bound) then fail_score else warn_score end,
            noise_bound
        ) as upper_bound,
        score > greatest(fail_score, noise_bound) as is_gross,
        sample_size,
        case
            when sample_size = 0 then 'no_current'
            when sample_size < {{ min_segment_size }} then 'insufficient_history'
            when day_count < {{ reference_days // 2 }} or noise_count < {{ noise_days // 2 }} then 'insufficient_history'
            when score > greatest(warn_score, noise_bound) then 'out_of_bounds'
            else 'ok'
        end as reason
    from scored
)

{% set verdicts = gates.short_verdicts(min_segment_size, on_short) %}
{% do verdicts.update({"out_of_bounds": "case when is_gross then 'fail' else 'warn' end"}) %}
{{ gates.evidence_rows("distribution_drift", "judged", on_missing, verdicts) }}
{% endset %}
{{ gates.decided(evidence) }}
{% endtest %}

{% macro check_distribution_drift(
    column_name, date_column, method, levels, noise_z, reference_days, noise_days, edges, segment_column, segments,
    min_segment_size, weight, on_missing, on_short
) %}
    {% do gates.require_column("distribution_drift", "column_name", column_name) %}
    {% do gates.require_column("distribution_drift", "date_column", date_column) %}
    {% do gates.require_choice("distribution_drift", "method", method, ["psi", "js"]) %}
    {% if segments is not none and segment_column is none %}
        {% do gates.refuse("distribution_drift", "segments", "left out without segment_column", segments) %}
    {% elif segments is not none and (segments is not mapping or not segments) %}
        {% do gates.refuse(
            "distribution_drift", "segments", "a mapping from values of segment_column to their scores", segments
        ) %}
    {% endif %}
    {% do gates.require_levels("distribution_drift", levels, "segments", segments or {}) %}
    {% do gates.require_number("distribution_drift", "noise_z", noise_z, above=0) %}
    {% do gates.require_integer("distribution_drift", "reference_days", reference_days, 7) %}
    {% do gates.require_integer("distribution_drift", "noise_days", noise_days, 14) %}
    {% do gates.require_edges("distribution_drift", edges) %}
    {% do gates.require_common(
        "distribution_drift", date_column, 0, segment_column, min_segment_size, on_missing, weight
    ) %}
    {% do gates.require_choice("distribution_drift", "on_short", on_short, ["pass", "warn", "fail"]) %}
{% endmacro %}
