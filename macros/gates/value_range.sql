{% test value_range(
    model, expression, min_value=none, max_value=none, date_column=none, days_back=0,
    segment_column=none, min_segment_size=1, weight=none, on_missing="fail"
) %}
{{ gates.configure() }}
{% set evidence %}
{% if not execute %}
    {% do gates.check_value_range(
        expression, min_value, max_value, date_column, days_back, segment_column, min_segment_size, weight, on_missing
    ) %}
{% endif %}
{% set metrics = {} %}
{% for metric in ([expression] if expression is string else expression) %}
    {% set own = expression[metric] if expression is mapping else {"min_value": min_value, "max_value": max_value} %}
    {% do metrics.update({metric: {"lower_bound": own.get("min_value"), "upper_bound": own.get("max_value")}}) %}
{% endfor %}
{{ gates.bounded_value(
    "value_range", model, metrics, date_column=date_column, days_back=days_back, segment_column=segment_column,
    min_segment_size=min_segment_size, weight=weight, on_missing=on_missing
) }}
{% endset %}
{{ gates.decided(evidence) }}
{% endtest %}

{% macro check_value_range(
    expression, min_value, max_value, date_column, days_back, segment_column, min_segment_size, weight, on_missing
) %}
    {% do gates.require_expressions(
        "value_range", "expression", [expression] if expression is string else expression,
        "an SQL aggregate, a list of them or a mapping from each to its bounds"
    ) %}
    {% do gates.require_common("value_range", date_column, days_back, segment_column, min_segment_size, on_missing, weight) %}
    {% if expression is mapping %}
        {% do gates.require_own_bounds("value_range", "expression", expression, ["min_value", "max_value"]) %}
        {% for argument, value in {"min_value": min_value, "max_value": max_value}.items() if value is not none %}
            {% do gates.refuse("value_range", argument, "left out where expression has bounds of its own", value) %}
        {% endfor %}
        {% for metric, own in expression.items() %}
            {% do gates.require_bounds("value_range", own.get("min_value"), own.get("max_value"), "expression[" ~ metric ~ "].") %}
        {% endfor %}
    {% else %}
        {% do gates.require_bounds("value_range", min_value, max_value) %}
    {% endif %}
{% endmacro %}
