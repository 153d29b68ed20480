{% test interval_ratio(
    model, date_column, metrics, days_back=7, ratio_formula="max_over_min", ignore_zero=false,
    segment_column=none, min_segment_size=1, weight=none, on_missing="fail"
) %}
{{ gates.configure() }}
{% set evidence %}
{% if not execute %}
    {% do gates.check_interval_ratio(
        date_column, metrics, days_back, ratio_formula, ignore_zero, segment_column, min_segment_size, weight,
        on_missing
    ) %}
{% endif %}
with {{ gates.compared(model, date_column, metrics, days_back, ratio_formula, segment_column, weight) }},

judged as (
    select
        day_number,
        metric,
        coalesce(segment, 'all') as segment,
        current_value,
        reference_value,
        statistic,
        null as lower_bound,
        threshold as upper_bound,
        sample_size,
        case
            when greatest(sample_size, reference_size) between 1 and {{ min_segment_size - 1 }} then 'insufficient_history'
            when sample_size = 0 then 'no_current'
            when reference_size = 0 then 'no_reference'
            when not is_usable then 'null_value'
            when current_value = 0 or reference_value = 0 then '{{ "ok" if ignore_zero else "zero_value" }}'
            when sign(current_value) <> sign(reference_value) then 'sign_change'
            when statistic < threshold then 'ok'
            else 'out_of_bounds'
        end as reason
    from compared
)

{{ gates.evidence_rows("interval_ratio", "judged", on_missing, {"insufficient_history": "'pass'"}) }}
{% endset %}
{{ gates.decided(evidence) }}
{% endtest %}

{% macro check_interval_ratio(
    date_column, metrics, days_back, ratio_formula, ignore_zero, segment_column, min_segment_size, weight, on_missing
) %}
    {% do gates.require_column("interval_ratio", "date_column", date_column) %}
    {% do gates.require_common(
        "interval_ratio", date_column, days_back, segment_column, min_segment_size, on_missing, weight,
        least_days_back=1
    ) %}
    {% do gates.require_choice("interval_ratio", "ratio_formula", ratio_formula, ["max_over_min", "relative_diff"]) %}
    {% do gates.require_choice("interval_ratio", "ignore_zero", ignore_zero, [true, false]) %}
    {% do gates.require_metrics("interval_ratio", metrics, ratio_formula) %}
{% endmacro %}
