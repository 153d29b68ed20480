{# Evidence of the gates that ask whether aggregates of a partition lie within fixed bounds, bounds included. metrics: each SQL
   aggregate with its lower_bound and upper_bound; none is NULL, which no value is beyond. #}
{% macro bounded_value(
    gate, model, metrics, expected=none, date_column=none, days_back=0,
    segment_column=none, min_segment_size=1, weight=none, on_missing="fail"
) %}
with {{ gates.measured_partition(model, metrics, date_column, days_back, segment_column, weight) }},

judged as (
    select
        day_number,
        metric,
        segment,
        current_value,
        {{ gates.number(expected) }} as reference_value,
        null as statistic,
        lower_bound,
        upper_bound,
        sample_size,
        case
            when sample_size = 0 then 'no_current'
            when sample_size < {{ min_segment_size }} then 'insufficient_history'
            when not {{ gates.is_usable("current_value") }} then 'null_value'
            when current_value < lower_bound or current_value > upper_bound then 'out_of_bounds'
            else 'ok'
        end as reason
    from measured
)

{{ gates.evidence_rows(gate, "judged", on_missing, {"insufficient_history": "'pass'"}) }}
{% endmacro %}
