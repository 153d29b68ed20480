{% test value_tolerance(
    model, pass_value, expression="count(*)", tolerance=none, date_column=none, days_back=0,
    segment_column=none, min_segment_size=1, weight=none, on_missing="fail"
) %}
{{ gates.configure() }}
{% set evidence %}
{% if not execute %}
    {% do gates.check_value_tolerance(
        expression, date_column, days_back, segment_column, min_segment_size, weight, on_missing
    ) %}
{% endif %}
{% set expected = gates.expected_value("value_tolerance", pass_value, tolerance) %}
{% if expected is string %}
    {{ gates.equal_text(
        "value_tolerance", model, expression, expected, date_column, days_back,
        segment_column, min_segment_size, weight, on_missing
    ) }}
{% else %}
    {% set margin = (expected | abs) * (tolerance or 0) %}
    {{ gates.bounded_value(
        "value_tolerance", model, {expression: {"lower_bound": expected - margin, "upper_bound": expected + margin}},
        expected, date_column, days_back, segment_column, min_segment_size, weight, on_missing
    ) }}
{% endif %}
{% endset %}
{{ gates.decided(evidence) }}
{% endtest %}

{% macro check_value_tolerance(expression, date_column, days_back, segment_column, min_segment_size, weight, on_missing) %}
    {% do gates.require_expression("value_tolerance", "expression", expression) %}
    {% do gates.require_common("value_tolerance", date_column, days_back, segment_column, min_segment_size, on_missing, weight) %}
{% endmacro %}

{# The expected value as a number when it reads as one, else as text: text has no tolerance. #}
{% macro expected_value(gate, pass_value, tolerance) %}
    {% set number = pass_value | float(none) if pass_value is string else pass_value %}
    {% if pass_value is none or (number is not none and not gates.is_number(number)) %}
        {% do gates.refuse(gate, "pass_value", "a finite number or a text", pass_value) %}
    {% endif %}
    {% if tolerance is not none %}
        {% do gates.require_number(gate, "tolerance", tolerance, at_least=0) %}
        {% if number is none %}
            {% do gates.refuse(gate, "tolerance", "left out where pass_value is a text", tolerance) %}
        {% endif %}
    {% endif %}
    {% do return(pass_value if number is none else number | float) %}
{% endmacro %}

{# Evidence of equality with a text. #}
{% macro equal_text(
    gate, model, expression, expected, date_column, days_back, segment_column, min_segment_size, weight, on_missing
) %}
with {{ gates.measured_partition(
    model, {expression: {}}, date_column, days_back, segment_column, weight, as_text=true
) }},

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
            when sample_size < {{ min_segment_size }} then 'insufficient_history'
            when current_value is null then 'null_value'
            when current_value = {{ gates.literal(expected) }} then 'ok'
            else 'out_of_bounds'
        end as reason
    from measured
)

{{ gates.evidence_rows(gate, "judged", on_missing, {"insufficient_history": "'pass'"}) }}
{% endmacro %}
