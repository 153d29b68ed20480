{# The evidence of a gate that asks whether an aggregate of a partition equals a text. #}
{% macro equal_text(gate, model, expression, expected, args) %}
with {{ gates.measured_partition(model, {expression: {}}, args, as_text=true) }},

judged as (
    select
        day_number,
        metric,
        segment,
        current_value,
        {{ gates.literal(expected) }} as reference_value,
        null as statistic,
        null as lower_bound,
        null as upper_bound,
        sample_size,
        case
            when sample_size = 0 then 'no_current'
            when sample_size < {{ args.min_segment_size }} then 'insufficient_history'
            when current_value is null then 'null_value'
            when current_value = {{ gates.literal(expected) }} then 'ok'
            else 'out_of_bounds'
        end as reason
    from measured
)

{{ gates.evidence_rows(gate, "judged", args.on_missing, {"insufficient_history": "'pass'"}) }}
{% endmacro %}
