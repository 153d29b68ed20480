{% macro interval_ratio_spec() %}
    {% do return(gates.spec({
        "gate": "interval_ratio",
        "passes_when": "For every metric, the ratio between the value of the day and its value `days_back` days before is below its bound.",
        "arguments": {
            "date_column": {},
            "metrics": {
                "kind": "bounds", "above": {"ratio_formula": {"max_over_min": 1, "relative_diff": 0}},
                "meaning": "SQL aggregate: its bound, a ratio without a unit",
            },
            "days_back": {
                "at_least": 1, "default": 7, "moves_judged_day": false, "looks_back": 53,
                "meaning": "Days between the run date and the day that it is compared with",
            },
            "ratio_formula": {
                "kind": "choice", "choices": ["max_over_min", "relative_diff"], "default": "max_over_min",
                "also_called": ["formula", "method"], "meaning": "How two values are compared; best is 1.0, and 0.0 for `relative_diff`",
            },
            "ignore_zero": {
                "kind": "flag", "default": false, "meaning": "Whether a value of zero passes; a day without rows never does",
            },
            "segment_column": {}, "min_segment_size": {}, "weight": {}, "on_missing": {}, "version": {},
        },
        "statistic": {"name": {"ratio_formula": {"max_over_min": "ratio", "relative_diff": "relative difference"}}, "unit": "",
            "null_means": "a zero has no ratio and is ignored"},
        "upper": "below",
        "formula": {"ratio_formula": {
            "max_over_min": "max(|{current_value}|, |{reference_value}|) / min(|{current_value}|, |{reference_value}|) = {statistic}",
            "relative_diff": "|{current_value} - {reference_value}| / |{reference_value}| = {statistic}",
        }},
        "sentence": "{current}, {reference}: {measured}{allowed}",
        "fitted": {"by": "metrics", "bounds": [{
            "scale": {"ratio_formula": {"max_over_min": "log", "relative_diff": "log1p"}}, "bound_alarms": true,
            "least": {"ratio_formula": {"max_over_min": 1.01, "relative_diff": 0.01}},
        }]},
    })) %}
{% endmacro %}

{% test interval_ratio(
    model, date_column, metrics, days_back, ratio_formula, ignore_zero, segment_column, min_segment_size, weight, on_missing, version
) %}
{{ gates.configure() }}
{% set args = gates.arguments(gates.interval_ratio_spec(), {
    "date_column": date_column, "metrics": metrics, "days_back": days_back, "ratio_formula": ratio_formula,
    "ignore_zero": ignore_zero, "segment_column": segment_column, "min_segment_size": min_segment_size, "weight": weight,
    "on_missing": on_missing, "version": version,
}, kwargs) %}
{% set evidence %}
with {{ gates.compared(model, args) }},

judged as (
    select
        day_number,
        metric,
        coalesce(segment, 'all') as segment,
        current_value,
        reference_value,
        statistic,
        null as lower_bound,
        bound as upper_bound,
        sample_size,
        is_young,
        case
            when greatest(sample_size, reference_size) between 1 and {{ args.min_segment_size - 1 }} then 'insufficient_history'
            when sample_size = 0 then 'no_current'
            when reference_size = 0 then 'no_reference'
            when not is_usable then 'null_value'
            when current_value = 0 or reference_value = 0 then '{{ "ok" if args.ignore_zero else "zero_value" }}'
            when sign(current_value) <> sign(reference_value) then 'sign_change'
            when statistic < bound then 'ok'
            else 'out_of_bounds'
        end as reason
    from compared
)

{{ gates.evidence_rows("interval_ratio", "judged", args.on_missing, gates.compared_verdicts(args)) }}
{% endset %}
{{ gates.decided(evidence, model, args) }}
{% endtest %}
