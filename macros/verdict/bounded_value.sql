{# The evidence of a gate that asks whether each aggregate of a partition lies within its fixed bounds, bounds included.
   metrics: by SQL aggregate, its lower_bound and upper_bound; NULL means no bound. #}
{% macro bounded_value(gate, model, metrics, args, expected=none) %}
with {{ gates.measured_partition(model, metrics, args) }},

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
            when sample_size < {{ args.min_segment_size }} then 'insufficient_history'
            when not {{ gates.is_usable("current_value") }} then 'null_value'
            when current_value < lower_bound or current_value > upper_bound then 'out_of_bounds'
            else 'ok'
        end as reason
    from measured
)

{{ gates.evidence_rows(gate, "judged", args.on_missing, {"insufficient_history": "'pass'"}) }}
{% endmacro %}
