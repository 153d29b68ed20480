{# Evidence of the gates that ask whether aggregates of a partition lie within fixed bounds, bounds included. #}
{% macro bounded_value(
    gate, model, expressions, lower_bound=none, upper_bound=none, expected=none, date_column=none, days_back=0,
    segment_column=none, min_segment_size=1, weight=none, on_missing="fail"
) %}
with {{ gates.measured_partition(model, expressions, date_column, days_back, segment_column, weight) }},

judged as (
    select
        day_number,
        metric,
        segment,
        current_value,
        {{ gates.number(expected) }} as reference_value,
        null as statistic,
        {{ gates.number(lower_bound) }} as lower_bound,
        {{ gates.number(upper_bound) }} as upper_bound,
        sample_size,
        case
            when sample_size = 0 then 'no_current'
            when sample_size < {{ min_segment_size }} then 'insufficient_history'
            when not {{ gates.is_usable("current_value") }} then 'null_value'
            {% if lower_bound is not none -%}
            when current_value < {{ gates.number(lower_bound) }} then 'out_of_bounds'
            {% endif -%}
            {% if upper_bound is not none -%}
            when current_value > {{ gates.number(upper_bound) }} then 'out_of_bounds'
            {% endif -%}
            else 'ok'
        end as reason
    from measured
)

{{ gates.evidence_rows(gate, "judged", on_missing, {"insufficient_history": "'pass'"}) }}
{% endmacro %}
