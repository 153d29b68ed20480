{% test metric_anomaly(
    model, metrics, date_column, warn_z=4, fail_z=6, weeks=4, noise_days=56, min_noise=0.02,
    segment_column=none, min_segment_size=1, weight=none, on_missing="fail", on_short="warn"
) %}
{{ gates.configure() }}
{% set evidence %}
{% if not execute %}
    {% do gates.check_metric_anomaly(
        metrics, date_column, warn_z, fail_z, weeks, noise_days, min_noise, segment_column, min_segment_size, weight,
        on_missing, on_short
    ) %}
{% endif %}
{% set levels = {} %}
{% for metric in metrics %}
    {% set own = metrics[metric] if metrics is mapping else {} %}
    {% do levels.update({metric: {"warn_z": own.get("warn_z", warn_z), "fail_z": own.get("fail_z", fail_z)}}) %}
{% endfor %}
with series as (
    {{ gates.daily_series(model, date_column, metrics, noise_days + 7 * weeks, segment_column, weight) }}
),

{{ gates.robust_z(levels, segment_column, weeks, noise_days, min_noise) }},

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
            when sample_size < {{ min_segment_size }} then 'insufficient_history'
            when not {{ gates.is_usable("current_value") }} then 'null_value'
            when current_value = 0 then 'zero_value'
            when weekday_count < {{ (weeks + 1) // 2 }} or noise_count < {{ noise_days // 2 }} then 'insufficient_history'
            when sign(current_value) <> sign(weekday_median) then 'sign_change'
            when z > warn_z then 'out_of_bounds'
            else 'ok'
        end as reason
    from scored
)

{% set verdicts = gates.short_verdicts(min_segment_size, on_short) %}
{% do verdicts.update({"out_of_bounds": "case when is_gross then 'fail' else 'warn' end"}) %}
{{ gates.evidence_rows("metric_anomaly", "judged", on_missing, verdicts) }}
{% endset %}
{{ gates.decided(evidence) }}
{% endtest %}

{% macro check_metric_anomaly(
    metrics, date_column, warn_z, fail_z, weeks, noise_days, min_noise, segment_column, min_segment_size, weight,
    on_missing, on_short
) %}
    {% do gates.require_column("metric_anomaly", "date_column", date_column) %}
    {% do gates.require_common("metric_anomaly", date_column, 0, segment_column, min_segment_size, on_missing, weight) %}
    {% do gates.require_expressions(
        "metric_anomaly", "metrics", metrics, "a list of SQL aggregates, or a mapping from each to its warn_z and fail_z"
    ) %}
    {% do gates.require_levels(
        "metric_anomaly", {"warn_z": warn_z, "fail_z": fail_z}, "metrics", metrics if metrics is mapping else {}
    ) %}
    {% do gates.require_integer("metric_anomaly", "weeks", weeks, 2) %}
    {% do gates.require_integer("metric_anomaly", "noise_days", noise_days, 14) %}
    {% do gates.require_number("metric_anomaly", "min_noise", min_noise, above=0) %}
    {% do gates.require_choice("metric_anomaly", "on_short", on_short, ["pass", "warn", "fail"]) %}
{% endmacro %}
