{% macro metric_anomaly_spec() %}
    {% do return(gates.spec({
        "gate": "metric_anomaly",
        "passes_when": "Every metric is as far from the same weekday of the weeks before as it usually is.",
        "arguments": {
            "metrics": {"each": ["warn_z", "fail_z"], "meaning": "The SQL aggregates that are judged; the gate's bound holds where a mapping leaves it out"},
            "date_column": {},
            "warn_z": {"kind": "number", "above": 0, "default": 4, "also_called": ["sensitivity", "anomaly_sensitivity", "warn_score"],
                "meaning": "Robust z above which it warns, in robust standard deviations"},
            "fail_z": {"kind": "number", "at_least": "warn_z", "default": 6, "also_called": ["threshold", "max_z", "fail_score"],
                "meaning": "Robust z above which it fails"},
            "weeks": {"kind": "integer", "at_least": 2, "default": 4, "looks_back": 7,
                "meaning": "Weeks whose same weekday is the reference; half of these days must be usable"},
            "noise_days": {"meaning": "Days before the run date that say how much the ratio varies; half of them must be usable"},
            "min_noise": {"kind": "number", "above": 0, "default": 0.02, "meaning": "Least noise of the log ratio, so that a steady"
                ~ " history does not make every change an anomaly; 0.02 is about 2 %"},
            "segment_column": {}, "min_segment_size": {}, "weight": {}, "on_missing": {}, "on_short": {}, "version": {},
        },
        "statistic": {"name": "z", "unit": "sd"},
        "formula": "r = ln({current_value} / {reference_value}), the latter the median of the same weekday of {weeks} weeks;"
            ~ " z = |r| / max(1.4826 * MAD of r over {noise_days} days, {min_noise}) = {statistic}",
        "sentence": "{current}, usually {usual} on this weekday: {statistic} standard deviations away{allowed}",
        "fitted": {"by": "metrics", "bounds": [{"levels": ["warn_z", "fail_z"], "scale": "linear", "least": 0.1}]},
    })) %}
{% endmacro %}

{% test metric_anomaly(
    model, metrics, date_column, warn_z, fail_z, weeks, noise_days, min_noise, segment_column, min_segment_size, weight,
    on_missing, on_short, version
) %}
{{ gates.configure() }}
{% set args = gates.arguments(gates.metric_anomaly_spec(), {
    "metrics": metrics, "date_column": date_column, "warn_z": warn_z, "fail_z": fail_z, "weeks": weeks, "noise_days": noise_days,
    "min_noise": min_noise, "segment_column": segment_column, "min_segment_size": min_segment_size, "weight": weight,
    "on_missing": on_missing, "on_short": on_short, "version": version,
}, kwargs) %}
{% set evidence %}
with series as (
    {{ gates.daily_series(model, args, args.metrics, args.noise_days + 7 * args.weeks) }}
),

{{ gates.robust_z(args) }},

judged as (
    select
        day_number,
        metric,
        segment,
        current_value,
        weekday_median as reference_value,
        z as statistic,
        null as lower_bound,
        case when z > fail_z then fail_z else warn_z end as upper_bound,
        z > fail_z as is_gross,
        sample_size,
        case
            when sample_size = 0 then 'no_current'
            when sample_size < {{ args.min_segment_size }} then 'insufficient_history'
            when not {{ gates.is_usable("current_value") }} then 'null_value'
            when current_value = 0 then 'zero_value'
            when weekday_count < {{ (args.weeks + 1) // 2 }} or noise_count < {{ args.noise_days // 2 }} then 'insufficient_history'
            when sign(current_value) <> sign(weekday_median) then 'sign_change'
            when z > warn_z then 'out_of_bounds'
            else 'ok'
        end as reason
    from scored
)

{{ gates.evidence_rows("metric_anomaly", "judged", args.on_missing, gates.gross_verdicts(args)) }}
{% endset %}
{{ gates.decided(evidence, model, args) }}
{% endtest %}
