{% test value_range(
    model, expression, min_value=none, max_value=none, date_column=none, days_back=0,
    segment_column=none, min_segment_size=1, weight=none, on_missing="fail"
) %}
{{ gates.configure() }}
{% set expressions = [expression] if expression is string else expression %}
{% if not execute %}
    {% do gates.check_value_range(
        min_value, max_value, date_column, days_back, segment_column, min_segment_size, weight, on_missing,
        expressions
    ) %}
{% endif %}
{{ gates.bounded_value(
    "value_range", model, expressions, min_value, max_value,
    date_column=date_column, days_back=days_back, segment_column=segment_column,
    min_segment_size=min_segment_size, weight=weight, on_missing=on_missing
) }}
{% endtest %}

{% macro check_value_range(
    min_value, max_value, date_column, days_back, segment_column, min_segment_size, weight, on_missing, expressions
) %}
    {% do gates.require_expressions("value_range", "expression", expressions, "an SQL aggregate or a list of them") %}
    {% do gates.require_common("value_range", date_column, days_back, segment_column, min_segment_size, on_missing, weight) %}
    {% do gates.require_bounds("value_range", min_value, max_value) %}
{% endmacro %}
