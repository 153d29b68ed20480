{% test value_tolerance(
    model, pass_value, expression="count(*)", tolerance=none, date_column=none, days_back=0,
    segment_column=none, min_segment_size=1, weight=none, on_missing="fail"
) %}
    {{ gates.configure() }}
    {% do gates.require_expression("value_tolerance", "expression", expression) %}
    {% do gates.require_common("value_tolerance", date_column, days_back, segment_column, min_segment_size, on_missing, weight) %}
    {% set expected = gates.expected_value("value_tolerance", pass_value, tolerance) %}
    {% if expected is string %}
        {{ gates.equal_text(
            "value_tolerance", model, expression, expected, date_column, days_back,
            segment_column, min_segment_size, weight, on_missing
        ) }}
    {% else %}
        {% set margin = (expected | abs) * (tolerance or 0) %}
        {{ gates.bounded_value(
            "value_tolerance", model, expression, expected - margin, expected + margin, expected,
            date_column, days_back, segment_column, min_segment_size, weight, on_missing
        ) }}
    {% endif %}
{% endtest %}

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
with measured as (
    {{ gates.measure(
        model, [expression], date_column, {"current": gates.days_before(gates.run_date(), days_back)},
        segment_column, weight, as_text=true
    ) }}
),

metrics as (
    {{ gates.metric_list([{"metric": gates.literal(expression)}]) }}
),

judged as (
    select
        metrics.metric,
        coalesce(measured.segment, 'all') as segment,
        measured.m0 as current_value,
        {{ gates.literal(expected) }} as reference_value,
        null as statistic,
        null as lower_bound,
        null as upper_bound,
        coalesce(measured.sample_size, 0) as sample_size,
        case
            when coalesce(measured.sample_size, 0) = 0 then 'no_current'
            when measured.sample_size < {{ min_segment_size }} then 'insufficient_history'
            when measured.m0 is null then 'null_value'
            when measured.m0 = {{ gates.literal(expected) }} then 'ok'
            else 'out_of_bounds'
        end as reason
    from metrics
    left join measured on true
)

{{ gates.evidence_rows(gate, "judged", on_missing, {"insufficient_history": "'pass'"}) }}
{% endmacro %}
