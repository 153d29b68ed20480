{% macro value_range_spec() %}
    {% do return(gates.spec({
        "gate": "value_range",
        "passes_when": "Each of one or several aggregates lies between two bounds, both included.",
        "arguments": dict({
            "expression": {
                "kind": "expressions", "or_one": true, "each": ["min_value", "max_value"], "is_instead": true,
                "meaning": "The aggregates that are judged, in one reading of the rows",
            },
            "min_value": {
                "kind": "number", "default": none, "also_called": ["min", "min_threshold", "at_least", "lower_bound"],
                "meaning": "Least value, included, in the expression's unit",
            },
            "max_value": {
                "kind": "number", "at_least": "min_value", "default": none,
                "also_called": ["max", "max_threshold", "threshold", "at_most", "upper_bound"],
                "meaning": "Largest value, included, in the expression's unit",
            },
        }, **gates.value_arguments()),
        "at_least_one": ["min_value", "max_value"],
        "fitted": {"by": "expression", "bounds": [
            {"levels": ["min_value"], "scale": "asinh", "sign": -1, "column": "current_value", "is_rule": true},
            {"levels": ["max_value"], "scale": "asinh", "column": "current_value", "is_rule": true},
        ]},
    })) %}
{% endmacro %}

{% test value_range(
    model, expression, min_value, max_value, date_column, days_back, segment_column, min_segment_size, weight, on_missing, version
) %}
{{ gates.configure() }}
{% set args = gates.arguments(gates.value_range_spec(), {
    "expression": expression, "min_value": min_value, "max_value": max_value, "date_column": date_column, "days_back": days_back,
    "segment_column": segment_column, "min_segment_size": min_segment_size, "weight": weight, "on_missing": on_missing, "version": version,
}, kwargs) %}
{% set evidence %}
{% set metrics = {} %}
{% for metric in ([args.expression] if args.expression is string else args.expression) %}
    {% set bounds = args.expression[metric] if args.expression is mapping else args %}
    {% do metrics.update({metric: {"lower_bound": bounds.get("min_value"), "upper_bound": bounds.get("max_value")}}) %}
{% endfor %}
{{ gates.bounded_value("value_range", model, metrics, args) }}
{% endset %}
{{ gates.decided(evidence, model, args) }}
{% endtest %}
