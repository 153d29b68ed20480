{# The evidence of a gate that asks whether an aggregate of a partition equals a text, or a whole number that has no double to itself.
   Such a number may be written as 9.0 by a double or a decimal, and as 9e+15 by a double. #}
{% macro equal_text(gate, model, expression, expected, args) %}
{% set text = gates.literal(expected | string) %}
with {{ gates.measured_partition(model, {expression: {}}, args, as_text=true) }},

judged as (
    select
        day_number,
        metric,
        segment,
        current_value,
        {{ text }} as reference_value,
        null as statistic,
        null as lower_bound,
        null as upper_bound,
        sample_size,
        case
            when sample_size = 0 then 'no_current'
            when sample_size < {{ args.min_segment_size }} then 'insufficient_history'
            when current_value is null then 'null_value'
            when current_value = {{ text }} then 'ok'
            {% if expected is integer -%}
            when current_value like '%.%' and rtrim(rtrim(current_value, '0'), '.') = {{ text }} then 'ok'
            when
                lower(current_value) like '%e%'
                and cast(current_value as {{ gates.type_double() }}) = cast({{ text }} as {{ gates.type_double() }}) then 'ok'
            {% endif -%}
            else 'out_of_bounds'
        end as reason
    from measured
)

{{ gates.evidence_rows(gate, "judged", args.on_missing, {"insufficient_history": "'pass'"}) }}
{% endmacro %}
